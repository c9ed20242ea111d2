//! `system.db.*`
//!
//! Source: contract of the bus, section 5.

use countersign_identity::Timestamp;
use countersign_identity::records::{Input, Page, QueryRequest, Records};
use countersign_wamp::{Dict, Time, Value};
use futures_util::FutureExt as _;

use super::arguments::text;
use super::errors::Failure;
use super::errors::FailureKind::{InvalidArgument, LimitExceeded, PermissionDenied};
use super::{Call, Procedure, Spellings};
use crate::clock::now;
use crate::records;

/// Records.
pub const PROCEDURES: &[Procedure] = &[Procedure {
    names: &["system.db.query"],
    spellings: Spellings::Both,
    summary: "Searches the records of a collection ([records](database.md)), and gives a page of them.",
    arguments: "collection, conditions=null, fields=null, sort=null, limit=null, page_index=0, yaml=false",
    result: "`records`, `page_index`, `page` (from 1), `pages` (0 without a limit), `hits` (on all pages), `limit`, `sort`",
    errors: &[InvalidArgument, PermissionDenied, LimitExceeded],
    rule: "signed-in users; without the role `trust` only their own record, and what belongs to them",
    run: |call| query(call).boxed(),
}];

/// `system.db.query(collection, conditions=null, fields=null, sort=null, limit=null, page_index=0, yaml=false) → dict`
async fn query(call: Call) -> Result<Value, Failure> {
    let names = ["collection", "conditions", "fields", "sort", "limit", "page_index", "yaml"];
    // `fields` narrows nothing, as on the bus that this replaces.
    let [collection, conditions, _fields, sort, limit, page_index, _yaml] =
        call.arguments.bind("system.db.query", names)?;
    let request = QueryRequest {
        collection: text(collection, "collection")?,
        conditions: input(conditions),
        sort: input(sort.clone()),
        limit: input(limit.clone()),
        page_index: input(page_index),
    };
    let page = call.app.identity.query_records(&request, &call.caller.actor, now()).await?;
    Ok(answer(page, limit, sort))
}

fn answer(page: Page, limit: Value, sort: Value) -> Value {
    let Page { hits, pages, page_index, records } = page;
    let records: Vec<Value> = match &records {
        Records::Users(users) => users.iter().map(|entry| records::user(entry).into()).collect(),
        Records::Roles(roles) => roles.iter().map(|entry| records::role(entry).into()).collect(),
        Records::Cookies(cookies) => cookies.iter().map(|entry| records::cookie(entry).into()).collect(),
        Records::Otps(otps) => {
            otps.iter().map(|entry| records::otp(&entry.credential, &entry.login, None).into()).collect()
        }
    };
    Dict::new()
        .with("records", records)
        .with("page_index", page_index)
        .with("page", u64::from(page_index) + 1)
        .with("pages", pages)
        .with("hits", hits)
        .with("limit", limit)
        .with("sort", sort)
        .into()
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
