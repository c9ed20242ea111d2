//! A session that is opened again when it is lost.
//!
//! **Invariant:** each session is set up anew, by the same function, before anybody gets it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::error::{CallError, ConnectError, Ended};
use crate::options::ConnectOptions;
use crate::session::{Client, Session};

/// How long to wait between tries to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second try; each further one waits twice as long.
    pub first: Duration,
    /// Longest wait.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(500), max: Duration::from_mins(1) }
    }
}

impl Backoff {
    /// The wait after `failures` tries in a row, at least 1, that failed: at random between half
    /// and all of the time, so that clients of a server that was restarted do not come at once.
    fn delay(self, failures: u32, random: u8) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        let full = doubled.min(self.max);
        full / 2 + full.saturating_mul(random.into()) / (2 * u32::from(u8::MAX))
    }
}

/// Keeps a session open, over lost connections and restarts of the server.
///
/// Registrations and subscriptions belong to a session, so the function that is given to
/// [`LastingSession::open`] makes them, for each session again. What was under way when a session
/// was lost ends with [`CallError::Ended`]; nothing is repeated. A one-time password opens one
/// session: use an API key or a password. Dropping this ends it all.
pub struct LastingSession {
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
enum State {
    Connecting,
    Open(Session),
    Over(Arc<ConnectError>),
}

impl fmt::Debug for LastingSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &*self.state.borrow() {
            State::Connecting => "LastingSession(connecting)",
            State::Open(_) => "LastingSession(open)",
            State::Over(_) => "LastingSession(over)",
        })
    }
}

impl LastingSession {
    /// Starts to connect, in a task of its own. `set_up` registers and subscribes on each new
    /// session; if it fails the session is closed and the next try is due.
    pub fn open<F, Done>(options: ConnectOptions, backoff: Backoff, set_up: F) -> Self
    where
        F: Fn(Session) -> Done + Send + Sync + 'static,
        Done: Future<Output = Result<(), CallError>> + Send + 'static,
    {
        let (sender, state) = watch::channel(State::Connecting);
        let task = tokio::spawn(async move {
            let error = keep(&options, backoff, &set_up, &sender).await;
            sender.send_replace(State::Over(Arc::new(error)));
        });
        Self { state, task }
    }

    /// The session, as soon as it is open.
    ///
    /// # Errors
    ///
    /// The error that no further try would mend ([`ConnectError::is_permanent`]).
    pub async fn session(&self) -> Result<Session, Arc<ConnectError>> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, State::Connecting)).await;
        match settled.map(|state| state.clone()) {
            Ok(State::Open(session)) => Ok(session),
            Ok(State::Over(error)) => Err(error),
            // The task ends with a state that is over, unless it was dropped with this.
            Ok(State::Connecting) | Err(_) => Err(Arc::new(ConnectError::TimedOut)),
        }
    }

    /// The session, if it is open now.
    pub fn current(&self) -> Option<Session> {
        match &*self.state.borrow() {
            State::Open(session) => Some(session.clone()),
            _ => None,
        }
    }

    /// Leaves the session in good form and opens no other.
    pub async fn close(self) {
        self.task.abort();
        if let Some(session) = self.current() {
            // Whether the server answered changes nothing.
            let _ = session.leave().await;
        }
    }
}

impl Drop for LastingSession {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep<F, Done>(
    options: &ConnectOptions,
    backoff: Backoff,
    set_up: &F,
    state: &watch::Sender<State>,
) -> ConnectError
where
    F: Fn(Session) -> Done,
    Done: Future<Output = Result<(), CallError>>,
{
    let mut failures = 0;
    loop {
        match Client::connect(options.clone()).await {
            Ok(session) => match set_up(session.clone()).await {
                Ok(()) => {
                    failures = 0;
                    state.send_replace(State::Open(session.clone()));
                    let ended = session.ended().await;
                    state.send_replace(State::Connecting);
                    if ended == Ended::Left {
                        return ConnectError::Left;
                    }
                }
                Err(_) => {
                    let _ = session.leave().await;
                }
            },
            Err(error) if error.is_permanent() => return error,
            Err(_) => {}
        }
        failures += 1;
        let mut random = [0];
        // Without randomness the waits are the shortest.
        let _ = getrandom::fill(&mut random);
        tokio::time::sleep(backoff.delay(failures, random[0])).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_mins(1) };
        let check = |failures, random, milliseconds| {
            assert_eq!(backoff.delay(failures, random), Duration::from_millis(milliseconds), "{failures} {random}");
        };
        check(1, 255, 1000);
        check(1, 0, 500);
        check(2, 255, 2000);
        check(6, 255, 32_000);
        check(7, 255, 60_000);
        check(u32::MAX, 255, 60_000);
        check(u32::MAX, 0, 30_000);
    }
}
