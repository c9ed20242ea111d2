//! `system.db.*`
//!
//! Source: contract of the bus, section 5.

mod write;

use countersign_identity::records::{Input, Page, QueryError, QueryRequest, Records, collection_of};
use countersign_identity::repository::RepositoryError;
use countersign_identity::uris::FoundUri;
use countersign_identity::{Actor, Timestamp};
use countersign_wamp::{Dict, Time, Value};
use futures_util::FutureExt as _;
use futures_util::future::ready;

use super::arguments::{text, truth};
use super::errors::Failure;
use super::errors::FailureKind::{Exists, InvalidArgument, LimitExceeded, NotAuthorized, NotFound, PermissionDenied};
use super::{Call, Procedure, Spellings};
use crate::clock::now;
use crate::records;

/// Records.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["system.db.query"],
        spellings: Spellings::Both,
        summary: "Searches the records of a collection ([records](database.md)), and gives a page of them.",
        arguments: "collection, conditions=null, fields=null, sort=null, limit=null, page_index=0, yaml=false",
        result: "`records`, `page_index`, `page` (from 1), `pages` (0 without a limit), `hits` (on all pages), `limit`, `sort`",
        errors: &[InvalidArgument, PermissionDenied, LimitExceeded],
        rule: "signed-in users; without the role `trust` only their own record, and what belongs to them",
        run: |call| query(call).boxed(),
    },
    Procedure {
        names: &["system.db.create"],
        spellings: Spellings::Both,
        summary: "Makes a record. One that is there already is an error.",
        arguments: "parent_uuid, collection, rec, yaml=false",
        result: "the record; keys in the clear, for the only time",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, NotFound, Exists, LimitExceeded],
        rule: "`trust`; others only what belongs to themselves. Not from a session that was opened with a one-time password",
        run: |call| write::create(call).boxed(),
    },
    Procedure {
        names: &["system.db.upsert"],
        spellings: Spellings::Both,
        summary: "Makes a record, or changes the one that is there under its key.",
        arguments: "parent_uuid, collection, rec, yaml=false",
        result: "the record",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, NotFound, Exists, LimitExceeded],
        rule: "as `system.db.create`",
        run: |call| write::upsert(call).boxed(),
    },
    Procedure {
        names: &["system.db.update"],
        spellings: Spellings::Both,
        summary: "Changes records, one after the other. Those that aren't there, and those of others, are passed over.",
        arguments: "uuid_list, rec, yaml=false",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, NotFound, Exists],
        rule: "`trust`; others only what belongs to themselves, and their own `email`, `name` and, within an elevated session, \
               `plaintext_password`. Not from a session that was opened with a one-time password",
        run: |call| write::update(call).boxed(),
    },
    Procedure {
        names: &["system.db.delete"],
        spellings: Spellings::Both,
        summary: "Removes records, one after the other. Those that aren't there are passed over.",
        arguments: "uuid_list",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, NotFound],
        rule: "`trust`; others only what belongs to themselves. Not from a session that was opened with a one-time password",
        run: |call| write::delete(call).boxed(),
    },
    Procedure {
        names: &["system.db.stats"],
        spellings: Spellings::Both,
        summary: "How many records there are.",
        arguments: "include_paths=false",
        result: "`counts`: a dictionary of the collections",
        errors: &[InvalidArgument, PermissionDenied],
        rule: "signed-in users",
        run: |call| stats(call).boxed(),
    },
    Procedure {
        names: &["system.db.bulk_unload"],
        spellings: Spellings::Both,
        summary: "Nothing: there is no memory of records that could be emptied. For old programs.",
        arguments: "type",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied],
        rule: "signed-in users",
        run: |call| ready(bulk_unload(call)).boxed(),
    },
];

/// `system.db.query(collection, conditions=null, fields=null, sort=null, limit=null, page_index=0, yaml=false) → dict`
async fn query(call: Call) -> Result<Value, Failure> {
    let names = ["collection", "conditions", "fields", "sort", "limit", "page_index", "yaml"];
    // `fields` narrows nothing, as on the bus that this replaces.
    let Call { app, caller, arguments, long, .. } = call;
    let [collection, conditions, _fields, sort, limit, page_index, yaml] = arguments.bind("system.db.query", names)?;
    let yaml = truth(&yaml, "yaml")?;
    let request = QueryRequest {
        collection: text(collection, "collection")?,
        conditions: input(conditions),
        sort: input(sort.clone()),
        limit: input(limit.clone()),
        page_index: input(page_index),
    };
    let _reading = long.reading().await;
    let page = app.identity.query_records(&request, &caller.actor, now()).await?;
    let Page { hits, pages, page_index, records } = page;
    let records = long.unfold(records.bytes(), move || shown(&records, yaml)).await??;
    Ok(Dict::new()
        .with("records", records)
        .with("page_index", page_index)
        .with("page", u64::from(page_index) + 1)
        .with("pages", pages)
        .with("hits", hits)
        .with("limit", limit)
        .with("sort", sort)
        .into())
}

/// Records as programs see them.
fn shown(records: &Records, yaml: bool) -> Result<Vec<Value>, RepositoryError> {
    match records {
        Records::Users(users) => users.iter().map(|entry| Ok(records::user(entry, yaml)?.into())).collect(),
        Records::Roles(roles) => Ok(roles.iter().map(|entry| records::role(entry).into()).collect()),
        Records::Cookies(cookies) => Ok(cookies.iter().map(|entry| records::cookie(entry).into()).collect()),
        Records::Otps(otps) => {
            Ok(otps.iter().map(|entry| records::otp(&entry.credential, &entry.login, None).into()).collect())
        }
        Records::ApiKeys(keys) => {
            Ok(keys.iter().map(|entry| records::api_key(&entry.credential, None).into()).collect())
        }
        Records::Metadata(entries) => {
            entries.iter().map(|record| Ok(records::metadata_of(record, yaml)?.into())).collect()
        }
        Records::Uris(uris) => Ok(uris.iter().map(|found| uri(found).into()).collect()),
        Records::Rosters(entries) => entries.iter().map(|entry| Ok(records::roster_entry(entry)?.into())).collect(),
    }
}

/// A record of a URI, as every record says to whom it belongs.
fn uri(found: &FoundUri) -> Dict {
    records::uri(found).with("owner", "%root")
}

/// `system.db.stats(include_paths=false) → {counts: {collection: number}}`
async fn stats(call: Call) -> Result<Value, Failure> {
    // There are no paths.
    let [_include_paths] = call.arguments.bind("system.db.stats", ["include_paths"])?;
    let counts = call.app.identity.count_records(&call.caller.actor, now()).await?;
    let counts: Dict =
        counts.into_iter().map(|(collection, count)| (collection.name().to_owned(), count.into())).collect();
    Ok(Dict::new().with("counts", counts).into())
}

/// `system.db.bulk_unload(type) → true`
fn bulk_unload(call: Call) -> Result<Value, Failure> {
    let [collection] = call.arguments.bind("system.db.bulk_unload", ["type"])?;
    if call.caller.actor == Actor::Anonymous {
        return Err(QueryError::Anonymous.into());
    }
    collection_of(&text(collection, "type")?)?;
    Ok(Value::Bool(true))
}

/// A value as the rules take it, from whatever serializer.
fn input(value: Value) -> Input {
    match value {
        Value::Null => Input::Null,
        Value::Bool(truth) => Input::Truth(truth),
        Value::Int(number) => Input::Int(number),
        Value::UInt(_) | Value::Bytes(_) => Input::Other,
        // JavaScript's serializers write large whole numbers so.
        Value::Float(number) => {
            let whole = Value::Float(number).as_u64().and_then(|whole| i64::try_from(whole).ok());
            whole.map_or(Input::Float(number), Input::Int)
        }
        Value::Str(text) | Value::Time(Time::Text(text)) => Input::Text(text),
        Value::Time(Time::Unix { seconds, nanoseconds }) => {
            let micros = seconds.saturating_mul(1_000_000).saturating_add(i64::from(nanoseconds / 1_000));
            Input::Time(Timestamp::from_micros(micros))
        }
        Value::List(items) => Input::List(items.into_iter().map(input).collect()),
        Value::Dict(dict) => Input::Dict(dict.into_iter().map(|(key, value)| (key, input(value))).collect()),
    }
}
