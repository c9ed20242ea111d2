//! `system.vacuum`, `systems.handle.alerts`: runs of what runs by itself as well.
//!
//! Source: contract of the bus, sections 1.1 and 6.5.

use countersign_wamp::Value;
use futures_util::FutureExt as _;
use futures_util::future::ready;

use super::errors::Failure;
use super::errors::FailureKind::InvalidArgument;
use super::{Call, Procedure, Spellings};
use crate::vacuum::Wanted;

/// Removing what has come to its end, and telling what became of URIs.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["system.vacuum"],
        spellings: Spellings::Both,
        summary: "Removes everything that has come to its end, and compares what is registered with its records. This happens \
            by itself every minute; calls while it goes on are one.",
        arguments: "",
        result: "`true`, before it is done",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(ask(call, "system.vacuum", Wanted::ALL)).boxed(),
    },
    Procedure {
        names: &["system.vacuum.sessions"],
        spellings: Spellings::Both,
        summary: "As `system.vacuum`, of sign-on sessions and what people have begun and not ended.",
        arguments: "",
        result: "`true`, before it is done",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(ask(call, "system.vacuum.sessions", Wanted { sessions: true, ..Wanted::default() })).boxed(),
    },
    Procedure {
        names: &["system.vacuum.otps"],
        spellings: Spellings::Both,
        summary: "As `system.vacuum`, of one-time passwords, keys and cookies.",
        arguments: "",
        result: "`true`, before it is done",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(ask(call, "system.vacuum.otps", Wanted { credentials: true, ..Wanted::default() })).boxed(),
    },
    Procedure {
        names: &["system.vacuum.registrations"],
        spellings: Spellings::Both,
        summary: "As `system.vacuum`, of records of URIs; tells what is to be told of URIs that are gone.",
        arguments: "",
        result: "`true`, before it is done",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| {
            let wanted = Wanted { registrations: true, ..Wanted::default() };
            ready(ask(call, "system.vacuum.registrations", wanted)).boxed()
        },
    },
    Procedure {
        names: &["systems.handle.alerts"],
        spellings: Spellings::Both,
        summary: "Looks at once for URIs that are gone or come and go, and tells it. This happens by itself every second.",
        arguments: "",
        result: "null, before it is done",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(handle_alerts(call)).boxed(),
    },
];

/// `system.vacuum…() → true`
fn ask(call: Call, name: &str, wanted: Wanted) -> Result<Value, Failure> {
    let [] = call.arguments.bind(name, [])?;
    call.app.vacuum.ask(wanted);
    Ok(Value::Bool(true))
}

/// `systems.handle.alerts() → null`
fn handle_alerts(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("systems.handle.alerts", [])?;
    call.app.alerts.wake();
    Ok(Value::Null)
}
