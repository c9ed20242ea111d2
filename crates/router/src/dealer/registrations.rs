//! Who has registered what.
//!
//! **Invariant:** the server's registrations are looked up first and stand apart from those of
//! clients, so nothing that a client registers, exact or pattern, now or later, gets their calls.

use std::collections::HashMap;

use countersign_wamp::{Dict, Id, MatchPolicy, Message, Uri, UriPattern, UriText, uris, uris::error};

use super::registration::{Callee, Invoke, Registration};
use crate::clock::WallTime;
use crate::hash::FastHash;
use crate::meta::{Change, MetaEvent, is_hidden};
use crate::pattern_map::PatternMap;
use crate::random::Random;
use crate::refusal::{Gate, Refusal, revoked};
use crate::session::Sessions;
use crate::shard::{Node, ResourceKey};
use crate::{
    Action, ClientFeatures, Effect, Feature, RealmSettings, RegistrationChange, ReservedUris, Target, options,
};

/// See the module.
#[derive(Debug)]
pub(super) struct Registrations {
    by_id: HashMap<Id, Registration, FastHash>,
    of_server: PatternMap,
    of_clients: PatternMap,
    last: Option<Id>,
    random: Random,
    /// What was not published yet.
    pub events: Vec<MetaEvent>,
    /// What the realm's owner was not told yet.
    pub changes: Vec<RegistrationChange>,
}

/// What a REGISTER asks for.
pub(super) struct Wanted {
    procedure: UriPattern,
    invoke: Invoke,
    force: bool,
    forward_timeout: bool,
    node: Option<Node>,
}

impl Wanted {
    pub fn read(settings: &RealmSettings, options: &Dict, procedure: &UriText) -> Result<Self, Refusal> {
        let text = procedure.as_str();
        let policy = options::match_policy(options)?;
        let invoke = options::text(options, "invoke")?;
        Ok(Self {
            procedure: UriPattern::parse(text, policy, settings.uri_rules)
                .map_err(|cause| Refusal::invalid_uri(text, cause))?,
            invoke: invoke.map_or(Ok(Invoke::Single), |name| Invoke::from_name(name).ok_or_else(unknown_invoke))?,
            force: options::flag(options, "force_reregister", false)?,
            forward_timeout: options::flag(options, "forward_timeout", false)?,
            node: Node::read(options)?,
        })
    }
}

impl Registrations {
    /// None yet. `seed` decides which callees are picked at random.
    pub fn new(seed: u64) -> Self {
        Self {
            by_id: HashMap::default(),
            of_server: PatternMap::default(),
            of_clients: PatternMap::default(),
            last: None,
            random: Random::new(seed),
            events: Vec::new(),
            changes: Vec::new(),
        }
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The registration that a call of `procedure` goes to.
    pub fn find(&self, procedure: &Uri, reserved: &ReservedUris) -> Option<(Id, &Registration)> {
        let id = self.of_server.best(procedure.as_str()).or_else(|| {
            // A pattern of a client may cover a reserved procedure; its calls it does not get.
            let id = self.of_clients.best(procedure.as_str())?;
            (!reserved.contains(procedure.as_str())).then_some(id)
        })?;
        Some((id, self.by_id.get(&id)?))
    }

    /// The callee that gets the call next, of those that may. Also whether the registration may have others.
    pub fn pick(&mut self, id: Id, key: Option<ResourceKey>, may: impl Fn(&Callee) -> bool) -> Option<(Callee, bool)> {
        let registration = self.by_id.get_mut(&id)?;
        Some((registration.pick(key, may, &mut self.random)?, registration.invoke != Invoke::Single))
    }

    pub fn get(&self, id: Id) -> Option<&Registration> {
        self.by_id.get(&id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (Id, &Registration)> {
        self.by_id.iter().map(|(id, registration)| (*id, registration))
    }

    fn note(&mut self, change: Change, procedure: &UriPattern, session: Id, id: Id) {
        if !is_hidden(procedure) {
            self.events.push(MetaEvent::Registration { change, session, id });
        }
    }

    fn tell(&mut self, procedure: &UriPattern, invoke: Invoke, session: Id, is_added: bool) {
        let (procedure, invoke) = (procedure.clone(), invoke.name());
        self.changes.push(RegistrationChange { procedure, invoke, session, is_added });
    }

    pub fn register(
        &mut self,
        sessions: &mut Sessions,
        gate: &Gate<'_>,
        from: Id,
        wanted: Wanted,
        out: &mut Vec<Effect>,
    ) -> Result<Id, Refusal> {
        let session = sessions.get(&from).ok_or_else(Refusal::unknown_session)?;
        gate.check(from, &session.details, Action::Register, Target::Pattern(&wanted.procedure))?;
        let is_of_server = session.details.is_service();
        if !is_of_server {
            self.check_reserved(&wanted.procedure, &gate.settings.reserved)?;
        }
        let policy = wanted.procedure.policy();
        session.check_holdings(gate.settings, policy)?;
        let node = wanted.node.unwrap_or_else(|| Node::of(from));
        let callee = Callee { session: from, forward_timeout: wanted.forward_timeout, node };
        let id = match self.holder(&wanted.procedure) {
            Some(holder) if !wanted.force => {
                self.share(holder, &wanted, callee, is_of_server)?;
                holder
            }
            holder => {
                if let Some(holder) = holder {
                    self.replace(sessions, holder, from, out);
                }
                self.create(wanted, callee, gate.at, is_of_server)
            }
        };
        if let Some(session) = sessions.get_mut(&from) {
            session.registrations.insert(id, policy);
        }
        Ok(id)
    }

    fn create(&mut self, wanted: Wanted, callee: Callee, at: WallTime, is_of_server: bool) -> Id {
        let Wanted { procedure, invoke, .. } = wanted;
        let id = self.last.map_or(Id::FIRST, Id::next);
        self.last = Some(id);
        let map = if is_of_server { &mut self.of_server } else { &mut self.of_clients };
        map.insert(&procedure, id);
        self.note(Change::Created, &procedure, callee.session, id);
        self.note(Change::Added, &procedure, callee.session, id);
        self.tell(&procedure, invoke, callee.session, true);
        self.by_id.insert(id, Registration::new(procedure, invoke, at, callee, is_of_server));
        id
    }

    /// One more callee, if all of them want the same policy. The server shares with nobody.
    fn share(&mut self, id: Id, wanted: &Wanted, callee: Callee, is_of_server: bool) -> Result<(), Refusal> {
        let refused = || already_exists(wanted.procedure.as_str());
        let registration = self.by_id.get_mut(&id).ok_or_else(refused)?;
        let is_shared = wanted.invoke != Invoke::Single && wanted.invoke == registration.invoke;
        let is_callee = registration.callees().any(|session| session == callee.session);
        if !is_shared || is_callee || registration.is_of_server != is_of_server {
            return Err(refused());
        }
        registration.add(callee);
        self.note(Change::Added, &wanted.procedure, callee.session, id);
        self.tell(&wanted.procedure, wanted.invoke, callee.session, true);
        Ok(())
    }

    /// Takes a callee out of a registration, which goes with its last one.
    pub fn remove_callee(&mut self, id: Id, session: Id) {
        let Some(registration) = self.by_id.get_mut(&id) else { return };
        if !registration.remove(session) {
            return;
        }
        let is_over = registration.callees().len() == 0;
        let (procedure, invoke) = (registration.procedure.clone(), registration.invoke);
        self.note(Change::Removed, &procedure, session, id);
        self.tell(&procedure, invoke, session, false);
        if is_over {
            let is_of_server = self.by_id.remove(&id).is_some_and(|registration| registration.is_of_server);
            let map = if is_of_server { &mut self.of_server } else { &mut self.of_clients };
            map.remove(&procedure);
            self.note(Change::Deleted, &procedure, session, id);
        }
    }

    /// Refuses to a client what is the server's own, whatever the options.
    fn check_reserved(&self, procedure: &UriPattern, reserved: &ReservedUris) -> Result<(), Refusal> {
        let text = procedure.as_str();
        if text.starts_with(uris::RESERVED_PREFIX) {
            return Err(Refusal::new(error::INVALID_URI, format!("register for restricted procedure URI '{text}'")));
        }
        let is_servers = self.of_server.get(procedure).is_some()
            || procedure.policy() == MatchPolicy::Exact
                && (reserved.contains(text) || self.of_server.best(text).is_some());
        if is_servers { Err(already_exists(text)) } else { Ok(()) }
    }

    pub fn holder(&self, procedure: &UriPattern) -> Option<Id> {
        self.of_server.get(procedure).or_else(|| self.of_clients.get(procedure))
    }

    /// Takes a procedure from its callees for the session `by`. If that is one of them and a plain client it is told:
    /// swampyer's own suite waits for it.
    fn replace(&mut self, sessions: &mut Sessions, id: Id, by: Id, out: &mut Vec<Effect>) {
        let callees: Vec<Id> = self.by_id.get(&id).into_iter().flat_map(Registration::callees).collect();
        for callee in callees {
            let is_its_own = |features: ClientFeatures| callee == by && features.is_plain();
            self.take(sessions, id, callee, revoked::REPLACED, is_its_own, out);
        }
    }

    /// Takes a registration from a callee and tells the callee, if it understands that.
    pub fn revoke(&mut self, sessions: &mut Sessions, id: Id, callee: Id, reason: &str, out: &mut Vec<Effect>) {
        self.take(sessions, id, callee, reason, |_| false, out);
    }

    /// `or_told`: who is told too, beside those that understand it.
    fn take(
        &mut self,
        sessions: &mut Sessions,
        id: Id,
        callee: Id,
        reason: &str,
        or_told: impl Fn(ClientFeatures) -> bool,
        out: &mut Vec<Effect>,
    ) {
        self.remove_callee(id, callee);
        let Some(session) = sessions.get_mut(&callee) else { return };
        session.registrations.remove(id);
        let features = session.details.features;
        if features.has(Feature::RegistrationRevocation) || or_told(features) {
            let details = Dict::new().with("registration", id).with("reason", reason);
            let message = Message::Unregistered { request: None, details: Some(details) };
            out.push(Effect::Send { to: callee, message });
        }
    }
}

fn unknown_invoke() -> Refusal {
    Refusal::new(
        error::OPTION_NOT_ALLOWED,
        "option \"invoke\" must be \"single\", \"first\", \"last\", \"roundrobin\" or \"random\"",
    )
}

fn already_exists(procedure: &str) -> Refusal {
    Refusal::new(error::PROCEDURE_ALREADY_EXISTS, format!("procedure '{procedure}' is already registered"))
}
