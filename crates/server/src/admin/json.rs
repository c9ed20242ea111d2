//! Answers of commands as JSON. The names of the fields are what scripts rely on.

use countersign_identity::audit::AuditRow;
use countersign_identity::keys::{KeyKind, MintedKey};
use countersign_identity::profile::{Profile, UserRecord};
use countersign_identity::role::Role;
use countersign_identity::user::{User, UserKey};
use countersign_identity::{Credential, LoginName};
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

/// A new key, with the fields that it has on the bus.
pub fn key(kind: KeyKind, minted: &MintedKey) -> Value {
    value(records::key(kind, &minted.credential, &minted.login, Some(&minted.plaintext_key)).into())
}

/// A key in a list: the same without the key itself; an API key also with its last use.
pub fn listed_key(kind: KeyKind, credential: &Credential, login: &LoginName) -> Value {
    let mut shown = value(records::key(kind, credential, login, None).into());
    if let (KeyKind::ApiKey, Some(fields)) = (kind, shown.as_object_mut()) {
        let last = credential.last_used.as_ref();
        fields.insert("last_used".to_owned(), json!(last.map(|last| last.at.to_rfc3339())));
        fields.insert("last_used_from".to_owned(), json!(last.map(|last| &last.address)));
    }
    shown
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
pub(super) fn value(value: WampValue) -> Value {
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
