//! `my.otp.*` and `system.otp.*`
//!
//! Source: the seed on one-time passwords; contract of the bus, sections 1.1 and 3.

use countersign_identity::otp::OtpRequest;
use countersign_identity::{Credential, CredentialId, LoginName};
use countersign_wamp::Value;

use futures_util::FutureExt as _;

use super::arguments::{Arguments, otp_request, text};
use super::errors::Failure;
use super::errors::FailureKind::{InvalidArgument, LimitExceeded, NotAuthorized, NotFound, PermissionDenied};
use super::{Call, Procedure, Spellings};
use crate::clock::{now, random};
use crate::records;

/// One-time passwords.
pub const PROCEDURES: &[Procedure] = &[
    Procedure {
        names: &["my.otp.create", "my.otps.create"],
        spellings: Spellings::Both,
        summary: "Makes a one-time password for the caller, good for one login within ten minutes.",
        arguments: "",
        result: "the one-time password: `uuid`, `origin`, `expires`, `permissions`, `key`, `owner`, `plaintext_key`, `login`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, LimitExceeded],
        rule: "signed-in users; not from a session that was opened with a one-time password",
        run: |call| create_own(call).boxed(),
    },
    Procedure {
        names: &["my.otp.list", "my.otps.list"],
        spellings: Spellings::Both,
        summary: "The caller's one-time passwords that can still be used.",
        arguments: "",
        result: "a list of one-time passwords, `plaintext_key` null",
        errors: &[InvalidArgument, PermissionDenied],
        rule: "signed-in users",
        run: |call| list_own(call).boxed(),
    },
    Procedure {
        names: &["my.otp.delete", "my.otps.delete"],
        spellings: Spellings::Both,
        summary: "Withdraws one of the caller's one-time passwords. One that isn't there counts as withdrawn.",
        arguments: "uuid",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized],
        rule: "the owner; not from a session that was opened with a one-time password",
        run: |call| delete_own(call).boxed(),
    },
    Procedure {
        names: &["system.otp.create", "system.otps.create"],
        spellings: Spellings::Both,
        summary: "Makes a one-time password for a user, with `expires` and `permissions` of the caller's choice.",
        arguments: "login, data_rec=null",
        result: "the one-time password, as of `my.otp.create`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized, NotFound, LimitExceeded],
        rule: "`trust` for another user's login; not from a session that was opened with a one-time password",
        run: |call| create_for(call).boxed(),
    },
    Procedure {
        names: &["system.otp.list", "system.otps.list"],
        spellings: Spellings::Both,
        summary: "A user's one-time passwords that can still be used.",
        arguments: "login",
        result: "a list of one-time passwords, `plaintext_key` null",
        errors: &[InvalidArgument, PermissionDenied, NotFound],
        rule: "`trust` for another user's login",
        run: |call| list_of(call).boxed(),
    },
    Procedure {
        names: &["system.otp.delete", "system.otps.delete"],
        spellings: Spellings::Both,
        summary: "Withdraws anybody's one-time password. One that isn't there counts as withdrawn.",
        arguments: "uuid",
        result: "`true`",
        errors: &[InvalidArgument, PermissionDenied, NotAuthorized],
        rule: "`trust`; not from a session that was opened with a one-time password",
        run: |call| delete_any(call).boxed(),
    },
];

/// `my.otp.create() → dict`
async fn create_own(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, .. } = call;
    if let Err(failure) = arguments.bind("my.otp.create", []) {
        app.identity.record_unreadable_otp_request(&caller.authid, &caller.actor, &context, now()).await?;
        return Err(failure);
    }
    let minted = app.identity.mint_own_otp(&caller.actor, &context, now(), &mut random()).await?;
    Ok(records::otp(&minted.credential, &minted.login, Some(&minted.plaintext_key)).into())
}

/// `my.otp.list() → [dict]`
async fn list_own(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("my.otp.list", [])?;
    let (login, credentials) = call.app.identity.list_own_otps(&call.caller.actor, now()).await?;
    Ok(list(&credentials, &login))
}

/// `my.otp.delete(uuid) → true`
async fn delete_own(call: Call) -> Result<Value, Failure> {
    let [uuid] = call.arguments.bind("my.otp.delete", ["uuid"])?;
    let id = credential_id(uuid)?;
    call.app.identity.delete_own_otp(id, &call.caller.actor, &call.context, now()).await?;
    Ok(Value::Bool(true))
}

/// `system.otp.create(login, data_rec=null) → dict`
async fn create_for(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, .. } = call;
    let (actor, context) = (&caller.actor, &context);
    let (login, request) = match read_request(arguments) {
        Ok(read) => read,
        Err((login, failure)) => {
            app.identity.record_unreadable_otp_request(&login, actor, context, now()).await?;
            return Err(failure);
        }
    };
    let minted = app.identity.mint_otp_for(&login, &request, actor, context, now(), &mut random()).await?;
    Ok(records::otp(&minted.credential, &minted.login, Some(&minted.plaintext_key)).into())
}

/// Login and request; with a failure the login as far as it was readable.
fn read_request(arguments: Arguments) -> Result<(String, OtpRequest), (String, Failure)> {
    let nobody = |failure| (String::new(), failure);
    let [login, data_rec] = arguments.bind("system.otp.create", ["login", "data_rec"]).map_err(nobody)?;
    let login = text(login, "login").map_err(nobody)?;
    match otp_request(data_rec) {
        Ok(request) => Ok((login, request)),
        Err(failure) => Err((login, failure)),
    }
}

/// `system.otp.list(login) → [dict]`
async fn list_of(call: Call) -> Result<Value, Failure> {
    let [login] = call.arguments.bind("system.otp.list", ["login"])?;
    let login = text(login, "login")?;
    let (login, credentials) = call.app.identity.list_otps_of(&login, &call.caller.actor, now()).await?;
    Ok(list(&credentials, &login))
}

/// `system.otp.delete(uuid) → true`
async fn delete_any(call: Call) -> Result<Value, Failure> {
    let [uuid] = call.arguments.bind("system.otp.delete", ["uuid"])?;
    let id = credential_id(uuid)?;
    call.app.identity.delete_otp(id, &call.caller.actor, &call.context, now()).await?;
    Ok(Value::Bool(true))
}

fn credential_id(uuid: Value) -> Result<CredentialId, Failure> {
    let uuid = text(uuid, "uuid")?;
    CredentialId::parse_bus(&uuid).map_err(|error| Failure::argument(format!("uuid: {error}")))
}

fn list(credentials: &[Credential], login: &LoginName) -> Value {
    Value::List(credentials.iter().map(|credential| records::otp(credential, login, None).into()).collect())
}
