//! What was done with sign-on sessions.
//!
//! **Invariant:** whoever notes a change holds the session's row, so that numbers have no gaps and are given once.

use countersign_identity::SessionId;
use countersign_identity::audit::AuditEvent;
use countersign_identity::sign_on::operations::ListSessionChanges;
use countersign_identity::sign_on::{ChangeSource, SESSION_CHANGES_MAX, SessionChange};

use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

/// Notes a change with the time, address and agent of the row for the trail; the oldest ones go.
pub async fn note<T: Tx>(
    tx: &mut T,
    session: SessionId,
    source: ChangeSource,
    audit: &AuditEvent,
) -> Result<(), TxError> {
    const INSERT: &str = "INSERT INTO session_changes (session, number, at, address, agent, source) VALUES ($1, \
        (SELECT COALESCE(MAX(number), 0) + 1 FROM session_changes WHERE session = $1), $2, $3, $4, $5)";
    const TRIM: &str = "DELETE FROM session_changes WHERE session = $1 AND number <= \
        (SELECT MAX(number) FROM session_changes WHERE session = $1) - $2";
    let id = Param::Id(session.uuid());
    let params =
        [id, audit.at.micros().into(), Param::Text(&audit.address), Param::Text(&audit.agent), source.name().into()];
    tx.execute(INSERT, &params).await?;
    tx.execute(TRIM, &[id, i64::from(SESSION_CHANGES_MAX).into()]).await.map(drop)
}

fn change(row: Row) -> Result<(SessionId, SessionChange), TxError> {
    let mut record = Record::new("session_changes", row);
    let session = SessionId::from_uuid(record.key_uuid()?);
    let index = record.int("number")?;
    let index = u64::try_from(index).map_err(|error| record.corrupt("number", error))?;
    let at = record.time("at")?;
    let (address, agent) = (record.text("address")?, record.text("agent")?);
    let source = record.named("source", ChangeSource::from_name)?;
    Ok((session, SessionChange { index, at, address, agent, source }))
}

impl Execute for ListSessionChanges {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<(SessionId, SessionChange)>, TxError> {
        const SQL: &str = "SELECT session, number, at, session_changes.address, session_changes.agent, source \
            FROM session_changes JOIN sign_on_sessions ON sign_on_sessions.id = session WHERE owner = $1 \
            ORDER BY session, number";
        tx.query(SQL, &[self.owner.uuid().into()]).await?.into_iter().map(change).collect()
    }
}
