//! Elevation: a session's user shows the password again, for what asks for a session that has just done so (`+`).
//!
//! Source: contract of the bus, sections 2.5, 8 (W8, W14) and 9.
//!
//! **Invariants:** nothing but the user's own password elevates, with a code of the second factor where that is on: no
//! one-time password, key, cookie or token, however good it is for a login, and it isn't used up either. A session that was opened
//! by a key of any kind is never elevated, nor is one without a login. Every attempt leaves one row in the trail.

use super::{Attempt, LoggedIn, LoginError, PasswordPool, attempt_row};
use crate::audit::Reason;
use crate::password::PASSWORD_BYTES_MAX;
use crate::repository::{RecordAudit, Repository};
use crate::{Actor, Identity, SessionKind, Timestamp};

/// How far a session can be elevated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elevates {
    /// It is from its beginning on: it was opened by what the user alone has, a moment ago.
    AtOnce,
    /// When its user shows the password.
    ByPassword,
    /// Never.
    Never,
}

impl SessionKind {
    /// How far such a session can be elevated.
    pub fn elevates(self) -> Elevates {
        match self {
            Self::Password | Self::Certificate => Elevates::AtOnce,
            // What the user showed for these may be long ago.
            Self::Cookie(_) | Self::SignOn(_) => Elevates::ByPassword,
            Self::Otp(_) | Self::ApiKey(..) => Elevates::Never,
        }
    }
}

impl Actor {
    /// How far the actor's session can be elevated.
    pub fn elevates(&self) -> Elevates {
        match self {
            Self::User { session, .. } => session.elevates(),
            Self::Operator | Self::Anonymous => Elevates::Never,
        }
    }
}

/// Why a session was not elevated.
#[derive(Debug, thiserror::Error)]
pub enum ElevationError {
    /// The session has no login.
    #[error("a session without a login can't be elevated")]
    Anonymous,
    /// The session was opened by a one-time password or a key.
    #[error("a session that was opened with a one-time password or a key can't be elevated")]
    KeySession,
    /// What was shown is not good, or can't be looked at.
    #[error(transparent)]
    Login(#[from] LoginError),
}

impl<R: Repository> Identity<R> {
    /// Whether the ticket is the password of the actor, with a code behind it where one is needed.
    ///
    /// # Errors
    ///
    /// [`ElevationError`], which the trail holds by then, unless storage failed. Its [`LoginError`] is never
    /// [`LoginError::CodeNeeded`].
    pub async fn reauthenticate(
        &self,
        attempt: &Attempt<'_>,
        actor: &Actor,
        pool: &impl PasswordPool,
        now: Timestamp,
    ) -> Result<(), ElevationError> {
        let audit = attempt_row(&attempt.claim, now);
        let (id, login) = match (actor, actor.elevates()) {
            (Actor::User { id, login, .. }, Elevates::AtOnce | Elevates::ByPassword) => (*id, login.clone()),
            (other, _) => {
                let row = RecordAudit { event: audit.refused(Reason::NotElevatable) };
                self.repository.run(row).await.map_err(LoginError::from)?;
                let is_anonymous = matches!(other, Actor::Operator | Actor::Anonymous);
                return Err(if is_anonymous { ElevationError::Anonymous } else { ElevationError::KeySession });
            }
        };
        if attempt.ticket.is_blank() {
            return Err(self.refuse_login(audit, Reason::BlankTicket).await.into());
        }
        if attempt.ticket.expose().len() > PASSWORD_BYTES_MAX {
            return Err(self.refuse_login(audit, Reason::WrongTicket).await.into());
        }
        match self.login_by_password(login, audit, attempt, pool, now).await {
            Ok(shown) if shown.user().id == id => Ok(()),
            // Another user has the name now; the session is about to end.
            Ok(_) => Err(LoginError::Refused(Reason::Revoked).into()),
            // There is no second round.
            Err(LoginError::CodeNeeded(needed)) => Err(self.give_up_code(&needed, &attempt.claim, now).await.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the ticket would log its user in, for a session that asks. A one-time password is used up by it.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, and [`LoginError::Storage`].
    pub async fn authenticate(
        &self,
        attempt: &Attempt<'_>,
        pool: &impl PasswordPool,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        match self.login(attempt, pool, now).await {
            // There is no second round.
            Err(LoginError::CodeNeeded(needed)) => Err(self.give_up_code(&needed, &attempt.claim, now).await),
            decided => decided,
        }
    }
}

#[cfg(test)]
#[path = "elevation_tests.rs"]
mod tests;
