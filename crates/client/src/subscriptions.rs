//! Subscriptions: events that wait to be taken, and the end.
//!
//! **Invariant:** an event that finds its queue full is lost for that subscriber, and counted; it
//! holds up nobody.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use countersign_wamp::{Id, Message, Value};
use tokio::sync::mpsc;

use crate::error::CallError;
use crate::events::Event;
use crate::request_options::SubscribeOptions;
use crate::session::Session;
use crate::shared::{Answered, Pending};

/// Why a subscription has no more events.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum SubscriptionEnd {
    /// By [`Session::unsubscribe`].
    Unsubscribed,
    /// The server took it away.
    Revoked {
        /// A URI, if the server gave one.
        reason: Option<String>,
    },
    /// With the session; see [`Session::ended`].
    SessionEnded,
}

/// Tells subscribers of one subscription apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SubscriberKey(u64);

/// The end of a subscription where events go in.
#[derive(Clone)]
pub(crate) struct EventSender {
    events: mpsc::Sender<Event>,
    fate: Arc<Fate>,
}

/// What its subscriber can't see in the events.
#[derive(Debug, Default)]
struct Fate {
    missed: AtomicU64,
    end: OnceLock<SubscriptionEnd>,
}

/// What was subscribed to. The same pattern is the same subscription at the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SubscriptionPattern {
    topic: String,
    policy: Option<String>,
}

/// The subscribers of this session, by subscription.
#[derive(Default)]
pub(crate) struct Subscribers {
    by_id: HashMap<Id, Subscribed>,
    last: u64,
}

struct Subscribed {
    pattern: SubscriptionPattern,
    senders: Vec<(SubscriberKey, EventSender)>,
}

impl Subscribers {
    pub(crate) fn add(&mut self, id: Id, pattern: SubscriptionPattern, sender: EventSender) -> SubscriberKey {
        self.last += 1;
        let key = SubscriberKey(self.last);
        let subscribed = self.by_id.entry(id).or_insert_with(|| Subscribed { pattern, senders: Vec::new() });
        subscribed.senders.push((key, sender));
        key
    }

    /// The pattern, if this was the last subscriber, so that the server can stop sending.
    pub(crate) fn remove(&mut self, id: Id, key: SubscriberKey) -> Option<SubscriptionPattern> {
        let senders = &mut self.by_id.get_mut(&id)?.senders;
        let at = senders.iter().position(|(other, _)| *other == key)?;
        let (_, sender) = senders.swap_remove(at);
        let _ = sender.fate.end.set(SubscriptionEnd::Unsubscribed);
        self.take_if_unused(id)
    }

    /// The server took a subscription away.
    pub(crate) fn revoke(&mut self, id: Id, reason: Option<&str>) {
        for (_, sender) in self.by_id.remove(&id).into_iter().flat_map(|subscribed| subscribed.senders) {
            let _ = sender.fate.end.set(SubscriptionEnd::Revoked { reason: reason.map(str::to_owned) });
        }
    }

    /// Gives an event to all subscribers; one that has no room misses it. The pattern, if all
    /// subscribers are gone.
    pub(crate) fn deliver(&mut self, id: Id, event: &Event) -> Option<SubscriptionPattern> {
        use mpsc::error::TrySendError::{Closed, Full};
        let subscribed = self.by_id.get_mut(&id)?;
        subscribed.senders.retain(|(_, sender)| match sender.events.try_send(event.clone()) {
            Ok(()) => true,
            Err(Full(_)) => {
                sender.fate.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(Closed(_)) => false,
        });
        self.take_if_unused(id)
    }

    fn take_if_unused(&mut self, id: Id) -> Option<SubscriptionPattern> {
        if self.by_id.get(&id)?.senders.is_empty() { self.by_id.remove(&id).map(|it| it.pattern) } else { None }
    }
}

/// Names a subscription for [`Session::unsubscribe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubscriptionHandle {
    id: Id,
    key: SubscriberKey,
}

/// A subscription whose events are taken one by one. When this is dropped the events are
/// discarded and the server is told when it sends the next one; [`Session::unsubscribe`] tells
/// it at once.
#[derive(Debug)]
pub struct Subscription {
    handle: SubscriptionHandle,
    events: mpsc::Receiver<Event>,
    fate: Arc<Fate>,
}

impl Subscription {
    /// The id that the server gave it; the same for all who subscribed to the same.
    pub fn id(&self) -> Id {
        self.handle.id
    }

    /// For [`Session::unsubscribe`], where this itself is in use.
    pub fn handle(&self) -> SubscriptionHandle {
        self.handle
    }

    /// Waits for the next event; `None` when the subscription or the session has ended. Nothing
    /// is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// The next event, if one waits already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Number of events lost because the queue was full; see [`SubscribeOptions::events_max`].
    pub fn missed(&self) -> u64 {
        self.fate.missed.load(Ordering::Relaxed)
    }

    /// Why there are no more events, once that is so. Those that wait can still be taken.
    pub fn end(&self) -> Option<SubscriptionEnd> {
        match self.fate.end.get() {
            Some(end) => Some(end.clone()),
            None if self.events.is_closed() => Some(SubscriptionEnd::SessionEnded),
            None => None,
        }
    }
}

impl SubscriptionHandle {
    /// The id that the server gave it; the same for all who subscribed to the same.
    pub fn id(self) -> Id {
        self.id
    }
}

impl From<Subscription> for SubscriptionHandle {
    fn from(subscription: Subscription) -> Self {
        subscription.handle
    }
}

impl From<&Subscription> for SubscriptionHandle {
    fn from(subscription: &Subscription) -> Self {
        subscription.handle
    }
}

impl Session {
    /// Subscribes to a topic. `options` are [`SubscribeOptions`] or a [`crate::Dict`].
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn subscribe(
        &self,
        topic: &str,
        options: impl Into<SubscribeOptions>,
    ) -> Result<Subscription, CallError> {
        let SubscribeOptions { dict, events_max } = options.into();
        let (sender, events) = mpsc::channel(events_max.unwrap_or(self.options().events_max));
        let fate = Arc::new(Fate::default());
        let sender = EventSender { events: sender, fate: Arc::clone(&fate) };
        let policy = dict.get("match").and_then(Value::as_str).map(str::to_owned);
        let pattern = SubscriptionPattern { topic: topic.to_owned(), policy };
        let subscribe = |request| Message::Subscribe { request, options: dict, topic: topic.into() };
        match self.request(subscribe, |reply| Pending::Subscribe(reply, pattern, sender)).await? {
            Answered::Subscribed(id, key) => Ok(Subscription { handle: SubscriptionHandle { id, key }, events, fate }),
            _ => Err(self.broken("an answer of another kind")),
        }
    }

    /// Subscribes to a topic and calls `callback` for each event, in order, from a task of its
    /// own, until [`Session::unsubscribe`] or the session's end.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn subscribe_with(
        &self,
        topic: &str,
        options: impl Into<SubscribeOptions>,
        mut callback: impl FnMut(Event) + Send + 'static,
    ) -> Result<SubscriptionHandle, CallError> {
        let mut subscription = self.subscribe(topic, options).await?;
        let handle = subscription.handle;
        tokio::spawn(async move {
            while let Some(event) = subscription.next().await {
                callback(event);
            }
        });
        Ok(handle)
    }

    /// Ends a [`Subscription`] or what a [`SubscriptionHandle`] names. The server hears of it
    /// when nobody else in this session has the same subscription.
    ///
    /// # Errors
    ///
    /// [`CallError`]
    pub async fn unsubscribe(&self, subscription: impl Into<SubscriptionHandle>) -> Result<(), CallError> {
        let SubscriptionHandle { id, key } = subscription.into();
        let unsubscribe = |request| Message::Unsubscribe { request, subscription: id };
        // Decided in the step that sends: between the two, others may subscribe to the same.
        let asked = self.request_if(
            |state| {
                let pattern = state.subscribers.remove(id, key)?;
                (!state.is_subscribing(&pattern)).then_some(())
            },
            unsubscribe,
            Pending::Unsubscribe,
        );
        asked.await.map(drop)
    }
}
