//! The operations of sign-ups in memory.

use super::{Execute, State};
use crate::audit::Reason;
use crate::profile::Email;
use crate::repository::{CreateUser, CreateUserOutcome};
use crate::sign_on::sign_up::operations::{
    ConfirmSignUp, ConfirmSignUpOutcome, ReapSignUps, SignUpUser, SignUpUserOutcome,
};
use crate::standing::SignUpStatus;
use crate::{Digest, Timestamp, UserId};

/// A sign-up that has its token.
#[derive(Debug, Clone)]
pub struct Pending {
    owner: UserId,
    token: Digest,
    expires: Timestamp,
    is_confirmed: bool,
}

impl State {
    fn has_email(&self, email: &Email) -> bool {
        let known = |profile: &crate::profile::Profile| profile.email.as_ref().map(|email| email.digest);
        self.profiles.values().any(|profile| known(profile) == Some(email.digest))
    }
}

impl Execute for SignUpUser {
    fn execute(self, state: &mut State) -> SignUpUserOutcome {
        if self.profile.email.as_ref().is_some_and(|email| state.has_email(email)) {
            state.record(self.audit, Some(Reason::Exists));
            return SignUpUserOutcome::EmailTaken;
        }
        let owner = self.user.id;
        let Self { user, profile, proofs, audit, .. } = self;
        match (CreateUser { user, profile, proofs, factor: None, audit }).execute(state) {
            CreateUserOutcome::Created => {
                let (token, expires) = (self.token, self.expires);
                state.sign_ups.push(Pending { owner, token, expires, is_confirmed: false });
                SignUpUserOutcome::Created
            }
            CreateUserOutcome::LoginTaken => SignUpUserOutcome::LoginTaken,
            CreateUserOutcome::NoSuchRole => SignUpUserOutcome::NoSuchRole,
        }
    }
}

impl Execute for ConfirmSignUp {
    fn execute(self, state: &mut State) -> ConfirmSignUpOutcome {
        let now = self.audit.at;
        let found = state.sign_ups.iter_mut().find(|pending| pending.token == self.token);
        let user = found.as_ref().and_then(|pending| state.users.values_mut().find(|user| user.id == pending.owner));
        let (Some(pending), Some(user)) = (found, user) else {
            state.record(self.audit, Some(Reason::WrongToken));
            return ConfirmSignUpOutcome::NoSuchToken;
        };
        let audit = self.audit.target(user.login.as_str());
        if pending.is_confirmed || user.standing.sign_up == SignUpStatus::Final {
            state.record(audit, Some(Reason::TokenUsed));
            return ConfirmSignUpOutcome::AlreadyConfirmed;
        }
        if pending.expires < now {
            state.record(audit, Some(Reason::TokenExpired));
            return ConfirmSignUpOutcome::NoSuchToken;
        }
        pending.is_confirmed = true;
        user.standing.sign_up = SignUpStatus::Final;
        let user = user.clone();
        state.profiles.entry(user.id).or_default().confirmed = Some(now);
        state.record(audit, None);
        ConfirmSignUpOutcome::Confirmed(user)
    }
}

impl Execute for ReapSignUps {
    fn execute(self, state: &mut State) -> u64 {
        let (ended, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut state.sign_ups).into_iter().partition(|pending| pending.expires < self.before);
        state.sign_ups = rest;
        for pending in &ended {
            let user = state.user(pending.owner).cloned();
            let Some(user) = user.filter(|user| user.standing.sign_up != SignUpStatus::Final) else { continue };
            if !pending.is_confirmed {
                state.users.remove(&user.login);
                state.profiles.remove(&user.id);
                state.record(self.audit.clone().target(user.login.as_str()), None);
            }
        }
        ended.len() as u64
    }
}
