//! Sessions: verified, renewed, listed.

use countersign_identity::sign_on::{CallerError, SignOnSession};
use countersign_identity::{Secret, Timestamp};
use serde_json::{Value, json};

use super::Call;
use super::codes::{NOT_ALLOWED, Refusal};
use crate::clock::now;

/// A time as this API writes it: UTC without saying so, and no fraction where there is none (contract, section 0.1).
pub fn time(time: Timestamp) -> String {
    let text = time.to_rfc3339();
    text.trim_end_matches('Z').to_owned()
}

/// `POST /user/session`: whether the target is a live session. For super-users.
pub async fn verify(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("current_ust").await?;
    let target = Secret::new(call.fields.required("target_ust")?);
    if !caller.is_super_user() {
        return Err(Refusal::code(NOT_ALLOWED));
    }
    match call.app.identity.caller(&target, now()).await {
        Ok(_) => Ok(json!({ "is_valid": true })),
        Err(CallerError::NoSuchSession | CallerError::Barred(_)) => Ok(json!({ "is_valid": false })),
        Err(CallerError::Storage(fault)) => Err(fault.into()),
    }
}

/// `PATCH /user/session`: extends the caller's session.
pub async fn renew(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let expires = call.app.identity.renew_session(&caller, &call.context, now()).await?;
    Ok(json!({ "expiration_time": time(expires) }))
}

/// `GET /user/session/list`: the caller's own. Tokens are not among the fields: nobody gets one a second time.
pub async fn list(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    let sessions = call.app.identity.own_sessions(&caller, now()).await?;
    Ok(json!({ "result": sessions.iter().map(row).collect::<Vec<_>>() }))
}

fn row(session: &SignOnSession) -> Value {
    json!({
        "session_id": session.id.to_bus(),
        "creation_time": time(session.created),
        "expiration_time": time(session.expires),
        "remote_addr": session.address,
        "user_agent": session.agent,
        "current_app": session.application,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_no_offset_and_no_empty_fraction() {
        assert_eq!(time(Timestamp::from_micros(1_697_563_050_805_300)), "2023-10-17T17:17:30.8053");
        assert_eq!(time(Timestamp::from_micros(1_697_563_050_000_000)), "2023-10-17T17:17:30");
    }
}
