//! CALL and PUBLISH: what is checked of their session before dealer and broker see them.

use std::time::Instant;

use countersign_wamp::{Id, Message, MessageType};

use super::Realm;
use crate::broker::{Publish, Publisher};
use crate::dealer::{Call, Dealer};
use crate::refusal::{Gate, Violation};
use crate::request_ids::Freshness;
use crate::{Authorizer, Effect, Feature, options};

impl Realm {
    /// CALL: a new one, or one that goes on with a pending one.
    pub(super) fn call(
        &mut self,
        now: Instant,
        from: Id,
        call: Call,
        authorizer: &dyn Authorizer,
        out: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        let Self { settings, clock, sessions, dealer, limits, .. } = self;
        let Some(caller) = sessions.get_mut(&from) else { return Ok(()) };
        let request = call.request;
        let features = caller.details.features;
        let is_streaming = features.has(Feature::ProgressiveCallsAsCaller);
        if options::is_true(&call.options, "progress") && !is_streaming {
            return Err(Violation(format!("CALL {request} is progressive, which was not announced")));
        }
        if options::is_passthru(&call.options) && !features.has(Feature::PassthruAsCaller) {
            return Err(Violation::passthru("CALL", request));
        }
        if let Some(key) = caller.calls.placed(request) {
            return Dealer::proceed(sessions, key, call, out);
        }
        let is_strict = settings.strict_ids && !caller.details.is_service();
        if caller.request_ids.call(request, is_strict, is_streaming)? == Freshness::Late {
            return Ok(());
        }
        let gate = Gate { settings, at: clock.at(now), authorizer };
        match dealer.call(now, sessions, &gate, from, call, out) {
            Ok(None) => {}
            Ok(Some(call)) => self.answer(now, from, &call, authorizer, out),
            Err(refusal) => out.push(refusal.counted(limits).into_effect(from, MessageType::Call, request)),
        }
        Ok(())
    }

    /// Checks the id of a request that is no CALL.
    pub(super) fn check_request(&mut self, from: Id, request: Id) -> Result<(), Violation> {
        let Some(session) = self.sessions.get_mut(&from) else { return Ok(()) };
        let is_strict = self.settings.strict_ids && !session.details.is_service();
        session.request_ids.other(request, is_strict)
    }

    /// PUBLISH.
    pub(super) fn publish(
        &mut self,
        now: Instant,
        from: Id,
        request: Id,
        publish: Publish,
        authorizer: &dyn Authorizer,
        out: &mut Vec<Effect>,
    ) -> Result<(), Violation> {
        self.check_request(from, request)?;
        let Self { settings, clock, random, sessions, broker, limits, .. } = self;
        let Some(publisher) = sessions.get(&from) else { return Ok(()) };
        let publisher = Publisher { id: from, details: &publisher.details, disclosure: &publisher.disclosure };
        if options::is_passthru(&publish.options) && !publisher.details.features.has(Feature::PassthruAsPublisher) {
            return Err(Violation::passthru("PUBLISH", request));
        }
        let gate = Gate { settings, at: clock.at(now), authorizer };
        let answer = options::flag(&publish.options, "acknowledge", false).and_then(|wanted| {
            let publication = random.id();
            match broker.publish(sessions, &gate, publisher, publication, publish, out) {
                Ok(()) => Ok(wanted.then_some(publication)),
                Err(refusal) => {
                    let refusal = refusal.counted(limits);
                    if wanted { Err(refusal) } else { Ok(None) }
                }
            }
        });
        match answer {
            Ok(None) => {}
            Ok(Some(publication)) => {
                out.push(Effect::Send { to: from, message: Message::Published { request, publication } });
            }
            Err(refusal) => out.push(refusal.into_effect(from, MessageType::Publish, request)),
        }
        Ok(())
    }
}
