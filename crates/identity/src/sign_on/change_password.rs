//! Another password: one's own by showing the old one, anybody's as a super-user.
//!
//! Source: contract of the sign-on API, section 1.2 (password); `must_change` as documented.
//!
//! **Invariant:** the caller's own session stays, every other one of the user ends with the old password.

use std::time::Duration;

use super::Caller;
use super::users::{UserError, target_of};
use crate::audit::{Operation, Reason};
use crate::login::PasswordPool;
use crate::repository::{FindUser, PasswordChange, Repository, UserChange};
use crate::source::Source;
use crate::user::User;
use crate::{Identity, RequestContext, Secret, Timestamp, UserId};

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 3_600;

/// A wish for another password.
#[derive(Debug, Clone, Copy)]
pub struct ChangePassword<'a> {
    /// Whose, in the spelling of the sign-on API; `None`: the caller's own.
    pub user_id: Option<&'a str>,
    /// The old one; needed for one's own.
    pub old: Option<&'a Secret>,
    /// The new one.
    pub new: &'a Secret,
    /// For how many days it is good; for super-users, others don't decide it. Nothing, 0 or less: as the settings say.
    pub days: Option<i64>,
    /// Whether it is only good for setting another one; for super-users, others don't decide it. `None`: as it was, unless
    /// the user changed it, which is what was demanded.
    pub must_change: Option<bool>,
}

impl<R: Repository> Identity<R> {
    /// Sets a password. Answers whose.
    ///
    /// # Errors
    ///
    /// [`UserError`], which the trail holds by then; nothing was changed.
    pub async fn change_password_by(
        &self,
        caller: &Caller,
        wish: ChangePassword<'_>,
        pool: &impl PasswordPool,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, UserError> {
        let audit = caller.event(Operation::UserPassword, context, now);
        let audit = audit.target(wish.user_id.unwrap_or(caller.user.login.as_str()));
        match self.plan_change(caller, wish, pool, now).await {
            Ok((id, change)) => self.change_by(caller, id, UserChange::Password(change), audit).await,
            Err(error) => Err(self.refuse_user(error, audit).await),
        }
    }

    async fn plan_change(
        &self,
        caller: &Caller,
        wish: ChangePassword<'_>,
        pool: &impl PasswordPool,
        now: Timestamp,
    ) -> Result<(UserId, PasswordChange), UserError> {
        let id = target_of(caller, wish.user_id)?;
        let is_own = id == caller.user.id;
        let user = if is_own { Some(caller.user.clone()) } else { self.repository.run(FindUser::ById(id)).await? };
        let user = user.ok_or(UserError::NoSuchUser)?;
        if user.source() == Source::Ldap {
            return Err(UserError::BadInput("the password is the directory's, and is changed there"));
        }
        if is_own {
            let old = wish.old.filter(|old| old.expose().len() <= crate::password::PASSWORD_BYTES_MAX);
            let old = old.cloned().unwrap_or_else(|| Secret::new(""));
            if !pool.verify(caller.user.password.clone(), old).await? {
                return Err(UserError::OwnPassword(Reason::WrongTicket));
            }
        }
        let secrets = self.derive_password(wish.new, user.login.as_str(), pool).await.map_err(|error| match error {
            // One's own is refused without a reason (contract, section 1.2).
            UserError::Password(refused) if is_own => UserError::OwnPassword(refused.reason()),
            other => other,
        })?;
        let days = wish.days.filter(|_| caller.is_super_user()).and_then(|days| u64::try_from(days).ok());
        let given = days.filter(|days| *days > 0).map(|days| Duration::from_secs(days.saturating_mul(DAY_SECONDS)));
        let expires = given.map(|life| now.saturating_add(life)).or_else(|| self.settings.passwords.end(now));
        let was_demanded = user.standing.must_change && !is_own;
        let must_change = wish.must_change.filter(|_| caller.is_super_user()).unwrap_or(was_demanded);
        let kept = is_own.then_some(caller.session.id);
        Ok((id, PasswordChange { secrets, expires, must_change, kept }))
    }
}
