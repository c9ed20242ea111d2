//! Rosters while the server runs: what belongs to sessions that have left is removed, however long it takes.
//!
//! **Invariant:** entries of a session that has left are seen by nobody from that moment on, also while their rows are still being
//! removed.

use std::sync::Arc;
use std::time::Duration;

use countersign_wamp::Id;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::hub::Hub;

/// Pause before what storage refused is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// Removes entries of sessions that leave. Runs until it is told to stop.
pub async fn run(app: Arc<App>, hub: Arc<Hub>, stop: CancellationToken) {
    while stop.run_until_cancelled(hub.departures().changed()).await.is_some() {
        let mut gone = Vec::new();
        loop {
            gone.extend(hub.departures().take().into_iter().map(Id::get));
            if gone.is_empty() {
                break;
            }
            match app.identity.clear_rosters(Some(gone.clone())).await {
                Ok(_) => gone.clear(),
                Err(fault) => {
                    tracing::error!(error = ?fault, "entries in rosters can't be removed; trying again");
                    if stop.run_until_cancelled(tokio::time::sleep(RETRY_PAUSE)).await.is_none() {
                        return;
                    }
                }
            }
        }
    }
}

/// Removes what is left, after everybody has gone.
pub async fn finish(app: &App) {
    if let Err(fault) = app.identity.clear_rosters(None).await {
        tracing::warn!(error = ?fault, "entries in rosters can't be removed; the next start does it");
    }
}
