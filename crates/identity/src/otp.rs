//! One-time passwords: made by a signed-in user, good for one login within a short time.
//!
//! Source: the seed on one-time passwords; contract of the bus, sections 3 and 9.
//!
//! **Invariants:** the plaintext leaves this module once, in [`MintedOtp`]. A session that was
//! opened with a one-time password makes none. Whose it is, who asked and from where come from
//! the session, never from the client.

use data_encoding::BASE64URL_NOPAD;
use rand_core::CryptoRng;

use crate::audit::{AuditEvent, Operation, Reason};
use crate::permission::{PermissionsError, parse_rules};
use crate::repository::{
    DeleteCredential, DeleteCredentialOutcome, FindUser, ListCredentials, MintCredential, MintOutcome, ReapCredentials,
    RecordAudit, Repository, RepositoryError,
};
use crate::user::User;
use crate::{
    Actor, Credential, CredentialId, CredentialKind, Expires, ExpiresError, ExpiresInput, Identity, LoginName,
    RequestContext, Secret, Timestamp, UserId,
};

/// Random bytes in a key: 192 bits, 32 characters.
const KEY_BYTES: usize = 24;
/// Most rows that one reaping transaction removes.
const REAP_ROWS_MAX: u32 = 1_000;

/// What the caller of `system.otp.create` may choose.
#[derive(Debug, Clone)]
pub struct OtpRequest {
    /// End of life.
    pub expires: ExpiresInput,
    /// Restrictions on top of the role, as pairs of pattern and letters; empty: none of its own.
    pub permissions: Vec<(String, String)>,
}

impl Default for OtpRequest {
    fn default() -> Self {
        Self { expires: ExpiresInput::Default, permissions: Vec::new() }
    }
}

/// A new one-time password, with the key that nobody will see again.
#[derive(Debug)]
pub struct MintedOtp {
    /// The record.
    pub credential: Credential,
    /// With which login name it works.
    pub login: LoginName,
    /// The key.
    pub plaintext_key: Secret,
}

/// Why no one-time password was made, listed or withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum OtpError {
    /// The caller's session was opened with a one-time password.
    #[error("a session that was opened with a one-time password can't make or withdraw credentials")]
    OtpSession,
    /// The caller has no login.
    #[error("one-time passwords are for signed-in users")]
    Anonymous,
    /// The caller acts for somebody else without the role `trust`.
    #[error("acting for another user needs the role trust")]
    NotTrusted,
    /// The caller's wish can't be met.
    #[error(transparent)]
    Expires(#[from] ExpiresError),
    /// The caller's rules can't be used.
    #[error(transparent)]
    Permissions(#[from] PermissionsError),
    /// There is no such user.
    #[error("there is no user {0:?}")]
    NoSuchUser(String),
    /// The user may not come in.
    #[error("the user {0:?} is not enabled, not approved or not confirmed")]
    UserDisabled(String),
    /// The user has too many unspent ones.
    #[error("the user has {0} unspent one-time passwords, which is the most; withdraw some or let them expire")]
    TooMany(u32),
    /// The one-time password belongs to somebody else.
    #[error("the one-time password belongs to somebody else")]
    Foreign,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl OtpError {
    /// The reason for the trail, where the rules themselves refused.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::OtpSession => Some(Reason::OtpSession),
            Self::Anonymous | Self::NotTrusted => Some(Reason::NotAllowed),
            Self::Expires(_) | Self::Permissions(_) => Some(Reason::BadRequest),
            Self::NoSuchUser(_) => Some(Reason::NotFound),
            // Storage has written the row in the transaction that decided.
            Self::UserDisabled(_) | Self::TooMany(_) | Self::Foreign | Self::Storage(_) => None,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Makes a one-time password for the caller: `my.otp.create`.
    ///
    /// # Errors
    ///
    /// [`OtpError`]; nothing was made then.
    pub async fn mint_own_otp(
        &self,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MintedOtp, OtpError> {
        let audit = AuditEvent::new(now, context, actor, Operation::OtpMint).target(actor.name());
        let planned = own(actor)
            .and_then(|(owner, login)| self.plan_otp(owner, login, &OtpRequest::default(), actor, context, now, rng));
        self.store_otp(planned, audit, now).await
    }

    /// Makes a one-time password for the user `login`: `system.otp.create`.
    ///
    /// # Errors
    ///
    /// [`OtpError`]; nothing was made then.
    pub async fn mint_otp_for(
        &self,
        login: &str,
        request: &OtpRequest,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MintedOtp, OtpError> {
        let audit = AuditEvent::new(now, context, actor, Operation::OtpMint).target(&login.to_lowercase());
        let planned = match self.find_for(login, actor).await {
            Ok(user) => self.plan_otp(user.id, &user.login, request, actor, context, now, rng),
            Err(error) => Err(error),
        };
        self.store_otp(planned, audit, now).await
    }

    /// Records a request to make one that a door could not even read.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn record_unreadable_otp_request(
        &self,
        target: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let audit = AuditEvent::new(now, context, actor, Operation::OtpMint).target(&target.to_lowercase());
        self.repository.run(RecordAudit { event: audit.refused(Reason::BadRequest) }).await
    }

    /// The caller's live one-time passwords: `my.otp.list`.
    ///
    /// # Errors
    ///
    /// [`OtpError::Anonymous`] and [`OtpError::Storage`].
    pub async fn list_own_otps(&self, actor: &Actor, now: Timestamp) -> Result<(LoginName, Vec<Credential>), OtpError> {
        let (owner, login) = own(actor)?;
        Ok((login.clone(), self.live_otps(owner, now).await?))
    }

    /// Another user's live one-time passwords: `system.otp.list`.
    ///
    /// # Errors
    ///
    /// [`OtpError::NotTrusted`], [`OtpError::NoSuchUser`] and [`OtpError::Storage`].
    pub async fn list_otps_of(
        &self,
        login: &str,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<(LoginName, Vec<Credential>), OtpError> {
        let user = self.find_for(login, actor).await?;
        Ok((user.login.clone(), self.live_otps(user.id, now).await?))
    }

    /// Withdraws one of the caller's own: `my.otp.delete`. One that is not there counts as
    /// withdrawn.
    ///
    /// # Errors
    ///
    /// [`OtpError::Foreign`] for somebody else's, [`OtpError::OtpSession`],
    /// [`OtpError::Anonymous`] and [`OtpError::Storage`].
    pub async fn delete_own_otp(
        &self,
        id: CredentialId,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), OtpError> {
        let owner = own(actor).map(|(owner, _)| Some(owner));
        self.delete_otp_where(id, owner, actor, context, now).await
    }

    /// Withdraws anybody's: `system.otp.delete`.
    ///
    /// # Errors
    ///
    /// [`OtpError::NotTrusted`], [`OtpError::OtpSession`] and [`OtpError::Storage`].
    pub async fn delete_otp(
        &self,
        id: CredentialId,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), OtpError> {
        let anybody = trusted(actor).map(|()| None);
        self.delete_otp_where(id, anybody, actor, context, now).await
    }

    /// Removes the rows of one-time passwords that can't be used any more and are older than
    /// the time for which a spent one is still recognised. Answers how many.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn reap_otps(&self, now: Timestamp) -> Result<u64, RepositoryError> {
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

    /// A one-time password that is not stored yet.
    #[expect(clippy::too_many_arguments, reason = "all of them go into the one record")]
    pub(crate) fn plan_otp(
        &self,
        owner: UserId,
        login: &LoginName,
        request: &OtpRequest,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Result<MintedOtp, OtpError> {
        if actor.is_otp_session() {
            return Err(OtpError::OtpSession);
        }
        let expires = Expires::resolve(&request.expires, now, &self.settings.otp_lifetimes)?;
        let permissions =
            parse_rules(request.permissions.iter().map(|(uri, letters)| (uri.as_str(), letters.as_str())))?;
        let plaintext_key = generate_key(rng);
        let credential = Credential {
            id: CredentialId::generate(now, rng),
            kind: CredentialKind::Otp,
            owner,
            digest: self.settings.pepper.digest(login, &plaintext_key),
            permissions,
            origin: format!("{}@{}", actor.name(), context.address),
            expires,
            created: now,
            spent: None,
        };
        Ok(MintedOtp { credential, login: login.clone(), plaintext_key })
    }

    async fn store_otp(
        &self,
        planned: Result<MintedOtp, OtpError>,
        audit: AuditEvent,
        now: Timestamp,
    ) -> Result<MintedOtp, OtpError> {
        let minted = match planned {
            Ok(minted) => minted,
            Err(error) => return Err(self.refuse_otp(error, audit).await),
        };
        let live_max = self.settings.otps_live_max;
        let audit = audit.detail(&minted.credential.id.to_bus());
        let credential = minted.credential.clone();
        match self.repository.run(MintCredential { credential, live_max, now, audit }).await? {
            MintOutcome::Minted => Ok(minted),
            MintOutcome::NoSuchUser => Err(OtpError::NoSuchUser(minted.login.to_string())),
            MintOutcome::UserDisabled => Err(OtpError::UserDisabled(minted.login.to_string())),
            MintOutcome::TooMany => Err(OtpError::TooMany(live_max)),
        }
    }

    async fn delete_otp_where(
        &self,
        id: CredentialId,
        owner: Result<Option<UserId>, OtpError>,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), OtpError> {
        let audit = AuditEvent::new(now, context, actor, Operation::OtpDelete).target(&id.to_bus());
        let owner = match owner {
            Ok(_) if actor.is_otp_session() => return Err(self.refuse_otp(OtpError::OtpSession, audit).await),
            Ok(owner) => owner,
            Err(error) => return Err(self.refuse_otp(error, audit).await),
        };
        match self.repository.run(DeleteCredential { id, kind: CredentialKind::Otp, owner, audit }).await? {
            DeleteCredentialOutcome::Deleted | DeleteCredentialOutcome::NotFound => Ok(()),
            DeleteCredentialOutcome::Foreign => Err(OtpError::Foreign),
        }
    }

    /// Writes the refusal into the trail; a fault there is what the caller hears of then.
    pub(crate) async fn refuse_otp(&self, error: OtpError, audit: AuditEvent) -> OtpError {
        let Some(reason) = error.reason() else { return error };
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }

    /// The user for whom a trusted actor acts; anybody may name themselves.
    async fn find_for(&self, login: &str, actor: &Actor) -> Result<User, OtpError> {
        if !is_own_login(actor, login) {
            trusted(actor)?;
        }
        let unknown = || OtpError::NoSuchUser(login.chars().take(LoginName::BYTES_MAX).collect());
        let name = LoginName::parse(login).map_err(|_| unknown())?;
        self.repository.run(FindUser::ByLogin(name)).await?.ok_or_else(unknown)
    }

    async fn live_otps(&self, owner: UserId, now: Timestamp) -> Result<Vec<Credential>, RepositoryError> {
        self.repository.run(ListCredentials { owner, kind: CredentialKind::Otp, now }).await
    }
}

fn is_own_login(actor: &Actor, name: &str) -> bool {
    matches!(actor, Actor::User { login, .. } if LoginName::parse(name).as_ref() == Ok(login))
}

fn trusted(actor: &Actor) -> Result<(), OtpError> {
    if actor.is_trusted() { Ok(()) } else { Err(OtpError::NotTrusted) }
}

fn own(actor: &Actor) -> Result<(UserId, &LoginName), OtpError> {
    match actor {
        Actor::User { id, login, .. } => Ok((*id, login)),
        Actor::Operator | Actor::Anonymous => Err(OtpError::Anonymous),
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
#[path = "otp_tests.rs"]
mod tests;
