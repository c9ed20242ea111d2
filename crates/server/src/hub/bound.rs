//! Sessions that were opened by the token of a sign-on session, and end with it.
//!
//! The sign-on session can end in many ways, in this server or in another one on the same database. So it is asked for,
//! often, and at once where something may just have ended one.
//!
//! **Invariant:** where storage can't be asked, a session lasts no longer than what was known last.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign_identity::{SessionId, Timestamp};
use countersign_wamp::uris;
use tokio_util::sync::CancellationToken;

use super::{Hub, Live};
use crate::app::App;
use crate::clock::now;
use crate::outbox::Ending;

/// Longest wait for the next look: well below the second within which an end has to be felt.
const LOOK_INTERVAL: Duration = Duration::from_millis(380);
/// Shortest time between two looks, however much is going on.
const LOOK_INTERVAL_MIN: Duration = Duration::from_millis(20);

/// What binds a session to a sign-on session.
#[derive(Debug)]
pub struct Bond {
    session: SessionId,
    /// When the sign-on session ends, as far as it is known.
    expires: AtomicI64,
}

impl Bond {
    /// To this sign-on session, which ends at this time unless it is renewed.
    pub fn new(session: SessionId, expires: Timestamp) -> Self {
        Self { session, expires: AtomicI64::new(expires.micros()) }
    }
}

impl Hub {
    /// A sign-on session may just have ended.
    pub fn sign_on_changed(&self) {
        self.sign_on_changed.notify_one();
    }

    /// Ends sessions with the sign-on sessions that opened them. Runs until it is told to stop.
    pub async fn run_bonds(&self, app: &App, stop: &CancellationToken) {
        let mut is_failing = false;
        loop {
            let next = async {
                tokio::time::sleep(LOOK_INTERVAL_MIN).await;
                let _ = tokio::time::timeout(LOOK_INTERVAL, self.sign_on_changed.notified()).await;
            };
            if stop.run_until_cancelled(next).await.is_none() {
                return;
            }
            let asked = self.bound();
            if asked.is_empty() {
                continue;
            }
            let ids: Vec<SessionId> = asked.iter().copied().collect();
            match app.identity.living_sessions(&ids, now()).await {
                Ok(living) => {
                    is_failing = false;
                    self.settle(&asked, &living);
                }
                Err(error) => {
                    if !is_failing {
                        tracing::warn!(?error, "can't ask which sign-on sessions live; they end as was known last");
                    }
                    is_failing = true;
                }
            }
            self.end_expired(now());
        }
    }

    /// The sign-on sessions that opened live sessions.
    fn bound(&self) -> BTreeSet<SessionId> {
        self.lock().sessions.values().filter_map(|live| Some(live.bond.as_ref()?.session)).collect()
    }

    /// Takes over the answer for those that were asked for. Who joined since then was not.
    fn settle(&self, asked: &BTreeSet<SessionId>, living: &HashMap<SessionId, Timestamp>) {
        self.end_where(|bond| match living.get(&bond.session) {
            Some(expires) => {
                bond.expires.store(expires.micros(), Ordering::Relaxed);
                false
            }
            None => asked.contains(&bond.session),
        });
    }

    fn end_expired(&self, now: Timestamp) {
        self.end_where(|bond| bond.expires.load(Ordering::Relaxed) < now.micros());
    }

    fn end_where(&self, is_over: impl Fn(&Bond) -> bool) {
        let mut inner = self.lock();
        let over = |live: &&Arc<Live>| live.bond.as_ref().is_some_and(&is_over);
        let ended: Vec<Arc<Live>> = inner.sessions.values().filter(over).cloned().collect();
        for live in ended {
            inner.end(&live, uris::close::KILLED, "the sign-on session has ended", Ending::Policy, self.service);
        }
    }
}
