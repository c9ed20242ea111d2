//! Who has subscribed to what.
//!
//! **Invariant:** all subscribers of a pattern share one subscription id, which lives as long as
//! there is one of them; one that has an event history lives as long as the realm.

use std::collections::{BTreeSet, HashMap};

use countersign_wamp::{Dict, Id, Message, Uri, UriPattern, UriText, uris};

use crate::clock::WallTime;
use crate::hash::FastHash;
use crate::meta::{Change, MetaEvent, is_hidden};
use crate::pattern_map::{Matches, PatternMap, list_by_policy};
use crate::refusal::{Gate, Refusal};
use crate::session::Sessions;
use crate::shard::{Node, Shards};
use crate::{Action, Effect, Feature, Target, options};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_id: HashMap<Id, Subscription, FastHash>,
    by_topic: PatternMap,
    last: Option<Id>,
    /// What was not published yet.
    pub events: Vec<MetaEvent>,
}

#[derive(Debug)]
pub(super) struct Subscription {
    pub topic: UriPattern,
    pub created: WallTime,
    /// Whether it stays without subscribers.
    is_permanent: bool,
    /// Ordered, so that events go out in the same order on every run.
    pub subscribers: BTreeSet<Id>,
    /// Those of them that share the keys of its events.
    pub shards: Shards,
}

impl Subscriptions {
    /// SUBSCRIBE. Again for the same pattern it answers with the same id, and the node key is the new one.
    pub fn subscribe(
        &mut self,
        sessions: &mut Sessions,
        gate: &Gate<'_>,
        from: Id,
        options: &Dict,
        topic: &UriText,
    ) -> Result<Id, Refusal> {
        let policy = options::match_policy(options)?;
        let node = Node::read(options)?;
        let text = topic.as_str();
        let topic = UriPattern::parse(text, policy, gate.settings.uri_rules)
            .map_err(|cause| Refusal::invalid_uri(text, cause))?;
        let session = sessions.get_mut(&from).ok_or_else(Refusal::unknown_session)?;
        gate.check(from, &session.details, Action::Subscribe, Target::Pattern(&topic))?;
        let existing = self.by_topic.get(&topic);
        if let Some(id) = existing.filter(|id| session.subscriptions.contains(*id)) {
            if let Some(subscription) = self.by_id.get_mut(&id) {
                subscription.shards.set(from, node);
            }
            return Ok(id);
        }
        session.check_holdings(gate.settings, policy)?;
        let id = existing.unwrap_or_else(|| {
            let id = self.create(topic.clone(), gate.at, false);
            self.note(Change::Created, &topic, from, id);
            id
        });
        if let Some(subscription) = self.by_id.get_mut(&id) {
            subscription.subscribers.insert(from);
            subscription.shards.set(from, node);
        }
        self.note(Change::Added, &topic, from, id);
        session.subscriptions.insert(id, policy);
        Ok(id)
    }

    fn create(&mut self, topic: UriPattern, created: WallTime, is_permanent: bool) -> Id {
        let id = self.last.map_or(Id::FIRST, Id::next);
        self.last = Some(id);
        self.by_topic.insert(&topic, id);
        self.by_id.insert(
            id,
            Subscription { topic, created, is_permanent, subscribers: BTreeSet::new(), shards: Shards::default() },
        );
        id
    }

    /// A subscription that needs no subscriber. Again for the same pattern it answers with the
    /// same id.
    pub fn create_permanent(&mut self, topic: UriPattern) -> Id {
        let existing = self.by_topic.get(&topic);
        existing.unwrap_or_else(|| self.create(topic, WallTime::EPOCH, true))
    }

    pub fn date_permanent(&mut self, at: WallTime) {
        for subscription in self.by_id.values_mut().filter(|subscription| subscription.is_permanent) {
            subscription.created = at;
        }
    }

    fn note(&mut self, change: Change, topic: &UriPattern, session: Id, id: Id) {
        if !is_hidden(topic) {
            self.events.push(MetaEvent::Subscription { change, session, id });
        }
    }

    /// UNSUBSCRIBE, from a subscription of the session's own.
    pub fn unsubscribe(&mut self, sessions: &mut Sessions, from: Id, subscription: Id) -> Result<(), Refusal> {
        let session = sessions.get_mut(&from);
        if !session.is_some_and(|session| session.subscriptions.remove(subscription)) {
            return Err(Refusal::new(
                uris::error::NO_SUCH_SUBSCRIPTION,
                format!("this session has no subscription {subscription}"),
            ));
        }
        self.remove_subscriber(from, subscription);
        Ok(())
    }

    /// Takes a subscription from a subscriber that did not ask for it, and tells it, if it
    /// understands that.
    pub fn revoke(&mut self, sessions: &mut Sessions, id: Id, subscriber: Id, reason: &str, out: &mut Vec<Effect>) {
        let Some(session) = sessions.get_mut(&subscriber) else { return };
        if !session.subscriptions.remove(id) {
            return;
        }
        if session.details.features.has(Feature::SubscriptionRevocation) {
            let details = Dict::new().with("subscription", id).with("reason", reason);
            let message = Message::Unsubscribed { request: None, details: Some(details) };
            out.push(Effect::Send { to: subscriber, message });
        }
        self.remove_subscriber(subscriber, id);
    }

    pub fn remove_subscriber(&mut self, session: Id, id: Id) {
        let Some(subscription) = self.by_id.get_mut(&id) else { return };
        subscription.subscribers.remove(&session);
        subscription.shards.set(session, None);
        let is_over = subscription.subscribers.is_empty() && !subscription.is_permanent;
        let topic = subscription.topic.clone();
        self.note(Change::Removed, &topic, session, id);
        if is_over {
            self.by_topic.remove(&topic);
            self.by_id.remove(&id);
            self.note(Change::Deleted, &topic, session, id);
        }
    }

    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    pub fn get(&self, id: Id) -> Option<&Subscription> {
        self.by_id.get(&id)
    }

    /// All subscriptions that match a topic.
    pub fn matching(&self, topic: &str) -> Matches {
        self.by_topic.all(topic)
    }

    /// As [`Self::get`], for the meta API, which does not show `wamp.*` topics.
    pub fn shown(&self, id: Id) -> Option<&Subscription> {
        self.by_id.get(&id).filter(|subscription| !is_hidden(&subscription.topic))
    }

    /// All subscriptions that the meta API shows, by match policy.
    pub fn list(&self) -> Dict {
        let shown = self.by_id.iter().filter(|(_, subscription)| !is_hidden(&subscription.topic));
        list_by_policy(shown.map(|(id, subscription)| (*id, subscription.topic.policy())))
    }

    /// All subscriptions that the meta API shows, ascending.
    pub fn shown_ids(&self) -> Vec<Id> {
        let shown = self.by_id.iter().filter(|(_, subscription)| !is_hidden(&subscription.topic));
        let mut ids: Vec<Id> = shown.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// The subscription of exactly this pattern.
    pub fn look_up(&self, pattern: &UriPattern) -> Option<Id> {
        self.by_topic.get(pattern).filter(|id| self.shown(*id).is_some())
    }

    pub fn find(&self, topic: &Uri) -> Vec<Id> {
        self.matching(topic.as_str()).into_iter().filter(|id| self.shown(*id).is_some()).collect()
    }

    pub fn describe(&self, id: Id) -> Option<Dict> {
        let subscription = self.shown(id)?;
        Some(
            Dict::new()
                .with("id", id)
                .with("created", subscription.created.to_string())
                .with("uri", subscription.topic.as_str())
                .with("match", subscription.topic.policy().name()),
        )
    }
}
