//! The parts of a request and of an answer as JSON, for those who speak JSON and not WAMP.
//!
//! Arguments are not taken apart: the parts are put together to a message in JSON, and the codec that reads and writes every
//! other message reads and writes this one. So big integers stay exact and binary data has the form that it has in WAMP's JSON.

use bytes::{Bytes, BytesMut};
use countersign_wamp::{DecodeError, DecodeLimits, Dict, Encoding, Id, Message, Payload, decode, encode};
use serde_json::value::RawValue;

/// The message with this code that has options, a URI, arguments and keyword arguments: CALL or PUBLISH.
///
/// # Errors
///
/// A part is of the wrong kind, or nested too deep.
pub fn read(code: u8, uri: &str, parts: [Option<&RawValue>; 3], limits: DecodeLimits) -> Result<Message, DecodeError> {
    let [options, args, kwargs] = parts;
    let part = |raw: Option<&RawValue>, absent: &'static str| raw.map_or(absent, RawValue::get).to_owned();
    let (options, args, kwargs) = (part(options, "{}"), part(args, "[]"), part(kwargs, "{}"));
    let uri = serde_json::Value::from(uri);
    let frame = format!("[{code},{},{options},{uri},{args},{kwargs}]", Id::FIRST);
    decode(Encoding::Json, &Bytes::from(frame), limits)
}

/// Arguments and keyword arguments: a list and a dictionary.
pub fn write(payload: Payload) -> (Box<RawValue>, Box<RawValue>) {
    let message = Message::Result { request: Id::FIRST, details: Dict::new(), payload };
    let mut frame = BytesMut::new();
    encode(Encoding::Json, &message, &mut frame);
    // Behind the message's code, request and details.
    let elements: Vec<&RawValue> = serde_json::from_slice(&frame).unwrap_or_default();
    let part = |place: usize, absent: &str| match elements.get(place) {
        Some(part) => (*part).to_owned(),
        None => RawValue::from_string(absent.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned()),
    };
    (part(3, "[]"), part(4, "{}"))
}
