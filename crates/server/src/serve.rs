//! The server's life: open, listen, work, stop.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use countersign_identity::repository::RepositoryError;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::config::{Config, ConfigError};
use crate::control;
use crate::data_dir::DataDir;
use crate::demo;
use crate::directory::{self, DirectoryError};
use crate::doors::{BindError, BoundSocket, Doors, ListenUrl, ListenUrlError, Listener};
use crate::history::{self, HistoryQueue, Recording, StoredHistory};
use crate::hub::{Beside, Hub};
use crate::mail::Undelivered;
use crate::open::{Installation, OpenFailed, load_config, lock, open, open_data};
use crate::output::say;
use crate::procedures::{Procedures, RegistrationFailed};
use crate::realm_settings::realm_settings;
use crate::roles::RoleTable;
use crate::rosters;
use crate::trail;
use crate::uris::{self, Alerts, RegistrationQueue, Tracker};
use crate::vacuum;
use crate::waiting::WaitingLimits;

/// Where the server listens unless told otherwise, besides its Unix socket.
const LISTEN_DEFAULT: [&str; 2] = ["http://127.0.0.1:8282", "tcp://127.0.0.1:18081"];
/// By when the tasks that run as long as the server have done what they do at first.
const START_SETTLES: Duration = Duration::from_secs(1);
/// How long connections get for their last words when the server stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// What `countersign serve` was told.
#[derive(Debug)]
pub struct ServeOptions<'a> {
    /// The data directory.
    pub data: &'a Path,
    /// The configuration file.
    pub config: Option<&'a Path>,
    /// Where to listen; empty: as configured.
    pub listen: &'a [String],
    /// Whether to add users to play with, and to admit anonymous sessions.
    pub demo: bool,
}

/// Why the server didn't start, or stopped. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ServeFailed {
    /// The installation can't be opened.
    #[error(transparent)]
    Open(#[from] OpenFailed),
    /// An address makes no sense.
    #[error(transparent)]
    Listen(#[from] ListenUrlError),
    /// A door can't be opened.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The control socket can't be opened.
    #[error("can't open the control socket {path}")]
    Control {
        /// The socket.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A fault of the program.
    #[error("a part of the server ended while it was needed; see the log")]
    PartEnded,
    /// A fault of the program.
    #[error(transparent)]
    Registration(#[from] RegistrationFailed),
    /// The database can't be read or written.
    #[error("can't prepare the database")]
    Storage(#[from] RepositoryError),
    /// Mails can't be sent as configured.
    #[error("can't send mails as configured")]
    Mail(#[from] Undelivered),
    /// The directory can't be used as configured.
    #[error("can't use the directory as configured")]
    Directory(#[from] DirectoryError),
    /// The demonstration's users can't be made.
    #[error("can't make the users of the demonstration: {0}")]
    Demo(String),
    /// The system's signals can't be waited for, or standard output is gone.
    #[error(transparent)]
    System(#[from] std::io::Error),
}

impl From<ConfigError> for ServeFailed {
    fn from(error: ConfigError) -> Self {
        Self::Open(error.into())
    }
}

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
///
/// [`ServeFailed`], which says what to do.
pub async fn serve(options: &ServeOptions<'_>) -> Result<(), ServeFailed> {
    if !countersign_memory::huge_pages_where_asked_for() {
        tracing::debug!("passwords are checked in small pages: the system has no huge ones, or not on demand");
    }
    let data = open_data(options.data)?;
    let mut config = load_config(options.config, data.path())?;
    config.auth.anonymous |= options.demo;
    let urls = listen_urls(options.listen, &config, &data)?;
    let lock = lock(&data).await?;
    // Bound before anything is stored: a port that is taken must not swallow the first start.
    let (control, listeners) = bind(&data, &config, &urls).await?;
    let bound: Vec<ListenUrl> = listeners.iter().map(|listener| listener.url().clone()).collect();
    let Installation { app, first } = open(&data, config, &lock).await?;
    app.mailer.prepare()?;
    if let Some(directory) = &app.directory {
        directory.prepare()?;
    }
    let demo_users = if options.demo { demo::prepare(&app).await.map_err(ServeFailed::Demo)? } else { Vec::new() };

    let app = Arc::new(app);
    let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
    // Of sessions that ended with the server.
    app.identity.clear_rosters(None).await?;
    let (hub, mut recording, mut tracker) = hub(&app).await?;
    let procedures = Arc::new(Procedures::new(Arc::clone(&app), tasks.clone()));
    procedures.register(&hub)?;

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    if let Some(path) = &app.config.test.echo_path {
        tracing::warn!(path, "test.echo_path is set: anybody who connects there is echoed; for tests only");
    }
    let doors = Arc::new(Doors::new(Arc::clone(&app), Arc::clone(&hub), procedures, tasks.clone(), stop.clone()));
    // What must run as long as the server does.
    let mut vital = JoinSet::new();
    for listener in listeners {
        vital.spawn(listener.run(Arc::clone(&doors)));
    }
    let owner = data.owner()?;
    vital.spawn(control::serve(control, owner, Arc::clone(&app), Arc::clone(&hub), tasks.clone(), stop.clone()));
    let (timeouts, until) = (Arc::clone(&hub), stop.clone());
    vital.spawn(async move {
        until.run_until_cancelled(timeouts.run_timeouts()).await;
    });
    let (bonds, works_on, until) = (Arc::clone(&hub), Arc::clone(&app), stop.clone());
    vital.spawn(async move { bonds.run_bonds(&works_on, &until).await });
    vital.spawn(rosters::run(Arc::clone(&app), Arc::clone(&hub), stop.clone()));
    vital.spawn(vacuum::keep(Arc::clone(&app), Arc::clone(&hub), stop.clone()));
    vital.spawn(trail::keep(Arc::clone(&app), stop.clone()));
    vital.spawn(directory::keep(Arc::clone(&app), Arc::clone(&hub), stop.clone()));
    vital.spawn(Alerts::new(Arc::clone(&app), Arc::clone(&hub))?.run(stop.clone()));

    let mut text = String::new();
    for url in &bound {
        let _ = writeln!(text, "listening on {url}");
    }
    if let Some(first) = first {
        text.push_str(&demo::first_start(&first));
    }
    if options.demo {
        text.push_str(&demo::what_to_try(&demo_users, &bound, &app.config.realm));
    }
    say(&text)?;
    release_code();
    let settled = stop.clone();
    tasks.spawn(async move {
        if settled.run_until_cancelled(tokio::time::sleep(START_SETTLES)).await.is_some() {
            release_code();
        }
    });

    let result = tokio::select! {
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
        () = recording.ended() => Err(ServeFailed::PartEnded),
        () = tracker.ended() => Err(ServeFailed::PartEnded),
        // Rather no server than a deaf one: whoever watches over it starts it again.
        _ = vital.join_next() => Err(ServeFailed::PartEnded),
    };
    tracing::info!("stopping");
    // In this order: who is in the realm is told by it, who joins after that sees that the doors are closing.
    stop.cancel();
    hub.shut_down();
    while vital.join_next().await.is_some() {}
    tasks.close();
    if tokio::time::timeout(SHUTDOWN_GRACE, tasks.wait()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
    rosters::finish(&app).await;
    app.afterwards.finish().await;
    app.mailer.finish().await;
    recording.finish().await;
    tracker.finish().await;
    trail::report(app.checkpoint_audit().await);
    result
}

/// Takes the code of the start out of memory: most of it isn't needed again.
fn release_code() {
    if let Err(error) = countersign_memory::release_code() {
        tracing::debug!(%error, "the code of the start stays in memory");
    }
}

async fn bind(
    data: &DataDir,
    config: &Config,
    urls: &[ListenUrl],
) -> Result<(BoundSocket, Vec<Listener>), ServeFailed> {
    let path = data.control_socket();
    let control = BoundSocket::bind(&path, control::MODE)
        .map_err(|source| ServeFailed::Control { path: path.display().to_string(), source })?;
    let mut listeners = Vec::new();
    for url in urls {
        listeners.push(Listener::bind(url, &config.tls, data).await?);
    }
    Ok((control, listeners))
}

/// The realm, with what is stored of its histories, and the tasks that store what happens in it.
async fn hub(app: &Arc<App>) -> Result<(Arc<Hub>, Recording, Tracker), ServeFailed> {
    let settings = realm_settings(&app.config)?;
    let (histories, uri_rules) = (StoredHistory::all(&settings.name, &settings.history), settings.uri_rules);
    let limits = &app.config.limits;
    let limits =
        WaitingLimits { count_max: limits.history_queue_events_max, bytes_max: limits.history_queue_bytes_max };
    let queue = Arc::new(HistoryQueue::new(limits, Arc::clone(&app.metrics)));
    let roles = RoleTable::default();
    app.load_roles(&roles).await?;
    let elevation = Duration::from_secs(app.config.auth.elevation_seconds);
    uris::begin(app).await?;
    app.refresh_documents(None).await?;
    let changes_max = app.config.uris.queue_changes_max;
    let registrations = Arc::new(RegistrationQueue::new(changes_max, Arc::clone(&app.metrics)));
    let beside = Beside {
        history: Arc::clone(&queue),
        registrations: Arc::clone(&registrations),
        documents: Arc::clone(&app.documents),
    };
    let hub = Hub::new(settings, roles, beside, elevation);
    for history in &histories {
        let events = history::load(app.identity.repository(), history, uri_rules).await?;
        hub.restore_history(history.place, events);
    }
    let hub = Arc::new(hub);
    let tracker = Tracker::start(&registrations, app, &hub);
    Ok((hub, Recording::start(&queue, histories, app), tracker))
}

fn listen_urls(given: &[String], config: &Config, data: &DataDir) -> Result<Vec<ListenUrl>, ListenUrlError> {
    let configured = config.listen.as_deref().unwrap_or_default();
    let chosen = if given.is_empty() { configured } else { given };
    if !chosen.is_empty() {
        return chosen.iter().map(|url| url.parse()).collect();
    }
    let mut urls = LISTEN_DEFAULT.iter().map(|url| url.parse()).collect::<Result<Vec<_>, _>>()?;
    urls.push(ListenUrl::Unix(data.wamp_socket()));
    Ok(urls)
}
