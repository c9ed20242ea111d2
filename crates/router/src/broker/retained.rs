//! Retained events: what a new subscriber of a topic gets first, if it asks.
//!
//! **Invariant:** a subscriber gets the newest retained event of a topic that it would have got
//! had it been there, never another one. So of each topic there is the newest event for everybody,
//! and beside it newer ones with restricted receivers and one for the publisher that a newer event
//! leaves out.
//!
//! Source: WAMP specification, advanced profile "Event Retention".

use std::collections::BTreeMap;
use std::ops::Bound;

use countersign_wamp::{Dict, Id, MatchPolicy, Payload, Uri, UriPattern};

use super::receivers::ReceiverRules;
use crate::limit::LimitCounts;
use crate::session::Sessions;
use crate::shard::Shards;
use crate::{Limit, RealmSettings};

/// Events of one topic that are kept beside each other at most.
const EVENTS_PER_TOPIC_MAX: usize = 8;
/// What an event takes beside its payload, about.
pub(super) const EVENT_BYTES: usize = 512;

/// An event as it was published, without what depends on the subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptEvent {
    /// The publication's id.
    pub publication: Id,
    /// The publisher's session id.
    pub publisher: Id,
    /// The options that restrict its receivers.
    pub restrictions: Dict,
    /// The EVENT's details, but for the topic.
    pub details: Dict,
    /// Its arguments, as their sender wrote them.
    pub payload: Payload,
}

impl KeptEvent {
    /// Options that were read once can be read again.
    pub(super) fn rules(&self) -> Option<ReceiverRules<'_>> {
        ReceiverRules::read(&self.restrictions, self.publisher).ok()
    }

    fn is_for(&self, session: Id, sessions: &Sessions) -> bool {
        self.rules().is_some_and(|rules| rules.admits(session, sessions))
    }

    pub(super) fn bytes(&self) -> usize {
        EVENT_BYTES + self.payload.len_hint()
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Retained {
    /// With the count of events that were retained before.
    topics: BTreeMap<Uri, Vec<(u64, KeptEvent)>>,
    /// Events that were ever kept.
    count: u64,
    events: usize,
    bytes: usize,
    /// Events for which there was no room.
    limits: LimitCounts,
}

impl Retained {
    /// Keeps an event in place of those that it supersedes. What there is no room for is not
    /// kept, and neither is then anything older.
    pub fn keep(&mut self, topic: Uri, event: KeptEvent, sessions: &Sessions, settings: &RealmSettings) {
        let mut events = self.take(&topic);
        let (is_restricted, leaves_out) =
            event.rules().map_or((true, None), |rules| (rules.is_restricted(), rules.left_out_publisher()));
        if !is_restricted {
            let for_publisher = |publisher| events.iter().rposition(|(_, old)| old.is_for(publisher, sessions));
            let kept = leaves_out.and_then(for_publisher);
            events = kept.map(|place| events.swap_remove(place)).into_iter().collect();
        }
        self.count += 1;
        events.push((self.count, event));
        if events.len() > EVENTS_PER_TOPIC_MAX {
            let is_restricted = |(_, old): &(u64, KeptEvent)| old.rules().is_none_or(|rules| rules.is_restricted());
            events.remove(events.iter().position(is_restricted).unwrap_or(0));
        }
        let bytes: usize = events.iter().map(|(_, event)| event.bytes()).sum();
        if self.events + events.len() > settings.retained_events_max {
            self.limits.add(Limit::RetainedEvents);
        } else if self.bytes + bytes > settings.retained_bytes_max {
            self.limits.add(Limit::RetainedBytes);
        } else {
            self.events += events.len();
            self.bytes += bytes;
            self.topics.insert(topic, events);
        }
    }

    fn take(&mut self, topic: &Uri) -> Vec<(u64, KeptEvent)> {
        let events = self.topics.remove(topic).unwrap_or_default();
        self.events -= events.len();
        self.bytes -= events.iter().map(|(_, event)| event.bytes()).sum::<usize>();
        events
    }

    /// For each topic that a pattern stands for the newest event that `subscriber` would have got,
    /// in the order of publication.
    pub fn newest_for<'a>(
        &'a self,
        pattern: &'a UriPattern,
        subscriber: Id,
        shards: &Shards,
        sessions: &Sessions,
    ) -> Vec<(&'a Uri, &'a KeptEvent)> {
        let reaches =
            |event: &KeptEvent| event.rules().is_some_and(|rules| rules.reaches(subscriber, shards, sessions));
        let newest = |(topic, events): (&'a Uri, &'a Vec<(u64, KeptEvent)>)| {
            let (number, event) = events.iter().rfind(|(_, event)| reaches(event))?;
            Some((*number, topic, event))
        };
        let mut found: Vec<_> = self.matching(pattern).filter_map(newest).collect();
        found.sort_unstable_by_key(|(number, ..)| *number);
        found.into_iter().map(|(_, topic, event)| (topic, event)).collect()
    }

    fn matching<'a>(&'a self, pattern: &'a UriPattern) -> impl Iterator<Item = (&'a Uri, &'a Vec<(u64, KeptEvent)>)> {
        let is_exact = pattern.policy() == MatchPolicy::Exact;
        let exact = self.topics.get_key_value(pattern.as_str()).filter(|_| is_exact);
        let start = literal_start(pattern);
        let below = self
            .topics
            .range::<str, _>((Bound::Included(start), Bound::Unbounded))
            .take_while(move |(topic, _)| !is_exact && topic.as_str().starts_with(start))
            .filter(|(topic, _)| pattern.matches(topic));
        exact.into_iter().chain(below)
    }

    pub fn len(&self) -> usize {
        self.events
    }

    pub fn limit_count(&self, limit: Limit) -> u64 {
        self.limits.get(limit)
    }
}

/// The text with which everything starts that a pattern stands for.
fn literal_start(pattern: &UriPattern) -> &str {
    let text = pattern.as_str();
    if pattern.policy() != MatchPolicy::Wildcard {
        return text;
    }
    let first_empty = text.split('.').take_while(|component| !component.is_empty());
    let length = first_empty.map(|component| component.len() + 1).sum::<usize>();
    text.get(..length).unwrap_or(text)
}
