//! The task that stores what becomes of registrations.
//!
//! What can't be stored, or did not fit into the queue, is found again by comparing the connections that are open in the
//! database with those that are there. Changes that are stored before or after that are no harm: each of them is written
//! down once, and the last of a registration is always the last in the queue.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use countersign_identity::repository::{RepositoryError, Run as _};
use countersign_identity::uris::UriKey;
use countersign_identity::uris::operations::{
    BeginTracking, ListOpen, NewCallee, RegistrationChange, TrackRegistrations, Tracked,
};
use tokio::task::JoinHandle;

use super::match_policy;
use super::queue::{ChangedRegistration, RegistrationQueue};
use crate::app::App;
use crate::clock::now;
use crate::hub::Hub;
use crate::waiting::Batch;

/// How often a batch is tried.
const ATTEMPTS_MAX: u32 = 5;
/// Pause after the first failure; each further one is twice as long.
const RETRY_DELAY: Duration = Duration::from_millis(100);
/// How long a comparison that failed waits for the next try.
const COMPARE_DELAY: Duration = Duration::from_secs(5);
/// Changes that are stored at once where a comparison finds them.
const CHUNK: usize = 256;
/// Connections that are read at once.
const PAGE: u32 = 1_000;
/// How long storing may go on when the server stops.
const FLUSH_SECONDS_MAX: Duration = Duration::from_secs(10);

/// For the start: nothing is registered, unless the settings say that this counts for nothing.
///
/// # Errors
///
/// [`RepositoryError`]
pub async fn begin(app: &App) -> Result<(), RepositoryError> {
    let config = &app.config.uris;
    let begin = BeginTracking {
        node: node(app),
        now: now(),
        resets: !config.disable_startup_reset,
        reaps_all: config.reaps_all(),
    };
    let ended = app.identity.repository().run(begin).await?;
    if ended > 0 {
        tracing::info!(ended, "registrations of the last run count as ended");
    }
    Ok(())
}

/// The task, to be ended in good order.
#[derive(Debug)]
pub struct Tracker {
    queue: Arc<RegistrationQueue>,
    app: Arc<App>,
    task: JoinHandle<()>,
}

impl Tracker {
    /// Starts to store what comes into the queue.
    pub fn start(queue: &Arc<RegistrationQueue>, app: &Arc<App>, hub: &Arc<Hub>) -> Self {
        let tracking = Tracking { queue: Arc::clone(queue), app: Arc::clone(app), hub: Arc::clone(hub) };
        Self { queue: Arc::clone(queue), app: Arc::clone(app), task: tokio::spawn(tracking.run()) }
    }

    /// Waits for the task's end, which must not come before [`Tracker::finish`].
    pub async fn ended(&mut self) {
        // How it ended is in the log.
        let _ = (&mut self.task).await;
    }

    /// Stores what waits, and that nothing is registered here any more.
    pub async fn finish(self) {
        self.queue.close();
        if tokio::time::timeout(FLUSH_SECONDS_MAX, self.task).await.is_err() {
            tracing::error!(changes = self.queue.len(), "changes of registrations were not stored in time");
        }
        let config = &self.app.config.uris;
        let (node, reaps_all) = (node(&self.app), config.reaps_all());
        let end = BeginTracking { node, now: now(), resets: true, reaps_all };
        if let Err(error) = self.app.identity.repository().run(end).await {
            tracing::warn!(?error, "registrations are still noted as such: the database does not take it");
        }
    }
}

struct Tracking {
    queue: Arc<RegistrationQueue>,
    app: Arc<App>,
    hub: Arc<Hub>,
}

impl Tracking {
    async fn run(self) {
        let mut has_failed = false;
        loop {
            let batch = if has_failed {
                let again = Batch { items: Vec::new(), lost: 0, is_called: true };
                tokio::time::timeout(COMPARE_DELAY, self.queue.take()).await.unwrap_or(Some(again))
            } else {
                self.queue.take().await
            };
            let Some(Batch { items: changes, lost, is_called: compares }) = batch else { return };
            if lost > 0 {
                tracing::warn!(
                    lost,
                    "changes of registrations did not fit into the queue; what is registered is compared"
                );
            }
            let is_stored = self.store(changes.iter().filter_map(row).collect(), changes.len()).await;
            if !is_stored || compares || has_failed {
                has_failed = self
                    .compare()
                    .await
                    .inspect_err(|error| {
                        tracing::warn!(?error, "what is registered can't be compared with the database");
                    })
                    .is_err();
            }
            self.app.alerts.wake();
        }
    }

    /// Whether it could be stored. `seen`: how many changes there were, those included that can have no record.
    async fn store(&self, changes: Vec<RegistrationChange>, seen: usize) -> bool {
        let metrics = &self.app.metrics;
        metrics.registrations_tracked("without_record", seen - changes.len());
        let stored = changes.len();
        if stored == 0 {
            return true;
        }
        let track = self.operation(changes);
        let mut delay = RETRY_DELAY;
        for attempt in 1..=ATTEMPTS_MAX {
            match self.app.identity.repository().run(track.clone()).await {
                Ok(tracked) => {
                    self.count(stored, tracked);
                    return true;
                }
                Err(error) => {
                    tracing::warn!(?error, attempt, "changes of registrations wait: the database does not take them");
                }
            }
            if attempt < ATTEMPTS_MAX {
                tokio::time::sleep(delay).await;
                delay *= 2;
            }
        }
        metrics.registrations_tracked("lost", stored);
        false
    }

    fn count(&self, stored: usize, tracked: Tracked) {
        let without = usize::try_from(tracked.without_record).unwrap_or(usize::MAX);
        if without > 0 {
            tracing::warn!(without, "there are too many records of URIs; see uris.records_max");
        }
        self.app.metrics.registrations_tracked("without_record", without);
        self.app.metrics.registrations_tracked("stored", stored.saturating_sub(without));
    }

    fn operation(&self, changes: Vec<RegistrationChange>) -> TrackRegistrations {
        let config = &self.app.config.uris;
        TrackRegistrations {
            node: node(&self.app),
            changes: changes.into(),
            records_max: config.records_max,
            reaps_all: config.reaps_all(),
        }
    }

    /// Stores the difference between what is registered and what is open in the database.
    async fn compare(&self) -> Result<(), RepositoryError> {
        let store = self.app.identity.repository();
        let live: Vec<RegistrationChange> = self.hub.live_registrations().iter().filter_map(row).collect();
        let is_live: HashSet<(&UriKey, i64)> = live.iter().map(|one| (&one.key, one.session)).collect();
        let mut open: HashSet<(UriKey, i64)> = HashSet::new();
        let mut differences = Vec::new();
        let mut after = 0;
        loop {
            let page = store.run(ListOpen { node: node(&self.app), after, limit: PAGE }).await?;
            let Some(last) = page.last() else { break };
            after = last.place;
            for one in page {
                if is_live.contains(&(&one.key, one.session)) {
                    open.insert((one.key, one.session));
                } else {
                    let (key, session) = (one.key, one.session);
                    differences.push(RegistrationChange { key, session, at: now(), callee: None });
                }
            }
        }
        drop(is_live);
        differences.extend(live.into_iter().filter(|one| !open.contains(&(one.key.clone(), one.session))));
        for chunk in differences.chunks(CHUNK) {
            let tracked = store.run(self.operation(chunk.to_vec())).await?;
            self.count(chunk.len(), tracked);
        }
        self.app.metrics.registrations_compared();
        Ok(())
    }
}

/// Which of the servers on the database this one is.
fn node(app: &App) -> Arc<str> {
    app.identity.settings().node.0.to_string().into()
}

/// What is stored of a change; `None` for URIs that can have no record.
fn row(changed: &ChangedRegistration) -> Option<RegistrationChange> {
    let ChangedRegistration { change, at, authid, peer, is_system } = changed;
    let callee = change.is_added.then(|| NewCallee {
        invoke: change.invoke.to_owned(),
        authid: authid.to_string(),
        peer: peer.to_string(),
        is_system: *is_system,
    });
    Some(RegistrationChange {
        key: UriKey::new(change.procedure.as_str(), match_policy(change.procedure.policy())).ok()?,
        at: *at,
        session: i64::try_from(change.session.get()).ok()?,
        callee,
    })
}
