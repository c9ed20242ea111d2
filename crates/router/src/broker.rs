//! The broker: subscriptions and the way of an event.
//!
//! **Invariant:** a session gets one EVENT per subscription of its own that matches, all with the
//! same publication id.
//!
//! Source: WAMP specification, basic profile "Publish and Subscribe"; advanced profile
//! "Pattern-based Subscriptions", "Subscriber Black- and Whitelisting", "Publisher Exclusion",
//! "Publisher Identification", "Subscription Revocation".

mod receivers;
mod subscriptions;

use std::collections::BTreeSet;

use countersign_wamp::{Dict, Id, MatchPolicy, Message, Payload, Uri, UriPattern, UriText, uris};

use crate::meta::MetaEvent;
use crate::options;
use crate::refusal::{Gate, Refusal};
use crate::session::{PUBLISHER, SessionDetails, Sessions, disclose};
use crate::{Action, Effect, Receivers, Target};
use receivers::ReceiverRules;
use subscriptions::Subscriptions;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    subscriptions: Subscriptions,
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
        ReceiverRules::read(&self.options, Id::FIRST).map(drop)
    }
}

/// Who publishes: a session that may just have left.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Publisher<'a> {
    pub id: Id,
    pub details: &'a SessionDetails,
}

/// Who gets an event, by subscription.
pub(crate) type Deliveries = Vec<(Id, Receivers)>;

impl Broker {
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
        let rules = ReceiverRules::read(&options, from.id)?;
        let mut deliveries = Vec::new();
        for id in self.subscriptions.matching(text) {
            let Some(subscription) = self.subscriptions.get(id) else { continue };
            let receivers = rules.select(&subscription.subscribers, sessions);
            if !receivers.is_empty() {
                deliveries.push((id, receivers));
            }
        }
        drop(rules);
        if deliveries.is_empty() {
            return Ok(());
        }
        let mut details = if is_meta { Dict::new() } else { disclose(&PUBLISHER, from.id, from.details) };
        options::forward_custom(options, &mut details);
        self.deliver(deliveries, publication, details, topic.as_str(), &payload, out);
        Ok(())
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

    /// The meta events since the last time.
    pub fn take_events(&mut self) -> Vec<MetaEvent> {
        std::mem::take(&mut self.subscriptions.events)
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
}
