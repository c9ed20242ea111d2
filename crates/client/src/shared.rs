//! What the handles of a session and its driver have in common: the requests under way, the
//! subscriptions, the registrations and the invocations.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use countersign_wamp::{Dict, Encoding, Id, Message, MessageType, Value, encode};
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::calls::CallResult;
use crate::error::{CallError, Closed, Ended};
use crate::registrations::{Procedure, RegistrationEnd};
use crate::serving::Running;
use crate::subscriptions::{EventSender, SubscriberKey, Subscribers, SubscriptionPattern};

/// Where the answer to a request goes.
pub(crate) type Reply = oneshot::Sender<Result<Answered, CallError>>;

/// Invocations remembered whose handler was done before all parts had come.
const DONE_EARLY_MAX: usize = 256;

/// For the task that writes.
pub(crate) enum Outgoing {
    Frame(Bytes),
    Pong(Bytes),
    Ping,
    /// Nothing more will come.
    Close,
}

/// The answer to a request that went well.
pub(crate) enum Answered {
    Done,
    Id(Id),
    Registered(Id, watch::Receiver<Option<RegistrationEnd>>),
    Subscribed(Id, SubscriberKey),
    Result(CallResult),
}

/// A request that waits for its answer.
pub(crate) enum Pending {
    Call(Reply, Option<mpsc::Sender<CallResult>>),
    Publish(Reply),
    Subscribe(Reply, SubscriptionPattern, EventSender),
    Unsubscribe(Reply),
    Register(Reply, Procedure),
    Unregister(Reply, Id),
}

impl Pending {
    pub(crate) fn kind(&self) -> MessageType {
        match self {
            Self::Call(..) => MessageType::Call,
            Self::Publish(_) => MessageType::Publish,
            Self::Subscribe(..) => MessageType::Subscribe,
            Self::Unsubscribe(_) => MessageType::Unsubscribe,
            Self::Register(..) => MessageType::Register,
            Self::Unregister(..) => MessageType::Unregister,
        }
    }

    pub(crate) fn into_reply(self) -> Reply {
        match self {
            Self::Call(reply, _)
            | Self::Publish(reply)
            | Self::Subscribe(reply, ..)
            | Self::Unsubscribe(reply)
            | Self::Register(reply, _)
            | Self::Unregister(reply, _) => reply,
        }
    }
}

#[derive(Default)]
pub(crate) struct State {
    /// The last request id given away.
    last_request: Option<Id>,
    pub(crate) pending: HashMap<Id, Pending>,
    pub(crate) registrations: HashMap<Id, Arc<Procedure>>,
    pub(crate) invocations: HashMap<Id, Running>,
    done_early: VecDeque<Id>,
    pub(crate) subscribers: Subscribers,
    /// Calls that nobody waits for any more, for the writer to cancel.
    dropped_calls: Vec<Id>,
    pub(crate) leaving: bool,
}

impl State {
    /// Whether a request with this id was ever made.
    pub(crate) fn has_asked(&self, request: Id) -> bool {
        self.last_request.is_some_and(|last| request <= last)
    }

    /// An invocation is over. Parts of it may still be on their way.
    pub(crate) fn finish_invocation(&mut self, request: Id) {
        let Some(running) = self.invocations.remove(&request) else { return };
        if running.awaits_parts() {
            self.done_early(request);
        }
    }

    /// An invocation was answered before all its parts had come.
    pub(crate) fn done_early(&mut self, request: Id) {
        self.done_early.truncate(DONE_EARLY_MAX - 1);
        self.done_early.push_front(request);
    }

    /// Takes out a call that gets more results than are taken.
    pub(crate) fn overflow(&mut self, request: Id) -> Option<Reply> {
        self.pending.remove(&request).map(Pending::into_reply)
    }

    /// Whether a SUBSCRIBE for this pattern is under way, which the server may have answered.
    pub(crate) fn is_subscribing(&self, wanted: &SubscriptionPattern) -> bool {
        self.pending.values().any(|pending| matches!(pending, Pending::Subscribe(_, pattern, _) if pattern == wanted))
    }

    /// Whether an invocation was over before all its parts had come.
    pub(crate) fn was_done_early(&self, request: Id) -> bool {
        self.done_early.contains(&request)
    }
}

pub(crate) struct Shared {
    pub(crate) encoding: Encoding,
    /// The longest frame that the server accepts.
    limit_bytes: usize,
    /// What the server announced in WELCOME.
    roles: Dict,
    state: Mutex<State>,
    ended: watch::Sender<Option<Ended>>,
    call_dropped: Notify,
}

impl Shared {
    pub(crate) fn new(encoding: Encoding, limit_bytes: usize, welcome: &Dict) -> Self {
        let roles = welcome.get("roles").and_then(Value::as_dict).cloned().unwrap_or_default();
        let (state, ended, call_dropped) = (Mutex::default(), watch::Sender::new(None), Notify::new());
        Self { encoding, limit_bytes, roles, state, ended, call_dropped }
    }

    /// Whether the server announced a feature.
    pub(crate) fn announces(&self, role: &str, feature: &str) -> bool {
        let features = self.roles.get(role).and_then(Value::as_dict).and_then(|role| role.get("features"));
        let announced = features.and_then(Value::as_dict).and_then(|features| features.get(feature));
        announced.and_then(Value::as_bool) == Some(true)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock, and no entry depends on another.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn encode(&self, message: &Message) -> Result<Outgoing, CallError> {
        let mut frame = BytesMut::new();
        encode(self.encoding, message, &mut frame);
        if frame.len() > self.limit_bytes { Err(CallError::TooLong) } else { Ok(Outgoing::Frame(frame.freeze())) }
    }

    /// The state, as long as the session lasts.
    pub(crate) fn live(&self) -> Result<MutexGuard<'_, State>, CallError> {
        let state = self.state();
        match self.ended.borrow().clone() {
            Some(ended) => Err(CallError::Ended(ended)),
            None => Ok(state),
        }
    }

    /// Numbers a request, notes who waits for it and hands it over for sending, in this order
    /// and in one step, because ids must reach the server in sequence.
    pub(crate) fn enqueue(
        &self,
        state: &mut State,
        place: mpsc::Permit<'_, Outgoing>,
        build: impl FnOnce(Id) -> Message,
        pending: Option<Pending>,
    ) -> Result<Id, CallError> {
        let id = state.last_request.map_or(Id::FIRST, Id::next);
        let frame = self.encode(&build(id))?;
        state.last_request = Some(id);
        if let Some(pending) = pending {
            state.pending.insert(id, pending);
        }
        place.send(frame);
        Ok(id)
    }

    /// Nobody waits for a call any more. The server is told, if it understands.
    pub(crate) fn drop_call(&self, request: Id) {
        let pending = self.state().pending.remove(&request);
        if pending.is_some() {
            self.cancel_later(request);
        }
    }

    /// The writer is to cancel a call that was taken out.
    pub(crate) fn cancel_later(&self, request: Id) {
        if self.announces("dealer", "call_canceling") {
            self.state().dropped_calls.push(request);
            self.call_dropped.notify_one();
        }
    }

    /// Waits for a dropped call.
    pub(crate) async fn call_dropped(&self) {
        self.call_dropped.notified().await;
    }

    /// The calls dropped since the last time. Each was handed over for sending before.
    pub(crate) fn take_dropped_calls(&self) -> Vec<Id> {
        std::mem::take(&mut self.state().dropped_calls)
    }

    /// Ends the session for everybody who waits. The first reason counts.
    pub(crate) fn end(&self, ended: Ended) {
        let mut state = self.state();
        self.ended.send_if_modified(|current| {
            let is_first = current.is_none();
            current.get_or_insert(ended);
            is_first
        });
        // Handlers may hold handles of this session: dropped outside of the lock.
        let dropped = (
            std::mem::take(&mut state.pending),
            std::mem::take(&mut state.registrations),
            std::mem::take(&mut state.invocations),
            std::mem::take(&mut state.subscribers),
        );
        drop(state);
        drop(dropped);
    }

    /// The error of whoever finds that nothing can be sent or answered any more.
    pub(crate) fn over(&self) -> CallError {
        let ended = self.ended.borrow().clone();
        CallError::Ended(ended.unwrap_or(Ended::Closed(Closed::EndOfStream)))
    }

    /// How the session ended, if it has.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.ended.borrow().clone()
    }

    /// Waits for the end.
    pub(crate) async fn wait_for_end(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as `self`, so there is always a value in the end.
        ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone()).unwrap_or(Ended::Left)
    }
}
