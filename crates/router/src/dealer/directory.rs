//! What the meta API says of registrations. Those of `wamp.*` procedures it does not show.

use countersign_wamp::{Dict, Id, Uri, UriPattern};

use super::Dealer;
use super::registration::Registration;
use crate::ReservedUris;
use crate::meta::{MetaEvent, is_hidden};
use crate::pattern_map::list_by_policy;

impl Dealer {
    /// The meta events since the last time.
    pub fn take_events(&mut self) -> Vec<MetaEvent> {
        std::mem::take(&mut self.registrations.events)
    }

    fn shown(&self, id: Id) -> Option<&Registration> {
        self.registrations.get(id).filter(|registration| !is_hidden(&registration.procedure))
    }

    /// All registrations, by match policy.
    pub fn list(&self) -> Dict {
        let shown = self.registrations.iter().filter(|(_, registration)| !is_hidden(&registration.procedure));
        list_by_policy(shown.map(|(id, registration)| (id, registration.procedure.policy())))
    }

    /// The registration of exactly this pattern.
    pub fn look_up(&self, pattern: &UriPattern) -> Option<Id> {
        self.registrations.holder(pattern).filter(|id| self.shown(*id).is_some())
    }

    /// The registration that a call would go to.
    pub fn find(&self, procedure: &Uri, reserved: &ReservedUris) -> Option<Id> {
        let (id, _) = self.registrations.find(procedure, reserved)?;
        self.shown(id).map(|_| id)
    }

    pub fn callees(&self, id: Id) -> Option<Vec<Id>> {
        Some(self.shown(id)?.callees().collect())
    }

    pub fn describe(&self, id: Id) -> Option<Dict> {
        let registration = self.shown(id)?;
        Some(
            Dict::new()
                .with("id", id)
                .with("created", registration.created.to_string())
                .with("uri", registration.procedure.as_str())
                .with("match", registration.procedure.policy().name())
                .with("invoke", registration.invoke.name()),
        )
    }
}
