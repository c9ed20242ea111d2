//! Records of URIs: read, changed, removed.

use countersign_identity::Timestamp;
use countersign_identity::audit::Reason;
use countersign_identity::uris::import::{ImportUri, ImportUriOutcome, ImportedUri};
use countersign_identity::uris::operations::{
    Begins, ClearUriHistory, CountUris, DeleteUri, DocumentsVersion, FindUri, ListConnections, ListDocumented,
    ListDueUris, ListUris, SetUri, SetUriOutcome, SettleUris, Settled, Settlement,
};
use countersign_identity::uris::{
    Change, Connection, HISTORY_MAX, LastCallee, Schedule, UriKey, UriPolicy, UriRecord, UriUpdate, WarnSettings,
    ZombieLifespan,
};

use super::{audit, first};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Column, Param, Row};

const URIS: &str = "uris";

macro_rules! columns {
    () => {
        "uris.id, uri, policy, is_system, active, invoke, description, contact, created_at, authid, peer, session, \
         disconnected_at, warn_after, warn_reminder_after, warned_at, count_warn_after, count_warn_reminder_after, \
         count_warned_at, zombie_lifespan, schedule, due_at"
    };
}

/// The columns of [`uri`].
pub const COLUMNS: &str = columns!();

/// The columns of [`connection`].
pub const CONNECTION_COLUMNS: &str = "sequence, connected_at, disconnected_at, authid, peer, session";

/// A row of [`CONNECTION_COLUMNS`].
pub fn connection(row: Row) -> Result<Connection, TxError> {
    let mut record = Record::new("uri_connections", row);
    Ok(Connection {
        connected: record.time("connected_at")?,
        disconnected: optional_time(&mut record, "disconnected_at")?,
        authid: record.text("authid")?,
        peer: record.text("peer")?,
        session: record.int("session")?,
    })
}

/// A lifespan of for ever.
const FOR_EVER: i64 = -1;

/// How many records there are.
pub async fn count<T: Tx>(tx: &mut T) -> Result<i64, TxError> {
    match first(tx, "SELECT COUNT(*) FROM uris", &[]).await?.as_deref() {
        Some([Column::Int(count)]) => Ok(*count),
        _ => Err(TxError::Corrupt("uris can't be counted".into())),
    }
}

/// The record's name, from columns that begin with the id.
pub fn key(record: &mut Record) -> Result<UriKey, TxError> {
    let uri = record.text("uri")?;
    let policy = record.named("policy", UriPolicy::from_name)?;
    UriKey::new(&uri, policy).map_err(|error| record.corrupt("uri", error))
}

fn optional_time(record: &mut Record, field: &str) -> Result<Option<Timestamp>, TxError> {
    Ok(record.optional_int(field)?.map(Timestamp::from_micros))
}

/// A row of [`COLUMNS`].
pub fn uri(row: Row) -> Result<UriRecord, TxError> {
    let mut record = Record::new(URIS, row);
    let key = key(&mut record)?;
    let (is_system, is_active) = (record.truth("is_system")?, record.truth("active")?);
    let invoke = record.optional_text("invoke")?;
    let (description, contact) = (record.text("description")?, record.text("contact")?);
    let created = record.time("created_at")?;
    let (authid, peer) = (record.optional_text("authid")?, record.optional_text("peer")?);
    let last = LastCallee { authid, peer, session: record.optional_int("session")? };
    let disconnected = optional_time(&mut record, "disconnected_at")?;
    let after_seconds = record.optional_count("warn_after")?;
    let reminder_after_seconds = record.optional_count("warn_reminder_after")?;
    let warned = optional_time(&mut record, "warned_at")?;
    let count_after = record.optional_count("count_warn_after")?;
    let count_reminder_after_seconds = record.optional_count("count_warn_reminder_after")?;
    let count_warned = optional_time(&mut record, "count_warned_at")?;
    let zombie_lifespan = match record.optional_int("zombie_lifespan")? {
        None => None,
        Some(FOR_EVER) => Some(ZombieLifespan::Never),
        Some(seconds) => {
            let seconds = u32::try_from(seconds).map_err(|error| record.corrupt("zombie_lifespan", error))?;
            Some(ZombieLifespan::Seconds(seconds))
        }
    };
    let schedule = record.parsed("schedule", Schedule::parse)?;
    let warn = WarnSettings { after_seconds, reminder_after_seconds, count_after, count_reminder_after_seconds };
    let due = optional_time(&mut record, "due_at")?;
    Ok(UriRecord {
        key,
        is_active,
        is_system,
        invoke,
        description,
        contact,
        created,
        last,
        disconnected,
        warn,
        warned,
        count_warned,
        zombie_lifespan,
        schedule,
        due,
    })
}

impl Execute for FindUri {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<UriRecord>, TxError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM uris WHERE id = $1");
        first(tx, SQL, &[self.key.id().into()]).await?.map(uri).transpose()
    }
}

impl Execute for ListConnections {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<Connection>, TxError> {
        let sql =
            format!("SELECT {CONNECTION_COLUMNS} FROM uri_connections WHERE uri = $1 ORDER BY sequence DESC LIMIT $2");
        let newest_first = tx.query(&sql, &[self.key.id().into(), i64::from(HISTORY_MAX).into()]).await?;
        newest_first.into_iter().rev().map(connection).collect()
    }
}

impl Execute for ListUris {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<UriRecord>, TxError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM uris WHERE (uri > $1 OR uri = $1 AND policy > $2) AND (NOT is_system OR $3) \
             ORDER BY uri, policy LIMIT $4"
        );
        let after = self.after.as_ref();
        let (uri_after, policy_after) = after.map_or(("", ""), |key| (key.uri(), key.policy().name()));
        let params = [uri_after.into(), policy_after.into(), self.with_system.into(), i64::from(self.limit).into()];
        tx.query(SQL, &params).await?.into_iter().map(uri).collect()
    }
}

impl Execute for ListDueUris {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<UriRecord>, TxError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM uris WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2");
        let params = [self.now.micros().into(), i64::from(self.limit).into()];
        tx.query(SQL, &params).await?.into_iter().map(uri).collect()
    }
}

impl Execute for SettleUris {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<bool>, TxError> {
        let mut done = Vec::with_capacity(self.settlements.len());
        for settlement in &*self.settlements {
            done.push(settle(tx, settlement).await?);
        }
        Ok(done)
    }
}

async fn settle<T: Tx>(tx: &mut T, settlement: &Settlement) -> Result<bool, TxError> {
    const STAYS: &str =
        "UPDATE uris SET warned_at = $3, count_warned_at = $4, due_at = $5 WHERE id = $1 AND due_at = $2";
    const GOES: &str = "DELETE FROM uris WHERE id = $1 AND due_at = $2 AND NOT active RETURNING id";
    let time = |time: Option<Timestamp>| Param::optional(time.map(Timestamp::micros));
    let (id, seen) = (Param::Id(settlement.key.id()), Param::Int(settlement.due.micros()));
    match &settlement.becomes {
        Settled::Stays { warned, count_warned, due } => {
            let params = [id, seen, time(*warned), time(*count_warned), time(*due)];
            Ok(tx.execute(STAYS, &params).await? == 1)
        }
        Settled::Goes(event) => {
            let is_gone = first(tx, GOES, &[id, seen]).await?.is_some();
            if is_gone {
                audit::accept(tx, event).await?;
                documents_changed(tx).await?;
            }
            Ok(is_gone)
        }
    }
}

impl Execute for SetUri {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<SetUriOutcome, TxError> {
        let (key, schedule, now) = (&self.key, self.schedule.as_ref(), self.audit.at);
        let is_there = self.begins != Begins::Always && set(tx, key, &self.update, schedule, now).await?;
        let refused = if is_there {
            None
        } else if self.begins == Begins::Never {
            Some((SetUriOutcome::NotFound, Reason::NotFound))
        } else if self.begins == Begins::Always && is_known(tx, key).await? {
            Some((SetUriOutcome::Exists, Reason::Exists))
        } else if count(tx).await? >= i64::from(self.records_max) {
            Some((SetUriOutcome::TooMany, Reason::TooMany))
        } else if begin(tx, key, now, now).await? || self.begins == Begins::IfMissing {
            set(tx, key, &self.update, schedule, now).await?;
            None
        } else {
            Some((SetUriOutcome::Exists, Reason::Exists))
        };
        if let Some((outcome, reason)) = refused {
            audit::refuse(tx, &self.audit, reason).await?;
            return Ok(outcome);
        }
        if self.update.documents() {
            documents_changed(tx).await?;
        }
        audit::accept(tx, &self.audit).await?;
        Ok(SetUriOutcome::Done)
    }
}

async fn is_known<T: Tx>(tx: &mut T, key: &UriKey) -> Result<bool, TxError> {
    super::exists(tx, "SELECT 1 FROM uris WHERE id = $1", &[key.id().into()]).await
}

/// Begins a record of which nothing is said, and that is not active. Whether there was none.
async fn begin<T: Tx>(tx: &mut T, key: &UriKey, created: Timestamp, gone: Timestamp) -> Result<bool, TxError> {
    const SQL: &str = "INSERT INTO uris (id, uri, policy, is_system, active, description, contact, created_at, \
        disconnected_at, schedule) VALUES ($1, $2, $3, FALSE, FALSE, '', '', $4, $5, '') ON CONFLICT (id) DO NOTHING";
    let (uri, policy) = (key.uri().into(), key.policy().name().into());
    let params = [key.id().into(), uri, policy, created.micros().into(), gone.micros().into()];
    Ok(tx.execute(SQL, &params).await? == 1)
}

/// Whether there was a record to change.
async fn set<T: Tx>(
    tx: &mut T,
    key: &UriKey,
    update: &UriUpdate,
    schedule: Option<&Schedule>,
    now: Timestamp,
) -> Result<bool, TxError> {
    const SQL: &str = "UPDATE uris SET description = COALESCE($2, description), contact = COALESCE($3, contact), \
        schedule = COALESCE($4, schedule), \
        warn_after = CASE WHEN $5 THEN CAST($6 AS bigint) ELSE warn_after END, \
        warn_reminder_after = CASE WHEN $7 THEN CAST($8 AS bigint) ELSE warn_reminder_after END, \
        count_warn_after = CASE WHEN $9 THEN CAST($10 AS bigint) ELSE count_warn_after END, \
        count_warn_reminder_after = CASE WHEN $11 THEN CAST($12 AS bigint) ELSE count_warn_reminder_after END, \
        zombie_lifespan = CASE WHEN $13 THEN CAST($14 AS bigint) ELSE zombie_lifespan END, \
        disconnected_at = CASE WHEN active THEN NULL ELSE COALESCE(CAST($15 AS bigint), disconnected_at) END, \
        due_at = $16 WHERE id = $1";
    let UriUpdate { description, contact, zombie_lifespan, disconnected, .. } = update;
    let number = |field: Change<u32>| [field.is_some().into(), Param::optional(field.flatten().map(i64::from))];
    let lifespan = zombie_lifespan.flatten().map(|lifespan| match lifespan {
        ZombieLifespan::Never => FOR_EVER,
        ZombieLifespan::Seconds(seconds) => seconds.into(),
    });
    let [has_after, after] = number(update.warn_after_seconds);
    let [has_reminder, reminder] = number(update.warn_reminder_after_seconds);
    let [has_count, count_after] = number(update.count_warn_after);
    let [has_count_reminder, count_reminder] = number(update.count_warn_reminder_after_seconds);
    let params = [
        key.id().into(),
        Param::optional(description.as_deref()),
        Param::optional(contact.as_deref()),
        Param::optional(schedule.map(Schedule::as_str)),
        has_after,
        after,
        has_reminder,
        reminder,
        has_count,
        count_after,
        has_count_reminder,
        count_reminder,
        zombie_lifespan.is_some().into(),
        Param::optional(lifespan),
        Param::optional(disconnected.map(Timestamp::micros)),
        now.micros().into(),
    ];
    Ok(tx.execute(SQL, &params).await? == 1)
}

impl Execute for ImportUri {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ImportUriOutcome, TxError> {
        let (imported, now) = (&self.imported, self.audit.at);
        let (key, update) = (&imported.key, &imported.update);
        let has_room = count(tx).await? < i64::from(self.records_max);
        let refused = if is_known(tx, key).await? {
            Some((ImportUriOutcome::Exists, Reason::Exists))
        } else if !has_room {
            Some((ImportUriOutcome::TooMany, Reason::TooMany))
        } else if begin(tx, key, imported.created, update.disconnected.unwrap_or(now)).await? {
            None
        } else {
            Some((ImportUriOutcome::Exists, Reason::Exists))
        };
        if let Some((outcome, reason)) = refused {
            audit::refuse(tx, &self.audit, reason).await?;
            return Ok(outcome);
        }
        set(tx, key, update, self.schedule.as_ref(), now).await?;
        seen(tx, imported, &self.audit.detail, now).await?;
        if update.documents() {
            documents_changed(tx).await?;
        }
        audit::accept(tx, &self.audit).await?;
        Ok(ImportUriOutcome::Imported)
    }
}

/// Writes down what another system saw; `node` stands for its servers.
async fn seen<T: Tx>(tx: &mut T, imported: &ImportedUri, node: &str, now: Timestamp) -> Result<(), TxError> {
    const RECORD: &str = "UPDATE uris SET invoke = $2, authid = $3, peer = $4, session = $5, warned_at = $6, \
        count_warned_at = $7 WHERE id = $1";
    const CONNECTION: &str = "INSERT INTO uri_connections (uri, node, session, connected_at, disconnected_at, authid, peer) \
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let id = Param::Id(imported.key.id());
    let LastCallee { authid, peer, session } = &imported.last;
    let params = [
        id,
        Param::optional(imported.invoke.as_deref()),
        Param::optional(authid.as_deref()),
        Param::optional(peer.as_deref()),
        Param::optional(*session),
        Param::optional(imported.warned.map(Timestamp::micros)),
        Param::optional(imported.count_warned.map(Timestamp::micros)),
    ];
    tx.execute(RECORD, &params).await?;
    let beyond = imported.history.len().saturating_sub(usize::try_from(HISTORY_MAX).unwrap_or(usize::MAX));
    for connection in imported.history.iter().skip(beyond) {
        let (from, until) = (connection.connected, connection.disconnected.unwrap_or(now));
        let (authid, peer) = (Param::Text(&connection.authid), Param::Text(&connection.peer));
        let (session, from, until) = (connection.session.into(), from.micros().into(), until.micros().into());
        tx.execute(CONNECTION, &[id, node.into(), session, from, until, authid, peer]).await?;
    }
    Ok(())
}

impl Execute for CountUris {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        let counted = count(tx).await?;
        u64::try_from(counted).map_err(|_| TxError::Corrupt("uris can't be counted".into()))
    }
}

impl Execute for ClearUriHistory {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const SQL: &str = "DELETE FROM uri_connections WHERE uri = $1 AND disconnected_at IS NOT NULL";
        let id = Param::Id(self.key.id());
        if !is_known(tx, &self.key).await? {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(false);
        }
        tx.execute(SQL, &[id]).await?;
        // What was counted is gone.
        tx.execute("UPDATE uris SET due_at = $2 WHERE id = $1", &[id, self.audit.at.micros().into()]).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(true)
    }
}

impl Execute for DeleteUri {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const SQL: &str = "DELETE FROM uris WHERE id = $1 AND NOT active";
        if tx.execute(SQL, &[self.key.id().into()]).await? == 0 {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(false);
        }
        documents_changed(tx).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(true)
    }
}

async fn documents_changed<T: Tx>(tx: &mut T) -> Result<(), TxError> {
    tx.execute("UPDATE uri_documents SET version = version + 1", &[]).await.map(drop)
}

impl Execute for DocumentsVersion {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<i64, TxError> {
        let row = first(tx, "SELECT id, version FROM uri_documents", &[]).await?;
        let row = row.ok_or_else(|| TxError::Corrupt("uri_documents has no row".into()))?;
        Record::new("uri_documents", row).int("version")
    }
}

impl Execute for ListDocumented {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<UriKey>, TxError> {
        const SQL: &str = "SELECT id, uri, policy FROM uris WHERE description <> '' AND contact <> ''";
        tx.query(SQL, &[]).await?.into_iter().map(|row| key(&mut Record::new(URIS, row))).collect()
    }
}
