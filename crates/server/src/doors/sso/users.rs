//! Signing in and out.

use countersign_identity::Secret;
use countersign_identity::sign_on::{CallerError, SignIn};
use serde_json::{Value, json};

use super::codes::{PASSWORD_EXPIRING, Refusal, login_refused};
use super::{Call, sessions};
use crate::clock::{now, random};

/// `POST /user/login`
pub async fn login(call: &Call) -> Result<Value, Refusal> {
    let (username, password) = (call.fields.required("username")?, Secret::new(call.fields.required("password")?));
    let code = call.fields.optional("totp_code")?.map(Secret::new);
    let new_password = call.fields.optional("new_password")?.map(Secret::new);
    let (config, context) = (&call.app.config, &call.context);
    let (code, new_password) = (code.as_ref(), new_password.as_ref());
    let is_allowed_application = config.apps.login_allowed().contains(&context.application);
    let given =
        SignIn { username: &username, password: &password, code, new_password, is_allowed_application, context };
    let signed_in = call.app.sign_in(&given, &mut random()).await.map_err(|error| login_refused(error, config))?;
    if signed_in.has_new_password {
        call.hub.revoke_user(signed_in.user.id, "the user got another password");
    }
    let mut answer = json!({
        "ust": signed_in.token.expose(),
        "user_id": signed_in.user.id.to_sign_on(),
        "creation_time": sessions::time(signed_in.session.created),
        "expiration_time": sessions::time(signed_in.session.expires),
    });
    if let Value::Object(fields) = &mut answer
        && signed_in.is_expiring
        && config.password.inform_if_about_to_expire
    {
        fields.insert("status".to_owned(), json!("warning"));
        fields.insert("sub_status".to_owned(), json!([PASSWORD_EXPIRING]));
    }
    Ok(answer)
}

/// `POST /user/logout`: an unknown session is as good as ended.
pub async fn logout(call: &Call) -> Result<Value, Refusal> {
    let token = call.token("ust")?;
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
