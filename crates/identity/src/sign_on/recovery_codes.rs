//! A fresh set of recovery codes: shown once, the old ones are worth nothing from then on.
//!
//! Source: `crate::recovery`; contract of the sign-on API, section 9 (18).

use rand_core::CryptoRng;

use super::Caller;
use super::operations::SetRecoveryCodes;
use crate::admin::AdminError;
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{RecordAudit, Repository, RepositoryError};
use crate::{Actor, Digest, Identity, RequestContext, Secret, Timestamp, UserId, recovery};

/// Why there are no new codes.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryCodesError {
    /// Only super-users name a user, be it themselves.
    #[error("only a super-user may name a user")]
    NamedUser,
    /// There is no such user, or none with a key whose codes they could stand in for.
    #[error("there is no such user with a second factor")]
    NoFactor,
    /// The session's check of password and code is too long ago.
    #[error("sign in again to change the second factor")]
    StepUp,
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl RecoveryCodesError {
    fn reason(&self) -> Reason {
        match self {
            Self::NamedUser => Reason::NotAllowed,
            Self::NoFactor => Reason::NotFound,
            Self::StepUp => Reason::StepUp,
            Self::Storage(_) => Reason::BadRequest,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Gives a user fresh recovery codes: the caller, or, for super-users, the user with this id in the spelling of the
    /// sign-on API.
    ///
    /// # Errors
    ///
    /// [`RecoveryCodesError`], which the trail holds by then; the old codes are as they were.
    pub async fn reset_recovery_codes(
        &self,
        caller: &Caller,
        user_id: Option<&str>,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Vec<Secret>, RecoveryCodesError> {
        let target = user_id.unwrap_or(caller.user.login.as_str());
        let audit = caller.event(Operation::TotpRecovery, context, now).target(target);
        let owner = match user_id.filter(|text| !text.is_empty()) {
            None => Ok(caller.user.id),
            Some(_) if !caller.is_super_user() => Err(RecoveryCodesError::NamedUser),
            Some(text) => UserId::parse_sign_on(text).map_err(|_| RecoveryCodesError::NoFactor),
        };
        let owner = match owner {
            Ok(owner) if owner == caller.user.id && self.needs_step_up(caller, now) => Err(RecoveryCodesError::StepUp),
            other => other,
        };
        let owner = match owner {
            Ok(owner) => owner,
            Err(error) => {
                self.repository.run(RecordAudit { event: audit.refused(error.reason()) }).await?;
                return Err(error);
            }
        };
        let audit = self.naming(audit, caller, owner).await?;
        let (codes, digests) = self.new_recovery_codes(owner, rng);
        let is_set = self.repository.run(SetRecoveryCodes { owner, digests, audit }).await?;
        if is_set { Ok(codes) } else { Err(RecoveryCodesError::NoFactor) }
    }

    /// The same in the operator's hands.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; the old codes are as they were then.
    pub async fn reset_recovery_codes_of(
        &self,
        login: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Vec<Secret>, AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::TotpRecovery).target(&login.to_lowercase());
        let owner = self.user(login).await;
        let (owner, audit) = self.admit(actor, owner, audit).await?;
        let (codes, digests) = self.new_recovery_codes(owner.id, rng);
        let is_set = self.repository.run(SetRecoveryCodes { owner: owner.id, digests, audit }).await?;
        if is_set { Ok(codes) } else { Err(AdminError::NoFactor(login.to_owned())) }
    }

    fn new_recovery_codes(&self, owner: UserId, rng: &mut impl CryptoRng) -> (Vec<Secret>, Vec<Digest>) {
        let codes = recovery::generate(rng);
        let digests = codes.iter().filter_map(|code| recovery::digest(&self.settings.pepper, owner, code)).collect();
        (codes, digests)
    }
}
