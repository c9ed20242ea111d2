//! Second factors in the operator's hands.

use rand_core::CryptoRng;

use super::operations::{EnableFactor, EnableFactorOutcome, EndSessions, SetFactor, SetFactorOutcome};
use super::reset_totp::{NewTotpKey, read_label};
use crate::admin::AdminError;
use crate::audit::{AuditEvent, Operation};
use crate::repository::Repository;
use crate::totp::TotpKey;
use crate::user::User;
use crate::{Actor, Identity, RequestContext, Secret, Timestamp};

impl<R: Repository> Identity<R> {
    /// Gives a user another key: the one given, else a fresh one. Whether logins need a code stays as it was.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    #[expect(clippy::too_many_arguments, reason = "what is asked for, the caller, the time and the randomness")]
    pub async fn reset_totp_key_of(
        &self,
        login: &str,
        key: Option<&Secret>,
        label: Option<&str>,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<NewTotpKey, AdminError> {
        let audit = AuditEvent::new(now, context, actor, Operation::TotpReset).target(&login.to_lowercase());
        let given = key.filter(|key| !key.is_blank()).map(|key| TotpKey::parse(key.expose())).transpose();
        let wish = given.map_err(AdminError::from).and_then(|key| Ok((key, read_label(label)?)));
        let ((key, label), audit) = self.admit(actor, wish, audit).await?;
        let owner = self.user(login).await;
        let (owner, audit) = self.admit(actor, owner, audit).await?;
        let (totp, generated, audit) = self.new_totp(key, audit, rng);
        let end_sessions = self.all_sessions_to_end();
        let set = SetFactor { owner: owner.id, totp, label, keeps_recovery_codes: false, end_sessions, audit };
        match self.repository.run(set).await? {
            SetFactorOutcome::Done { user, factor } => Ok(NewTotpKey { user, generated, totp: factor.totp }),
            SetFactorOutcome::NoSuchUser => Err(AdminError::NoSuchUser(login.to_owned())),
        }
    }

    /// Turns the demand for a code on or off at logins of a user. The key stays.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing was changed then.
    pub async fn turn_totp_of(
        &self,
        login: &str,
        enabled: bool,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, AdminError> {
        let operation = if enabled { Operation::TotpEnable } else { Operation::TotpDisable };
        let audit = AuditEvent::new(now, context, actor, operation).target(&login.to_lowercase());
        let owner = self.user(login).await;
        let (owner, audit) = self.admit(actor, owner, audit).await?;
        let end_sessions = self.all_sessions_to_end();
        let turn = EnableFactor { owner: owner.id, enabled, needs_code: false, code: None, end_sessions, audit };
        match self.repository.run(turn).await? {
            EnableFactorOutcome::Done => Ok(owner),
            EnableFactorOutcome::NoFactor | EnableFactorOutcome::Refused(_) => {
                Err(AdminError::NoFactor(login.to_owned()))
            }
        }
    }

    fn all_sessions_to_end(&self) -> EndSessions {
        if self.settings.sign_on.end_on_factor_change { EndSessions::All } else { EndSessions::None }
    }
}
