//! Managing users and roles: for the operator and for users with the role `trust`.

use rand_core::CryptoRng;

use crate::audit::{AuditEvent, Operation, Reason};
use crate::login_name::LoginNameError;
use crate::password::PasswordSecrets;
use crate::permission::{Pattern, PermissionsError, Rule, Withheld};
use crate::profile::{Profile, Stamp, UserRecord};
use crate::proof::cryptosign::PublicKeyError;
use crate::repository::{
    ChangeUser, ChangeUserOutcome, CreateUser, CreateUserOutcome, FindProfile, FindUser, ListRoles, ListUsers,
    RecordAudit, Repository, RepositoryError, RuleChange, SetRule, SetRuleOutcome, UserChange,
};
use crate::role::{Role, RoleName, RoleNameError};
use crate::sign_on::LabelTooLong;
use crate::standing::{ApprovalStatus, Standing};
use crate::totp::TotpKeyError;
use crate::user::{User, UserKey};
use crate::user_update::UserUpdate;
use crate::{Actor, Identity, LoginName, RequestContext, Timestamp, UserId};

/// Why a user or role was not changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The caller may not manage others.
    #[error("managing users and roles needs the role trust")]
    NotTrusted,
    /// The caller's session was opened with a one-time password: it must not be able to make
    /// itself a lasting way in.
    #[error("a session that was opened with a one-time password can't manage users and roles")]
    OtpSession,
    /// The caller's session was opened with an API key that wasn't given this.
    #[error(
        "a session that was opened with an API key can't manage users and roles, unless a rule of the key names the URI"
    )]
    KeySession,
    /// The text is no login name.
    #[error(transparent)]
    LoginName(#[from] LoginNameError),
    /// The text is no role name.
    #[error(transparent)]
    RoleName(#[from] RoleNameError),
    /// The rule can't be used.
    #[error(transparent)]
    Rule(#[from] PermissionsError),
    /// The login name is taken.
    #[error("there is a user {0:?} already")]
    LoginTaken(String),
    /// The role name is taken.
    #[error("there is a role {0:?} already")]
    RoleTaken(String),
    /// Users have the role.
    #[error("users have the role {0:?}; give them another one first")]
    RoleInUse(String),
    /// The role has to stay.
    #[error("the role {0:?} can be edited, but not removed or renamed")]
    RoleProtected(String),
    /// No such user.
    #[error("there is no user {0:?}")]
    NoSuchUser(String),
    /// No such role.
    #[error("there is no role {0:?}; `countersign role list` shows the roles")]
    NoSuchRole(String),
    /// No such rule.
    #[error("the role {role:?} has no rule for {pattern:?}")]
    NoSuchRule {
        /// The role.
        role: String,
        /// The pattern that was asked for.
        pattern: String,
    },
    /// The text is no public key.
    #[error(transparent)]
    PublicKey(#[from] PublicKeyError),
    /// The label is too long.
    #[error("a label has at most {max} characters", max = UserKey::LABEL_CHARACTERS_MAX)]
    Label,
    /// The key is a user's already.
    #[error("the public key belongs to a user already")]
    KeyTaken,
    /// The user has no such key.
    #[error("the user {0:?} has no such public key")]
    NoSuchKey(String),
    /// The user has the most keys that one may have.
    #[error("a user has at most {max} public keys", max = UserKey::COUNT_MAX)]
    TooManyKeys,
    /// The text is no TOTP key.
    #[error(transparent)]
    TotpKey(#[from] TotpKeyError),
    /// The user has no second factor.
    #[error("the user {0:?} has no TOTP key; `countersign user totp reset` makes one")]
    NoFactor(String),
    /// The label of a TOTP key is too long.
    #[error(transparent)]
    TotpLabel(#[from] LabelTooLong),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

/// A user that is to be created.
#[derive(Debug)]
pub struct UserDraft<'a> {
    /// The login name.
    pub login: &'a str,
    /// The role.
    pub role: &'a str,
    /// What was derived of the password in the password pool; without one the user logs in by one-time passwords only.
    pub password: Option<PasswordSecrets>,
    /// What is different from a user that may come in and of whom nothing else is known.
    pub update: &'a UserUpdate,
}

impl<R: Repository> Identity<R> {
    /// Creates a user that may come in. `password` was derived in the password pool.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was created then.
    #[expect(clippy::too_many_arguments, reason = "the record's fields, the caller, the time and the randomness")]
    pub async fn create_user(
        &self,
        login: &str,
        role: &str,
        password: Option<PasswordSecrets>,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<User, AdminError> {
        let draft = UserDraft { login, role, password, update: &UserUpdate::default() };
        self.create_user_of(draft, actor, context, now, rng).await
    }

    /// Creates a user of whom more is known.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was created then.
    pub async fn create_user_of(
        &self,
        draft: UserDraft<'_>,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<User, AdminError> {
        let UserDraft { login, role, password, update } = draft;
        let audit = AuditEvent::new(now, context, actor, Operation::UserCreate);
        let audit = audit.target(&login.to_lowercase()).detail(role);
        let names =
            LoginName::parse(login).map_err(AdminError::from).and_then(|login| Ok((login, RoleName::parse(role)?)));
        let ((login, role), audit) = self.admit(actor, names, audit).await?;
        let (password, proofs) = password.map(|secrets| (secrets.hash, secrets.proofs)).unzip();
        let password_set = password.as_ref().map(|_| now);
        let password_expires = password_set.and_then(|_| self.settings.passwords.end(now));
        let standing = Standing { password_expires, ..Standing::GOOD };
        let mut user = User { id: UserId::generate(now, rng), login, standing, role, password, created: now };
        let mut profile = Profile { password_set, ..Profile::default() };
        update.apply(&mut user, &mut profile, &Stamp { at: now, by: actor.stamp() });
        profile.names = profile.names.with_display();
        let proofs = proofs.unwrap_or_default();
        match self.repository.run(CreateUser { user: user.clone(), profile, proofs, factor: None, audit }).await? {
            CreateUserOutcome::Created => Ok(user),
            CreateUserOutcome::LoginTaken => Err(AdminError::LoginTaken(user.login.to_string())),
            CreateUserOutcome::NoSuchRole => Err(AdminError::NoSuchRole(user.role.to_string())),
        }
    }

    /// Changes or deletes a user. Answers the user as it was stored last.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn change_user(
        &self,
        login: &str,
        mut change: UserChange,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, AdminError> {
        let (operation, detail) = match &change {
            UserChange::Enabled(true) => (Operation::UserUnlock, ""),
            UserChange::Enabled(false) => (Operation::UserLock, ""),
            UserChange::Approval(ApprovalStatus::Approved) => (Operation::UserApprove, ""),
            UserChange::Approval(ApprovalStatus::Rejected) => (Operation::UserReject, ""),
            UserChange::Approval(status) => (Operation::UserUpdate, status.name()),
            UserChange::SignUp(status) => (Operation::UserUpdate, status.name()),
            UserChange::Update(_) => (Operation::UserUpdate, ""),
            UserChange::Role(role) => (Operation::UserRole, role.as_str()),
            UserChange::Password(_) => (Operation::UserPassword, ""),
            UserChange::Delete => (Operation::UserDelete, ""),
        };
        let audit = AuditEvent::new(now, context, actor, operation).target(&login.to_lowercase()).detail(detail);
        let unknown = || AdminError::NoSuchUser(login.to_owned());
        let (name, audit) = self.admit(actor, LoginName::parse(login).map_err(|_| unknown()), audit).await?;
        let (role, taken) = match &change {
            UserChange::Role(role) => (role.to_string(), String::new()),
            UserChange::Update(update) => {
                (String::new(), update.login.as_ref().map(ToString::to_string).unwrap_or_default())
            }
            _ => Default::default(),
        };
        if let UserChange::Password(password) = &mut change
            && password.expires.is_none()
        {
            password.expires = self.settings.passwords.end(now);
        }
        let (who, by) = (FindUser::ByLogin(name), actor.stamp());
        match self.repository.run(ChangeUser { who, change, by, audit }).await? {
            ChangeUserOutcome::Changed(user) => Ok(user),
            ChangeUserOutcome::NoSuchUser => Err(unknown()),
            ChangeUserOutcome::NoSuchRole => Err(AdminError::NoSuchRole(role)),
            ChangeUserOutcome::LoginTaken => Err(AdminError::LoginTaken(taken)),
        }
    }

    /// One user.
    ///
    /// # Errors
    ///
    /// [`AdminError::NoSuchUser`] and [`AdminError::Storage`].
    pub async fn user(&self, login: &str) -> Result<User, AdminError> {
        let unknown = || AdminError::NoSuchUser(login.to_owned());
        let name = LoginName::parse(login).map_err(|_| unknown())?;
        self.repository.run(FindUser::ByLogin(name)).await?.ok_or_else(unknown)
    }

    /// All that is known of one user.
    ///
    /// # Errors
    ///
    /// [`AdminError::NoSuchUser`] and [`AdminError::Storage`].
    pub async fn user_record(&self, login: &str) -> Result<UserRecord, AdminError> {
        let unknown = || AdminError::NoSuchUser(login.to_owned());
        let name = LoginName::parse(login).map_err(|_| unknown())?;
        self.repository.run(FindProfile { who: FindUser::ByLogin(name) }).await?.ok_or_else(unknown)
    }

    /// A page of users in the order of their login names.
    ///
    /// # Errors
    ///
    /// [`AdminError::Storage`].
    pub async fn users(&self, after: Option<LoginName>, limit: u32) -> Result<Vec<User>, AdminError> {
        Ok(self.repository.run(ListUsers { after, limit }).await?)
    }

    /// All roles.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn roles(&self) -> Result<Vec<Role>, RepositoryError> {
        self.repository.run(ListRoles).await
    }

    /// One role.
    ///
    /// # Errors
    ///
    /// [`AdminError::NoSuchRole`] and [`AdminError::Storage`].
    pub async fn role(&self, name: &str) -> Result<Role, AdminError> {
        let found = self.roles().await?.into_iter().find(|role| role.name.as_str() == name);
        found.ok_or_else(|| AdminError::NoSuchRole(name.to_owned()))
    }

    /// Sets the rule of a pattern in a role; without letters the pattern is denied.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn set_rule(
        &self,
        role: &str,
        uri: &str,
        letters: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        let parsed = Rule::parse(uri, letters);
        let is_denial = parsed.as_ref().is_ok_and(Rule::is_denial);
        let operation = if is_denial { Operation::RoleDeny } else { Operation::RoleAllow };
        let audit = AuditEvent::new(now, context, actor, operation).detail(&format!("{uri} {letters}"));
        self.change_rule(role, parsed.map(RuleChange::Set), uri, actor, audit).await
    }

    /// Removes the rule of a pattern from a role, so that broader ones count again.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn remove_rule(
        &self,
        role: &str,
        uri: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), AdminError> {
        let pattern = Pattern::parse(uri).map_err(PermissionsError::Pattern);
        let audit = AuditEvent::new(now, context, actor, Operation::RoleDeny).detail(&format!("{uri} (rule removed)"));
        self.change_rule(role, pattern.map(RuleChange::Remove), uri, actor, audit).await
    }

    async fn change_rule(
        &self,
        role: &str,
        change: Result<RuleChange, PermissionsError>,
        uri: &str,
        actor: &Actor,
        audit: AuditEvent,
    ) -> Result<(), AdminError> {
        let unknown = || AdminError::NoSuchRole(role.to_owned());
        let wish = RoleName::parse(role).map_err(|_| unknown()).and_then(|name| Ok((name, change?)));
        let ((name, change), audit) = self.admit(actor, wish, audit.target(role)).await?;
        match self.repository.run(SetRule { role: name, change, audit }).await? {
            SetRuleOutcome::Done => Ok(()),
            SetRuleOutcome::NoSuchRole => Err(unknown()),
            SetRuleOutcome::NoSuchRule => {
                Err(AdminError::NoSuchRule { role: role.to_owned(), pattern: uri.to_owned() })
            }
        }
    }

    /// Lets a trusted actor's readable wish pass, with the row for the operation that is to store
    /// it; writes any other into the trail.
    pub(crate) async fn admit<T>(
        &self,
        actor: &Actor,
        wish: Result<T, AdminError>,
        audit: AuditEvent,
    ) -> Result<(T, AuditEvent), AdminError> {
        let error = match wish {
            _ if actor.is_otp_session() => AdminError::OtpSession,
            _ if !actor.may(Withheld::Records) => AdminError::KeySession,
            _ if !actor.is_trusted() => AdminError::NotTrusted,
            Ok(wish) => return Ok((wish, audit)),
            Err(error) => error,
        };
        let reason = match error {
            AdminError::OtpSession => Reason::OtpSession,
            AdminError::KeySession => Reason::ApiKeySession,
            AdminError::NotTrusted => Reason::NotAllowed,
            AdminError::NoSuchUser(_) | AdminError::NoSuchRole(_) => Reason::NotFound,
            _ => Reason::BadRequest,
        };
        self.repository.run(RecordAudit { event: audit.refused(reason) }).await?;
        Err(error)
    }
}

#[cfg(test)]
#[path = "admin_tests.rs"]
mod tests;
