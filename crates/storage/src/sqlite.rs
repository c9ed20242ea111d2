//! SQLite: one writer thread that commits in groups, and a few readers beside it.
//!
//! **Invariant:** the write-ahead log is synced at every commit (`synchronous=FULL`), and only
//! then is anybody answered.

mod connection;
mod functions;
mod readers;
mod writer;

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use countersign_identity::repository::RepositoryError;
use futures_util::FutureExt;

use crate::error::{OpenError, TxError};
use crate::migrate::{CHAIN, Migration, Migrations, Schema, look, migrate};
use crate::seal::SharedKeyring;
use crate::stats::{Counts, StoreStats};
use crate::tx::{Access, Execute};
use connection::{Mode, SqliteTx};
use readers::Readers;
use writer::Writer;

const MIGRATIONS: Migrations = Migrations {
    table: include_str!("../migrations/sqlite/applied.sql"),
    is_there: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'",
    steps: &[
        Migration { version: 1, name: "identity", sql: include_str!("../migrations/sqlite/0001_identity.sql") },
        Migration { version: 2, name: "proofs", sql: include_str!("../migrations/sqlite/0002_proofs.sql") },
        Migration { version: 3, name: "history", sql: include_str!("../migrations/sqlite/0003_history.sql") },
        Migration { version: 4, name: "sign_on", sql: include_str!("../migrations/sqlite/0004_sign_on.sql") },
        Migration { version: 5, name: "users", sql: include_str!("../migrations/sqlite/0005_users.sql") },
        Migration { version: 6, name: CHAIN, sql: include_str!("../migrations/sqlite/0006_audit_chain.sql") },
        Migration {
            version: 7,
            name: "password_resets",
            sql: include_str!("../migrations/sqlite/0007_password_resets.sql"),
        },
        Migration { version: 8, name: "attributes", sql: include_str!("../migrations/sqlite/0008_attributes.sql") },
        Migration {
            version: 9,
            name: "second_factor",
            sql: include_str!("../migrations/sqlite/0009_second_factor.sql"),
        },
        Migration {
            version: 10,
            name: "session_changes",
            sql: include_str!("../migrations/sqlite/0010_session_changes.sql"),
        },
        Migration { version: 11, name: "sign_ups", sql: include_str!("../migrations/sqlite/0011_sign_ups.sql") },
        Migration {
            version: 12,
            name: "linked_accounts",
            sql: include_str!("../migrations/sqlite/0012_linked_accounts.sql"),
        },
        Migration {
            version: 13,
            name: "user_spelling",
            sql: include_str!("../migrations/sqlite/0013_user_spelling.sql"),
        },
        Migration { version: 14, name: "metadata", sql: include_str!("../migrations/sqlite/0014_metadata.sql") },
        Migration { version: 15, name: "records", sql: include_str!("../migrations/sqlite/0015_records.sql") },
        Migration { version: 16, name: "rosters", sql: include_str!("../migrations/sqlite/0016_rosters.sql") },
        Migration { version: 17, name: "api_keys", sql: include_str!("../migrations/sqlite/0017_api_keys.sql") },
        Migration {
            version: 18,
            name: "imported_keys",
            sql: include_str!("../migrations/sqlite/0018_imported_keys.sql"),
        },
        Migration { version: 19, name: "uris", sql: include_str!("../migrations/sqlite/0019_uris.sql") },
        Migration { version: 20, name: "text_order", sql: include_str!("../migrations/sqlite/0020_text_order.sql") },
        Migration {
            version: 21,
            name: "key_revisions",
            sql: include_str!("../migrations/sqlite/0021_key_revisions.sql"),
        },
        Migration { version: 22, name: "values", sql: include_str!("../migrations/sqlite/0022_values.sql") },
    ],
};

/// Where the database is and how it works.
#[derive(Debug, Clone)]
pub struct SqliteSettings {
    /// The database file. Its directory must be there.
    pub path: PathBuf,
    /// Most operations that one commit holds, and most that wait for the next one; more wait
    /// at the door.
    pub group_max: usize,
    /// Connections that read, beside the one that writes.
    pub readers: usize,
}

impl SqliteSettings {
    /// The usual settings for a database at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), group_max: 512, readers: 4 }
    }
}

/// An open SQLite database.
#[derive(Debug)]
pub struct Sqlite {
    // Fields are dropped in this order; the writer closes last and so empties the log.
    readers: Readers,
    writer: Writer,
    counts: Counts,
}

impl Sqlite {
    /// Opens the database; makes it and brings it to the newest schema where `schema` says so.
    pub fn open(settings: &SqliteSettings, schema: Schema, keyring: &SharedKeyring) -> Result<Self, OpenError> {
        if settings.group_max == 0 {
            return Err(OpenError::Zero("group_max"));
        }
        if settings.readers == 0 {
            return Err(OpenError::Zero("readers"));
        }
        match schema {
            Schema::Newest => create_private_file(&settings.path)
                .map_err(|source| OpenError::File { path: settings.path.clone(), source })?,
            // Opening an empty file would write into it.
            Schema::AsItIs if settings.path.metadata().map_or(0, |file| file.len()) == 0 => {
                return Err(OpenError::Empty);
            }
            Schema::AsItIs => {}
        }
        let mut connection = connection::open(&settings.path, Mode::Write)?;
        let mut tx = SqliteTx::begin(&mut connection, keyring.get())?;
        let migrated = match schema {
            Schema::Newest => migrate(&mut tx, &MIGRATIONS).now_or_never(),
            Schema::AsItIs => look(&mut tx, &MIGRATIONS).now_or_never(),
        };
        let migrated = migrated.unwrap_or_else(|| Err(pending().into()));
        tx.end(migrated.is_ok())?;
        migrated?;
        let readers = Readers::open(&settings.path, settings.readers, keyring.clone())?;
        let counts = Counts::default();
        let writer = Writer::start(connection, settings.group_max, keyring.clone(), counts.clone())
            .map_err(|source| OpenError::File { path: settings.path.clone(), source })?;
        Ok(Self { readers, writer, counts })
    }

    /// How much was done.
    pub fn stats(&self) -> StoreStats {
        self.counts.read()
    }

    /// Executes one operation.
    pub async fn run<O: Execute>(&self, operation: O) -> Result<O::Outcome, RepositoryError> {
        match O::ACCESS {
            Access::Writes => self.writer.run(operation).await,
            Access::Reads => self.readers.run(operation).await,
            Access::Looks => self.readers.look(&operation).await,
        }
    }
}

/// Executes an operation on a connection whose answers are always ready.
fn execute<O: Execute>(operation: &O, tx: &mut SqliteTx<'_>) -> Result<O::Outcome, TxError> {
    finish(operation.execute(tx))
}

/// Ends what only waits for a connection whose answers are always ready.
fn finish<V>(work: impl Future<Output = Result<V, TxError>>) -> Result<V, TxError> {
    work.now_or_never().unwrap_or_else(|| Err(pending()))
}

fn pending() -> TxError {
    TxError::Database("an operation waited for something else than the database".into())
}

/// Makes the file if it isn't there, readable for its owner only. SQLite gives the log the
/// same mode.
fn create_private_file(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

#[cfg(test)]
mod tests;
