//! Sessions: verified, renewed, looked at, listed, revoked.

use countersign_identity::sign_on::{Caller, ListedSession, SessionChange, TargetError};
use countersign_identity::{Secret, Timestamp};
use serde_json::{Value, json};

use super::Call;
use super::codes::Refusal;
use crate::clock::now;

/// A time as this API writes it: UTC without saying so, and a fraction of six digits or none (contract, section 0.1).
/// Old Pythons read no other.
pub fn time(time: Timestamp) -> String {
    let text = time.to_rfc3339();
    let text = text.trim_end_matches('Z');
    match text.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{fraction:0<6}"),
        None => text.to_owned(),
    }
}

/// `POST /user/session`: whether the target is a live session. For super-users. A session that isn't named is none, which
/// is an error (contract, section 1.5); whatever is wrong with one that is named is an answer.
pub async fn verify(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("current_ust").await?;
    let named = call.fields.optional("target_ust")?.filter(|ust| !ust.is_empty());
    let is_named = named.is_some();
    let target = call.app.session_token(Secret::new(named.unwrap_or_default()));
    match call.app.identity.target_session(&caller, &target, now()).await {
        Ok(_) => Ok(json!({ "is_valid": true })),
        Err(TargetError::NoSuchSession) if is_named => Ok(json!({ "is_valid": false })),
        Err(other) => Err(other.into()),
    }
}

/// `PATCH /user/session`: extends the caller's session.
pub async fn renew(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let expires = call.app.identity.renew_session(&caller, &call.context, now()).await?;
    Ok(json!({ "expiration_time": time(expires) }))
}

/// `GET /user/session`: what the target is like. For super-users.
pub async fn get(call: &Call) -> Result<Value, Refusal> {
    let target = target(call).await??;
    let session = target.session();
    Ok(json!({
        "creation_time": time(session.created),
        "expiration_time": time(session.expires),
        "remote_addr": session.address,
        "user_agent": session.agent,
    }))
}

/// `GET /user/session/list`: by `ust` the caller's own; else, for super-users, those of the target's owner. Tokens are not
/// among the fields: nobody gets one a second time.
pub async fn list(call: &Call) -> Result<Value, Refusal> {
    let is_own = call.fields.optional("ust")?.is_some_and(|ust| !ust.is_empty());
    let is_named = call.fields.optional("current_ust")?.is_some();
    let whose = if is_own || !is_named { call.caller("ust").await? } else { target(call).await?? };
    let sessions = call.app.identity.sessions_of(&whose, now()).await?;
    let rows: Vec<Value> = sessions.iter().map(|listed| row(listed, whose.user().login.as_str())).collect();
    Ok(json!({ "result": rows }))
}

/// `DELETE /user/session`: ends the caller's session of this id, or as a super-user anybody's. Not in Zato SSO.
pub async fn revoke(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let id = call.fields.required("session_id")?;
    call.app.identity.revoke_session(&caller, &id, &call.context, now()).await?;
    Ok(Value::Null)
}

/// The session of `target_ust`, by the right of `current_ust`.
async fn target(call: &Call) -> Result<Result<Caller, TargetError>, Refusal> {
    let caller = call.caller("current_ust").await?;
    let target = call.token("target_ust")?;
    Ok(call.app.identity.target_session(&caller, &target, now()).await)
}

fn row(listed: &ListedSession, login: &str) -> Value {
    let ListedSession { session, changes } = listed;
    let changes: Vec<Value> = changes.iter().map(change).collect();
    json!({
        "session_id": session.id.to_bus(),
        "creation_time": time(session.created),
        "expiration_time": time(session.expires),
        "remote_addr": session.address,
        "user_agent": session.agent,
        "current_app": session.application,
        // There is no other way to open one than by the user's own password.
        "auth_type": "default",
        "auth_principal": login,
        "ext_session_id": null,
        "session_state_change_list": changes,
    })
}

fn change(change: &SessionChange) -> Value {
    json!({
        "remote_addr": change.address,
        "user_agent": change.agent,
        "timestamp_utc": time(change.at),
        "ctx_source": change.source.name(),
        "idx": change.index,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_offset_and_six_digits_of_a_second_or_none() {
        let check = |micros, want| assert_eq!(time(Timestamp::from_micros(micros)), want);
        check(1_697_563_050_805_300, "2023-10-17T17:17:30.805300");
        check(1_697_563_050_500_000, "2023-10-17T17:17:30.500000");
        check(1_697_563_050_000_001, "2023-10-17T17:17:30.000001");
        check(1_697_563_050_000_000, "2023-10-17T17:17:30");
    }
}
