//! Progressive call invocations: further CALLs of a call under way.
//!
//! The options of the first CALL hold for all of them; only `progress` is read again.
//!
//! Source: WAMP specification, "Progressive Call Invocations".

use countersign_wamp::{Dict, Id, Message, UriText};

use super::{Call, Dealer};
use crate::call_table::InvocationKey;
use crate::refusal::Violation;
use crate::session::Sessions;
use crate::{Effect, options};

/// What further INVOCATIONs of a call are made of.
#[derive(Debug)]
pub(crate) struct Stream {
    pub procedure: UriText,
    pub registration: Id,
    /// Without `progress`.
    pub details: Dict,
}

impl Dealer {
    /// A CALL whose request id is that of a pending call, which has this invocation.
    pub fn proceed(
        sessions: &mut Sessions,
        key: InvocationKey,
        call: Call,
        out: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        let Call { request: call_request, options, procedure, payload } = call;
        let Some(invocation) = sessions.get_mut(&key.callee).and_then(|callee| callee.calls.taken_mut(key.request))
        else {
            return Ok(());
        };
        let Some(stream) = invocation.stream.take() else {
            return Err(Violation(format!("CALL {call_request} still waits for its answer")));
        };
        if stream.procedure != procedure {
            return Err(Violation(format!("CALL {call_request} can't go on with another procedure")));
        }
        // The callee has part of the call, so nobody else can take it.
        invocation.retry = None;
        let is_interrupted = invocation.interrupted;
        let mut details = stream.details.clone();
        let registration = stream.registration;
        if options::is_true(&options, "progress") {
            details.push("progress", true);
            invocation.stream = Some(stream);
        }
        if !is_interrupted {
            let request = key.request;
            out.push(Effect::Send {
                to: key.callee,
                message: Message::Invocation { request, registration, details, payload },
            });
        }
        Ok(())
    }
}
