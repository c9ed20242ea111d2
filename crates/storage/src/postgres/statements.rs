//! Statements on a connection, prepared once.

use std::pin::pin;

use bytes::BytesMut;
use countersign_identity::audit::AuditEvent;
use deadpool_postgres::StatementCache;
use futures_util::TryStreamExt;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error, Statement};

use super::failed;
use crate::error::{Cause, TxError};
use crate::seal::Keyring;
use crate::tx::Tx;
use crate::value::{Column, Param, Row};

/// Statements on a connection; within a transaction if one was begun there.
pub struct PostgresTx<'c> {
    client: &'c Client,
    statements: &'c StatementCache,
    keyring: &'c Keyring,
    appended: Vec<AuditEvent>,
}

impl<'c> PostgresTx<'c> {
    /// Statements on a connection, with what was prepared on it, and the keys under which secrets
    /// are sealed.
    pub fn new(client: &'c Client, statements: &'c StatementCache, keyring: &'c Keyring) -> Self {
        Self { client, statements, keyring, appended: Vec::new() }
    }

    async fn rows(&self, statement: &Statement, params: &[Param<'_>]) -> Result<Vec<Row>, TxError> {
        let mut rows = pin!(self.client.query_raw(statement, params).await.map_err(failed)?);
        let mut out = Vec::new();
        while let Some(row) = rows.try_next().await.map_err(failed)? {
            out.push((0..row.len()).map(|index| row.try_get(index)).collect::<Result<_, Error>>().map_err(failed)?);
        }
        Ok(out)
    }

    /// Takes the rows for the end of the audit trail.
    pub fn take_appended(&mut self) -> Vec<AuditEvent> {
        std::mem::take(&mut self.appended)
    }
}

impl Tx for PostgresTx<'_> {
    async fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, TxError> {
        let statement = self.statements.prepare(self.client, sql).await.map_err(failed)?;
        self.client.execute_raw(&statement, params).await.map_err(failed)
    }

    async fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, TxError> {
        let statement = self.statements.prepare(self.client, sql).await.map_err(failed)?;
        self.rows(&statement, params).await
    }

    async fn query_once(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, TxError> {
        let statement = self.client.prepare(sql).await.map_err(failed)?;
        self.rows(&statement, params).await
    }

    fn keyring(&self) -> &Keyring {
        self.keyring
    }

    fn append_audit(&mut self, event: AuditEvent) {
        self.appended.push(event);
    }

    async fn script(&mut self, sql: &str) -> Result<(), TxError> {
        self.client.batch_execute(sql).await.map_err(failed)
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Cause> {
        match *self {
            Self::Int(value) => value.to_sql_checked(kind, out),
            Self::Bool(value) => value.to_sql_checked(kind, out),
            Self::Text(text) => text.to_sql_checked(kind, out),
            Self::Bytes(bytes) => bytes.to_sql_checked(kind, out),
            Self::Id(id) => id.as_bytes().as_slice().to_sql_checked(kind, out),
            Self::Null => Ok(IsNull::Yes),
        }
    }

    /// Each value checks for itself.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Column {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Cause> {
        Ok(match *kind {
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            // What a plain number in a statement is.
            Type::INT4 => Self::Int(i32::from_sql(kind, raw)?.into()),
            Type::BOOL => Self::Bool(bool::from_sql(kind, raw)?),
            Type::TEXT => Self::Text(String::from_sql(kind, raw)?),
            Type::BYTEA => Self::Bytes(raw.to_vec()),
            _ => return Err(format!("a column of type {kind} is not among the types in use").into()),
        })
    }

    fn from_sql_null(_: &Type) -> Result<Self, Cause> {
        Ok(Self::Null)
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}
