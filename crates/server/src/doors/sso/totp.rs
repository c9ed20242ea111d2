//! The second factor.

use countersign_identity::Secret;
use countersign_identity::sign_on::ResetTotp;
use serde_json::{Map, Value, json};

use super::Call;
use super::codes::Refusal;
use super::fields::BadField;
use crate::clock::{now, random};
use crate::qr::Picture;

/// `PATCH /user/totp`: `reset_totp_key`. The answer has the key only if it was made here, unless the settings say otherwise;
/// beside a key that was made here it has what authenticators read.
pub async fn reset(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let (user_id, label) = (call.fields.optional("user_id")?, call.fields.optional("totp_label")?);
    let key = call.fields.optional("totp_key")?.map(Secret::new);
    let picture = match call.fields.optional("qr")?.filter(|name| !name.is_empty()) {
        Some(name) => Some(Picture::from_name(&name).ok_or(BadField::Wrong("qr"))?),
        None => None,
    };
    let wish = ResetTotp { user_id: user_id.as_deref(), key: key.as_ref(), label: label.as_deref() };
    let reset = call.app.identity.reset_totp_key(&caller, wish, &call.context, now(), &mut random()).await?;
    let mut answer = Map::new();
    if let Some(key) = reset.generated {
        answer.insert("totp_key".to_owned(), key.expose().into());
        let uri = reset.totp.uri(&call.app.config.totp.issuer, reset.user.login.as_str());
        answer.insert("totp_uri".to_owned(), uri.expose().into());
        if let Some(picture) = picture {
            answer.insert(picture.field().to_owned(), picture.draw(&uri).into());
        }
    } else if let Some(key) = key.filter(|_| call.app.config.compat.zato.echo_totp_key) {
        answer.insert("totp_key".to_owned(), key.expose().into());
    }
    Ok(Value::Object(answer))
}

/// `POST /user/totp/recovery`: ten fresh recovery codes, shown once.
pub async fn recovery(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let user_id = call.fields.optional("user_id")?;
    let identity = &call.app.identity;
    let codes = identity.reset_recovery_codes(&caller, user_id.as_deref(), &call.context, now(), &mut random()).await?;
    Ok(json!({ "recovery_codes": codes.iter().map(Secret::expose).collect::<Vec<_>>() }))
}

/// `POST /user/totp/validate`: whether a code is right, of the session's owner or, for super-users, of the user with this
/// name. A right one is used up by it.
pub async fn validate(call: &Call) -> Result<Value, Refusal> {
    let username = call.fields.optional("username")?.filter(|name| !name.is_empty());
    // Whose code it is, and who asks: with a name the session may be another's.
    let fields = if username.is_some() { ["current_ust", "ust"] } else { ["ust", "current_ust"] };
    let [first, second] = fields;
    let has_first = call.fields.optional(first)?.is_some_and(|token| !token.is_empty());
    let caller = call.caller(if has_first { first } else { second }).await?;
    let code = call.fields.optional("totp_code")?.map(Secret::new);
    let identity = &call.app.identity;
    identity.validate_code(&caller, username.as_deref(), code.as_ref(), &call.context, now()).await?;
    Ok(Value::Null)
}
