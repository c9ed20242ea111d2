//! Changes of registrations that wait to be stored: bounded, filled under the realm's lock.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_identity::{PeerAddress, Timestamp};
use countersign_router::RegistrationChange;
use tokio::sync::Notify;

use crate::metrics::{Metrics, ServerLimit};

/// Most changes that are stored in one transaction.
const BATCH_MAX: usize = 256;
/// How long the first change of a batch waits for others.
const GATHER: Duration = Duration::from_millis(50);

/// What became of a registration, and who it was.
#[derive(Debug, Clone)]
pub struct ChangedRegistration {
    /// What.
    pub change: RegistrationChange,
    /// When.
    pub at: Timestamp,
    /// The session's name; empty where it ceased.
    pub authid: Arc<str>,
    /// From where.
    pub peer: PeerAddress,
    /// Whether it is the server's own.
    pub is_system: bool,
}

/// The queue.
#[derive(Debug)]
pub struct RegistrationQueue {
    state: Mutex<State>,
    changed: Notify,
    changes_max: usize,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    changes: VecDeque<ChangedRegistration>,
    is_closed: bool,
    /// Changes for which there was no room since the tracker last looked.
    lost: u64,
    /// Whether somebody wants what is stored to be compared with what is registered.
    is_comparison_wanted: bool,
}

/// What the tracker gets at once.
#[derive(Debug)]
pub struct Batch {
    /// In order; can be empty.
    pub changes: Vec<ChangedRegistration>,
    /// Changes that were lost for lack of room.
    pub lost: u64,
    /// Whether what is stored has to be compared with what is registered.
    pub compares: bool,
}

impl RegistrationQueue {
    /// An empty queue.
    pub fn new(changes_max: usize, metrics: Arc<Metrics>) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), changes_max, metrics }
    }

    /// Appends a change. Where there is no room it is counted as lost. Never waits.
    pub fn push(&self, change: ChangedRegistration) {
        let mut state = self.lock();
        if state.changes.len() >= self.changes_max {
            state.lost += 1;
            drop(state);
            self.metrics.limit_reached(ServerLimit::RegistrationQueue);
            self.metrics.registrations_tracked("lost", 1);
            return;
        }
        let was_empty = state.changes.is_empty();
        state.changes.push_back(change);
        let is_batch = state.changes.len() == BATCH_MAX;
        drop(state);
        if was_empty || is_batch {
            self.changed.notify_one();
        }
    }

    /// Asks for a comparison. Many wishes are one.
    pub fn compare(&self) {
        self.lock().is_comparison_wanted = true;
        self.changed.notify_one();
    }

    /// Changes that wait.
    pub fn len(&self) -> usize {
        self.lock().changes.len()
    }

    /// Nothing more will come: what waits is given out at once, then the end is told.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// The next changes, some time after the first of them came. `None`: it was closed and is empty.
    pub async fn take(&self) -> Option<Batch> {
        loop {
            {
                let state = self.lock();
                if !state.changes.is_empty() || state.is_comparison_wanted {
                    break;
                }
                if state.is_closed {
                    return None;
                }
            }
            self.changed.notified().await;
        }
        let gathered = async {
            while !self.is_batch_ready() {
                self.changed.notified().await;
            }
        };
        // Whether the time is up or the batch is full, it goes.
        let _ = tokio::time::timeout(GATHER, gathered).await;
        Some(self.drain())
    }

    fn is_batch_ready(&self) -> bool {
        let state = self.lock();
        state.is_closed || state.changes.len() >= BATCH_MAX
    }

    fn drain(&self) -> Batch {
        let mut state = self.lock();
        let count = state.changes.len().min(BATCH_MAX);
        let changes = state.changes.drain(..count).collect();
        let lost = std::mem::take(&mut state.lost);
        let compares = std::mem::take(&mut state.is_comparison_wanted) || lost > 0;
        Batch { changes, lost, compares }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use countersign_wamp::{Id, MatchPolicy, UriPattern, UriRules};

    use super::*;

    fn push(queue: &RegistrationQueue, sessions: impl IntoIterator<Item = u64>) {
        for session in sessions {
            let procedure = UriPattern::parse("a.b", MatchPolicy::Exact, UriRules::default()).unwrap();
            let session = Id::new(session).unwrap();
            queue.push(ChangedRegistration {
                change: RegistrationChange { procedure, invoke: "single", session, is_added: true },
                at: Timestamp::from_micros(0),
                authid: "alice".into(),
                peer: PeerAddress::Local,
                is_system: false,
            });
        }
    }

    /// The sessions of a batch, what was lost, and whether to compare.
    fn shown(batch: Option<Batch>) -> Option<(Vec<u64>, u64, bool)> {
        let Batch { changes, lost, compares } = batch?;
        Some((changes.iter().map(|one| one.change.session.get()).collect(), lost, compares))
    }

    #[tokio::test]
    async fn gives_all_in_order_and_then_the_end() {
        let queue = RegistrationQueue::new(1_000, Arc::default());
        push(&queue, 1..=300);
        assert_eq!(queue.len(), 300);
        assert_eq!(shown(queue.take().await), Some(((1..=256).collect(), 0, false)));
        queue.close();
        assert_eq!(shown(queue.take().await), Some(((257..=300).collect(), 0, false)));
        assert_eq!(shown(queue.take().await), None);
    }

    #[tokio::test]
    async fn what_does_not_fit_is_lost_and_asks_for_a_comparison() {
        let queue = RegistrationQueue::new(2, Arc::default());
        push(&queue, [1, 2]);
        assert_eq!(queue.metrics.times_reached(ServerLimit::RegistrationQueue), 0);
        push(&queue, [3, 4]);
        assert_eq!(queue.metrics.times_reached(ServerLimit::RegistrationQueue), 2);
        assert_eq!(shown(queue.take().await), Some((vec![1, 2], 2, true)));
        push(&queue, [5]);
        assert_eq!(shown(queue.take().await), Some((vec![5], 0, false)));
    }

    #[tokio::test]
    async fn many_wishes_for_a_comparison_are_one() {
        let queue = RegistrationQueue::new(2, Arc::default());
        queue.compare();
        queue.compare();
        assert_eq!(shown(queue.take().await), Some((vec![], 0, true)));
        queue.close();
        assert_eq!(shown(queue.take().await), None);
    }
}
