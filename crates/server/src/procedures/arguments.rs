//! Arguments of a call, positional and by name, as its users' language passes them.

use countersign_identity::ExpiresInput;
use countersign_identity::key_update::KeyChange;
use countersign_identity::keys::{KeyKind, KeyRequest};
use countersign_identity::permission::PermissionsError;
use countersign_wamp::{Dict, Payload, Time, Value};

use super::errors::Failure;
use crate::metrics::ServerLimit;

/// What a client passes along in `data_rec` of a one-time password without effect: the server fills these itself.
const IGNORED_OF_OTP: &[&str] = &["version", "uuid", "origin", "key"];
/// The same of an API key.
const IGNORED_OF_API_KEY: &[&str] = &["version", "uuid", "key", "plaintext_key"];

/// Lists and dictionaries of a value that is stored within each other.
const VALUE_DEPTH_MAX: usize = 100;

/// The arguments of one call.
#[derive(Debug)]
pub struct Arguments {
    positional: Vec<Value>,
    named: Dict,
}

impl Arguments {
    /// Decodes them.
    pub fn read(payload: &Payload) -> Result<Self, Failure> {
        let (positional, named) =
            payload.values().map_err(|error| Failure::argument(format!("the arguments can't be read: {error}")))?;
        Ok(Self { positional, named })
    }

    /// One value for each of `names`, given by position or by name; missing ones are null.
    pub fn bind<const N: usize>(self, procedure: &str, names: [&str; N]) -> Result<[Value; N], Failure> {
        let mut values: [Value; N] = std::array::from_fn(|_| Value::Null);
        let given = self.positional.len();
        if given > N {
            let takes = if N == 0 { "no arguments".into() } else { format!("at most {N} ({})", names.join(", ")) };
            return Err(Failure::argument(format!("{procedure} takes {takes}, {given} were given")));
        }
        for (slot, value) in values.iter_mut().zip(self.positional) {
            *slot = value;
        }
        for (name, value) in self.named {
            match names.iter().position(|known| *known == name) {
                Some(at) if at >= given => {
                    if let Some(slot) = values.get_mut(at) {
                        *slot = value;
                    }
                }
                Some(_) => return Err(Failure::argument(format!("{procedure}: {name} is given twice"))),
                None => return Err(Failure::argument(format!("{procedure} takes no argument {name:?}"))),
            }
        }
        Ok(values)
    }

    /// As [`Arguments::bind`], where null is a value like any other: the first `required` have to be given.
    pub fn bind_given<const N: usize>(
        self,
        procedure: &str,
        names: [&str; N],
        required: usize,
    ) -> Result<[Value; N], Failure> {
        let of_place = names.iter().take(required).skip(self.positional.len());
        let missing = of_place.copied().find(|name| self.named.get(name).is_none());
        let values = self.bind(procedure, names)?;
        match missing {
            Some(name) => Err(missing_argument(name)),
            None => Ok(values),
        }
    }
}

fn missing_argument(name: &str) -> Failure {
    Failure::argument(format!("{name} is missing"))
}

/// A text argument.
pub fn text(value: Value, name: &str) -> Result<String, Failure> {
    match value {
        Value::Str(text) => Ok(text),
        Value::Null => Err(missing_argument(name)),
        _ => Err(Failure::argument(format!("{name} has to be a text"))),
    }
}

/// An argument that is true or false; false if it is missing.
pub fn truth(value: &Value, name: &str) -> Result<bool, Failure> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(truth) => Ok(*truth),
        _ => Err(Failure::argument(format!("{name} has to be true or false"))),
    }
}

/// A value of any kind that is to be stored, as JSON text.
pub fn json(value: &Value, name: &str) -> Result<String, Failure> {
    if value.depth() > VALUE_DEPTH_MAX {
        let text = format!("{name} has more than {VALUE_DEPTH_MAX} lists and dictionaries within each other");
        return Err(Failure::argument(text).at(ServerLimit::ValueDepth));
    }
    Ok(value.to_json())
}

/// `data_rec` of `system.otp.create` and of the procedures that make API keys.
pub fn key_request(kind: KeyKind, value: Value) -> Result<KeyRequest, Failure> {
    let KeyChange { expires, permissions, description } = key_change(kind, value)?;
    Ok(KeyRequest {
        expires: expires.unwrap_or(ExpiresInput::Default),
        permissions: permissions.unwrap_or_default(),
        description: description.unwrap_or_default(),
    })
}

/// What is said of a key; what isn't said is `None`.
pub fn key_change(kind: KeyKind, value: Value) -> Result<KeyChange, Failure> {
    let fields = match value {
        Value::Null => return Ok(KeyChange::default()),
        Value::Dict(fields) => fields,
        _ => return Err(Failure::argument("data_rec has to be a dictionary")),
    };
    let (ignored, known) = match kind {
        KeyKind::Otp => (IGNORED_OF_OTP, "expires and permissions"),
        KeyKind::ApiKey => (IGNORED_OF_API_KEY, "description, expires and permissions"),
    };
    let mut change = KeyChange::default();
    for (name, value) in fields {
        match (name.as_str(), kind) {
            ("expires", _) => change.expires = Some(expires(value)),
            ("permissions", _) => {
                let rules =
                    permissions(&value).ok_or_else(|| Failure::argument(PermissionsError::Shape.to_string()))?;
                change.permissions = Some(rules);
            }
            ("description", KeyKind::ApiKey) if value == Value::Null => {}
            ("description", KeyKind::ApiKey) => change.description = Some(text(value, "description")?),
            (other, _) if ignored.contains(&other) => {}
            (other, _) => {
                return Err(Failure::argument(format!("data_rec has no field {other:?}; its fields are {known}")));
            }
        }
    }
    Ok(change)
}

fn expires(value: Value) -> ExpiresInput {
    match value {
        Value::Null => ExpiresInput::Default,
        Value::Str(text) | Value::Time(Time::Text(text)) => ExpiresInput::Text(text),
        Value::Time(Time::Unix { seconds, nanoseconds }) => ExpiresInput::Unix { seconds, nanoseconds },
        Value::Int(seconds) => ExpiresInput::Unix { seconds, nanoseconds: 0 },
        Value::UInt(_) => ExpiresInput::Unix { seconds: i64::MAX, nanoseconds: 0 },
        Value::Float(seconds) => ExpiresInput::UnixFloat(seconds),
        Value::Bool(_) | Value::Bytes(_) | Value::List(_) | Value::Dict(_) => ExpiresInput::NotATime,
    }
}

/// Pairs of `uri` and `perms`; `None` where the shape is wrong.
pub fn permissions(value: &Value) -> Option<Vec<(String, String)>> {
    let list = match value {
        Value::Null => return Some(Vec::new()),
        Value::List(list) => list,
        _ => return None,
    };
    let pair = |item: &Value| {
        let dict = item.as_dict()?;
        let (uri, perms) = (dict.get("uri")?.as_str()?, dict.get("perms")?.as_str()?);
        (dict.len() == 2).then(|| (uri.to_owned(), perms.to_owned()))
    };
    list.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::super::errors::ErrorUris;
    use super::*;

    fn bind<const N: usize>(given: &[i64], more: &[(&str, i64)], parameters: [&str; N]) -> Result<Vec<Value>, String> {
        let arguments = Arguments {
            positional: given.iter().copied().map(Value::Int).collect(),
            named: more.iter().map(|(name, value)| ((*name).to_owned(), Value::Int(*value))).collect(),
        };
        match arguments.bind("p", parameters) {
            Ok(values) => Ok(values.to_vec()),
            Err(failure) => Err(ErrorUris::new("p").answer(&failure, "").1),
        }
    }

    #[test]
    fn takes_arguments_by_position_and_by_name() {
        assert_eq!(bind(&[1], &[("b", 2)], ["a", "b"]), Ok(vec![Value::Int(1), Value::Int(2)]));
        assert_eq!(bind(&[], &[], ["a"]), Ok(vec![Value::Null]));
        assert_eq!(bind(&[], &[], []), Ok(vec![]));
    }

    #[test]
    fn refuses_too_many_repeated_and_unknown_ones() {
        assert!(bind(&[1], &[], []).unwrap_err().contains("no arguments"));
        assert!(bind(&[1, 2], &[], ["a"]).unwrap_err().contains("at most 1"));
        assert!(bind(&[1], &[("a", 2)], ["a"]).unwrap_err().contains("twice"));
        assert!(bind(&[], &[("x", 2)], ["a"]).unwrap_err().contains("\"x\""));
    }

    #[test]
    fn reads_expires_in_every_form() {
        assert_eq!(expires(Value::Null), ExpiresInput::Default);
        assert_eq!(expires("x".into()), ExpiresInput::Text("x".into()));
        assert_eq!(expires(Value::Time(Time::Text("x".into()))), ExpiresInput::Text("x".into()));
        assert_eq!(expires(Value::Int(5)), ExpiresInput::Unix { seconds: 5, nanoseconds: 0 });
        assert_eq!(expires(Value::Float(5.5)), ExpiresInput::UnixFloat(5.5));
        assert_eq!(expires(Value::Bool(true)), ExpiresInput::NotATime);
        assert_eq!(expires(Value::List(vec![])), ExpiresInput::NotATime);
    }

    #[test]
    fn permissions_are_a_list_of_uri_and_perms() {
        let rule = Dict::new().with("uri", "a.b").with("perms", "c");
        assert_eq!(permissions(&Value::List(vec![rule.clone().into()])).unwrap().len(), 1);
        assert_eq!(permissions(&Value::Null), Some(vec![]));
        for wrong in [
            Value::from("a.b"),
            Value::List(vec!["a.b".into()]),
            Value::List(vec![Dict::new().with("uri", "a.b").into()]),
            Value::List(vec![rule.clone().with("more", 1_u32).into()]),
            rule.into(),
        ] {
            assert_eq!(permissions(&wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn unknown_fields_of_data_rec_are_named() {
        for kind in [KeyKind::Otp, KeyKind::ApiKey] {
            let error = key_request(kind, Dict::new().with("expire", 5_u32).into()).unwrap_err();
            assert!(format!("{error:?}").contains("expire"));
        }
        let has = |kind, name: &str| key_request(kind, Dict::new().with(name, "x").into()).is_ok();
        assert!(has(KeyKind::Otp, "origin") && !has(KeyKind::ApiKey, "origin"));
        assert!(has(KeyKind::ApiKey, "description") && !has(KeyKind::Otp, "description"));
        assert!(has(KeyKind::ApiKey, "plaintext_key") && !has(KeyKind::Otp, "plaintext_key"));
        assert!(has(KeyKind::ApiKey, "key") && has(KeyKind::Otp, "key"));
    }
}
