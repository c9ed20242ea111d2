//! What can go wrong: when a store is opened, and within a transaction.

use std::path::PathBuf;

use countersign_identity::repository::RepositoryError;

/// Any cause, as the engines report it.
pub(crate) type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a store can't be opened. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The database file can't be made or opened.
    #[error("can't open the database file {}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The database can't be reached or refuses to work.
    #[error("the database can't be reached or refuses to work")]
    Database(#[source] Cause),
    /// The URL is no URL of a PostgreSQL database. The URL itself isn't told: it can hold a
    /// password.
    #[error("the database URL is not of the form postgres://user:password@host:port/database")]
    Url(#[source] Cause),
    /// The URL asks for TLS.
    #[error(
        "the database URL asks for sslmode=require, but connections to PostgreSQL are made without TLS; \
         use a Unix socket, the loopback address or a tunnel, and sslmode=disable"
    )]
    TlsUnsupported,
    /// A setting is out of range.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// The database was made by a program that has other migrations.
    #[error(
        "migration {version} ({name}) was applied to this database with other content; \
         the database belongs to another build of this program and is left untouched"
    )]
    MigrationChanged {
        /// Which migration.
        version: i64,
        /// Its name in the database.
        name: String,
    },
    /// The database was made by a newer program.
    #[error(
        "the database has schema version {found}, this program knows versions up to {known}; \
         start the newer program, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The version in the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// There is no database, or nothing in it, and none was to be made.
    #[error("there is no database")]
    Empty,
    /// The database was made by an older program, and was not to be changed.
    #[error(
        "the database has schema version {found}, which this program would bring to {known}; it was not to be changed, \
         so start the server on it first"
    )]
    Older {
        /// The version in the database.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
}

/// Why a keyring can't be used for a database. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// Secrets in the database are sealed under a key that isn't there.
    #[error(
        "the database has secrets that are sealed under the key {0}, which the keyring does not hold; \
         restore the keyring that belongs to this database"
    )]
    Missing(String),
    /// The database can't be reached or refuses to work.
    #[error("the database can't be asked which keys it needs")]
    Database(#[from] RepositoryError),
}

/// Why a transaction did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum TxError {
    /// The engine failed; trying again at once wouldn't help.
    #[error("the database failed")]
    Database(#[source] Cause),
    /// Nothing was done, for two transactions stood in each other's way or the connection was
    /// lost before the commit; the same operation can be executed again.
    #[error("the transaction was interrupted")]
    Interrupted(#[source] Cause),
    /// A row holds what the rules can't have written.
    #[error("corrupt record: {0}")]
    Corrupt(String),
}

impl From<TxError> for RepositoryError {
    fn from(error: TxError) -> Self {
        match error {
            TxError::Database(cause) | TxError::Interrupted(cause) => Self::Unavailable(cause),
            TxError::Corrupt(what) => Self::Corrupt(what),
        }
    }
}

impl From<TxError> for OpenError {
    fn from(error: TxError) -> Self {
        match error {
            TxError::Database(cause) | TxError::Interrupted(cause) => Self::Database(cause),
            corrupt @ TxError::Corrupt(_) => Self::Database(Box::new(corrupt)),
        }
    }
}
