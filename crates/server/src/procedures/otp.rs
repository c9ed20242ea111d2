//! `my.otp.*` and `system.otp.*`
//!
//! Source: the seed on one-time passwords; contract of the bus, sections 1.1 and 3.

use countersign_identity::otp::OtpRequest;
use countersign_identity::{Credential, CredentialId, LoginName};
use countersign_wamp::Value;

use super::Call;
use super::arguments::{Arguments, otp_request, text};
use super::errors::Failure;
use crate::clock::{now, random};
use crate::records;

/// `my.otp.create() → dict`
pub async fn create_own(call: Call) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments } = call;
    if let Err(failure) = arguments.bind("my.otp.create", []) {
        app.identity.record_unreadable_otp_request(&caller.authid, &caller.actor, &context, now()).await?;
        return Err(failure);
    }
    let minted = app.identity.mint_own_otp(&caller.actor, &context, now(), &mut random()).await?;
    Ok(records::otp(&minted.credential, &minted.login, Some(&minted.plaintext_key)).into())
}

/// `my.otp.list() → [dict]`
pub async fn list_own(call: Call) -> Result<Value, Failure> {
    let [] = call.arguments.bind("my.otp.list", [])?;
    let (login, credentials) = call.app.identity.list_own_otps(&call.caller.actor, now()).await?;
    Ok(list(&credentials, &login))
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
pub async fn list_of(call: Call) -> Result<Value, Failure> {
    let [login] = call.arguments.bind("system.otp.list", ["login"])?;
    let login = text(login, "login")?;
    let (login, credentials) = call.app.identity.list_otps_of(&login, &call.caller.actor, now()).await?;
    Ok(list(&credentials, &login))
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

fn list(credentials: &[Credential], login: &LoginName) -> Value {
    Value::List(credentials.iter().map(|credential| records::otp(credential, login, None).into()).collect())
}
