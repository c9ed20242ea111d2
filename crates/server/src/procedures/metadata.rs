//! `my.metadata.*`, and `system.preference.*`, as it was called before.
//!
//! Source: contract of the bus, sections 1.1 and 4.2.

use countersign_identity::Secret;
use countersign_identity::metadata::{MetadataOf, MetadataValue};
use countersign_wamp::Value;
use futures_util::FutureExt as _;

use super::arguments::{json, text, truth};
use super::errors::Failure;
use super::errors::FailureKind::{InvalidArgument, LimitExceeded, PermissionDenied};
use super::long::{self, LongCalls};
use super::{Call, Procedure, Spellings};
use crate::clock::{now, random};
use crate::records;
use crate::yaml;

/// The procedures that take values, and so long arguments.
pub const TAKE_VALUES: [&str; 2] = ["my.metadata.set", "system.preference.set"];

const RULE: &str = "signed-in users; each has metadata of its own";
const GOT: &str =
    "the value; with `yaml` as YAML text: as it was given, or made of the value. Null where there is none";
const SET: &str =
    "Notes a value of the caller under a key. With `yaml` the value is YAML text, which is kept with its comments.";

/// Metadata.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["my.metadata.list"],
        spellings: Spellings::Both,
        summary: "All that is noted of the caller.",
        arguments: "yaml=false",
        result: "a dictionary of the keys: each with `uuid`, `value`, `owner`; with `yaml` with `uuid` and `value`, a YAML text",
        errors: &[InvalidArgument, PermissionDenied],
        rule: RULE,
        run: |call| list(call).boxed(),
    },
    Procedure {
        names: &["my.metadata.get"],
        spellings: Spellings::Both,
        summary: "What is noted of the caller under a key.",
        arguments: "key, yaml=false",
        result: GOT,
        errors: &[InvalidArgument, PermissionDenied],
        rule: RULE,
        run: |call| get(call).boxed(),
    },
    Procedure {
        names: &["system.preference.get"],
        spellings: Spellings::LongOnly,
        summary: "The same as `my.metadata.get`, for old programs.",
        arguments: "key, yaml=false",
        result: GOT,
        errors: &[InvalidArgument, PermissionDenied],
        rule: RULE,
        run: |call| get(call).boxed(),
    },
    Procedure {
        names: &["my.metadata.set"],
        spellings: Spellings::Both,
        summary: SET,
        arguments: "key, value, yaml=false",
        result: "what `my.metadata.get` answers from now on",
        errors: &[InvalidArgument, PermissionDenied, LimitExceeded],
        rule: RULE,
        run: |call| set(call).boxed(),
    },
    Procedure {
        names: &["system.preference.set"],
        spellings: Spellings::LongOnly,
        summary: "The same as `my.metadata.set`, for old programs.",
        arguments: "key, value, yaml=false",
        result: "what `my.metadata.get` answers from now on",
        errors: &[InvalidArgument, PermissionDenied, LimitExceeded],
        rule: RULE,
        run: |call| set(call).boxed(),
    },
    Procedure {
        names: &["my.metadata.delete"],
        spellings: Spellings::Both,
        summary: "Removes what is noted under a key. What isn't there counts as removed.",
        arguments: "key",
        result: "null",
        errors: &[InvalidArgument, PermissionDenied],
        rule: RULE,
        run: |call| delete(call).boxed(),
    },
];

/// `my.metadata.list(yaml=false) → dict`
async fn list(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, arguments, long, .. } = call;
    let [yaml] = arguments.bind("my.metadata.list", ["yaml"])?;
    let yaml = truth(&yaml, "yaml")?;
    let _reading = long.reading().await;
    let (owner, entries) = app.identity.list_metadata(MetadataOf::Own, &caller.actor).await?;
    let bytes = entries.iter().map(|entry| entry.value.bytes()).sum();
    Ok(long.unfold(bytes, move || records::metadata(&entries, owner, yaml)).await??)
}

/// `my.metadata.get(key, yaml=false) → value`
async fn get(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, arguments, long, .. } = call;
    let [key, yaml] = arguments.bind("my.metadata.get", ["key", "yaml"])?;
    let (key, yaml) = (text(key, "key")?, truth(&yaml, "yaml")?);
    let _reading = long.reading().await;
    match app.identity.metadata(MetadataOf::Own, &key, &caller.actor).await? {
        Some(entry) => shown(entry.value, yaml, &long).await,
        None => Ok(Value::Null),
    }
}

/// `my.metadata.set(key, value, yaml=false) → value`
async fn set(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, long, mut entered, .. } = call;
    let (identity, actor) = (&app.identity, &caller.actor);
    let [key, value, yaml] = arguments.bind_given("my.metadata.set", ["key", "value", "yaml"], 2)?;
    let (key, yaml) = (text(key, "key")?, truth(&yaml, "yaml")?);
    let bytes_max = app.config.metadata.value_bytes_max;
    let read = long::apart(value.len_hint(), move || given(value, yaml, bytes_max)).await?;
    if let Some(entered) = &mut entered {
        entered.pass_on();
    }
    let value = match read {
        Ok(value) => value,
        Err(failure) => {
            identity.record_unreadable_metadata(MetadataOf::Own, &key, actor, &context, now()).await?;
            return Err(failure);
        }
    };
    identity.set_metadata(MetadataOf::Own, &key, value.clone(), actor, &context, now(), &mut random()).await?;
    shown(value, yaml, &long).await
}

/// `my.metadata.delete(key) → null`
async fn delete(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, .. } = call;
    let [key] = arguments.bind("my.metadata.delete", ["key"])?;
    let key = text(key, "key")?;
    app.identity.delete_metadata(MetadataOf::Own, &key, &caller.actor, &context, now()).await?;
    Ok(Value::Null)
}

/// A value as it is stored.
pub fn given(value: Value, yaml: bool, bytes_max: usize) -> Result<MetadataValue, Failure> {
    if yaml {
        let Value::Str(text) = value else {
            return Err(Failure::argument("value has to be a YAML text, as yaml is true"));
        };
        let json = yaml::to_json(&text, bytes_max)?;
        return Ok(MetadataValue { json: Secret::new(json), yaml: Some(Secret::new(text)) });
    }
    Ok(MetadataValue { json: Secret::new(json(&value, "value")?), yaml: None })
}

async fn shown(value: MetadataValue, yaml: bool, long: &LongCalls) -> Result<Value, Failure> {
    Ok(long.unfold(value.bytes(), move || records::metadata_value(&value, yaml)).await??)
}
