//! The ends of a call that its callee did not choose: CANCEL and timeouts.
//!
//! Source: WAMP specification, "Call Canceling", "Call Timeouts".

use std::time::Instant;

use countersign_wamp::{Dict, Id, Message, MessageType, uris::error};

use super::Dealer;
use crate::call_table::InvocationKey;
use crate::refusal::error_effect;
use crate::session::Sessions;
use crate::{Effect, Feature};

/// How a call is canceled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The caller is answered at once, the callee is told nothing.
    Skip,
    /// The callee is interrupted, the caller gets what the callee answers.
    Kill,
    /// The caller is answered at once, the callee is interrupted.
    KillNoWait,
}

impl Mode {
    /// `CANCEL.Options.mode`. CANCEL can't be refused, so anything else means the mode that both
    /// answers and stops the work.
    fn read(options: &Dict) -> Self {
        match options.get("mode").and_then(|mode| mode.as_str()) {
            Some("skip") => Self::Skip,
            Some("kill") => Self::Kill,
            _ => Self::KillNoWait,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Kill => "kill",
            Self::KillNoWait => "killnowait",
        }
    }
}

fn interrupt(key: InvocationKey, mode: Mode, reason: &'static str) -> Effect {
    let options = Dict::new().with("mode", mode.name()).with("reason", reason);
    let message = Message::Interrupt { request: key.request, options };
    Effect::Send { to: key.callee, message }
}

impl Dealer {
    /// CANCEL. For a call that is over already, or never was, it does nothing. After `kill` a
    /// second one can only bring the answer forward.
    pub fn cancel(&mut self, sessions: &mut Sessions, from: Id, call: Id, options: &Dict, out: &mut Vec<Effect>) {
        let Some(key) = sessions.get(&from).and_then(|caller| caller.calls.placed(call)) else {
            return;
        };
        let Some(callee) = sessions.get_mut(&key.callee) else { return };
        let understands = callee.details.features.has(Feature::CallCanceling);
        let mode = if understands { Mode::read(options) } else { Mode::Skip };
        let Some(invocation) = callee.calls.taken_mut(key.request) else { return };
        match mode {
            // Already waiting for the callee: weaker or equal modes change nothing.
            Mode::Kill | Mode::Skip if invocation.interrupted => {}
            Mode::Kill => {
                invocation.interrupted = true;
                out.push(interrupt(key, mode, error::CANCELED));
            }
            Mode::Skip | Mode::KillNoWait => {
                self.abandon(sessions, key, mode, error::CANCELED, "the call was canceled", out);
            }
        }
    }

    /// Ends a call without its callee: an INTERRUPT for the callee (unless it does not know that
    /// message, was sent one, or `mode` is `skip`) and the final ERROR for the caller if it is
    /// still there.
    pub(super) fn abandon(
        &mut self,
        sessions: &mut Sessions,
        key: InvocationKey,
        mode: Mode,
        error: &'static str,
        text: &str,
        out: &mut Vec<Effect>,
    ) {
        let Some(invocation) = self.take_answered(sessions, key) else { return };
        let callee = sessions.get(&key.callee);
        let understands = callee.is_some_and(|callee| callee.details.features.has(Feature::CallCanceling));
        if understands && !invocation.interrupted && mode != Mode::Skip {
            out.push(interrupt(key, mode, error));
        }
        let to = invocation.caller;
        if sessions.contains_key(&to) {
            out.push(error_effect(to, MessageType::Call, invocation.call, error, text));
        }
    }

    /// Ends all calls whose timeout is over.
    pub fn handle_timeout(&mut self, now: Instant, sessions: &mut Sessions, out: &mut Vec<Effect>) {
        while let Some(key) = self.deadlines.pop_due(now) {
            let mode = Mode::KillNoWait;
            self.abandon(sessions, key, mode, error::TIMEOUT, "the call timed out", out);
        }
    }
}
