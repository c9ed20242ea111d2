//! Results and events on standard output, as JSON, one to a line.

use std::fmt::Write as _;

use countersign_client::{Event, Id, Payload};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::json_parts;
use crate::output::say_more;

#[derive(Serialize)]
struct ResultLine<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    progress: bool,
    args: &'a RawValue,
    kwargs: &'a RawValue,
}

#[derive(Serialize)]
struct EventLine<'a> {
    topic: &'a str,
    publication: Id64,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<Id64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher_authid: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher_authrole: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    retained: bool,
    args: &'a RawValue,
    kwargs: &'a RawValue,
}

/// An id as a number.
#[derive(Serialize)]
#[serde(transparent)]
struct Id64(u64);

impl From<Id> for Id64 {
    fn from(id: Id) -> Self {
        Self(id.get())
    }
}

/// A result: its values line by line, or with `is_json` all of it in one. Answers whether somebody still reads.
///
/// # Errors
///
/// It could not be written.
pub fn result(payload: Payload, is_partial: bool, is_json: bool) -> Result<bool, String> {
    let (args, kwargs) = json_parts::write(payload);
    if is_json {
        return line(&ResultLine { progress: is_partial, args: &args, kwargs: &kwargs });
    }
    let values: Vec<&RawValue> = serde_json::from_str(args.get()).unwrap_or_default();
    let named = Some(&*kwargs).filter(|kwargs| kwargs.get() != "{}");
    for value in values.into_iter().chain(named) {
        if !line(value)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An event of the topic, or of the pattern, that was subscribed to. Answers whether somebody still reads.
///
/// # Errors
///
/// It could not be written.
pub fn event(event: &Event, subscribed: &str) -> Result<bool, String> {
    let (args, kwargs) = json_parts::write(event.payload.clone());
    line(&EventLine {
        topic: event.topic().unwrap_or(subscribed),
        publication: event.publication.into(),
        publisher: event.publisher().map(Id64::from),
        publisher_authid: event.publisher_authid(),
        publisher_authrole: event.publisher_authrole(),
        retained: event.is_retained(),
        args: &args,
        kwargs: &kwargs,
    })
}

/// That an event was published.
///
/// # Errors
///
/// It could not be written.
pub fn published(publication: Option<Id>, is_json: bool) -> Result<(), String> {
    let publication = publication.map(Id::get);
    let text = match publication {
        _ if is_json => format!("{}\n", serde_json::json!({ "publication": publication })),
        Some(publication) => format!("published as {publication}\n"),
        None => "published\n".to_owned(),
    };
    say_more(&text).map(drop).map_err(|error| error.to_string())
}

fn line(value: &(impl Serialize + ?Sized)) -> Result<bool, String> {
    let text = serde_json::to_string(value).map_err(|error| error.to_string())?;
    say_more(&format!("{}\n", quiet(&text))).map_err(|error| error.to_string())
}

/// JSON without control characters. What a stranger sent must not steer the terminal; such characters
/// stand within strings alone, where JSON has another way to write them.
pub fn quiet(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() {
            // Writing to a text does not fail.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use countersign_client::{Dict, Value};

    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_gets_through() {
        let (args, _) = json_parts::write(Payload::of("\u{1b}[2J\u{9b}2J\u{7f}ü"));
        let text = quiet(args.get());
        assert!(!text.chars().any(char::is_control), "{text}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), ["\u{1b}[2J\u{9b}2J\u{7f}ü"]);
    }

    #[test]
    fn values_are_written_as_json() {
        let kwargs = Dict::new().with("k", 1_i64);
        let (args, kwargs) = json_parts::write(Payload::new(vec![Value::UInt(u64::MAX), Value::Null], kwargs));
        let line = ResultLine { progress: true, args: &args, kwargs: &kwargs };
        let text = serde_json::to_string(&line).unwrap();
        assert_eq!(text, r#"{"progress":true,"args":[18446744073709551615,null],"kwargs":{"k":1}}"#);
    }
}
