//! The broker: subscriptions and the way of an event.
//!
//! **Invariant:** a session gets one EVENT per subscription of its own that matches, all with the
//! same publication id.
//!
//! Source: WAMP specification, basic profile "Publish and Subscribe"; advanced profile
//! "Pattern-based Subscriptions", "Subscriber Black- and Whitelisting", "Publisher Exclusion",
//! "Publisher Identification", "Subscription Revocation", "Event Retention", "Event
//! History", "Sharded Subscriptions".

mod history;
mod receivers;
mod retained;
mod subscriptions;

use std::collections::BTreeSet;

use countersign_wamp::{Dict, Id, MatchPolicy, Message, Payload, Uri, UriPattern, UriRules, UriText, uris};

use crate::clock::WallTime;
use crate::meta::MetaEvent;
use crate::options;
use crate::refusal::{Gate, Refusal};
use crate::session::{Disclosure, Part, SessionDetails, Sessions};
use crate::{Action, Effect, Limit, RealmSettings, Receivers, SubscriptionInfo, Target};
use history::History;
use receivers::ReceiverRules;
use retained::Retained;
use subscriptions::{Subscription, Subscriptions};

pub use history::PastEvent;
pub(crate) use history::{Bounds, Query};
pub use retained::KeptEvent;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    subscriptions: Subscriptions,
    retained: Retained,
    history: History,
}

/// A PUBLISH without its request id.
#[derive(Debug)]
pub(crate) struct Publish {
    pub options: Dict,
    pub topic: UriText,
    pub payload: Payload,
}

impl Publish {
    /// Refuses options of a wrong type.
    pub fn check(&self) -> Result<(), Refusal> {
        options::flag(&self.options, "retain", false)?;
        ReceiverRules::read(&self.options, Id::FIRST).map(drop)
    }
}

/// Who publishes: a session that may just have left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publisher<'a> {
    pub id: Id,
    pub details: &'a SessionDetails,
    pub disclosure: &'a Disclosure,
}

/// Who gets an event, by subscription.
pub(crate) type Deliveries = Vec<(Id, Receivers)>;

impl Broker {
    /// No subscriptions but those that have a history.
    pub fn new(settings: &RealmSettings) -> Self {
        let mut broker = Self::default();
        for (place, history) in settings.history.iter().enumerate() {
            let id = broker.subscriptions.create_permanent(history.pattern.clone());
            broker.history.add(id, place, history.clone());
        }
        broker
    }

    /// The time of day is known at last: dates the subscriptions that were there before it was.
    pub fn begin(&mut self, at: WallTime) {
        self.subscriptions.date_permanent(at);
    }

    /// SUBSCRIBE. Again for the same pattern it answers with the same id.
    pub fn subscribe(
        &mut self,
        sessions: &mut Sessions,
        gate: &Gate<'_>,
        from: Id,
        options: &Dict,
        topic: &UriText,
    ) -> Result<Id, Refusal> {
        self.subscriptions.subscribe(sessions, gate, from, options, topic)
    }

    /// UNSUBSCRIBE, from a subscription of the session's own.
    pub fn unsubscribe(&mut self, sessions: &mut Sessions, from: Id, subscription: Id) -> Result<(), Refusal> {
        self.subscriptions.unsubscribe(sessions, from, subscription)
    }

    /// Takes a subscription from a subscriber that did not ask for it.
    pub fn revoke(&mut self, sessions: &mut Sessions, id: Id, subscriber: Id, reason: &str, out: &mut Vec<Effect>) {
        self.subscriptions.revoke(sessions, id, subscriber, reason, out);
    }

    /// Removes a session that left from its subscriptions.
    pub fn forget(&mut self, session: Id, subscriptions: &BTreeSet<Id>) {
        for &subscription in subscriptions {
            self.subscriptions.remove_subscriber(session, subscription);
        }
    }

    /// PUBLISH: an EVENT for each subscription that matches and has receivers.
    pub fn publish(
        &mut self,
        sessions: &Sessions,
        gate: &Gate<'_>,
        from: Publisher<'_>,
        publication: Id,
        publish: Publish,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Publish { options, topic, payload } = publish;
        let text = topic.as_str();
        let topic = Uri::parse(text, gate.settings.uri_rules).map_err(|cause| Refusal::invalid_uri(text, cause))?;
        gate.check(from.id, from.details, Action::Publish, Target::Uri(&topic))?;
        let is_meta = text.starts_with(uris::RESERVED_PREFIX);
        if is_meta && !from.details.is_service() {
            return Err(Refusal::new(
                uris::error::INVALID_URI,
                format!("topic '{topic}' is the router's to publish to"),
            ));
        }
        let is_retained = options::flag(&options, "retain", false)?;
        let rules = ReceiverRules::read(&options, from.id)?;
        let matching = self.subscriptions.matching(text);
        let mut deliveries = Vec::new();
        for &id in &matching {
            let Some(subscription) = self.subscriptions.get(id) else { continue };
            let receivers = rules.select(&subscription.subscribers, &subscription.shards, sessions);
            if !receivers.is_empty() {
                deliveries.push((id, receivers));
            }
        }
        let is_past = !rules.names_sessions() && matching.iter().any(|id| self.history.keeps(*id));
        drop(rules);
        if deliveries.is_empty() && !is_retained && !is_past {
            return Ok(());
        }
        let restrictions = if is_retained || is_past { receivers::restrictions(&options) } else { Dict::new() };
        let mut details =
            if is_meta { Dict::new() } else { from.disclosure.of(Part::Publisher, from.id, from.details) };
        options::forward(options, &mut details);
        let kept = || KeptEvent {
            publication,
            publisher: from.id,
            restrictions: restrictions.clone(),
            details: details.clone(),
            payload: payload.compacted(),
        };
        if is_retained {
            self.retained.keep(topic.clone(), kept(), sessions, gate.settings);
        }
        if is_past {
            out.extend(self.history.keep(&matching, PastEvent { at: gate.at, topic: topic.clone(), event: kept() }));
        }
        self.deliver(deliveries, publication, details, topic.as_str(), &payload, out);
        Ok(())
    }

    /// Sends a subscriber the retained events of its subscription.
    pub fn send_retained(&self, sessions: &Sessions, to: Id, subscription: Id, out: &mut Vec<Effect>) {
        let Some(Subscription { topic: pattern, shards, .. }) = self.subscriptions.get(subscription) else { return };
        for (topic, event) in self.retained.newest_for(pattern, to, shards, sessions) {
            let mut details = event.details.clone();
            if pattern.policy() != MatchPolicy::Exact {
                details.push("topic", topic.as_str());
            }
            details.push("retained", true);
            let (publication, payload) = (event.publication, event.payload.clone());
            out.push(Effect::Send { to, message: Message::Event { subscription, publication, details, payload } });
        }
    }

    /// Everybody who gets an event of this topic that nothing restricts.
    pub fn receivers_of(&self, topic: &str) -> Deliveries {
        let of = |id| Some((id, self.subscriptions.get(id)?.subscribers.iter().copied().collect()));
        self.subscriptions.matching(topic).into_iter().filter_map(of).collect()
    }

    /// Sends an event to its receivers.
    pub fn deliver(
        &self,
        deliveries: Deliveries,
        publication: Id,
        mut common: Dict,
        topic: &str,
        payload: &Payload,
        out: &mut Vec<Effect>,
    ) {
        let mut deliveries = deliveries.into_iter().peekable();
        while let Some((id, receivers)) = deliveries.next() {
            let is_last = deliveries.peek().is_none();
            let mut details = if is_last { std::mem::take(&mut common) } else { common.clone() };
            if self.subscriptions.get(id).is_some_and(|subscription| subscription.topic.policy() != MatchPolicy::Exact)
            {
                details.push("topic", topic);
            }
            let payload = payload.clone();
            let message = Message::Event { subscription: id, publication, details, payload };
            out.push(match *receivers {
                [to] => Effect::Send { to, message },
                _ => Effect::Fanout { to: receivers, message },
            });
        }
    }

    /// See [`History::restore`].
    pub fn restore_history(&mut self, place: usize, events: impl IntoIterator<Item = PastEvent>) {
        self.history.restore(place, events);
    }

    /// Whether there is anything for [`Self::take_events`] to take.
    pub fn has_news(&self) -> bool {
        !self.subscriptions.events.is_empty()
    }

    /// The meta events since the last time.
    pub fn take_events(&mut self) -> Vec<MetaEvent> {
        std::mem::take(&mut self.subscriptions.events)
    }

    pub fn retained_count(&self) -> usize {
        self.retained.len()
    }

    /// How often an event was not retained for lack of room.
    pub fn limit_count(&self, limit: Limit) -> u64 {
        self.retained.limit_count(limit)
    }

    pub fn subscription_count(&self) -> usize {
        self.subscriptions.len()
    }

    /// The pattern of a subscription.
    pub fn pattern(&self, subscription: Id) -> Option<&UriPattern> {
        self.subscriptions.get(subscription).map(|subscription| &subscription.topic)
    }
}

/// What the meta API says of subscriptions.
impl Broker {
    pub fn list(&self) -> Dict {
        self.subscriptions.list()
    }

    pub fn look_up(&self, pattern: &UriPattern) -> Option<Id> {
        self.subscriptions.look_up(pattern)
    }

    pub fn find(&self, topic: &Uri) -> Vec<Id> {
        self.subscriptions.find(topic)
    }

    pub fn subscribers(&self, id: Id) -> Option<Vec<Id>> {
        Some(self.subscriptions.shown(id)?.subscribers.iter().copied().collect())
    }

    pub fn describe(&self, id: Id) -> Option<Dict> {
        self.subscriptions.describe(id)
    }

    /// All subscriptions, ascending.
    pub fn shown_ids(&self) -> Vec<Id> {
        self.subscriptions.shown_ids()
    }

    /// One of them.
    pub fn info(&self, id: Id) -> Option<SubscriptionInfo> {
        let Subscription { topic, created, subscribers, .. } = self.subscriptions.shown(id)?;
        let (topic, subscribers) = (topic.clone(), subscribers.iter().copied().collect());
        Some(SubscriptionInfo { id, created: *created, topic, subscribers })
    }

    /// The pattern of a subscription that the meta API shows.
    pub fn shown_pattern(&self, id: Id) -> Option<&UriPattern> {
        self.subscriptions.shown(id).map(|subscription| &subscription.topic)
    }

    /// See [`History::find`].
    pub fn past<'a>(
        &'a self,
        id: Id,
        rules: UriRules,
        query: &'a Query,
        user: &'a SessionDetails,
    ) -> Option<Box<dyn Iterator<Item = &'a PastEvent> + 'a>> {
        self.history.find(id, &self.subscriptions.get(id)?.topic, rules, query, user)
    }
}
