//! The way back: YIELD and ERROR of a callee become RESULT and ERROR for the caller.

use std::time::Instant;

use countersign_wamp::{Dict, Id, Message, MessageType, Payload, UriText, uris};

use super::Dealer;
use super::cancel::Mode;
use crate::call_table::{Invocation, InvocationKey};
use crate::refusal::Violation;
use crate::session::{Part, Session, Sessions};
use crate::{Effect, Feature, options};

/// A YIELD, or an ERROR without its URI.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `INVOCATION.Request`.
    pub request: Id,
    /// Options or details.
    pub options: Dict,
    pub payload: Payload,
}

impl Dealer {
    /// YIELD: a result, final or with `progress`.
    pub fn yielded(
        &mut self,
        now: Instant,
        sessions: &mut Sessions,
        from: Id,
        answer: Answer,
        out: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        let Some(callee) = sessions.get_mut(&from) else { return Ok(()) };
        let Answer { request, options, payload } = answer;
        let is_passthru = options::is_passthru(&options);
        if is_passthru && !callee.details.features.has(Feature::PassthruAsCallee) {
            return Err(Violation::passthru("YIELD", request));
        }
        let key = InvocationKey { callee: from, request };
        let Some(invocation) = callee.calls.taken_mut(request) else {
            return late("YIELD", is_forgiven(callee, request), request);
        };
        // Only `true` makes a result a partial one; anything else is final, so that no call is
        // left without an answer.
        let is_progress = options::is_true(&options, "progress");
        let (to, call) = (invocation.caller, invocation.call);
        let is_wanted = invocation.receive_progress;
        if is_progress {
            if !is_wanted {
                return Ok(());
            }
            self.restart_deadline(now, key, invocation);
            // Results of two callees must not be mixed.
            invocation.retry = None;
        }
        let mut details = callee.disclosed(Part::Callee, from);
        let understands = |caller: &Session| caller.details.features.has(Feature::PassthruAsCaller);
        if is_passthru && !sessions.get(&to).is_some_and(understands) {
            let mode = if is_progress { Mode::KillNoWait } else { Mode::Skip };
            let text = "the result is in payload passthru mode, which the caller does not support";
            self.abandon(sessions, key, mode, uris::error::FEATURE_NOT_SUPPORTED, text, out);
            return Ok(());
        }
        if is_progress {
            details.push("progress", true);
        } else {
            self.take_answered(sessions, key);
        }
        options::forward(options, &mut details);
        out.push(Effect::Send { to, message: Message::Result { request: call, details, payload } });
        Ok(())
    }

    /// ERROR for an INVOCATION. A callee that is unavailable hands the call to the next one.
    pub fn failed(
        &mut self,
        sessions: &mut Sessions,
        from: Id,
        answer: Answer,
        error: UriText,
        out: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        let Some(callee) = sessions.get(&from) else { return Ok(()) };
        let Answer { request, options, payload } = answer;
        let is_forgiven = is_forgiven(callee, request);
        let mut details = callee.disclosed(Part::Callee, from);
        let key = InvocationKey { callee: from, request };
        let Some(invocation) = self.take_answered(sessions, key) else {
            return late("ERROR", is_forgiven, request);
        };
        if error.as_str() == uris::error::UNAVAILABLE {
            self.reroute(sessions, from, invocation, out);
            return Ok(());
        }
        options::forward(options, &mut details);
        let message =
            Message::Error { request_type: MessageType::Call, request: invocation.call, details, error, payload };
        out.push(Effect::Send { to: invocation.caller, message });
        Ok(())
    }

    fn restart_deadline(&mut self, now: Instant, key: InvocationKey, invocation: &mut Invocation) {
        self.deadlines.remove(invocation.deadline, key);
        invocation.deadline = invocation.timeout.and_then(|timeout| now.checked_add(timeout));
        self.deadlines.insert(invocation.deadline, key);
    }
}

/// Whether an answer that nobody waits for is dropped: its invocation is over, or it may be of an earlier session.
/// swampyer answers the last invocation of a broken connection once more on its next one, and takes an ABORT for final.
fn is_forgiven(callee: &Session, request: Id) -> bool {
    callee.calls.was_taken(request) || callee.details.features.is_plain()
}

/// An answer to an invocation that never was breaks the protocol, unless it is forgiven.
fn late(message: &str, is_forgiven: bool, request: Id) -> Result<(), Violation> {
    if is_forgiven {
        return Ok(());
    }
    Err(Violation(format!("{message} for invocation {request}, which was never made")))
}
