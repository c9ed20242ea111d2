//! Queries on records: one builder for every collection.
//!
//! **Invariant:** what is compared with is a value, never a part of the statement; names of columns come from `columns.rs`
//! alone. The gate is a condition like the filter's, so that neither records nor their number tell of others.

mod builder;
mod columns;
pub mod values;

use std::collections::HashMap;

use countersign_identity::records::entry::{CookieEntry, KeyEntry, MetadataRecord, RoleEntry, UserEntry};
use countersign_identity::records::write::{CountRecords, LocateRecords, Located};
use countersign_identity::records::{Collection, FoundRecords, Gate, Query, QueryRecords, Records, RecordsLimit};
use countersign_identity::role::{Role, RoleName};
use countersign_identity::uris::{FoundUri, HISTORY_MAX};
use countersign_identity::{Credential, CredentialKind, LoginName, RoleId, Timestamp, UserId};
use uuid::Uuid;

use super::{credentials, metadata, profiles, roles, rosters, uris};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};
use builder::Builder;

/// The columns of a collection's records, and where they are.
fn source(collection: Collection) -> String {
    const OTPS: &str = concat!(
        "SELECT ",
        credentials::columns!(),
        ", (SELECT users.login FROM users WHERE users.id = credentials.owner) FROM credentials"
    );
    const COOKIES: &str = concat!(
        "SELECT ",
        credentials::columns!(),
        ", (SELECT users.login FROM users WHERE users.id = credentials.owner)",
        ", (SELECT users.role FROM users WHERE users.id = credentials.owner) FROM credentials"
    );
    match collection {
        Collection::Users => profiles::with_factor(""),
        Collection::Roles => "SELECT roles.name, roles.id FROM roles".to_owned(),
        Collection::Otps | Collection::ApiKeys => OTPS.to_owned(),
        Collection::Cookies => COOKIES.to_owned(),
        Collection::Metadata => format!(
            "SELECT {}, owner, (SELECT users.login FROM users WHERE users.id = metadata.owner) FROM metadata",
            metadata::COLUMNS
        ),
        Collection::Uris => format!("SELECT {} FROM uris", uris::COLUMNS),
        Collection::Rosters => format!("SELECT {} FROM rosters", rosters::COLUMNS),
    }
}

/// The table, and the columns of the order of its key.
fn table(collection: Collection) -> (&'static str, &'static str) {
    match collection {
        Collection::Users => ("users", "users.login"),
        Collection::Roles => ("roles", "roles.name"),
        Collection::Otps | Collection::ApiKeys | Collection::Cookies => ("credentials", "credentials.id"),
        Collection::Metadata => ("metadata", "metadata.key, metadata.id"),
        Collection::Uris => ("uris", "uris.uri, uris.policy"),
        Collection::Rosters => ("rosters", "rosters.key, rosters.id"),
    }
}

/// The expression of a field, and its table.
#[cfg(test)]
pub fn place(field: countersign_identity::records::Field) -> Option<(&'static str, &'static str)> {
    let (table, _) = table(field.collection());
    columns::column(field).map(|column| (column.sql, table))
}

/// The kind of credential that a collection holds, if it holds such.
fn kind(collection: Collection) -> Option<CredentialKind> {
    match collection {
        Collection::Otps => Some(CredentialKind::Otp),
        Collection::ApiKeys => Some(CredentialKind::ApiKey),
        Collection::Cookies => Some(CredentialKind::Cookie),
        Collection::Users | Collection::Roles | Collection::Metadata | Collection::Uris | Collection::Rosters => None,
    }
}

/// The column that says whose a record is; `None`: nobody's.
fn owner(collection: Collection) -> Option<&'static str> {
    match collection {
        Collection::Users => Some("users.id"),
        Collection::Otps | Collection::ApiKeys => Some("credentials.owner"),
        Collection::Metadata => Some("metadata.owner"),
        Collection::Roles | Collection::Cookies | Collection::Uris | Collection::Rosters => None,
    }
}

/// What has come to its end, or was used up, is no record.
fn live(collection: Collection, now: Timestamp, builder: &mut Builder<'_>) {
    if let Some(kind) = kind(collection) {
        builder.and("credentials.kind = $ AND credentials.spent_at IS NULL", Param::Text(kind.name()));
        builder.and("credentials.expires_at >= $", Param::Int(now.micros()));
    }
}

/// The conditions of a query.
fn conditions(operation: &QueryRecords) -> Builder<'_> {
    let Query { collection, filter, .. } = &operation.query;
    let mut builder = Builder::default();
    live(*collection, operation.now, &mut builder);
    if let Gate::Own(id) = operation.gate {
        match owner(*collection) {
            Some(column) => builder.and(&format!("{column} = $"), Param::Id(id.uuid())),
            None => builder.nothing(),
        }
    }
    builder.filter(filter);
    builder
}

impl Execute for QueryRecords {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<FoundRecords, TxError> {
        let Query { collection, sort, limit, page_index, .. } = &self.query;
        let ((table, key), mut builder) = (table(*collection), conditions(self));
        let sql = format!("SELECT COUNT(*) FROM {table} {}", builder.sql());
        let counted = tx.query_once(&sql, &builder.params()).await?.into_iter().next();
        let record = Record::new(table, counted.unwrap_or_default());
        let hits = u64::try_from(record.key_int()?).map_err(|error| record.corrupt("count", error))?;
        let skipped = limit.map_or(0, |limit| u64::from(limit).saturating_mul(u64::from(*page_index)));
        let count = hits.saturating_sub(skipped).min(limit.map_or(u64::MAX, u64::from));
        let count = match usize::try_from(count) {
            Ok(count) if count <= RecordsLimit::Records.max() => i64::try_from(count).unwrap_or(i64::MAX),
            _ => return Ok(FoundRecords::TooMuch(RecordsLimit::Records)),
        };
        let rest = format!("{} {}", builder.sql(), columns::order(sort, key));
        let limit = builder.bind(Param::Int(count));
        let offset = builder.bind(Param::Int(i64::try_from(skipped).unwrap_or(i64::MAX)));
        let rest = format!("{rest} LIMIT {limit} OFFSET {offset}");
        if matches!(collection, Collection::Metadata | Collection::Rosters) {
            let page = format!("SELECT bytes FROM {table} {rest}");
            if exceeds(tx, &page, &builder.params()).await? {
                return Ok(FoundRecords::TooMuch(RecordsLimit::Bytes));
            }
        }
        let sql = format!("{} {rest}", source(*collection));
        let rows = tx.query_once(&sql, &builder.params()).await?;
        let records = match collection {
            Collection::Users => match users(tx, self, rows).await? {
                Ok(users) => Records::Users(users),
                Err(limit) => return Ok(FoundRecords::TooMuch(limit)),
            },
            Collection::Roles => Records::Roles(with_rules(tx, rows).await?),
            Collection::Otps => Records::Otps(rows.into_iter().map(otp).collect::<Result<_, _>>()?),
            Collection::ApiKeys => Records::ApiKeys(rows.into_iter().map(otp).collect::<Result<_, _>>()?),
            Collection::Metadata => Records::Metadata(rows.into_iter().map(noted).collect::<Result<_, _>>()?),
            Collection::Uris => match with_history(tx, rows).await? {
                Some(uris) => Records::Uris(uris),
                None => return Ok(FoundRecords::TooMuch(RecordsLimit::Embedded)),
            },
            Collection::Rosters => Records::Rosters(rows.into_iter().map(rosters::entry).collect::<Result<_, _>>()?),
            Collection::Cookies => Records::Cookies(rows.into_iter().map(cookie).collect::<Result<_, _>>()?),
        };
        Ok(FoundRecords::Page { hits, records })
    }
}

/// Placeholders for so many values behind those that are bound: `$2, $3`.
fn list<'a>(builder: &mut Builder<'a>, values: impl IntoIterator<Item = Param<'a>>) -> String {
    let placeholders: Vec<String> = values.into_iter().map(|value| builder.bind(value)).collect();
    placeholders.join(", ")
}

/// Whether the values of some rows take more bytes than an answer may have. Asked before they are read.
async fn exceeds<T: Tx>(tx: &mut T, rows: &str, params: &[Param<'_>]) -> Result<bool, TxError> {
    let sql = format!("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM ({rows}) AS page");
    let row = tx.query_once(&sql, params).await?.into_iter().next();
    let bytes = Record::new("records", row.unwrap_or_default()).key_int()?;
    Ok(usize::try_from(bytes).unwrap_or(usize::MAX) > RecordsLimit::Bytes.max())
}

/// Users with what belongs to them, or of what that is too much.
async fn users<T: Tx>(
    tx: &mut T,
    operation: &QueryRecords,
    rows: Vec<Row>,
) -> Result<Result<Vec<UserEntry>, RecordsLimit>, TxError> {
    let mut users = Vec::with_capacity(rows.len());
    for row in rows {
        let record = profiles::record(row, tx.keyring())?;
        users.push(UserEntry { record, otps: Vec::new(), api_keys: Vec::new(), metadata: Vec::new() });
    }
    if users.is_empty() {
        return Ok(Ok(users));
    }
    let ids: Vec<UserId> = users.iter().map(|entry| entry.record.user.id).collect();
    let mut builder = Builder::default();
    let kinds = [CredentialKind::Otp, CredentialKind::ApiKey];
    let kinds = list(&mut builder, kinds.into_iter().map(|kind| Param::Text(kind.name())));
    let now = builder.bind(Param::Int(operation.now.micros()));
    let owners = list(&mut builder, ids.iter().map(|id| Param::Id(id.uuid())));
    let max = RecordsLimit::Embedded.max();
    let limit = builder.bind(Param::Int(i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1)));
    let columns = credentials::columns!();
    let sql = format!(
        "SELECT {columns} FROM credentials WHERE owner IN ({owners}) AND kind IN ({kinds}) AND spent_at IS NULL \
         AND expires_at >= {now} ORDER BY created_at, id LIMIT {limit}"
    );
    let found = tx.query_once(&sql, &builder.params()).await?;
    if found.len() > max {
        return Ok(Err(RecordsLimit::Embedded));
    }
    for row in found {
        let key: Credential = credentials::credential(row)?;
        if let Some(entry) = users.iter_mut().find(|entry| entry.record.user.id == key.owner) {
            if key.kind == CredentialKind::Otp { &mut entry.otps } else { &mut entry.api_keys }.push(key);
        }
    }
    let limit = add_metadata(tx, &mut users, &ids).await?;
    Ok(limit.map_or(Ok(users), Err))
}

/// Adds what is noted of users; answers of what that would be too much, if so.
async fn add_metadata<T: Tx>(
    tx: &mut T,
    users: &mut [UserEntry],
    ids: &[UserId],
) -> Result<Option<RecordsLimit>, TxError> {
    let mut builder = Builder::default();
    let owners = list(&mut builder, ids.iter().map(|id| Param::Id(id.uuid())));
    let page = format!("SELECT bytes FROM metadata WHERE owner IN ({owners})");
    if exceeds(tx, &page, &builder.params()).await? {
        return Ok(Some(RecordsLimit::Bytes));
    }
    let max = RecordsLimit::Embedded.max();
    let limit = builder.bind(Param::Int(i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1)));
    let columns = metadata::COLUMNS;
    let sql = format!("SELECT {columns}, owner FROM metadata WHERE owner IN ({owners}) ORDER BY key, id LIMIT {limit}");
    let rows = tx.query_once(&sql, &builder.params()).await?;
    if rows.len() > max {
        return Ok(Some(RecordsLimit::Embedded));
    }
    for mut row in rows {
        let owner = last_id(&mut row)?;
        if let Some(entry) = users.iter_mut().find(|entry| entry.record.user.id == owner) {
            entry.metadata.push(metadata::entry(row)?);
        }
    }
    Ok(None)
}

/// Records of URIs with the newest of their connections; nothing where these are too many.
async fn with_history<T: Tx>(tx: &mut T, rows: Vec<Row>) -> Result<Option<Vec<FoundUri>>, TxError> {
    let found = |row| Ok(FoundUri { record: uris::uri(row)?, history: Vec::new() });
    let mut found = rows.into_iter().map(found).collect::<Result<Vec<_>, TxError>>()?;
    if found.is_empty() {
        return Ok(Some(found));
    }
    let mut places: HashMap<Uuid, &mut FoundUri> =
        found.iter_mut().map(|found| (found.record.key.id(), found)).collect();
    let mut builder = Builder::default();
    let ids = list(&mut builder, places.keys().map(|id| Param::Id(*id)));
    let max = RecordsLimit::Embedded.max();
    let limit = builder.bind(Param::Int(i64::try_from(max).unwrap_or(i64::MAX).saturating_add(1)));
    let columns = uris::CONNECTION_COLUMNS;
    let sql =
        format!("SELECT {columns}, uri FROM uri_connections WHERE uri IN ({ids}) ORDER BY sequence LIMIT {limit}");
    let rows = tx.query_once(&sql, &builder.params()).await?;
    if rows.len() > max {
        return Ok(None);
    }
    for mut row in rows {
        let id = Record::new("uri_connections", row.pop().into_iter().collect()).key_uuid()?;
        if let Some(found) = places.get_mut(&id) {
            found.history.push(uris::connection(row)?);
        }
    }
    for found in &mut found {
        let beyond = found.history.len().saturating_sub(usize::try_from(HISTORY_MAX).unwrap_or(usize::MAX));
        found.history.drain(..beyond);
    }
    Ok(Some(found))
}

/// Roles with their rules.
async fn with_rules<T: Tx>(tx: &mut T, rows: Vec<Row>) -> Result<Vec<RoleEntry>, TxError> {
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        let mut record = Record::new("roles", row);
        let name = RoleName::parse(record.key_text()?).map_err(|error| record.corrupt("name", error))?;
        let id = RoleId::from_uuid(Uuid::from_bytes(record.bytes("id")?));
        entries.push(RoleEntry { id, role: Role { name, rules: Vec::new() } });
    }
    let names: Vec<String> = entries.iter().map(|entry| entry.role.name.to_string()).collect();
    let mut builder = Builder::default();
    let names = list(&mut builder, names.iter().map(|name| Param::Text(name)));
    if names.is_empty() {
        return Ok(entries);
    }
    let sql = format!("SELECT role, pattern, rights FROM role_rules WHERE role IN ({names}) ORDER BY role, pattern");
    for row in tx.query_once(&sql, &builder.params()).await? {
        let mut record = Record::new("role_rules", row);
        let rule = roles::rule(&mut record)?;
        let name = record.key_text()?;
        if let Some(entry) = entries.iter_mut().find(|entry| entry.role.name.as_str() == name) {
            entry.role.rules.push(rule);
        }
    }
    Ok(entries)
}

/// The last column of a row that stands behind those of another record, as text.
fn last<V, E: std::fmt::Display>(row: &mut Row, parse: impl FnOnce(&str) -> Result<V, E>) -> Result<V, TxError> {
    let record = Record::new("users", row.pop().into_iter().collect());
    parse(record.key_text()?).map_err(|error| record.corrupt("text", error))
}

/// The same of a user's id.
fn last_id(row: &mut Row) -> Result<UserId, TxError> {
    Ok(UserId::from_uuid(Record::new("users", row.pop().into_iter().collect()).key_uuid()?))
}

fn noted(mut row: Row) -> Result<MetadataRecord, TxError> {
    let login = last(&mut row, LoginName::parse)?;
    let owner = last_id(&mut row)?;
    Ok(MetadataRecord { entry: metadata::entry(row)?, owner, login })
}

fn otp(mut row: Row) -> Result<KeyEntry, TxError> {
    let login = last(&mut row, LoginName::parse)?;
    Ok(KeyEntry { credential: credentials::credential(row)?, login })
}

fn cookie(mut row: Row) -> Result<CookieEntry, TxError> {
    let role = last(&mut row, RoleName::parse)?;
    let login = last(&mut row, LoginName::parse)?;
    Ok(CookieEntry { credential: credentials::credential(row)?, login, role })
}

impl Execute for LocateRecords {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<Located>, TxError> {
        let mut located = Vec::new();
        if self.ids.is_empty() {
            return Ok(located);
        }
        for collection in Collection::ALL.iter().copied() {
            let mut builder = Builder::default();
            let ids = list(&mut builder, self.ids.iter().map(|id| Param::Id(*id)));
            let sql = match (collection, kind(collection)) {
                (Collection::Users, _) => format!("SELECT id, id, login FROM users WHERE id IN ({ids})"),
                (Collection::Roles, _) => {
                    format!("SELECT id, CAST(NULL AS bytea), name FROM roles WHERE id IN ({ids})")
                }
                (_, Some(kind)) => {
                    // A cookie is the server's, though it signs a user in.
                    let owner = owner(collection).unwrap_or("CAST(NULL AS bytea)");
                    let kind = builder.bind(Param::Text(kind.name()));
                    format!("SELECT id, {owner}, '' FROM credentials WHERE id IN ({ids}) AND kind = {kind}")
                }
                (Collection::Metadata, _) => format!("SELECT id, owner, key FROM metadata WHERE id IN ({ids})"),
                (Collection::Rosters, _) => {
                    format!("SELECT id, CAST(NULL AS bytea), key FROM rosters WHERE id IN ({ids})")
                }
                (Collection::Uris, _) => {
                    let key = "uri || '_' || policy || '_register'";
                    format!("SELECT id, CAST(NULL AS bytea), {key} FROM uris WHERE id IN ({ids})")
                }
                (_, None) => continue,
            };
            for row in tx.query_once(&sql, &builder.params()).await? {
                let mut record = Record::new("records", row);
                let id = record.key_uuid()?;
                let owner = record.optional_bytes("owner")?.map(|bytes| UserId::from_uuid(Uuid::from_bytes(bytes)));
                located.push(Located { id, collection, owner, key: record.text("key")? });
            }
        }
        Ok(located)
    }
}

impl Execute for CountRecords {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<(Collection, u64)>, TxError> {
        let mut counts = Vec::new();
        for collection in Collection::ALL.iter().copied() {
            let mut builder = Builder::default();
            live(collection, self.now, &mut builder);
            let (table, _) = table(collection);
            let row =
                tx.query_once(&format!("SELECT COUNT(*) FROM {table} {}", builder.sql()), &builder.params()).await?;
            let record = Record::new(table, row.into_iter().next().unwrap_or_default());
            let count = u64::try_from(record.key_int()?).map_err(|error| record.corrupt("count", error))?;
            counts.push((collection, count));
        }
        Ok(counts)
    }
}
