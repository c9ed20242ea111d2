//! Values on the line, and the way out.

use std::fmt::Display;
use std::sync::mpsc::Sender;

use countersign_client::{Dict, Value};
use serde_json::{Value as Json, json};

/// Marks what JSON doesn't have.
const TAG: &str = "$";
/// Beyond this, a reader in JavaScript would round.
const PLAIN_INTEGER_MAX: u64 = (1 << 53) - 1;

/// Where lines go.
#[derive(Clone)]
pub struct Output(pub Sender<Json>);

impl Output {
    /// Writes one line.
    pub fn send(&self, message: Json) {
        // It ends with the process alone.
        let _ = self.0.send(message);
    }
}

/// A value for the line.
pub fn to_line(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(flag) => json!(flag),
        Value::Int(number) if number.unsigned_abs() > PLAIN_INTEGER_MAX => integer(number),
        Value::Int(number) => json!(number),
        Value::UInt(number) => integer(number),
        Value::Float(number) => json!(number),
        Value::Str(text) => json!(text),
        Value::Bytes(bytes) => {
            let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
            let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
            json!({ TAG: "bytes", "hex": hex })
        }
        Value::Time(time) => json!(format!("{time:?}")),
        Value::List(list) => list.iter().map(to_line).collect(),
        Value::Dict(dict) => dict_to_line(dict),
    }
}

/// A dictionary for the line.
pub fn dict_to_line(dict: &Dict) -> Json {
    Json::Object(dict.iter().map(|(name, value)| (name.to_owned(), to_line(value))).collect())
}

fn integer(number: impl Display) -> Json {
    json!({ TAG: "integer", "decimal": number.to_string() })
}

/// A value from the line.
pub fn from_line(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(flag) => Value::Bool(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or_default()),
        },
        Json::String(text) => Value::Str(text.clone()),
        Json::Array(list) => Value::List(list.iter().map(from_line).collect()),
        Json::Object(object) => match object.get(TAG).and_then(Json::as_str) {
            Some("bytes") => Value::Bytes(bytes_of(text(value, "hex"))),
            Some("integer") => integer_of(text(value, "decimal")),
            _ => Value::Dict(dict(value)),
        },
    }
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = |at: usize| hex.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    (0..hex.len()).step_by(2).filter_map(digits).collect()
}

fn integer_of(decimal: &str) -> Value {
    let signed = decimal.parse().map(Value::Int);
    signed.or_else(|_| decimal.parse().map(Value::UInt)).unwrap_or(Value::Null)
}

/// A dictionary from the line; an empty one from anything else.
pub fn dict(value: &Json) -> Dict {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(name, value)| (name.clone(), from_line(value))).collect()
}

/// A text of a command.
pub fn text<'a>(command: &'a Json, name: &str) -> &'a str {
    command.get(name).and_then(Json::as_str).unwrap_or_default()
}

/// A number of a command.
pub fn number(command: &Json, name: &str) -> u64 {
    command.get(name).and_then(Json::as_u64).unwrap_or_default()
}

/// A flag of a command.
pub fn flag(command: &Json, name: &str) -> bool {
    command.get(name).and_then(Json::as_bool).unwrap_or_default()
}

/// Positional values of a command.
pub fn args(command: &Json) -> Vec<Value> {
    command.get("args").and_then(Json::as_array).into_iter().flatten().map(from_line).collect()
}

/// Keyword values of a command.
pub fn kwargs(command: &Json) -> Dict {
    command.get("kwargs").map(dict).unwrap_or_default()
}

/// Options of a command.
pub fn options(command: &Json) -> Dict {
    command.get("options").map(dict).unwrap_or_default()
}

/// Values for an answer or an event.
pub fn values(args: &[Value], kwargs: &Dict) -> (Json, Json) {
    (args.iter().map(to_line).collect(), dict_to_line(kwargs))
}
