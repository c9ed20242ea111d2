//! `ad.*`, `directory.*` and `system.sync`: what is in the directory, and what comes from it.

use countersign_wamp::{Dict, Value};
use futures_util::FutureExt as _;

use super::errors::Failure;
use super::errors::FailureKind::{InvalidArgument, LimitExceeded};
use super::{Call, Procedure, Spellings};
use crate::directory::Entry;

/// Users and groups of the directory.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["ad.users"],
        spellings: Spellings::Both,
        summary: USERS,
        arguments: "",
        result: USERS_RESULT,
        errors: &[InvalidArgument, LimitExceeded],
        rule: "",
        run: |call| users(call).boxed(),
    },
    Procedure {
        names: &["directory.users"],
        spellings: Spellings::LongOnly,
        summary: "The same as `ad.users`; for old programs.",
        arguments: "",
        result: USERS_RESULT,
        errors: &[InvalidArgument, LimitExceeded],
        rule: "",
        run: |call| users(call).boxed(),
    },
    Procedure {
        names: &["ad.groups"],
        spellings: Spellings::Both,
        summary: "The groups of the directory ([LDAP](ldap.md)), at most as old as `ldap.listing_seconds_max` says.",
        arguments: "",
        result: GROUPS_RESULT,
        errors: &[InvalidArgument, LimitExceeded],
        rule: "",
        run: |call| groups(call).boxed(),
    },
    Procedure {
        names: &["directory.groups"],
        spellings: Spellings::LongOnly,
        summary: "The same as `ad.groups`; for old programs.",
        arguments: "",
        result: GROUPS_RESULT,
        errors: &[InvalidArgument, LimitExceeded],
        rule: "",
        run: |call| groups(call).boxed(),
    },
    Procedure {
        names: &["system.sync"],
        spellings: Spellings::Both,
        summary: "Brings the users of the directory over ([LDAP](ldap.md#bringing-users-over)), as it is done by itself each hour.",
        arguments: "",
        result: "null, when it is done; without a directory at once",
        errors: &[InvalidArgument, LimitExceeded],
        rule: "one at a time: who asks while it goes on gets the answer to that",
        run: |call| sync(call).boxed(),
    },
];

const USERS: &str = "The users of the directory ([LDAP](ldap.md)), at most as old as `ldap.listing_seconds_max` says.";
const USERS_RESULT: &str =
    "a list of `attributes` (the entry's, and its `dn`) and `db` (the `dn` again); empty without a directory";
const GROUPS_RESULT: &str = "a list of the entries' attributes, each with its `dn`; empty without a directory";

/// `ad.users() → [{attributes: {…, dn}, db}]`
async fn users(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("ad.users", [])?;
    let Some(directory) = &call.app.directory else { return Ok(Value::List(Vec::new())) };
    let user = |entry: &Entry| Dict::new().with("attributes", entry.to_dict()).with("db", entry.dn.as_str()).into();
    Ok(Value::List(directory.users().await?.iter().map(user).collect()))
}

/// `ad.groups() → [{…, dn}]`
async fn groups(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("ad.groups", [])?;
    let Some(directory) = &call.app.directory else { return Ok(Value::List(Vec::new())) };
    Ok(Value::List(directory.groups().await?.iter().map(|entry| entry.to_dict().into()).collect()))
}

/// `system.sync() → null`
async fn sync(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("system.sync", [])?;
    call.app.sync_directory(Some(&call.hub), &call.caller.actor, &call.context).await?;
    Ok(Value::Null)
}
