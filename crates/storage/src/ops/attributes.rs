//! Attributes of users and of sign-on sessions.
//!
//! **Invariants:** whoever writes attributes holds their owner's row first, so that what is found in the transaction stays
//! so until its end. An attribute is there up to and including its `expires_at`. A sealed value is bound to table, column,
//! owner and name.

use std::collections::BTreeMap;

use countersign_identity::audit::Reason;
use countersign_identity::sign_on::attributes::operations::{
    AttributeWrite, ChangeAttributes, ChangeAttributesOutcome, FindAttributes, ListAttributeNames, ReapAttributes,
};
use countersign_identity::sign_on::attributes::{Attribute, AttributeName, AttributeOwner, AttributeVerb};
use countersign_identity::{Secret, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{audit, seals};
use crate::error::TxError;
use crate::record::Record;
use crate::seal::{Keyring, Place};
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

const USERS: &str = "user_attributes";
const SESSIONS: &str = "session_attributes";

fn table(owner: AttributeOwner) -> &'static str {
    match owner {
        AttributeOwner::User(_) => USERS,
        AttributeOwner::Session(_) => SESSIONS,
    }
}

fn id(owner: AttributeOwner) -> Uuid {
    match owner {
        AttributeOwner::User(id) => id.uuid(),
        AttributeOwner::Session(id) => id.uuid(),
    }
}

/// Where a sealed value stands. The table has no id of its own: owner and name stand for one.
fn place(owner: AttributeOwner, name: &AttributeName) -> Place {
    let digest = Sha256::new().chain_update(id(owner).as_bytes()).chain_update(name.as_str()).finalize();
    let mut row = [0; 16];
    row.iter_mut().zip(digest).for_each(|(slot, byte)| *slot = byte);
    Place { table: table(owner), column: "sealed", row: Uuid::from_bytes(row) }
}

fn name_of(record: &Record) -> Result<AttributeName, TxError> {
    AttributeName::parse(record.key_text()?).map_err(|error| record.corrupt("name", error))
}

/// Holds the owner until the end of the transaction; whether it is there.
async fn hold<T: Tx>(tx: &mut T, owner: AttributeOwner, now: Timestamp) -> Result<bool, TxError> {
    const USER: &str = "UPDATE users SET enabled = enabled WHERE id = $1";
    const SESSION: &str = "UPDATE sign_on_sessions SET expires_at = expires_at WHERE id = $1 AND expires_at >= $2";
    let held = match owner {
        AttributeOwner::User(id) => tx.execute(USER, &[id.uuid().into()]).await?,
        AttributeOwner::Session(id) => tx.execute(SESSION, &[id.uuid().into(), now.micros().into()]).await?,
    };
    Ok(held == 1)
}

/// The names that are there, each with whether its value is sealed. The caller holds the owner.
async fn there<T: Tx>(tx: &mut T, owner: AttributeOwner) -> Result<BTreeMap<AttributeName, bool>, TxError> {
    let sql = format!("SELECT name, sealed IS NOT NULL FROM {} WHERE owner = $1", table(owner));
    let rows = tx.query(&sql, &[id(owner).into()]).await?;
    let read = |row| {
        let mut record = Record::new(table(owner), row);
        Ok((name_of(&record)?, record.truth("sealed")?))
    };
    rows.into_iter().map(read).collect()
}

/// Why the change is refused, if it is.
fn refusal(
    change: &ChangeAttributes,
    there: &BTreeMap<AttributeName, bool>,
) -> Option<(ChangeAttributesOutcome, Reason)> {
    let makes = matches!(change.verb, AttributeVerb::Create | AttributeVerb::Set);
    let new = change.writes.iter().filter(|write| makes && !there.contains_key(&write.name)).count();
    if change.verb == AttributeVerb::Create && new < change.writes.len() {
        return Some((ChangeAttributesOutcome::Exists, Reason::Exists));
    }
    let max = usize::try_from(change.attributes_max).unwrap_or(usize::MAX);
    (new > 0 && there.len() + new > max).then_some((ChangeAttributesOutcome::TooMany, Reason::TooMany))
}

impl Execute for ChangeAttributes {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ChangeAttributesOutcome, TxError> {
        if !hold(tx, self.owner, self.now).await? {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(ChangeAttributesOutcome::NoSuchOwner);
        }
        let over = format!("DELETE FROM {} WHERE owner = $1 AND expires_at < $2", table(self.owner));
        tx.execute(&over, &[id(self.owner).into(), self.now.micros().into()]).await?;
        let there = there(tx, self.owner).await?;
        if let Some((outcome, reason)) = refusal(self, &there) {
            audit::refuse(tx, &self.audit, reason).await?;
            return Ok(outcome);
        }
        for one in &self.writes {
            write(tx, self, one, there.get(&one.name).copied()).await?;
        }
        audit::accept(tx, &self.audit).await?;
        Ok(ChangeAttributesOutcome::Done)
    }
}

/// Writes one attribute; `was_sealed` is `None` where it isn't there.
async fn write<T: Tx>(
    tx: &mut T,
    change: &ChangeAttributes,
    write: &AttributeWrite,
    was_sealed: Option<bool>,
) -> Result<(), TxError> {
    let (owner, now) = (change.owner, change.now.micros());
    let table = table(owner);
    let (key, name) = (Param::Id(id(owner)), Param::Text(write.name.as_str()));
    let expires = Param::optional(write.expires.map(Timestamp::micros));
    match (change.verb, &write.value) {
        (AttributeVerb::Delete, _) => {
            let sql = format!("DELETE FROM {table} WHERE owner = $1 AND name = $2");
            tx.execute(&sql, &[key, name]).await.map(drop)
        }
        (AttributeVerb::Expire, _) => {
            let sql = format!("UPDATE {table} SET expires_at = $3, modified_at = $4 WHERE owner = $1 AND name = $2");
            tx.execute(&sql, &[key, name, expires, now.into()]).await.map(drop)
        }
        (AttributeVerb::Update, Some(_)) if was_sealed.is_none() => Ok(()),
        (AttributeVerb::Create | AttributeVerb::Update | AttributeVerb::Set, Some(value)) => {
            let seals = write.seals || was_sealed == Some(true);
            let sealed = if seals {
                Some(seals::seal(tx, place(owner, &write.name), value.expose().as_bytes()).await?)
            } else {
                None
            };
            let clear = if seals { Param::Null } else { Param::Text(value.expose()) };
            let sealed = sealed.as_deref().map_or(Param::Null, Param::Bytes);
            let sql = format!(
                "INSERT INTO {table} (owner, name, value, sealed, created_at, modified_at, expires_at) \
                 VALUES ($1, $2, $3, $4, $5, $5, $6) ON CONFLICT (owner, name) DO UPDATE SET value = excluded.value, \
                 sealed = excluded.sealed, modified_at = excluded.modified_at, \
                 expires_at = COALESCE(excluded.expires_at, {table}.expires_at)"
            );
            tx.execute(&sql, &[key, name, clear, sealed, now.into(), expires]).await.map(drop)
        }
        (AttributeVerb::Create | AttributeVerb::Update | AttributeVerb::Set, None) => {
            Err(TxError::Corrupt(format!("{table}: an attribute without a value was to be written")))
        }
    }
}

/// Stores an attribute that isn't there yet; without its value nothing is stored. The caller holds the owner.
pub async fn insert<T: Tx>(tx: &mut T, owner: AttributeOwner, attribute: &Attribute) -> Result<(), TxError> {
    let Some(value) = &attribute.value else { return Ok(()) };
    let sealed = if attribute.is_sealed {
        Some(seals::seal(tx, place(owner, &attribute.name), value.expose().as_bytes()).await?)
    } else {
        None
    };
    let params = [
        Param::Id(id(owner)),
        Param::Text(attribute.name.as_str()),
        if attribute.is_sealed { Param::Null } else { Param::Text(value.expose()) },
        sealed.as_deref().map_or(Param::Null, Param::Bytes),
        attribute.created.micros().into(),
        attribute.modified.micros().into(),
        Param::optional(attribute.expires.map(Timestamp::micros)),
    ];
    let sql = format!(
        "INSERT INTO {} (owner, name, value, sealed, created_at, modified_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        table(owner)
    );
    tx.execute(&sql, &params).await.map(drop)
}

fn attribute(owner: AttributeOwner, row: Row, opening: Option<&Keyring>) -> Result<Attribute, TxError> {
    let mut record = Record::new(table(owner), row);
    let name = name_of(&record)?;
    let clear = record.optional_text("value")?.map(Secret::new);
    let sealed = record.optional_blob("sealed")?;
    let value = match (&sealed, opening) {
        (Some(sealed), Some(keyring)) => {
            let opened = keyring.open(place(owner, &name), sealed).map_err(|error| record.corrupt("sealed", error))?;
            let text = std::str::from_utf8(&opened).map_err(|error| record.corrupt("sealed", error))?;
            Some(Secret::new(text))
        }
        (Some(_), None) => None,
        (None, _) => clear,
    };
    Ok(Attribute {
        name,
        value,
        is_sealed: sealed.is_some(),
        created: record.time("created_at")?,
        modified: record.time("modified_at")?,
        expires: record.optional_int("expires_at")?.map(Timestamp::from_micros),
    })
}

impl Execute for FindAttributes {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<Attribute>, TxError> {
        if self.names.is_empty() {
            return Ok(Vec::new());
        }
        let mut params = vec![Param::Id(id(self.owner)), Param::Int(self.now.micros())];
        params.extend(self.names.iter().map(|name| Param::Text(name.as_str())));
        let places: Vec<String> = (3..=params.len()).map(|number| format!("${number}")).collect();
        let sql = format!(
            "SELECT name, value, sealed, created_at, modified_at, expires_at FROM {} WHERE owner = $1 \
             AND (expires_at IS NULL OR expires_at >= $2) AND name IN ({})",
            table(self.owner),
            places.join(", ")
        );
        let rows = tx.query(&sql, &params).await?;
        let opening = self.opens.then(|| tx.keyring());
        rows.into_iter().map(|row| attribute(self.owner, row, opening)).collect()
    }
}

impl Execute for ListAttributeNames {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<AttributeName>, TxError> {
        let sql = format!(
            "SELECT name FROM {} WHERE owner = $1 AND (expires_at IS NULL OR expires_at >= $2)",
            table(self.owner)
        );
        let rows = tx.query(&sql, &[id(self.owner).into(), self.now.micros().into()]).await?;
        rows.into_iter().map(|row| name_of(&Record::new(table(self.owner), row))).collect()
    }
}

impl Execute for ReapAttributes {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        let mut reaped = 0;
        for table in [USERS, SESSIONS] {
            let sql = format!(
                "DELETE FROM {table} WHERE (owner, name) IN \
                 (SELECT owner, name FROM {table} WHERE expires_at < $1 LIMIT $2)"
            );
            reaped += tx.execute(&sql, &[self.before.micros().into(), i64::from(self.limit).into()]).await?;
        }
        Ok(reaped)
    }
}
