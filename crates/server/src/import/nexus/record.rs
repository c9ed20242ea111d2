//! The fields of one record.

use std::path::Path;

use countersign_identity::permission::{PermissionsError, Rule, parse_rules};
use countersign_identity::{Expires, ExpiresError, ExpiresInput, Lifetimes, OffsetSeconds, Timestamp};
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::tree;
use crate::yaml;

/// Longest record but metadata, in bytes.
pub const RECORD_BYTES_MAX: u64 = 256 * 1024;
/// Local mean time of Vancouver: as that the bus read a time without zone.
const LOCAL_MEAN_OFFSET_SECONDS: i64 = -(8 * 3_600 + 12 * 60 + 28);

/// A record.
#[derive(Debug)]
pub struct Record(Map<String, Value>);

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// Why it can't be read, for the report.
    pub fn read(file: &Path) -> Result<Self, String> {
        Self::parse(&tree::read(file, RECORD_BYTES_MAX)?, RECORD_BYTES_MAX)
    }

    /// Reads the text of one.
    ///
    /// # Errors
    ///
    /// As of [`Self::read`].
    pub fn parse(text: &str, bytes_max: u64) -> Result<Self, String> {
        let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let json = yaml::to_json(text, bytes_max).map_err(|error| error.to_string())?;
        match serde_json::from_str(&json) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err("it is no mapping".to_owned()),
        }
    }

    /// A field; `None` also for null.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A text that is not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A truth value; what is missing is `otherwise`.
    pub fn truth(&self, name: &str, otherwise: bool) -> bool {
        self.get(name).map_or(otherwise, |value| value.as_bool().unwrap_or(false))
    }

    /// The rules in `permissions`. Of several for one pattern the first counts, as there.
    ///
    /// # Errors
    ///
    /// Why they can't be used.
    pub fn rules(&self) -> Result<(Vec<Rule>, Vec<String>), String> {
        let list = match self.get("permissions") {
            None => return Ok((Vec::new(), Vec::new())),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(PermissionsError::Shape.to_string()),
        };
        let (mut pairs, mut notes) = (Vec::<(&str, &str)>::new(), Vec::new());
        for rule in list {
            let (uri, perms) = (rule.get("uri").and_then(Value::as_str), rule.get("perms"));
            let perms = perms.map_or(Some(""), |perms| if perms.is_null() { Some("") } else { perms.as_str() });
            let (Some(uri), Some(perms)) = (uri, perms) else { return Err(PermissionsError::Shape.to_string()) };
            if pairs.iter().any(|(known, _)| *known == uri) {
                notes.push(format!("the rule for {uri:?} is there more than once; the first counts"));
            } else {
                pairs.push((uri, perms));
            }
        }
        Ok((parse_rules(pairs).map_err(|error| error.to_string())?, notes))
    }

    /// `expires`, as that bus meant it: nothing, an empty text, 0 and false are never.
    ///
    /// # Errors
    ///
    /// Why it can't be used; also that it is over.
    pub fn expires(&self, now: Timestamp, notes: &mut Vec<String>) -> Result<Expires, String> {
        let input = match self.get("expires") {
            None | Some(Value::Bool(false)) => return Ok(Expires::NEVER),
            Some(Value::String(text)) if text.is_empty() => return Ok(Expires::NEVER),
            Some(Value::Number(number)) if number.as_f64() == Some(0.0) => return Ok(Expires::NEVER),
            Some(Value::String(text)) => ExpiresInput::Text(text.clone()),
            Some(_) => return Err(ExpiresError::Unreadable.to_string()),
        };
        let any = Lifetimes { default: None, longest: std::time::Duration::MAX, zone: TimeZone::UTC };
        match (Expires::resolve(&input, now, &any), input) {
            (Ok(expires), _) => Ok(expires),
            (Err(ExpiresError::NoZone), ExpiresInput::Text(text)) => {
                let local = ExpiresInput::Text(format!("{}Z", text.trim()));
                // Whether it is over is seen below, when the offset is known.
                let read = Expires::resolve(&local, Timestamp::from_micros(0), &any);
                let read = read.map_err(|error| error.to_string())?;
                let at = Timestamp::from_micros(read.at.micros() - LOCAL_MEAN_OFFSET_SECONDS * 1_000_000);
                notes.push(format!("expires {text:?} has no zone; it was local mean time of Vancouver there"));
                if at <= now { Err("it has expired".to_owned()) } else { Ok(Expires { at, offset: OffsetSeconds(0) }) }
            }
            (Err(ExpiresError::Past), _) => Err("it has expired".to_owned()),
            (Err(error), _) => Err(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// 2023-10-17T17:07:30Z.
    const NOW: Timestamp = Timestamp::from_micros(1_697_562_450_000_000);

    fn record(text: &str) -> Record {
        Record::parse(text, RECORD_BYTES_MAX).unwrap()
    }

    #[test]
    fn expires_means_what_it_meant_there() {
        let expires = |text: &str| {
            let found = record(text).expires(NOW, &mut Vec::new());
            found.map(|expires| expires.shown().unwrap_or_else(|| "never".to_owned()))
        };
        for never in ["a: 1", "expires: null", "expires: ''", "expires: 0", "expires: false"] {
            assert_eq!(expires(never).unwrap(), "never", "{never}");
        }
        let check =
            |given: &str, want: &str| assert_eq!(expires(&format!("expires: '{given}'")).unwrap(), want, "{given}");
        check("2030-10-17T10:17:30.805300-07:00", "2030-10-17T10:17:30.805300-07:00");
        check("2030-10-17 10:17:30+00:00", "2030-10-17T10:17:30+00:00");
        check("2030-10-17 10:17:30", "2030-10-17T18:29:58+00:00");
        check("2030-10-17 10:17", "2030-10-17T18:29:58+00:00".replace("58", "28").as_str());
        for over in ["2020-01-01T00:00:00Z", "2023-10-17 08:00:00"] {
            assert_eq!(expires(&format!("expires: '{over}'")).unwrap_err(), "it has expired");
        }
        for wrong in ["expires: soon", "expires: [1]", "expires: 5", "expires: true"] {
            assert!(expires(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn of_rules_for_one_pattern_the_first_counts() {
        let (rules, notes) =
            record("permissions: [{uri: a.b, perms: c}, {uri: a.b, perms: s}, {uri: 'x.*'}]").rules().unwrap();
        assert_eq!(rules, parse_rules([("a.b", "c"), ("x.*", "")]).unwrap());
        assert_eq!(notes.len(), 1);
        for wrong in ["permissions: x", "permissions: [x]", "permissions: [{uri: a..b, perms: c}]"] {
            assert!(record(wrong).rules().is_err(), "{wrong}");
        }
        assert!(Record::parse("[]", RECORD_BYTES_MAX).is_err());
        assert!(Record::parse("a: [", RECORD_BYTES_MAX).is_err());
    }
}
