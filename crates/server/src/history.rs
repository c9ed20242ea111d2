//! Event history in the database: what the realm remembers, written behind it.
//!
//! The realm says which events to record, in order, under its lock; they wait in a bounded queue,
//! and a task of its own stores many at a time. So nobody waits for the database, and a crash loses
//! what was published in its last moments.
//!
//! **Invariant:** what is stored of a history is a run of its events in their order, without a gap
//! unless one was counted as lost.

mod queue;
mod rows;
mod writer;

pub use queue::HistoryQueue;
pub use writer::load;

use std::sync::Arc;
use std::time::Duration;

use countersign_router::HistorySettings;
use countersign_storage::HistoryKey;
use tokio::task::JoinHandle;

use crate::app::App;

/// How long storing may go on when the server stops.
const FLUSH_SECONDS_MAX: Duration = Duration::from_secs(10);

/// Where a history is stored, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct StoredHistory {
    /// Its place among the realm's histories.
    pub place: usize,
    key: HistoryKey,
    events_max: usize,
    bytes_max: usize,
}

impl StoredHistory {
    /// Those of the realm's histories that are stored.
    pub fn all(realm: &str, histories: &[HistorySettings]) -> Vec<Self> {
        let stored = histories.iter().enumerate().filter(|(_, history)| history.is_stored);
        let one = |(place, history): (usize, &HistorySettings)| Self {
            place,
            key: HistoryKey::new(realm, history.pattern.policy().name(), history.pattern.as_str()),
            events_max: history.events_max,
            bytes_max: history.bytes_max,
        };
        stored.map(one).collect()
    }
}

/// The task that empties the queue.
#[derive(Debug)]
pub struct Recording {
    queue: Arc<HistoryQueue>,
    task: JoinHandle<()>,
}

impl Recording {
    /// Starts to store what comes into the queue.
    pub fn start(queue: &Arc<HistoryQueue>, histories: Vec<StoredHistory>, app: &App) -> Self {
        let (store, metrics) = (app.identity.repository().clone(), Arc::clone(&app.metrics));
        let task = tokio::spawn(writer::run(Arc::clone(queue), store, histories, metrics));
        Self { queue: Arc::clone(queue), task }
    }

    /// Waits for the task's end, which must not come before [`Recording::finish`].
    pub async fn ended(&mut self) {
        // How it ended is in the log.
        let _ = (&mut self.task).await;
    }

    /// Stores what waits. Nobody may record any more.
    pub async fn finish(self) {
        self.queue.close();
        if tokio::time::timeout(FLUSH_SECONDS_MAX, self.task).await.is_err() {
            tracing::error!(events = self.queue.len(), "events of the history were not stored in time");
        }
    }
}
