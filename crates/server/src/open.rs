//! Opening an installation: data directory, keyring, storage, rules, first-start rows.

use std::path::Path;
use std::time::{Duration, Instant};

use countersign_identity::keys::MintedKey;
use countersign_identity::repository::RepositoryError;
use countersign_identity::{Identity, PeerAddress, RequestContext};
use countersign_storage::{Keyring, KeyringError as UnlockError, OpenError, PostgresSettings, SqliteSettings, Store};

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
}

/// An open installation.
#[derive(Debug)]
pub struct Installation {
    /// The rules and what they run on.
    pub app: App,
    /// The one-time password of the first user, if this was the first start.
    pub first: Option<MintedKey>,
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
    let store = match &config.storage.url {
        None => Store::open_sqlite(&SqliteSettings::new(data.database()))?,
        Some(url) => {
            let mut settings = PostgresSettings::new(url.clone());
            if let Some(connections_max) = config.storage.connections_max {
                settings.pool_size = connections_max;
            }
            Store::connect_postgres(&settings).await?
        }
    };
    // Only where nothing can be sealed yet: a key that got lost must not be replaced by another.
    if seal_keys.is_empty() && !store.has_seal_keys().await? {
        seal_keys = keyring::add_seal_key(data, &mut random())?;
    }
    store.unlock(Keyring::new(seal_keys)).await?;
    let identity = Identity::new(store, settings);
    let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", "cli");
    let first = identity.bootstrap(&config.realm.uri_prefix, &context, now(), &mut random()).await?;
    let trail = Trail::new(data.audit_checkpoints());
    Ok(Installation { app: App::new(identity, config, trail, zato_keys)?, first })
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
