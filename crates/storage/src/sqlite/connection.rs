//! One connection: how it is set up, and statements on it.

use std::future::{Future, ready};
use std::path::Path;
use std::time::Duration;

use countersign_identity::audit::AuditEvent;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, Statement, ToSql};

use super::functions;
use crate::error::{Cause, OpenError, TxError};
use crate::seal::Keyring;
use crate::tx::Tx;
use crate::value::{Column, Param, Row};

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that a connection keeps; more than the operations have, but for rare
/// combinations of search filters.
const STATEMENTS_MAX: usize = 128;
/// Pages that the connection that writes keeps in memory, in KiB. A commit touches pages all over the indexes.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Pages in the log with which they are brought into the database file: 8 MiB. A page that changes several times before that
/// is written there once.
const LOG_PAGES: i64 = 2_000;
/// What the log is cut to after a burst, in bytes.
const LOG_BYTES_MAX: i64 = 64 * 1024 * 1024;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reads and writes.
    Write,
    /// Reads.
    Read,
}

/// Opens a connection to a database file that exists.
pub fn open(path: &Path, mode: Mode) -> Result<Connection, OpenError> {
    // A reader needs a writable file too, for the shared memory beside the log.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(broken)?;
    set_up(&connection, mode).map_err(broken)?;
    Ok(connection)
}

fn set_up(connection: &Connection, mode: Mode) -> Result<(), Cause> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Otherwise a statement is prepared again whenever it is bound to another value, in case that asks for another plan,
    // which costs several times what it does. Ours are all meant to find their rows in one way.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    let journal: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if journal != "wal" {
        return Err(format!("the file system allows no write-ahead log (journal mode {journal})").into());
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.query_row(&format!("PRAGMA journal_size_limit = {LOG_BYTES_MAX}"), [], |_| Ok(()))?;
    // What is deleted or replaced is overwritten, also in pages that become free.
    connection.query_row("PRAGMA secure_delete = ON", [], |_| Ok(()))?;
    if mode == Mode::Write {
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)?;
    }
    functions::add(connection)?;
    connection.pragma_update(None, "query_only", mode == Mode::Read)?;
    Ok(())
}

/// Brings what is in the log into the database file, and cuts the log to nothing. Whoever reads just now is not waited for: then
/// the log stays, for the next time.
pub fn empty_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    let emptied = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    emptied
}

fn broken(cause: impl Into<Cause>) -> OpenError {
    OpenError::Database(cause.into())
}

fn failed(error: rusqlite::Error) -> TxError {
    TxError::Database(Box::new(error))
}

/// Statements on a connection. Every answer is ready at once: this is for threads that may
/// block.
pub struct SqliteTx<'c> {
    // Exclusive, because a connection may move between threads but not be shared by them.
    connection: &'c mut Connection,
    keyring: &'c Keyring,
    /// Rows for the end of the audit trail, not stored yet.
    appended: Vec<AuditEvent>,
    /// How many they were at the mark.
    marked: usize,
}

impl<'c> SqliteTx<'c> {
    /// Begins a transaction, waiting for other processes that write.
    pub fn begin(connection: &'c mut Connection, keyring: &'c Keyring) -> Result<Self, TxError> {
        let tx = Self::reading(connection, keyring);
        tx.control("BEGIN IMMEDIATE").map_err(failed)?;
        Ok(tx)
    }

    /// Reads without a transaction around the statements.
    pub fn reading(connection: &'c mut Connection, keyring: &'c Keyring) -> Self {
        Self { connection, keyring, appended: Vec::new(), marked: 0 }
    }

    /// Takes the rows for the end of the audit trail.
    pub fn take_appended(&mut self) -> Vec<AuditEvent> {
        std::mem::take(&mut self.appended)
    }

    /// Commits, or rolls back.
    pub fn end(self, commit: bool) -> Result<(), TxError> {
        if commit {
            let committed = self.control("COMMIT");
            if committed.is_err() {
                self.abandon();
            }
            committed.map_err(failed)
        } else {
            self.abandon();
            Ok(())
        }
    }

    /// Marks the place to which [`Self::undo`] goes back.
    pub fn mark(&mut self) -> Result<(), TxError> {
        self.marked = self.appended.len();
        self.control("SAVEPOINT operation").map_err(failed)
    }

    /// Keeps what was done since [`Self::mark`].
    pub fn keep(&self) -> Result<(), TxError> {
        self.control("RELEASE operation").map_err(failed)
    }

    /// Undoes what was done since [`Self::mark`].
    pub fn undo(&mut self) -> Result<(), TxError> {
        self.appended.truncate(self.marked);
        self.control("ROLLBACK TO operation").map_err(failed)?;
        self.keep()
    }

    /// Rolls back. Some failures (a full disk) have done so already, which is no error here.
    fn abandon(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.control("ROLLBACK")
        {
            tracing::error!(%error, "a transaction can't be rolled back");
        }
    }

    fn control(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.raw_execute().map(drop)
    }

    fn execute_now(&self, sql: &str, params: &[Param<'_>]) -> rusqlite::Result<u64> {
        let rows = self.bound(sql, params)?.raw_execute()?;
        Ok(u64::try_from(rows).unwrap_or(u64::MAX))
    }

    fn query_now(&self, sql: &str, params: &[Param<'_>]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.bound(sql, params)?;
        rows(&mut statement)
    }

    fn query_once_now(&self, sql: &str, params: &[Param<'_>]) -> rusqlite::Result<Vec<Row>> {
        let mut statement = self.connection.prepare(sql)?;
        bind(&mut statement, params)?;
        rows(&mut statement)
    }

    fn bound(&self, sql: &str, params: &[Param<'_>]) -> rusqlite::Result<CachedStatement<'_>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        bind(&mut statement, params)?;
        Ok(statement)
    }
}

impl Tx for SqliteTx<'_> {
    fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> impl Future<Output = Result<u64, TxError>> + Send {
        ready(self.execute_now(sql, params).map_err(failed))
    }

    fn query(&mut self, sql: &str, params: &[Param<'_>]) -> impl Future<Output = Result<Vec<Row>, TxError>> + Send {
        ready(self.query_now(sql, params).map_err(failed))
    }

    fn query_once(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
    ) -> impl Future<Output = Result<Vec<Row>, TxError>> + Send {
        ready(self.query_once_now(sql, params).map_err(failed))
    }

    fn keyring(&self) -> &Keyring {
        self.keyring
    }

    fn append_audit(&mut self, event: AuditEvent) {
        self.appended.push(event);
    }

    fn script(&mut self, sql: &str) -> impl Future<Output = Result<(), TxError>> + Send {
        ready(self.connection.execute_batch(sql).map_err(failed))
    }
}

/// Binds by the number in the placeholder: SQLite takes `$2` for a name and counts placeholders
/// in the order in which they first stand in the statement.
fn bind(statement: &mut Statement<'_>, params: &[Param<'_>]) -> rusqlite::Result<()> {
    for index in 1..=statement.parameter_count() {
        let param = statement
            .parameter_name(index)
            .and_then(|name| name.strip_prefix('$'))
            .and_then(|number| number.parse::<usize>().ok())
            .and_then(|number| params.get(number.checked_sub(1)?))
            .ok_or(rusqlite::Error::InvalidParameterCount(params.len(), index))?;
        statement.raw_bind_parameter(index, *param)?;
    }
    Ok(())
}

/// All rows of a statement whose parameters are bound.
fn rows(statement: &mut Statement<'_>) -> rusqlite::Result<Vec<Row>> {
    let count = statement.column_count();
    let mut rows = statement.raw_query();
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push((0..count).map(|index| column(row, index)).collect::<Result<_, _>>()?);
    }
    Ok(out)
}

fn column(row: &rusqlite::Row<'_>, index: usize) -> rusqlite::Result<Column> {
    Ok(match row.get_ref(index)? {
        ValueRef::Null => Column::Null,
        ValueRef::Integer(value) => Column::Int(value),
        // Text that is none isn't ours; whoever expects text is told so.
        ValueRef::Text(text) => {
            str::from_utf8(text).map_or_else(|_| Column::Bytes(text.to_vec()), |text| Column::Text(text.to_owned()))
        }
        ValueRef::Blob(bytes) => Column::Bytes(bytes.to_vec()),
        other @ ValueRef::Real(_) => {
            return Err(rusqlite::Error::InvalidColumnType(index, String::new(), other.data_type()));
        }
    })
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Param::Int(value) => ValueRef::Integer(*value),
            Param::Bool(value) => ValueRef::Integer((*value).into()),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Bytes(bytes) => ValueRef::Blob(bytes),
            Param::Id(id) => ValueRef::Blob(id.as_bytes()),
            Param::Null => ValueRef::Null,
        }))
    }
}
