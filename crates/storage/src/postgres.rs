//! PostgreSQL: a pool of connections, READ COMMITTED, one transaction for each operation.
//!
//! Connections are made without TLS; a URL with `sslmode=require` is refused.
//! An operation whose caller goes away before the answer is rolled back, or committed if the
//! commit was on its way.

mod statements;
mod transaction;

use std::time::Duration;

use countersign_identity::repository::RepositoryError;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, StatementCache,
};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use crate::error::{OpenError, TxError};
use crate::migrate::{CHAIN, Migration, Migrations, Schema, look, migrate};
use crate::seal::SharedKeyring;
use crate::stats::{Counts, StoreStats};
use crate::tx::{Access, Execute, Tx};
use statements::PostgresTx;
use transaction::Transaction;

const MIGRATIONS: Migrations = Migrations {
    table: include_str!("../migrations/postgres/applied.sql"),
    is_there: "SELECT 1 WHERE to_regclass('schema_migrations') IS NOT NULL",
    steps: &[
        Migration { version: 1, name: "identity", sql: include_str!("../migrations/postgres/0001_identity.sql") },
        Migration { version: 2, name: "proofs", sql: include_str!("../migrations/postgres/0002_proofs.sql") },
        Migration { version: 3, name: "history", sql: include_str!("../migrations/postgres/0003_history.sql") },
        Migration { version: 4, name: "sign_on", sql: include_str!("../migrations/postgres/0004_sign_on.sql") },
        Migration { version: 5, name: "users", sql: include_str!("../migrations/postgres/0005_users.sql") },
        Migration { version: 6, name: CHAIN, sql: include_str!("../migrations/postgres/0006_audit_chain.sql") },
        Migration {
            version: 7,
            name: "password_resets",
            sql: include_str!("../migrations/postgres/0007_password_resets.sql"),
        },
        Migration { version: 8, name: "attributes", sql: include_str!("../migrations/postgres/0008_attributes.sql") },
        Migration {
            version: 9,
            name: "second_factor",
            sql: include_str!("../migrations/postgres/0009_second_factor.sql"),
        },
        Migration {
            version: 10,
            name: "session_changes",
            sql: include_str!("../migrations/postgres/0010_session_changes.sql"),
        },
        Migration { version: 11, name: "sign_ups", sql: include_str!("../migrations/postgres/0011_sign_ups.sql") },
        Migration {
            version: 12,
            name: "linked_accounts",
            sql: include_str!("../migrations/postgres/0012_linked_accounts.sql"),
        },
        Migration {
            version: 13,
            name: "user_spelling",
            sql: include_str!("../migrations/postgres/0013_user_spelling.sql"),
        },
        Migration { version: 14, name: "metadata", sql: include_str!("../migrations/postgres/0014_metadata.sql") },
        Migration { version: 15, name: "records", sql: include_str!("../migrations/postgres/0015_records.sql") },
        Migration { version: 16, name: "rosters", sql: include_str!("../migrations/postgres/0016_rosters.sql") },
        Migration { version: 17, name: "api_keys", sql: include_str!("../migrations/postgres/0017_api_keys.sql") },
        Migration {
            version: 18,
            name: "imported_keys",
            sql: include_str!("../migrations/postgres/0018_imported_keys.sql"),
        },
        Migration { version: 19, name: "uris", sql: include_str!("../migrations/postgres/0019_uris.sql") },
        Migration { version: 20, name: "text_order", sql: include_str!("../migrations/postgres/0020_text_order.sql") },
        Migration {
            version: 21,
            name: "key_revisions",
            sql: include_str!("../migrations/postgres/0021_key_revisions.sql"),
        },
        Migration { version: 22, name: "values", sql: include_str!("../migrations/postgres/0022_values.sql") },
    ],
};

/// How long to wait for a connection, a new one or one of the pool.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often an operation is executed again that was interrupted.
const RETRIES_MAX: u32 = 8;
/// How long the first repetition waits; each further one waits twice as long.
const RETRY_DELAY: Duration = Duration::from_millis(2);

/// A statement that hangs, or a connection that died within a transaction, must not hold locks
/// for long. Commits are flushed even where the server's default is otherwise: a used password
/// must not become unused by a power cut.
const SET_UP: &str = "\
    SET statement_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '10s'; \
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'";

/// Keeps several nodes from migrating at once. Released with the transaction.
const MIGRATION_LOCK: &str = "\
    SET LOCAL statement_timeout = 0; \
    SELECT pg_advisory_xact_lock(7164780323149410148)";

/// Which database, and how many connections to it.
#[derive(Clone)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database`.
    pub url: String,
    /// Most connections at a time.
    pub pool_size: usize,
}

impl PostgresSettings {
    /// The usual settings for a database.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), pool_size: 16 }
    }
}

impl std::fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresSettings").field("pool_size", &self.pool_size).finish_non_exhaustive()
    }
}

/// A connected PostgreSQL database.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: Pool,
    keyring: SharedKeyring,
    counts: Counts,
}

impl Postgres {
    /// Connects; brings the database to the newest schema where `schema` says so.
    pub async fn connect(
        settings: &PostgresSettings,
        schema: Schema,
        keyring: SharedKeyring,
    ) -> Result<Self, OpenError> {
        let postgres = Self { pool: pool(settings)?, keyring, counts: Counts::default() };
        let mut client = postgres.client().await?;
        let transaction = client.transaction().await.map_err(failed)?;
        let mut tx = postgres.statements(transaction.client(), &transaction.statement_cache);
        match schema {
            Schema::Newest => {
                tx.script(MIGRATION_LOCK).await?;
                migrate(&mut tx, &MIGRATIONS).await?;
            }
            Schema::AsItIs => look(&mut tx, &MIGRATIONS).await?,
        }
        transaction.commit().await.map_err(commit_failed)?;
        drop(client);
        Ok(postgres)
    }

    /// Executes one operation, again if it was interrupted.
    pub async fn run<O: Execute>(&self, operation: O) -> Result<O::Outcome, RepositoryError> {
        let mut delay = RETRY_DELAY;
        for _ in 0..RETRIES_MAX {
            match self.attempt(&operation).await {
                Err(TxError::Interrupted(cause)) => tracing::debug!(%cause, "an operation is executed again"),
                ended => return self.answer(ended),
            }
            tokio::time::sleep(delay).await;
            delay *= 2;
        }
        let ended = self.attempt(&operation).await;
        self.answer(ended)
    }

    /// How much was done.
    pub fn stats(&self) -> StoreStats {
        self.counts.read()
    }

    fn answer<T>(&self, ended: Result<T, TxError>) -> Result<T, RepositoryError> {
        ended.inspect_err(|_| self.counts.failed()).map_err(RepositoryError::from)
    }

    async fn attempt<O: Execute>(&self, operation: &O) -> Result<O::Outcome, TxError> {
        let client = self.client().await?;
        if O::ACCESS != Access::Writes {
            let mut reading = self.statements(&client, &client.statement_cache);
            return operation.execute(&mut reading).await;
        }
        let transaction = Transaction::begin(client).await?;
        let (client, statements) = transaction.parts()?;
        let mut tx = self.statements(client, statements);
        let executed = operation.execute(&mut tx).await;
        let appended = tx.take_appended();
        let outcome = match executed {
            Ok(outcome) => outcome,
            Err(error) => {
                transaction.roll_back().await;
                return Err(error);
            }
        };
        transaction.commit(&appended).await?;
        self.counts.committed(1, appended.len());
        Ok(outcome)
    }

    fn statements<'c>(&'c self, client: &'c Client, statements: &'c StatementCache) -> PostgresTx<'c> {
        PostgresTx::new(client, statements, self.keyring.get())
    }

    async fn client(&self) -> Result<Object, TxError> {
        self.pool.get().await.map_err(|error| TxError::Database(Box::new(error)))
    }
}

fn pool(settings: &PostgresSettings) -> Result<Pool, OpenError> {
    if settings.pool_size == 0 {
        return Err(OpenError::Zero("pool_size"));
    }
    let mut config: Config = settings.url.parse().map_err(|error| OpenError::Url(Box::new(error)))?;
    if config.get_ssl_mode() == SslMode::Require {
        return Err(OpenError::TlsUnsupported);
    }
    config.connect_timeout(CONNECT_TIMEOUT);
    if config.get_application_name().is_none() {
        config.application_name("countersign");
    }
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    Pool::builder(Manager::from_config(config, NoTls, recycling))
        .max_size(settings.pool_size)
        .wait_timeout(Some(CONNECT_TIMEOUT))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .runtime(Runtime::Tokio1)
        .post_create(Hook::async_fn(|client, _| {
            Box::pin(async move { client.batch_execute(SET_UP).await.map_err(HookError::Backend) })
        }))
        .build()
        .map_err(|error| OpenError::Database(Box::new(error)))
}

/// Sorts the failures of everything but the commit: where the connection is lost, nothing was
/// done.
fn failed(error: tokio_postgres::Error) -> TxError {
    let lost = error.is_closed()
        || [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN].iter().any(|state| error.code() == Some(state));
    if lost { TxError::Interrupted(Box::new(error)) } else { commit_failed(error) }
}

/// Sorts the failures of the commit, which may have gone through if the connection is lost.
fn commit_failed(error: tokio_postgres::Error) -> TxError {
    // A unique value that somebody else took meanwhile is there when the operation is executed again.
    let conflict = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION];
    if conflict.iter().any(|state| error.code() == Some(state)) {
        TxError::Interrupted(Box::new(error))
    } else {
        TxError::Database(Box::new(error))
    }
}

#[cfg(test)]
mod tests;
