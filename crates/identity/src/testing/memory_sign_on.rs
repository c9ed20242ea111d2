//! The operations of sign-on in memory.

use super::{Execute, State};
use crate::audit::{AuditEvent, Reason};
use crate::import::{ImportUser, ImportUserOutcome, ImportedUser};
use crate::renewal::RenewHash;
use crate::sign_on::operations::{
    AcceptToken, AcceptTokenOutcome, AcceptedCode, EnableFactor, EnableFactorOutcome, EndSession, EndSessions,
    FindFactor, FindLiving, FindSession, LabelFactor, ListSessionChanges, ListSessions, OpenSession,
    OpenSessionOutcome, ReapSessions, RefuseCode, RenewSession, SetFactor, SetFactorOutcome, SetRecoveryCodes,
    SpendCode, SpendCodeOutcome,
};
use crate::sign_on::{ChangeSource, Factor, SESSION_CHANGES_MAX, SessionChange, SignOnSession};
use crate::standing::Way;
use crate::user::User;
use crate::{SessionId, Timestamp, UserId};

impl Execute for ImportUser {
    fn execute(self, state: &mut State) -> ImportUserOutcome {
        let ImportedUser { user, profile, factor, sessions, credentials, .. } = self.imported;
        let (outcome, refused) = if state.users.contains_key(&user.login) || state.user(user.id).is_some() {
            (ImportUserOutcome::Exists, Some(Reason::Exists))
        } else if state.roles.contains_key(&user.role) {
            state.profiles.insert(user.id, profile);
            state.factors.extend(factor.map(|factor| (user.id, factor)));
            state.sessions.extend(sessions);
            state.credentials.extend(credentials);
            state.users.insert(user.login.clone(), user);
            (ImportUserOutcome::Imported, None)
        } else {
            (ImportUserOutcome::NoSuchRole, Some(Reason::BadRequest))
        };
        state.record(self.audit, refused);
        outcome
    }
}

impl Execute for FindFactor {
    fn execute(self, state: &mut State) -> Option<(User, Option<Factor>)> {
        let user = state.users.get(&self.login)?.clone();
        let factor = state.factors.get(&user.id).cloned();
        Some((user, factor))
    }
}

impl OpenSession {
    fn refusal(&self, state: &State) -> Option<Reason> {
        let Some(user) = state.user(self.session.owner) else { return Some(Reason::UnknownUser) };
        if let Err(reason) = user.standing.admits(self.way(), self.audit.at) {
            return Some(reason);
        }
        if user.password.as_ref() != Some(&self.password) {
            return Some(Reason::WrongTicket);
        }
        let factor = state.factors.get(&self.session.owner).filter(|factor| factor.is_enabled);
        state.code_refusal(self.session.owner, factor?, self.code.as_ref())
    }
}

impl State {
    pub(super) fn code_refusal(&self, owner: UserId, factor: &Factor, code: Option<&AcceptedCode>) -> Option<Reason> {
        let code = match code {
            None => return Some(Reason::CodeMissing),
            Some(AcceptedCode::Recovery(digest)) => {
                let codes = self.recovery_codes.get(&owner).map(Vec::as_slice).unwrap_or_default();
                return match codes.iter().find(|(known, _)| known == digest) {
                    None => Some(Reason::WrongCode),
                    Some((_, is_spent)) => is_spent.then_some(Reason::CodeReused),
                };
            }
            Some(AcceptedCode::Step(code)) => code,
        };
        if factor.totp != code.totp {
            return Some(Reason::WrongCode);
        }
        if factor.failures >= code.failures_max {
            return Some(Reason::FactorLocked);
        }
        let is_old = factor.last_step.is_some_and(|last| code.step <= last);
        (is_old && !code.allows_reuse).then_some(Reason::CodeReused)
    }

    pub(super) fn use_code(&mut self, owner: UserId, code: Option<AcceptedCode>) {
        match (self.factors.get_mut(&owner), code) {
            (Some(factor), Some(AcceptedCode::Step(code))) => {
                factor.last_step = factor.last_step.max(Some(code.step));
                factor.failures = 0;
            }
            (Some(_), Some(AcceptedCode::Recovery(digest))) => {
                let codes = self.recovery_codes.entry(owner).or_default();
                codes.iter_mut().filter(|(known, _)| *known == digest).for_each(|(_, is_spent)| *is_spent = true);
            }
            _ => {}
        }
    }
}

impl Execute for RefuseCode {
    fn execute(self, state: &mut State) {
        if let Some(factor) = state.factors.get_mut(&self.owner) {
            factor.failures += 1;
        }
        state.record(self.audit, Some(Reason::WrongCode));
    }
}

impl Execute for SpendCode {
    fn execute(self, state: &mut State) -> SpendCodeOutcome {
        let factor = state.factors.get(&self.owner).cloned();
        let refused = match factor {
            None => Some(Reason::WrongCode),
            Some(factor) => state.code_refusal(self.owner, &factor, Some(&self.code)),
        };
        state.record(self.audit, refused);
        if let Some(reason) = refused {
            return SpendCodeOutcome::Refused(reason);
        }
        state.use_code(self.owner, Some(self.code));
        SpendCodeOutcome::Spent
    }
}

impl Execute for SetRecoveryCodes {
    fn execute(self, state: &mut State) -> bool {
        let is_there = state.factors.contains_key(&self.owner);
        if is_there {
            let codes = self.digests.into_iter().map(|digest| (digest, false)).collect();
            state.recovery_codes.insert(self.owner, codes);
        }
        state.record(self.audit, (!is_there).then_some(Reason::NotFound));
        is_there
    }
}

impl State {
    pub(super) fn end_sessions(&mut self, owner: UserId, which: EndSessions) {
        self.sessions.retain(|session| {
            session.owner != owner
                || match which {
                    EndSessions::None => true,
                    EndSessions::All => false,
                    EndSessions::AllBut(kept) => session.id == kept,
                }
        });
    }
}

impl Execute for OpenSession {
    fn execute(self, state: &mut State) -> OpenSessionOutcome {
        let refused = self.refusal(state);
        let owner = self.session.owner;
        if refused == Some(Reason::WrongCode) && matches!(self.code, Some(AcceptedCode::Recovery(_))) {
            state.factors.entry(owner).and_modify(|factor| factor.failures += 1);
        }
        state.record(self.audit.clone(), refused);
        if let Some(reason) = refused {
            return OpenSessionOutcome::Refused(reason);
        }
        state.use_code(owner, self.code);
        if let Some(change) = self.change {
            state.set_password(owner, change, self.session.created);
            state.end_cookies(|cookie| cookie.owner == owner);
            state.end_sessions(owner, EndSessions::All);
        }
        state.changed(&self.session, &self.audit, ChangeSource::Login);
        state.sessions.push(self.session);
        let of_owner = state.sessions.iter().filter(|session| session.owner == owner).count();
        for _ in self.sessions_max as usize..of_owner {
            let oldest = state.sessions.iter().position(|session| session.owner == owner).unwrap();
            state.sessions.remove(oldest);
        }
        OpenSessionOutcome::Opened(state.user(owner).unwrap().clone())
    }
}

impl Execute for FindSession {
    fn execute(self, state: &mut State) -> Option<(SignOnSession, User)> {
        let found = state.sessions.iter().find(|one| one.digest == self.digest && one.expires >= self.now)?;
        Some((found.clone(), state.user(found.owner)?.clone()))
    }
}

impl Execute for AcceptToken {
    fn execute(self, state: &mut State) -> AcceptTokenOutcome {
        let found = state.sessions.iter().find(|one| one.digest == self.digest).cloned();
        let found = found.and_then(|session| Some((state.user(session.owner)?.clone(), session)));
        let reason = match &found {
            None => Reason::WrongToken,
            Some((_, session)) if session.expires < self.now => Reason::TokenExpired,
            Some((user, _)) if self.login.as_ref().is_some_and(|login| *login != user.login) => Reason::TokenMismatch,
            Some((user, session)) => {
                let Err(reason) = user.standing.admits(Way::Session, self.now) else {
                    state.record(self.accepted(session, user), None);
                    return AcceptTokenOutcome::Accepted { session: session.clone(), user: user.clone() };
                };
                reason
            }
        };
        state.record(self.audit, Some(reason));
        AcceptTokenOutcome::Refused(reason)
    }
}

impl Execute for FindLiving {
    fn execute(self, state: &mut State) -> Vec<(SignOnSession, User)> {
        let live = state.sessions.iter().filter(|one| self.ids.contains(&one.id) && one.expires >= self.now);
        live.filter_map(|session| Some((session.clone(), state.user(session.owner)?.clone()))).collect()
    }
}

impl Execute for RenewSession {
    fn execute(self, state: &mut State) -> Option<Timestamp> {
        let found = state.sessions.iter_mut().find(|one| one.id == self.id && one.expires >= self.now);
        let renewed = found.map(|session| {
            session.expires = self.expires.min(session.ends);
            session.clone()
        });
        if let Some(session) = &renewed {
            state.changed(session, &self.audit, ChangeSource::Renew);
        }
        state.record(self.audit, if renewed.is_some() { None } else { Some(Reason::NotFound) });
        renewed.map(|session| session.expires)
    }
}

impl State {
    fn changed(&mut self, session: &SignOnSession, audit: &AuditEvent, source: ChangeSource) {
        let of_session = |(id, _): &&(SessionId, SessionChange)| *id == session.id;
        let last = self.session_changes.iter().rfind(of_session).map_or(0, |(_, change)| change.index);
        let change = SessionChange {
            index: last + 1,
            at: audit.at,
            address: audit.address.clone(),
            agent: audit.agent.clone(),
            source,
        };
        self.session_changes.push((session.id, change));
        let oldest = (last + 1).saturating_sub(SESSION_CHANGES_MAX.into());
        self.session_changes.retain(|(id, change)| *id != session.id || change.index > oldest);
    }
}

impl Execute for ListSessionChanges {
    fn execute(self, state: &mut State) -> Vec<(SessionId, SessionChange)> {
        let owned = |id: &SessionId| state.sessions.iter().any(|one| one.id == *id && one.owner == self.owner);
        state.session_changes.iter().filter(|(id, _)| owned(id)).cloned().collect()
    }
}

impl Execute for EndSession {
    fn execute(self, state: &mut State) -> bool {
        let before = state.sessions.len();
        let is_it = |one: &SignOnSession| one.id == self.id && self.owner.is_none_or(|owner| one.owner == owner);
        state.sessions.retain(|session| !is_it(session));
        let is_gone = state.sessions.len() < before;
        state.record(self.audit, (!is_gone).then_some(Reason::NotFound));
        is_gone
    }
}

impl Execute for ListSessions {
    fn execute(self, state: &mut State) -> Vec<SignOnSession> {
        let live = |session: &&SignOnSession| session.owner == self.owner && session.expires >= self.now;
        state.sessions.iter().filter(live).cloned().collect()
    }
}

impl Execute for ReapSessions {
    fn execute(self, state: &mut State) -> u64 {
        let mut reaped = 0;
        state.sessions.retain(|session| {
            let goes = session.expires < self.before && reaped < u64::from(self.limit);
            reaped += u64::from(goes);
            !goes
        });
        reaped
    }
}

impl State {
    /// Sessions and, where any end, cookies.
    fn end_logins(&mut self, owner: UserId, which: EndSessions) {
        if which != EndSessions::None {
            self.end_cookies(|cookie| cookie.owner == owner);
        }
        self.end_sessions(owner, which);
    }
}

impl Execute for SetFactor {
    fn execute(self, state: &mut State) -> SetFactorOutcome {
        let Some(user) = state.user(self.owner).cloned() else {
            state.record(self.audit, Some(Reason::NotFound));
            return SetFactorOutcome::NoSuchUser;
        };
        let is_enabled = state.factors.get(&self.owner).is_some_and(|factor| factor.is_enabled);
        if !self.keeps_recovery_codes {
            state.recovery_codes.remove(&self.owner);
        }
        let factor = Factor { totp: self.totp, label: self.label, is_enabled, last_step: None, failures: 0 };
        state.factors.insert(self.owner, factor.clone());
        state.end_logins(self.owner, self.end_sessions);
        state.record(self.audit, None);
        SetFactorOutcome::Done { user, factor }
    }
}

impl EnableFactor {
    fn refusal(&self, state: &State) -> Option<(EnableFactorOutcome, Reason)> {
        let missing = (EnableFactorOutcome::NoFactor, Reason::NotFound);
        if state.user(self.owner).is_none() {
            return Some(missing);
        }
        let Some(factor) = state.factors.get(&self.owner) else { return self.enabled.then_some(missing) };
        if !self.enabled || factor.is_enabled || !self.needs_code {
            return None;
        }
        let reason = state.code_refusal(self.owner, factor, self.code.as_ref())?;
        Some((EnableFactorOutcome::Refused(reason), reason))
    }
}

impl Execute for LabelFactor {
    fn execute(self, state: &mut State) -> bool {
        let is_there = state.user(self.owner).is_some();
        if is_there {
            let fresh = Factor { totp: self.fresh, label: None, is_enabled: false, last_step: None, failures: 0 };
            state.factors.entry(self.owner).or_insert(fresh).label = self.label;
        }
        state.record(self.audit, (!is_there).then_some(Reason::NotFound));
        is_there
    }
}

impl Execute for EnableFactor {
    fn execute(self, state: &mut State) -> EnableFactorOutcome {
        if let Some((outcome, reason)) = self.refusal(state) {
            state.record(self.audit, Some(reason));
            return outcome;
        }
        let factor = state.factors.get_mut(&self.owner).filter(|factor| factor.is_enabled != self.enabled);
        if let Some(factor) = factor {
            factor.is_enabled = self.enabled;
            state.use_code(self.owner, self.code);
            state.end_logins(self.owner, self.end_sessions);
        }
        state.record(self.audit, None);
        EnableFactorOutcome::Done
    }
}

impl Execute for RenewHash {
    fn execute(self, state: &mut State) -> bool {
        let user = state.users.values_mut().find(|user| user.id == self.user);
        let Some(user) = user.filter(|user| user.password.as_ref() == Some(&self.old)) else { return false };
        user.password = Some(self.new.hash);
        state.secrets.insert(self.user, self.new.proofs);
        state.record(self.audit, None);
        true
    }
}
