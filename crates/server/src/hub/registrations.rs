//! What is registered and subscribed to, read without holding the realm for long; and what the server itself publishes.

use std::sync::Arc;
use std::time::Instant;

use countersign_identity::{PeerAddress, Timestamp};
use countersign_router::{RegistrationChange, RegistrationInfo, SubscriptionInfo};
use countersign_wamp::{Dict, Id, Message, Payload};

use super::{Hub, Inner, Rights, Sessions};
use crate::clock::now;
use crate::uris::ChangedRegistration;

/// What is looked at under one lock.
const CHUNK: usize = 128;
/// Names that are read under one lock.
const NAMES_CHUNK: usize = 1_000;
/// Sessions that a list for a client may name, all its entries together.
pub const SESSIONS_LISTED_MAX: usize = 100_000;

/// There are more than [`SESSIONS_LISTED_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyListed;

/// A subscription, with authid and role of each subscriber; `None`: it has just left.
pub type NamedSubscription = (SubscriptionInfo, Vec<Option<[String; 2]>>);

impl Hub {
    /// Everything that is registered, with all who answer, as if it had just begun. What begins or ends meanwhile may be
    /// among it or not.
    pub fn live_registrations(&self) -> Vec<ChangedRegistration> {
        let at = now();
        let ids = self.lock().realm.registration_ids();
        let mut all = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            let inner = self.lock();
            for info in chunk.iter().filter_map(|id| inner.realm.registration(*id)) {
                let RegistrationInfo { procedure, invoke, callees, .. } = info;
                for session in callees {
                    let change = RegistrationChange { procedure: procedure.clone(), invoke, session, is_added: true };
                    all.push(changed(&inner.sessions, change, at, self.service));
                }
            }
        }
        all
    }

    /// What is registered, by everybody or by one session, in the order of their ids.
    ///
    /// # Errors
    ///
    /// [`TooManyListed`].
    pub fn registrations(&self, of: Option<Id>) -> Result<Vec<RegistrationInfo>, TooManyListed> {
        let ids = match of {
            None => self.lock().realm.registration_ids(),
            Some(session) => self.lock().realm.registration_ids_of(session),
        };
        let (mut all, mut listed) = (Vec::new(), 0);
        for chunk in ids.chunks(CHUNK) {
            let inner = self.lock();
            for info in chunk.iter().filter_map(|id| inner.realm.registration(*id)) {
                count(&mut listed, info.callees.len())?;
                all.push(info);
            }
        }
        Ok(all)
    }

    /// What is subscribed to, in the order of the ids.
    ///
    /// # Errors
    ///
    /// [`TooManyListed`].
    pub fn subscriptions(&self) -> Result<Vec<NamedSubscription>, TooManyListed> {
        let ids = self.lock().realm.subscription_ids();
        let (mut all, mut listed) = (Vec::new(), 0);
        for chunk in ids.chunks(CHUNK) {
            let inner = self.lock();
            for info in chunk.iter().filter_map(|id| inner.realm.subscription(*id)) {
                count(&mut listed, info.subscribers.len())?;
                all.push((info, Vec::new()));
            }
        }
        // Names apart, so that no lock is held for as many of them as a topic has subscribers.
        for (info, names) in &mut all {
            for chunk in info.subscribers.chunks(NAMES_CHUNK) {
                let inner = self.lock();
                let name = |id: &Id| {
                    let live = inner.sessions.get(id)?;
                    Some([live.authid.to_string(), live.role.to_string()])
                };
                names.extend(chunk.iter().map(name));
            }
        }
        Ok(all)
    }

    /// Lets what is registered be compared with the database.
    pub fn compare_registrations(&self) {
        self.lock().registrations.compare();
    }

    /// Takes from every live session what it may not have any more. What was got while a session was elevated stays.
    pub fn recheck(&self) {
        let mut inner = self.lock();
        let now = Instant::now();
        let Inner { realm, sessions, effects, documents, .. } = &mut *inner;
        for id in sessions.keys() {
            realm.recheck(now, *id, &Rights { asks_elevation: false, ..Rights::of(sessions, documents) }, effects);
        }
        inner.deliver(self.service);
    }

    /// Publishes for the server itself.
    pub fn publish(&self, topic: &str, payload: Payload) {
        let publish = Message::Publish { request: Id::FIRST, options: Dict::new(), topic: topic.into(), payload };
        // It asks for no answer.
        drop(self.handle(self.service, [publish]));
    }
}

fn count(listed: &mut usize, more: usize) -> Result<(), TooManyListed> {
    *listed += more;
    if *listed > SESSIONS_LISTED_MAX { Err(TooManyListed) } else { Ok(()) }
}

/// A change of a registration, with who it is.
pub(super) fn changed(
    sessions: &Sessions,
    change: RegistrationChange,
    at: Timestamp,
    service: Id,
) -> ChangedRegistration {
    let is_system = change.session == service;
    let (authid, peer) = match sessions.get(&change.session) {
        Some(live) => (Arc::clone(&live.authid), live.context.address),
        None if is_system => (super::SERVICE_NAME.into(), PeerAddress::Local),
        // It has left, so that this is the end of what it had registered.
        None => ("".into(), PeerAddress::Local),
    };
    ChangedRegistration { change, at, authid, peer, is_system }
}
