//! Removing what has come to its end: by itself at its times, and when somebody asks for it.
//!
//! **Invariant:** however often somebody asks, there is one run at a time, and a second between two.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_identity::repository::RepositoryError;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::cid;
use crate::clock::now;
use crate::hub::Hub;

/// How often everything is looked through.
const INTERVAL: Duration = Duration::from_mins(1);
/// Shortest time between two runs.
const INTERVAL_MIN: Duration = Duration::from_secs(1);
/// What is registered is compared with the database in each run of this number.
const RUNS_PER_COMPARISON: u32 = 2;

/// What is to be looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// One-time passwords, keys and cookies.
    pub credentials: bool,
    /// Sign-on sessions, and what people have begun and not ended: sign-ups, forgotten passwords, attributes.
    pub sessions: bool,
    /// What is registered, and records of URIs.
    pub registrations: bool,
}

impl Wanted {
    /// Everything.
    pub const ALL: Self = Self { credentials: true, sessions: true, registrations: true };
    /// Nothing.
    const NONE: Self = Self { credentials: false, sessions: false, registrations: false };
}

/// Takes wishes for a run.
#[derive(Debug, Default)]
pub struct Vacuum {
    wanted: Mutex<Wanted>,
    asked: Notify,
}

impl Vacuum {
    /// Asks for a run. Wishes that come before it begins are one.
    pub fn ask(&self, wish: Wanted) {
        let mut wanted = self.wanted();
        wanted.credentials |= wish.credentials;
        wanted.sessions |= wish.sessions;
        wanted.registrations |= wish.registrations;
        drop(wanted);
        self.asked.notify_one();
    }

    fn take(&self) -> Wanted {
        std::mem::take(&mut *self.wanted())
    }

    fn wanted(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs at its times and when it is asked, until it is told to stop.
pub async fn keep(app: Arc<App>, hub: Arc<Hub>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(INTERVAL);
    let mut runs: u32 = 0;
    loop {
        let next = async {
            tokio::select! {
                _ = ticks.tick() => true,
                () = app.vacuum.asked.notified() => false,
            }
        };
        let Some(is_due) = stop.run_until_cancelled(next).await else { return };
        let mut wanted = app.vacuum.take();
        if is_due {
            runs = runs.wrapping_add(1);
            let registrations = wanted.registrations || runs.is_multiple_of(RUNS_PER_COMPARISON);
            wanted = Wanted { registrations, ..Wanted::ALL };
        }
        if wanted != Wanted::NONE {
            run(&app, &hub, wanted).await;
            app.metrics.vacuum_ran();
            if stop.run_until_cancelled(tokio::time::sleep(INTERVAL_MIN)).await.is_none() {
                return;
            }
        }
    }
}

async fn run(app: &App, hub: &Hub, wanted: Wanted) {
    let identity = &app.identity;
    if wanted.credentials {
        report("one-time passwords and API keys", identity.reap_keys(now()).await);
    }
    if wanted.sessions {
        report("sign-on sessions", identity.reap_sessions(now()).await);
        report("attributes", identity.reap_attributes(now()).await);
        report("tokens for forgotten passwords", identity.reap_password_resets(now()).await);
        report("sign-ups", identity.reap_sign_ups(now(), &cid::generate()).await);
    }
    if wanted.registrations {
        hub.compare_registrations();
        app.alerts.wake();
    }
}

/// Says how many of something were removed because they had come to their end.
fn report(what: &str, removed: Result<u64, RepositoryError>) {
    match removed {
        Ok(0) => {}
        Ok(count) => tracing::info!(what, count, "removed what had come to its end"),
        Err(error) => tracing::warn!(what, ?error, "can't remove what has come to its end"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_before_a_run_are_one() {
        let vacuum = Vacuum::default();
        let (credentials, sessions) =
            (Wanted { credentials: true, ..Wanted::NONE }, Wanted { sessions: true, ..Wanted::NONE });
        for wish in [credentials, sessions, credentials] {
            vacuum.ask(wish);
        }
        assert_eq!(vacuum.take(), Wanted { registrations: false, ..Wanted::ALL });
        assert_eq!(vacuum.take(), Wanted::NONE);
    }
}
