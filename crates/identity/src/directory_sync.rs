//! Users of a directory (LDAP), as it knows them: made here, kept up to date, and locked when they are locked there.
//!
//! Source: contract of the bus, section 6.4.
//!
//! **Invariants:** a user whose password is known here is never changed by this, whatever the directory has under that name. Whom
//! somebody else has locked stays locked: the directory unlocks only whom it has locked. Both are looked at again by the write.

use rand_core::CryptoRng;

use crate::audit::{AuditEvent, Operation, Reason};
use crate::password::PasswordHash;
use crate::profile::{Names, Profile, Stamp, UserRecord};
use crate::proof::Secrets;
use crate::repository::{
    CreateUser, CreateUserOutcome, FindProfile, FindUser, ListUsers, RecordAudit, Repository, RepositoryError,
    UserChange,
};
use crate::role::RoleName;
use crate::sign_on::{checked_name, spelling};
use crate::source::Source;
use crate::standing::Standing;
use crate::user::User;
use crate::user_update::{Field, UserUpdate};
use crate::{Actor, Identity, LoginName, RequestContext, Timestamp, UserId};

/// In whose name users are changed. No login begins so.
pub const DIRECTORY: &str = "%directory";

/// What the directory says of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUser {
    /// The login name.
    pub login: LoginName,
    /// How the directory spells it.
    pub spelling: String,
    /// The name to show. What can't be one counts as none.
    pub name: Option<String>,
    /// The e-mail address; the same.
    pub email: Option<String>,
    /// The name by which the directory's users log in elsewhere; the same.
    pub upn: Option<String>,
    /// Whether the user may come in.
    pub enabled: bool,
}

/// How users are brought over.
#[derive(Debug, Clone, Copy)]
pub struct SyncRules<'a> {
    /// The role of new users.
    pub role: &'a RoleName,
    /// Whether nothing is written.
    pub is_dry_run: bool,
}

/// Changes a user of the directory. Answers the user, or nothing where it is none of the directory's any more: then nothing is
/// written. Unlocks only whom the directory has locked.
#[derive(Debug, Clone)]
pub struct SyncUser {
    /// Whom.
    pub user: UserId,
    /// What to change.
    pub update: UserUpdate,
    /// The row for the trail.
    pub audit: AuditEvent,
}

impl SyncUser {
    /// The change that is to be made of a user whose row is held.
    pub fn change(&self, user: &User, profile: &Profile) -> Option<UserChange> {
        let mut update = self.update.clone();
        if update.enabled == Some(true) && !was_locked_by_directory(profile) {
            update.enabled = None;
        }
        (user.source() == Source::Ldap).then(|| UserChange::Update(Box::new(update)))
    }
}

fn was_locked_by_directory(profile: &Profile) -> bool {
    profile.locked.as_ref().is_some_and(|stamp| stamp.by == DIRECTORY)
}

/// What became of a user of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Synced {
    /// Made.
    Created,
    /// Changed.
    Changed(UserId),
    /// Locked: the user's live sessions are to end.
    Locked(UserId),
    /// As it was.
    Same,
    /// As it was, and locked here although the directory would let the user in.
    KeptLocked,
    /// There is a user of that name whose password is known here; it stays as it is.
    Local,
}

/// Why a user was not brought over.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The operator's to mend.
    #[error("there is no role {0:?}")]
    NoSuchRole(String),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl<R: Repository> Identity<R> {
    /// Brings one user over.
    ///
    /// # Errors
    ///
    /// [`SyncError`]; nothing was written then.
    pub async fn sync_user(
        &self,
        given: &DirectoryUser,
        rules: SyncRules<'_>,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Synced, SyncError> {
        let who = FindUser::ByLogin(given.login.clone());
        let Some(record) = self.repository.run(FindProfile { who }).await? else {
            return self.create_synced(given, rules, context, now, rng).await;
        };
        if record.user.source() == Source::Local {
            return Ok(Synced::Local);
        }
        let update = self.difference(given, &record);
        if update.is_empty() {
            let is_kept = given.enabled && !record.user.standing.enabled;
            return Ok(if is_kept { Synced::KeptLocked } else { Synced::Same });
        }
        self.change_synced(&record.user, update, rules, context, now).await
    }

    /// Locks a user of the directory who isn't there any more.
    ///
    /// # Errors
    ///
    /// [`SyncError`]; nothing was written then.
    pub async fn lock_missing(
        &self,
        user: &User,
        rules: SyncRules<'_>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Synced, SyncError> {
        if !user.standing.enabled {
            return Ok(Synced::Same);
        }
        let update = UserUpdate { enabled: Some(false), ..UserUpdate::default() };
        self.change_synced(user, update, rules, context, now).await
    }

    /// A page of the users of a directory who are here, and the name after which the next one begins.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn users_of_directory(
        &self,
        after: Option<LoginName>,
        limit: u32,
    ) -> Result<(Vec<User>, Option<LoginName>), RepositoryError> {
        let mut users = self.repository.run(ListUsers { after, limit }).await?;
        let next = users.last().map(|user| user.login.clone());
        users.retain(|user| user.source() == Source::Ldap);
        Ok((users, next))
    }

    /// Notes that users were brought over, or why they weren't.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn record_sync(
        &self,
        actor: &Actor,
        outcome: Result<&str, Reason>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let audit = AuditEvent::new(now, context, actor, Operation::DirectorySync);
        let event = match outcome {
            Ok(counts) => audit.detail(counts),
            Err(reason) => audit.refused(reason),
        };
        self.repository.run(RecordAudit { event }).await
    }

    async fn create_synced(
        &self,
        given: &DirectoryUser,
        rules: SyncRules<'_>,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Synced, SyncError> {
        if rules.is_dry_run {
            return Ok(Synced::Created);
        }
        let login = given.login.clone();
        let mut user = User {
            id: UserId::generate(now, rng),
            standing: Standing::GOOD,
            role: rules.role.clone(),
            password: Some(PasswordHash::in_directory(&login)),
            created: now,
            login,
        };
        let nobody = UserRecord { user: user.clone(), profile: Profile::default(), factor: None };
        let mut profile = Profile::default();
        self.difference(given, &nobody).apply(&mut user, &mut profile, &Stamp { at: now, by: DIRECTORY.to_owned() });
        let audit = AuditEvent::by_name(now, context, DIRECTORY, Operation::UserCreate);
        let audit = audit.target(user.login.as_str()).detail(user.role.as_str());
        let create = CreateUser { user, profile, proofs: Secrets::default(), factor: None, audit };
        match self.repository.run(create).await? {
            CreateUserOutcome::Created => Ok(Synced::Created),
            // Somebody was quicker; the next run sees who.
            CreateUserOutcome::LoginTaken => Ok(Synced::Local),
            CreateUserOutcome::NoSuchRole => Err(SyncError::NoSuchRole(rules.role.to_string())),
        }
    }

    async fn change_synced(
        &self,
        user: &User,
        update: UserUpdate,
        rules: SyncRules<'_>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Synced, SyncError> {
        let is_locked = update.enabled == Some(false);
        let done = if is_locked { Synced::Locked(user.id) } else { Synced::Changed(user.id) };
        if rules.is_dry_run {
            return Ok(done);
        }
        let operation = match update.enabled {
            Some(false) => Operation::UserLock,
            Some(true) => Operation::UserUnlock,
            None => Operation::UserUpdate,
        };
        let audit = AuditEvent::by_name(now, context, DIRECTORY, operation).target(user.login.as_str());
        let changed = self.repository.run(SyncUser { user: user.id, update, audit }).await?;
        Ok(if changed.is_some() { done } else { Synced::Local })
    }

    /// What has to be changed of a user.
    fn difference(&self, given: &DirectoryUser, record: &UserRecord) -> UserUpdate {
        fn changed<T: PartialEq>(given: Option<T>, kept: Option<&T>) -> Field<T> {
            if given.as_ref() == kept { Field::Keep } else { Field::to(given) }
        }
        let UserRecord { user, profile, .. } = record;
        let usable =
            |name: Option<&String>| name.and_then(|name| checked_name(name).ok()).filter(|name| !name.is_empty());
        let (name, upn) = (usable(given.name.as_ref()), usable(given.upn.as_ref()));
        let email = given.email.as_deref().filter(|text| !text.trim().is_empty());
        let email = email.and_then(|text| self.email(text).ok());
        let is_same_email = email.as_ref().map(|email| &email.text) == profile.email.as_ref().map(|email| &email.text);
        let enabled = given.enabled != user.standing.enabled && (!given.enabled || was_locked_by_directory(profile));
        let is_short = given.spelling.chars().count() <= Names::CHARACTERS_MAX;
        let spelling = spelling(&given.spelling, &given.login).filter(|_| is_short);
        UserUpdate {
            display: changed(name, profile.names.display.as_ref()),
            upn: changed(upn, profile.upn.as_ref()),
            email: if is_same_email { Field::Keep } else { Field::to(email) },
            spelling: changed(spelling, profile.spelling.as_ref()),
            enabled: enabled.then_some(given.enabled),
            ..UserUpdate::default()
        }
    }
}

#[cfg(test)]
#[path = "directory_sync_tests.rs"]
mod tests;
