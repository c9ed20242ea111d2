//! YAML texts and the values in them.
//!
//! **Invariants:** what a text unfolds to is bounded before it is made: aliases and merged keys can't make much of little. A
//! value travels as JSON in the forms of WAMP, so binary data that a value holds is in YAML the same text as in JSON.
//!
//! Truth values are those of YAML 1.2: `yes` and `on` are texts. Tags of types that JSON doesn't have are no errors, and have no
//! effect.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy};
use serde_saphyr::{budget, options};

/// Lists and mappings within each other.
pub const DEPTH_MAX: usize = 64;
/// Scalars, lists and mappings in a text.
pub const NODES_MAX: usize = 250_000;
/// Aliases in a text.
pub const ALIASES_MAX: usize = 1_000;
/// Longest problem that is told, in characters.
const PROBLEM_CHARACTERS_MAX: usize = 300;

/// Why a text gives no value. The client's to mend.
#[derive(Debug, thiserror::Error)]
#[error("the YAML can't be read: {0}")]
pub struct YamlError(String);

impl YamlError {
    fn new(problem: &impl ToString) -> Self {
        Self(problem.to_string().chars().take(PROBLEM_CHARACTERS_MAX).collect())
    }
}

/// The value of a YAML document as JSON text. `bytes_max`: how much it may unfold to, about.
///
/// # Errors
///
/// [`YamlError`].
pub fn to_json(yaml: &str, bytes_max: usize) -> Result<String, YamlError> {
    // A database can't hold it, and YAML has no such character either.
    if yaml.contains('\0') {
        return Err(YamlError::new(&"there is a NUL character in it"));
    }
    let left = Cell::new(bytes_max);
    let mut alias_limits = AliasLimits::default();
    alias_limits.max_total_replayed_events = NODES_MAX;
    let options = options! {
        budget: budget! {
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_nodes: NODES_MAX,
            max_aliases: ALIASES_MAX,
            max_documents: 1,
            max_total_scalar_bytes: bytes_max,
        },
        alias_limits: alias_limits,
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        ignore_binary_tag_for_string: true,
        with_snippet: false,
    };
    let value = serde_saphyr::with_deserializer_from_str_with_options(yaml, options, |deserializer| {
        Bounded { left: &left }.deserialize(deserializer)
    });
    Ok(value.map_err(|error| YamlError::new(&error))?.to_string())
}

/// A YAML text of the value of a JSON text.
///
/// # Errors
///
/// [`YamlError`] for what is no JSON text.
pub fn from_json(json: &str) -> Result<String, YamlError> {
    let value: Value = serde_json::from_str(json).map_err(|error| YamlError::new(&error))?;
    serde_saphyr::to_string(&value).map_err(|error| YamlError::new(&error))
}

/// Reads a value of no more than so many bytes, each node counted as one besides.
#[derive(Clone, Copy)]
struct Bounded<'a> {
    left: &'a Cell<usize>,
}

impl Bounded<'_> {
    fn take<E: serde::de::Error>(self, bytes: usize) -> Result<(), E> {
        let left = self.left.get().checked_sub(bytes.saturating_add(1));
        self.left.set(left.ok_or_else(|| E::custom("it unfolds to more than a value may have"))?);
        Ok(())
    }

    fn scalar<E: serde::de::Error>(self, value: impl Into<Value>) -> Result<Value, E> {
        self.take(0)?;
        Ok(value.into())
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Value, E> {
        self.scalar(Value::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E: serde::de::Error>(self, truth: bool) -> Result<Value, E> {
        self.scalar(truth)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Value, E> {
        self.scalar(number)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Value, E> {
        self.scalar(number)
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        let number = Number::from_f64(number).ok_or_else(|| E::custom("a number is none, or infinite"))?;
        self.scalar(number)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Value, E> {
        self.take(text.len())?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        self.take(0)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        self.take(0)?;
        let mut dict = Map::new();
        while let Some(key) = entries.next_key_seed(self)? {
            let value = entries.next_value_seed(self)?;
            dict.insert(key_text(key).ok_or_else(|| A::Error::custom("a key is a list or a mapping"))?, value);
        }
        Ok(Value::Object(dict))
    }
}

/// A key as text, which is all that WAMP's dictionaries know.
fn key_text(key: Value) -> Option<String> {
    match key {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(key.to_string()),
        Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    const MANY: usize = 1 << 20;

    #[track_caller]
    fn check(yaml: &str, json: &str) {
        assert_eq!(to_json(yaml, MANY).unwrap(), json, "{yaml}");
    }

    #[track_caller]
    fn refused(yaml: &str, part: &str) {
        let error = to_json(yaml, MANY).expect_err("a value that there isn't").to_string();
        assert!(error.contains(part), "{error}");
        assert!(error.chars().count() < 2 * PROBLEM_CHARACTERS_MAX);
    }

    #[test]
    fn reads_every_kind_of_node() {
        check("", "null");
        check("# nothing\n", "null");
        check("a: 1 # one\nb: [true, no, ~, 1.5, -3, 'x']\n", r#"{"a":1,"b":[true,"no",null,1.5,-3,"x"]}"#);
        check("z: 1\na: 2\n", r#"{"z":1,"a":2}"#);
        check("18446744073709551615", "18446744073709551615");
        check("day: 2023-10-17\nat: 2023-10-17T10:17:30Z\n", r#"{"day":"2023-10-17","at":"2023-10-17T10:17:30Z"}"#);
        check("1: a\ntrue: b\n~: c\n", r#"{"1":"a","true":"b","null":"c"}"#);
        check("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n", r#"{"a":{"b":1},"c":{"b":1},"d":{"e":2,"b":1}}"#);
        check("bytes: !!binary AAEC\n", r#"{"bytes":"AAEC"}"#);
        check("text: |\n  a\n  b\n", "{\"text\":\"a\\nb\\n\"}");
        check("\"a\\0b\"", "\"a\\u0000b\"");
    }

    #[test]
    fn refuses_what_is_no_document() {
        refused("a: [", "line 1");
        refused("a: 1\na: 2\n", "a");
        refused("--- 1\n--- 2\n", "document");
        refused("? [1]\n: 2\n", "key");
        refused("a\0b", "NUL");
        refused(".nan", "");
        refused("*nothing", "");
        refused(&"x: [".repeat(10_000), "");
    }

    #[test]
    fn refuses_much_that_is_made_of_little() {
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(to_json(&deep(DEPTH_MAX), MANY).is_ok());
        refused(&deep(DEPTH_MAX + 1), "");
        let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..10 {
            let below = format!("*a{}, ", level - 1).repeat(10);
            writeln!(laughs, "a{level}: &a{level} [{below}]").unwrap();
        }
        refused(&laughs, "");
        let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(MANY / 10), "*a, ".repeat(20));
        refused(&long, "more than a value may have");
        let many = "- 0\n".repeat(NODES_MAX);
        refused(&many, "");
        assert!(to_json("abcd", 5).is_ok());
        assert!(to_json("abcd", 4).is_err());
    }

    #[test]
    fn what_is_written_is_read_back() {
        for json in [
            "null",
            "\"\"",
            "[]",
            "{}",
            r#"{"a":{"b":[1,-2,1.5,true,null,"x"]}}"#,
            r##"{"looks like":["yes","no","1","1.5","null","~","2023-10-17","# no comment","- no list","a: b"]}"##,
            r#"["\u0000AAEC","line\nline\n","  blanks  ","\ttab","é😀\u0007","\"quoted\"","'single'"]"#,
            "18446744073709551615",
            r#"{"":"","a b":1,"1":2,"true":3}"#,
        ] {
            let yaml = from_json(json).unwrap();
            let back = to_json(&yaml, MANY).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&back).unwrap(),
                serde_json::from_str::<Value>(json).unwrap(),
                "{yaml}"
            );
        }
    }
}
