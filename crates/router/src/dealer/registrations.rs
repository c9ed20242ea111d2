//! Who has registered what.
//!
//! **Invariant:** the server's registrations are looked up first and stand apart from those of
//! clients, so nothing that a client registers, exact or pattern, now or later, gets their calls.

use std::collections::HashMap;

use countersign_wamp::{Dict, Id, MatchPolicy, Message, Uri, UriPattern, UriText, uris, uris::error};

use crate::hash::FastHash;
use crate::pattern_map::PatternMap;
use crate::refusal::{Gate, Refusal};
use crate::session::Sessions;
use crate::{Action, Effect, Feature, RealmSettings, ReservedUris, Target, options};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Registrations {
    by_id: HashMap<Id, Registration, FastHash>,
    of_server: PatternMap,
    of_clients: PatternMap,
    last: Option<Id>,
}

#[derive(Debug)]
pub(super) struct Registration {
    pub procedure: UriPattern,
    pub callee: Id,
    /// Whether a callee that can keep to a timeout itself wants to.
    pub forward_timeout: bool,
    is_of_server: bool,
}

/// What a REGISTER asks for.
pub(super) struct Wanted {
    procedure: UriPattern,
    force: bool,
    forward_timeout: bool,
}

impl Wanted {
    pub fn read(settings: &RealmSettings, options: &Dict, procedure: &UriText) -> Result<Self, Refusal> {
        if options::text(options, "invoke")?.is_some_and(|invoke| invoke != "single") {
            return Err(Refusal::new(
                error::OPTION_NOT_ALLOWED,
                "option \"invoke\" must be \"single\": shared registrations are not supported",
            ));
        }
        let text = procedure.as_str();
        let policy = options::match_policy(options)?;
        Ok(Self {
            procedure: UriPattern::parse(text, policy, settings.uri_rules)
                .map_err(|cause| Refusal::invalid_uri(text, cause))?,
            force: options::flag(options, "force_reregister", false)?,
            forward_timeout: options::flag(options, "forward_timeout", false)?,
        })
    }
}

impl Registrations {
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

    pub fn register(
        &mut self,
        sessions: &mut Sessions,
        gate: &Gate<'_>,
        from: Id,
        wanted: Wanted,
        out: &mut Vec<Effect>,
    ) -> Result<Id, Refusal> {
        let Wanted { procedure, force, forward_timeout } = wanted;
        let session = sessions.get(&from).ok_or_else(Refusal::unknown_session)?;
        gate.check(from, &session.details, Action::Register, Target::Pattern(&procedure))?;
        let is_of_server = session.details.is_service();
        if !is_of_server {
            self.check_reserved(&procedure, &gate.settings.reserved)?;
        }
        session.check_holdings(gate.settings)?;
        if let Some(holder) = self.holder(&procedure) {
            if !force {
                return Err(already_exists(procedure.as_str()));
            }
            self.revoke(sessions, holder, out);
        }
        let id = self.last.map_or(Id::FIRST, Id::next);
        self.last = Some(id);
        let map = if is_of_server { &mut self.of_server } else { &mut self.of_clients };
        map.insert(&procedure, id);
        let callee = from;
        self.by_id.insert(id, Registration { procedure, callee, forward_timeout, is_of_server });
        if let Some(session) = sessions.get_mut(&from) {
            session.registrations.insert(id);
        }
        Ok(id)
    }

    pub fn remove(&mut self, id: Id) -> Option<Registration> {
        let registration = self.by_id.remove(&id)?;
        let map = if registration.is_of_server { &mut self.of_server } else { &mut self.of_clients };
        map.remove(&registration.procedure);
        Some(registration)
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

    fn holder(&self, procedure: &UriPattern) -> Option<Id> {
        self.of_server.get(procedure).or_else(|| self.of_clients.get(procedure))
    }

    /// Takes a registration from its callee and tells the callee, if it understands that.
    fn revoke(&mut self, sessions: &mut Sessions, id: Id, out: &mut Vec<Effect>) {
        let Some(registration) = self.remove(id) else { return };
        let Some(callee) = sessions.get_mut(&registration.callee) else { return };
        callee.registrations.remove(&id);
        if callee.details.features.has(Feature::RegistrationRevocation) {
            let details =
                Dict::new().with("registration", id).with("reason", "another session registered the procedure");
            let message = Message::Unregistered { request: None, details: Some(details) };
            out.push(Effect::Send { to: registration.callee, message });
        }
    }
}

fn already_exists(procedure: &str) -> Refusal {
    Refusal::new(error::PROCEDURE_ALREADY_EXISTS, format!("procedure '{procedure}' is already registered"))
}
