//! `wamp.registration.*`.

use countersign_wamp::{Id, Payload, Uri, UriPattern, Value, uris::error};

use super::arguments::Arguments;
use super::nothing;
use super::sessions::{count, ids};
use crate::refusal::{Refusal, revoked};
use crate::{Effect, Realm, options};

fn no_such_registration() -> Refusal {
    Refusal::new(error::NO_SUCH_REGISTRATION, "no registration has this id")
}

const NO_SUCH_CALLEE: &str = "wamp.error.no_such_callee";

impl Realm {
    pub(super) fn list_registrations(&self) -> Payload {
        Payload::of(self.dealer.list())
    }

    pub(super) fn look_up_registration(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let policy = options::match_policy(&arguments.options(1)?)?;
        let pattern = UriPattern::parse(arguments.text(0, "procedure")?, policy, self.settings.uri_rules);
        let found = pattern.ok().and_then(|pattern| self.dealer.look_up(&pattern));
        Ok(Payload::of(Value::from(found)))
    }

    pub(super) fn match_registration(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let procedure = Uri::parse(arguments.text(0, "procedure")?, self.settings.uri_rules);
        let found = procedure.ok().and_then(|procedure| self.dealer.find(&procedure, &self.settings.reserved));
        Ok(Payload::of(Value::from(found)))
    }

    fn callees(&self, arguments: &Arguments) -> Result<Vec<Id>, Refusal> {
        let id = arguments.id(0, "registration")?;
        id.and_then(|id| self.dealer.callees(id)).ok_or_else(no_such_registration)
    }

    pub(super) fn get_registration(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        let id = arguments.id(0, "registration")?;
        id.and_then(|id| self.dealer.describe(id)).map(Payload::of).ok_or_else(no_such_registration)
    }

    pub(super) fn list_callees(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        Ok(Payload::of(ids(self.callees(arguments)?)))
    }

    pub(super) fn count_callees(&self, arguments: &Arguments) -> Result<Payload, Refusal> {
        Ok(count(self.callees(arguments)?.len()))
    }

    pub(super) fn remove_callee(&mut self, arguments: &Arguments, out: &mut Vec<Effect>) -> Result<Payload, Refusal> {
        let callees = self.callees(arguments)?;
        let registration = arguments.id(0, "registration")?;
        let callee = arguments.id(1, "callee")?.filter(|callee| callees.contains(callee) && !self.is_service(*callee));
        let reason = arguments.reason(self.settings.uri_rules, revoked::REMOVED)?;
        let (Some(registration), Some(callee)) = (registration, callee) else {
            return Err(Refusal::new(NO_SUCH_CALLEE, "the session is no callee of the registration"));
        };
        self.dealer.revoke(&mut self.sessions, registration, callee, reason.as_str(), out);
        Ok(nothing())
    }
}
