//! Events that wait to be stored.

use std::sync::Arc;

use countersign_router::{Histories, PastEvent};

use crate::metrics::{Metrics, ServerLimit};
use crate::waiting::{Batch, Full, WaitingLimits, WaitingQueue, Waits};

/// An event, and the places of the histories that it belongs to.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Among the realm's histories.
    pub histories: Histories,
    /// The event.
    pub event: Arc<PastEvent>,
}

impl Waits for Recorded {
    fn bytes(&self) -> usize {
        self.event.bytes()
    }
}

/// The queue.
#[derive(Debug)]
pub struct HistoryQueue {
    waiting: WaitingQueue<Recorded>,
    metrics: Arc<Metrics>,
}

impl HistoryQueue {
    /// An empty queue.
    pub fn new(limits: WaitingLimits, metrics: Arc<Metrics>) -> Self {
        Self { waiting: WaitingQueue::new(limits), metrics }
    }

    /// Appends an event. Where there is no room it is counted as lost. Never waits.
    pub fn push(&self, histories: Histories, event: Arc<PastEvent>) {
        if let Err(full) = self.waiting.push(Recorded { histories, event }) {
            self.metrics.limit_reached(match full {
                Full::Count => ServerLimit::HistoryQueueEvents,
                Full::Bytes => ServerLimit::HistoryQueueBytes,
            });
            self.metrics.history_lost(1);
        }
    }

    /// Events that wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Nothing more will come: what waits is given out at once, then the end is told.
    pub fn close(&self) {
        self.waiting.close();
    }

    /// The next events. `None`: it was closed and is empty.
    pub async fn take(&self) -> Option<Batch<Recorded>> {
        self.waiting.take().await
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::past;
    use super::*;

    #[tokio::test]
    async fn counts_by_its_limit_what_does_not_fit() {
        let size = past(1).bytes();
        for (count_max, bytes_max, limit) in
            [(2, 1 << 20, ServerLimit::HistoryQueueEvents), (100, 2 * size, ServerLimit::HistoryQueueBytes)]
        {
            let queue = HistoryQueue::new(WaitingLimits { count_max, bytes_max }, Arc::default());
            for (number, reached) in [(1, 0), (2, 0), (3, 1), (4, 2)] {
                queue.push(Histories::from_slice(&[0]), Arc::new(past(number)));
                assert_eq!(queue.metrics.times_reached(limit), reached, "{limit:?}");
            }
            let Batch { items, lost, .. } = queue.take().await.unwrap();
            let publications: Vec<u64> = items.iter().map(|one| one.event.event.publication.get()).collect();
            assert_eq!((publications, lost), (vec![1, 2], 2), "{limit:?}");
        }
    }
}
