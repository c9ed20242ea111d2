//! The store: one of the two engines behind one interface.

use std::sync::Arc;

use countersign_identity::repository::{Operation, RepositoryError, Run};
use data_encoding::HEXLOWER;

use crate::error::{KeyringError, OpenError, TxError};
use crate::migrate::Schema;
use crate::ops::SealKeys;
use crate::postgres::{Postgres, PostgresSettings};
use crate::seal::{Keyring, SharedKeyring};
use crate::sqlite::{Sqlite, SqliteSettings};
use crate::stats::StoreStats;
use crate::tx::{Execute, Tx};

/// A database that is ready for work: a
/// [`Repository`](countersign_identity::repository::Repository). Clones share it; it is closed
/// with the last of them.
#[derive(Debug, Clone)]
pub struct Store {
    engine: Engine,
    keyring: SharedKeyring,
}

#[derive(Debug, Clone)]
enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Postgres),
}

impl Store {
    /// Opens or makes a SQLite database and brings it to the newest schema. Blocks on the
    /// disk.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; the database is as it was.
    pub fn open_sqlite(settings: &SqliteSettings) -> Result<Self, OpenError> {
        Self::sqlite(settings, Schema::Newest)
    }

    /// Opens a SQLite database for operations that look, and leaves its schema as it is. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`OpenError::Empty`] where there is none, [`OpenError::Older`] where the schema is not the newest, and what else
    /// [`OpenError`] has.
    pub fn look_at_sqlite(settings: &SqliteSettings) -> Result<Self, OpenError> {
        Self::sqlite(settings, Schema::AsItIs)
    }

    /// Connects to a PostgreSQL database and brings it to the newest schema.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; the database is as it was.
    pub async fn connect_postgres(settings: &PostgresSettings) -> Result<Self, OpenError> {
        Self::postgres(settings, Schema::Newest).await
    }

    /// Connects to a PostgreSQL database for operations that look, and leaves its schema as it is.
    ///
    /// # Errors
    ///
    /// As [`Self::look_at_sqlite`].
    pub async fn look_at_postgres(settings: &PostgresSettings) -> Result<Self, OpenError> {
        Self::postgres(settings, Schema::AsItIs).await
    }

    fn sqlite(settings: &SqliteSettings, schema: Schema) -> Result<Self, OpenError> {
        let keyring = SharedKeyring::default();
        Ok(Self { engine: Engine::Sqlite(Arc::new(Sqlite::open(settings, schema, &keyring)?)), keyring })
    }

    async fn postgres(settings: &PostgresSettings, schema: Schema) -> Result<Self, OpenError> {
        let keyring = SharedKeyring::default();
        Ok(Self { engine: Engine::Postgres(Postgres::connect(settings, schema, keyring.clone()).await?), keyring })
    }

    /// Whether something was sealed, so that the keyring has to hold the keys for it.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn has_seal_keys(&self) -> Result<bool, RepositoryError> {
        Ok(!self.run(SealKeys).await?.is_empty())
    }

    /// Hands over the keys for everything that is sealed. Without this, operations that seal or open something fail.
    ///
    /// # Errors
    ///
    /// [`KeyringError`]; a keyring that lacks a key that this database needs is not taken.
    pub async fn unlock(&self, keyring: Keyring) -> Result<(), KeyringError> {
        let (needed, held) = (self.run(SealKeys).await?, keyring.ids());
        if let Some(missing) = needed.iter().find(|id| !held.contains(id)) {
            return Err(KeyringError::Missing(HEXLOWER.encode(missing)));
        }
        self.keyring.set(keyring);
        Ok(())
    }
}

impl Store {
    /// How much was done since it was opened.
    pub fn stats(&self) -> StoreStats {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.stats(),
            Engine::Postgres(postgres) => postgres.stats(),
        }
    }
}

/// Asks whether the database takes operations that write, and writes nothing.
#[derive(Debug)]
pub struct Ping;

impl Operation for Ping {
    type Outcome = ();
}

impl Execute for Ping {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        tx.query("SELECT 1", &[]).await.map(drop)
    }
}

impl<O: Execute> Run<O> for Store {
    async fn run(&self, operation: O) -> Result<O::Outcome, RepositoryError> {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite.run(operation).await,
            Engine::Postgres(postgres) => postgres.run(operation).await,
        }
    }
}
