//! Records as their users' programs see them, the same through every door.

use countersign_identity::keys::KeyKind;
use countersign_identity::metadata::{MetadataEntry, MetadataValue};
use countersign_identity::permission::Rule;
use countersign_identity::records::entry::{CookieEntry, MetadataRecord, RoleEntry, UserEntry};
use countersign_identity::repository::RepositoryError;
use countersign_identity::roster::{RosterEntry, Visibility};
use countersign_identity::uris::{Connection, FoundUri, UriKey, UriRecord, ZombieLifespan};
use countersign_identity::{Credential, LoginName, Secret, Timestamp, UserId};
use countersign_wamp::{Dict, Value};
use data_encoding::BASE64URL_NOPAD;

use crate::yaml;

/// A one-time password: the dict of the seed, its eight fields in the order of the bus that
/// this replaces. The key in the clear is there once, when it was made.
pub fn otp(credential: &Credential, login: &LoginName, plaintext: Option<&Secret>) -> Dict {
    Dict::new()
        .with("uuid", credential.id.to_bus())
        .with("origin", credential.origin.as_str())
        .with("expires", credential.expires.shown())
        .with("permissions", rules(&credential.permissions))
        .with("key", credential.digest.to_bus())
        .with("owner", credential.owner.to_bus())
        .with("plaintext_key", plaintext.map(Secret::expose))
        .with("login", login.as_str())
}

/// An API key: its seven fields in the order of the bus that this replaces. The key in the clear is there once, when it was
/// made.
pub fn api_key(credential: &Credential, plaintext: Option<&Secret>) -> Dict {
    Dict::new()
        .with("uuid", credential.id.to_bus())
        .with("plaintext_key", plaintext.map(Secret::expose))
        .with("description", credential.description.as_str())
        .with("expires", credential.expires.shown())
        .with("permissions", rules(&credential.permissions))
        .with("key", credential.digest.to_bus())
        .with("owner", credential.owner.to_bus())
}

/// A key of either kind.
pub fn key(kind: KeyKind, credential: &Credential, login: &LoginName, plaintext: Option<&Secret>) -> Dict {
    match kind {
        KeyKind::Otp => otp(credential, login, plaintext),
        KeyKind::ApiKey => api_key(credential, plaintext),
    }
}

/// Whose records those are that belong to nobody in particular.
const ROOT: &str = "%root";

/// A user, with what belongs to it. The hash of the password is never there.
///
/// # Errors
///
/// [`RepositoryError::Corrupt`].
pub fn user(entry: &UserEntry, yaml: bool) -> Result<Dict, RepositoryError> {
    let (user, profile) = (&entry.record.user, &entry.record.profile);
    let otps: Vec<Value> = entry.otps.iter().map(|credential| otp(credential, &user.login, None).into()).collect();
    let api_keys: Vec<Value> = entry.api_keys.iter().map(|credential| api_key(credential, None).into()).collect();
    let noted = entry.metadata.iter().map(|entry| Ok(metadata_record(entry, user.id, yaml)?.into()));
    let noted = noted.collect::<Result<Vec<Value>, RepositoryError>>()?;
    Ok(Dict::new()
        .with("login", user.login.as_str())
        .with("enabled", user.standing.enabled)
        .with("role", user.role.as_str())
        .with("source", user.source().name())
        .with("password", Value::Null)
        .with("email", profile.email.as_ref().map(|email| email.text.as_str()))
        .with("upn", profile.upn.as_deref())
        .with("name", profile.names.display.as_deref())
        .with("uuid", user.id.to_bus())
        .with("owner", ROOT)
        .with("apikeys", api_keys)
        .with("metadata", noted)
        .with("otps", otps))
}

/// What is noted of a user under a key, as its collection has it.
///
/// # Errors
///
/// [`RepositoryError::Corrupt`].
pub fn metadata_of(record: &MetadataRecord, yaml: bool) -> Result<Dict, RepositoryError> {
    metadata_record(&record.entry, record.owner, yaml)
}

fn metadata_record(entry: &MetadataEntry, owner: UserId, yaml: bool) -> Result<Dict, RepositoryError> {
    Ok(Dict::new()
        .with("key", entry.key.as_str())
        .with("value", metadata_value(&entry.value, yaml)?)
        .with("uuid", entry.id.to_bus())
        .with("owner", owner.to_bus()))
}

/// A role.
pub fn role(entry: &RoleEntry) -> Dict {
    Dict::new()
        .with("role", entry.role.name.as_str())
        .with("permissions", rules(&entry.role.rules))
        .with("uuid", entry.id.to_bus())
        .with("owner", ROOT)
}

/// A cookie, without anything by which it could be used.
pub fn cookie(entry: &CookieEntry) -> Dict {
    let CookieEntry { credential, login, role } = entry;
    Dict::new()
        .with("uuid", credential.id.to_bus())
        .with("authid", login.as_str())
        .with("authrole", role.as_str())
        .with("created", credential.created.to_rfc3339())
        .with("expires", credential.expires.to_iso8601())
        .with("origin", credential.origin.as_str())
        .with("owner", ROOT)
}

/// A record of a URI: the fields of the bus that this replaces, in its order, after what names the record. Times are whole
/// seconds since 1970, as there, but for `create`.
pub fn uri(found: &FoundUri) -> Dict {
    let FoundUri { record, history } = found;
    let UriRecord { key, last, warn, .. } = record;
    let seconds = |time: Option<Timestamp>| time.map(Timestamp::seconds);
    let number = |number: Option<u32>| number.map(i64::from);
    let zombie_lifespan = match record.zombie_lifespan {
        None => Value::Null,
        Some(ZombieLifespan::Never) => Value::Bool(true),
        Some(ZombieLifespan::Seconds(seconds)) => seconds.into(),
    };
    Dict::new()
        .with("key", key.to_string())
        .with("uuid", BASE64URL_NOPAD.encode(key.id().as_bytes()))
        .with("uri", key.uri())
        .with("action", UriKey::ACTION.verb())
        .with("active", record.is_active)
        .with("system", record.is_system)
        .with("match", key.policy().name())
        .with("invoke", record.invoke.as_deref())
        .with("description", record.description.as_str())
        .with("contact", record.contact.as_str())
        .with("create", record.created.to_rfc3339())
        .with("peer", last.peer.as_deref())
        .with("authid", last.authid.as_deref())
        .with("session_id", last.session)
        .with("disconnect_warn_after", number(warn.after_seconds))
        .with("disconnect_warn_reminder_after", number(warn.reminder_after_seconds))
        .with("disconnect_warn_last", seconds(record.warned))
        .with("history", history.iter().map(connection).collect::<Vec<Value>>())
        .with("disconnect", seconds(record.disconnected))
        .with("disconnect_count_warn_after", number(warn.count_after))
        .with("disconnect_count_warn_reminder_after", number(warn.count_reminder_after_seconds))
        .with("disconnect_count_warn_last", seconds(record.count_warned))
        .with("zombie_lifespan", zombie_lifespan)
        .with("schedule", record.schedule.as_str())
}

/// `[connect, disconnect, authid, peer, session]`
fn connection(connection: &Connection) -> Value {
    let Connection { connected, disconnected, authid, peer, session } = connection;
    let disconnected = disconnected.map(Timestamp::seconds);
    Value::List(vec![
        Value::Int(connected.seconds()),
        disconnected.into(),
        authid.as_str().into(),
        peer.as_str().into(),
        Value::Int(*session),
    ])
}

/// Rules: a list of `{uri, perms}`.
pub fn rules(rules: &[Rule]) -> Vec<Value> {
    let rule =
        |rule: &Rule| Dict::new().with("uri", rule.pattern.as_str()).with("perms", rule.rights.to_string()).into();
    rules.iter().map(rule).collect()
}

/// Metadata of a user: a dictionary of the keys.
///
/// # Errors
///
/// [`RepositoryError::Corrupt`].
pub fn metadata(entries: &[MetadataEntry], owner: UserId, yaml: bool) -> Result<Value, RepositoryError> {
    let mut all = Dict::new();
    for entry in entries {
        let record = Dict::new().with("uuid", entry.id.to_bus()).with("value", metadata_value(&entry.value, yaml)?);
        all.push(entry.key.as_str(), if yaml { record } else { record.with("owner", owner.to_bus()) });
    }
    Ok(all.into())
}

/// A value of metadata; with `yaml` as YAML text: as it was given, or made of the value.
///
/// # Errors
///
/// [`RepositoryError::Corrupt`].
pub fn metadata_value(value: &MetadataValue, yaml: bool) -> Result<Value, RepositoryError> {
    let corrupt = |error: &dyn std::fmt::Display| RepositoryError::Corrupt(format!("metadata: value: {error}"));
    let json = value.json.expose();
    match &value.yaml {
        Some(given) if yaml => Ok(given.expose().into()),
        None if yaml => yaml::from_json(json).map(Value::Str).map_err(|error| corrupt(&error)),
        _ => Value::from_json(json).map_err(|error| corrupt(&error)),
    }
}

/// An entry in a roster.
///
/// # Errors
///
/// [`RepositoryError::Corrupt`].
pub fn roster_entry(entry: &RosterEntry) -> Result<Dict, RepositoryError> {
    let visibility = match &entry.visibility {
        Visibility::One(name) => Value::from(name.as_str()),
        Visibility::Many(names) => Value::List(names.iter().map(|name| name.as_str().into()).collect()),
    };
    Ok(Dict::new()
        .with("uuid", entry.id.to_bus())
        .with("created", entry.created.to_rfc3339())
        .with("name", entry.name.as_str())
        .with("visibility", visibility)
        .with("session_id", entry.session)
        .with("data", roster_data(entry)?)
        .with("key", entry.key())
        .with("owner", "%root"))
}

/// What entries of a roster say.
///
/// # Errors
///
/// [`RepositoryError::Corrupt`].
pub fn roster(entries: &[RosterEntry]) -> Result<Value, RepositoryError> {
    entries.iter().map(roster_data).collect::<Result<_, _>>().map(Value::List)
}

fn roster_data(entry: &RosterEntry) -> Result<Value, RepositoryError> {
    let corrupt = |error| RepositoryError::Corrupt(format!("rosters: data: {error}"));
    Value::from_json(entry.data.expose()).map_err(corrupt)
}
