//! Rosters.
//!
//! **Invariant:** whoever puts an entry in holds the installation's row first, so that what is counted in the transaction stays so
//! until its end; entries that go meanwhile only make it less.

use countersign_identity::audit::Reason;
use countersign_identity::roster::operations::{
    ClearRosters, FindRoster, RegisterInRoster, RegisterInRosterOutcome, UnregisterFromRoster,
};
use countersign_identity::roster::{NodeId, RosterEntry, RosterName, Visibility};
use countersign_identity::{RosterEntryId, Secret};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{audit, first};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

/// The columns of [`entry`].
pub const COLUMNS: &str = "id, node, session_id, name, visibility, data, created_at, modified_at";

/// A row of [`COLUMNS`].
pub fn entry(row: Row) -> Result<RosterEntry, TxError> {
    let mut record = Record::new("rosters", row);
    Ok(RosterEntry {
        id: RosterEntryId::from_uuid(record.key_uuid()?),
        node: NodeId(Uuid::from_bytes(record.bytes("node")?)),
        session: session(record.int("session_id")?),
        name: record.parsed("name", RosterName::parse)?,
        visibility: record.parsed("visibility", visibility)?,
        data: Secret::new(record.text("data")?),
        created: record.time("created_at")?,
        modified: record.time("modified_at")?,
    })
}

/// Ids of sessions have 53 bits.
fn session(id: i64) -> u64 {
    id.unsigned_abs()
}

fn number(session: u64) -> i64 {
    i64::try_from(session).unwrap_or(i64::MAX)
}

fn visibility(text: &str) -> Result<Visibility, String> {
    match serde_json::from_str(text).map_err(|error| error.to_string())? {
        Json::String(name) => Ok(Visibility::One(name)),
        Json::Array(names) => {
            let names =
                names.into_iter().map(|name| name.as_str().map(str::to_owned).ok_or("a name is no text".into()));
            Ok(Visibility::Many(names.collect::<Result<_, String>>()?))
        }
        _ => Err("is neither a text nor a list".into()),
    }
}

fn visibility_text(visibility: &Visibility) -> String {
    match visibility {
        Visibility::One(name) => Json::from(name.as_str()).to_string(),
        Visibility::Many(names) => Json::from(names.as_slice()).to_string(),
    }
}

/// What is there beside the entry itself: entries of its session, entries in all, their bytes.
async fn others<T: Tx>(tx: &mut T, entry: &RosterEntry) -> Result<[u64; 3], TxError> {
    const SQL: &str = "SELECT COUNT(CASE WHEN node = $1 AND session_id = $2 THEN 1 END), COUNT(*), \
        CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM rosters WHERE NOT (node = $1 AND session_id = $2 AND name = $3)";
    let params = [entry.node.0.into(), number(entry.session).into(), entry.name.as_str().into()];
    let mut record = Record::new("rosters", first(tx, SQL, &params).await?.unwrap_or_default());
    let found = [record.key_int()?, record.int("entries")?, record.int("bytes")?];
    Ok(found.map(i64::unsigned_abs))
}

impl Execute for RegisterInRoster {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<RegisterInRosterOutcome, TxError> {
        const HOLD: &str = "UPDATE installation SET created_at = created_at";
        const PUT: &str = "INSERT INTO rosters \
            (id, node, session_id, name, key, visibility, data, bytes, created_at, modified_at) \
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (node, session_id, name) DO UPDATE SET \
            visibility = excluded.visibility, data = excluded.data, bytes = excluded.bytes, \
            modified_at = excluded.modified_at RETURNING id, created_at";
        tx.execute(HOLD, &[]).await?;
        let entry = &self.entry;
        let bytes = u64::try_from(entry.bytes()).unwrap_or(u64::MAX);
        let [of_session, in_all, others] = others(tx, entry).await?;
        let over = if of_session >= u64::from(self.session_entries_max) {
            Some(RegisterInRosterOutcome::TooManyOfSession)
        } else if in_all >= u64::from(self.entries_max) {
            Some(RegisterInRosterOutcome::TooMany)
        } else {
            (others.saturating_add(bytes) > self.bytes_max).then_some(RegisterInRosterOutcome::TooMuch)
        };
        if let Some(outcome) = over {
            audit::refuse(tx, &self.audit, Reason::TooMany).await?;
            return Ok(outcome);
        }
        let (key, visibility) = (entry.key(), visibility_text(&entry.visibility));
        let params = [
            entry.id.uuid().into(),
            entry.node.0.into(),
            number(entry.session).into(),
            entry.name.as_str().into(),
            Param::Text(&key),
            Param::Text(&visibility),
            entry.data.expose().into(),
            i64::try_from(bytes).unwrap_or(i64::MAX).into(),
            entry.created.micros().into(),
            entry.modified.micros().into(),
        ];
        let mut record = Record::new("rosters", first(tx, PUT, &params).await?.unwrap_or_default());
        audit::accept(tx, &self.audit).await?;
        let (id, created) = (RosterEntryId::from_uuid(record.key_uuid()?), record.time("created_at")?);
        Ok(RegisterInRosterOutcome::Registered(RosterEntry { id, created, ..entry.clone() }))
    }
}

impl Execute for UnregisterFromRoster {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const SQL: &str = "DELETE FROM rosters WHERE node = $1 AND session_id = $2 AND name = $3";
        let params = [self.node.0.into(), number(self.session).into(), self.name.as_str().into()];
        let was_there = tx.execute(SQL, &params).await? == 1;
        if was_there {
            audit::accept(tx, &self.audit).await?;
        } else {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
        }
        Ok(was_there)
    }
}

impl Execute for FindRoster {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<RosterEntry>, TxError> {
        let sql = format!("SELECT {COLUMNS} FROM rosters WHERE name = $1 ORDER BY created_at, id");
        tx.query(&sql, &[self.name.as_str().into()]).await?.into_iter().map(entry).collect()
    }
}

impl Execute for ClearRosters {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        const ALL: &str = "DELETE FROM rosters WHERE node = $1";
        const ONE: &str = "DELETE FROM rosters WHERE node = $1 AND session_id = $2";
        let Some(sessions) = &self.sessions else { return tx.execute(ALL, &[self.node.0.into()]).await };
        let mut removed = 0;
        for session in sessions {
            removed += tx.execute(ONE, &[self.node.0.into(), number(*session).into()]).await?;
        }
        Ok(removed)
    }
}
