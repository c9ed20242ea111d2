//! Fields of a request: of its JSON body and its query string.

use std::collections::HashSet;

use countersign_identity::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Map, Value};

/// Why a request can't be understood. The client's to mend; no value is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadField {
    /// The body is neither empty nor a JSON object.
    #[error("the body is no JSON object")]
    Body,
    /// The query string can't be read.
    #[error("the query string can't be read")]
    Query,
    /// A field is missing.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field has a value of another kind.
    #[error("the field {0} has a wrong value")]
    Wrong(&'static str),
}

/// The fields of one request. Unknown ones are ignored.
#[derive(Debug)]
pub struct Fields {
    all: Map<String, Value>,
    /// The names of those in the body.
    in_body: HashSet<String>,
}

impl Fields {
    /// Reads body and query string; on a clash the query string wins (contract, section 0.4).
    pub fn read(body: &[u8], query: Option<&str>) -> Result<Self, BadField> {
        let mut fields = match serde_json::from_slice(body) {
            _ if body.iter().all(u8::is_ascii_whitespace) => Map::new(),
            Ok(Value::Object(fields)) => fields,
            Ok(_) | Err(_) => return Err(BadField::Body),
        };
        let in_body = fields.keys().cloned().collect();
        let pairs: Vec<(String, String)> =
            serde_urlencoded::from_str(query.unwrap_or_default()).map_err(|_| BadField::Query)?;
        fields.extend(pairs.into_iter().map(|(name, value)| (name, Value::String(value))));
        Ok(Self { all: fields, in_body })
    }

    /// Text that has to be there; null is there and is empty.
    pub fn required(&self, name: &'static str) -> Result<String, BadField> {
        if self.all.contains_key(name) {
            Ok(self.optional(name)?.unwrap_or_default())
        } else {
            Err(BadField::Missing(name))
        }
    }

    /// Text; `None` where the field is absent or null. A number counts as its digits.
    pub fn optional(&self, name: &'static str) -> Result<Option<String>, BadField> {
        match self.all.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(_) => Err(BadField::Wrong(name)),
        }
    }

    /// A truth value, in any of the spellings of [`truth`]; `None` where the field is absent.
    pub fn truth(&self, name: &'static str) -> Result<Option<bool>, BadField> {
        let Some(value) = self.all.get(name) else { return Ok(None) };
        truth(value).map(Some).ok_or(BadField::Wrong(name))
    }

    /// A value of any kind; `None` where the field is absent.
    pub fn any(&self, name: &'static str) -> Option<&Value> {
        self.all.get(name)
    }

    /// Whether the body has the field, be it null.
    pub fn is_in_body(&self, name: &str) -> bool {
        self.in_body.contains(name)
    }

    /// Whether the field is there and null.
    pub fn is_null(&self, name: &str) -> bool {
        self.all.get(name).is_some_and(Value::is_null)
    }

    /// A whole number; `None` where the field is absent, null or empty.
    pub fn number(&self, name: &'static str) -> Result<Option<i64>, BadField> {
        let Some(text) = self.optional(name)?.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        text.trim().parse().map(Some).map_err(|_| BadField::Wrong(name))
    }

    /// A time in UTC, with or without an offset that says otherwise; `None` where the field is absent, null or empty.
    pub fn time(&self, name: &'static str) -> Result<Option<Timestamp>, BadField> {
        let Some(text) = self.optional(name)?.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        let text = text.trim();
        let with_offset = text.parse::<jiff::Timestamp>().ok();
        let in_utc = || text.parse::<DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let instant = with_offset.or_else(|| in_utc().map(|zoned| zoned.timestamp()));
        instant.map(|instant| Some(Timestamp::from_micros(instant.as_microsecond()))).ok_or(BadField::Wrong(name))
    }
}

/// A truth value as clients write it (contract, section 0.4); `None` where it is none.
pub fn truth(value: &Value) -> Option<bool> {
    let text = match value {
        Value::Bool(value) => return Some(*value),
        Value::Null => return Some(false),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.to_lowercase(),
        Value::Array(_) | Value::Object(_) => return None,
    };
    match text.as_str() {
        "true" | "yes" | "on" | "y" | "t" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "f" | "0" | "" | "null" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_body_and_query_and_lets_the_query_win() {
        let fields = Fields::read(br#"{"a": "1", "b": 2, "c": null, "d": [1]}"#, Some("a=x%20y&e=")).unwrap();
        assert_eq!(fields.required("a"), Ok("x y".to_owned()));
        assert_eq!(fields.required("b"), Ok("2".to_owned()));
        assert_eq!(fields.required("c"), Ok(String::new()));
        assert_eq!(fields.optional("c"), Ok(None));
        assert_eq!(fields.optional("d"), Err(BadField::Wrong("d")));
        assert_eq!(fields.required("e"), Ok(String::new()));
        assert_eq!(fields.optional("f"), Ok(None));
        assert_eq!(fields.required("f"), Err(BadField::Missing("f")));
    }

    #[test]
    fn truth_values_have_many_spellings_and_no_other() {
        let truth = |json: &str| Fields::read(format!("{{\"is_a\": {json}}}").as_bytes(), None).unwrap().truth("is_a");
        for json in ["true", "\"TRUE\"", "\"Yes\"", "\"on\"", "\"y\"", "\"t\"", "\"1\"", "1"] {
            assert_eq!(truth(json), Ok(Some(true)), "{json}");
        }
        for json in ["false", "null", "\"\"", "\"No\"", "\"off\"", "\"n\"", "\"F\"", "\"0\"", "0", "\"null\""] {
            assert_eq!(truth(json), Ok(Some(false)), "{json}");
        }
        for json in ["\"maybe\"", "2", "[]", "{}"] {
            assert_eq!(truth(json), Err(BadField::Wrong("is_a")), "{json}");
        }
        assert_eq!(Fields::read(b"{}", None).unwrap().truth("is_a"), Ok(None));
    }

    #[test]
    fn times_and_numbers_are_read_or_refused() {
        let fields = Fields::read(
            br#"{"a": "2345-12-27T11:22:33", "b": "2345-12-27T12:22:33+01:00", "c": "tomorrow", "d": null, "n": "7", "m": -1, "x": 1.5}"#,
            None,
        )
        .unwrap();
        let time = Timestamp::from_micros(11_865_007_353_000_000);
        assert_eq!(fields.time("a"), Ok(Some(time)));
        assert_eq!(fields.time("b"), Ok(Some(time)));
        assert_eq!(fields.time("c"), Err(BadField::Wrong("c")));
        assert_eq!((fields.time("d"), fields.time("e")), (Ok(None), Ok(None)));
        assert_eq!((fields.number("n"), fields.number("m")), (Ok(Some(7)), Ok(Some(-1))));
        assert_eq!(fields.number("x"), Err(BadField::Wrong("x")));
        assert_eq!((fields.number("a"), fields.number("d")), (Err(BadField::Wrong("a")), Ok(None)));
        assert!(fields.is_in_body("d") && !fields.is_in_body("e"));
    }

    #[test]
    fn refuses_a_body_that_is_no_object() {
        for body in ["[]", "1", "x", "{", "\"a\""] {
            assert_eq!(Fields::read(body.as_bytes(), None).unwrap_err(), BadField::Body, "{body}");
        }
        assert!(Fields::read(b" \n", None).is_ok());
        assert!(Fields::read(b"", Some("a=1")).is_ok());
    }

    #[test]
    fn reads_truth_values_in_every_spelling() {
        let body = br#"{"a": true, "b": "YES", "c": 1, "d": null, "e": "Off", "f": [], "g": "maybe", "h": 2}"#;
        let fields = Fields::read(body, Some("i=&j=t")).unwrap();
        for (name, want) in
            [("a", true), ("b", true), ("c", true), ("d", false), ("e", false), ("i", false), ("j", true)]
        {
            assert_eq!(fields.truth(name), Ok(Some(want)), "{name}");
        }
        for name in ["f", "g", "h"] {
            assert_eq!(fields.truth(name), Err(BadField::Wrong(name)));
        }
        assert_eq!(fields.truth("k"), Ok(None));
    }
}
