//! Sessions that were opened by the token of a sign-on session, or by an API key, and end with it.
//!
//! Either can end in many ways, in this server or in another one on the same database. So it is asked for, often, and at
//! once where something may just have ended one.
//!
//! **Invariant:** where storage can't be asked, a session lasts no longer than what was known last.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use countersign_identity::repository::RepositoryError;
use countersign_identity::{CredentialId, SessionId, Timestamp};
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

/// What a session can be bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bound {
    /// A sign-on session.
    SignOn(SessionId),
    /// An API key as its restrictions are in this revision. One whose restrictions were changed is another.
    Key(CredentialId, u32),
}

impl Bound {
    /// Why a session ends with it.
    fn over(self) -> &'static str {
        match self {
            Self::SignOn(_) => "the sign-on session has ended",
            Self::Key(..) => "the API key has ended, or what it may was changed",
        }
    }
}

/// What binds a session to what opened it.
#[derive(Debug)]
pub struct Bond {
    to: Bound,
    /// When that ends, as far as it is known.
    expires: AtomicI64,
}

impl Bond {
    /// To this, which ends at this time unless it is renewed.
    pub fn new(to: Bound, expires: Timestamp) -> Self {
        Self { to, expires: AtomicI64::new(expires.micros()) }
    }

    /// Whether it is a key whose time is over: only a change of it can renew one, of which the next look hears.
    pub fn is_expired_key(&self) -> bool {
        let expires = self.expires.load(Ordering::Relaxed);
        matches!(self.to, Bound::Key(..)) && expires != i64::MAX && expires < now().micros()
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.expires.load(Ordering::Relaxed) < now.micros()
    }
}

impl Hub {
    /// A sign-on session or an API key may just have ended.
    pub fn bonds_changed(&self) {
        self.bonds_changed.notify_one();
    }

    /// Ends sessions with what opened them. Runs until it is told to stop.
    pub async fn run_bonds(&self, app: &App, stop: &CancellationToken) {
        let mut is_failing = false;
        loop {
            let next = async {
                tokio::time::sleep(LOOK_INTERVAL_MIN).await;
                let _ = tokio::time::timeout(LOOK_INTERVAL, self.bonds_changed.notified()).await;
            };
            if stop.run_until_cancelled(next).await.is_none() {
                return;
            }
            let asked = self.bound();
            if asked.is_empty() {
                continue;
            }
            match living(app, &asked).await {
                Ok(living) => {
                    is_failing = false;
                    self.settle(&asked, &living);
                }
                Err(error) => {
                    if !is_failing {
                        tracing::warn!(
                            ?error,
                            "can't ask which sign-on sessions and API keys live; they end as was known last"
                        );
                    }
                    is_failing = true;
                }
            }
            self.end_expired(now());
        }
    }

    /// What opened live sessions.
    fn bound(&self) -> BTreeSet<Bound> {
        self.lock().sessions.values().filter_map(|live| Some(live.bond.as_ref()?.to)).collect()
    }

    /// Takes over the answer for those that were asked for. Who joined since then was not.
    fn settle(&self, asked: &BTreeSet<Bound>, living: &HashMap<Bound, Timestamp>) {
        self.end_where(|bond| match living.get(&bond.to) {
            Some(expires) => {
                bond.expires.store(expires.micros(), Ordering::Relaxed);
                false
            }
            None => asked.contains(&bond.to),
        });
    }

    fn end_expired(&self, now: Timestamp) {
        self.end_where(|bond| bond.is_over(now));
    }

    fn end_where(&self, is_over: impl Fn(&Bond) -> bool) {
        let mut inner = self.lock();
        let bound = inner.sessions.values().filter_map(|live| Some((Arc::clone(live), live.bond.as_ref()?)));
        let over = bound.filter(|(_, bond)| is_over(bond)).map(|(live, bond)| (live, bond.to));
        let ended: Vec<(Arc<Live>, Bound)> = over.collect();
        for (live, bound) in ended {
            inner.end(&live, uris::close::KILLED, bound.over(), Ending::Policy, self.service);
        }
    }
}

/// Which of them live, and until when.
async fn living(app: &App, asked: &BTreeSet<Bound>) -> Result<HashMap<Bound, Timestamp>, RepositoryError> {
    let (mut sessions, mut keys) = (Vec::new(), Vec::new());
    for bound in asked {
        match bound {
            Bound::SignOn(id) => sessions.push(*id),
            Bound::Key(id, _) => keys.push(*id),
        }
    }
    let now = now();
    let sessions = app.identity.living_sessions(&sessions, now).await?;
    let keys = app.identity.living_keys(&keys, now).await?;
    let sessions = sessions.into_iter().map(|(id, expires)| (Bound::SignOn(id), expires));
    Ok(sessions.chain(keys.into_iter().map(|(id, (expires, revision))| (Bound::Key(id, revision), expires))).collect())
}
