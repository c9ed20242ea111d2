//! `auth.reauthenticate` and what belongs to it, `auth.authenticate`: credentials that a session's client shows.
//!
//! Source: contract of the bus, sections 1.1, 2.5, 8 (W6, W8) and 9.

use std::time::{Duration, Instant};

use countersign_identity::Secret;
use countersign_identity::login::{Attempt, Claim, ElevationError, LoginError, Purpose};
use countersign_wamp::Value;
use futures_util::FutureExt as _;
use futures_util::future::ready;
use tokio::sync::SemaphorePermit;

use super::arguments::text;
use super::errors::Failure;
use super::errors::FailureKind::{InvalidArgument, NotAuthorized};
use super::{Call, Procedure, Spellings};
use crate::hub::Live;

/// Showing credentials within a session.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["auth.reauthenticate"],
        spellings: Spellings::Both,
        summary: "Elevates the caller's session, for rules with `+`: the caller shows the password again, with the code of the second factor behind it where that is on.",
        arguments: "password",
        result: "the seconds for which the session is elevated (`[auth] elevation_seconds`), or `false` for a wrong password",
        errors: &[InvalidArgument, NotAuthorized],
        rule: "signed-in users; not from a session that was opened with a one-time password or a key. Slowed as a login is",
        run: |call| reauthenticate(call).boxed(),
    },
    Procedure {
        names: &["auth.is_reauthenticated"],
        spellings: Spellings::Both,
        summary: "Whether the caller's session is elevated.",
        arguments: "",
        result: "the seconds for which it is still, with a fraction, or `false`",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(is_reauthenticated(call)).boxed(),
    },
    Procedure {
        names: &["auth.extend_reauthenticate"],
        spellings: Spellings::Both,
        summary: "Begins the time of an elevated session anew.",
        arguments: "",
        result: "the seconds for which the session is elevated, or `false` if it was not",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(extend(call)).boxed(),
    },
    Procedure {
        names: &["auth.reauthenticate_expire"],
        spellings: Spellings::Both,
        summary: "Ends the elevation of the caller's session.",
        arguments: "",
        result: "null",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(expire(call)).boxed(),
    },
    Procedure {
        names: &["auth.authenticate"],
        spellings: Spellings::LongOnly,
        summary: "Whether a credential is good: all that a login by ticket takes. A one-time password is used up by it.",
        arguments: "login, password",
        result: "`true` or `false`, which doesn't tell why",
        errors: &[InvalidArgument],
        rule: "slowed as a login is; a session's checks are made one after the other",
        run: |call| authenticate(call).boxed(),
    },
    Procedure {
        names: &["system.reauthenticate"],
        spellings: Spellings::LongOnly,
        summary: "The old name of `auth.reauthenticate`.",
        arguments: "password",
        result: "as of `auth.reauthenticate`",
        errors: &[InvalidArgument, NotAuthorized],
        rule: "as for `auth.reauthenticate`",
        run: |call| reauthenticate(call).boxed(),
    },
    Procedure {
        names: &["system.is_reauthenticated"],
        spellings: Spellings::LongOnly,
        summary: "The old name of `auth.is_reauthenticated`.",
        arguments: "",
        result: "as of `auth.is_reauthenticated`",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(is_reauthenticated(call)).boxed(),
    },
    Procedure {
        names: &["system.extend_reauthenticate"],
        spellings: Spellings::LongOnly,
        summary: "The old name of `auth.extend_reauthenticate`.",
        arguments: "",
        result: "as of `auth.extend_reauthenticate`",
        errors: &[InvalidArgument],
        rule: "",
        run: |call| ready(extend(call)).boxed(),
    },
];

/// `auth.reauthenticate(password) → seconds | false`
async fn reauthenticate(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, .. } = call;
    let [password] = arguments.bind("auth.reauthenticate", ["password"])?;
    let password = Secret::new(text(password, "password")?);
    let _turn = turn(&caller).await;
    let session = caller.id.to_string();
    let (login, purpose) = (&*caller.authid, Purpose::Elevation { of: &caller.actor });
    let claim = Claim { login, context: &context, session: &session, code: None, purpose };
    match app.reauthenticate(&Attempt { claim, ticket: &password, cookie: None }, &caller.actor).await {
        Ok(()) => {
            caller.elevation.shown(Instant::now());
            Ok(seconds(caller.elevation.window()))
        }
        Err(ElevationError::Login(LoginError::Refused(_) | LoginError::CodeNeeded(_))) => Ok(Value::Bool(false)),
        Err(error) => Err(error.into()),
    }
}

/// `auth.is_reauthenticated() → seconds | false`
fn is_reauthenticated(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("auth.is_reauthenticated", [])?;
    let left = call.caller.elevation.left(Instant::now());
    Ok(left.map_or(Value::Bool(false), |left| Value::Float(left.as_secs_f64())))
}

/// `auth.extend_reauthenticate() → seconds | false`
fn extend(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("auth.extend_reauthenticate", [])?;
    let elevation = &call.caller.elevation;
    Ok(if elevation.extend(Instant::now()) { seconds(elevation.window()) } else { Value::Bool(false) })
}

/// `auth.reauthenticate_expire() → null`
fn expire(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("auth.reauthenticate_expire", [])?;
    call.caller.elevation.expire();
    Ok(Value::Null)
}

/// `auth.authenticate(login, password) → bool`
async fn authenticate(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, .. } = call;
    let [login, password] = arguments.bind("auth.authenticate", ["login", "password"])?;
    let (login, password) = (text(login, "login")?, Secret::new(text(password, "password")?));
    let _turn = turn(&caller).await;
    let session = caller.id.to_string();
    let purpose = Purpose::Check { by: &caller.actor };
    let claim = Claim { login: &login, context: &context, session: &session, code: None, purpose };
    match app.authenticate(&Attempt { claim, ticket: &password, cookie: None }).await {
        Ok(()) => Ok(Value::Bool(true)),
        Err(LoginError::Refused(_) | LoginError::CodeNeeded(_)) => Ok(Value::Bool(false)),
        Err(LoginError::Storage(fault)) => Err(fault.into()),
    }
}

/// Waits until no other call of the session has a credential looked at. `None` can't be: nobody closes it.
async fn turn(caller: &Live) -> Option<SemaphorePermit<'_>> {
    caller.credential_checks.acquire().await.ok()
}

fn seconds(window: Duration) -> Value {
    Value::from(window.as_secs())
}
