//! Signing in and out.

use countersign_identity::Secret;
use countersign_identity::sign_on::{CallerError, SignIn};
use serde_json::{Value, json};

use super::codes::{APP_INVALID, Refusal};
use super::{Call, sessions};
use crate::clock::{now, random};

/// `POST /user/login`
pub async fn login(call: &Call) -> Result<Value, Refusal> {
    let (username, password) = (call.fields.required("username")?, Secret::new(call.fields.required("password")?));
    let code = call.fields.optional("totp_code")?.map(Secret::new);
    if !call.app.config.sso.login_apps().contains(&call.context.application) {
        return Err(Refusal::code(APP_INVALID));
    }
    let given = SignIn { username: &username, password: &password, code: code.as_ref(), context: &call.context };
    let signed_in = call.app.sign_in(&given, &mut random()).await?;
    Ok(json!({
        "ust": signed_in.token.expose(),
        "user_id": signed_in.user.id.to_sign_on(),
        "creation_time": sessions::time(signed_in.session.created),
        "expiration_time": sessions::time(signed_in.session.expires),
    }))
}

/// `POST /user/logout`: an unknown session is as good as ended.
pub async fn logout(call: &Call) -> Result<Value, Refusal> {
    let token = Secret::new(call.fields.required("ust")?);
    let caller = match call.app.identity.caller(&token, now()).await {
        Ok(caller) => caller,
        Err(CallerError::NoSuchSession | CallerError::Barred(_)) => return Ok(Value::Null),
        Err(CallerError::Storage(fault)) => return Err(fault.into()),
    };
    // Ended by somebody else in the meantime: ended all the same.
    match call.app.identity.sign_out(&caller, &call.context, now()).await.map_err(Refusal::from) {
        Err(Refusal::Ours(fault)) => Err(Refusal::Ours(fault)),
        Ok(()) | Err(_) => Ok(Value::Null),
    }
}
