//! Keys of the bus: one-time passwords (`/user/otp`) and API keys (`/user/apikey`), ours. Made, listed and withdrawn in a
//! sign-on session.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use countersign_identity::keys::{KeyError, KeyKind, KeyRequest};
use countersign_identity::permission::PermissionsError;
use countersign_identity::{CredentialId, ExpiresInput};
use serde_json::{Value, json};

use super::codes::Refusal;
use super::fields::BadField;
use super::{Call, Doors, handler};
use crate::admin::{key_json, listed_key_json};
use crate::clock::{now, random};

/// The routes.
pub fn routes() -> Router<Arc<Doors>> {
    let otps = get(handler(|call| Box::pin(list(call, KeyKind::Otp))))
        .post(handler(|call| Box::pin(create(call, KeyKind::Otp))))
        .delete(handler(|call| Box::pin(remove(call, KeyKind::Otp))));
    let keys = get(handler(|call| Box::pin(list(call, KeyKind::ApiKey))))
        .post(handler(|call| Box::pin(create(call, KeyKind::ApiKey))))
        .delete(handler(|call| Box::pin(remove(call, KeyKind::ApiKey))));
    Router::new().route("/user/otp", otps).route("/user/apikey", keys)
}

/// `POST /user/otp`, `POST /user/apikey`: the key is in the answer, and nowhere afterwards.
async fn create(call: &Call, kind: KeyKind) -> Result<Value, Refusal> {
    let user_id = call.fields.optional("user_id")?;
    let description = match kind {
        KeyKind::Otp => String::new(),
        KeyKind::ApiKey => call.fields.optional("description")?.unwrap_or_default(),
    };
    let caller = call.caller("ust").await?;
    let (identity, user_id) = (&call.app.identity, user_id.as_deref());
    let Some(permissions) = permissions(call.fields.any("permissions")) else {
        let target = user_id.unwrap_or_default();
        identity.record_unreadable_key_request(kind, target, &caller.actor(), &call.context, now()).await?;
        return Err(KeyError::from(PermissionsError::Shape).into());
    };
    let request = KeyRequest { expires: expires(call.fields.any("expires")), permissions, description };
    let minted =
        identity.mint_key_signed_on(kind, &caller, user_id, &request, &call.context, now(), &mut random()).await?;
    Ok(key_json(kind, &minted))
}

/// `GET /user/otp`, `GET /user/apikey`
async fn list(call: &Call, kind: KeyKind) -> Result<Value, Refusal> {
    let user_id = call.fields.optional("user_id")?;
    let caller = call.caller("ust").await?;
    let (login, keys) = call.app.identity.list_keys_signed_on(kind, &caller, user_id.as_deref(), now()).await?;
    Ok(json!({ "result": keys.iter().map(|key| listed_key_json(kind, key, &login)).collect::<Vec<_>>() }))
}

/// `DELETE /user/otp`, `DELETE /user/apikey`: one that isn't there is as good as withdrawn.
async fn remove(call: &Call, kind: KeyKind) -> Result<Value, Refusal> {
    let id = CredentialId::parse_bus(&call.fields.required("uuid")?).map_err(|_| BadField::Wrong("uuid"))?;
    let caller = call.caller("ust").await?;
    call.app.identity.delete_key_signed_on(kind, &caller, id, &call.context, now()).await?;
    Ok(Value::Null)
}

fn expires(value: Option<&Value>) -> ExpiresInput {
    match value {
        None | Some(Value::Null) => ExpiresInput::Default,
        Some(Value::String(text)) => ExpiresInput::Text(text.clone()),
        Some(Value::Number(number)) => match (number.as_i64(), number.as_f64()) {
            (Some(seconds), _) => ExpiresInput::Unix { seconds, nanoseconds: 0 },
            (None, Some(seconds)) => ExpiresInput::UnixFloat(seconds),
            (None, None) => ExpiresInput::NotATime,
        },
        Some(Value::Bool(_) | Value::Array(_) | Value::Object(_)) => ExpiresInput::NotATime,
    }
}

/// Pairs of `uri` and `perms`; `None` where the shape is wrong.
pub fn permissions(value: Option<&Value>) -> Option<Vec<(String, String)>> {
    let rules = match value {
        None | Some(Value::Null) => return Some(Vec::new()),
        Some(value) => value.as_array()?,
    };
    let pair = |rule: &Value| {
        let rule = rule.as_object().filter(|rule| rule.len() == 2)?;
        Some((rule.get("uri")?.as_str()?.to_owned(), rule.get("perms")?.as_str()?.to_owned()))
    };
    rules.iter().map(pair).collect()
}
