//! Who of the subscribers gets an event: publisher exclusion, black- and whitelists, resource keys.
//!
//! All lists must agree; a list of eligible receivers that is present and empty means nobody. Of the
//! sharded subscribers that the lists leave in, an event with a key reaches one.

use std::collections::{BTreeSet, HashSet};

use countersign_wamp::{Dict, Id};

use crate::refusal::Refusal;
use crate::session::{SessionDetails, Sessions};
use crate::shard::{ResourceKey, Shards};
use crate::{Feature, Receivers, options};

/// The options of one PUBLISH that restrict its receivers.
#[derive(Debug)]
pub(super) struct ReceiverRules<'a> {
    /// The publisher, if it must not get its own event.
    publisher: Option<Id>,
    exclude: Option<BTreeSet<Id>>,
    exclude_authid: Option<HashSet<&'a str>>,
    exclude_authrole: Option<HashSet<&'a str>>,
    eligible: Option<BTreeSet<Id>>,
    eligible_authid: Option<HashSet<&'a str>>,
    eligible_authrole: Option<HashSet<&'a str>>,
    /// Whether receivers have to understand payload passthru mode.
    is_passthru: bool,
    /// Which of the sharded subscribers gets it.
    key: Option<ResourceKey>,
}

/// The options that [`ReceiverRules::read`] reads.
const OPTIONS: [&str; 9] = [
    "exclude_me",
    "exclude",
    "exclude_authid",
    "exclude_authrole",
    "eligible",
    "eligible_authid",
    "eligible_authrole",
    options::PASSTHRU_SCHEME,
    "rkey",
];

/// A copy of the options that restrict receivers, for an event that is kept.
pub(super) fn restrictions(options: &Dict) -> Dict {
    let entries = options.iter().filter(|(key, _)| OPTIONS.contains(key));
    entries.map(|(key, value)| (key.to_owned(), value.clone())).collect()
}

fn understands_passthru(sessions: &Sessions, id: Id) -> bool {
    sessions.get(&id).is_some_and(|session| session.details.features.has(Feature::PassthruAsSubscriber))
}

impl<'a> ReceiverRules<'a> {
    pub fn read(options: &'a Dict, publisher: Id) -> Result<Self, Refusal> {
        Ok(Self {
            publisher: options::flag(options, "exclude_me", true)?.then_some(publisher),
            exclude: options::session_ids(options, "exclude")?,
            exclude_authid: options::texts(options, "exclude_authid")?,
            exclude_authrole: options::texts(options, "exclude_authrole")?,
            eligible: options::session_ids(options, "eligible")?,
            eligible_authid: options::texts(options, "eligible_authid")?,
            eligible_authrole: options::texts(options, "eligible_authrole")?,
            is_passthru: options::is_passthru(options),
            key: ResourceKey::read(options)?,
        })
    }

    /// Whether anybody but the publisher might not get the event.
    pub fn is_restricted(&self) -> bool {
        self.names_sessions() || !self.is_by_id_only() || self.is_passthru || self.key.is_some()
    }

    /// Whether a list names sessions, so that it means nothing to sessions to come.
    pub fn names_sessions(&self) -> bool {
        self.exclude.is_some() || self.eligible.is_some()
    }

    /// The publisher, if it does not get its own event.
    pub fn left_out_publisher(&self) -> Option<Id> {
        self.publisher
    }

    /// The receivers among `subscribers`, ascending.
    pub fn select(&self, subscribers: &BTreeSet<Id>, shards: &Shards, sessions: &Sessions) -> Receivers {
        let admits = |id: &Id| self.admits(*id, sessions);
        let mut receivers: Receivers = match &self.eligible {
            // A short list of receivers must not cost a walk over all subscribers.
            Some(eligible) if eligible.len() < subscribers.len() => {
                let both = eligible.iter().filter(|id| subscribers.contains(id));
                both.copied().filter(admits).collect()
            }
            _ => subscribers.iter().copied().filter(admits).collect(),
        };
        if let Some(key) = self.key {
            let picked = shards.pick(key, |id| receivers.binary_search(&id).is_ok());
            receivers.retain(|id| picked == Some(*id) || !shards.contains(*id));
        }
        receivers
    }

    /// Whether a subscriber would get the event if it were published now.
    pub fn reaches(&self, id: Id, shards: &Shards, sessions: &Sessions) -> bool {
        let is_its_key =
            |key| !shards.contains(id) || shards.pick(key, |other| self.admits(other, sessions)) == Some(id);
        self.admits(id, sessions) && self.key.is_none_or(is_its_key)
    }

    /// Whether a session would get the event if it were subscribed.
    pub fn admits(&self, id: Id, sessions: &Sessions) -> bool {
        self.publisher != Some(id)
            && self.exclude.as_ref().is_none_or(|list| !list.contains(&id))
            && self.eligible.as_ref().is_none_or(|list| list.contains(&id))
            && (!self.is_passthru || understands_passthru(sessions, id))
            && (self.is_by_id_only() || sessions.get(&id).is_some_and(|session| self.admits_user(&session.details)))
    }

    fn is_by_id_only(&self) -> bool {
        self.exclude_authid.is_none()
            && self.exclude_authrole.is_none()
            && self.eligible_authid.is_none()
            && self.eligible_authrole.is_none()
    }

    /// Whether the lists of users and roles leave this one in.
    pub fn admits_user(&self, SessionDetails { authid, authrole, .. }: &SessionDetails) -> bool {
        self.exclude_authid.as_ref().is_none_or(|list| !list.contains(&**authid))
            && self.exclude_authrole.as_ref().is_none_or(|list| !list.contains(&**authrole))
            && self.eligible_authid.as_ref().is_none_or(|list| list.contains(&**authid))
            && self.eligible_authrole.as_ref().is_none_or(|list| list.contains(&**authrole))
    }
}
