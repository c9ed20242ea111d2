//! Bodies: what a request asks for, as a message to the realm, and the realm's answer as JSON.

use std::borrow::Cow;

use countersign_wamp::{DecodeError, DecodeLimits, Message, Payload, Value};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json_parts;

/// Options that ask for more than one answer.
const PROGRESS: [&str; 2] = ["progress", "receive_progress"];

/// Why a body is no request. The client's to mend.
#[derive(Debug, thiserror::Error)]
pub enum BadRequest {
    /// It is not JSON, or lacks what has to be there.
    #[error("the body is not a request: {0}")]
    Json(#[from] serde_json::Error),
    /// It is nested too deep, or a part is of the wrong kind.
    #[error("the body is not a request: {0}")]
    Message(#[from] DecodeError),
    /// One request has one answer.
    #[error("the option {0:?} can't be used here: a request has one answer")]
    Progress(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallBody<'a> {
    #[serde(borrow)]
    procedure: Cow<'a, str>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
    #[serde(borrow, default)]
    kwargs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    options: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishBody<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
    #[serde(borrow, default)]
    kwargs: Option<&'a RawValue>,
    #[serde(borrow, default)]
    options: Option<&'a RawValue>,
}

/// The CALL that a body asks for.
///
/// # Errors
///
/// [`BadRequest`].
pub fn call(body: &[u8], limits: DecodeLimits) -> Result<Message, BadRequest> {
    let CallBody { procedure, args, kwargs, options } = serde_json::from_slice(body)?;
    let message = json_parts::read(48, &procedure, [options, args, kwargs], limits)?;
    if let Message::Call { options, .. } = &message {
        let progress = |name: &&&str| options.get(name).is_some_and(|value| *value != Value::Bool(false));
        if let Some(name) = PROGRESS.iter().find(progress) {
            return Err(BadRequest::Progress(name));
        }
    }
    Ok(message)
}

/// The PUBLISH that a body asks for, to be acknowledged.
///
/// # Errors
///
/// [`BadRequest`].
pub fn publish(body: &[u8], limits: DecodeLimits) -> Result<Message, BadRequest> {
    let PublishBody { topic, args, kwargs, options } = serde_json::from_slice(body)?;
    let mut message = json_parts::read(16, &topic, [options, args, kwargs], limits)?;
    if let Message::Publish { options, .. } = &mut message {
        options.push("acknowledge", true);
    }
    Ok(message)
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    args: &'a RawValue,
    kwargs: &'a RawValue,
}

/// `{"args": …, "kwargs": …}`, with `"error"` in front if there is one.
pub fn answer(error: Option<&str>, payload: Payload) -> Vec<u8> {
    let (args, kwargs) = json_parts::write(payload);
    serde_json::to_vec(&Answer { error, args: &args, kwargs: &kwargs }).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use countersign_wamp::{Dict, Encoding, Id};

    use super::*;

    fn called(body: &str) -> Result<(String, Dict, Vec<Value>, Dict), String> {
        match call(body.as_bytes(), DecodeLimits::default()).map_err(|error| error.to_string())? {
            Message::Call { procedure, options, payload, request } => {
                assert_eq!(request, Id::FIRST);
                let (args, kwargs) = payload.values().unwrap();
                Ok((procedure.as_str().to_owned(), options, args, kwargs))
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_body_is_a_message_of_its_parts() {
        let (procedure, options, args, kwargs) = called(
            r#"{"procedure": "a.\u00fc", "args": [1, 18446744073709551615, 0.1, "\u0000AAEC"],
                "kwargs": {"k": [null]}, "options": {"timeout": 5}}"#,
        )
        .unwrap();
        assert_eq!(procedure, "a.ü");
        assert_eq!(options.get("timeout"), Some(&Value::Int(5)));
        let bytes = Value::Bytes(vec![0, 1, 2]);
        assert_eq!(args, [Value::Int(1), Value::UInt(u64::MAX), Value::Float(0.1), bytes]);
        assert_eq!(kwargs.get("k"), Some(&Value::List(vec![Value::Null])));
    }

    #[test]
    fn all_but_the_uri_may_be_missing() {
        let nothing = ("a.b".to_owned(), Dict::new(), vec![], Dict::new());
        assert_eq!(called(r#"{"procedure": "a.b"}"#), Ok(nothing.clone()));
        assert_eq!(called(r#"{"procedure": "a.b", "args": null, "kwargs": null, "options": null}"#), Ok(nothing));
        assert_eq!(called(r#"{"procedure": "a", "kwargs": {"x": 1}}"#).unwrap().3.len(), 1);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for body in [
            "",
            "x",
            "[]",
            "{}",
            r#"{"procedure": 1}"#,
            r#"{"procedure": "a", "args": {}}"#,
            r#"{"procedure": "a", "kwargs": []}"#,
            r#"{"procedure": "a", "options": 1}"#,
            r#"{"procedure": "a", "arg": []}"#,
            r#"{"procedure": "a", "procedure": "b"}"#,
            r#"{"procedure": "a"} x"#,
            r#"{"topic": "a"}"#,
            r#"{"procedure": "a", "args": [1,]}"#,
            r#"{"procedure": "a", "args": [NaN]}"#,
            "{\"procedure\": \"\u{1}\"}",
        ] {
            assert!(called(body).is_err(), "{body}");
        }
        assert!(call(b"{\"procedure\": \"\xff\"}", DecodeLimits::default()).is_err());
        let deep =
            |depth: usize| format!(r#"{{"procedure": "a", "args": {}{}}}"#, "[".repeat(depth), "]".repeat(depth));
        // The message's own list counts.
        assert!(called(&deep(DecodeLimits::DEPTH_MAX_DEFAULT - 1)).is_ok());
        assert!(called(&deep(DecodeLimits::DEPTH_MAX_DEFAULT)).is_err());
        assert!(called(&deep(1_000_000)).is_err());
    }

    #[test]
    fn a_uri_can_not_reach_into_the_message() {
        let (procedure, _, args, _) = called(r#"{"procedure": "a\",[1],{}]", "args": [2]}"#).unwrap();
        assert_eq!((procedure.as_str(), args), ("a\",[1],{}]", vec![Value::Int(2)]));
    }

    #[test]
    fn options_that_need_more_than_one_answer_are_refused() {
        for name in PROGRESS {
            let body = |value: &str| format!(r#"{{"procedure": "a", "options": {{"{name}": {value}}}}}"#);
            assert!(called(&body("true")).unwrap_err().contains(name));
            assert!(called(&body("false")).is_ok());
        }
    }

    #[test]
    fn a_publication_is_always_acknowledged() {
        for options in ["{}", r#"{"acknowledge": false}"#] {
            let body = format!(r#"{{"topic": "a.b", "options": {options}}}"#);
            match publish(body.as_bytes(), DecodeLimits::default()).unwrap() {
                Message::Publish { topic, options, .. } => {
                    assert_eq!(topic.as_str(), "a.b");
                    assert_eq!(options.get("acknowledge"), Some(&Value::Bool(true)));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn answers_have_both_parts_whatever_the_payload_was() {
        let check = |error, payload, want: &str| assert_eq!(String::from_utf8(answer(error, payload)).unwrap(), want);
        check(None, Payload::absent(), r#"{"args":[],"kwargs":{}}"#);
        check(None, Payload::of(u64::MAX), r#"{"args":[18446744073709551615],"kwargs":{}}"#);
        check(None, Payload::of(vec![0_u8, 1]), r#"{"args":["\u0000AAE="],"kwargs":{}}"#);
        let kwargs = Payload::new(vec![], Dict::new().with("k", 1_i64));
        check(None, kwargs.clone(), r#"{"args":[],"kwargs":{"k":1}}"#);
        let foreign = kwargs.encoded(Encoding::Cbor).unwrap();
        check(Some("a.b"), foreign, r#"{"error":"a.b","args":[],"kwargs":{"k":1}}"#);
    }
}
