//! Event history: the last events of those topics that the settings name, in memory. Those of a
//! history that is stored are recorded as well, and given back at the next start.
//!
//! A history belongs to a subscription that is there from the start, whether anybody subscribes
//! or not. Other subscriptions can be asked for their history too, if one that is kept covers them.
//! An event whose receivers were restricted by session ids is never kept: those ids mean nothing
//! to sessions that come later. Nor are the router's own meta events.
//!
//! Source: WAMP specification, advanced profile "Event History".

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use countersign_wamp::{Dict, Id, MatchPolicy, Uri, UriPattern, UriRules};

use super::retained::KeptEvent;
use crate::clock::WallTime;
use crate::{Effect, Histories, HistorySettings, SessionDetails};

/// One event in the history.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEvent {
    /// When it was published.
    pub at: WallTime,
    /// Its topic.
    pub topic: Uri,
    /// The event.
    pub event: KeptEvent,
}

/// What to look for.
#[derive(Debug)]
pub(crate) struct Query {
    pub reverse: bool,
    /// Most events to answer with.
    pub limit: Option<u64>,
    pub topic: Option<Uri>,
    pub times: Bounds<WallTime>,
    pub publications: Bounds<Id>,
}

/// From where to where; all that are given hold.
#[derive(Debug)]
pub(crate) struct Bounds<T> {
    pub from: Option<T>,
    pub after: Option<T>,
    pub before: Option<T>,
    pub until: Option<T>,
}

impl<T: PartialOrd> Bounds<T> {
    fn contain(&self, value: &T) -> bool {
        self.from.as_ref().is_none_or(|from| value >= from)
            && self.after.as_ref().is_none_or(|after| value > after)
            && self.before.as_ref().is_none_or(|before| value < before)
            && self.until.as_ref().is_none_or(|until| value <= until)
    }
}

impl Bounds<Id> {
    /// The same bounds as places in the history. `None`: one of the events is not there.
    fn places(&self, events: &VecDeque<Arc<PastEvent>>) -> Option<Bounds<usize>> {
        let place = |id: Option<Id>| match id {
            None => Some(None),
            Some(id) => events.iter().position(|past| past.event.publication == id).map(Some),
        };
        Some(Bounds {
            from: place(self.from)?,
            after: place(self.after)?,
            before: place(self.before)?,
            until: place(self.until)?,
        })
    }
}

#[derive(Debug)]
struct Store {
    settings: HistorySettings,
    /// In the order in which they came.
    events: VecDeque<Arc<PastEvent>>,
    bytes: usize,
    /// Where it stands in the settings.
    place: usize,
}

impl Store {
    fn push(&mut self, past: Arc<PastEvent>) {
        self.bytes += past.bytes();
        self.events.push_back(past);
        let HistorySettings { events_max, bytes_max, .. } = self.settings;
        while self.events.len() > events_max || self.bytes > bytes_max {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.bytes();
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    /// By subscription.
    stores: BTreeMap<Id, Store>,
}

impl History {
    /// `place` is where it stands in the settings.
    pub fn add(&mut self, subscription: Id, place: usize, settings: HistorySettings) {
        self.stores.insert(subscription, Store { settings, events: VecDeque::new(), bytes: 0, place });
    }

    /// Puts back what was recorded.
    pub fn restore(&mut self, place: usize, events: impl IntoIterator<Item = PastEvent>) {
        let Some(store) = self.stores.values_mut().find(|store| store.place == place) else { return };
        for past in events {
            store.push(Arc::new(past));
        }
    }

    /// Whether the events of a subscription are kept.
    pub fn keeps(&self, subscription: Id) -> bool {
        self.stores.contains_key(&subscription)
    }

    /// Keeps an event for each of these subscriptions that has a history. Answers what is to be
    /// recorded.
    pub fn keep(&mut self, subscriptions: &[Id], past: PastEvent) -> Option<Effect> {
        let event = Arc::new(past);
        let mut histories = Histories::new();
        for subscription in subscriptions {
            let Some(store) = self.stores.get_mut(subscription) else { continue };
            store.push(Arc::clone(&event));
            // One that is too long for its history is not kept in memory either.
            if store.settings.is_stored && !store.events.is_empty() {
                histories.push(store.place);
            }
        }
        (!histories.is_empty()).then_some(Effect::Record { histories, event })
    }

    /// The events of a subscription that answer the query and that a user may see, in the order
    /// asked for; its limit is for the caller to keep. `None`: no history covers the subscription.
    pub fn find<'a>(
        &'a self,
        subscription: Id,
        pattern: &'a UriPattern,
        rules: UriRules,
        query: &'a Query,
        user: &'a SessionDetails,
    ) -> Option<Box<dyn Iterator<Item = &'a PastEvent> + 'a>> {
        let covering = || self.stores.values().find(|store| covers(&store.settings.pattern, pattern, rules));
        let store = self.stores.get(&subscription).or_else(covering)?;
        let Some(places) = query.publications.places(&store.events) else { return Some(Box::new(std::iter::empty())) };
        let is_wanted = move |(place, past): &(usize, &Arc<PastEvent>)| {
            places.contain(place)
                && query.times.contain(&past.at)
                && query.topic.as_ref().is_none_or(|topic| *topic == past.topic)
                && pattern.matches(&past.topic)
                && past.event.rules().is_some_and(|rules| rules.admits_user(user))
        };
        let events = store.events.iter().enumerate();
        Some(if query.reverse {
            Box::new(events.rev().filter(is_wanted).map(|(_, past)| &**past))
        } else {
            Box::new(events.filter(is_wanted).map(|(_, past)| &**past))
        })
    }
}

/// Whether everything that `inner` stands for is in the history of `outer`.
fn covers(outer: &UriPattern, inner: &UriPattern, rules: UriRules) -> bool {
    match (inner.policy(), outer.policy()) {
        (MatchPolicy::Exact, _) => Uri::parse(inner.as_str(), rules).is_ok_and(|uri| outer.matches(&uri)),
        (MatchPolicy::Prefix, MatchPolicy::Prefix) => inner.as_str().starts_with(outer.as_str()),
        _ => outer == inner,
    }
}

impl PastEvent {
    /// The event as `wamp.subscription.get_events` shows it.
    pub(crate) fn describe(&self, subscription: Id, pattern: &UriPattern) -> Dict {
        let mut details = self.event.details.clone();
        if pattern.policy() != MatchPolicy::Exact {
            details.push("topic", self.topic.as_str());
        }
        let mut dict = Dict::new()
            .with("timestamp", self.at.to_string())
            .with("subscription", subscription)
            .with("publication", self.event.publication)
            .with("details", details);
        // Payloads were checked when they came, so there is always something to read.
        if let Ok((args, kwargs)) = self.event.payload.values() {
            dict.push("args", args);
            dict.push("kwargs", kwargs);
        }
        dict
    }

    /// What it takes in a history and in an answer, in bytes, about.
    pub fn bytes(&self) -> usize {
        self.event.bytes()
    }
}
