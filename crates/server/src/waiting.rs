//! What waits to be stored: bounded, filled under the realm's lock, and taken batch by batch by whoever stores it.
//!
//! **Invariant:** who appends never waits. What finds no room is counted as lost, and whoever stores is told.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Most that is stored in one transaction.
const BATCH_MAX: usize = 256;
/// Most bytes of it, unless a single one has more.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_millis(50);

/// Something that waits.
pub trait Waits {
    /// Its size in bytes; 0 where they are counted only.
    fn bytes(&self) -> usize;
}

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct WaitingLimits {
    /// So many.
    pub count_max: usize,
    /// So many bytes.
    pub bytes_max: usize,
}

/// Why there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Too many wait.
    Count,
    /// Too many bytes wait.
    Bytes,
}

/// The queue.
#[derive(Debug)]
pub struct WaitingQueue<T> {
    state: Mutex<State<T>>,
    changed: Notify,
    limits: WaitingLimits,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    bytes: usize,
    is_closed: bool,
    /// What found no room since the last batch.
    lost: u64,
    is_called: bool,
}

/// What is taken at once.
#[derive(Debug)]
pub struct Batch<T> {
    /// In order; empty only if [`WaitingQueue::call`] was.
    pub items: Vec<T>,
    /// What was lost for lack of room, somewhere before the end of these.
    pub lost: u64,
    /// Whether [`WaitingQueue::call`] was.
    pub is_called: bool,
}

impl<T: Waits> WaitingQueue<T> {
    /// An empty queue.
    pub fn new(limits: WaitingLimits) -> Self {
        let state = State { waiting: VecDeque::new(), bytes: 0, is_closed: false, lost: 0, is_called: false };
        Self { state: Mutex::new(state), changed: Notify::new(), limits }
    }

    /// Appends. Never waits.
    ///
    /// # Errors
    ///
    /// [`Full`]; it is lost.
    pub fn push(&self, item: T) -> Result<(), Full> {
        let bytes = item.bytes();
        let mut state = self.lock();
        let passed = if state.waiting.len() >= self.limits.count_max {
            Some(Full::Count)
        } else {
            (state.bytes.saturating_add(bytes) > self.limits.bytes_max).then_some(Full::Bytes)
        };
        if let Some(full) = passed {
            state.lost += 1;
            return Err(full);
        }
        state.bytes += bytes;
        let was_empty = state.waiting.is_empty();
        state.waiting.push_back(item);
        let is_batch = state.waiting.len() == BATCH_MAX;
        drop(state);
        if was_empty || is_batch {
            self.changed.notify_one();
        }
        Ok(())
    }

    /// Asks for a batch also if nothing waits. Many calls are one.
    pub fn call(&self) {
        self.lock().is_called = true;
        self.changed.notify_one();
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Nothing more will come: what waits is given out at once, then the end is told.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_one();
    }

    /// The next batch, some time after the first of it came. `None`: it was closed and is empty.
    pub async fn take(&self) -> Option<Batch<T>> {
        loop {
            {
                let state = self.lock();
                if !state.waiting.is_empty() || state.is_called {
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
        state.is_closed || state.waiting.len() >= BATCH_MAX || state.bytes >= BATCH_BYTES_MAX
    }

    fn drain(&self) -> Batch<T> {
        let mut state = self.lock();
        let (mut items, mut bytes) = (Vec::new(), 0);
        while let Some(next) = state.waiting.front() {
            let size = next.bytes();
            if items.len() == BATCH_MAX || (!items.is_empty() && bytes + size > BATCH_BYTES_MAX) {
                break;
            }
            bytes += size;
            items.extend(state.waiting.pop_front());
        }
        state.bytes -= bytes;
        let (lost, is_called) = (std::mem::take(&mut state.lost), std::mem::take(&mut state.is_called));
        Batch { items, lost, is_called }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that has as many bytes.
    impl Waits for usize {
        fn bytes(&self) -> usize {
            *self
        }
    }

    fn queue(count_max: usize, bytes_max: usize) -> WaitingQueue<usize> {
        WaitingQueue::new(WaitingLimits { count_max, bytes_max })
    }

    fn push(queue: &WaitingQueue<usize>, items: impl IntoIterator<Item = usize>) -> Vec<Option<Full>> {
        items.into_iter().map(|item| queue.push(item).err()).collect()
    }

    /// What is in a batch, what was lost, and whether it was called for.
    fn shown(batch: Option<Batch<usize>>) -> Option<(Vec<usize>, u64, bool)> {
        batch.map(|Batch { items, lost, is_called }| (items, lost, is_called))
    }

    #[tokio::test]
    async fn gives_all_in_order_and_then_the_end() {
        let queue = queue(1_000, 1 << 20);
        push(&queue, 1..=300);
        assert_eq!(queue.len(), 300);
        assert_eq!(shown(queue.take().await), Some(((1..=256).collect(), 0, false)));
        push(&queue, [301]);
        queue.close();
        assert_eq!(shown(queue.take().await), Some(((257..=301).collect(), 0, false)));
        assert_eq!(shown(queue.take().await), None);
    }

    #[tokio::test]
    async fn counts_as_lost_what_does_not_fit() {
        for (queue, full) in [(queue(2, 1 << 20), Full::Count), (queue(100, 6), Full::Bytes)] {
            assert_eq!(push(&queue, [3, 3, 1, 1]), [None, None, Some(full), Some(full)]);
            assert_eq!(shown(queue.take().await), Some((vec![3, 3], 2, false)), "{full:?}");
            assert_eq!(push(&queue, [6]), [None]);
            assert_eq!(shown(queue.take().await), Some((vec![6], 0, false)));
        }
    }

    #[tokio::test]
    async fn a_batch_has_few_bytes_or_a_single_item() {
        let queue = queue(100, 1 << 30);
        let large = BATCH_BYTES_MAX + 1;
        push(&queue, [large, large, 2, 3]);
        for want in [vec![large], vec![large], vec![2, 3]] {
            assert_eq!(shown(queue.take().await), Some((want, 0, false)));
        }
    }

    #[tokio::test]
    async fn many_calls_are_one() {
        let queue = queue(2, 2);
        queue.call();
        queue.call();
        assert_eq!(shown(queue.take().await), Some((vec![], 0, true)));
        queue.close();
        assert_eq!(shown(queue.take().await), None);
    }
}
