//! What is said of a URI in its record.
//!
//! **Invariant:** what the router saw (connections, activity) is no field that can be set. What is sent back as it was found
//! changes nothing.
//!
//! Source: contract of the bus, sections 4.8 and 5.3.

use super::fields::Collection;
use super::input::Input;
use super::write::WriteError;
use crate::Timestamp;
use crate::uris::{Change, UriKey, UriKeyError, UriPolicy, UriRecord, UriUpdate, ZombieLifespan};

/// Fields that can be set, as an error says them.
const FIELDS: &str = "uri, match, action, description, contact, disconnect_warn_after, disconnect_warn_reminder_after, \
    disconnect_count_warn_after, disconnect_count_warn_reminder_after, zombie_lifespan, schedule, disconnect, history";
/// Fields that programs send back as they got them.
const READ_ONLY: [&str; 13] = [
    "uuid",
    "owner",
    "version",
    "active",
    "system",
    "invoke",
    "create",
    "peer",
    "authid",
    "session_id",
    "disconnect_warn_last",
    "disconnect_count_warn_last",
    "key",
];

/// What is said of a record; what isn't said stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UriFields {
    /// Which URI.
    pub uri: Option<String>,
    /// How it is compared.
    pub policy: Option<UriPolicy>,
    /// What is to be changed.
    pub update: UriUpdate,
    /// Whether the connections that have ended are to be forgotten.
    pub clears_history: bool,
}

impl UriFields {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`WriteError`] by the first field that makes no sense.
    pub fn read(record: &Input) -> Result<Self, WriteError> {
        let Input::Dict(entries) = record else { return Err(WriteError::Record) };
        let mut fields = Self::default();
        let update = &mut fields.update;
        for (name, value) in entries {
            match name.as_str() {
                "uri" => fields.uri = Some(text("uri", value)?),
                "match" => {
                    let policy = UriPolicy::from_name(&text("match", value)?);
                    let what = "exact, prefix or wildcard";
                    fields.policy = Some(policy.ok_or(WriteError::Value { field: "match", what })?);
                }
                "action" if value.as_text() == Some(UriKey::ACTION.verb()) => {}
                "action" => return Err(WriteError::Value { field: "action", what: UriKey::ACTION.verb() }),
                "description" => update.description = Some(optional("description", value)?),
                "contact" => update.contact = Some(optional("contact", value)?),
                "schedule" => update.schedule = Some(optional("schedule", value)?),
                "disconnect_warn_after" => update.warn_after_seconds = number("disconnect_warn_after", value)?,
                "disconnect_warn_reminder_after" => {
                    update.warn_reminder_after_seconds = number("disconnect_warn_reminder_after", value)?;
                }
                "disconnect_count_warn_after" => {
                    update.count_warn_after = number("disconnect_count_warn_after", value)?;
                }
                "disconnect_count_warn_reminder_after" => {
                    update.count_warn_reminder_after_seconds = number("disconnect_count_warn_reminder_after", value)?;
                }
                "zombie_lifespan" => update.zombie_lifespan = Some(lifespan(value)?),
                "disconnect" => update.disconnected = time(value)?,
                "history" => match value {
                    Input::List(connections) => fields.clears_history = connections.is_empty(),
                    _ => return Err(WriteError::Value { field: "history", what: "a list; an empty one clears it" }),
                },
                known if READ_ONLY.contains(&known) => {}
                other => {
                    return Err(WriteError::Field {
                        name: Input::Text(other.to_owned()).shown(),
                        collection: Collection::Uris.name(),
                        fields: FIELDS,
                    });
                }
            }
        }
        Ok(fields)
    }

    /// Which record a new one would be.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub fn key(&self) -> Result<UriKey, WriteError> {
        let uri = self.uri.as_deref().ok_or(WriteError::Value { field: "uri", what: "given" })?;
        UriKey::new(uri, self.policy.unwrap_or(UriPolicy::Exact)).map_err(WriteError::from)
    }

    /// What is not as it was.
    ///
    /// # Errors
    ///
    /// [`WriteError`]: a record is about one URI for ever.
    pub fn changes(&self, record: &UriRecord) -> Result<UriUpdate, WriteError> {
        let key = &record.key;
        if self.uri.as_deref().is_some_and(|uri| uri != key.uri()) {
            return Err(WriteError::Value { field: "uri", what: "what it is: a record is about one URI" });
        }
        if self.policy.is_some_and(|policy| policy != key.policy()) {
            return Err(WriteError::Value { field: "match", what: "what it is: a record is about one URI" });
        }
        let UriUpdate {
            description,
            contact,
            warn_after_seconds,
            warn_reminder_after_seconds,
            count_warn_after,
            count_warn_reminder_after_seconds,
            zombie_lifespan,
            schedule,
            disconnected,
        } = self.update.clone();
        let warn = &record.warn;
        let seconds = record.disconnected.map(Timestamp::seconds);
        Ok(UriUpdate {
            description: description.filter(|text| *text != record.description),
            contact: contact.filter(|text| *text != record.contact),
            warn_after_seconds: warn_after_seconds.filter(|wish| *wish != warn.after_seconds),
            warn_reminder_after_seconds: warn_reminder_after_seconds
                .filter(|wish| *wish != warn.reminder_after_seconds),
            count_warn_after: count_warn_after.filter(|wish| *wish != warn.count_after),
            count_warn_reminder_after_seconds: count_warn_reminder_after_seconds
                .filter(|wish| *wish != warn.count_reminder_after_seconds),
            zombie_lifespan: zombie_lifespan.filter(|wish| *wish != record.zombie_lifespan),
            schedule: schedule.filter(|text| *text != record.schedule.as_str()),
            // Programs see whole seconds.
            disconnected: disconnected.filter(|time| Some(time.seconds()) != seconds),
        })
    }
}

impl From<UriKeyError> for WriteError {
    fn from(error: UriKeyError) -> Self {
        Self::Uri(error.into())
    }
}

fn text(field: &'static str, value: &Input) -> Result<String, WriteError> {
    value.as_text().map(str::to_owned).ok_or(WriteError::Value { field, what: "a text" })
}

fn optional(field: &'static str, value: &Input) -> Result<String, WriteError> {
    if *value == Input::Null { Ok(String::new()) } else { text(field, value) }
}

fn number(field: &'static str, value: &Input) -> Result<Change<u32>, WriteError> {
    match value {
        Input::Null => Ok(Some(None)),
        Input::Int(number) if u32::try_from(*number).is_ok() => Ok(Some(u32::try_from(*number).ok())),
        _ => Err(WriteError::Value { field, what: "a number that is not negative, or null" }),
    }
}

fn lifespan(value: &Input) -> Result<Option<ZombieLifespan>, WriteError> {
    Ok(match value {
        Input::Truth(true) => Some(ZombieLifespan::Never),
        Input::Truth(false) => Some(ZombieLifespan::Seconds(0)),
        other => number("zombie_lifespan", other)?.flatten().map(ZombieLifespan::Seconds),
    })
}

fn time(value: &Input) -> Result<Option<Timestamp>, WriteError> {
    let found = match value {
        Input::Null => return Ok(None),
        Input::Int(seconds) => seconds.checked_mul(1_000_000).map(Timestamp::from_micros),
        Input::Time(time) => Some(*time),
        Input::Text(text) => Timestamp::parse(text),
        _ => None,
    };
    found.map(Some).ok_or(WriteError::Value { field: "disconnect", what: "a time" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uris::{LastCallee, Schedule, WarnSettings};

    fn read(fields: &[(&str, Input)]) -> Result<UriFields, String> {
        let entries = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        UriFields::read(&Input::Dict(entries)).map_err(|error| error.to_string())
    }

    fn record() -> UriRecord {
        UriRecord {
            key: UriKey::new("a.b", UriPolicy::Prefix).unwrap(),
            is_active: false,
            is_system: false,
            invoke: None,
            description: "what".into(),
            contact: String::new(),
            created: Timestamp::from_micros(1),
            last: LastCallee::default(),
            disconnected: Some(Timestamp::from_micros(5_250_000)),
            warn: WarnSettings { after_seconds: Some(60), ..WarnSettings::default() },
            warned: None,
            count_warned: None,
            zombie_lifespan: Some(ZombieLifespan::Never),
            schedule: Schedule::default(),
            due: None,
        }
    }

    #[test]
    fn what_is_sent_back_as_it_was_found_changes_nothing() {
        let text = |text: &str| Input::Text(text.to_owned());
        let whole = read(&[
            ("key", text("a.b_prefix_register")),
            ("uri", text("a.b")),
            ("match", text("prefix")),
            ("action", text("register")),
            ("active", Input::Truth(false)),
            ("description", text("what")),
            ("contact", Input::Null),
            ("disconnect_warn_after", Input::Int(60)),
            ("disconnect_count_warn_after", Input::Null),
            ("zombie_lifespan", Input::Truth(true)),
            ("disconnect", Input::Int(5)),
            ("history", Input::List(vec![Input::Null])),
        ]);
        let whole = whole.unwrap();
        assert_eq!(whole.changes(&record()).unwrap(), UriUpdate::default());
        assert!(!whole.clears_history);
        let fields =
            [("disconnect_warn_after", Input::Null), ("disconnect", Input::Int(6)), ("history", Input::List(vec![]))];
        let fields = read(&fields).unwrap();
        let disconnected = Some(Timestamp::from_micros(6_000_000));
        let want = UriUpdate { warn_after_seconds: Some(None), disconnected, ..UriUpdate::default() };
        assert_eq!((fields.changes(&record()).unwrap(), fields.clears_history), (want, true));
    }

    #[test]
    fn says_which_field_makes_no_sense() {
        let text = |text: &str| Input::Text(text.to_owned());
        for (field, value, want) in [
            ("nosuch", Input::Null, "'nosuch' is not a field of uris"),
            ("match", text("near"), "match has to be exact, prefix or wildcard"),
            ("action", text("call"), "action has to be register"),
            ("disconnect_warn_after", Input::Int(-1), "disconnect_warn_after has to be a number"),
            ("zombie_lifespan", text("x"), "zombie_lifespan has to be"),
            ("disconnect", text("soon"), "disconnect has to be a time"),
            ("history", Input::Null, "history has to be a list"),
        ] {
            let error = read(&[(field, value)]).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        assert!(read(&[]).unwrap().key().is_err());
        for (field, value) in [("uri", "a.c"), ("match", "exact")] {
            assert!(read(&[(field, text(value))]).unwrap().changes(&record()).is_err(), "{field}");
        }
    }
}
