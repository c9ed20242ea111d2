//! Events that wait to be stored: bounded, filled under the realm's lock, drained by the writer.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_router::{Histories, PastEvent};
use tokio::sync::Notify;

use crate::metrics::{Metrics, ServerLimit};

/// Most events that are stored in one transaction.
const BATCH_EVENTS_MAX: usize = 256;
/// Most bytes of these, unless a single event has more.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the first event of a batch waits for others.
const GATHER: Duration = Duration::from_millis(50);

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Events.
    pub events_max: usize,
    /// Bytes.
    pub bytes_max: usize,
}

/// An event, and the places of the histories that it belongs to.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Among the realm's histories.
    pub histories: Histories,
    /// The event.
    pub event: Arc<PastEvent>,
}

/// The queue.
#[derive(Debug)]
pub struct HistoryQueue {
    state: Mutex<State>,
    changed: Notify,
    limits: QueueLimits,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    events: VecDeque<Recorded>,
    bytes: usize,
    is_closed: bool,
    /// Events for which there was no room since the writer last looked.
    lost: u64,
}

/// What the writer gets at once.
#[derive(Debug)]
pub struct Batch {
    /// In order.
    pub events: Vec<Recorded>,
    /// Events that were lost for lack of room, somewhere before the end of these.
    pub lost: u64,
}

impl HistoryQueue {
    /// An empty queue.
    pub fn new(limits: QueueLimits, metrics: Arc<Metrics>) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), limits, metrics }
    }

    /// Appends an event. Where there is no room it is counted as lost. Never waits.
    pub fn push(&self, histories: Histories, event: Arc<PastEvent>) {
        let bytes = event.bytes();
        let mut state = self.lock();
        let passed = if state.events.len() >= self.limits.events_max {
            Some(ServerLimit::HistoryQueueEvents)
        } else {
            (state.bytes + bytes > self.limits.bytes_max).then_some(ServerLimit::HistoryQueueBytes)
        };
        if let Some(limit) = passed {
            state.lost += 1;
            drop(state);
            self.metrics.limit_reached(limit);
            self.metrics.history_lost(1);
            return;
        }
        state.bytes += bytes;
        let was_empty = state.events.is_empty();
        state.events.push_back(Recorded { histories, event });
        let is_batch = state.events.len() == BATCH_EVENTS_MAX;
        drop(state);
        if was_empty || is_batch {
            self.changed.notify_one();
        }
    }

    /// Events that wait.
    pub fn len(&self) -> usize {
        self.lock().events.len()
    }

    /// Nothing more will come: what waits is given out at once, then the end is told.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// The next events, some time after the first of them came. `None`: it was closed and is empty.
    pub async fn take(&self) -> Option<Batch> {
        loop {
            {
                let state = self.lock();
                if !state.events.is_empty() {
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
        state.is_closed || state.events.len() >= BATCH_EVENTS_MAX || state.bytes >= BATCH_BYTES_MAX
    }

    fn drain(&self) -> Batch {
        let mut state = self.lock();
        let (mut events, mut bytes) = (Vec::new(), 0);
        while let Some(next) = state.events.front() {
            let size = next.event.bytes();
            if events.len() == BATCH_EVENTS_MAX || (!events.is_empty() && bytes + size > BATCH_BYTES_MAX) {
                break;
            }
            bytes += size;
            events.extend(state.events.pop_front());
        }
        state.bytes -= bytes;
        Batch { events, lost: std::mem::take(&mut state.lost) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::past;
    use super::*;

    fn queue(events_max: usize, bytes_max: usize) -> HistoryQueue {
        HistoryQueue::new(QueueLimits { events_max, bytes_max }, Arc::default())
    }

    fn push(queue: &HistoryQueue, numbers: impl IntoIterator<Item = u64>) {
        for number in numbers {
            queue.push(Histories::from_slice(&[0]), Arc::new(past(number)));
        }
    }

    /// The publications of a batch, and what was lost.
    fn shown(batch: Option<Batch>) -> Option<(Vec<u64>, u64)> {
        let batch = batch?;
        Some((batch.events.iter().map(|one| one.event.event.publication.get()).collect(), batch.lost))
    }

    #[tokio::test]
    async fn gives_all_in_order_and_then_the_end() {
        let queue = queue(1_000, 1 << 20);
        push(&queue, 1..=300);
        assert_eq!(queue.len(), 300);
        assert_eq!(shown(queue.take().await), Some(((1..=256).collect(), 0)));
        push(&queue, [301]);
        queue.close();
        assert_eq!(shown(queue.take().await), Some(((257..=301).collect(), 0)));
        assert_eq!(shown(queue.take().await), None);
    }

    #[tokio::test]
    async fn counts_as_lost_what_does_not_fit() {
        let size = past(1).bytes();
        for (queue, limit) in [
            (queue(2, 1 << 20), ServerLimit::HistoryQueueEvents),
            (queue(100, 2 * size), ServerLimit::HistoryQueueBytes),
        ] {
            push(&queue, [1, 2]);
            assert_eq!(queue.metrics.times_reached(limit), 0);
            push(&queue, [3, 4]);
            assert_eq!(queue.metrics.times_reached(limit), 2);
            assert_eq!(shown(queue.take().await), Some((vec![1, 2], 2)), "{limit:?}");
            push(&queue, [5]);
            assert_eq!(shown(queue.take().await), Some((vec![5], 0)));
        }
    }

    #[tokio::test]
    async fn a_batch_has_few_bytes_or_a_single_event() {
        let queue = queue(100, 1 << 30);
        let mut large = past(1);
        large.event.payload = countersign_wamp::Payload::of("x".repeat(BATCH_BYTES_MAX));
        let large = Arc::new(large);
        for _ in 0..2 {
            queue.push(Histories::from_slice(&[0]), Arc::clone(&large));
        }
        push(&queue, [2, 3]);
        for want in [vec![1], vec![1], vec![2, 3]] {
            assert_eq!(shown(queue.take().await), Some((want, 0)));
        }
    }
}
