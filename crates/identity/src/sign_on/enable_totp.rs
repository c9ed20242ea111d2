//! Turning the demand for a code on and off.
//!
//! Who turns it on for themselves shows a code first, so that nobody is locked out by a key that no authenticator has; who
//! turns it off shows that the session is fresh, where that is asked for. A super-user sets it for others as it is needed.
//!
//! Source: contract of the sign-on API, sections 3.4 and 11.

use super::Caller;
use super::operations::{EnableFactor, EnableFactorOutcome, FindFactor};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{FindUser, RecordAudit, Repository, RepositoryError};
use crate::user::User;
use crate::{Identity, RequestContext, Secret, Timestamp, UserId};

/// A wish to turn the demand for a code on or off.
#[derive(Debug, Clone, Copy)]
pub struct EnableTotp<'a> {
    /// For whom.
    pub owner: UserId,
    /// On or off.
    pub enabled: bool,
    /// A present code of the key, for whoever turns it on for themselves.
    pub code: Option<&'a Secret>,
}

/// Why it stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum EnableTotpError {
    /// Only super-users do it for others.
    #[error("only a super-user may do this for others")]
    NotAllowed,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// There is no key whose codes could be demanded.
    #[error("the user has no TOTP key yet")]
    NoFactor,
    /// A code is missing, wrong, or was used before; the trail knows which.
    #[error("refused: {}", .0.name())]
    Code(Reason),
    /// The session's check of password and code is too long ago.
    #[error("sign in again to change the second factor")]
    StepUp,
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl EnableTotpError {
    fn reason(&self) -> Reason {
        match self {
            Self::NotAllowed => Reason::NotAllowed,
            Self::NoSuchUser | Self::NoFactor => Reason::NotFound,
            Self::Code(reason) => *reason,
            Self::StepUp => Reason::StepUp,
            Self::Storage(_) => Reason::BadRequest,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Turns the demand for a code on or off. What is so already stays so, and needs no code.
    ///
    /// # Errors
    ///
    /// [`EnableTotpError`], which the trail holds by then; nothing was changed.
    pub async fn enable_totp(
        &self,
        caller: &Caller,
        wish: EnableTotp<'_>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), EnableTotpError> {
        let operation = if wish.enabled { Operation::TotpEnable } else { Operation::TotpDisable };
        let audit = caller.event(operation, context, now);
        let is_own = wish.owner == caller.user.id;
        let refusal = if !is_own && !caller.is_super_user() {
            Some(EnableTotpError::NotAllowed)
        } else if is_own && !wish.enabled && self.needs_step_up(caller, now) {
            Some(EnableTotpError::StepUp)
        } else {
            None
        };
        if let Some(error) = refusal {
            return Err(self.refuse_enabling(error, audit.target(&wish.owner.to_sign_on())).await);
        }
        let owner = if is_own { Some(caller.user.clone()) } else { self.user_by_id(wish.owner).await? };
        let Some(owner) = owner else {
            return Err(self
                .refuse_enabling(EnableTotpError::NoSuchUser, audit.target(&wish.owner.to_sign_on()))
                .await);
        };
        let audit = audit.target(owner.login.as_str());
        let needs_code = wish.enabled && is_own && !self.settings.sign_on.factor.enables_without_code;
        let found = self.repository.run(FindFactor { login: owner.login.clone() }).await?;
        let factor = found.and_then(|(_, factor)| factor).filter(|factor| needs_code && !factor.is_enabled);
        let code = match factor.map(|factor| self.check_code(&owner, &factor, wish.code, context, now)).transpose() {
            Ok(code) => code,
            Err(reason) => {
                self.refuse_code(&owner, audit, reason).await?;
                return Err(EnableTotpError::Code(reason));
            }
        };
        let end_sessions = self.sessions_to_end(caller, owner.id);
        let enable = EnableFactor { owner: owner.id, enabled: wish.enabled, needs_code, code, end_sessions, audit };
        match self.repository.run(enable).await? {
            EnableFactorOutcome::Done => Ok(()),
            EnableFactorOutcome::NoFactor => Err(EnableTotpError::NoFactor),
            EnableFactorOutcome::Refused(reason) => Err(EnableTotpError::Code(reason)),
        }
    }

    async fn user_by_id(&self, id: UserId) -> Result<Option<User>, RepositoryError> {
        self.repository.run(FindUser::ById(id)).await
    }

    /// The row for the trail with the name of its target, whose id the caller gave; unchanged where there is no such user.
    pub(super) async fn naming(
        &self,
        audit: AuditEvent,
        caller: &Caller,
        owner: UserId,
    ) -> Result<AuditEvent, RepositoryError> {
        if owner == caller.user.id {
            return Ok(audit.target(caller.user.login.as_str()));
        }
        let found = self.user_by_id(owner).await?;
        Ok(match found {
            Some(user) => audit.target(user.login.as_str()),
            None => audit,
        })
    }

    async fn refuse_enabling(&self, error: EnableTotpError, audit: AuditEvent) -> EnableTotpError {
        match self.repository.run(RecordAudit { event: audit.refused(error.reason()) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }
}
