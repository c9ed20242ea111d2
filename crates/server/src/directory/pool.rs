//! The servers of a directory and the connections to them.
//!
//! **Invariants:** a piece of work begins with a bind of its own, so that it never runs as whoever used the connection before
//! it. What comes from a server can end the work and its connection, and nothing else: the library panics at malformed
//! answers, so it runs in tasks of its own. Everything has a deadline.
//!
//! Servers hold the same, and take turns. One that can't be used is left alone for a while, and the next one is asked.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, StdStream};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::DirectoryError;
use super::tls::{self, Tls};
use crate::config::{LdapConfig, LdapServerConfig};

/// How long a connection is kept for the next work. Servers and firewalls drop idle ones without a word.
const IDLE_MAX: Duration = Duration::from_mins(1);
/// Result codes of RFC 4511, appendix A, with which a server says that it can't at the moment.
const UNWELL: [u32; 2] = [51, 52];

/// Work on a connection. Made anew for each server that is tried.
pub type Work<T> = BoxFuture<'static, Result<T, Trouble>>;

/// Why work gave no answer.
#[derive(Debug)]
pub enum Trouble {
    /// The server or the way to it: another one may do better.
    Server(String),
    /// It took too long.
    Slow,
    /// Another server would say the same.
    Final(DirectoryError),
}

impl From<LdapError> for Trouble {
    fn from(error: LdapError) -> Self {
        Self::Server(explain(&error))
    }
}

impl Trouble {
    /// A result that is no success.
    pub fn of(result: &LdapResult) -> Self {
        if UNWELL.contains(&result.rc) {
            Self::Server(result.to_string())
        } else {
            Self::Final(DirectoryError::Refused(result.to_string()))
        }
    }
}

/// The servers.
pub struct Pool {
    servers: Vec<Server>,
    /// Whose turn it is.
    next: AtomicUsize,
    connect_max: Duration,
    retry: Duration,
    slots: Semaphore,
    waiting: AtomicUsize,
    queue_max: usize,
    queue_wait: Duration,
}

struct Server {
    url: String,
    /// What the library is told instead, and where the connection is opened for it.
    addressed: Option<(String, SocketAddr)>,
    settings: LdapConnSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<(Connection, Instant)>,
    rests_until: Option<Instant>,
}

/// An open connection. Its socket closes on drop.
struct Connection {
    ldap: Ldap,
    _driver: JoinSet<()>,
}

impl Pool {
    /// The servers as configured. Reads the authorities, connects to nothing.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Settings`].
    pub fn new(config: &LdapConfig) -> Result<Self, DirectoryError> {
        let has_tls = config.starttls || config.server.iter().any(|server| server.use_ssl);
        let tls = if has_tls { Some(Tls::new(config.ca.as_deref())?) } else { None };
        let server = |server: &LdapServerConfig| Server::new(server, config, tls.as_ref());
        Ok(Self {
            servers: config.server.iter().map(server).collect::<Result<_, _>>()?,
            next: AtomicUsize::new(0),
            connect_max: Duration::from_secs(config.connect_seconds_max),
            retry: Duration::from_secs(config.retry_seconds),
            slots: Semaphore::new(config.connections_max),
            waiting: AtomicUsize::new(0),
            queue_max: config.queue_max.saturating_add(config.connections_max),
            queue_wait: Duration::from_secs(config.queue_seconds_max),
        })
    }

    /// Does work with the first server that answers.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`].
    pub async fn run<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl Fn(Ldap) -> Work<T>,
    ) -> Result<T, DirectoryError> {
        let _place = Place::take(&self.waiting, self.queue_max)?;
        let slot = timeout(self.queue_wait, self.slots.acquire()).await;
        let _slot = slot.map_err(|_| DirectoryError::TooLongQueued)?.map_err(|_| DirectoryError::Down)?;
        for server in self.in_turn() {
            match self.ask(server, within, &work).await {
                Ok(answer) => {
                    server.state().rests_until = None;
                    return Ok(answer);
                }
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Server(problem)) => server.rest(self.retry, &problem),
                Err(Trouble::Slow) => server.rest(self.retry, "it takes too long"),
            }
        }
        Err(DirectoryError::Down)
    }

    /// The servers that can be asked, from the one on whose turn it is.
    fn in_turn(&self) -> impl Iterator<Item = &Server> {
        let first = self.next.fetch_add(1, Ordering::Relaxed) % self.servers.len().max(1);
        let now = Instant::now();
        let order = self.servers.iter().cycle().skip(first).take(self.servers.len());
        order.filter(move |server| server.state().rests_until.is_none_or(|until| until <= now))
    }

    async fn ask<T: Send + 'static>(
        &self,
        server: &Server,
        within: Duration,
        work: &impl Fn(Ldap) -> Work<T>,
    ) -> Result<T, Trouble> {
        if let Some(connection) = server.idle() {
            match contained(work(connection.ldap.clone()), within).await {
                // It may have been closed since; a new one will tell.
                Err(Trouble::Server(_)) => {}
                done => return server.keep_after(connection, done),
            }
        }
        let connection = self.connect(server).await?;
        let done = contained(work(connection.ldap.clone()), within).await;
        server.keep_after(connection, done)
    }

    async fn connect(&self, server: &Server) -> Result<Connection, Trouble> {
        let (mut settings, addressed) = (server.settings.clone(), server.addressed.clone());
        let url = server.url.clone();
        // The library's own deadline is for the connection alone.
        let within = self.connect_max.saturating_mul(2);
        let connecting = async move {
            let Some((url, address)) = addressed else {
                return Ok(LdapConnAsync::with_settings(settings, &url).await?);
            };
            let stream = TcpStream::connect(address).await.and_then(TcpStream::into_std).map_err(LdapError::from)?;
            settings = settings.set_std_stream(StdStream::Tcp(stream));
            Ok(LdapConnAsync::with_settings(settings, &url).await?)
        };
        let (connection, ldap) = contained(Box::pin(connecting), within).await?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // How it ended is told to whoever waits for an answer.
            let _ = connection.drive().await;
        });
        Ok(Connection { ldap, _driver: driver })
    }
}

impl Server {
    fn new(server: &LdapServerConfig, config: &LdapConfig, tls: Option<&Tls>) -> Result<Self, DirectoryError> {
        let settings = LdapConnSettings::new()
            .set_conn_timeout(Duration::from_secs(config.connect_seconds_max))
            .set_starttls(config.starttls);
        let (url, state) = (server.url(), Mutex::default());
        let Some(tls) = tls.filter(|_| server.use_ssl || config.starttls) else {
            return Ok(Self { url, addressed: None, settings, state });
        };
        let address = tls::address(&server.host, server.port());
        let settings = settings.set_config(Arc::new(tls.config(address.map(|(address, _)| address))?));
        let unnamed = LdapServerConfig { host: tls::UNNAMED.to_owned(), ..server.clone() };
        let addressed = address.map(|(_, address)| (unnamed.url(), address));
        Ok(Self { url, addressed, settings, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that is likely to be open still.
    fn idle(&self) -> Option<Connection> {
        let mut state = self.state();
        let now = Instant::now();
        state.idle.retain(|(_, since)| now.duration_since(*since) < IDLE_MAX);
        state.idle.pop().map(|(connection, _)| connection)
    }

    /// Keeps a connection on which all went well.
    fn keep_after<T>(&self, connection: Connection, done: Result<T, Trouble>) -> Result<T, Trouble> {
        if done.is_ok() {
            self.state().idle.push((connection, Instant::now()));
        }
        done
    }

    /// Leaves the server alone for a while.
    fn rest(&self, retry: Duration, problem: &str) {
        tracing::warn!(server = self.url, problem, seconds = retry.as_secs(), "a directory server is left alone");
        let mut state = self.state();
        state.idle.clear();
        state.rests_until = Some(Instant::now() + retry);
    }
}

/// Runs work in a task of its own, so long as it is waited for.
async fn contained<T: Send + 'static>(work: Work<T>, within: Duration) -> Result<T, Trouble> {
    let mut tasks = JoinSet::new();
    tasks.spawn(work);
    match timeout(within, tasks.join_next()).await {
        Err(_) => Err(Trouble::Slow),
        Ok(Some(Ok(done))) => done,
        Ok(Some(Err(_)) | None) => Err(Trouble::Server("its answer makes no sense".into())),
    }
}

/// An error with its causes, as one line.
fn explain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A place among those that work or wait, given back on drop.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, max: usize) -> Result<Self, DirectoryError> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= max { Err(DirectoryError::QueueFull) } else { Ok(place) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
