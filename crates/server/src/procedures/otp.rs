//! `my.otp.*` and `system.otp.*`
//!
//! Source: the seed on one-time passwords; contract of the bus, sections 1.1 and 3.

use countersign_identity::otp::OtpRequest;
use countersign_identity::{Credential, CredentialId, LoginName, Secret};
use countersign_wamp::{Dict, Value};

use super::Call;
use super::arguments::{Arguments, otp_request, text};
use super::errors::Failure;
use crate::clock::{now, random};

/// `my.otp.create() → dict`
pub async fn create_own(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments } = call;
    if let Err(failure) = arguments.bind("my.otp.create", []) {
        app.identity.record_unreadable_otp_request(&caller.authid, &caller.actor, &context, now()).await?;
        return Err(failure);
    }
    let minted = app.identity.mint_own_otp(&caller.actor, &context, now(), &mut random()).await?;
    Ok(record(&minted.credential, &minted.login, Some(&minted.plaintext_key)))
}

/// `my.otp.list() → [dict]`
pub async fn list_own(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("my.otp.list", [])?;
    let (login, credentials) = call.app.identity.list_own_otps(&call.caller.actor, now()).await?;
    Ok(records(&credentials, &login))
}

/// `my.otp.delete(uuid) → true`
pub async fn delete_own(call: Call) -> Result<Value, Failure> {
    let [uuid] = call.arguments.bind("my.otp.delete", ["uuid"])?;
    let id = credential_id(uuid)?;
    call.app.identity.delete_own_otp(id, &call.caller.actor, &call.context, now()).await?;
    Ok(Value::Bool(true))
}

/// `system.otp.create(login, data_rec=null) → dict`
pub async fn create_for(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments } = call;
    let (actor, context) = (&caller.actor, &context);
    let (login, request) = match read_request(arguments) {
        Ok(read) => read,
        Err((login, failure)) => {
            app.identity.record_unreadable_otp_request(&login, actor, context, now()).await?;
            return Err(failure);
        }
    };
    let minted = app.identity.mint_otp_for(&login, &request, actor, context, now(), &mut random()).await?;
    Ok(record(&minted.credential, &minted.login, Some(&minted.plaintext_key)))
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
pub async fn list_of(call: Call) -> Result<Value, Failure> {
    let [login] = call.arguments.bind("system.otp.list", ["login"])?;
    let login = text(login, "login")?;
    let (login, credentials) = call.app.identity.list_otps_of(&login, &call.caller.actor, now()).await?;
    Ok(records(&credentials, &login))
}

/// `system.otp.delete(uuid) → true`
pub async fn delete_any(call: Call) -> Result<Value, Failure> {
    let [uuid] = call.arguments.bind("system.otp.delete", ["uuid"])?;
    let id = credential_id(uuid)?;
    call.app.identity.delete_otp(id, &call.caller.actor, &call.context, now()).await?;
    Ok(Value::Bool(true))
}

fn credential_id(uuid: Value) -> Result<CredentialId, Failure> {
    let uuid = text(uuid, "uuid")?;
    CredentialId::parse_bus(&uuid).map_err(|error| Failure::Argument(format!("uuid: {error}")))
}

fn records(credentials: &[Credential], login: &LoginName) -> Value {
    Value::List(credentials.iter().map(|credential| record(credential, login, None)).collect())
}

/// The dict of the seed, its eight fields in the order of the bus that this replaces. The key
/// in the clear is there once, when it was made.
fn record(credential: &Credential, login: &LoginName, plaintext: Option<&Secret>) -> Value {
    let rule = |rule: &countersign_identity::permission::Rule| {
        Value::from(Dict::new().with("uri", rule.pattern.as_str()).with("perms", rule.rights.to_string()))
    };
    Dict::new()
        .with("uuid", credential.id.to_bus())
        .with("origin", credential.origin.as_str())
        .with("expires", credential.expires.to_iso8601())
        .with("permissions", credential.permissions.iter().map(rule).collect::<Vec<Value>>())
        .with("key", credential.digest.to_bus())
        .with("owner", credential.owner.to_bus())
        .with("plaintext_key", plaintext.map(Secret::expose))
        .with("login", login.as_str())
        .into()
}
