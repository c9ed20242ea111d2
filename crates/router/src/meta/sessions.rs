//! `wamp.session.*`: who is there, and the end of sessions.

use std::sync::Arc;

use countersign_wamp::uris::{close, error};
use countersign_wamp::{Id, Payload, Value};

use super::arguments::Arguments;
use super::events::describe;
use super::nothing;
use super::procedures::Question;
use crate::realm::Departure;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::{Effect, Realm, SessionDetails};

fn no_such_session() -> Refusal {
    Refusal::new(error::NO_SUCH_SESSION, "no other session of the realm has this id")
}

/// How many; a count of things in memory always fits.
pub(super) fn count(number: usize) -> Payload {
    Payload::of(u64::try_from(number).unwrap_or(u64::MAX))
}

pub(super) fn ids(ids: impl IntoIterator<Item = Id>) -> Value {
    let mut ids: Vec<Id> = ids.into_iter().collect();
    ids.sort_unstable();
    Value::List(ids.into_iter().map(Into::into).collect())
}

impl Realm {
    /// Ids of the clients' sessions that `select` takes.
    fn clients(&self, select: impl Fn(Id, &SessionDetails) -> bool) -> Vec<Id> {
        let is_selected =
            |(id, session): &(&Id, &Session)| !session.details.is_service() && select(**id, &session.details);
        let mut ids: Vec<Id> = self.sessions.iter().filter(is_selected).map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// Whether this is the server's own session.
    pub(super) fn is_service(&self, session: Id) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.details.is_service())
    }

    fn clients_of_roles(&self, arguments: &Arguments) -> Result<Vec<Id>, Refusal> {
        let roles = arguments.authroles(0)?;
        Ok(self.clients(|_, details| roles.as_ref().is_none_or(|roles| roles.contains(&*details.authrole))))
    }

    pub(super) fn count_sessions(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        Ok(count(self.clients_of_roles(arguments)?.len()))
    }

    pub(super) fn list_sessions(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        Ok(Payload::of(ids(self.clients_of_roles(arguments)?)))
    }

    pub(super) fn get_session(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let id = arguments.id(0, "session")?.ok_or_else(no_such_session)?;
        let session = self.sessions.get(&id).filter(|session| !session.details.is_service());
        Ok(Payload::of(describe(id, &session.ok_or_else(no_such_session)?.details)))
    }

    pub(super) fn kill(&mut self, question: &Question<'_>, out: &mut Vec<Effect>) -> Result<Payload, Refusal> {
        let id = question.arguments.id(0, "session")?;
        let killed = self.kill_each(question, Departure::Told(question.authorizer), out, |one, _| Some(one) == id)?;
        if killed.is_empty() { Err(no_such_session()) } else { Ok(nothing()) }
    }

    pub(super) fn kill_by_authid(
        &mut self,
        question: &Question<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<Payload, Refusal> {
        let authid = question.arguments.text(0, "authid")?;
        let of_authid = |_, details: &SessionDetails| &*details.authid == authid;
        let killed = self.kill_each(question, Departure::Told(question.authorizer), out, of_authid)?;
        if killed.is_empty() {
            out.push(Effect::Killed { by: question.caller, authids: vec![authid.into()] });
        }
        Ok(Payload::of(ids(killed)))
    }

    pub(super) fn kill_by_authrole(
        &mut self,
        question: &Question<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<Payload, Refusal> {
        let authrole = question.arguments.text(0, "authrole")?;
        let of_authrole = |_, details: &SessionDetails| &*details.authrole == authrole;
        let killed = self.kill_each(question, Departure::Told(question.authorizer), out, of_authrole)?;
        Ok(count(killed.len()))
    }

    /// The specification wants neither testaments nor session meta events here.
    pub(super) fn kill_all(&mut self, question: &Question<'_>, out: &mut Vec<Effect>) -> Result<Payload, Refusal> {
        let killed = self.kill_each(question, Departure::Silent, out, |_, _| true)?;
        Ok(count(killed.len()))
    }

    /// Ends the sessions that `select` takes, but never the caller's own.
    fn kill_each(
        &mut self,
        question: &Question<'_>,
        departure: Departure<'_>,
        out: &mut Vec<Effect>,
        select: impl Fn(Id, &SessionDetails) -> bool,
    ) -> Result<Vec<Id>, Refusal> {
        let reason = question.arguments.reason(self.settings.uri_rules, close::KILLED)?;
        let message = question.arguments.named_text("message")?;
        let killed = self.clients(|id, details| id != question.caller && select(id, details));
        let authid = |id: &Id| self.sessions.get(id).map(|session| Arc::clone(&session.details.authid));
        let mut authids: Vec<Arc<str>> = killed.iter().filter_map(authid).collect();
        authids.sort_unstable();
        authids.dedup();
        if !authids.is_empty() {
            out.push(Effect::Killed { by: question.caller, authids });
        }
        for &session in &killed {
            let message = message.map(str::to_owned);
            out.push(Effect::Goodbye { session, reason: reason.clone(), message });
            self.depart(question.now, session, departure, out);
        }
        Ok(killed)
    }
}
