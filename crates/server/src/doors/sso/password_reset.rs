//! Forgotten passwords (contract, sections 1.7 and 2.4).
//!
//! **Invariant:** the answer to the request for a token is given before anything is looked at, so neither its bytes nor its
//! time tell whether there is such a user.

use std::future::ready;
use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, patch, post};
use countersign_identity::audit::Reason;
use countersign_identity::login::PasswordPool as _;
use countersign_identity::password::NewPassword;
use countersign_identity::sign_on::password_reset::{ResetError, ResetMail};
use countersign_identity::{RequestContext, Secret};
use serde_json::{Value, json};

use super::codes::Refusal;
use super::{Call, handler};
use crate::app::App;
use crate::clock::{now, random};
use crate::doors::Doors;
use crate::mail::{LetterKind, MailAddress, Values};

/// The routes.
pub fn routes() -> Router<Arc<Doors>> {
    let steps = post(handler(|call| Box::pin(ready(request(call)))))
        .merge(patch(handler(|call| Box::pin(access(call)))))
        .merge(delete(handler(|call| Box::pin(change(call)))));
    Router::new().route("/password/reset", steps)
}

/// `POST /password/reset`: always well, whoever is meant.
fn request(call: &Call) -> Result<Value, Refusal> {
    let credential = call.fields.required("credential")?;
    let (app, context) = (Arc::clone(&call.app), call.context.clone());
    call.app.afterwards.spawn(async move {
        if let Err(error) = post_token(&app, &credential, &context).await {
            tracing::error!(cid = context.cid, ?error, "a request for a new password failed on our side");
        }
    });
    Ok(Value::Null)
}

async fn post_token(
    app: &App,
    credential: &str,
    context: &RequestContext,
) -> Result<(), countersign_identity::repository::RepositoryError> {
    let (identity, settings) = (&app.identity, app.config.password_reset.settings());
    if app.request_for_mail(context.address).is_err() {
        return identity.refuse_reset_request(credential, Reason::Throttled, context, now()).await;
    }
    let may_mail = |user: &countersign_identity::user::User| app.mail_to(user.id).is_ok();
    let mails = identity.request_password_reset(credential, settings, context, now(), &mut random(), may_mail).await?;
    for ResetMail { user, email, token } in mails {
        let values = Values { username: user.login.as_str(), token: Some(&token), valid_for: settings.token };
        match MailAddress::parse(&email) {
            Some(address) => app.mailer.post(LetterKind::PasswordReset, &address, values),
            None => app.mailer.unaddressable(LetterKind::PasswordReset),
        }
    }
    Ok(())
}

/// `PATCH /password/reset`: a key for the token, once.
async fn access(call: &Call) -> Result<Value, Refusal> {
    let token = Secret::new(call.fields.required("token")?);
    call.may_try_token()?;
    let settings = call.app.config.password_reset.settings();
    let key = call.app.identity.access_password_reset(&token, settings, &call.context, now(), &mut random()).await;
    Ok(json!({ "reset_key": call.tried(key)?.expose() }))
}

/// `DELETE /password/reset`: sets the password. One that is refused leaves token and key as they are.
async fn change(call: &Call) -> Result<Value, Refusal> {
    let (app, fields) = (&call.app, &call.fields);
    let (token, key) = (Secret::new(fields.required("token")?), Secret::new(fields.required("reset_key")?));
    let password = Secret::new(fields.required("password")?);
    call.may_try_token()?;
    let found = app.identity.find_password_reset(&token, &key, &call.context, now()).await;
    let pending = call.tried(found)?;
    let policy = app.config.password.policy();
    let password = match NewPassword::check(password, &[pending.user().login.as_str()], &policy) {
        Ok(password) => password,
        Err(refused) => {
            let reason = Reason::PasswordRefused;
            app.identity.refuse_reset_password(&pending, reason, &call.context, now()).await?;
            return Err(refused.into());
        }
    };
    let Ok(secrets) = app.passwords.derive(password).await else { return Err(Refusal::Throttled) };
    let owner = pending.user().id;
    let changed = app.identity.finish_password_reset(pending, secrets, &call.context, now()).await;
    // Where the answer got lost, rather for nothing.
    if let Ok(_) | Err(ResetError::Storage(_)) = &changed {
        call.hub.revoke_user(owner, "the user got another password");
    }
    call.tried(changed)?;
    Ok(Value::Null)
}

impl Call {
    /// Whether the peer may try one more token.
    pub(super) fn may_try_token(&self) -> Result<(), Refusal> {
        Ok(self.app.may_try_token(self.context.address)?)
    }

    /// What came of a try; one that was refused counts.
    fn tried<T>(&self, result: Result<T, ResetError>) -> Result<T, Refusal> {
        if let Err(ResetError::Refused(Reason::WrongToken)) = &result {
            self.app.wrong_token(self.context.address);
        }
        result.map_err(Refusal::from)
    }
}
