//! One-time passwords of the bus (`/user/otp`, ours): made, listed and withdrawn in a sign-on session.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use countersign_identity::otp::OtpRequest;
use countersign_identity::permission::PermissionsError;
use countersign_identity::{CredentialId, ExpiresInput};
use serde_json::{Value, json};

use super::codes::Refusal;
use super::fields::BadField;
use super::{Call, Doors, handler};
use crate::admin::otp_json;
use crate::clock::{now, random};

/// The routes.
pub fn routes() -> Router<Arc<Doors>> {
    let otps = get(handler(|call| Box::pin(list(call))))
        .post(handler(|call| Box::pin(create(call))))
        .delete(handler(|call| Box::pin(remove(call))));
    Router::new().route("/user/otp", otps)
}

/// `POST /user/otp`: the key is in the answer, and nowhere afterwards.
async fn create(call: &Call) -> Result<Value, Refusal> {
    let user_id = call.fields.optional("user_id")?;
    let caller = call.caller("ust").await?;
    let (identity, user_id) = (&call.app.identity, user_id.as_deref());
    let Some(permissions) = permissions(call.fields.any("permissions")) else {
        identity
            .record_unreadable_otp_request(user_id.unwrap_or_default(), &caller.actor(), &call.context, now())
            .await?;
        return Err(countersign_identity::otp::OtpError::from(PermissionsError::Shape).into());
    };
    let request = OtpRequest { expires: expires(call.fields.any("expires")), permissions };
    let minted = identity.mint_otp_signed_on(&caller, user_id, &request, &call.context, now(), &mut random()).await?;
    Ok(otp_json(&minted.credential, &minted.login, Some(&minted.plaintext_key)))
}

/// `GET /user/otp`
async fn list(call: &Call) -> Result<Value, Refusal> {
    let user_id = call.fields.optional("user_id")?;
    let caller = call.caller("ust").await?;
    let (login, otps) = call.app.identity.list_otps_signed_on(&caller, user_id.as_deref(), now()).await?;
    Ok(json!({ "result": otps.iter().map(|otp| otp_json(otp, &login, None)).collect::<Vec<_>>() }))
}

/// `DELETE /user/otp`: one that isn't there is as good as withdrawn.
async fn remove(call: &Call) -> Result<Value, Refusal> {
    let id = CredentialId::parse_bus(&call.fields.required("uuid")?).map_err(|_| BadField::Wrong("uuid"))?;
    let caller = call.caller("ust").await?;
    call.app.identity.delete_otp_signed_on(&caller, id, &call.context, now()).await?;
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
