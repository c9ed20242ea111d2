//! A PostgreSQL database of its own for one test.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio_postgres::NoTls;

/// Names the server to create databases on, as `postgres://user@host:port/database`.
pub const POSTGRES_URL_VARIABLE: &str = "COUNTERSIGN_TEST_POSTGRES";

/// Makes the names of one process's databases differ.
static CREATED: AtomicU32 = AtomicU32::new(0);

/// An empty database; dropped with the value, whoever is still connected to it.
#[derive(Debug)]
pub struct PostgresDatabase {
    server_url: String,
    name: String,
}

impl PostgresDatabase {
    /// Creates an empty database on the server that [`POSTGRES_URL_VARIABLE`] names.
    ///
    /// # Panics
    ///
    /// When the variable isn't set, or the server refuses.
    pub async fn create() -> Self {
        let Ok(server_url) = std::env::var(POSTGRES_URL_VARIABLE) else {
            panic!(
                "{POSTGRES_URL_VARIABLE} isn't set, so there is no PostgreSQL to test on: run `cargo xtask test`, \
                 which starts one, or name a server of your own"
            );
        };
        let started = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let count = CREATED.fetch_add(1, Ordering::Relaxed);
        let name = format!("countersign_test_{started:x}_{}_{count}", std::process::id());
        let database = Self { server_url, name };
        if let Err(error) = execute(&database.server_url, &format!("CREATE DATABASE {}", database.name)).await {
            panic!("can't create a database at {}: {error}", database.server_url);
        }
        database
    }

    /// Executes statements.
    ///
    /// # Panics
    ///
    /// When one is refused.
    pub async fn execute(&self, statements: &str) {
        if let Err(error) = execute(&self.url(), statements).await {
            panic!("the statements are refused: {error}");
        }
    }

    /// Address of this database, for the server's configuration.
    pub fn url(&self) -> String {
        with_database(&self.server_url, &self.name)
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        let server_url = self.server_url.clone();
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        // Dropping happens inside the test's runtime, which can't be blocked on: a thread with a runtime of its own.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(execute(&server_url, &statement)).map_err(std::io::Error::other)
        });
        match dropping.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => eprintln!("database {} is left behind: {error}", self.name),
            Err(_) => eprintln!("database {} is left behind", self.name),
        }
    }
}

async fn execute(server_url: &str, statement: &str) -> Result<(), tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(server_url, NoTls).await?;
    let driver = tokio::spawn(connection);
    let outcome = client.batch_execute(statement).await;
    drop(client);
    // The connection ends with its client; how it ended says nothing about the statement.
    let _ = driver.await;
    outcome
}

/// `url` with its database replaced by `name`; parameters after `?` stay.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').map_or((url, None), |(address, rest)| (address, Some(rest)));
    let authority_start = address.find("://").map_or(0, |at| at + 3);
    let authority_end =
        address.get(authority_start..).and_then(|rest| rest.find('/')).map_or(address.len(), |at| authority_start + at);
    let server = address.get(..authority_end).unwrap_or(address);
    parameters.map_or_else(|| format!("{server}/{name}"), |rest| format!("{server}/{name}?{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_lives_as_long_as_its_value() {
        let (first, second) = (PostgresDatabase::create().await, PostgresDatabase::create().await);
        let url = first.url();
        assert_ne!(url, second.url());
        assert!(execute(&url, "CREATE TABLE t (n int)").await.is_ok());
        drop(first);
        assert!(execute(&url, "SELECT 1").await.is_err());
        assert!(execute(&second.url(), "CREATE TABLE t (n int)").await.is_ok());
    }

    #[test]
    fn replaces_only_the_database_of_an_address() {
        let check = |url: &str, want: &str| assert_eq!(with_database(url, "fresh"), want, "{url}");
        check("postgres://postgres@127.0.0.1:5432/postgres", "postgres://postgres@127.0.0.1:5432/fresh");
        check("postgres://postgres@127.0.0.1:5432", "postgres://postgres@127.0.0.1:5432/fresh");
        check("postgres://a:b@h/old?sslmode=disable", "postgres://a:b@h/fresh?sslmode=disable");
    }
}
