//! A transaction, and its end: the rows of the audit trail and the commit.
//!
//! Every audited transaction moves the head of the audit trail's chain, so their ends come one after the other. That
//! they don't wait for each other's disk:
//!
//! - The head is touched last, by the statement that stores the row, and the database itself computes the link. Statement
//!   and commit are sent together, so that no answer is waited for while the head is locked.
//! - The commit gives the head free before it is on disk (`synchronous_commit` off, for it alone). The same message then
//!   writes an empty record to the log and commits it with a sync, which carries along everything before it, for as many
//!   connections as wait at a time. Only then is the operation answered. What others have read in between is never ahead
//!   of what they have synced themselves.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use countersign_identity::audit::AuditEvent;
use countersign_identity::audit_chain::{LINK_PREFIX, digest};
use deadpool_postgres::{Object, StatementCache};
use tokio_postgres::{Client, Error};

use super::{commit_failed, failed};
use crate::error::TxError;
use crate::ops::audit;
use crate::value::Param;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Ends a transaction that has touched the head.
const COMMIT_AUDITED: &str = "\
    SET LOCAL synchronous_commit TO off; COMMIT; SELECT pg_logical_emit_message(true, 'countersign', '')";
/// Stores a row at the end of the chain. Without a head there is no position, and so no row.
const APPEND: &str = concat!(
    "WITH head AS (UPDATE audit_head SET sequence = sequence + 1, \
     link = sha256(CAST($1 AS bytea) || link || int8send(sequence + 1) || CAST($2 AS bytea)) \
     WHERE one = 1 RETURNING sequence, link) \
     INSERT INTO audit (sequence, link, ",
    audit::columns!(),
    ") VALUES ((SELECT sequence FROM head), (SELECT link FROM head), ",
    audit::values!(),
    ")"
);

/// A connection within a transaction. If it is dropped before its end, the connection is closed, which undoes everything.
pub struct Transaction {
    client: Option<Object>,
}

impl Transaction {
    /// Begins one.
    pub async fn begin(client: Object) -> Result<Self, TxError> {
        let begun = Self { client: Some(client) };
        begun.client()?.batch_execute(BEGIN).await.map_err(failed)?;
        Ok(begun)
    }

    /// The connection, and what was prepared on it.
    pub fn parts(&self) -> Result<(&Client, &StatementCache), TxError> {
        let client = self.client()?;
        Ok((client, &client.statement_cache))
    }

    /// Stores the rows of the audit trail, and commits.
    pub async fn commit(mut self, appended: &[AuditEvent]) -> Result<(), TxError> {
        if appended.is_empty() {
            self.client()?.batch_execute("COMMIT").await.map_err(commit_failed)?;
        } else {
            let (client, statements) = self.parts()?;
            let append = statements.prepare(client, APPEND).await.map_err(failed)?;
            let digests: Vec<_> = appended.iter().map(digest).collect();
            let mut requests: Vec<Request<'_>> = Vec::with_capacity(appended.len() + 1);
            for (event, digest) in appended.iter().zip(&digests) {
                let params = audit::parameters([Param::Bytes(LINK_PREFIX), Param::Bytes(digest)], event);
                let append = &append;
                requests.push(Box::pin(async move { client.execute_raw(append, params).await.map(drop) }));
            }
            requests.push(Box::pin(client.batch_execute(COMMIT_AUDITED)));
            // Where the connection is lost, the commit may have gone through.
            in_order(requests).await.map_err(commit_failed)?;
        }
        self.client = None;
        Ok(())
    }

    /// Undoes everything.
    pub async fn roll_back(mut self) {
        let undone = match self.client() {
            Ok(client) => client.batch_execute("ROLLBACK").await.is_ok(),
            Err(_) => false,
        };
        if undone {
            self.client = None;
        }
    }

    fn client(&self) -> Result<&Object, TxError> {
        self.client.as_ref().ok_or_else(|| TxError::Database("the transaction has ended".into()))
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

type Request<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Sends requests one after the other without waiting for the answers in between: each is sent when it is polled first.
/// A statement that fails makes those behind it fail, too; the first failure is answered.
async fn in_order(mut requests: Vec<Request<'_>>) -> Result<(), Error> {
    let mut results: Vec<Option<Result<(), Error>>> = requests.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut is_done = true;
        for (request, result) in requests.iter_mut().zip(&mut results) {
            if result.is_none() {
                match request.as_mut().poll(cx) {
                    Poll::Ready(ended) => *result = Some(ended),
                    Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}
