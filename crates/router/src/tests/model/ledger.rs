//! What must hold whatever the model says, read from the messages alone: the specification's guarantees of order, one
//! final answer per call, nothing for sessions that are gone.
//!
//! Every CALL, PUBLISH and YIELD carries a number of its own, counted over all sessions.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Default)]
pub struct Ledger {
    pub present: BTreeSet<u64>,
    /// Caller and request of calls without a final answer.
    pub open: BTreeSet<(u64, u64)>,
    /// By number: caller and request.
    calls: BTreeMap<i64, (u64, u64)>,
    /// Session and id of its subscriptions.
    subscribed: BTreeSet<(u64, u64)>,
    /// Session and id of its registrations.
    registered: BTreeSet<(u64, u64)>,
    /// The number of the last event of each subscriber's subscription.
    last_event: BTreeMap<(u64, u64), i64>,
    /// The number of the last CALL of a caller that each callee got.
    last_invocation: BTreeMap<(u64, u64), i64>,
    /// The callees that each call came to.
    invoked: BTreeMap<(u64, u64), BTreeSet<u64>>,
    /// The number of the last result of each call.
    last_result: BTreeMap<(u64, u64), i64>,
    /// Callee and invocation.
    interrupted: BTreeSet<(u64, u64)>,
    last_number: i64,
}

/// The number that a message carries.
fn number(payload: &Payload) -> i64 {
    match payload.values().unwrap().0.first() {
        Some(Value::Int(number)) => *number,
        other => panic!("no number: {other:?}"),
    }
}

impl Ledger {
    /// Numbers a message before it is sent, and takes down what it asks for.
    pub fn sends(&mut self, from: u64, message: &mut Message) {
        self.last_number += 1;
        let counted = Payload::of(self.last_number);
        match message {
            Message::Call { request, procedure, payload, .. } => {
                self.open.insert((from, request.get()));
                self.calls.insert(self.last_number, (from, request.get()));
                if !procedure.as_str().starts_with("wamp.") {
                    *payload = counted;
                }
            }
            Message::Publish { payload, .. } | Message::Yield { payload, .. } => *payload = counted,
            Message::Unsubscribe { subscription, .. } => {
                self.subscribed.remove(&(from, subscription.get()));
                self.last_event.remove(&(from, subscription.get()));
            }
            Message::Unregister { registration, .. } => {
                self.registered.remove(&(from, registration.get()));
            }
            _ => {}
        }
    }

    /// Takes down a CALL that is dropped because its call is over.
    pub fn drops(&mut self, from: u64, call: u64) {
        self.open.remove(&(from, call));
    }

    pub fn reads(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Send { to, message } => self.read(to.get(), message),
                Effect::Fanout { to, message } => to.iter().for_each(|to| self.read(to.get(), message)),
                Effect::Close { session, .. } | Effect::Goodbye { session, .. } => self.gone(session.get()),
                Effect::Record { .. } | Effect::Killed { .. } | Effect::Registration(_) => {}
            }
        }
    }

    fn read(&mut self, to: u64, message: &Message) {
        assert!(self.present.contains(&to), "to a session that is gone: {message:?}");
        match message {
            Message::Subscribed { subscription, .. } => {
                self.subscribed.insert((to, subscription.get()));
            }
            Message::Registered { registration, .. } => {
                self.registered.insert((to, registration.get()));
            }
            Message::Event { subscription, payload, .. } => {
                let key = (to, subscription.get());
                assert!(self.subscribed.contains(&key), "event without subscription: {message:?}");
                let before = self.last_event.insert(key, number(payload));
                assert!(before < Some(number(payload)), "out of order, or twice: {message:?}");
            }
            Message::Invocation { registration, payload, .. } => {
                self.invocation(to, registration.get(), number(payload), message);
            }
            Message::Interrupt { request, .. } => {
                assert!(has(to, Feature::CallCanceling), "not understood: {message:?}");
                assert!(self.interrupted.insert((to, request.get())), "a second one: {message:?}");
            }
            Message::Result { request, details, payload } => {
                let key = (to, request.get());
                if payload.values().unwrap().0.first().is_some_and(|value| matches!(value, Value::Int(_)))
                    && !details.is_empty()
                {
                    let before = self.last_result.insert(key, number(payload));
                    assert!(before < Some(number(payload)), "out of order: {message:?}");
                }
                let is_last = details.get("progress").is_none();
                assert!(if is_last { self.open.remove(&key) } else { self.open.contains(&key) }, "{message:?}");
            }
            Message::Error { request_type: MessageType::Call, request, .. } => {
                assert!(self.open.remove(&(to, request.get())), "a second final answer: {message:?}");
            }
            _ => {}
        }
    }

    /// Calls of one caller reach a callee in their order, unless another callee handed them on.
    fn invocation(&mut self, callee: u64, registration: u64, number: i64, message: &Message) {
        let key = self.calls[&number];
        assert!(self.open.contains(&key), "for a call that is over: {message:?}");
        let callees = self.invoked.entry(key).or_default();
        let is_new = callees.insert(callee);
        if is_new {
            assert!(self.registered.contains(&(callee, registration)), "without registration: {message:?}");
        }
        if callees.len() == 1 {
            let before = self.last_invocation.insert((key.0, callee), number);
            assert!(before < Some(number), "out of order: {message:?}");
        }
    }

    pub fn gone(&mut self, session: u64) {
        self.present.remove(&session);
        self.open.retain(|(caller, _)| *caller != session);
        self.subscribed.retain(|(subscriber, _)| *subscriber != session);
        self.registered.retain(|(callee, _)| *callee != session);
        self.last_event.retain(|(subscriber, _), _| *subscriber != session);
        self.interrupted.retain(|(callee, _)| *callee != session);
    }
}
