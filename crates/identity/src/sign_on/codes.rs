//! Codes of the second factor: whether the one that was given is right. The one place for every door and every rule.
//!
//! A right code counts only once storage has accepted it, in the transaction of what it is shown for. Wrong ones are
//! counted apart from passwords: per account and address ([`crate::code_throttle`]), and in a row per account, in storage.

use std::sync::{MutexGuard, PoisonError};

use super::Factor;
use super::operations::{AcceptedCode, AcceptedStep, RefuseCode};
use crate::audit::{AuditEvent, Reason};
use crate::code_throttle::CodeThrottle;
use crate::repository::{RecordAudit, Repository, RepositoryError};
use crate::user::User;
use crate::{Identity, RequestContext, Secret, Timestamp, UserId, recovery};

/// What is taken for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// Codes of an authenticator.
    Codes,
    /// Recovery codes too.
    RecoveryCodesToo,
}

impl<R: Repository> Identity<R> {
    /// Whether a login of `owner`, whose password was right, goes on with this code or recovery code: `None` where none is
    /// needed. The operation that opens the session decides; then call [`Identity::code_was_judged`].
    ///
    /// # Errors
    ///
    /// Why not, for [`Identity::refuse_code`].
    pub(crate) fn check_login_code(
        &self,
        owner: &User,
        factor: Option<&Factor>,
        given: Option<&Secret>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Option<AcceptedCode>, Reason> {
        let Some(factor) = factor.filter(|factor| factor.is_enabled) else { return Ok(None) };
        self.check(owner.id, factor, given, Taken::RecoveryCodesToo, context, now).map(Some)
    }

    /// Whether this is a code of the factor, be it turned on or not.
    ///
    /// # Errors
    ///
    /// Why not, for [`Identity::refuse_code`].
    pub(crate) fn check_code(
        &self,
        owner: &User,
        factor: &Factor,
        given: Option<&Secret>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<AcceptedCode, Reason> {
        self.check(owner.id, factor, given, Taken::Codes, context, now)
    }

    fn check(
        &self,
        owner: UserId,
        factor: &Factor,
        given: Option<&Secret>,
        taken: Taken,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<AcceptedCode, Reason> {
        let code = given.filter(|code| !code.is_blank()).ok_or(Reason::CodeMissing)?;
        let settings = &self.settings.sign_on.factor;
        let (limits, pair) = (&settings.throttle, (context.address, owner));
        let recovery = match taken {
            Taken::Codes => None,
            Taken::RecoveryCodesToo => recovery::digest(&self.settings.pepper, owner, code),
        };
        // A recovery code has bits enough to be tried also where the key's codes don't count any more.
        if recovery.is_none() && factor.failures >= limits.account_failures_max {
            return Err(Reason::FactorLocked);
        }
        let mut throttle = self.code_throttle();
        if !throttle.wait(limits, now, pair).is_zero() {
            return Err(Reason::CodeThrottled);
        }
        if let Some(digest) = recovery {
            // Only storage knows whether it is right: until then it isn't.
            throttle.failed(limits, now, pair);
            return Ok(AcceptedCode::Recovery(digest));
        }
        let Some(step) = factor.totp.check(code, now) else {
            throttle.failed(limits, now, pair);
            return Err(Reason::WrongCode);
        };
        Ok(AcceptedCode::Step(AcceptedStep {
            totp: factor.totp.clone(),
            step,
            allows_reuse: settings.allows_code_reuse,
            failures_max: limits.account_failures_max,
        }))
    }

    /// Says what became of the operation that was given this code: `None` if it was accepted.
    pub(crate) fn code_was_judged(
        &self,
        owner: UserId,
        code: Option<&AcceptedCode>,
        context: &RequestContext,
        refused: Option<Reason>,
    ) {
        if matches!(code, Some(AcceptedCode::Recovery(_))) && refused != Some(Reason::WrongCode) {
            self.code_throttle().was_right((context.address, owner));
        }
    }

    /// Writes into the trail why a code was refused, and counts a wrong one.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub(crate) async fn refuse_code(
        &self,
        owner: &User,
        audit: AuditEvent,
        reason: Reason,
    ) -> Result<(), RepositoryError> {
        let event = audit.refused(reason);
        match reason {
            Reason::WrongCode => self.repository.run(RefuseCode { owner: owner.id, audit: event }).await,
            _ => self.repository.run(RecordAudit { event }).await,
        }
    }

    fn code_throttle(&self) -> MutexGuard<'_, CodeThrottle> {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
