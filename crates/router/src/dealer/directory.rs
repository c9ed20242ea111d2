//! What the meta API says of registrations. Those of `wamp.*` procedures it does not show.

use countersign_wamp::{Dict, Id, Uri, UriPattern};

use super::Dealer;
use super::registration::Registration;
use crate::meta::{MetaEvent, is_hidden};
use crate::pattern_map::list_by_policy;
use crate::{RegistrationChange, RegistrationInfo, ReservedUris};

impl Dealer {
    /// Whether there is anything to take for [`Self::take_events`] or [`Self::take_changes`].
    pub fn has_news(&self) -> bool {
        !self.registrations.events.is_empty() || !self.registrations.changes.is_empty()
    }

    /// The meta events since the last time.
    pub fn take_events(&mut self) -> Vec<MetaEvent> {
        std::mem::take(&mut self.registrations.events)
    }

    /// What became of registrations since the last time.
    pub fn take_changes(&mut self) -> Vec<RegistrationChange> {
        std::mem::take(&mut self.registrations.changes)
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

    /// All registrations that are shown, ascending.
    pub fn shown_ids(&self) -> Vec<Id> {
        let shown = self.registrations.iter().filter(|(_, registration)| !is_hidden(&registration.procedure));
        let mut ids: Vec<Id> = shown.map(|(id, _)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// One of them.
    pub fn info(&self, id: Id) -> Option<RegistrationInfo> {
        let registration = self.shown(id)?;
        Some(RegistrationInfo {
            id,
            created: registration.created,
            procedure: registration.procedure.clone(),
            invoke: registration.invoke.name(),
            callees: registration.callees().collect(),
        })
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
