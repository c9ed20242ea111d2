//! A database for one test.

use std::env;
use std::sync::Arc;

use countersign_identity::repository::Operation;
use tempfile::TempDir;
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::error::TxError;
use crate::tx::{Execute, Tx};
use crate::{OpenError, PostgresSettings, SqliteSettings, Store};

/// URL of a PostgreSQL server on which the tests may create databases.
const SERVER_VARIABLE: &str = "COUNTERSIGN_TEST_POSTGRES";

/// Which engine.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Sqlite,
    Postgres,
}

/// A database that is removed after its test.
pub enum TestDatabase {
    Sqlite(TempDir),
    Postgres { server: String, name: String },
}

impl TestDatabase {
    async fn create(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::Sqlite(TempDir::new().unwrap()),
            Kind::Postgres => {
                let server = env::var(SERVER_VARIABLE).unwrap_or_else(|_| {
                    panic!(
                        "{SERVER_VARIABLE} must hold the URL of a PostgreSQL server on which databases may be \
                         created; run `cargo xtask test`, which starts one"
                    )
                });
                let name = format!("countersign_test_{}", Uuid::new_v4().simple());
                on_server(&server, &format!("CREATE DATABASE {name}")).await;
                Self::Postgres { server, name }
            }
        }
    }

    /// Opens the database, also a second time.
    pub async fn open(&self) -> Result<Store, OpenError> {
        match self {
            Self::Sqlite(_) => Store::open_sqlite(&self.sqlite_settings()),
            Self::Postgres { .. } => Store::connect_postgres(&PostgresSettings::new(self.postgres_url())).await,
        }
    }

    /// Opens the database as it is.
    pub async fn look(&self) -> Result<Store, OpenError> {
        match self {
            Self::Sqlite(_) => Store::look_at_sqlite(&self.sqlite_settings()),
            Self::Postgres { .. } => Store::look_at_postgres(&PostgresSettings::new(self.postgres_url())).await,
        }
    }

    /// For tests of SQLite alone.
    pub fn sqlite_settings(&self) -> SqliteSettings {
        match self {
            Self::Sqlite(directory) => SqliteSettings::new(directory.path().join("test.db")),
            Self::Postgres { .. } => panic!("not a SQLite database"),
        }
    }

    /// For tests of PostgreSQL alone.
    pub fn postgres_url(&self) -> String {
        match self {
            Self::Postgres { server, name } => with_database_name(server, name),
            Self::Sqlite(_) => panic!("not a PostgreSQL database"),
        }
    }

    /// Removes the database from its server, whoever is connected.
    pub async fn remove(&self) {
        if let Self::Postgres { server, name } = self {
            on_server(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

/// Runs `test` on an empty database, and removes it even if the test fails.
pub async fn with_database<F, Fut>(kind: Kind, test: F)
where
    F: FnOnce(Arc<TestDatabase>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let database = Arc::new(TestDatabase::create(kind).await);
    let ended = tokio::spawn(test(Arc::clone(&database))).await;
    database.remove().await;
    if let Err(failed) = ended {
        std::panic::resume_unwind(failed.into_panic());
    }
}

/// The URL of another database on the same server.
fn with_database_name(server: &str, name: &str) -> String {
    let (address, query) = server.split_once('?').unwrap_or((server, ""));
    let (scheme, rest) = address.split_once("://").expect("a URL");
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}/{name}?{query}")
}

async fn on_server(server: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(server, NoTls).await.expect("the server of the tests answers");
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.expect("the tests may create and drop databases");
    drop(client);
    connection.await.unwrap().unwrap();
}

/// Statements that no rule would make, as one operation; answers how many rows the last gave.
#[derive(Debug)]
pub struct Sql(pub &'static [&'static str]);

impl Operation for Sql {
    type Outcome = usize;
}

impl Execute for Sql {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<usize, TxError> {
        let mut rows = 0;
        for sql in self.0 {
            rows = tx.query(sql, &[]).await?.len();
        }
        Ok(rows)
    }
}
