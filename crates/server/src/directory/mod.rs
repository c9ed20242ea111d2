//! The directory (LDAP) in which users are kept that log in with its passwords: who is there, and who is who.
//!
//! Source: contract of the bus, sections 1.1 (`ad.*`), 2.1 (step 8) and 6.4; RFC 4511, 4513 and 2696.
//!
//! Absent on purpose: changes of the directory, and SASL.

mod entry;
mod names;
mod pool;
mod search;
mod shared;
mod sync;
mod tls;

use std::fmt;
use std::io::BufRead as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use countersign_identity::Secret;
use zeroize::Zeroizing;

pub use self::entry::Entry;
use self::names::filter_of;
pub use self::names::{LoginTemplate, is_filter};
use self::pool::Pool;
use self::search::{Login, Query, bind, search};
use self::shared::Shared;
pub use self::sync::{SyncFailed, SyncReport, keep};
use crate::config::{ConfigError, LdapConfig};
use crate::metrics::{Metrics, ServerLimit};

/// Why the directory gives no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// Every server is down, or too slow.
    #[error("no server of the directory answers")]
    Down,
    /// Too many wait for the directory.
    #[error("too many wait for the directory")]
    QueueFull,
    /// The wait for the directory took too long.
    #[error("the wait for the directory took too long")]
    TooLongQueued,
    /// There is more than a search may bring.
    #[error("the directory has more than {} allows", .0.name())]
    TooMuch(ServerLimit),
    /// The operator's to mend.
    #[error("the directory refuses the login that is set in ldap.db_login: {0}")]
    ServiceLogin(String),
    /// Most likely the operator's to mend.
    #[error("the directory refuses: {0}")]
    Refused(String),
    /// The operator's to mend.
    #[error("{0}")]
    Settings(String),
}

impl DirectoryError {
    /// The limit that was passed, if that was it.
    pub fn limit(&self) -> Option<ServerLimit> {
        match self {
            Self::QueueFull => Some(ServerLimit::DirectoryQueue),
            Self::TooLongQueued => Some(ServerLimit::DirectoryQueueSeconds),
            Self::TooMuch(limit) => Some(*limit),
            Self::Down | Self::ServiceLogin(_) | Self::Refused(_) | Self::Settings(_) => None,
        }
    }
}

/// The directory.
pub struct Directory {
    config: LdapConfig,
    template: Option<LoginTemplate>,
    /// Made at its first use: most commands need no directory.
    ready: OnceLock<Ready>,
    users: Shared<Vec<Entry>, DirectoryError>,
    groups: Shared<Vec<Entry>, DirectoryError>,
    /// Users being brought over.
    syncing: Shared<SyncReport, SyncFailed>,
    metrics: Arc<Metrics>,
}

/// What is read from files.
struct Ready {
    pool: Pool,
    /// As whom searches are made.
    service: Option<Login>,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Directory {
    /// As configured. Nothing is read or connected yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a template that can't be used.
    pub fn new(config: LdapConfig, metrics: Arc<Metrics>) -> Result<Self, ConfigError> {
        let template = config.template()?;
        let lifetime = Duration::from_secs(config.listing_seconds_max);
        let (users, groups) = (Shared::new(lifetime), Shared::new(lifetime));
        // Whoever asks while it goes on joins in, and nobody else.
        let syncing = Shared::new(Duration::ZERO);
        Ok(Self { template, ready: OnceLock::new(), users, groups, syncing, metrics, config })
    }

    /// Reads what has to be read from files.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Settings`].
    pub fn prepare(&self) -> Result<(), DirectoryError> {
        self.ready().map(|_| ())
    }

    fn ready(&self) -> Result<&Ready, DirectoryError> {
        if let Some(ready) = self.ready.get() {
            return Ok(ready);
        }
        let service = match &self.config.db_login {
            None => None,
            Some(name) => Some((name.clone(), self.service_password()?)),
        };
        let ready = Ready { pool: Pool::new(&self.config)?, service };
        Ok(self.ready.get_or_init(|| ready))
    }

    fn service_password(&self) -> Result<Secret, DirectoryError> {
        match (&self.config.db_password, &self.config.db_password_file) {
            (Some(password), _) => Ok(password.clone()),
            (None, Some(path)) => password_in(path),
            (None, None) => Err(DirectoryError::Settings("ldap.db_login has no password".into())),
        }
    }

    /// Whether the directory lets this user in with this password.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`]: nobody knows.
    pub async fn lets_in(&self, login: &str, password: &Secret) -> Result<bool, DirectoryError> {
        // See `bind`: what can't be a password costs the directory nothing.
        if password.is_blank() || password.expose().contains('\0') {
            return Ok(false);
        }
        let name = match &self.template {
            Some(template) => template.name_of(login),
            None => self.find_name(login).await?,
        };
        let Some(name) = name else { return Ok(false) };
        let who = (name, password.clone());
        let answer_max = Duration::from_secs(self.config.answer_seconds_max);
        let found = self.ready()?.pool.run(answer_max, |ldap| bind(&who, ldap)).await;
        self.counted(found)
    }

    /// The name of the one entry that has this login.
    async fn find_name(&self, login: &str) -> Result<Option<String>, DirectoryError> {
        let LdapConfig { user_filter, login_attribute, .. } = &self.config;
        let query = Query {
            filter: filter_of(user_filter, login_attribute, login),
            // No attributes at all (RFC 4511, section 4.5.1.8).
            attributes: vec!["1.1".into()],
            ..self.query(self.config.user_base(), "")?
        };
        let found = self.search(query, self.config.answer_seconds_max).await?;
        let mut names = found.into_iter().map(|entry| entry.dn);
        match (names.next(), names.next()) {
            (Some(name), None) => Ok(Some(name).filter(|name| !name.is_empty())),
            (Some(_), Some(_)) => {
                tracing::warn!(login, "the directory has several users with one login; none of them can log in");
                Ok(None)
            }
            (None, _) => Ok(None),
        }
    }

    /// The entries of users, for listings. Not older than the setting says.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`].
    pub async fn users(&self) -> Result<Arc<Vec<Entry>>, DirectoryError> {
        self.users.get(self.list(self.config.user_base(), &self.config.user_filter)).await
    }

    /// The entries of groups, as [`Self::users`].
    ///
    /// # Errors
    ///
    /// [`DirectoryError`].
    pub async fn groups(&self) -> Result<Arc<Vec<Entry>>, DirectoryError> {
        self.groups.get(self.list(self.config.group_base(), &self.config.group_filter)).await
    }

    async fn list(&self, base: &str, filter: &str) -> Result<Vec<Entry>, DirectoryError> {
        let bytes_max = (self.config.listing_bytes_max, ServerLimit::DirectoryListingBytes);
        let query = Query { bytes_max, ..self.query(base, filter)? };
        self.search(query, self.config.search_seconds_max).await
    }

    /// A query by the service's login, for the attributes of listings.
    fn query(&self, base: &str, filter: &str) -> Result<Query, DirectoryError> {
        Ok(Query {
            by: self.ready()?.service.clone(),
            base: base.to_owned(),
            filter: filter.to_owned(),
            attributes: self.config.listing_attributes.clone(),
            page_entries: i32::try_from(self.config.page_entries).unwrap_or(i32::MAX),
            entries_max: self.config.entries_max,
            bytes_max: (self.config.search_bytes_max, ServerLimit::DirectorySearchBytes),
        })
    }

    async fn search(&self, query: Query, seconds_max: u64) -> Result<Vec<Entry>, DirectoryError> {
        let query = Arc::new(query);
        let found = self.ready()?.pool.run(Duration::from_secs(seconds_max), |ldap| search(&query, ldap)).await;
        self.counted(found)
    }

    fn counted<T>(&self, found: Result<T, DirectoryError>) -> Result<T, DirectoryError> {
        if let Err(error) = &found {
            error.limit().inspect(|limit| self.metrics.limit_reached(*limit));
            tracing::warn!(%error, "the directory gives no answer");
        }
        found
    }
}

/// The first line of a file.
fn password_in(path: &Path) -> Result<Secret, DirectoryError> {
    let bad =
        |problem: String| DirectoryError::Settings(format!("ldap.db_password_file {}: {problem}", path.display()));
    let mut line = Zeroizing::new(String::new());
    let read = std::fs::File::open(path).and_then(|file| std::io::BufReader::new(file).read_line(&mut line));
    read.map_err(|error| bad(error.to_string()))?;
    let password = Secret::new(line.trim_end_matches(['\r', '\n']));
    if password.is_blank() { Err(bad("is empty".into())) } else { Ok(password) }
}
