//! The order of a client's request ids.
//!
//! The specification wants them to count from 1. Clients exist that draw them at random, so unless
//! the settings say otherwise any order will do. Only for a client that announced progressive call
//! invocations do its calls have to count upwards: a CALL that is not pending and not new goes on
//! with a call that is over, as its sender can't know yet.
//!
//! Source: WAMP specification, basic profile "IDs"; advanced profile "Progressive Call
//! Invocations", "Verification of CALL Request IDs".

use countersign_wamp::Id;

use crate::refusal::Violation;

/// What a CALL is that no pending call has the id of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Freshness {
    New,
    /// It goes on with a call that is over, and is dropped.
    Late,
}

/// The largest request id of a session: of its calls, and under strict rules of all its requests.
#[derive(Debug, Default)]
pub(crate) struct RequestIds {
    watermark: Option<Id>,
}

impl RequestIds {
    /// A CALL. `is_streaming`: the client announced progressive call invocations.
    pub fn call(&mut self, request: Id, is_strict: bool, is_streaming: bool) -> Result<Freshness, Violation> {
        if is_streaming && self.watermark.is_some_and(|watermark| request <= watermark) {
            return Ok(Freshness::Late);
        }
        self.other(request, is_strict)?;
        self.watermark = self.watermark.max(Some(request));
        Ok(Freshness::New)
    }

    /// Any other request.
    pub fn other(&mut self, request: Id, is_strict: bool) -> Result<(), Violation> {
        if !is_strict {
            return Ok(());
        }
        let due = self.watermark.map_or(Id::FIRST, Id::next);
        if request != due {
            return Err(Violation(format!("request {request} came where {due} was due")));
        }
        self.watermark = Some(request);
        Ok(())
    }
}
