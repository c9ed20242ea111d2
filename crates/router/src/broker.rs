//! The broker: subscriptions and the way of an event.
//!
//! **Invariants:** all subscribers of a pattern share one subscription id, which lives as long as
//! there is one of them. A session gets one EVENT per subscription of its own that matches, all
//! with the same publication id.
//!
//! Source: WAMP specification, basic profile "Publish and Subscribe"; advanced profile
//! "Pattern-based Subscriptions", "Subscriber Black- and Whitelisting", "Publisher Exclusion",
//! "Publisher Identification".

mod receivers;

use std::collections::{BTreeSet, HashMap};

use countersign_wamp::{Dict, Id, MatchPolicy, Message, Payload, Uri, UriPattern, UriText, uris};

use crate::hash::FastHash;
use crate::options;
use crate::pattern_map::PatternMap;
use crate::refusal::{Gate, Refusal};
use crate::session::{PUBLISHER, Sessions, disclose};
use crate::{Action, Effect, Target};
use receivers::ReceiverRules;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    subscriptions: HashMap<Id, Subscription, FastHash>,
    by_topic: PatternMap,
    last_subscription: Option<Id>,
}

#[derive(Debug)]
struct Subscription {
    topic: UriPattern,
    /// Ordered, so that events go out in the same order on every run.
    subscribers: BTreeSet<Id>,
}

/// A PUBLISH without its request id.
#[derive(Debug)]
pub(crate) struct Publish {
    pub options: Dict,
    pub topic: UriText,
    pub payload: Payload,
}

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
        let policy = options::match_policy(options)?;
        let text = topic.as_str();
        let topic = UriPattern::parse(text, policy, gate.settings.uri_rules)
            .map_err(|cause| Refusal::invalid_uri(text, cause))?;
        let session = sessions.get_mut(&from).ok_or_else(Refusal::unknown_session)?;
        gate.check(from, &session.details, Action::Subscribe, Target::Pattern(&topic))?;
        let existing = self.by_topic.get(&topic);
        if let Some(id) = existing.filter(|id| session.subscriptions.contains(id)) {
            return Ok(id);
        }
        session.check_holdings(gate.settings)?;
        let id = existing.unwrap_or_else(|| {
            let id = self.last_subscription.map_or(Id::FIRST, Id::next);
            self.last_subscription = Some(id);
            self.by_topic.insert(&topic, id);
            id
        });
        let new = || Subscription { topic, subscribers: BTreeSet::new() };
        self.subscriptions.entry(id).or_insert_with(new).subscribers.insert(from);
        session.subscriptions.insert(id);
        Ok(id)
    }

    /// UNSUBSCRIBE, from a subscription of the session's own.
    pub fn unsubscribe(&mut self, sessions: &mut Sessions, from: Id, subscription: Id) -> Result<(), Refusal> {
        let session = sessions.get_mut(&from);
        if !session.is_some_and(|session| session.subscriptions.remove(&subscription)) {
            return Err(Refusal::new(
                uris::error::NO_SUCH_SUBSCRIPTION,
                format!("this session has no subscription {subscription}"),
            ));
        }
        self.remove_subscriber(from, subscription);
        Ok(())
    }

    /// Removes a session that left from its subscriptions.
    pub fn forget(&mut self, session: Id, subscriptions: &BTreeSet<Id>) {
        for &subscription in subscriptions {
            self.remove_subscriber(session, subscription);
        }
    }

    fn remove_subscriber(&mut self, session: Id, id: Id) {
        let Some(subscription) = self.subscriptions.get_mut(&id) else { return };
        subscription.subscribers.remove(&session);
        if subscription.subscribers.is_empty() {
            self.by_topic.remove(&subscription.topic);
            self.subscriptions.remove(&id);
        }
    }

    /// PUBLISH: an EVENT for each subscription that matches and has receivers.
    pub fn publish(
        &self,
        sessions: &Sessions,
        gate: &Gate<'_>,
        from: Id,
        publication: Id,
        publish: Publish,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let Publish { options, topic, payload } = publish;
        let text = topic.as_str();
        let topic = Uri::parse(text, gate.settings.uri_rules).map_err(|cause| Refusal::invalid_uri(text, cause))?;
        let publisher = &sessions.get(&from).ok_or_else(Refusal::unknown_session)?.details;
        gate.check(from, publisher, Action::Publish, Target::Uri(&topic))?;
        let is_meta = text.starts_with(uris::RESERVED_PREFIX);
        if is_meta && !publisher.is_service() {
            return Err(Refusal::new(
                uris::error::INVALID_URI,
                format!("topic '{topic}' is the router's to publish to"),
            ));
        }
        let matches = self.by_topic.all(text);
        let rules = ReceiverRules::read(&options, from)?;
        let mut events = Vec::with_capacity(matches.len());
        for id in matches {
            let Some(subscription) = self.subscriptions.get(&id) else { continue };
            let receivers = rules.select(&subscription.subscribers, sessions);
            if !receivers.is_empty() {
                events.push((id, subscription, receivers));
            }
        }
        drop(rules);
        if events.is_empty() {
            return Ok(());
        }
        let mut disclosed = if is_meta { Dict::new() } else { disclose(&PUBLISHER, from, publisher) };
        options::forward_custom(options, &mut disclosed);
        let mut events = events.into_iter().peekable();
        while let Some((id, subscription, receivers)) = events.next() {
            let is_last = events.peek().is_none();
            let mut details = if is_last { std::mem::take(&mut disclosed) } else { disclosed.clone() };
            if subscription.topic.policy() != MatchPolicy::Exact {
                details.push("topic", topic.as_str());
            }
            let payload = payload.clone();
            let message = Message::Event { subscription: id, publication, details, payload };
            out.push(match *receivers {
                [to] => Effect::Send { to, message },
                _ => Effect::Fanout { to: receivers, message },
            });
        }
        Ok(())
    }

    pub fn subscription_count(&self) -> usize {
        self.subscriptions.len()
    }
}
