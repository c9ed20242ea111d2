//! Changes of registrations that wait to be stored; and wishes to compare what is stored with what is registered.

use std::sync::Arc;

use countersign_identity::{PeerAddress, Timestamp};
use countersign_router::RegistrationChange;

use crate::metrics::{Metrics, ServerLimit};
use crate::waiting::{Batch, WaitingLimits, WaitingQueue, Waits};

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

/// Small: they are counted only.
impl Waits for ChangedRegistration {
    fn bytes(&self) -> usize {
        0
    }
}

/// The queue.
#[derive(Debug)]
pub struct RegistrationQueue {
    waiting: WaitingQueue<ChangedRegistration>,
    metrics: Arc<Metrics>,
}

impl RegistrationQueue {
    /// An empty queue.
    pub fn new(changes_max: usize, metrics: Arc<Metrics>) -> Self {
        let limits = WaitingLimits { count_max: changes_max, bytes_max: usize::MAX };
        Self { waiting: WaitingQueue::new(limits), metrics }
    }

    /// Appends a change. Where there is no room it is counted as lost. Never waits.
    pub fn push(&self, change: ChangedRegistration) {
        if self.waiting.push(change).is_err() {
            self.metrics.limit_reached(ServerLimit::RegistrationQueue);
            self.metrics.registrations_tracked("lost", 1);
        }
    }

    /// Asks for a comparison. Many wishes are one.
    pub fn compare(&self) {
        self.waiting.call();
    }

    /// Changes that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Nothing more will come: what waits is given out at once, then the end is told.
    pub fn close(&self) {
        self.waiting.close();
    }

    /// The next changes; one that is called for wants a comparison. `None`: it was closed and is empty.
    pub async fn take(&self) -> Option<Batch<ChangedRegistration>> {
        let Batch { items, lost, is_called } = self.waiting.take().await?;
        // Nobody knows what was lost.
        Some(Batch { items, lost, is_called: is_called || lost > 0 })
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

    #[tokio::test]
    async fn what_does_not_fit_is_lost_and_asks_for_a_comparison() {
        let queue = RegistrationQueue::new(2, Arc::default());
        push(&queue, [1, 2]);
        assert_eq!(queue.metrics.times_reached(ServerLimit::RegistrationQueue), 0);
        push(&queue, [3, 4]);
        assert_eq!(queue.metrics.times_reached(ServerLimit::RegistrationQueue), 2);
        let taken = async || {
            let Batch { items, lost, is_called } = queue.take().await.unwrap();
            (items.iter().map(|one| one.change.session.get()).collect::<Vec<_>>(), lost, is_called)
        };
        assert_eq!(taken().await, (vec![1, 2], 2, true));
        push(&queue, [5]);
        assert_eq!(taken().await, (vec![5], 0, false));
        queue.compare();
        assert_eq!(taken().await, (vec![], 0, true));
    }
}
