//! The operations of password resets in memory.

use super::{Execute, State};
use crate::audit::{AuditEvent, Reason};
use crate::sign_on::password_reset::operations::{
    AccessReset, FindReset, FinishReset, ReapResets, ResetOutcome, StartReset,
};
use crate::standing::Way;
use crate::user::User;
use crate::{Digest, Timestamp, UserId};

/// What a user may do who forgot the password.
#[derive(Debug, Clone)]
pub struct Reset {
    token: Digest,
    expires: Timestamp,
    key: Option<(Digest, Timestamp)>,
}

impl Reset {
    fn fits(&self, token: Digest, key: Digest, now: Timestamp) -> bool {
        self.token == token && self.key.is_some_and(|(known, expires)| known == key && now <= expires)
    }
}

impl State {
    fn reset_of(&self, token: Digest) -> Option<UserId> {
        self.resets.iter().find(|(_, reset)| reset.token == token).map(|(owner, _)| *owner)
    }

    fn conclude(&mut self, audit: AuditEvent, owner: Option<UserId>, refused: Option<Reason>) -> ResetOutcome {
        let user = owner.and_then(|owner| self.user(owner).cloned());
        let audit = match &user {
            Some(user) => audit.target(user.login.as_str()),
            None => audit,
        };
        self.record(audit, refused);
        match (user, refused) {
            (Some(user), None) => ResetOutcome::Done(user),
            (_, reason) => ResetOutcome::Refused(reason.unwrap_or(Reason::UnknownUser)),
        }
    }

    fn barred(&self, owner: Option<UserId>, now: Timestamp) -> Option<Reason> {
        let user = owner.and_then(|owner| self.user(owner));
        user.map_or(Some(Reason::WrongToken), |user| user.standing.admits(Way::Key, now).err())
    }
}

impl Execute for StartReset {
    fn execute(self, state: &mut State) -> ResetOutcome {
        let refused = state.barred(Some(self.owner), self.audit.at);
        if refused.is_none() {
            state.resets.insert(self.owner, Reset { token: self.token, expires: self.expires, key: None });
        }
        state.conclude(self.audit, Some(self.owner), refused)
    }
}

impl Execute for AccessReset {
    fn execute(self, state: &mut State) -> ResetOutcome {
        let owner = state.reset_of(self.token);
        let mut refused = state.barred(owner, self.audit.at);
        if refused.is_none()
            && let Some(reset) = owner.and_then(|owner| state.resets.get_mut(&owner))
        {
            if reset.key.is_some() {
                refused = Some(Reason::TokenUsed);
            } else if reset.expires < self.audit.at {
                refused = Some(Reason::TokenExpired);
            } else {
                reset.key = Some((self.key, self.key_expires));
            }
        }
        state.conclude(self.audit, owner, refused)
    }
}

impl Execute for FindReset {
    fn execute(self, state: &mut State) -> Option<User> {
        let (owner, _) = state.resets.iter().find(|(_, reset)| reset.fits(self.token, self.key, self.now))?;
        state.user(*owner).cloned()
    }
}

impl Execute for FinishReset {
    fn execute(self, state: &mut State) -> ResetOutcome {
        let now = self.audit.at;
        let owner = state.reset_of(self.token);
        let owner = owner.filter(|owner| state.resets.get(owner).is_some_and(|r| r.fits(self.token, self.key, now)));
        let refused = state.barred(owner, now);
        if let (Some(owner), None) = (owner, refused) {
            state.set_password(owner, self.password, now);
            state.end_cookies(|cookie| cookie.owner == owner);
            state.sessions.retain(|session| session.owner != owner);
        }
        state.conclude(self.audit, owner, refused)
    }
}

impl Execute for ReapResets {
    fn execute(self, state: &mut State) -> u64 {
        let ended = |reset: &Reset| reset.key.map_or(reset.expires, |(_, expires)| expires) < self.before;
        let owners: Vec<_> = state.resets.iter().filter(|(_, reset)| ended(reset)).map(|(owner, _)| *owner).collect();
        let owners = owners.into_iter().take(self.limit as usize);
        owners.filter_map(|owner| state.resets.remove(&owner)).count() as u64
    }
}
