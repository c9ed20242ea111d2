//! Answers of commands as JSON. The names of the fields are what scripts rely on.

use countersign_identity::audit::AuditRow;
use countersign_identity::otp::MintedOtp;
use countersign_identity::profile::{Profile, UserRecord};
use countersign_identity::role::Role;
use countersign_identity::user::{User, UserKey};
use countersign_identity::{Credential, LoginName, Secret};
use countersign_wamp::Value as WampValue;
use serde_json::{Value, json};

use crate::records;

/// A user.
pub fn user(user: &User) -> Value {
    json!({
        "uuid": user.id.to_bus(),
        "login": user.login.as_str(),
        "role": user.role.as_str(),
        "enabled": user.standing.enabled,
        "has_password": user.password.is_some(),
        "source": user.source().name(),
        "created": user.created.to_rfc3339(),
    })
}

/// All that is known of a user.
pub fn record(record: &UserRecord) -> Value {
    let UserRecord { user, profile: Profile { names, email, .. }, factor } = record;
    let standing = &user.standing;
    let fields = [
        ("username", json!(record.username())),
        ("email", json!(email.as_ref().map(|email| &email.text))),
        ("display_name", json!(names.display)),
        ("first_name", json!(names.first)),
        ("middle_name", json!(names.middle)),
        ("last_name", json!(names.last)),
        ("approval_status", json!(standing.approval.name())),
        ("sign_up_status", json!(standing.sign_up.name())),
        ("password_expiry", json!(standing.password_expires.map(countersign_identity::Timestamp::to_rfc3339))),
        ("password_must_change", json!(standing.must_change)),
        ("is_totp_enabled", json!(factor.as_ref().is_some_and(|factor| factor.is_enabled))),
        ("totp_label", json!(factor.as_ref().and_then(|factor| factor.label.as_ref()))),
    ];
    let mut shown = self::user(user);
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(fields.map(|(name, value)| (name.to_owned(), value)));
    }
    shown
}

/// A public key of a user.
pub fn user_key(key: &UserKey) -> Value {
    json!({ "public_key": key.key.to_hex(), "label": key.label, "created": key.created.to_rfc3339() })
}

/// A role with its rules.
pub fn role(role: &Role) -> Value {
    json!({ "role": role.name.as_str(), "permissions": value(records::rules(&role.rules).into()) })
}

/// A new one-time password, with the fields that it has on the bus.
pub fn minted(minted: &MintedOtp) -> Value {
    otp(&minted.credential, &minted.login, Some(&minted.plaintext_key))
}

/// A one-time password, with the fields that it has on the bus.
pub fn otp(credential: &Credential, login: &LoginName, plaintext: Option<&Secret>) -> Value {
    value(records::otp(credential, login, plaintext).into())
}

/// A row of the trail.
pub fn audit(row: &AuditRow) -> Value {
    let event = &row.event;
    json!({
        "sequence": row.sequence,
        "at": event.at.to_rfc3339(),
        "cid": event.cid,
        "request": event.request,
        "actor": event.actor,
        "target": event.target,
        "operation": event.operation.name(),
        "application": event.application,
        "address": event.address,
        "agent": event.agent,
        "claimed_address": event.claimed_address,
        "claimed_agent": event.claimed_agent,
        "outcome": event.outcome.name(),
        "reason": event.reason.map(countersign_identity::audit::Reason::name),
        "detail": event.detail,
        "link": row.link.to_hex(),
    })
}

/// A value of the bus in JSON. Records hold neither bytes nor times as such.
fn value(value: WampValue) -> Value {
    match value {
        WampValue::Null | WampValue::Bytes(_) | WampValue::Time(_) => Value::Null,
        WampValue::Bool(truth) => truth.into(),
        WampValue::Int(number) => number.into(),
        WampValue::UInt(number) => number.into(),
        WampValue::Float(number) => number.into(),
        WampValue::Str(text) => text.into(),
        WampValue::List(items) => items.into_iter().map(self::value).collect(),
        WampValue::Dict(dict) => dict.into_iter().map(|(key, item)| (key, self::value(item))).collect(),
    }
}
