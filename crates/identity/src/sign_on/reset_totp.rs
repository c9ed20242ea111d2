//! `reset_totp_key`: another key for a second factor.
//!
//! Source: the seed `zato-sso-reset-totp-key`; contract of the sign-on API, sections 10 and 11.

use rand_core::CryptoRng;

use super::operations::{EndSessions, SetFactor, SetFactorOutcome};
use super::{Caller, FactorSettings};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{RecordAudit, Repository, RepositoryError};
use crate::totp::{Totp, TotpKey, TotpKeyError};
use crate::user::User;
use crate::{Identity, RequestContext, Secret, Timestamp, UserId, printable};

/// Longest label of a factor, in characters.
pub const LABEL_CHARACTERS_MAX: usize = 128;

/// A wish for another key.
#[derive(Debug, Clone, Copy)]
pub struct ResetTotp<'a> {
    /// Whose, in the spelling of the sign-on API; `None`: the caller's own.
    pub user_id: Option<&'a str>,
    /// The key in base32; `None`: a fresh one.
    pub key: Option<&'a Secret>,
    /// What its owner will call it; `None`: nothing in particular.
    pub label: Option<&'a str>,
}

/// What became of it.
#[derive(Debug)]
pub struct NewTotpKey {
    /// Whose key it is.
    pub user: User,
    /// The key, only if it was made here.
    pub generated: Option<Secret>,
    /// The factor, for the URI and the picture that its owner may see now.
    pub totp: Totp,
}

/// A label is longer than [`LABEL_CHARACTERS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the label of a TOTP key has at most {LABEL_CHARACTERS_MAX} characters")]
pub struct LabelTooLong;

/// What a factor will be called; `None` for nothing in particular.
pub(super) fn read_label(label: Option<&str>) -> Result<Option<String>, LabelTooLong> {
    let label = label.filter(|label| !label.is_empty());
    if label.is_some_and(|label| label.chars().count() > LABEL_CHARACTERS_MAX) {
        return Err(LabelTooLong);
    }
    Ok(label.map(|label| printable(label, LABEL_CHARACTERS_MAX)))
}

/// Why the key stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum ResetTotpError {
    /// Only super-users name a user, be it themselves.
    #[error("only a super-user may name a user")]
    NamedUser,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The text is no key.
    #[error(transparent)]
    Key(#[from] TotpKeyError),
    /// The label is too long.
    #[error(transparent)]
    Label(#[from] LabelTooLong),
    /// The session's check of password and code is too long ago.
    #[error("sign in again to change the second factor")]
    StepUp,
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl ResetTotpError {
    fn reason(&self) -> Reason {
        match self {
            Self::NamedUser => Reason::NotAllowed,
            Self::NoSuchUser => Reason::NotFound,
            Self::StepUp => Reason::StepUp,
            Self::Key(_) | Self::Label(_) | Self::Storage(_) => Reason::BadRequest,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Changes the key and the label of a user's second factor. Whether logins need a code stays as it was.
    ///
    /// # Errors
    ///
    /// [`ResetTotpError`], which the trail holds by then; nothing was changed.
    pub async fn reset_totp_key(
        &self,
        caller: &Caller,
        wish: ResetTotp<'_>,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<NewTotpKey, ResetTotpError> {
        let target = wish.user_id.unwrap_or(caller.user().login.as_str());
        let audit = caller.event(Operation::TotpReset, context, now).target(target);
        let (owner, key, label) = match self.admit_reset(caller, wish, now) {
            Ok(admitted) => admitted,
            Err(error) => return Err(self.refuse_reset(error, audit).await),
        };
        let audit = self.naming(audit, caller, owner).await?;
        let (totp, generated, audit) = self.new_totp(key, audit, rng);
        let end_sessions = self.sessions_to_end(caller, owner);
        // Who resets another's second factor may do it because somebody else has what belongs to it.
        let keeps_recovery_codes = owner == caller.user.id;
        let set = SetFactor { owner, totp, label, keeps_recovery_codes, end_sessions, audit };
        match self.repository.run(set).await? {
            SetFactorOutcome::Done { user, factor } => Ok(NewTotpKey { user, generated, totp: factor.totp }),
            SetFactorOutcome::NoSuchUser => Err(ResetTotpError::NoSuchUser),
        }
    }

    /// The factor of a key, or of a fresh one, which is told then; a weak key is noted in the row for the trail.
    pub(super) fn new_totp(
        &self,
        key: Option<TotpKey>,
        audit: AuditEvent,
        rng: &mut impl CryptoRng,
    ) -> (Totp, Option<Secret>, AuditEvent) {
        let (key, generated) = if let Some(key) = key {
            (key, None)
        } else {
            let key = TotpKey::generate(rng);
            let shown = key.to_base32();
            (key, Some(shown))
        };
        let audit = if key.is_weak() { audit.detail("weak key: below 128 bits") } else { audit };
        let FactorSettings { algorithm, digits, .. } = self.settings.sign_on.factor;
        (Totp { key, algorithm, digits }, generated, audit)
    }

    /// Whether the session is too old for a change of the caller's own second factor.
    pub(super) fn needs_step_up(&self, caller: &Caller, now: Timestamp) -> bool {
        let step_up = self.settings.sign_on.step_up;
        !step_up.is_zero() && now.duration_since(caller.session.checked) > step_up
    }

    /// Which sessions of `owner` end when the caller changes that user's second factor.
    pub(super) fn sessions_to_end(&self, caller: &Caller, owner: UserId) -> EndSessions {
        match self.settings.sign_on.end_on_factor_change {
            false => EndSessions::None,
            true if owner == caller.user.id => EndSessions::AllBut(caller.session.id),
            true => EndSessions::All,
        }
    }

    fn admit_reset(
        &self,
        caller: &Caller,
        wish: ResetTotp<'_>,
        now: Timestamp,
    ) -> Result<(UserId, Option<TotpKey>, Option<String>), ResetTotpError> {
        let owner = match wish.user_id.filter(|text| !text.is_empty()) {
            None => caller.user().id,
            Some(_) if !caller.is_super_user() => return Err(ResetTotpError::NamedUser),
            Some(text) => UserId::parse_sign_on(text).map_err(|_| ResetTotpError::NoSuchUser)?,
        };
        if owner == caller.user().id && self.needs_step_up(caller, now) {
            return Err(ResetTotpError::StepUp);
        }
        let key = wish.key.filter(|key| !key.is_blank()).map(|key| TotpKey::parse(key.expose())).transpose()?;
        Ok((owner, key, read_label(wish.label)?))
    }

    async fn refuse_reset(&self, error: ResetTotpError, audit: AuditEvent) -> ResetTotpError {
        match self.repository.run(RecordAudit { event: audit.refused(error.reason()) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }
}
