//! The way to a callee: picking one, the INVOCATION, and the next one if that is unavailable.
//!
//! Source: WAMP specification, "Shared Registration", "Sharded Registration", "Call Re-Routing".

use std::time::{Duration, Instant};

use countersign_wamp::{Dict, Id, Message, MessageType, Payload, UriText, uris::error};
use smallvec::SmallVec;

use super::{Dealer, Stream, Wishes};
use crate::call_table::{Invocation, InvocationKey};
use crate::refusal::Refusal;
use crate::session::Sessions;
use crate::{ClientFeatures, Effect, Feature};

/// A call whose registration was found, on its way to one of the callees.
#[derive(Debug)]
pub(crate) struct Routed {
    pub caller: Id,
    /// `CALL.Request`.
    pub call: Id,
    /// What further CALLs must name, if there are any to come.
    pub procedure: Option<UriText>,
    pub registration: Id,
    pub wishes: Wishes,
    /// What every callee is told.
    pub details: Dict,
    pub payload: Payload,
    /// When the timeout ends, if it is for the router to keep.
    pub deadline: Option<Instant>,
    /// The callees that were unavailable.
    pub tried: SmallVec<[Id; 2]>,
}

impl Routed {
    /// The call once more, for the case that its callee is unavailable.
    fn again(&self) -> Box<Self> {
        Box::new(Self {
            procedure: self.procedure.clone(),
            details: self.details.clone(),
            payload: self.payload.clone(),
            tried: self.tried.clone(),
            ..*self
        })
    }

    /// What this callee is told, and the timeout if the router has to keep it.
    fn details_for(&mut self, features: ClientFeatures, forward_timeout: bool) -> (Dict, Option<Duration>) {
        let mut details = std::mem::take(&mut self.details);
        if self.wishes.receive_progress && features.has(Feature::ProgressiveCallResults) {
            details.push("receive_progress", true);
        }
        let mut timeout = self.wishes.timeout;
        if forward_timeout && features.has(Feature::CallTimeout) {
            // From here on the callee keeps the time.
            if let Some(timeout) = timeout.take() {
                details.push("timeout", u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
            }
        }
        (details, timeout)
    }
}

impl Dealer {
    /// Sends a call to the callee whose turn it is, of those that can do what it needs.
    pub(super) fn invoke(
        &mut self,
        sessions: &mut Sessions,
        mut routed: Routed,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Routed { registration, wishes, ref tried, .. } = routed;
        let is_able = |callee: Id| {
            let session = sessions.get(&callee).ok_or_else(no_available_callee)?;
            wishes.check(session.details.features)
        };
        let picked = self.registrations.pick(registration, wishes.key, |callee| {
            !tried.contains(&callee.session) && is_able(callee.session).is_ok()
        });
        if picked.is_none() && tried.is_empty() {
            // Nobody was asked: the first one says what it lacks.
            let first = self.registrations.get(registration).and_then(|registration| registration.callees().next());
            return Err(first.and_then(|callee| is_able(callee).err()).unwrap_or_else(no_available_callee));
        }
        let receiver =
            picked.and_then(|(callee, is_shared)| Some((callee, is_shared, sessions.get_mut(&callee.session)?)));
        let Some((callee, is_shared, receiver)) = receiver else {
            return Err(no_available_callee());
        };
        let retry = is_shared.then(|| routed.again());
        let (mut details, timeout) = routed.details_for(receiver.details.features, callee.forward_timeout);
        let deadline = timeout.and(routed.deadline);
        let Routed { caller, call, procedure, payload, .. } = routed;
        let stream = procedure.map(|procedure| Box::new(Stream { procedure, registration, details: details.clone() }));
        if stream.is_some() {
            details.push("progress", true);
        }
        let request = receiver.calls.take(Invocation {
            caller,
            call,
            receive_progress: wishes.receive_progress,
            interrupted: false,
            timeout,
            deadline,
            retry,
            stream,
        });
        let key = InvocationKey { callee: callee.session, request };
        out.push(Effect::Send {
            to: key.callee,
            message: Message::Invocation { request, registration, details, payload },
        });
        self.deadlines.insert(deadline, key);
        self.pending_calls += 1;
        if let Some(caller) = sessions.get_mut(&caller) {
            caller.calls.place(call, key);
        }
        Ok(())
    }

    /// A callee was unavailable: the call goes to the next one, unless there is none, the caller
    /// has seen results already, or it canceled.
    pub(super) fn reroute(&mut self, sessions: &mut Sessions, from: Id, invocation: Invocation, out: &mut Vec<Effect>) {
        let Invocation { caller, call, retry, interrupted, deadline, .. } = invocation;
        let done = match retry.filter(|_| !interrupted) {
            None => Err(no_available_callee()),
            Some(mut routed) => {
                routed.tried.push(from);
                routed.deadline = deadline.or(routed.deadline);
                self.invoke(sessions, *routed, out)
            }
        };
        if let Err(refusal) = done {
            out.push(refusal.into_effect(caller, MessageType::Call, call));
        }
    }
}

fn no_available_callee() -> Refusal {
    Refusal::new(error::NO_AVAILABLE_CALLEE, "no callee of the procedure is available")
}
