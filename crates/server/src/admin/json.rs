//! Answers of commands as JSON. The names of the fields are what scripts rely on.

use countersign_identity::audit::AuditRow;
use countersign_identity::otp::MintedOtp;
use countersign_identity::permission::Rule;
use countersign_identity::role::Role;
use countersign_identity::user::User;
use countersign_identity::{Credential, LoginName, Secret};
use serde_json::{Value, json};

/// A user.
pub fn user(user: &User) -> Value {
    json!({
        "uuid": user.id.to_bus(),
        "login": user.login.as_str(),
        "role": user.role.as_str(),
        "enabled": user.enabled,
        "has_password": user.password.is_some(),
        "created": user.created.to_rfc3339(),
    })
}

/// A role with its rules.
pub fn role(role: &Role) -> Value {
    json!({ "role": role.name.as_str(), "permissions": rules(&role.rules) })
}

/// A new one-time password, with the fields that it has on the bus.
pub fn minted(minted: &MintedOtp) -> Value {
    otp(&minted.credential, &minted.login, Some(&minted.plaintext_key))
}

/// A one-time password, with the fields that it has on the bus.
pub fn otp(credential: &Credential, login: &LoginName, plaintext: Option<&Secret>) -> Value {
    json!({
        "uuid": credential.id.to_bus(),
        "origin": credential.origin,
        "expires": credential.expires.to_iso8601(),
        "permissions": rules(&credential.permissions),
        "key": credential.digest.to_bus(),
        "owner": credential.owner.to_bus(),
        "plaintext_key": plaintext.map(Secret::expose),
        "login": login.as_str(),
    })
}

/// A row of the trail.
pub fn audit(row: &AuditRow) -> Value {
    let event = &row.event;
    json!({
        "sequence": row.sequence,
        "at": event.at.to_rfc3339(),
        "cid": event.cid,
        "actor": event.actor,
        "target": event.target,
        "operation": event.operation.name(),
        "application": event.application,
        "address": event.address,
        "agent": event.agent,
        "outcome": event.outcome.name(),
        "reason": event.reason.map(countersign_identity::audit::Reason::name),
        "detail": event.detail,
    })
}

fn rules(rules: &[Rule]) -> Value {
    let rule = |rule: &Rule| json!({ "uri": rule.pattern.as_str(), "perms": rule.rights.to_string() });
    rules.iter().map(rule).collect()
}
