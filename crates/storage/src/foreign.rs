//! Reading the database of another program, for migrations: SQLite and PostgreSQL, all values as text.
//!
//! **Invariant:** nothing is written; SQLite is opened read-only, PostgreSQL in read-only transactions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

use crate::error::{Cause, OpenError};

/// How long another process that writes is waited for.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// What a URL of SQLite begins with.
const SQLITE_SCHEME: &str = "sqlite://";
/// What every session of PostgreSQL begins with.
const READ_ONLY: &str = "SET default_transaction_read_only = on; SET statement_timeout = '60s'";

/// A database of another program.
#[derive(Debug)]
pub struct ForeignDatabase(Engine);

enum Engine {
    Sqlite(Connection),
    Postgres(tokio_postgres::Client),
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Sqlite",
            Self::Postgres(_) => "Postgres",
        })
    }
}

/// One row: its columns by name.
#[derive(Clone, PartialEq, Eq)]
pub struct ForeignRow {
    names: Arc<[String]>,
    values: Vec<Option<String>>,
}

impl ForeignRow {
    /// A row of these columns.
    pub fn new<'a>(columns: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let (names, values): (Vec<_>, Vec<_>) =
            columns.into_iter().map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).unzip();
        Self { names: names.into(), values }
    }

    /// The text in a column; `None` for null, and for a column that this version of the program didn't have.
    pub fn get(&self, name: &str) -> Option<&str> {
        let index = self.names.iter().position(|known| known == name)?;
        self.values.get(index)?.as_deref()
    }
}

/// Says the names only: secrets are among the values.
impl std::fmt::Debug for ForeignRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignRow").field("names", &self.names).finish_non_exhaustive()
    }
}

/// The database can't be read. The operator's to mend.
#[derive(Debug, thiserror::Error)]
#[error("the database to import from can't be read")]
pub struct ForeignError(#[source] Cause);

impl ForeignDatabase {
    /// Opens `url`: `postgres://user:password@host:port/database`, `sqlite://PATH`, or the path of a SQLite file.
    ///
    /// # Errors
    ///
    /// [`OpenError`], without the URL, which can hold a password.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
            let path = Path::new(url.strip_prefix(SQLITE_SCHEME).unwrap_or(url));
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags).map_err(broken)?;
            connection.busy_timeout(BUSY_TIMEOUT).map_err(broken)?;
            return Ok(Self(Engine::Sqlite(connection)));
        }
        let mut config: Config = url.parse().map_err(|error| OpenError::Url(Box::new(error)))?;
        config.connect_timeout(CONNECT_TIMEOUT).application_name("countersign import");
        let (client, connection) = config.connect(NoTls).await.map_err(broken)?;
        // Ends with the client.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the database to import from ended");
            }
        });
        client.batch_execute(READ_ONLY).await.map_err(broken)?;
        Ok(Self(Engine::Postgres(client)))
    }

    /// The rows of the table `t` of `tables` whose number `id` is above `after`, in the order of that number, at most
    /// `limit`; of a given `owner`: only those that are joined with the row of that number of the table `owner`.
    ///
    /// # Errors
    ///
    /// [`ForeignError`].
    pub async fn rows(
        &mut self,
        tables: &'static str,
        owner: Option<i64>,
        after: i64,
        limit: u32,
    ) -> Result<Vec<ForeignRow>, ForeignError> {
        let of = owner.map(|owner| format!("owner.id = {owner} AND ")).unwrap_or_default();
        let sql = format!("SELECT t.* FROM {tables} WHERE {of}t.id > {after} ORDER BY t.id LIMIT {limit}");
        match &mut self.0 {
            Engine::Sqlite(connection) => sqlite_rows(connection, &sql).map_err(ForeignError),
            Engine::Postgres(client) => postgres_rows(client, &sql).await.map_err(ForeignError),
        }
    }
}

fn sqlite_rows(connection: &Connection, sql: &str) -> Result<Vec<ForeignRow>, Cause> {
    let mut statement = connection.prepare(sql)?;
    let names: Arc<[String]> = statement.column_names().map(str::to_owned).collect();
    let mut rows = statement.raw_query();
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..names.len()).map(|index| text(row.get_ref(index)?)).collect::<Result<_, _>>()?;
        out.push(ForeignRow { names: Arc::clone(&names), values });
    }
    Ok(out)
}

/// A value of SQLite as text. Where the other program stored text as bytes, they are text all the same.
fn text(value: ValueRef<'_>) -> Result<Option<String>, Cause> {
    Ok(match value {
        ValueRef::Null => None,
        ValueRef::Integer(value) => Some(value.to_string()),
        ValueRef::Real(value) => Some(value.to_string()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(str::from_utf8(bytes)?.to_owned()),
    })
}

async fn postgres_rows(client: &tokio_postgres::Client, sql: &str) -> Result<Vec<ForeignRow>, Cause> {
    let mut names: Arc<[String]> = Arc::default();
    let mut out = Vec::new();
    for message in client.simple_query(sql).await? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                names = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|index| Ok(row.try_get(index)?.map(str::to_owned)));
                let values = values.collect::<Result<_, tokio_postgres::Error>>()?;
                out.push(ForeignRow { names: Arc::clone(&names), values });
            }
            _ => {}
        }
    }
    Ok(out)
}

fn broken(cause: impl Into<Cause>) -> OpenError {
    OpenError::Database(cause.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use super::*;
    use crate::tests::database::{Kind, with_database};

    const TABLE: &str = "\
        CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT, flag BOOLEAN, at TIMESTAMP);
        INSERT INTO things VALUES (1, 'a', true, '2024-05-06 07:08:09.5'), (2, NULL, false, NULL), (4, 'd', true, NULL)";

    async fn check(database: &mut ForeignDatabase, truth: &str, untruth: &str) {
        let rows = database.rows("things AS t", None, 0, 2).await.unwrap();
        assert_eq!(rows.len(), 2);
        let first = &rows[0];
        assert_eq!((first.get("name"), first.get("flag")), (Some("a"), Some(truth)));
        assert_eq!((first.get("at"), first.get("no_such_column")), (Some("2024-05-06 07:08:09.5"), None));
        assert_eq!((rows[1].get("name"), rows[1].get("flag")), (None, Some(untruth)));
        let rest = database.rows("things AS t", None, 2, 2).await.unwrap();
        let joined =
            database.rows("things AS t JOIN things AS owner ON owner.flag = t.flag", Some(4), 0, 9).await.unwrap();
        assert_eq!(joined.len(), 2);
        assert_eq!(rest.iter().map(|row| row.get("id")).collect::<Vec<_>>(), [Some("4")]);
        assert!(database.rows("no_such_table AS t", None, 0, 1).await.is_err());
    }

    #[tokio::test]
    async fn reads_sqlite_as_text_and_writes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        let theirs = Connection::open(&path).unwrap();
        theirs.execute_batch(TABLE).unwrap();
        theirs.execute("UPDATE things SET name = x'61' WHERE id = 1", []).unwrap();
        let mut database = ForeignDatabase::open(path.to_str().unwrap()).await.unwrap();
        check(&mut database, "1", "0").await;
        let Engine::Sqlite(connection) = &database.0 else { unreachable!() };
        assert!(connection.execute("DELETE FROM things", []).is_err());
        assert!(ForeignDatabase::open(&format!("sqlite://{}", dir.path().join("none.db").display())).await.is_err());
    }

    #[tokio::test]
    async fn reads_postgresql_as_text_and_writes_nothing() {
        with_database(Kind::Postgres, async |test| {
            let url = test.postgres_url();
            let (client, connection) = url.parse::<Config>().unwrap().connect(NoTls).await.unwrap();
            tokio::spawn(connection);
            client.batch_execute(TABLE).await.unwrap();
            let mut database = ForeignDatabase::open(&url).await.unwrap();
            check(&mut database, "t", "f").await;
            let Engine::Postgres(client) = &database.0 else { unreachable!() };
            assert!(client.batch_execute("DELETE FROM things").await.is_err());
        })
        .await;
    }
}
