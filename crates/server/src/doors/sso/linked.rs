//! Linked accounts (`/user/linked`).
//!
//! Source: contract of the sign-on API, section 1.4. Whatever is wrong, the session is checked first.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use countersign_identity::sign_on::Caller;
use countersign_identity::sign_on::linked::{Link, LinkWish};
use serde_json::{Value, json};

use super::codes::Refusal;
use super::sessions::time;
use super::user::full_view;
use super::{Call, Doors, handler};
use crate::clock::{now, random};

/// The routes.
pub fn routes() -> Router<Arc<Doors>> {
    let links = get(handler(|call| Box::pin(list(call))))
        .post(handler(|call| Box::pin(create(call))))
        .delete(handler(|call| Box::pin(remove(call))));
    let user = get(handler(|call| Box::pin(user(call))));
    Router::new().route("/user/linked", links).route("/user/linked/user", user)
}

/// What names a link.
struct Given {
    caller: Caller,
    user_id: String,
    auth_type: String,
    auth_username: String,
}

impl Given {
    async fn read(call: &Call) -> Result<Self, Refusal> {
        let fields = &call.fields;
        let (user_id, auth_type) = (fields.required("user_id")?, fields.required("auth_type")?);
        let auth_username = fields.required("auth_username")?;
        Ok(Self { caller: call.caller("ust").await?, user_id, auth_type, auth_username })
    }

    fn wish(&self) -> LinkWish<'_> {
        LinkWish { user_id: &self.user_id, auth_type: &self.auth_type, auth_username: &self.auth_username }
    }
}

/// `POST /user/linked`. A link is active unless the request says that it isn't.
async fn create(call: &Call) -> Result<Value, Refusal> {
    let is_active = call.fields.truth("is_active")?.unwrap_or(true);
    let given = Given::read(call).await?;
    let (identity, rng) = (&call.app.identity, &mut random());
    let link = identity.link_account(&given.caller, given.wish(), is_active, &call.context, now(), rng).await?;
    Ok(json!({ "user_id": link.owner.to_sign_on(), "auth_id": link.id.to_bus() }))
}

/// `DELETE /user/linked`
async fn remove(call: &Call) -> Result<Value, Refusal> {
    let given = Given::read(call).await?;
    let id = call.app.identity.unlink_account(&given.caller, given.wish(), &call.context, now()).await?;
    Ok(json!({ "auth_id": id.to_bus() }))
}

/// `GET /user/linked`
async fn list(call: &Call) -> Result<Value, Refusal> {
    let user_id = call.fields.optional("user_id")?;
    let caller = call.caller("ust").await?;
    let links = call.app.identity.links(&caller, user_id.as_deref()).await?;
    Ok(json!({ "result": links.iter().map(row).collect::<Vec<_>>() }))
}

/// `GET /user/linked/user` (ours): whose active link it is. For super-users.
async fn user(call: &Call) -> Result<Value, Refusal> {
    let (auth_type, name) = (call.fields.required("auth_type")?, call.fields.required("auth_username")?);
    let caller = call.caller("ust").await?;
    Ok(full_view(&call.app.identity.linked_user(&caller, &auth_type, &name).await?))
}

fn row(link: &Link) -> Value {
    json!({
        "user_id": link.owner.to_sign_on(),
        "auth_id": link.id.to_bus(),
        "auth_type": link.principal.auth_type.name(),
        "auth_username": link.principal.name.as_str(),
        "creation_time": time(link.created),
        "is_active": link.is_active,
    })
}
