//! The seam between operations and engines.

use std::future::Future;

use countersign_identity::audit::AuditEvent;
use countersign_identity::repository::Operation;

use crate::error::TxError;
use crate::seal::Keyring;
use crate::value::{Param, Row};

/// An open transaction. Placeholders are `$1` to `$n`; each may stand more than once.
pub trait Tx: Send {
    /// Executes a statement that gives no rows; answers how many rows it wrote.
    fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> impl Future<Output = Result<u64, TxError>> + Send;

    /// Executes a statement that gives rows, to its end.
    fn query(&mut self, sql: &str, params: &[Param<'_>]) -> impl Future<Output = Result<Vec<Row>, TxError>> + Send;

    /// The same with a statement whose text hardly comes again, so that it isn't kept prepared.
    fn query_once(&mut self, sql: &str, params: &[Param<'_>])
    -> impl Future<Output = Result<Vec<Row>, TxError>> + Send;

    /// The keys under which secrets are sealed.
    fn keyring(&self) -> &Keyring;

    /// Appends a row to the audit trail, just before the commit: what follows stands behind it in the chain, so
    /// nobody may have to wait for the rest of this transaction.
    fn append_audit(&mut self, event: AuditEvent);

    /// Executes several statements without placeholders.
    fn script(&mut self, sql: &str) -> impl Future<Output = Result<(), TxError>> + Send;
}

/// What an operation does to the database, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It changes something, in a transaction.
    Writes,
    /// It only reads, so that it needs no transaction of its own and no place among the writers. Of several statements
    /// each may see another moment.
    Reads,
    /// It reads so too, a few rows by unique keys, so that an embedded database answers at once: handing it to another
    /// thread and back would cost several times what it does.
    Looks,
}

/// An operation as statements in a transaction. It can be executed again after a rollback.
pub trait Execute: Operation + Sync {
    /// What it does to the database.
    const ACCESS: Access = Access::Writes;

    /// Executes it.
    fn execute<T: Tx>(&self, tx: &mut T) -> impl Future<Output = Result<Self::Outcome, TxError>> + Send;
}
