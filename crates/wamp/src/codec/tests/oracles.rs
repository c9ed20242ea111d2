//! Agreement with other implementations of the formats.

use proptest::prelude::*;

use super::{bytes_of, value_of};
use crate::{Dict, Encoding, Value};

/// What all the formats and libraries have alike.
fn plain_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::from),
        // Eighths: libraries differ in the last digit of others.
        any::<i32>().prop_map(|number| Value::Float(f64::from(number) / 8.0)),
        any::<String>().prop_filter("not binary data", |text| !text.starts_with('\0')).prop_map(Value::Str),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Value::List),
            prop::collection::btree_map("[a-z\"\\\\]{0,40}", inner, 0..20)
                .prop_map(|entries| Value::Dict(entries.into_iter().collect())),
        ]
    })
}

fn entries<T>(dict: &Dict, convert: impl Fn(&Value) -> T) -> Vec<(String, T)> {
    dict.iter().map(|(key, value)| (key.to_owned(), convert(value))).collect()
}

fn to_json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Str(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(to_json).collect(),
        Value::Dict(dict) => entries(dict, to_json).into_iter().collect(),
        Value::Bytes(_) | Value::Time(_) => unreachable!(),
    }
}

fn to_rmpv(value: &Value) -> rmpv::Value {
    match value {
        Value::Null => rmpv::Value::Nil,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Str(text) => text.as_str().into(),
        Value::List(items) => rmpv::Value::Array(items.iter().map(to_rmpv).collect()),
        Value::Dict(dict) => {
            let entries = entries(dict, to_rmpv);
            rmpv::Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
        }
        Value::Bytes(_) | Value::Time(_) => unreachable!(),
    }
}

fn to_ciborium(value: &Value) -> ciborium::Value {
    match value {
        Value::Null => ciborium::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::UInt(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Str(text) => text.as_str().into(),
        Value::List(items) => ciborium::Value::Array(items.iter().map(to_ciborium).collect()),
        Value::Dict(dict) => {
            let entries = entries(dict, to_ciborium);
            ciborium::Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
        }
        Value::Bytes(_) | Value::Time(_) => unreachable!(),
    }
}

proptest! {
    #[test]
    fn json_agrees_with_serde_json(value in plain_value()) {
        let ours = bytes_of(Encoding::Json, &value);
        prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&ours).unwrap(), to_json(&value));
        for theirs in [
            serde_json::to_vec(&to_json(&value)).unwrap(),
            serde_json::to_vec_pretty(&to_json(&value)).unwrap(),
        ] {
            prop_assert_eq!(value_of(Encoding::Json, &theirs), Ok(value.clone()));
        }
    }

    #[test]
    fn json_accepts_what_serde_json_accepts(text in r#"[\[\]{}",:\\u0-9dDeE.+\-truefalsn \n]{0,12}"#) {
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        let is_out_of_range = |error: &serde_json::Error| error.to_string().contains("out of range");
        prop_assume!(!theirs.as_ref().is_err_and(is_out_of_range));
        // Inside a message: the value alone, so that it can't close the list around it.
        let frame = format!("[69,1,{{\"o\":{text}\n}}]");
        let whole = serde_json::from_str::<serde_json::Value>(&frame);
        let ours = super::read(Encoding::Json, frame.as_bytes());
        prop_assert_eq!(ours.is_ok(), whole.is_ok_and(|whole| whole[2].is_object() && whole[3].is_null()), "{}", frame);
    }

    #[test]
    fn msgpack_agrees_with_rmpv(value in plain_value()) {
        let ours = bytes_of(Encoding::MsgPack, &value);
        let mut theirs = Vec::new();
        rmpv::encode::write_value(&mut theirs, &to_rmpv(&value)).unwrap();
        prop_assert_eq!(&ours, &theirs);
        prop_assert_eq!(rmpv::decode::read_value(&mut ours.as_slice()).unwrap(), to_rmpv(&value));
    }

    #[test]
    fn cbor_agrees_with_ciborium(value in plain_value()) {
        let ours = bytes_of(Encoding::Cbor, &value);
        prop_assert_eq!(ciborium::from_reader::<ciborium::Value, _>(ours.as_slice()).unwrap(), to_ciborium(&value));
        let mut theirs = Vec::new();
        ciborium::into_writer(&to_ciborium(&value), &mut theirs).unwrap();
        prop_assert_eq!(value_of(Encoding::Cbor, &theirs), Ok(value.clone()));
    }
}
