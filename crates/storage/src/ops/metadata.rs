//! Metadata of users.
//!
//! **Invariant:** whoever sets an entry holds its owner's row first, so that what is counted in the transaction stays so until
//! its end.

use countersign_identity::audit::Reason;
use countersign_identity::metadata::operations::{
    DeleteMetadata, DeleteMetadataOutcome, FindMetadata, ListMetadata, SetMetadata, SetMetadataOutcome,
};
use countersign_identity::metadata::{MetadataEntry, MetadataKey, MetadataValue};
use countersign_identity::{MetadataId, Secret, UserId};

use super::{audit, first, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

/// The columns of [`entry`].
pub const COLUMNS: &str = "id, key, value, yaml, created_at, modified_at";

/// A row of [`COLUMNS`].
pub fn entry(row: Row) -> Result<MetadataEntry, TxError> {
    let mut record = Record::new("metadata", row);
    Ok(MetadataEntry {
        id: MetadataId::from_uuid(record.key_uuid()?),
        key: record.parsed("key", MetadataKey::parse)?,
        value: MetadataValue {
            json: Secret::new(record.text("value")?),
            yaml: record.optional_text("yaml")?.map(Secret::new),
        },
        created: record.time("created_at")?,
        modified: record.time("modified_at")?,
    })
}

/// The owner's entries but the one with this key: how many, and how many bytes.
async fn others<T: Tx>(tx: &mut T, set: &SetMetadata) -> Result<(u64, u64), TxError> {
    const SQL: &str =
        "SELECT COUNT(*), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM metadata WHERE owner = $1 AND key <> $2";
    let row = first(tx, SQL, &[set.owner.uuid().into(), set.entry.key.as_str().into()]).await?;
    let mut record = Record::new("metadata", row.unwrap_or_default());
    let count = record.key_int()?;
    let bytes = record.int("bytes")?;
    let number = |field, value| u64::try_from(value).map_err(|error| record.corrupt(field, error));
    Ok((number("count", count)?, number("bytes", bytes)?))
}

/// Stores an entry, in place of the one with its key if there is one, whose id it keeps.
pub async fn put<T: Tx>(tx: &mut T, owner: UserId, entry: &MetadataEntry) -> Result<MetadataId, TxError> {
    const SET: &str = "INSERT INTO metadata (owner, key, id, value, yaml, bytes, created_at, modified_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (owner, key) DO UPDATE SET value = excluded.value, \
        yaml = excluded.yaml, bytes = excluded.bytes, modified_at = excluded.modified_at RETURNING id";
    let params = [
        owner.uuid().into(),
        entry.key.as_str().into(),
        entry.id.uuid().into(),
        entry.value.json.expose().into(),
        entry.value.yaml.as_ref().map_or(Param::Null, |yaml| yaml.expose().into()),
        i64::try_from(entry.value.bytes()).unwrap_or(i64::MAX).into(),
        entry.created.micros().into(),
        entry.modified.micros().into(),
    ];
    let row = first(tx, SET, &params).await?.unwrap_or_default();
    Ok(MetadataId::from_uuid(Record::new("metadata", row).key_uuid()?))
}

impl Execute for SetMetadata {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<SetMetadataOutcome, TxError> {
        if users::hold_by_id(tx, self.owner).await?.is_none() {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(SetMetadataOutcome::NoSuchUser);
        }
        let entry = &self.entry;
        let bytes = u64::try_from(entry.value.bytes()).unwrap_or(u64::MAX);
        let (count, others) = others(tx, self).await?;
        let params = [self.owner.uuid().into(), entry.key.as_str().into()];
        if self.is_new && super::exists(tx, "SELECT 1 FROM metadata WHERE owner = $1 AND key = $2", &params).await? {
            audit::refuse(tx, &self.audit, Reason::Exists).await?;
            return Ok(SetMetadataOutcome::Exists);
        }
        let over = if count >= u64::from(self.entries_max) {
            Some(SetMetadataOutcome::TooMany)
        } else {
            (others.saturating_add(bytes) > self.bytes_max).then_some(SetMetadataOutcome::TooMuch)
        };
        if let Some(outcome) = over {
            audit::refuse(tx, &self.audit, Reason::TooMany).await?;
            return Ok(outcome);
        }
        let id = put(tx, self.owner, entry).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(SetMetadataOutcome::Set(id))
    }
}

impl Execute for FindMetadata {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<MetadataEntry>, TxError> {
        let sql = format!("SELECT {COLUMNS} FROM metadata WHERE owner = $1 AND key = $2");
        first(tx, &sql, &[self.owner.uuid().into(), self.key.as_str().into()]).await?.map(entry).transpose()
    }
}

impl Execute for ListMetadata {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<MetadataEntry>, TxError> {
        let sql = format!("SELECT {COLUMNS} FROM metadata WHERE owner = $1 ORDER BY key");
        tx.query(&sql, &[self.owner.uuid().into()]).await?.into_iter().map(entry).collect()
    }
}

impl Execute for DeleteMetadata {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<DeleteMetadataOutcome, TxError> {
        const SQL: &str = "DELETE FROM metadata WHERE owner = $1 AND key = $2";
        if tx.execute(SQL, &[self.owner.uuid().into(), self.key.as_str().into()]).await? == 1 {
            audit::accept(tx, &self.audit).await?;
            return Ok(DeleteMetadataOutcome::Deleted);
        }
        audit::refuse(tx, &self.audit, Reason::NotFound).await?;
        Ok(DeleteMetadataOutcome::NotFound)
    }
}
