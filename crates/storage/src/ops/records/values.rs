//! JSON texts as filters see them.

use countersign_identity::records::json::{Json, JsonScalar};
use serde_json::Value;

/// How U+0000 is written in JSON.
const NUL: &str = "\\u0000";

/// A text as filters see it. One in which U+0000 is (binary data is written so) is not looked into: PostgreSQL can't. What is no
/// JSON holds nothing.
pub fn read(text: &str) -> Json {
    if text.contains(NUL) {
        return Json::Missing;
    }
    serde_json::from_str(text).map_or(Json::Missing, json)
}

fn json(value: Value) -> Json {
    match value {
        Value::Null => Json::Missing,
        Value::Bool(truth) => Json::Scalar(JsonScalar::Truth(truth)),
        Value::Number(number) => {
            number.as_f64().map_or(Json::Missing, |number| Json::Scalar(JsonScalar::Number(number)))
        }
        Value::String(text) => Json::Scalar(JsonScalar::Text(text)),
        Value::Array(_) => Json::List,
        Value::Object(entries) => Json::Dict(entries.into_iter().map(|(key, value)| (key, json(value))).collect()),
    }
}
