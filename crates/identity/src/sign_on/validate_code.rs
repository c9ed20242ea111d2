//! Checking a code of the second factor apart from a login. A right code is used up by it, as by a login.
//!
//! Source: contract of the sign-on API, section 2.5.

use super::Caller;
use super::operations::{FindFactor, SpendCode, SpendCodeOutcome};
use crate::audit::{Operation, Reason};
use crate::repository::{RecordAudit, Repository, RepositoryError};
use crate::{Identity, LoginName, RequestContext, Secret, Timestamp};

/// Why a code is not good.
#[derive(Debug, thiserror::Error)]
pub enum ValidateCodeError {
    /// Only super-users name a user.
    #[error("only a super-user may name a user")]
    NotAllowed,
    /// There is no such user, or none with a key.
    #[error("there is no such user with a second factor")]
    NoFactor,
    /// The code is missing, wrong, or was used before; the trail knows which.
    #[error("refused: {}", .0.name())]
    Code(Reason),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl<R: Repository> Identity<R> {
    /// Whether this is a present code of the caller, or, for super-users, of the user with this name. It doesn't matter
    /// whether logins need one.
    ///
    /// # Errors
    ///
    /// [`ValidateCodeError`], which the trail holds by then.
    pub async fn validate_code(
        &self,
        caller: &Caller,
        username: Option<&str>,
        code: Option<&Secret>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), ValidateCodeError> {
        let name = username.unwrap_or(caller.user.login.as_str());
        let audit = caller.event(Operation::TotpValidate, context, now).target(name);
        let refused = |reason| RecordAudit { event: audit.clone().refused(reason) };
        let login = LoginName::parse(name).ok();
        if login.as_ref() != Some(&caller.user.login) && !caller.is_super_user() {
            self.repository.run(refused(Reason::NotAllowed)).await?;
            return Err(ValidateCodeError::NotAllowed);
        }
        let found = match login {
            Some(login) => self.repository.run(FindFactor { login }).await?,
            None => None,
        };
        let Some((owner, Some(factor))) = found else {
            self.repository.run(refused(Reason::NotFound)).await?;
            return Err(ValidateCodeError::NoFactor);
        };
        let code = match self.check_code(&owner, &factor, code, context, now) {
            Ok(code) => code,
            Err(reason) => {
                self.refuse_code(&owner, audit, reason).await?;
                return Err(ValidateCodeError::Code(reason));
            }
        };
        match self.repository.run(SpendCode { owner: owner.id, code, audit }).await? {
            SpendCodeOutcome::Spent => Ok(()),
            SpendCodeOutcome::Refused(reason) => Err(ValidateCodeError::Code(reason)),
        }
    }
}
