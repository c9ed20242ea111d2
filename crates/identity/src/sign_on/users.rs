//! Users, as their owners and super-users see and change them.
//!
//! Source: contract of the sign-on API, sections 1.2 (get, create, update, delete, lock, approve), 5 and 11.
//!
//! **Invariant:** whoever acts for somebody else is a super-user; what is refused has changed nothing and is in the trail.

use data_encoding::BASE64URL_NOPAD;
use rand_core::CryptoRng;

use super::operations::LabelFactor;
use super::reset_totp::read_label;
use super::{Caller, Factor, FactorSettings};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::login::{PasswordPool, PoolBusy};
use crate::login_name::LoginNameError;
use crate::password::{NewPassword, PasswordSecrets};
use crate::password_policy::PasswordRefused;
use crate::profile::{Email, Names, Profile, RateLimit, Stamp, UserRecord};
use crate::repository::{
    ChangeUser, ChangeUserOutcome, CreateUser, CreateUserOutcome, FindProfile, FindUser, RecordAudit, Repository,
    RepositoryError, UserChange,
};
use crate::role::RoleName;
use crate::standing::{ApprovalStatus, SignUpStatus, Standing};
use crate::totp::{Totp, TotpKey};
use crate::user::User;
use crate::user_update::UserUpdate;
use crate::{Actor, Identity, LoginName, RequestContext, Secret, SessionKind, Timestamp, UserId};

/// Random bytes of a password that nobody gets to know: 192 bits.
const UNKNOWN_PASSWORD_BYTES: usize = 24;
/// Longest definition of rate limits, in characters.
const RATE_LIMIT_CHARACTERS_MAX: usize = 4_096;

/// Why a user was not shown, created or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Only super-users may.
    #[error("only a super-user may do this")]
    SuperUserOnly,
    /// The caller names a user, a field or a value that isn't the caller's to name.
    #[error("{0}")]
    BadInput(&'static str),
    /// Nothing is to be changed.
    #[error("nothing is to be changed")]
    Nothing,
    /// One can't do this to oneself.
    #[error("one can't delete oneself")]
    Oneself,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The text is no login name.
    #[error(transparent)]
    LoginName(#[from] LoginNameError),
    /// The login name is somebody else's.
    #[error("the login name is taken")]
    LoginTaken,
    /// The text can be no e-mail address.
    #[error("the e-mail address has control characters")]
    Email,
    /// The e-mail address is too long.
    #[error("an e-mail address has at most {max} characters", max = Email::CHARACTERS_MAX)]
    EmailTooLong,
    /// The password can't be set.
    #[error(transparent)]
    Password(#[from] PasswordRefused),
    /// The old password is wrong, or the new one of oneself can't be set; the caller isn't told which.
    #[error("refused: {}", .0.name())]
    OwnPassword(Reason),
    /// Too many passwords are being checked or derived.
    #[error(transparent)]
    Busy(#[from] PoolBusy),
    /// The role of new users isn't there.
    #[error("there is no role {0:?}, which new users are to get")]
    NoSuchRole(String),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl UserError {
    /// The reason for the trail.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::SuperUserOnly | Self::Oneself => Reason::NotAllowed,
            Self::NoSuchUser => Reason::NotFound,
            Self::LoginTaken => Reason::Exists,
            Self::Password(refused) => refused.reason(),
            Self::OwnPassword(reason) => *reason,
            Self::Busy(_) => Reason::Busy,
            _ => Reason::BadRequest,
        }
    }
}

/// Which user a super-user creates.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of the request")]
pub struct NewUser<'a> {
    /// The login name.
    pub username: &'a str,
    /// The password; `None`: one that nobody knows.
    pub password: Option<&'a Secret>,
    /// Whether the password is only good for setting another one.
    pub must_change: bool,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// The names.
    pub names: Names,
    /// Whether it is a super-user: has the role that may do everything.
    pub is_super_user: bool,
    /// Whether it begins locked.
    pub is_locked: bool,
    /// How far its sign-up is taken to be.
    pub sign_up: SignUpStatus,
    /// Whether it is approved whatever the settings say.
    pub is_approved: bool,
    /// Whether logins need a code.
    pub is_totp_enabled: bool,
    /// The key of the second factor; `None`: where one is needed, one that nobody knows.
    pub totp_key: Option<&'a Secret>,
    /// What to call it.
    pub totp_label: Option<&'a str>,
    /// Limits of linked accounts.
    pub rate_limit: RateLimit,
}

impl<R: Repository> Identity<R> {
    /// What is known of the caller.
    ///
    /// # Errors
    ///
    /// [`UserError::NoSuchUser`] where it was deleted meanwhile; [`UserError::Storage`].
    pub async fn own_record(&self, caller: &Caller) -> Result<UserRecord, UserError> {
        let who = FindUser::ById(caller.user.id);
        self.repository.run(FindProfile { who }).await?.ok_or(UserError::NoSuchUser)
    }

    /// What is known of a user: for super-users.
    ///
    /// # Errors
    ///
    /// [`UserError`], which the trail holds by then.
    pub async fn record_of(
        &self,
        caller: &Caller,
        user_id: &str,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<UserRecord, UserError> {
        let audit = caller.event(Operation::UserRead, context, now).target(user_id);
        let found = match super_user(caller).and_then(|()| parse_id(user_id)) {
            Ok(id) => self.repository.run(FindProfile { who: FindUser::ById(id) }).await?.ok_or(UserError::NoSuchUser),
            Err(error) => Err(error),
        };
        match found {
            Ok(record) => {
                self.repository.run(RecordAudit { event: audit }).await?;
                Ok(record)
            }
            Err(error) => Err(self.refuse_user(error, audit).await),
        }
    }

    /// Creates a user: for super-users.
    ///
    /// # Errors
    ///
    /// [`UserError`]; nothing was created then.
    pub async fn create_user_by(
        &self,
        caller: &Caller,
        new: NewUser<'_>,
        pool: &impl PasswordPool,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<UserRecord, UserError> {
        let audit = caller.event(Operation::UserCreate, context, now).target(&new.username.to_lowercase());
        let planned = match super_user(caller) {
            Ok(()) => self.plan_user(&actor(caller), new, pool, now, rng).await,
            Err(error) => Err(error),
        };
        let (record, proofs, factor) = match planned {
            Ok(planned) => planned,
            Err(error) => return Err(self.refuse_user(error, audit).await),
        };
        let (user, profile) = (record.user.clone(), record.profile.clone());
        match self.repository.run(CreateUser { user, profile, proofs, factor, audit }).await? {
            CreateUserOutcome::Created => Ok(record),
            CreateUserOutcome::LoginTaken => Err(UserError::LoginTaken),
            CreateUserOutcome::NoSuchRole => Err(UserError::NoSuchRole(record.user.role.to_string())),
        }
    }

    async fn plan_user(
        &self,
        actor: &Actor,
        new: NewUser<'_>,
        pool: &impl PasswordPool,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(UserRecord, crate::proof::Secrets, Option<Factor>), UserError> {
        let login = LoginName::parse(new.username)?;
        let email = new.email.map(|text| self.email(text)).transpose()?;
        let factor = self.plan_factor(&new, rng)?;
        let names = checked_names(new.names)?.with_display();
        if new.rate_limit.definition.as_ref().is_some_and(|text| !is_plain(text, RATE_LIMIT_CHARACTERS_MAX)) {
            return Err(UserError::BadInput("the definition of rate limits is too long"));
        }
        let secrets = match new.password {
            Some(password) => self.derive_password(password, login.as_str(), pool).await?,
            None => pool.derive(NewPassword::unknown(&unknown_password(rng))).await?,
        };
        let settings = &self.settings.sign_on.users;
        let is_approved = new.is_approved || !settings.needs_approval;
        let standing = Standing {
            enabled: !new.is_locked,
            sign_up: new.sign_up,
            approval: if is_approved { ApprovalStatus::Approved } else { ApprovalStatus::BeforeDecision },
            password_expires: self.settings.passwords.end(now),
            must_change: new.must_change,
        };
        let stamp = |by: String| Some(Stamp { at: now, by });
        let profile = Profile {
            spelling: spelling(new.username, &login),
            names,
            email,
            upn: None,
            locked: if new.is_locked { stamp(actor.stamp()) } else { None },
            approval: stamp(if new.is_approved { actor.stamp() } else { Stamp::AUTO.to_owned() }),
            password_set: Some(now),
            confirmed: None,
            rate_limit: new.rate_limit,
        };
        let id = UserId::generate(now, rng);
        let password = Some(secrets.hash);
        let role = if new.is_super_user { RoleName::trust() } else { settings.role.clone() };
        let user = User { id, login, standing, role, password, created: now };
        let state = factor.as_ref().map(Factor::state);
        Ok((UserRecord { user, profile, factor: state }, secrets.proofs, factor))
    }

    /// The second factor that a new user begins with, if any is asked for.
    fn plan_factor(&self, new: &NewUser<'_>, rng: &mut impl CryptoRng) -> Result<Option<Factor>, UserError> {
        let key = new.totp_key.filter(|key| !key.is_blank());
        let key = key.map(|key| TotpKey::parse(key.expose())).transpose();
        let key = key.map_err(|_| UserError::BadInput("the key is no base32 text"))?;
        let label = read_label(new.totp_label).map_err(|_| UserError::BadInput("the label is too long"))?;
        let is_enabled = new.is_totp_enabled;
        if !is_enabled && key.is_none() && label.is_none() {
            return Ok(None);
        }
        let FactorSettings { algorithm, digits, .. } = self.settings.sign_on.factor;
        let totp = Totp { key: key.unwrap_or_else(|| TotpKey::generate(rng)), algorithm, digits };
        Ok(Some(Factor { totp, label, is_enabled, last_step: None, failures: 0 }))
    }

    /// Changes what is known of a user: of the caller, or for super-users of any other.
    ///
    /// # Errors
    ///
    /// [`UserError`]; nothing was changed then.
    pub async fn update_user_by(
        &self,
        caller: &Caller,
        user_id: Option<&str>,
        update: UserUpdate,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, UserError> {
        let audit = caller.event(Operation::UserUpdate, context, now);
        let audit = audit.target(user_id.unwrap_or(caller.user.login.as_str()));
        match self.admit_update(caller, user_id, &update) {
            Ok(_) if update.is_empty() => Err(self.refuse_user(UserError::Nothing, audit).await),
            Ok(id) => self.change_by(caller, id, UserChange::Update(Box::new(update)), audit).await,
            Err(error) => Err(self.refuse_user(error, audit).await),
        }
    }

    /// Whether the caller may ask for this of this user, whose id comes back. Checks everything that can be checked without
    /// storage, and writes nothing.
    ///
    /// # Errors
    ///
    /// [`UserError`].
    pub fn admit_update(
        &self,
        caller: &Caller,
        user_id: Option<&str>,
        update: &UserUpdate,
    ) -> Result<UserId, UserError> {
        let id = target_of(caller, user_id)?;
        if update.needs_super_user() && !caller.is_super_user() {
            return Err(UserError::BadInput("only super-users may change this"));
        }
        Ok(id)
    }

    /// Deletes another user: for super-users.
    ///
    /// # Errors
    ///
    /// [`UserError`]; nothing was deleted then.
    pub async fn delete_user_by(
        &self,
        caller: &Caller,
        user_id: &str,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, UserError> {
        let audit = caller.event(Operation::UserDelete, context, now).target(user_id);
        let other = |id| if id == caller.user.id { Err(UserError::Oneself) } else { Ok(id) };
        match super_user(caller).and_then(|()| parse_id(user_id)).and_then(other) {
            Ok(id) => self.change_by(caller, id, UserChange::Delete, audit).await,
            Err(error) => Err(self.refuse_user(error, audit).await),
        }
    }

    /// Locks or unlocks a user: for super-users.
    ///
    /// # Errors
    ///
    /// [`UserError`]; nothing was changed then.
    pub async fn lock_user_by(
        &self,
        caller: &Caller,
        user_id: &str,
        is_locked: bool,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, UserError> {
        let operation = if is_locked { Operation::UserLock } else { Operation::UserUnlock };
        let audit = caller.event(operation, context, now).target(user_id);
        match super_user(caller).and_then(|()| parse_id(user_id)) {
            Ok(id) => self.change_by(caller, id, UserChange::Enabled(!is_locked), audit).await,
            Err(error) => Err(self.refuse_user(error, audit).await),
        }
    }

    /// Approves or rejects a user: for super-users. Others are told that their input is wrong (contract, section 1.2).
    ///
    /// # Errors
    ///
    /// [`UserError`]; nothing was changed then.
    pub async fn decide_on_user_by(
        &self,
        caller: &Caller,
        user_id: &str,
        approval: ApprovalStatus,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, UserError> {
        let is_approved = approval == ApprovalStatus::Approved;
        let operation = if is_approved { Operation::UserApprove } else { Operation::UserReject };
        let audit = caller.event(operation, context, now).target(user_id);
        let admitted = match super_user(caller) {
            Ok(()) => parse_id(user_id),
            Err(_) => Err(UserError::BadInput("only super-users decide about users")),
        };
        match admitted {
            Ok(id) => self.change_by(caller, id, UserChange::Approval(approval), audit).await,
            Err(error) => Err(self.refuse_user(error, audit).await),
        }
    }

    /// Gives a second factor another label; an empty one is none. The caller's right is to be checked before, see
    /// [`Identity::admit_update`].
    ///
    /// # Errors
    ///
    /// [`UserError`]; nothing was changed then.
    pub async fn label_factor_by(
        &self,
        caller: &Caller,
        owner: UserId,
        label: &str,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<(), UserError> {
        let audit = caller.event(Operation::UserUpdate, context, now).target(&owner.to_sign_on());
        let Ok(label) = read_label(Some(label)) else {
            return Err(self.refuse_user(UserError::BadInput("the label is too long"), audit).await);
        };
        let FactorSettings { algorithm, digits, .. } = self.settings.sign_on.factor;
        let fresh = Totp { key: TotpKey::generate(rng), algorithm, digits };
        let is_there = self.repository.run(LabelFactor { owner, label, fresh, audit }).await?;
        if is_there { Ok(()) } else { Err(UserError::NoSuchUser) }
    }

    /// Makes a change that was admitted.
    pub(super) async fn change_by(
        &self,
        caller: &Caller,
        id: UserId,
        change: UserChange,
        audit: AuditEvent,
    ) -> Result<User, UserError> {
        let by = actor(caller).stamp();
        match self.repository.run(ChangeUser { who: FindUser::ById(id), change, by, audit }).await? {
            ChangeUserOutcome::Changed(user) => Ok(user),
            ChangeUserOutcome::NoSuchUser => Err(UserError::NoSuchUser),
            ChangeUserOutcome::LoginTaken => Err(UserError::LoginTaken),
            ChangeUserOutcome::NoSuchRole => Err(UserError::BadInput("there is no such role")),
        }
    }

    /// What storage keeps of an e-mail address. Its syntax is not looked at: old programs put other things there.
    ///
    /// # Errors
    ///
    /// [`UserError::Email`] and [`UserError::EmailTooLong`].
    pub fn email(&self, text: &str) -> Result<Email, UserError> {
        let text = text.trim();
        if text.chars().count() > Email::CHARACTERS_MAX {
            return Err(UserError::EmailTooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(UserError::Email);
        }
        let digest = self.settings.pepper.digest_email(text);
        Ok(Email { text: text.to_owned(), digest, is_sealed: self.settings.sign_on.users.seals_email })
    }

    /// What is stored of a password that somebody wants to have.
    pub(super) async fn derive_password(
        &self,
        password: &Secret,
        login: &str,
        pool: &impl PasswordPool,
    ) -> Result<PasswordSecrets, UserError> {
        let new = NewPassword::check(password.clone(), &[login], &self.settings.passwords.policy)?;
        Ok(pool.derive(new).await?)
    }

    /// Writes a refusal into the trail; the error is then what there is to say.
    pub async fn refuse_user(&self, error: UserError, audit: AuditEvent) -> UserError {
        match error {
            UserError::Storage(_) => error,
            error => match self.repository.run(RecordAudit { event: audit.refused(error.reason()) }).await {
                Ok(()) => error,
                Err(fault) => fault.into(),
            },
        }
    }
}

/// The caller as an actor.
pub(super) fn actor(caller: &Caller) -> Actor {
    Actor::of(&caller.user, SessionKind::Password)
}

pub(super) fn super_user(caller: &Caller) -> Result<(), UserError> {
    if caller.is_super_user() { Ok(()) } else { Err(UserError::SuperUserOnly) }
}

fn parse_id(text: &str) -> Result<UserId, UserError> {
    UserId::parse_sign_on(text).map_err(|_| UserError::NoSuchUser)
}

/// The user that a caller names: anybody for super-users, oneself for others; without a name oneself.
pub(super) fn target_of(caller: &Caller, user_id: Option<&str>) -> Result<UserId, UserError> {
    let Some(text) = user_id.filter(|text| !text.is_empty()) else { return Ok(caller.user.id) };
    if caller.is_super_user() {
        return parse_id(text);
    }
    let is_own = UserId::parse_sign_on(text) == Ok(caller.user.id);
    if is_own { Ok(caller.user.id) } else { Err(UserError::BadInput("only super-users may name somebody else")) }
}

/// Whether a text can be kept: not too long, and without control characters (but for line ends where it has lines).
fn is_plain(text: &str, characters_max: usize) -> bool {
    text.chars().count() <= characters_max && !text.chars().any(|c| c.is_control() && c != '\n' && c != '\r')
}

/// How a login name is spelled, if not as it is compared.
pub fn spelling(given: &str, login: &LoginName) -> Option<String> {
    (given != login.as_str()).then(|| given.to_owned())
}

/// A name without blanks around it.
///
/// # Errors
///
/// [`UserError::BadInput`].
pub fn checked_name(name: &str) -> Result<String, UserError> {
    let name = name.trim();
    if name.chars().count() > Names::CHARACTERS_MAX || name.chars().any(char::is_control) {
        return Err(UserError::BadInput("a name is too long or has control characters"));
    }
    Ok(name.to_owned())
}

fn checked_names(names: Names) -> Result<Names, UserError> {
    let checked = |name: Option<String>| -> Result<Option<String>, UserError> {
        let name = name.as_deref().map(checked_name).transpose()?;
        Ok(name.filter(|name| !name.is_empty()))
    };
    Ok(Names {
        display: checked(names.display)?,
        first: checked(names.first)?,
        middle: checked(names.middle)?,
        last: checked(names.last)?,
    })
}

fn unknown_password(rng: &mut impl CryptoRng) -> Secret {
    let mut bytes = zeroize::Zeroizing::new([0; UNKNOWN_PASSWORD_BYTES]);
    rng.fill_bytes(bytes.as_mut_slice());
    Secret::new(BASE64URL_NOPAD.encode(bytes.as_slice()))
}
