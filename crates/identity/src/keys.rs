//! Keys that users hand out: one-time passwords, good for one login within a short time, and API keys, good for any number
//! of logins until they expire or are withdrawn.
//!
//! Source: the seed on one-time passwords; contract of the bus, sections 3, 4.1 and 9.
//!
//! **Invariants:** the plaintext leaves this module once, in [`MintedKey`]. A session that was opened with a one-time
//! password makes none, and one that was opened with an API key makes none unless the key's own rules say so by exact URI;
//! what it makes hands that on to nobody. Whose a key is, who asked and from where come from the session, never from the
//! client.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use rand_core::CryptoRng;

use crate::audit::{AuditEvent, Operation, Reason};
use crate::permission::{PermissionsError, Withheld, parse_rules};
use crate::repository::{
    DeleteCredential, DeleteCredentialOutcome, FindUser, ListCredentials, MintCredential, MintOutcome, ReapCredentials,
    RecordAudit, Repository, RepositoryError,
};
use crate::user::User;
use crate::{
    Actor, Credential, CredentialId, CredentialKind, Expires, ExpiresError, ExpiresInput, Identity, Lifetimes,
    LoginName, RequestContext, Secret, Timestamp, UserId,
};

/// Random bytes in a key: 192 bits, 32 characters.
const KEY_BYTES: usize = 24;
/// Most rows that one reaping transaction removes.
const REAP_ROWS_MAX: u32 = 1_000;

/// What kind of key it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Good for one login.
    Otp,
    /// Good for any number of logins.
    ApiKey,
}

impl KeyKind {
    /// The same as a credential.
    pub fn credential(self) -> CredentialKind {
        match self {
            Self::Otp => CredentialKind::Otp,
            Self::ApiKey => CredentialKind::ApiKey,
        }
    }

    fn mint(self) -> Operation {
        match self {
            Self::Otp => Operation::OtpMint,
            Self::ApiKey => Operation::ApiKeyMint,
        }
    }

    fn delete(self) -> Operation {
        match self {
            Self::Otp => Operation::OtpDelete,
            Self::ApiKey => Operation::ApiKeyDelete,
        }
    }

    /// What a session of an API key needs to have been given for it.
    fn withheld(self) -> Withheld {
        match self {
            Self::Otp => Withheld::Otps,
            Self::ApiKey => Withheld::ApiKeys,
        }
    }

    /// Several that count.
    fn live_ones(self) -> &'static str {
        match self {
            Self::Otp => "unspent one-time passwords",
            Self::ApiKey => "live API keys",
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Otp => "one-time password",
            Self::ApiKey => "API key",
        })
    }
}

/// What the caller may choose who makes a key.
#[derive(Debug, Clone)]
pub struct KeyRequest {
    /// End of life.
    pub expires: ExpiresInput,
    /// Restrictions on top of the role, as pairs of pattern and letters; empty: none of its own.
    pub permissions: Vec<(String, String)>,
    /// What an API key is for, in words. One-time passwords have none.
    pub description: String,
}

impl KeyRequest {
    /// Longest description, in characters.
    pub const DESCRIPTION_CHARACTERS_MAX: usize = 500;

    /// Whether a description can be kept: not too long, and without NUL, which PostgreSQL keeps in no text.
    pub(crate) fn is_description(text: &str) -> bool {
        text.chars().count() <= Self::DESCRIPTION_CHARACTERS_MAX && !text.contains('\0')
    }
}

impl Default for KeyRequest {
    fn default() -> Self {
        Self { expires: ExpiresInput::Default, permissions: Vec::new(), description: String::new() }
    }
}

/// A new key, in the clear for the only time.
#[derive(Debug)]
pub struct MintedKey {
    /// The record.
    pub credential: Credential,
    /// With which login name it works.
    pub login: LoginName,
    /// The key.
    pub plaintext_key: Secret,
}

/// Why no key was made, listed or withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The caller's session was opened with a one-time password.
    #[error("a session that was opened with a one-time password can't make or withdraw credentials")]
    OtpSession,
    /// The caller's session was opened with an API key that wasn't given this.
    #[error(
        "a session that was opened with an API key can't make or withdraw credentials, unless a rule of the key names this URI"
    )]
    KeySession,
    /// What is asked for would hand on what the caller's API key was given by name.
    #[error(
        "what is made with an API key can't have rules by which it makes keys, reaches records, or acts for others, itself"
    )]
    HandsOn,
    /// The caller has no login.
    #[error("one-time passwords and API keys are for signed-in users")]
    Anonymous,
    /// The caller acts for somebody else without the role `trust`.
    #[error("acting for another user needs the role trust")]
    NotTrusted,
    /// The caller's wish can't be met.
    #[error("{error}")]
    Expires {
        /// Of which kind of key.
        kind: KeyKind,
        /// What is wrong.
        error: ExpiresError,
    },
    /// The caller's rules can't be used.
    #[error(transparent)]
    Permissions(#[from] PermissionsError),
    /// The description is too long, or holds a NUL.
    #[error("description has more than {} characters, or a NUL", KeyRequest::DESCRIPTION_CHARACTERS_MAX)]
    Description,
    /// There is no such user.
    #[error("there is no user {0:?}")]
    NoSuchUser(String),
    /// The user may not come in.
    #[error("the user {0:?} is not enabled, not approved or not confirmed")]
    UserDisabled(String),
    /// The user has too many live ones.
    #[error("the user has {max} {}, which is the most; withdraw some or let them expire", .kind.live_ones())]
    TooMany {
        /// Of which kind.
        kind: KeyKind,
        /// The limit.
        max: u32,
    },
    /// It can't be changed any more.
    #[error("the {0} was used up or withdrawn, has ended, or was changed meanwhile")]
    Gone(KeyKind),
    /// The key belongs to somebody else.
    #[error("the {0} belongs to somebody else")]
    Foreign(KeyKind),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl KeyError {
    /// The reason for the trail, where the rules themselves refused.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::OtpSession => Some(Reason::OtpSession),
            Self::KeySession | Self::HandsOn => Some(Reason::ApiKeySession),
            Self::Anonymous | Self::NotTrusted => Some(Reason::NotAllowed),
            Self::Expires { .. } | Self::Permissions(_) | Self::Description => Some(Reason::BadRequest),
            Self::NoSuchUser(_) => Some(Reason::NotFound),
            // Storage has written the row in the transaction that decided.
            Self::UserDisabled(_) | Self::TooMany { .. } | Self::Foreign(_) | Self::Gone(_) | Self::Storage(_) => None,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Makes a key for the caller: `my.otp.create`, `my.apikeys.create`.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; nothing was made then.
    pub async fn mint_own_key(
        &self,
        kind: KeyKind,
        request: &KeyRequest,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MintedKey, KeyError> {
        let audit = AuditEvent::new(now, context, actor, kind.mint()).target(actor.name());
        let planned = own(actor)
            .and_then(|(owner, login)| self.plan_key(kind, (owner, login), request, (actor, context), now, rng));
        self.store_key(kind, planned, audit, now).await
    }

    /// Makes a key for the user `login`: `system.otp.create`, `system.apikeys.create`.
    ///
    /// # Errors
    ///
    /// [`KeyError`]; nothing was made then.
    #[expect(clippy::too_many_arguments, reason = "what is made for whom, who asks, when and by what chance")]
    pub async fn mint_key_for(
        &self,
        kind: KeyKind,
        login: &str,
        request: &KeyRequest,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MintedKey, KeyError> {
        let audit = AuditEvent::new(now, context, actor, kind.mint()).target(&login.to_lowercase());
        let planned = match self.find_for(login, actor).await {
            Ok(user) => self.plan_key(kind, (user.id, &user.login), request, (actor, context), now, rng),
            Err(error) => Err(error),
        };
        self.store_key(kind, planned, audit, now).await
    }

    /// Records a request to make one that a door could not even read.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn record_unreadable_key_request(
        &self,
        kind: KeyKind,
        target: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let audit = AuditEvent::new(now, context, actor, kind.mint()).target(&target.to_lowercase());
        self.repository.run(RecordAudit { event: audit.refused(Reason::BadRequest) }).await
    }

    /// The caller's live keys: `my.otp.list`, `my.apikeys.list`.
    ///
    /// # Errors
    ///
    /// [`KeyError::Anonymous`] and [`KeyError::Storage`].
    pub async fn list_own_keys(
        &self,
        kind: KeyKind,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(LoginName, Vec<Credential>), KeyError> {
        let (owner, login) = own(actor)?;
        Ok((login.clone(), self.live_keys(kind, owner, now).await?))
    }

    /// Another user's live keys: `system.otp.list`, `system.apikeys.list`.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotTrusted`], [`KeyError::NoSuchUser`] and [`KeyError::Storage`].
    pub async fn list_keys_of(
        &self,
        kind: KeyKind,
        login: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(LoginName, Vec<Credential>), KeyError> {
        let user = self.find_for(login, actor).await?;
        Ok((user.login.clone(), self.live_keys(kind, user.id, now).await?))
    }

    /// Withdraws one of the caller's own: `my.otp.delete`, `my.apikeys.delete`. One that is not there counts as
    /// withdrawn.
    ///
    /// # Errors
    ///
    /// [`KeyError::Foreign`] for somebody else's, [`KeyError::OtpSession`], [`KeyError::KeySession`],
    /// [`KeyError::Anonymous`] and [`KeyError::Storage`].
    pub async fn delete_own_key(
        &self,
        kind: KeyKind,
        id: CredentialId,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        let owner = own(actor).map(|(owner, _)| Some(owner));
        self.delete_key_where(kind, id, owner, actor, context, now).await
    }

    /// Withdraws anybody's: `system.otp.delete`, `system.apikeys.delete`.
    ///
    /// # Errors
    ///
    /// [`KeyError::NotTrusted`], [`KeyError::OtpSession`], [`KeyError::KeySession`] and [`KeyError::Storage`].
    pub async fn delete_key(
        &self,
        kind: KeyKind,
        id: CredentialId,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        let anybody = trusted(actor).map(|()| None);
        self.delete_key_where(kind, id, anybody, actor, context, now).await
    }

    /// Removes the rows of keys that can't be used any more and are older than the time for which a spent one is still
    /// recognised. Answers how many.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn reap_keys(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        let before = now.saturating_sub(self.settings.spent_kept);
        let mut reaped = 0;
        loop {
            let count = self.repository.run(ReapCredentials { before, limit: REAP_ROWS_MAX }).await?;
            reaped += count;
            if count < u64::from(REAP_ROWS_MAX) {
                return Ok(reaped);
            }
        }
    }

    /// A key that is not stored yet.
    pub(crate) fn plan_key(
        &self,
        kind: KeyKind,
        (owner, login): (UserId, &LoginName),
        request: &KeyRequest,
        (actor, context): (&Actor, &RequestContext),
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<MintedKey, KeyError> {
        may_change(kind, actor)?;
        let expires = Expires::resolve(&request.expires, now, self.lifetimes(kind))
            .map_err(|error| KeyError::Expires { kind, error })?;
        let permissions =
            parse_rules(request.permissions.iter().map(|(uri, letters)| (uri.as_str(), letters.as_str())))?;
        if actor.is_key_session() && self.settings.denials.names_withheld(&permissions) {
            return Err(KeyError::HandsOn);
        }
        if !KeyRequest::is_description(&request.description) {
            return Err(KeyError::Description);
        }
        let plaintext_key = generate_key(rng);
        let credential = Credential {
            id: CredentialId::generate(now, rng),
            kind: kind.credential(),
            owner,
            digest: self.settings.pepper.digest(login, &plaintext_key),
            permissions,
            description: request.description.clone(),
            origin: format!("{}@{}", actor.name(), context.address),
            expires,
            created: now,
            spent: None,
            last_used: None,
            revision: 0,
            is_imported: false,
        };
        Ok(MintedKey { credential, login: login.clone(), plaintext_key })
    }

    pub(crate) fn lifetimes(&self, kind: KeyKind) -> &Lifetimes {
        match kind {
            KeyKind::Otp => &self.settings.otp_lifetimes,
            KeyKind::ApiKey => &self.settings.api_key_lifetimes,
        }
    }

    async fn store_key(
        &self,
        kind: KeyKind,
        planned: Result<MintedKey, KeyError>,
        audit: AuditEvent,
        now: Timestamp,
    ) -> Result<MintedKey, KeyError> {
        let minted = match planned {
            Ok(minted) => minted,
            Err(error) => return Err(self.refuse_key(error, audit).await),
        };
        let live_max = match kind {
            KeyKind::Otp => self.settings.otps_live_max,
            KeyKind::ApiKey => self.settings.api_keys_live_max,
        };
        let audit = audit.detail(&minted.credential.id.to_bus());
        let credential = minted.credential.clone();
        match self.repository.run(MintCredential { credential, live_max, now, audit }).await? {
            MintOutcome::Minted => Ok(minted),
            MintOutcome::NoSuchUser => Err(KeyError::NoSuchUser(minted.login.to_string())),
            MintOutcome::UserDisabled => Err(KeyError::UserDisabled(minted.login.to_string())),
            MintOutcome::TooMany => Err(KeyError::TooMany { kind, max: live_max }),
        }
    }

    async fn delete_key_where(
        &self,
        kind: KeyKind,
        id: CredentialId,
        owner: Result<Option<UserId>, KeyError>,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), KeyError> {
        let audit = AuditEvent::new(now, context, actor, kind.delete()).target(&id.to_bus());
        let owner = match owner.and_then(|owner| may_change(kind, actor).map(|()| owner)) {
            Ok(owner) => owner,
            Err(error) => return Err(self.refuse_key(error, audit).await),
        };
        match self.repository.run(DeleteCredential { id, kind: kind.credential(), owner, audit }).await? {
            DeleteCredentialOutcome::Deleted | DeleteCredentialOutcome::NotFound => Ok(()),
            DeleteCredentialOutcome::Foreign => Err(KeyError::Foreign(kind)),
        }
    }

    /// A request for a key that ends before it is known for whom it is.
    pub(crate) async fn refuse_key_request(
        &self,
        kind: KeyKind,
        error: KeyError,
        target: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> KeyError {
        self.refuse_key(error, AuditEvent::new(now, context, actor, kind.mint()).target(target)).await
    }

    /// Writes the refusal into the trail; a fault there is what the caller hears of then.
    pub(crate) async fn refuse_key(&self, error: KeyError, audit: AuditEvent) -> KeyError {
        let Some(reason) = error.reason() else { return error };
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }

    /// The user for whom a trusted actor acts; anybody may name themselves.
    async fn find_for(&self, login: &str, actor: &Actor) -> Result<User, KeyError> {
        if !is_own_login(actor, login) {
            trusted(actor)?;
        }
        let unknown = || KeyError::NoSuchUser(login.chars().take(LoginName::BYTES_MAX).collect());
        let name = LoginName::parse(login).map_err(|_| unknown())?;
        self.repository.run(FindUser::ByLogin(name)).await?.ok_or_else(unknown)
    }

    async fn live_keys(
        &self,
        kind: KeyKind,
        owner: UserId,
        now: Timestamp,
    ) -> Result<Vec<Credential>, RepositoryError> {
        self.repository.run(ListCredentials { owner, kind: kind.credential(), now }).await
    }
}

/// Whether the actor's session may make and withdraw keys of this kind at all.
pub(crate) fn may_change(kind: KeyKind, actor: &Actor) -> Result<(), KeyError> {
    match actor {
        _ if actor.may(kind.withheld()) => Ok(()),
        _ if actor.is_otp_session() => Err(KeyError::OtpSession),
        _ => Err(KeyError::KeySession),
    }
}

fn is_own_login(actor: &Actor, name: &str) -> bool {
    matches!(actor, Actor::User { login, .. } if LoginName::parse(name).as_ref() == Ok(login))
}

pub(crate) fn trusted(actor: &Actor) -> Result<(), KeyError> {
    if actor.is_trusted() { Ok(()) } else { Err(KeyError::NotTrusted) }
}

pub(crate) fn own(actor: &Actor) -> Result<(UserId, &LoginName), KeyError> {
    match actor {
        Actor::User { id, login, .. } => Ok((*id, login)),
        Actor::Operator | Actor::Anonymous => Err(KeyError::Anonymous),
    }
}

/// 192 random bits as 32 characters of URL-safe base64. None starts with `-`, which a command
/// line would take for an option.
fn generate_key(rng: &mut impl CryptoRng) -> Secret {
    loop {
        let mut bytes = [0; KEY_BYTES];
        rng.fill_bytes(&mut bytes);
        let text = BASE64URL_NOPAD.encode(&bytes);
        if !text.starts_with('-') {
            return Secret::new(text);
        }
    }
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
