//! Sessions that have left something in the database that is over with them: entries in rosters.
//!
//! **Invariants:** a session is marked before anything of it is stored, and told of here after it has left the realm. So what was
//! stored before it left is removed because of the mark, and what comes later by who stored it: see [`Hub::is_here`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use countersign_wamp::Id;
use tokio::sync::Notify;

use super::{Hub, Live};

/// Whether something of a session is stored, or may be.
#[derive(Debug, Default)]
pub struct Leaves(AtomicBool);

impl Live {
    /// Something of the session is about to be stored that is over with it.
    pub fn mark(&self) {
        self.leaves.0.store(true, Ordering::SeqCst);
    }
}

/// Marked sessions that are gone, until somebody sees to them.
#[derive(Debug, Default)]
pub struct Departures {
    gone: Mutex<Vec<Id>>,
    changed: Notify,
}

impl Departures {
    /// A session has left the realm.
    pub(super) fn note(&self, live: &Live) {
        if live.leaves.0.load(Ordering::SeqCst) {
            self.add(live.id);
        }
    }

    fn add(&self, id: Id) {
        self.gone.lock().unwrap_or_else(PoisonError::into_inner).push(id);
        self.changed.notify_one();
    }

    /// Those that came since the last call.
    pub fn take(&self) -> Vec<Id> {
        std::mem::take(&mut *self.gone.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there are some.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Hub {
    /// Marked sessions that have left.
    pub fn departures(&self) -> &Departures {
        &self.departures
    }

    /// Whether the session is in the realm.
    pub fn is_here(&self, id: Id) -> bool {
        self.lock().sessions.contains_key(&id)
    }

    /// Those of these sessions that are in the realm.
    pub fn here(&self, ids: impl IntoIterator<Item = Id>) -> Vec<Id> {
        let inner = self.lock();
        ids.into_iter().filter(|id| inner.sessions.contains_key(id)).collect()
    }

    /// Something of the session was stored. If it has left meanwhile, it is seen to once more.
    pub fn stored_for(&self, live: &Live) {
        if !self.is_here(live.id) {
            self.departures.add(live.id);
        }
    }
}
