//! Signing up (contract, sections 1.3, 5.2 and 5.3).

use std::sync::Arc;

use axum::Router;
use axum::routing::{patch, post};
use countersign_identity::audit::Reason;
use countersign_identity::login::PasswordPool as _;
use countersign_identity::sign_on::sign_up::{ConfirmError, SignUp};
use countersign_identity::{Secret, printable};
use serde_json::{Value, json};

use super::codes::{self, Refusal};
use super::fields::{BadField, Fields};
use super::{Call, NAME_CHARACTERS_MAX, handler};
use crate::clock::{now, random};
use crate::doors::Doors;
use crate::mail::{LetterKind, MailAddress, Values};
use crate::welcome::welcome;

/// Applications that one may sign up for at once.
const APPLICATIONS_MAX: usize = 100;

/// The routes.
pub fn routes() -> Router<Arc<Doors>> {
    let steps = post(handler(|call| Box::pin(begin(call)))).merge(patch(handler(|call| Box::pin(confirm(call)))));
    Router::new().route("/user/signup", steps)
}

/// `POST /user/signup`: a token goes to the address that is to be confirmed. Where no mail goes out, the answer has it.
async fn begin(call: &Call) -> Result<Value, Refusal> {
    let (app, fields, config) = (&call.app, &call.fields, &call.app.config);
    let (username, password) = (fields.required("username")?, Secret::new(fields.required("password")?));
    let (email, applications) = (fields.optional("email")?, applications(fields)?);
    let is_known = |application: &String| config.apps.all.contains(application);
    let is_open = |application: &String| config.apps.signup_allowed.contains(application);
    if !applications.iter().all(is_known) {
        return Err(Refusal::code(codes::APP_INVALID));
    }
    if !is_open(&call.context.application) || !applications.iter().all(is_open) {
        return Err(Refusal::code(codes::NO_SIGN_UP));
    }
    if let Err(spent) = app.request_for_mail(call.context.address) {
        app.identity.refuse_sign_up_unseen(&username, Reason::Throttled, &call.context, now()).await?;
        return Err(spent.into());
    }
    let applications: Vec<String> = applications.iter().map(|name| printable(name, NAME_CHARACTERS_MAX)).collect();
    let given = SignUp {
        username: &username,
        password: &password,
        email: email.as_deref(),
        applications: &applications,
        context: &call.context,
    };
    let settings = config.sign_up().map_err(|error| codes::misconfigured(error.to_string()))?;
    let derive = |password| app.passwords.derive(password);
    let signed_up = app.identity.sign_up(&given, &settings, derive, now(), &mut random()).await;
    let signed_up = signed_up.map_err(|error| codes::sign_up_refused(error, &config.signup))?;
    let address = signed_up.email.as_deref().and_then(MailAddress::parse).filter(|_| app.mailer.is_configured());
    if let Some(address) = &address {
        let (username, token) = (signed_up.user.login.as_str(), Some(&signed_up.token));
        app.mailer.post(LetterKind::SignUpConfirm, address, Values { username, token, valid_for: settings.token });
    }
    let is_shown = address.is_none() || config.signup.always_return_confirm_token;
    Ok(json!({ "confirm_token": is_shown.then(|| signed_up.token.expose()) }))
}

fn applications(fields: &Fields) -> Result<Vec<String>, BadField> {
    let wrong = || BadField::Wrong("app_list");
    match fields.any("app_list") {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(Value::Array(all)) if all.len() <= APPLICATIONS_MAX => {
            all.iter().map(|one| one.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        Some(_) => Err(wrong()),
    }
}

/// `PATCH /user/signup`
async fn confirm(call: &Call) -> Result<Value, Refusal> {
    let token = Secret::new(call.fields.required("confirm_token")?);
    call.may_try_token()?;
    match call.app.identity.confirm_sign_up(&token, &call.context, now()).await {
        Ok(user) => {
            welcome(&call.app, user);
            Ok(Value::Null)
        }
        Err(error) => {
            if let ConfirmError::NoSuchToken = &error {
                call.app.wrong_token(call.context.address);
            }
            Err(error.into())
        }
    }
}
