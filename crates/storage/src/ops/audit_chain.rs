//! The chain over the audit trail: its head, its checkpoints, what retention removes.

use countersign_identity::audit::AuditEvent;
use countersign_identity::audit_chain::{Checkpoint, FoundRow, Link, Position, Stub};
use countersign_identity::repository::{ReadChain, ReadCheckpoints, ReadHead, ReadStub, StoreCheckpoint, TrimAudit};

use super::{audit, first};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Column, Param, Row};

/// Rows that are linked at once by a migration.
const LINKED_ROWS: i64 = 1_000;

/// Stores rows at the end of the chain, for an engine that lets nobody else write in the meantime.
pub async fn append_linked<T: Tx>(tx: &mut T, events: &[AuditEvent]) -> Result<(), TxError> {
    const SQL: &str =
        concat!("INSERT INTO audit (sequence, link, ", audit::columns!(), ") VALUES ($1, $2, ", audit::values!(), ")");
    if events.is_empty() {
        return Ok(());
    }
    let lost = || TxError::Corrupt("the audit trail has lost its head".to_owned());
    let mut head = ReadHead.execute(tx).await?.ok_or_else(lost)?;
    for event in events {
        head = follow(head, event);
        let place = [number(head.sequence), Param::Bytes(head.link.as_bytes())];
        tx.execute(SQL, &audit::parameters(place, event)).await?;
    }
    set_head(tx, head).await
}

/// Links all rows there are, in their order. For a migration.
pub async fn link_all<T: Tx>(tx: &mut T) -> Result<(), TxError> {
    let mut head = Position::START;
    loop {
        let params = [number(head.sequence), LINKED_ROWS.into()];
        let rows = tx.query(CHAIN, &params).await?;
        if rows.is_empty() {
            return set_head(tx, head).await;
        }
        for row in rows {
            let row = audit::audit_row(row)?;
            head = follow(head, &row.event);
            let params = [Param::Bytes(head.link.as_bytes()), number(head.sequence)];
            tx.execute("UPDATE audit SET link = $1 WHERE sequence = $2", &params).await?;
        }
    }
}

fn follow(head: Position, event: &AuditEvent) -> Position {
    let sequence = head.sequence.saturating_add(1);
    Position { sequence, link: head.link.next(sequence, event) }
}

async fn set_head<T: Tx>(tx: &mut T, head: Position) -> Result<(), TxError> {
    let params = [number(head.sequence), Param::Bytes(head.link.as_bytes())];
    tx.execute("UPDATE audit_head SET sequence = $1, link = $2 WHERE one = 1", &params).await.map(drop)
}

/// A position beyond the range of the database is its end.
fn number(sequence: u64) -> Param<'static> {
    Param::Int(i64::try_from(sequence).unwrap_or(i64::MAX))
}

const CHAIN: &str =
    concat!("SELECT sequence, link, ", audit::columns!(), " FROM audit WHERE sequence > $1 ORDER BY sequence LIMIT $2");

impl Execute for ReadChain {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<FoundRow>, TxError> {
        let after = self.after.map_or(Param::Int(i64::MIN), number);
        let rows = tx.query(CHAIN, &[after, Param::Int(self.limit.into())]).await?;
        Ok(rows.into_iter().map(found).collect())
    }
}

/// What can't be read is found all the same: somebody has changed it.
fn found(row: Row) -> FoundRow {
    let sequence = match row.first() {
        Some(Column::Int(sequence)) => u64::try_from(*sequence).unwrap_or_default(),
        _ => 0,
    };
    FoundRow { sequence, row: audit::audit_row(row).ok() }
}

impl Execute for ReadHead {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<Position>, TxError> {
        let row = first(tx, "SELECT sequence, link FROM audit_head WHERE one = 1", &[]).await?;
        row.map(|row| position(&mut Record::new("audit_head", row))).transpose()
    }
}

impl Execute for ReadStub {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<Stub>, TxError> {
        let row = first(tx, "SELECT sequence, link, at, signature FROM audit_stub WHERE one = 1", &[]).await?;
        row.map(|row| {
            let mut record = Record::new("audit_stub", row);
            Ok(Stub::from_parts(position(&mut record)?, record.time("at")?, record.bytes("signature")?))
        })
        .transpose()
    }
}

impl Execute for ReadCheckpoints {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<Checkpoint>, TxError> {
        const SQL: &str = "SELECT sequence, link, at, signature FROM audit_checkpoints WHERE sequence >= $1 \
            ORDER BY sequence DESC LIMIT $2";
        let rows = tx.query(SQL, &[number(self.from), Param::Int(self.limit.into())]).await?;
        let checkpoint = |row| {
            let mut record = Record::new("audit_checkpoints", row);
            Ok(Checkpoint::from_parts(position(&mut record)?, record.time("at")?, record.bytes("signature")?))
        };
        rows.into_iter().map(checkpoint).collect()
    }
}

fn position(record: &mut Record) -> Result<Position, TxError> {
    let sequence = record.key_int()?;
    let sequence = u64::try_from(sequence).map_err(|error| record.corrupt("sequence", error))?;
    Ok(Position { sequence, link: Link::from_bytes(record.bytes("link")?) })
}

impl Execute for StoreCheckpoint {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        const SQL: &str = "INSERT INTO audit_checkpoints (sequence, link, at, signature) VALUES ($1, $2, $3, $4) \
            ON CONFLICT (sequence) DO NOTHING";
        let Checkpoint { row, at, .. } = self.checkpoint;
        let (link, signature) = (row.link.as_bytes(), self.checkpoint.signature());
        let params = [number(row.sequence), Param::Bytes(link), at.micros().into(), Param::Bytes(signature)];
        tx.execute(SQL, &params).await.map(drop)
    }
}

impl Execute for TrimAudit {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const STUB: &str = "INSERT INTO audit_stub (one, sequence, link, at, signature) VALUES (1, $1, $2, $3, $4) \
            ON CONFLICT (one) DO UPDATE SET sequence = excluded.sequence, link = excluded.link, at = excluded.at, \
            signature = excluded.signature WHERE audit_stub.sequence < excluded.sequence";
        let Stub { row, at, .. } = self.stub;
        let (link, signature) = (row.link.as_bytes(), self.stub.signature());
        let params = [number(row.sequence), Param::Bytes(link), at.micros().into(), Param::Bytes(signature)];
        if tx.execute(STUB, &params).await? == 0 {
            return Ok(false);
        }
        let last = [number(row.sequence)];
        tx.execute("DELETE FROM audit WHERE sequence <= $1", &last).await?;
        tx.execute("DELETE FROM audit_checkpoints WHERE sequence < $1", &last).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(true)
    }
}
