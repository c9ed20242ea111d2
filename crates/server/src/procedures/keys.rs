//! What the procedures of one-time passwords and of API keys do; their tables are in files of their own.
//!
//! Source: the seed on one-time passwords; contract of the bus, sections 1.1, 3 and 4.1.

use countersign_identity::keys::{KeyKind, KeyRequest, MintedKey};
use countersign_identity::{Credential, CredentialId, LoginName};
use countersign_wamp::Value;

use super::Call;
use super::arguments::{Arguments, key_request, text};
use super::errors::Failure;
use crate::clock::{now, random};
use crate::records;

/// `my.otp.create() → dict`, `my.apikeys.create(data_rec={}) → dict`
pub async fn create_own(call: Call, kind: KeyKind) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, .. } = call;
    let request = match kind {
        KeyKind::Otp => arguments.bind("my.otp.create", []).map(|[]| KeyRequest::default()),
        KeyKind::ApiKey => {
            arguments.bind("my.apikeys.create", ["data_rec"]).and_then(|[data_rec]| key_request(kind, data_rec))
        }
    };
    let request = match request {
        Ok(request) => request,
        Err(failure) => {
            app.identity.record_unreadable_key_request(kind, &caller.authid, &caller.actor, &context, now()).await?;
            return Err(failure);
        }
    };
    let minted = app.identity.mint_own_key(kind, &request, &caller.actor, &context, now(), &mut random()).await?;
    Ok(shown(kind, &minted))
}

/// `my.otp.list() → [dict]`, `my.apikeys.list() → [dict]`
pub async fn list_own(call: Call, kind: KeyKind) -> Result<Value, Failure> {
    let [] = call.arguments.bind(&format!("my.{}.list", stem(kind)), [])?;
    let (login, credentials) = call.app.identity.list_own_keys(kind, &call.caller.actor, now()).await?;
    Ok(list(kind, &credentials, &login))
}

/// `my.otp.delete(uuid) → true`, `my.apikeys.delete(uuid) → true`
pub async fn delete_own(call: Call, kind: KeyKind) -> Result<Value, Failure> {
    let [uuid] = call.arguments.bind(&format!("my.{}.delete", stem(kind)), ["uuid"])?;
    let id = credential_id(uuid)?;
    call.app.identity.delete_own_key(kind, id, &call.caller.actor, &call.context, now()).await?;
    call.hub.bonds_changed();
    Ok(Value::Bool(true))
}

/// `system.otp.create(login, data_rec=null) → dict`, `system.apikeys.create(login, data_rec=null) → dict`
pub async fn create_for(call: Call, kind: KeyKind) -> Result<Value, Failure> {
    let Call { app, caller, context, arguments, .. } = call;
    let (actor, context) = (&caller.actor, &context);
    let (login, request) = match read_request(arguments, kind) {
        Ok(read) => read,
        Err((login, failure)) => {
            app.identity.record_unreadable_key_request(kind, &login, actor, context, now()).await?;
            return Err(failure);
        }
    };
    let minted = app.identity.mint_key_for(kind, &login, &request, actor, context, now(), &mut random()).await?;
    Ok(shown(kind, &minted))
}

/// Login and request; with a failure the login as far as it was readable.
fn read_request(arguments: Arguments, kind: KeyKind) -> Result<(String, KeyRequest), (String, Failure)> {
    let nobody = |failure| (String::new(), failure);
    let procedure = format!("system.{}.create", stem(kind));
    let [login, data_rec] = arguments.bind(&procedure, ["login", "data_rec"]).map_err(nobody)?;
    let login = text(login, "login").map_err(nobody)?;
    match key_request(kind, data_rec) {
        Ok(request) => Ok((login, request)),
        Err(failure) => Err((login, failure)),
    }
}

/// `system.otp.list(login) → [dict]`, `system.apikeys.list(login) → [dict]`
pub async fn list_of(call: Call, kind: KeyKind) -> Result<Value, Failure> {
    let [login] = call.arguments.bind(&format!("system.{}.list", stem(kind)), ["login"])?;
    let login = text(login, "login")?;
    let (login, credentials) = call.app.identity.list_keys_of(kind, &login, &call.caller.actor, now()).await?;
    Ok(list(kind, &credentials, &login))
}

/// `system.otp.delete(uuid) → true`, `system.apikeys.delete(uuid) → true`
pub async fn delete_any(call: Call, kind: KeyKind) -> Result<Value, Failure> {
    let [uuid] = call.arguments.bind(&format!("system.{}.delete", stem(kind)), ["uuid"])?;
    let id = credential_id(uuid)?;
    call.app.identity.delete_key(kind, id, &call.caller.actor, &call.context, now()).await?;
    call.hub.bonds_changed();
    Ok(Value::Bool(true))
}

/// How the procedures of a kind are called.
fn stem(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Otp => "otp",
        KeyKind::ApiKey => "apikeys",
    }
}

fn credential_id(uuid: Value) -> Result<CredentialId, Failure> {
    let uuid = text(uuid, "uuid")?;
    CredentialId::parse_bus(&uuid).map_err(|error| Failure::argument(format!("uuid: {error}")))
}

fn shown(kind: KeyKind, minted: &MintedKey) -> Value {
    records::key(kind, &minted.credential, &minted.login, Some(&minted.plaintext_key)).into()
}

fn list(kind: KeyKind, credentials: &[Credential], login: &LoginName) -> Value {
    Value::List(credentials.iter().map(|credential| records::key(kind, credential, login, None).into()).collect())
}
