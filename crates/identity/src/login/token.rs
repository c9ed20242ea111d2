//! Login by the token of a sign-on session.
//!
//! **Invariant:** the token opens a session of its owner only, while its own session lives. Whoever holds that session open
//! (the server) looks again until it ends: see [`Identity::living_sessions`].

use super::{Claim, LoggedIn, LoginError};
use crate::audit::{AuditEvent, Reason};
use crate::repository::Repository;
use crate::sign_on::operations::{AcceptToken, AcceptTokenOutcome};
use crate::{Identity, LoginName, Secret, SessionKind, Timestamp};

impl<R: Repository> Identity<R> {
    /// Signs in the owner of a session token. A name that the client gave has to be the same user's.
    pub(super) async fn login_by_token(
        &self,
        claim: &Claim<'_>,
        token: &Secret,
        audit: AuditEvent,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let login = match claim.login.trim() {
            "" => None,
            given => match LoginName::parse(given) {
                Ok(login) => Some(login),
                Err(_) => return Err(self.refuse_login(audit, Reason::TokenMismatch).await),
            },
        };
        let digest = self.settings.pepper.digest_token(token);
        let audit = audit.detail(&format!("session token session={}", claim.session));
        match self.repository.run(AcceptToken { digest, login, now, audit }).await? {
            AcceptTokenOutcome::Accepted { session, user } => Ok(LoggedIn {
                expires: Some(session.expires),
                ..LoggedIn::whole(user, SessionKind::SignOn(session.id))
            }),
            AcceptTokenOutcome::Refused(reason) => Err(LoginError::Refused(reason)),
        }
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
