//! Users: seen, created, changed, locked, decided about, deleted.
//!
//! Source: contract of the sign-on API, sections 1.2 and 5.1. Of an unknown user, which Zato answered with success or a
//! server's fault, one hears `E005001`.

use std::sync::Arc;

use axum::Router;
use axum::routing::{delete, get, patch, post};
use countersign_identity::login::{Claim, LoginError, Purpose};
use countersign_identity::password::NewPassword;
use countersign_identity::profile::{Names, Profile, RateLimit, Stamp, UserRecord};
use countersign_identity::repository::{FindUser, Run as _, UserChange};
use countersign_identity::sign_on::{Caller, ChangePassword, EnableTotp, NewUser, UserError, checked_name, spelling};
use countersign_identity::standing::{ApprovalStatus, SignUpStatus};
use countersign_identity::user::User;
use countersign_identity::user_update::{Field, UserUpdate};
use countersign_identity::{LoginName, Secret, UserId};
use serde_json::{Map, Value, json};

use super::codes::{self, INVALID_INPUT, Refusal};
use super::{Call, handler, sessions};
use crate::clock::{now, random};
use crate::doors::Doors;
use crate::welcome::welcome;

/// The routes of users.
pub fn routes() -> Router<Arc<Doors>> {
    let user = get(handler(|call| Box::pin(read(call))))
        .merge(post(handler(|call| Box::pin(create(call)))))
        .merge(patch(handler(|call| Box::pin(update(call)))))
        .merge(delete(handler(|call| Box::pin(remove(call)))));
    let lock =
        post(handler(|call| Box::pin(lock(call, true)))).merge(delete(handler(|call| Box::pin(lock(call, false)))));
    Router::new()
        .route("/user", user)
        .route("/user/password", patch(handler(|call| Box::pin(change_password(call)))))
        .route("/user/password/validate", post(handler(|call| Box::pin(validate_password(call)))))
        .route("/user/lock", lock)
        .route("/user/approve", post(handler(|call| Box::pin(decide(call, ApprovalStatus::Approved)))))
        .route("/user/reject", post(handler(|call| Box::pin(decide(call, ApprovalStatus::Rejected)))))
}

impl Call {
    /// Ends what a user has open on the bus after a change that says why; where its answer got lost, rather for nothing.
    fn end_live<T>(&self, user: UserId, why: Option<&str>, changed: &Result<T, UserError>) {
        if let (Some(why), Ok(_) | Err(UserError::Storage(_))) = (why, changed) {
            self.hub.revoke_user(user, why);
        }
    }
}

/// `GET /user`
async fn read(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let identity = &call.app.identity;
    Ok(match call.fields.optional("user_id")?.filter(|id| !id.is_empty()) {
        Some(id) => full_view(&identity.record_of(&caller, &id, &call.context, now()).await?),
        None if caller.is_super_user() => full_view(&identity.own_record(&caller).await?),
        None => owner_view(&identity.own_record(&caller).await?).into(),
    })
}

/// What owners see of themselves (contract, section 5.1).
fn owner_view(record: &UserRecord) -> Map<String, Value> {
    let UserRecord { profile: Profile { names, email, .. }, factor, .. } = record;
    let label = factor.as_ref().and_then(|factor| factor.label.as_deref()).unwrap_or_default();
    let fields = [
        ("username", json!(record.username())),
        ("email", json!(email.as_ref().map(|email| &email.text))),
        ("display_name", json!(names.display)),
        ("first_name", json!(names.first)),
        ("middle_name", json!(names.middle)),
        ("last_name", json!(names.last)),
        ("is_totp_enabled", json!(factor.as_ref().is_some_and(|factor| factor.is_enabled))),
        ("totp_label", json!(label)),
    ];
    fields.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

/// What super-users see of anybody.
pub(super) fn full_view(record: &UserRecord) -> Value {
    let UserRecord { user, profile, .. } = record;
    let (standing, locked) = (&user.standing, profile.locked.as_ref());
    let at = |stamp: Option<&Stamp>| stamp.map(|stamp| sessions::time(stamp.at));
    // What nobody decided was so from the beginning.
    let approval = Stamp { at: user.created, by: Stamp::AUTO.to_owned() };
    let approval = profile.approval.as_ref().unwrap_or(&approval);
    let fields = [
        ("user_id", json!(user.id.to_sign_on())),
        ("is_active", json!(true)),
        ("is_internal", json!(false)),
        ("is_super_user", json!(user.role.is_trust())),
        ("is_approval_needed", json!(false)),
        ("approval_status", json!(standing.approval.name())),
        ("approval_status_mod_time", json!(at(Some(approval)))),
        ("approval_status_mod_by", json!(approval.by)),
        ("is_locked", json!(!standing.enabled)),
        ("locked_time", json!(at(locked))),
        ("locked_by", json!(locked.map(|stamp| &stamp.by))),
        ("creation_ctx", json!("null")),
        ("password_expiry", json!(standing.password_expires.map(sessions::time))),
        ("password_is_set", json!(user.password.is_some())),
        ("password_must_change", json!(standing.must_change)),
        ("password_last_set", json!(profile.password_set.map(sessions::time))),
        ("sign_up_status", json!(standing.sign_up.name())),
        ("sign_up_time", json!(sessions::time(user.created))),
    ];
    let mut view = owner_view(record);
    view.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    view.into()
}

/// `POST /user`
async fn create(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let fields = &call.fields;
    let truth = |name| Ok::<_, Refusal>(fields.truth(name)?.unwrap_or(false));
    let secret = |name| Ok::<_, Refusal>(fields.optional(name)?.filter(|text| !text.is_empty()).map(Secret::new));
    let (password, totp_key) = (secret("password")?, secret("totp_key")?);
    let (username, email) = (fields.optional("username")?.unwrap_or_default(), fields.optional("email")?);
    let totp_label = fields.optional("totp_label")?;
    let sign_up = fields.optional("sign_up_status")?;
    let new = NewUser {
        username: &username,
        password: password.as_ref(),
        must_change: truth("password_must_change")?,
        email: email.as_deref().filter(|text| !text.is_empty()),
        names: Names {
            display: fields.optional("display_name")?,
            first: fields.optional("first_name")?,
            middle: fields.optional("middle_name")?,
            last: fields.optional("last_name")?,
        },
        is_super_user: truth("is_super_user")?,
        is_locked: truth("is_locked")?,
        sign_up: sign_up.map_or(Ok(SignUpStatus::Final), |name| named(&name, SignUpStatus::from_name))?,
        is_approved: truth("auto_approve")?,
        is_totp_enabled: truth("is_totp_enabled")?,
        totp_key: totp_key.as_ref(),
        totp_label: totp_label.as_deref(),
        rate_limit: RateLimit {
            is_active: truth("is_rate_limit_active")?,
            definition: fields.optional("rate_limit_def")?,
        },
    };
    let (identity, pool) = (&call.app.identity, &call.app.passwords);
    let created = identity.create_user_by(&caller, new, pool, &call.context, now(), &mut random()).await?;
    let mut view = full_view(&created);
    if let Value::Object(view) = &mut view {
        let is_approved = created.user.standing.approval == ApprovalStatus::Approved;
        view.insert("is_approval_needed".to_owned(), json!(!is_approved));
        view.retain(|name, _| !matches!(name.as_str(), "creation_ctx" | "locked_time" | "locked_by"));
    }
    Ok(view)
}

fn named<T>(name: &str, from_name: impl FnOnce(&str) -> Option<T>) -> Result<T, Refusal> {
    from_name(name).ok_or_else(|| Refusal::code(INVALID_INPUT))
}

/// What a request is to change of the second factor.
struct FactorUpdate {
    enabled: Option<bool>,
    label: Option<String>,
}

/// `PATCH /user`
async fn update(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let (update, factor) = read_update(call)?;
    let user_id = call.fields.optional("user_id")?;
    let identity = &call.app.identity;
    let write = |update| identity.update_user_by(&caller, user_id.as_deref(), update, &call.context, now());
    let Ok(id) = identity.admit_update(&caller, user_id.as_deref(), &update) else {
        // Refused there once more, and noted.
        return write(update).await.map(|_| Value::Null).map_err(Refusal::from);
    };
    let has_factor = factor.enabled.is_some() || factor.label.is_some();
    let ends_live = UserChange::Update(Box::new(update.clone())).ends_live();
    // The second factor first, since it may be refused; but not if the rest can't go through.
    if has_factor && !is_name_taken(call, update.login.as_ref(), id).await? {
        update_factor(call, &caller, id, factor).await?;
        if update.is_empty() {
            return Ok(Value::Null);
        }
    }
    let changed: Result<User, UserError> = write(update).await;
    call.end_live(id, ends_live, &changed);
    changed?;
    Ok(Value::Null)
}

async fn is_name_taken(call: &Call, login: Option<&LoginName>, id: UserId) -> Result<bool, Refusal> {
    let Some(login) = login else { return Ok(false) };
    let found = call.app.identity.repository().run(FindUser::ByLogin(login.clone())).await?;
    Ok(found.is_some_and(|user| user.id != id))
}

async fn update_factor(call: &Call, caller: &Caller, owner: UserId, factor: FactorUpdate) -> Result<(), Refusal> {
    let identity = &call.app.identity;
    if let Some(enabled) = factor.enabled {
        let code = call.fields.optional("totp_code")?.map(Secret::new);
        let wish = EnableTotp { owner, enabled, code: code.as_ref() };
        identity.enable_totp(caller, wish, &call.context, now()).await?;
    }
    if let Some(label) = factor.label {
        identity.label_factor_by(caller, owner, &label, &call.context, now(), &mut random()).await?;
    }
    Ok(())
}

/// Only what the body has counts; null takes away what needn't be there (contract, section 1.2).
fn read_update(call: &Call) -> Result<(UserUpdate, FactorUpdate), Refusal> {
    let fields = &call.fields;
    let text =
        |name| if fields.is_in_body(name) { fields.optional(name).map(|text| Some(Field::to(text))) } else { Ok(None) };
    let name = |name| -> Result<Field<String>, Refusal> {
        Ok(match text(name)? {
            None => Field::Keep,
            Some(Field::Set(given)) => Field::Set(checked_name(&given)?),
            Some(_) => Field::Clear,
        })
    };
    // What has to be something can't be null.
    let needed = |name| match text(name)? {
        None => Ok(None),
        Some(Field::Set(given)) => Ok(Some(given)),
        Some(_) => Err(Refusal::code(INVALID_INPUT)),
    };
    let flag = |name| {
        if !fields.is_in_body(name) {
            return Ok(None);
        }
        if fields.is_null(name) { Err(Refusal::code(INVALID_INPUT)) } else { Ok(fields.truth(name)?) }
    };
    let username = needed("username")?;
    let login = username.as_deref().map(LoginName::parse).transpose().map_err(UserError::from)?;
    let spelling = match username.zip(login.as_ref()) {
        None => Field::Keep,
        Some((given, login)) => Field::to(spelling(&given, login)),
    };
    let update = UserUpdate {
        login,
        spelling,
        email: match text("email")? {
            None => Field::Keep,
            Some(Field::Set(given)) if !given.is_empty() => Field::Set(call.app.identity.email(&given)?),
            Some(_) => Field::Clear,
        },
        upn: Field::Keep,
        display: name("display_name")?,
        first: name("first_name")?,
        middle: name("middle_name")?,
        last: name("last_name")?,
        enabled: flag("is_locked")?.map(|is_locked| !is_locked),
        sign_up: needed("sign_up_status")?.map(|name| named(&name, SignUpStatus::from_name)).transpose()?,
        approval: needed("approval_status")?.map(|name| named(&name, ApprovalStatus::from_name)).transpose()?,
        password_expires: needed("password_expiry")?.map(|_| fields.time("password_expiry")).transpose()?.flatten(),
        must_change: flag("password_must_change")?,
    };
    let enabled = if fields.is_in_body("is_totp_enabled") { fields.truth("is_totp_enabled")? } else { None };
    let label = text("totp_label")?.map(|label| if let Field::Set(label) = label { label } else { String::new() });
    Ok((update, FactorUpdate { enabled, label }))
}

/// `DELETE /user`
async fn remove(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let id = call.fields.required("user_id")?;
    let deleted = call.app.identity.delete_user_by(&caller, &id, &call.context, now()).await;
    end_live_of(call, &id, UserChange::Delete.ends_live(), &deleted);
    deleted?;
    Ok(Value::Null)
}

fn end_live_of<T>(call: &Call, id: &str, why: Option<&str>, changed: &Result<T, UserError>) {
    if let Ok(id) = UserId::parse_sign_on(id) {
        call.end_live(id, why, changed);
    }
}

/// `POST /user/lock` and `DELETE /user/lock`
async fn lock(call: &Call, is_locked: bool) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let id = call.fields.required("user_id")?;
    let locked = call.app.identity.lock_user_by(&caller, &id, is_locked, &call.context, now()).await;
    end_live_of(call, &id, UserChange::Enabled(!is_locked).ends_live(), &locked);
    locked?;
    Ok(Value::Null)
}

/// `POST /user/approve` and `POST /user/reject`
async fn decide(call: &Call, approval: ApprovalStatus) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let id = call.fields.required("user_id")?;
    let decided = call.app.identity.decide_on_user_by(&caller, &id, approval, &call.context, now()).await;
    end_live_of(call, &id, UserChange::Approval(approval).ends_live(), &decided);
    let user = decided?;
    if approval == ApprovalStatus::Approved {
        welcome(&call.app, user);
    }
    Ok(Value::Null)
}

/// `POST /user/password/validate`
async fn validate_password(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let password = Secret::new(call.fields.required("password")?);
    // Not judged by the caller's name: the password may be for anybody.
    drop(caller);
    NewPassword::check(password, &[], &call.app.config.password.policy())?;
    Ok(Value::Null)
}

/// `PATCH /user/password`
async fn change_password(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let fields = &call.fields;
    let new = Secret::new(fields.required("new_password")?);
    let (user_id, old) = (fields.optional("user_id")?, fields.optional("old_password")?.map(Secret::new));
    let must_change = fields.truth("must_change")?.filter(|_| !fields.is_null("must_change"));
    let days = fields.number("password_expiry")?;
    let wish = ChangePassword { user_id: user_id.as_deref(), old: old.as_ref(), new: &new, days, must_change };
    let (identity, pool) = (&call.app.identity, &call.app.passwords);
    // Whoever guesses the old password is slowed as at a login.
    let claim = Claim {
        login: caller.user().login.as_str(),
        context: &call.context,
        session: "",
        code: None,
        purpose: Purpose::Session,
    };
    let rules = Box::pin(async {
        match identity.change_password_by(&caller, wish, pool, &call.context, now()).await {
            Err(UserError::OwnPassword(reason)) => Err(LoginError::Refused(reason)),
            other => Ok(other),
        }
    });
    let changed = match call.app.throttled(&claim, rules).await {
        Ok(changed) => changed,
        Err(LoginError::Storage(fault)) => return Err(fault.into()),
        Err(LoginError::Refused(reason)) => return Err(codes::own_password_refused(reason)),
        Err(LoginError::CodeNeeded(_)) => {
            return Err(codes::own_password_refused(countersign_identity::audit::Reason::CodeMissing));
        }
    };
    if let Ok(user) = &changed {
        call.hub.revoke_user(user.id, "the user got another password");
    }
    changed?;
    Ok(Value::Null)
}
