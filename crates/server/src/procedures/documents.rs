//! `system.document.*`
//!
//! Source: contract of the bus, sections 1.1 and 4.8.

use std::time::Instant;

use countersign_identity::uris::{Asker, UriKey, UriPolicy, UriUpdate};
use countersign_wamp::{Dict, UriPattern, Value};
use futures_util::FutureExt as _;

use super::arguments::text;
use super::errors::Failure;
use super::errors::FailureKind::{InvalidArgument, LimitExceeded, PermissionDenied};
use super::{Call, Procedure, Spellings};
use crate::app::App;
use crate::clock::now;
use crate::uris::wire_policy;

/// What URIs are for.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["system.document.set"],
        spellings: Spellings::Both,
        summary: "Says what a procedure or a pattern of procedures is for, and who looks after it. Rights marked `!` ask for both.",
        arguments: "action, uri, data",
        result: "`true`; `false` for another action than `register`, for a field other than `match`, `description` and `contact`, \
            and where the caller could not register it if it were documented",
        errors: &[InvalidArgument, LimitExceeded],
        rule: "the right to register the URI, `!` or not",
        run: |call| set_document(call).boxed(),
    },
    Procedure {
        names: &["system.document.get"],
        spellings: Spellings::Both,
        summary: "What is said of a procedure or a pattern of procedures.",
        arguments: "match, uri",
        result: "`uri`, `match`, `action`, `description`, `contact`; null where nothing is said",
        errors: &[InvalidArgument, PermissionDenied],
        rule: "`trust`",
        run: |call| get_document(call).boxed(),
    },
];

/// `system.document.set(action, uri, data) → bool`
async fn set_document(call: Call) -> Result<Value, Failure> {
    let Call { app, hub, caller, context, arguments, .. } = call;
    let [action, uri, data] = arguments.bind("system.document.set", ["action", "uri", "data"])?;
    let (action, uri) = (text(action, "action")?, text(uri, "uri")?);
    let Value::Dict(data) = data else { return Err(Failure::argument("data has to be a dictionary")) };
    if action != UriKey::ACTION.verb() {
        return Ok(Value::Bool(false));
    }
    let Some((policy, update)) = documentation(data)? else { return Ok(Value::Bool(false)) };
    let key = uri_key(&app, &uri, policy)?;
    let rights = caller.rights();
    let asker = Asker { rights: &rights, is_elevated: caller.elevation.left(Instant::now()).is_some() };
    let identity = &app.identity;
    let is_done = identity.document_uri(&key, update, asker, &caller.actor, &context, now()).await?;
    if is_done {
        // What was said counts from the answer on.
        app.refresh_documents(Some(&hub)).await?;
    }
    Ok(Value::Bool(is_done))
}

/// `system.document.get(match, uri) → dict or null`
async fn get_document(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, arguments, .. } = call;
    let [policy, uri] = arguments.bind("system.document.get", ["match", "uri"])?;
    let key = uri_key(&app, &text(uri, "uri")?, read_policy(policy)?)?;
    let Some(found) = app.identity.uri(&key, &caller.actor).await? else { return Ok(Value::Null) };
    let record = found.record;
    if record.description.is_empty() && record.contact.is_empty() {
        return Ok(Value::Null);
    }
    let documentation = Dict::new()
        .with("uri", key.uri())
        .with("match", key.policy().name())
        .with("action", UriKey::ACTION.verb())
        .with("description", record.description)
        .with("contact", record.contact);
    Ok(documentation.into())
}

/// Match policy and what is said; `None` where there is an unknown field.
fn documentation(data: Dict) -> Result<Option<(UriPolicy, UriUpdate)>, Failure> {
    let (mut policy, mut update) = (UriPolicy::Exact, UriUpdate::default());
    for (name, value) in data {
        match name.as_str() {
            "match" => policy = read_policy(value)?,
            "description" => update.description = Some(text(value, "description")?),
            "contact" => update.contact = Some(text(value, "contact")?),
            _ => return Ok(None),
        }
    }
    Ok(Some((policy, update)))
}

fn read_policy(value: Value) -> Result<UriPolicy, Failure> {
    let name = text(value, "match")?;
    UriPolicy::from_name(&name).ok_or_else(|| Failure::argument("match is exact, prefix or wildcard"))
}

/// What could be registered, and have a record.
fn uri_key(app: &App, uri: &str, policy: UriPolicy) -> Result<UriKey, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::argument(format!("uri: {error}"));
    UriPattern::parse(uri, wire_policy(policy), app.config.uri_rules()).map_err(|error| wrong(&error))?;
    UriKey::new(uri, policy).map_err(|error| wrong(&error))
}
