//! Opening an installation: data directory, keyring, storage, rules, first-start rows. Or only looking at one.

use std::path::Path;
use std::time::{Duration, Instant};

use countersign_identity::keys::MintedKey;
use countersign_identity::repository::RepositoryError;
use countersign_identity::roster::NodeId;
use countersign_identity::{Identity, PeerAddress, Pepper, RequestContext};
use countersign_storage::{Keyring, KeyringError as UnlockError, OpenError, PostgresSettings, SqliteSettings, Store};
use rand_core::Rng as _;
use tempfile::TempDir;
use uuid::Uuid;

use crate::app::App;
use crate::cid;
use crate::clock::{now, random};
use crate::config::{Config, ConfigError};
use crate::data_dir::{DataDir, DataLock};
use crate::keyring::{self, KeyringError, Keys};
use crate::trail::Trail;

/// The configuration file that is read from the data directory if none is named.
const CONFIG_IN_DATA: &str = "countersign.toml";
/// How long the lock is waited for: as long as another command may take.
const LOCK_WAIT: Duration = Duration::from_secs(5);
/// Pause between two tries for the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// Why an installation can't be opened. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum OpenFailed {
    /// The data directory can't be used.
    #[error("can't use the data directory {path}")]
    Data {
        /// The directory.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// Another process has it.
    #[error("another countersign process uses the data directory {0}; stop it, or name another with --data")]
    InUse(String),
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// There is no keyring.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The database can't be opened.
    #[error(transparent)]
    Storage(#[from] OpenError),
    /// The keyring doesn't belong to the database.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
    /// The database can't be written.
    #[error("can't prepare the database")]
    Bootstrap(#[from] RepositoryError),
    /// There is no room for an installation to compare with.
    #[error("can't make a temporary directory")]
    Temporary(#[source] std::io::Error),
}

/// An open installation.
#[derive(Debug)]
pub struct Installation {
    /// The rules and what they run on.
    pub app: App,
    /// The one-time password of the first user, if this was the first start.
    pub first: Option<MintedKey>,
}

/// An installation for rules that look. Where there is none, it is a new one in a temporary directory.
#[derive(Debug)]
pub struct Looked {
    // Fields are dropped in this order: the directory goes once its database is closed.
    /// The rules. What they make with keys is good for nothing, for the keys are made up.
    pub identity: Identity<Store>,
    _lock: Option<DataLock>,
    _temporary: Option<TempDir>,
}

/// Reads the configuration: the file named, else the one in the data directory, else defaults.
///
/// # Errors
///
/// [`ConfigError`].
pub fn load_config(named: Option<&Path>, data: &Path) -> Result<Config, ConfigError> {
    let in_data = data.join(CONFIG_IN_DATA);
    let path = named.or_else(|| in_data.is_file().then_some(in_data.as_path()));
    Config::load(path)
}

/// Opens the data directory `path`, making it where there is none.
///
/// # Errors
///
/// [`OpenFailed::Data`].
pub fn open_data(path: &Path) -> Result<DataDir, OpenFailed> {
    DataDir::open(path).map_err(|source| OpenFailed::Data { path: path.display().to_string(), source })
}

/// Opens an installation for the process that holds the lock.
///
/// # Errors
///
/// [`OpenFailed`], which says what to do.
pub async fn open(data: &DataDir, config: Config, _: &DataLock) -> Result<Installation, OpenFailed> {
    let Keys { pepper, mut seal_keys, zato_keys } = keyring::load_or_create(data, &mut random())?;
    let node = data
        .node_id(&mut random())
        .map_err(|source| OpenFailed::Data { path: data.path().display().to_string(), source })?;
    let settings = config.identity(pepper, node)?;
    let store = match postgres(&config) {
        None => Store::open_sqlite(&SqliteSettings::new(data.database()))?,
        Some(settings) => Store::connect_postgres(&settings).await?,
    };
    // Only where nothing can be sealed yet: a key that got lost must not be replaced by another.
    if seal_keys.is_empty() && !store.has_seal_keys().await? {
        seal_keys = keyring::add_seal_key(data, &mut random())?;
    }
    store.unlock(Keyring::new(seal_keys)).await?;
    let identity = Identity::new(store, settings);
    let first = bootstrap(&identity, &config).await?;
    let trail = Trail::new(data.audit_checkpoints());
    Ok(Installation { app: App::new(identity, config, trail, zato_keys)?, first })
}

/// Opens an installation for rules that look: nothing is made or changed in the data directory `path`, or in the database.
///
/// # Errors
///
/// [`OpenFailed`], which says what to do.
pub async fn look(path: &Path, config: &Config) -> Result<Looked, OpenFailed> {
    let data = DataDir::named(path);
    let held = if data.has_lock() { Some(lock(&data).await?) } else { None };
    let mut pepper = [0; Pepper::BYTES];
    random().fill_bytes(&mut pepper);
    let settings = config.identity(Pepper::new(pepper), NodeId(Uuid::nil()))?;
    let found = match postgres(config) {
        None => Store::look_at_sqlite(&SqliteSettings::new(data.database())),
        Some(settings) => Store::look_at_postgres(&settings).await,
    };
    match found {
        Ok(store) => Ok(Looked { identity: Identity::new(store, settings), _lock: held, _temporary: None }),
        Err(OpenError::Empty) => {
            let temporary = tempfile::tempdir().map_err(OpenFailed::Temporary)?;
            let database = DataDir::named(temporary.path()).database();
            let identity = Identity::new(Store::open_sqlite(&SqliteSettings::new(database))?, settings);
            bootstrap(&identity, config).await?;
            Ok(Looked { identity, _lock: held, _temporary: Some(temporary) })
        }
        Err(error) => Err(error.into()),
    }
}

/// Where PostgreSQL is, if that is the database.
fn postgres(config: &Config) -> Option<PostgresSettings> {
    let mut settings = PostgresSettings::new(config.storage.url.clone()?);
    if let Some(connections_max) = config.storage.connections_max {
        settings.pool_size = connections_max;
    }
    Some(settings)
}

/// The rows of the first start; `None` where they are there already.
async fn bootstrap(identity: &Identity<Store>, config: &Config) -> Result<Option<MintedKey>, RepositoryError> {
    let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", "cli");
    identity.bootstrap(&config.realm.uri_prefix, &context, now(), &mut random()).await
}

/// Waits a while for the lock of a data directory.
///
/// # Errors
///
/// [`OpenFailed::InUse`] while another process holds it, and [`OpenFailed::Data`].
pub async fn lock(data: &DataDir) -> Result<DataLock, OpenFailed> {
    let name = || data.path().display().to_string();
    let give_up = Instant::now() + LOCK_WAIT;
    loop {
        match data.try_lock() {
            Ok(Some(lock)) => return Ok(lock),
            Ok(None) if Instant::now() >= give_up => return Err(OpenFailed::InUse(name())),
            Ok(None) => tokio::time::sleep(LOCK_PAUSE).await,
            Err(source) => return Err(OpenFailed::Data { path: name(), source }),
        }
    }
}
