//! Codes of the second factor: whether the one that was given is right. The one place for every door and every rule.
//!
//! A right code counts only once storage has accepted its step, in the transaction of what it is shown for.

use super::Factor;
use super::operations::AcceptedCode;
use crate::audit::{AuditEvent, Reason};
use crate::repository::{RecordAudit, Repository, RepositoryError};
use crate::user::User;
use crate::{Identity, RequestContext, Secret, Timestamp};

impl<R: Repository> Identity<R> {
    /// Whether a login of `owner` goes on with this code: `None` where none is needed.
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
        self.check_code(owner, factor, given, context, now).map(Some)
    }

    /// Whether this is a code of the factor, be it turned on or not.
    ///
    /// # Errors
    ///
    /// Why not, for [`Identity::refuse_code`].
    pub(crate) fn check_code(
        &self,
        _owner: &User,
        factor: &Factor,
        given: Option<&Secret>,
        _context: &RequestContext,
        now: Timestamp,
    ) -> Result<AcceptedCode, Reason> {
        let code = given.filter(|code| !code.is_blank()).ok_or(Reason::CodeMissing)?;
        let step = factor.totp.check(code, now).ok_or(Reason::WrongCode)?;
        let allows_reuse = self.settings.sign_on.factor.allows_code_reuse;
        Ok(AcceptedCode { totp: factor.totp.clone(), step, allows_reuse })
    }

    /// Writes into the trail why a code was refused.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub(crate) async fn refuse_code(
        &self,
        _owner: &User,
        audit: AuditEvent,
        reason: Reason,
    ) -> Result<(), RepositoryError> {
        self.repository.run(RecordAudit { event: audit.refused(reason) }).await
    }
}
