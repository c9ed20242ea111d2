//! The store: one of the two engines behind one interface.

use std::sync::Arc;

use countersign_identity::repository::{RepositoryError, Run};

use crate::error::OpenError;
use crate::postgres::{Postgres, PostgresSettings};
use crate::sqlite::{Sqlite, SqliteSettings};
use crate::tx::Execute;

/// A database that is ready for work: a
/// [`Repository`](countersign_identity::repository::Repository). Clones share it; it is closed
/// with the last of them.
#[derive(Debug, Clone)]
pub struct Store(Engine);

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
        Ok(Self(Engine::Sqlite(Arc::new(Sqlite::open(settings)?))))
    }

    /// Connects to a PostgreSQL database and brings it to the newest schema.
    ///
    /// # Errors
    ///
    /// [`OpenError`]; the database is as it was.
    pub async fn connect_postgres(settings: &PostgresSettings) -> Result<Self, OpenError> {
        Ok(Self(Engine::Postgres(Postgres::connect(settings).await?)))
    }
}

impl<O: Execute> Run<O> for Store {
    async fn run(&self, operation: O) -> Result<O::Outcome, RepositoryError> {
        match &self.0 {
            Engine::Sqlite(sqlite) => sqlite.run(operation).await,
            Engine::Postgres(postgres) => postgres.run(operation).await,
        }
    }
}
