//! The dealer: registrations and the way of a call.
//!
//! **Invariants:** every CALL gets exactly one final RESULT or ERROR, or its caller left.
//! A procedure that the server registered, or that is reserved for it, is answered by nobody else,
//! whatever clients register.
//!
//! Source: WAMP specification, basic profile "Remote Procedure Calls"; advanced profile "Caller
//! Identification", "Pattern-based Registrations", "Registration Revocation", "Call Canceling",
//! "Call Timeouts", "Progressive Call Results", "Shared Registration", "Sharded Registration", "Call Re-Routing",
//! "Progressive Call Invocations", "Payload Passthru Mode".

mod answers;
mod cancel;
mod continuations;
mod deadlines;
mod directory;
mod invocations;
mod registration;
mod registrations;

use std::time::{Duration, Instant};

use countersign_wamp::{Dict, Id, MatchPolicy, MessageType, Payload, Uri, UriPattern, UriText, uris::error};
use smallvec::SmallVec;

use crate::call_table::{Invocation, InvocationKey};
use crate::meta::{OwnCall, Procedure};
use crate::refusal::{Gate, Refusal, error_effect};
use crate::session::{Part, Session, Sessions};
use crate::shard::ResourceKey;
use crate::{Action, ClientFeatures, Effect, Feature, Target, options};
use cancel::Mode;
use deadlines::Deadlines;
use registrations::Registrations;

pub(crate) use answers::Answer;
pub(crate) use continuations::Stream;
pub(crate) use invocations::Routed;

/// See the module.
#[derive(Debug)]
pub(crate) struct Dealer {
    registrations: Registrations,
    deadlines: Deadlines,
    pending_calls: usize,
}

/// A CALL.
#[derive(Debug)]
pub(crate) struct Call {
    pub request: Id,
    pub options: Dict,
    pub procedure: UriText,
    pub payload: Payload,
}

/// What a call asks for beside its procedure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wishes {
    receive_progress: bool,
    /// Whether further CALLs follow.
    progress: bool,
    is_passthru: bool,
    timeout: Option<Duration>,
    /// Of which of several callees it is a matter.
    key: Option<ResourceKey>,
}

impl Wishes {
    fn read(options: &Dict) -> Result<Self, Refusal> {
        let milliseconds = options::count(options, "timeout")?;
        Ok(Self {
            receive_progress: options::flag(options, "receive_progress", false)?,
            progress: options::flag(options, "progress", false)?,
            is_passthru: options::is_passthru(options),
            timeout: (milliseconds > 0).then(|| Duration::from_millis(milliseconds)),
            key: ResourceKey::read_of_call(options)?,
        })
    }
}

impl Wishes {
    /// Refuses to call a callee that can't do what the call needs.
    fn check(self, callee: ClientFeatures) -> Result<(), Refusal> {
        let refused =
            |what| Err(Refusal::new(error::FEATURE_NOT_SUPPORTED, format!("the callee does not support {what}")));
        let can_stream = callee.has(Feature::ProgressiveCallsAsCallee) && callee.has(Feature::CallCanceling);
        if self.progress && !can_stream {
            return refused("progressive call invocations");
        }
        if self.is_passthru && !callee.has(Feature::PassthruAsCallee) {
            return refused("payload passthru mode");
        }
        Ok(())
    }
}

impl Dealer {
    /// No registrations and no calls. `seed` decides which callees are picked at random.
    pub fn new(seed: u64) -> Self {
        Self { registrations: Registrations::new(seed), deadlines: Deadlines::default(), pending_calls: 0 }
    }

    /// CALL: sends the INVOCATION, or refuses, or hands it back for the realm to answer. Its
    /// request id is not that of a pending call.
    pub fn call(
        &mut self,
        now: Instant,
        sessions: &mut Sessions,
        gate: &Gate<'_>,
        from: Id,
        call: Call,
        out: &mut Vec<Effect>,
    ) -> Result<Option<OwnCall>, Refusal> {
        let text = call.procedure.as_str();
        let procedure = Uri::parse(text, gate.settings.uri_rules).map_err(|cause| Refusal::invalid_uri(text, cause))?;
        let wishes = Wishes::read(&call.options)?;
        let caller = sessions.get(&from).ok_or_else(Refusal::unknown_session)?;
        gate.check(from, &caller.details, Action::Call, Target::Uri(&procedure))?;
        caller.check_pending_calls(gate.settings)?;
        let found = self.registrations.find(&procedure, &gate.settings.reserved);
        let Some((registration, found)) = found else {
            if let Some(procedure) = Procedure::from_uri(text) {
                wishes.check(ClientFeatures::default())?;
                return Ok(Some(OwnCall { procedure, request: call.request, payload: call.payload }));
            }
            return Err(Refusal::new(
                error::NO_SUCH_PROCEDURE,
                format!("no callee registered for procedure <{procedure}>"),
            ));
        };
        let mut details = caller.disclosed(Part::Caller, from);
        if found.procedure.policy() != MatchPolicy::Exact {
            details.push("procedure", procedure.as_str());
        }
        options::forward(call.options, &mut details);
        let deadline = wishes.timeout.and_then(|timeout| now.checked_add(timeout));
        let routed = Routed {
            caller: from,
            call: call.request,
            procedure: wishes.progress.then_some(call.procedure),
            registration,
            wishes,
            details,
            payload: call.payload,
            deadline,
            tried: SmallVec::new(),
        };
        self.invoke(sessions, routed, out).map(|()| None)
    }

    /// REGISTER.
    pub fn register(
        &mut self,
        sessions: &mut Sessions,
        gate: &Gate<'_>,
        from: Id,
        options: &Dict,
        procedure: &UriText,
        out: &mut Vec<Effect>,
    ) -> Result<Id, Refusal> {
        let wanted = registrations::Wanted::read(gate.settings, options, procedure)?;
        self.registrations.register(sessions, gate, from, wanted, out)
    }

    /// UNREGISTER, of a registration of the session's own. Calls under way go on.
    pub fn unregister(&mut self, sessions: &mut Sessions, from: Id, registration: Id) -> Result<(), Refusal> {
        let session = sessions.get_mut(&from);
        if !session.is_some_and(|session| session.registrations.remove(registration)) {
            return Err(Refusal::new(
                error::NO_SUCH_REGISTRATION,
                format!("this session has no registration {registration}"),
            ));
        }
        self.registrations.remove_callee(registration, from);
        Ok(())
    }

    /// Takes a registration from a callee that did not ask for it.
    pub fn revoke(
        &mut self,
        sessions: &mut Sessions,
        registration: Id,
        callee: Id,
        reason: &str,
        out: &mut Vec<Effect>,
    ) {
        self.registrations.revoke(sessions, registration, callee, reason, out);
    }

    /// The pattern of a registration.
    pub fn pattern(&self, registration: Id) -> Option<&UriPattern> {
        self.registrations.get(registration).map(|registration| &registration.procedure)
    }

    /// Takes out everything that a session that left had as callee and as caller.
    pub fn forget(&mut self, sessions: &mut Sessions, id: Id, mut left: Session, out: &mut Vec<Effect>) {
        for &registration in left.registrations.ids() {
            self.registrations.remove_callee(registration, id);
        }
        for (request, invocation) in left.calls.drain_taken() {
            let key = InvocationKey { callee: id, request };
            self.finish(sessions, key, &invocation);
            let (to, call) = (invocation.caller, invocation.call);
            if sessions.contains_key(&to) {
                let text = "the callee left before it answered";
                out.push(error_effect(to, MessageType::Call, call, error::CANCELED, text));
            }
        }
        // Calls to itself are gone with the invocations; for the rest no caller is left to read a text.
        for key in left.calls.drain_placed() {
            self.abandon(sessions, key, Mode::KillNoWait, error::CANCELED, "", out);
        }
    }

    /// Takes out a pending call; whoever does sends its final answer. `None` if it is over.
    fn take_answered(&mut self, sessions: &mut Sessions, key: InvocationKey) -> Option<Invocation> {
        let invocation = sessions.get_mut(&key.callee)?.calls.remove_taken(key.request)?;
        self.finish(sessions, key, &invocation);
        Some(invocation)
    }

    /// Forgets a call whose invocation was just taken from its callee.
    fn finish(&mut self, sessions: &mut Sessions, key: InvocationKey, invocation: &Invocation) {
        self.deadlines.remove(invocation.deadline, key);
        self.pending_calls -= 1;
        if let Some(caller) = sessions.get_mut(&invocation.caller) {
            caller.calls.remove_placed(invocation.call);
        }
    }

    /// See [`Realm::poll_timeout`](crate::Realm::poll_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.first()
    }

    pub fn registration_count(&self) -> usize {
        self.registrations.len()
    }

    pub fn pending_call_count(&self) -> usize {
        self.pending_calls
    }
}
