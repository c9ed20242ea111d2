//! Who of the subscribers gets an event: publisher exclusion, black- and whitelists.
//!
//! All lists must agree; a list of eligible receivers that is present and empty means nobody.

use std::collections::{BTreeSet, HashSet};

use countersign_wamp::{Dict, Id};

use crate::refusal::Refusal;
use crate::session::{SessionDetails, Sessions};
use crate::{Receivers, options};

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
        })
    }

    /// The receivers among `subscribers`, ascending.
    pub fn select(&self, subscribers: &BTreeSet<Id>, sessions: &Sessions) -> Receivers {
        let admits = |id: &Id| self.admits(*id, sessions);
        match &self.eligible {
            // A short list of receivers must not cost a walk over all subscribers.
            Some(eligible) if eligible.len() < subscribers.len() => {
                let both = eligible.iter().filter(|id| subscribers.contains(id));
                both.copied().filter(admits).collect()
            }
            _ => subscribers.iter().copied().filter(admits).collect(),
        }
    }

    fn admits(&self, id: Id, sessions: &Sessions) -> bool {
        self.publisher != Some(id)
            && self.exclude.as_ref().is_none_or(|list| !list.contains(&id))
            && self.eligible.as_ref().is_none_or(|list| list.contains(&id))
            && (self.is_by_id_only() || sessions.get(&id).is_some_and(|session| self.admits_user(&session.details)))
    }

    fn is_by_id_only(&self) -> bool {
        self.exclude_authid.is_none()
            && self.exclude_authrole.is_none()
            && self.eligible_authid.is_none()
            && self.eligible_authrole.is_none()
    }

    fn admits_user(&self, SessionDetails { authid, authrole, .. }: &SessionDetails) -> bool {
        self.exclude_authid.as_ref().is_none_or(|list| !list.contains(&**authid))
            && self.exclude_authrole.as_ref().is_none_or(|list| !list.contains(&**authrole))
            && self.eligible_authid.as_ref().is_none_or(|list| list.contains(&**authid))
            && self.eligible_authrole.as_ref().is_none_or(|list| list.contains(&**authrole))
    }
}
