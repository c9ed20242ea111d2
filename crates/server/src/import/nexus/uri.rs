//! A record of a URI: who registered it, what it is for, what is told when it is gone.
//!
//! Nothing is registered when a copy of the files is read. So a record that was active there is gone since the import, and a
//! connection that was open has ended then.

use countersign_identity::Timestamp;
use countersign_identity::uris::import::ImportedUri;
use countersign_identity::uris::{Connection, LastCallee, UriKey, UriKeyError, UriPolicy, UriUpdate, ZombieLifespan};
use serde_json::Value;

use super::record::Record;
use super::tree::Entry;

/// Longest name of a callee or a peer that is kept, in characters.
const NAME_CHARACTERS_MAX: usize = 256;

/// Converts a record; nothing for one of the bus' own URIs. Notes say what of it did not come over.
///
/// # Errors
///
/// Why it can't come over, for the report.
pub fn convert(entry: &Entry, now: Timestamp, notes: &mut Vec<String>) -> Result<Option<ImportedUri>, String> {
    let record = Record::read(&entry.file)?;
    if record.truth("system", false) {
        return Ok(None);
    }
    let key = key(entry, &record).map_err(|error| error.to_string())?;
    // What was to come counts as now.
    let past = |time: Timestamp| time.min(now);
    let time = |field: &str, notes: &mut Vec<String>| given(&record, field, time, notes).map(past);
    let created = time("create", notes);
    let gone = if record.truth("active", false) { now } else { time("disconnect", notes).or(created).unwrap_or(now) };
    let last = LastCallee {
        authid: record.text("authid").map(name),
        peer: record.text("peer").map(name),
        session: record.get("session_id").and_then(Value::as_i64),
    };
    Ok(Some(ImportedUri {
        key,
        created: created.unwrap_or(gone),
        invoke: record.text("invoke").map(name),
        last,
        warned: time("disconnect_warn_last", notes),
        count_warned: time("disconnect_count_warn_last", notes),
        history: history(&record, now, notes),
        update: UriUpdate { disconnected: Some(gone), ..said(&record, notes) },
    }))
}

/// Whether the record says what the URI is for, and who looks after it.
pub fn is_documented(imported: &ImportedUri) -> bool {
    let UriUpdate { description, contact, .. } = &imported.update;
    description.is_some() && contact.is_some()
}

/// The fields of the record name it; where they are missing, the key does.
fn key(entry: &Entry, record: &Record) -> Result<UriKey, UriKeyError> {
    let Some(uri) = record.text("uri") else { return UriKey::parse(&entry.key) };
    if record.text("action").is_some_and(|action| action != UriKey::ACTION.verb()) {
        return Err(UriKeyError::Action);
    }
    let policy = record.text("match").map_or(Some(UriPolicy::Exact), UriPolicy::from_name);
    UriKey::new(uri, policy.ok_or(UriKeyError::Policy)?)
}

/// What people said of it. A value that can't be here is left out alone.
fn said(record: &Record, notes: &mut Vec<String>) -> UriUpdate {
    let text = |field: &str| record.text(field).map(str::to_owned);
    let mut number = |field: &str| given(record, field, number, notes).map(Some);
    let mut changes = vec![
        UriUpdate { warn_after_seconds: number("disconnect_warn_after"), ..UriUpdate::default() },
        UriUpdate { warn_reminder_after_seconds: number("disconnect_warn_reminder_after"), ..UriUpdate::default() },
        UriUpdate { count_warn_after: number("disconnect_count_warn_after"), ..UriUpdate::default() },
        UriUpdate {
            count_warn_reminder_after_seconds: number("disconnect_count_warn_reminder_after"),
            ..UriUpdate::default()
        },
    ];
    let zombie_lifespan = given(record, "zombie_lifespan", lifespan, notes).map(Some);
    changes.push(UriUpdate { zombie_lifespan, ..UriUpdate::default() });
    changes.push(UriUpdate { description: text("description"), ..UriUpdate::default() });
    changes.push(UriUpdate { contact: text("contact"), ..UriUpdate::default() });
    changes.push(UriUpdate { schedule: text("schedule"), ..UriUpdate::default() });
    let mut update = UriUpdate::default();
    for change in changes {
        match change.check() {
            Ok(_) => update = change.over(update),
            Err(why) => notes.push(format!("did not come over: {why}")),
        }
    }
    update
}

/// `[connect, disconnect, authid, peer, session]`, of those that can be read.
fn history(record: &Record, now: Timestamp, notes: &mut Vec<String>) -> Vec<Connection> {
    let given = record.get("history").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let read = |connection: &Value| {
        let Some([from, until, authid, peer, session]) = connection.as_array().map(Vec::as_slice) else { return None };
        let connected = time(from)?.min(now);
        let text = |value: &Value| name(value.as_str().unwrap_or_default());
        Some(Connection {
            connected,
            disconnected: Some(time(until).unwrap_or(now).clamp(connected, now)),
            authid: text(authid),
            peer: text(peer),
            session: session.as_i64().unwrap_or_default(),
        })
    };
    let connections: Vec<Connection> = given.iter().filter_map(read).collect();
    let unread = given.len() - connections.len();
    if unread > 0 {
        notes.push(format!("{unread} connections of the history can't be read"));
    }
    connections
}

/// A field, if it is given; a note where it can't be read.
fn given<T>(
    record: &Record,
    field: &str,
    read: impl FnOnce(&Value) -> Option<T>,
    notes: &mut Vec<String>,
) -> Option<T> {
    let value = record.get(field)?;
    let found = read(value);
    if found.is_none() {
        notes.push(format!("{field} can't be read"));
    }
    found
}

fn number(value: &Value) -> Option<u32> {
    u32::try_from(seconds(value)?).ok()
}

/// True: for ever; false, 0: none.
fn lifespan(value: &Value) -> Option<ZombieLifespan> {
    match value {
        Value::Bool(true) => Some(ZombieLifespan::Never),
        Value::Bool(false) => Some(ZombieLifespan::Seconds(0)),
        other => number(other).map(ZombieLifespan::Seconds),
    }
}

/// Seconds since 1970, or a text; one without an offset is in UTC.
fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse(text.trim()),
        other => seconds(other)?.checked_mul(1_000_000).map(Timestamp::from_micros),
    }
}

/// A whole number; what is behind its point doesn't count.
fn seconds(value: &Value) -> Option<i64> {
    let number = value.as_number()?;
    number.as_i64().or_else(|| number.to_string().split_once('.')?.0.parse().ok())
}

fn name(text: &str) -> String {
    text.chars().filter(|character| *character != '\0').take(NAME_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    /// 2023-11-14T22:13:20Z.
    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    fn read(key: &str, text: &str) -> (Result<Option<ImportedUri>, String>, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("record.yaml");
        std::fs::write(&file, text).unwrap();
        let mut notes = Vec::new();
        (convert(&Entry { key: key.to_owned(), file }, NOW, &mut notes), notes)
    }

    fn converted(text: &str) -> (ImportedUri, Vec<String>) {
        let (read, notes) = read("a.b_exact_register", text);
        (read.unwrap().unwrap(), notes)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_record_is_named_by_its_fields_or_by_its_key() {
        let named = |key: &str, text: &str| read(key, text).0.map(|found| found.unwrap().key.to_string());
        assert_eq!(named("a.b_prefix_register", "active: false").unwrap(), "a.b_prefix_register");
        assert_eq!(named("x", "{uri: a..c, match: wildcard, action: register}").unwrap(), "a..c_wildcard_register");
        assert_eq!(named("x", "uri: a").unwrap(), "a_exact_register");
        for wrong in ["active: false", "{uri: a, action: subscribe}", "{uri: a, match: near}", "[]"] {
            assert!(named("x", wrong).is_err(), "{wrong}");
        }
        assert_eq!(read("a_exact_register", "system: true").0, Ok(None));
    }

    #[test]
    fn what_was_active_is_gone_since_the_import_and_what_was_gone_since_then() {
        let gone = |text: &str| converted(text).0.update.disconnected;
        assert_eq!(gone("{active: true, disconnect: null}"), Some(NOW));
        assert_eq!(gone("{active: false, disconnect: 1699990000.75}"), Some(at(1_699_990_000)));
        assert_eq!(gone("{active: false, disconnect: 1800000000}"), Some(NOW));
        assert_eq!(gone("create: 2023-10-17T10:17:30-07:00"), Some(at(1_697_563_050)));
        assert_eq!(gone("active: false"), Some(NOW));
        let open = "history: [[1699990000, 1699990010, ann, 10.0.0.1, 5], [1699990020, null, bob, unix, 7], [x]]";
        let (record, notes) = converted(open);
        let seen: Vec<_> =
            record.history.iter().map(|one| (one.disconnected, one.authid.as_str(), one.session)).collect();
        assert_eq!(seen, [(Some(at(1_699_990_010)), "ann", 5), (Some(NOW), "bob", 7)]);
        assert_eq!(notes, ["1 connections of the history can't be read"]);
    }

    #[test]
    fn values_that_can_not_be_here_are_left_out_alone() {
        let text = "description: what\ncontact: who\ndisconnect_warn_after: 60\ndisconnect_count_warn_after: 101\n\
            disconnect_warn_reminder_after: soon\nschedule: never\nzombie_lifespan: true\n";
        let (record, notes) = converted(text);
        let want = UriUpdate {
            description: Some("what".into()),
            contact: Some("who".into()),
            warn_after_seconds: Some(Some(60)),
            zombie_lifespan: Some(Some(ZombieLifespan::Never)),
            disconnected: Some(NOW),
            ..UriUpdate::default()
        };
        assert_eq!(record.update, want);
        assert!(is_documented(&record));
        assert_eq!(notes.len(), 3, "{notes:?}");
        let lifespan = |text: &str| converted(&format!("zombie_lifespan: {text}")).0.update.zombie_lifespan;
        assert_eq!(lifespan("null"), None);
        assert_eq!(lifespan("false"), Some(Some(ZombieLifespan::Seconds(0))));
        assert_eq!(lifespan("86400"), Some(Some(ZombieLifespan::Seconds(86_400))));
    }
}
