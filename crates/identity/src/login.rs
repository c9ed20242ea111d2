//! Login. By ticket: session token, one-time password, API key or password, tried by look-up, cheapest first. Other
//! methods are in the files beside.
//!
//! Source: contract of the bus, sections 2 and 9; architecture, section 4.
//!
//! **Invariants:** a stranger can't tell an unknown user, a wrong ticket and a disabled user
//! apart, neither by the answer nor by its time: each of them costs one look-up and as many
//! password checks as the ticket's look says (`appended.rs`). Nor can one who doesn't know the
//! password tell whether a code of the second factor is needed. Every attempt leaves one row in the trail. Only the logins here, in the files
//! beside and in [`crate::challenge`] make a [`LoggedIn`], which a session demands.

mod act_for;
mod api_key;
mod appended;
mod certificate;
mod cookie;
mod elevation;
mod imported_key;
mod purpose;
mod second_factor;
mod token;

use std::future::Future;
use std::sync::Arc;

use crate::audit::{AuditEvent, Operation, Reason};
use crate::old_digest::OldDigest;
use crate::password::{NewPassword, PASSWORD_BYTES_MAX, PasswordHash, PasswordSecrets};
use crate::permission::Restriction;
use crate::repository::{
    AcceptLogin, AcceptLoginOutcome, Evidence, FindCredential, RecordAudit, Repository, RepositoryError,
    SpendCredential, SpendOutcome,
};
use crate::sign_on::operations::FindFactor;
use crate::standing::Way;
use crate::user::User;
use crate::{
    Actor, Credential, CredentialKind, Identity, LoginName, RequestContext, Secret, SessionKind, Timestamp, TokenKind,
};

pub use certificate::CertificateHolder;
pub use cookie::{CookieLogin, CookieValue, KnownCookie, NewCookie};
pub use elevation::{Elevates, ElevationError};
pub use purpose::Purpose;
pub use second_factor::CodeNeeded;

use appended::check_ticket;
pub(crate) use purpose::attempt_row;
pub(crate) use second_factor::FirstFactor;

/// Checks passwords somewhere with room for it, a bounded number at a time. Asks the directory where a hash is the mark of one of
/// its users; see [`crate::source`].
pub trait PasswordPool: Send + Sync {
    /// Whether `password` is the one behind `hash`; see [`crate::password::verify`].
    ///
    /// # Errors
    ///
    /// [`PoolBusy`] where there is no room in time.
    fn verify(
        &self,
        hash: Option<PasswordHash>,
        password: Secret,
    ) -> impl Future<Output = Result<bool, PoolBusy>> + Send;

    /// Computes the digest that another system has of a key; see [`OldDigest::of`].
    ///
    /// # Errors
    ///
    /// [`PoolBusy`] where there is no room in time.
    fn old_digest(&self, login: LoginName, key: Secret) -> impl Future<Output = Result<OldDigest, PoolBusy>> + Send;

    /// Derives what is stored of a password that was found right.
    ///
    /// # Errors
    ///
    /// [`PoolBusy`] where there is no room in time.
    fn renew(&self, password: Secret) -> impl Future<Output = Result<PasswordSecrets, PoolBusy>> + Send;

    /// Derives what is stored of a password; see [`NewPassword::derive`].
    ///
    /// # Errors
    ///
    /// [`PoolBusy`] where there is no room in time.
    fn derive(&self, password: NewPassword) -> impl Future<Output = Result<PasswordSecrets, PoolBusy>> + Send;
}

/// The pool had no room in time, or the directory gave no answer. Nobody knows whether the ticket is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub struct PoolBusy;

/// Whom somebody claims to be, by whichever method.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The name that the client gave.
    pub login: &'a str,
    /// From where and through which door.
    pub context: &'a RequestContext,
    /// The session that would be opened, for the trail.
    pub session: &'a str,
    /// The code of the second factor that came along, if one did. Looked at only where the user logs in by the password, or
    /// a proof that is made of it, and has the second factor on.
    pub code: Option<&'a Secret>,
    /// What for.
    pub purpose: Purpose<'a>,
}

/// One attempt to log in by ticket.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Whom the client claims to be.
    pub claim: Claim<'a>,
    /// The ticket that the client gave.
    pub ticket: &'a Secret,
    /// What the browser was given for the case that the ticket is the user's password.
    pub cookie: Option<&'a NewCookie>,
}

/// Proof of a login.
#[derive(Debug, Clone)]
#[must_use = "a credential may have been spent for this"]
pub struct LoggedIn {
    user: User,
    kind: SessionKind,
    restriction: Option<Arc<Restriction>>,
    has_restrictions: bool,
    expires: Option<Timestamp>,
    revision: u32,
}

impl LoggedIn {
    /// A user who came by something of the user's own: with all that the role has.
    fn whole(user: User, kind: SessionKind) -> Self {
        Self { user, kind, restriction: None, has_restrictions: false, expires: None, revision: 0 }
    }

    /// Who logged in.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// How.
    pub fn kind(&self) -> SessionKind {
        self.kind
    }

    /// The user as an actor.
    pub fn actor(&self) -> Actor {
        Actor::of(&self.user, self.kind)
    }

    /// What narrows the role, if anything does.
    pub fn restriction(&self) -> Option<Arc<Restriction>> {
        self.restriction.clone()
    }

    /// Whether the credential had rules of its own.
    pub fn has_restrictions(&self) -> bool {
        self.has_restrictions
    }

    /// When that ends by which the user came, unless it is renewed; `None` if it has no end of its own.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// [`Credential::revision`] of the key by which the user came.
    pub fn revision(&self) -> u32 {
        self.revision
    }
}

/// Why a login was refused. For the trail and the throttle only: a stranger is told the same
/// for every [`LoginError::Refused`].
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The stranger's fault, or bad luck.
    #[error("refused: {}", .0.name())]
    Refused(Reason),
    /// Nobody's: what was shown is right so far, and a code of the second factor has to be shown as well. Nothing is in the
    /// trail yet; [`Identity::login_by_code`] goes on, [`Identity::give_up_code`] doesn't.
    #[error("a code of the second factor is needed")]
    CodeNeeded(Box<CodeNeeded>),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl LoginError {
    /// The same refusal with another reason than the trail has.
    pub(crate) fn told(self, reason: Reason) -> Self {
        match self {
            Self::Refused(_) => Self::Refused(reason),
            other @ (Self::CodeNeeded(_) | Self::Storage(_)) => other,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Tries a ticket: the token of a sign-on session, which says whose it is, else a one-time password or an API key of
    /// the user, else the user's password.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, [`LoginError::CodeNeeded`], and [`LoginError::Storage`].
    pub async fn login(
        &self,
        attempt: &Attempt<'_>,
        pool: &impl PasswordPool,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let audit = attempt_row(&attempt.claim, now);
        // What can't be a ticket or a login name costs nothing and tells nothing.
        if attempt.ticket.is_blank() {
            return Err(self.refuse_login(audit, Reason::BlankTicket).await);
        }
        if attempt.ticket.expose().len() > PASSWORD_BYTES_MAX {
            return Err(self.refuse_login(audit, Reason::WrongTicket).await);
        }
        if TokenKind::of(attempt.ticket) == Some(TokenKind::Session) {
            return self.login_by_token(&attempt.claim, attempt.ticket, audit, now).await;
        }
        let Ok(login) = LoginName::parse(attempt.claim.login) else {
            return Err(self.refuse_login(audit, Reason::UnknownUser).await);
        };
        let digest = self.settings.pepper.digest(&login, attempt.ticket);
        let found = match self.repository.run(FindCredential { digest }).await? {
            Some(found) => Some(found),
            None => match self.imported_key(&login, attempt.ticket, pool).await {
                Err(LoginError::Refused(reason)) => return Err(self.refuse_login(audit, reason).await),
                found => found?,
            },
        };
        match found {
            Some(key) if key.kind == CredentialKind::ApiKey => {
                self.login_by_key(&key, digest, audit, attempt, now).await
            }
            Some(credential) => self.spend(&credential, audit, attempt, now).await,
            None => self.login_by_password(login, audit, attempt, pool, now).await,
        }
    }

    /// Records an attempt that was refused for another cause than what the client showed.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn record_refused_login(
        &self,
        claim: &Claim<'_>,
        reason: Reason,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let event = attempt_row(claim, now).refused(reason);
        self.repository.run(RecordAudit { event }).await
    }

    /// Records the opening of a session without a login.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn record_anonymous(
        &self,
        authid: &str,
        session: &str,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let event = AuditEvent::new(now, context, &Actor::Anonymous, Operation::Login)
            .target(authid)
            .detail(&format!("anonymous session={session}"));
        self.repository.run(RecordAudit { event }).await
    }

    async fn spend(
        &self,
        found: &Credential,
        login: AuditEvent,
        attempt: &Attempt<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let spend = AuditEvent { operation: Operation::OtpSpend, ..login.clone() }.target(&found.id.to_bus());
        let login = login.detail(&format!("otp session={}", attempt.claim.session));
        let outcome = self.repository.run(SpendCredential { digest: found.digest, now, login, spend }).await?;
        match outcome {
            SpendOutcome::Spent { credential, user } => Ok(LoggedIn {
                kind: SessionKind::Otp(credential.id),
                restriction: Some(self.settings.denials.restriction(&credential.permissions)),
                has_restrictions: !credential.permissions.is_empty(),
                expires: None,
                revision: credential.revision,
                user,
            }),
            SpendOutcome::Refused(reason) => Err(LoginError::Refused(reason)),
        }
    }

    async fn login_by_password(
        &self,
        login: LoginName,
        audit: AuditEvent,
        attempt: &Attempt<'_>,
        pool: &impl PasswordPool,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let found = self.repository.run(FindFactor { login }).await?;
        let hash = found.as_ref().and_then(|(user, _)| user.checkable_password(now));
        let factor = found.as_ref().and_then(|(_, factor)| factor.as_ref()).filter(|factor| factor.is_enabled);
        let Ok(shown) = check_ticket(attempt, hash.clone(), factor, pool, now).await else {
            return Err(self.refuse_login(audit, Reason::Busy).await);
        };
        let Some((user, factor)) = found else {
            return Err(self.refuse_login(audit, Reason::UnknownUser).await);
        };
        let (Some(shown), Some(checked)) = (shown, hash) else {
            let reason = user.standing.admits(Way::Key, now).err().unwrap_or(Reason::WrongTicket);
            return Err(self.refuse_login(audit, reason).await);
        };
        let cookie = attempt.cookie.map(|new| new.credential(&self.settings.pepper, user.id, &user.login, &audit));
        let is_whole = shown.is_whole();
        let shown_first = FirstFactor { user, by: Evidence::Password(checked), how: "password", cookie };
        let logged_in = self.second_factor(shown_first, factor.as_ref(), shown.code(), &attempt.claim, now).await?;
        if is_whole {
            self.renew_hash(logged_in.user(), attempt.ticket, pool, audit).await;
        }
        Ok(logged_in)
    }

    /// Opens a session of the user itself, if what was found right is still so.
    pub(crate) async fn accept(&self, accept: AcceptLogin) -> Result<LoggedIn, LoginError> {
        match self.repository.run(accept).await? {
            AcceptLoginOutcome::Accepted(user) => Ok(LoggedIn::whole(user, SessionKind::Password)),
            AcceptLoginOutcome::Refused(reason) => Err(LoginError::Refused(reason)),
        }
    }

    pub(crate) async fn refuse_login(&self, audit: AuditEvent, reason: Reason) -> LoginError {
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => LoginError::Refused(reason),
            Err(fault) => LoginError::Storage(fault),
        }
    }
}

#[cfg(test)]
#[path = "login_tests.rs"]
mod tests;
