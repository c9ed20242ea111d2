//! The task that stores what waits in the queue, and the reading at the start.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use countersign_identity::repository::{RepositoryError, Run as _};
use countersign_router::PastEvent;
use countersign_storage::{AppendHistory, HistoryEvent, ReadHistory, Store, TrimHistory};
use countersign_wamp::UriRules;

use super::queue::{HistoryQueue, Recorded};
use super::{StoredHistory, rows};
use crate::metrics::Metrics;
use crate::waiting::Batch;

/// How often a batch is tried.
const ATTEMPTS_MAX: u32 = 5;
/// Pause after the first failure; each further one is twice as long.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// Events that are added to a history before the oldest are removed.
const TRIM_AFTER: usize = 256;
/// Most events that are removed in one transaction.
const TRIM_LIMIT: u32 = 512;
/// Events that are read at once.
const PAGE: u32 = 64;

/// Stores what comes until the queue is closed and empty.
pub async fn run(queue: Arc<HistoryQueue>, store: Store, histories: Vec<StoredHistory>, metrics: Arc<Metrics>) {
    let mut untrimmed: BTreeMap<usize, usize> = BTreeMap::new();
    while let Some(Batch { items: events, lost, .. }) = queue.take().await {
        if lost > 0 {
            tracing::warn!(lost, "events of the history are not stored: the database is too slow for them");
        }
        let rows = rows_of(&events, &histories, &mut untrimmed);
        match append(&store, AppendHistory { events: rows.into() }).await {
            Ok(()) => metrics.history_stored(events.len()),
            Err(error) => {
                metrics.history_lost(events.len());
                tracing::error!(?error, events = events.len(), "events of the history can't be stored");
            }
        }
        for history in &histories {
            if let Some(count) = untrimmed.get_mut(&history.place).filter(|count| **count >= TRIM_AFTER) {
                *count = 0;
                trim(&store, history).await;
            }
        }
    }
}

fn rows_of(
    events: &[Recorded],
    histories: &[StoredHistory],
    untrimmed: &mut BTreeMap<usize, usize>,
) -> Vec<(countersign_storage::HistoryKey, HistoryEvent)> {
    let mut rows = Vec::with_capacity(events.len());
    for Recorded { histories: places, event } in events {
        let row = match rows::row(event) {
            Ok(row) => row,
            Err(error) => {
                tracing::error!(%error, "an event of the history can't be written down");
                continue;
            }
        };
        for history in histories.iter().filter(|history| places.contains(&history.place)) {
            *untrimmed.entry(history.place).or_default() += 1;
            rows.push((history.key, row.clone()));
        }
    }
    rows
}

async fn append(store: &Store, operation: AppendHistory) -> Result<(), RepositoryError> {
    let mut delay = RETRY_DELAY;
    for _ in 1..ATTEMPTS_MAX {
        match store.run(operation.clone()).await {
            Ok(()) => return Ok(()),
            Err(error) => tracing::warn!(?error, "events of the history wait: the database does not take them"),
        }
        tokio::time::sleep(delay).await;
        delay *= 2;
    }
    store.run(operation).await
}

async fn trim(store: &Store, history: &StoredHistory) {
    let most = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let trim = TrimHistory {
        history: history.key,
        events_max: most(history.events_max),
        bytes_max: most(history.bytes_max),
        limit: TRIM_LIMIT,
    };
    loop {
        match store.run(trim.clone()).await {
            Ok(removed) if removed >= u64::from(TRIM_LIMIT) => {}
            Ok(_) => return,
            Err(error) => return tracing::warn!(?error, "old events of the history can't be removed"),
        }
    }
}

/// What is stored of a history, oldest first, and no more than it may have. What is beyond that is
/// removed.
///
/// # Errors
///
/// [`RepositoryError`]
pub async fn load(store: &Store, history: &StoredHistory, rules: UriRules) -> Result<Vec<PastEvent>, RepositoryError> {
    trim(store, history).await;
    let (mut newest_first, mut bytes, mut before) = (Vec::new(), 0, None);
    'pages: loop {
        let page = store.run(ReadHistory { history: history.key, before, limit: PAGE }).await?;
        let Some((oldest, _)) = page.last() else { break };
        before = Some(*oldest);
        for (position, row) in page {
            match rows::event(row, rules) {
                Ok(event) => {
                    bytes += event.bytes();
                    if newest_first.len() >= history.events_max || bytes > history.bytes_max {
                        break 'pages;
                    }
                    newest_first.push(event);
                }
                Err(error) => tracing::warn!(position, %error, "a stored event of the history is passed over"),
            }
        }
    }
    newest_first.reverse();
    Ok(newest_first)
}
