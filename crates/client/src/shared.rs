//! What the handles of a session and its driver have in common: the requests under way, the
//! subscriptions and the registrations.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use countersign_wamp::{Dict, Encoding, Id, Message, Payload, Value, encode};
use tokio::sync::{mpsc, oneshot, watch};

use crate::error::{CallError, Closed, Ended, HandlerError};
use crate::session::{Event, Invocation};

/// What a handler answers.
pub(crate) type Answer = Result<(Vec<Value>, Dict), HandlerError>;
pub(crate) type Handler = Arc<dyn Fn(Invocation) -> Pin<Box<dyn Future<Output = Answer> + Send>> + Send + Sync>;
/// Where the answer to a request goes.
pub(crate) type Reply = oneshot::Sender<Result<Answered, CallError>>;

/// For the task that writes.
pub(crate) enum Outgoing {
    Frame(Bytes),
    Pong(Bytes),
    /// Nothing more will come.
    Close,
}

/// The answer to a request that went well.
pub(crate) enum Answered {
    Done,
    Id(Id),
    Subscribed(Id, SubscriberKey),
    Payload(Payload),
}

/// A request that waits for its answer.
pub(crate) enum Pending {
    Call(Reply),
    Publish(Reply),
    Subscribe(Reply, EventSender),
    Unsubscribe(Reply),
    Register(Reply, Handler),
    Unregister(Reply, Id),
}

impl Pending {
    pub(crate) fn into_reply(self) -> Reply {
        match self {
            Self::Call(reply)
            | Self::Publish(reply)
            | Self::Subscribe(reply, _)
            | Self::Unsubscribe(reply)
            | Self::Register(reply, _)
            | Self::Unregister(reply, _) => reply,
        }
    }
}

/// Tells subscribers of one subscription apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubscriberKey(u64);

/// The end of a subscription where events go in.
#[derive(Clone)]
pub(crate) struct EventSender {
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) missed: Arc<AtomicU64>,
}

#[derive(Default)]
pub(crate) struct State {
    /// The last request id given away.
    last_request: Option<Id>,
    pub(crate) pending: HashMap<Id, Pending>,
    pub(crate) registrations: HashMap<Id, Handler>,
    subscribers: HashMap<Id, Vec<(SubscriberKey, EventSender)>>,
    last_subscriber: u64,
    pub(crate) leaving: bool,
}

pub(crate) struct Shared {
    pub(crate) encoding: Encoding,
    /// The longest frame that the server accepts.
    limit_bytes: usize,
    state: Mutex<State>,
    ended: watch::Sender<Option<Ended>>,
}

impl Shared {
    pub(crate) fn new(encoding: Encoding, limit_bytes: usize) -> Self {
        Self { encoding, limit_bytes, state: Mutex::default(), ended: watch::Sender::new(None) }
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

    /// Numbers a request, notes who waits for it and hands it over for sending, in this order
    /// and in one step, because ids must reach the server in sequence.
    pub(crate) fn enqueue(
        &self,
        place: mpsc::Permit<'_, Outgoing>,
        build: impl FnOnce(Id) -> Message,
        pending: Option<Pending>,
    ) -> Result<Id, CallError> {
        let mut state = self.state();
        if let Some(ended) = self.ended.borrow().clone() {
            return Err(CallError::Ended(ended));
        }
        let id = state.last_request.map_or(Id::FIRST, Id::next);
        let frame = self.encode(&build(id))?;
        state.last_request = Some(id);
        if let Some(pending) = pending {
            state.pending.insert(id, pending);
        }
        place.send(frame);
        Ok(id)
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

    /// Waits for the end.
    pub(crate) async fn wait_for_end(&self) -> Ended {
        let mut ended = self.ended.subscribe();
        // The sender lives as long as `self`, so there is always a value in the end.
        ended.wait_for(Option::is_some).await.ok().and_then(|ended| ended.clone()).unwrap_or(Ended::Left)
    }
}

impl State {
    pub(crate) fn add_subscriber(&mut self, subscription: Id, sender: EventSender) -> SubscriberKey {
        self.last_subscriber += 1;
        let key = SubscriberKey(self.last_subscriber);
        self.subscribers.entry(subscription).or_default().push((key, sender));
        key
    }

    /// Whether this was the last subscriber, so that the server can stop sending.
    pub(crate) fn remove_subscriber(&mut self, subscription: Id, key: SubscriberKey) -> bool {
        let Some(subscribers) = self.subscribers.get_mut(&subscription) else { return false };
        subscribers.retain(|(other, _)| *other != key);
        let is_last = subscribers.is_empty();
        if is_last {
            self.subscribers.remove(&subscription);
        }
        is_last
    }

    pub(crate) fn remove_subscription(&mut self, subscription: Id) {
        self.subscribers.remove(&subscription);
    }

    /// Gives an event to all subscribers; one that has no room misses it.
    pub(crate) fn deliver(&self, subscription: Id, event: &Event) {
        for (_, sender) in self.subscribers.get(&subscription).into_iter().flatten() {
            if matches!(sender.events.try_send(event.clone()), Err(mpsc::error::TrySendError::Full(_))) {
                sender.missed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}
