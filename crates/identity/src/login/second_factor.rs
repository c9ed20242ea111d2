//! The second factor at a login: where the password, or a proof that is made of it, was right, and a code is needed too.
//!
//! **Invariants:** who is told that a code is needed has shown the password. A code is accepted by the write that accepts
//! the login, which looks again at both factors. A one-time password, a cookie, a session token, a public key and a
//! certificate need no code: they are not the password, and the first three were got by one who showed it.

use super::{Claim, LoggedIn, LoginError, attempt_row};
use crate::audit::Reason;
use crate::repository::{AcceptLogin, Evidence, Repository, RepositoryError};
use crate::sign_on::Factor;
use crate::sign_on::operations::{AcceptedCode, FindFactor};
use crate::standing::Way;
use crate::user::User;
use crate::{Credential, Identity, Secret, Timestamp};

/// What was found right of a user's password.
#[derive(Debug)]
pub(crate) struct FirstFactor {
    /// Whose it is.
    pub user: User,
    /// The password, or what is made of it.
    pub by: Evidence,
    /// How the trail calls it.
    pub how: &'static str,
    /// A cookie that the login leaves.
    pub cookie: Option<Credential>,
}

/// A login that is right so far and waits for a code of the second factor.
#[derive(Debug)]
#[must_use = "the trail has nothing of it yet"]
pub struct CodeNeeded(FirstFactor);

impl<R: Repository> Identity<R> {
    /// Goes on with a code of the second factor.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, and [`LoginError::Storage`].
    pub async fn login_by_code(
        &self,
        needed: CodeNeeded,
        code: &Secret,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let CodeNeeded(shown) = needed;
        let found = self.repository.run(FindFactor { login: shown.user.login.clone() }).await?;
        let factor = found.and_then(|(_, factor)| factor);
        match self.second_factor(shown, factor.as_ref(), Some(code), claim, now).await {
            Err(LoginError::CodeNeeded(needed)) => Err(self.give_up_code(&needed, claim, now).await),
            decided => decided,
        }
    }

    /// Ends a login that waits for a code that doesn't come. Answers the refusal, which the trail holds by then.
    pub async fn give_up_code(&self, needed: &CodeNeeded, claim: &Claim<'_>, now: Timestamp) -> LoginError {
        let CodeNeeded(FirstFactor { user, how, .. }) = needed;
        let audit = attempt_row(claim, now).target(user.login.as_str());
        let audit = audit.detail(&format!("{how} session={}", claim.session));
        self.refuse_login(audit, Reason::CodeMissing).await
    }

    /// Whether the user of a proof that is made of the password needs a code: reads the second factor.
    pub(crate) async fn with_factor(
        &self,
        shown: FirstFactor,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let factor = if shown.by.way() == Way::Password {
            let found: Result<_, RepositoryError> =
                self.repository.run(FindFactor { login: shown.user.login.clone() }).await;
            found?.and_then(|(_, factor)| factor)
        } else {
            None
        };
        self.second_factor(shown, factor.as_ref(), claim.code, claim, now).await
    }

    /// Accepts the login, if no code is needed or this one is right; asks for one otherwise.
    pub(super) async fn second_factor(
        &self,
        shown: FirstFactor,
        factor: Option<&Factor>,
        code: Option<&Secret>,
        claim: &Claim<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let FirstFactor { user, by, how, cookie } = &shown;
        let left = cookie.as_ref().map(|cookie| format!(" cookie={}", cookie.id.to_bus())).unwrap_or_default();
        let row = |how: &str| attempt_row(claim, now).detail(&format!("{how} session={}{left}", claim.session));
        let factor = factor.filter(|factor| factor.is_enabled);
        // Whom nothing lets in is told nothing of the second factor; the accepting write decides for all others.
        if let (Some(_), Err(reason)) = (factor, user.standing.admits(by.way(), now)) {
            return Err(self.refuse_login(row(how), reason).await);
        }
        let code = match self.check_login_code(user, factor, code, claim.context, now) {
            Ok(code) => code,
            Err(Reason::CodeMissing) => return Err(LoginError::CodeNeeded(Box::new(CodeNeeded(shown)))),
            Err(reason) => {
                self.refuse_code(user, row(how), reason).await?;
                return Err(LoginError::Refused(reason));
            }
        };
        let audit = match &code {
            None => row(how),
            Some(AcceptedCode::Step(_)) => row(&format!("{how} and code")),
            Some(AcceptedCode::Recovery(_)) => row(&format!("{how} and recovery code")),
        };
        let FirstFactor { user, by, cookie, .. } = shown;
        let accepted = self.accept(AcceptLogin { user: user.id, by, code: code.clone(), cookie, audit }).await;
        let refused = match &accepted {
            Err(LoginError::Refused(reason)) => Some(*reason),
            _ => None,
        };
        self.code_was_judged(user.id, code.as_ref(), claim.context, refused);
        accepted
    }
}

#[cfg(test)]
#[path = "second_factor_tests.rs"]
mod tests;
