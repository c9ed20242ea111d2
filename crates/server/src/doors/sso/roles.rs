//! Roles and their rules (`/role`, ours), for super-users: what `countersign role …` does.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, put};
use countersign_identity::permission::PermissionsError;
use serde_json::{Value, json};

use super::codes::Refusal;
use super::fields::BadField;
use super::keys::permissions;
use super::{Call, Doors, handler};
use crate::admin::role_json;
use crate::clock::now;
use crate::role_changes::{RoleEdit, RuleTexts};

/// The routes.
pub fn routes() -> Router<Arc<Doors>> {
    let roles = get(handler(|call| Box::pin(list(call))))
        .post(handler(|call| Box::pin(create(call))))
        .put(handler(|call| Box::pin(replace(call))))
        .patch(handler(|call| Box::pin(rename(call))))
        .delete(handler(|call| Box::pin(remove(call))));
    let one_rule = put(handler(|call| Box::pin(set(call)))).delete(handler(|call| Box::pin(unset(call))));
    Router::new().route("/role", roles).route("/role/rule", one_rule)
}

/// `GET /role`: all, or one by its name.
async fn list(call: &Call) -> Result<Value, Refusal> {
    let name = call.fields.optional("role")?;
    let caller = call.caller("ust").await?;
    let identity = &call.app.identity;
    let roles = identity.read_roles(name.as_deref(), &caller.actor(), &call.context, now()).await?;
    Ok(json!({ "result": roles.iter().map(role_json).collect::<Vec<_>>() }))
}

/// `POST /role`: with rules of its own, or those of another.
async fn create(call: &Call) -> Result<Value, Refusal> {
    let copy_of = call.fields.optional("copy_of")?;
    let edit = match copy_of {
        Some(from) => RoleEdit::CopyOf(from),
        None => RoleEdit::Create(rules(call)?),
    };
    edit_role(call, edit).await
}

/// `PUT /role`: its rules have to be there; an empty list removes all.
async fn replace(call: &Call) -> Result<Value, Refusal> {
    // Nothing said is not the same as no rules.
    let is_given = call.fields.any("permissions").is_some_and(|given| !given.is_null());
    if !is_given {
        return Err(BadField::Missing("permissions").into());
    }
    edit_role(call, RoleEdit::Replace(rules(call)?)).await
}

/// `PATCH /role`
async fn rename(call: &Call) -> Result<Value, Refusal> {
    let to = call.fields.required("new_role")?;
    edit_role(call, RoleEdit::Rename(to)).await
}

/// `DELETE /role`
async fn remove(call: &Call) -> Result<Value, Refusal> {
    edit_role(call, RoleEdit::Remove).await?;
    Ok(Value::Null)
}

/// `PUT /role/rule`
async fn set(call: &Call) -> Result<Value, Refusal> {
    let (uri, perms) = (call.fields.required("uri")?, call.fields.required("perms")?);
    edit_role(call, RoleEdit::Set { uri, perms }).await
}

/// `DELETE /role/rule`
async fn unset(call: &Call) -> Result<Value, Refusal> {
    let uri = call.fields.required("uri")?;
    edit_role(call, RoleEdit::Unset(uri)).await
}

async fn edit_role(call: &Call, edit: RoleEdit) -> Result<Value, Refusal> {
    let role = call.fields.required("role")?;
    let caller = call.caller("ust").await?;
    let hub = Some(Arc::clone(&call.hub));
    let edited = call.app.edit_role(hub, &role, edit, &caller.actor(), &call.context).await?;
    Ok(role_json(&edited))
}

fn rules(call: &Call) -> Result<RuleTexts, Refusal> {
    permissions(call.fields.any("permissions")).ok_or_else(|| PermissionsError::Shape.into())
}
