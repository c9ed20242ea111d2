//! Reading options. An absent option and `null` are the same; a wrong type is refused, never
//! ignored, so that a restriction that was misspelled in type does not vanish.

use std::collections::{BTreeSet, HashSet};

use countersign_wamp::{Dict, Id, MatchPolicy, Value, uris::error};

use crate::refusal::Refusal;

fn present<'a>(options: &'a Dict, name: &str) -> Option<&'a Value> {
    options.get(name).filter(|value| **value != Value::Null)
}

fn wrong_type(name: &str, wanted: &str) -> Refusal {
    Refusal::new(error::INVALID_ARGUMENT, format!("option \"{name}\" must be {wanted}"))
}

/// A truth value, `default` when absent.
pub(crate) fn flag(options: &Dict, name: &str, default: bool) -> Result<bool, Refusal> {
    present(options, name).map_or(Ok(default), |value| value.as_bool().ok_or_else(|| wrong_type(name, "a bool")))
}

/// Whether an option is `true`, where there is nobody to refuse another type to.
pub(crate) fn is_true(options: &Dict, name: &str) -> bool {
    options.get(name).and_then(Value::as_bool) == Some(true)
}

/// Whether the payload is in passthru mode.
pub(crate) fn is_passthru(options: &Dict) -> bool {
    options.get(PASSTHRU_SCHEME).and_then(Value::as_str).is_some_and(|scheme| !scheme.is_empty())
}

/// The option that switches payload passthru mode on.
pub(crate) const PASSTHRU_SCHEME: &str = "ppt_scheme";

/// A whole number, zero when absent.
pub(crate) fn count(options: &Dict, name: &str) -> Result<u64, Refusal> {
    present(options, name)
        .map_or(Ok(0), |value| value.as_u64().ok_or_else(|| wrong_type(name, "an integer, zero or more")))
}

/// A text.
pub(crate) fn text<'a>(options: &'a Dict, name: &str) -> Result<Option<&'a str>, Refusal> {
    present(options, name).map(|value| value.as_str().ok_or_else(|| wrong_type(name, "a string"))).transpose()
}

/// The option `match` of SUBSCRIBE and REGISTER.
pub(crate) fn match_policy(options: &Dict) -> Result<MatchPolicy, Refusal> {
    let Some(name) = text(options, "match")? else { return Ok(MatchPolicy::Exact) };
    MatchPolicy::from_name(name).ok_or_else(|| {
        Refusal::new(error::OPTION_NOT_ALLOWED, "option \"match\" must be \"exact\", \"prefix\" or \"wildcard\"")
    })
}

/// A list of session ids. A number that is no id stands for nobody.
pub(crate) fn session_ids(options: &Dict, name: &str) -> Result<Option<BTreeSet<Id>>, Refusal> {
    let wrong = || wrong_type(name, "a list of session ids");
    let Some(value) = present(options, name) else { return Ok(None) };
    let mut ids = BTreeSet::new();
    for item in value.as_list().ok_or_else(wrong)? {
        ids.extend(Id::new(item.as_u64().ok_or_else(wrong)?));
    }
    Ok(Some(ids))
}

/// A list of texts.
pub(crate) fn texts<'a>(options: &'a Dict, name: &str) -> Result<Option<HashSet<&'a str>>, Refusal> {
    let wrong = || wrong_type(name, "a list of strings");
    let Some(value) = present(options, name) else { return Ok(None) };
    let items = value.as_list().ok_or_else(wrong)?;
    items.iter().map(|item| item.as_str().ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
}

/// Whether this is a key of the kind that the specification leaves to applications,
/// `_[a-z0-9_]{3,}`; such entries are passed on.
fn is_custom(key: &str) -> bool {
    key.strip_prefix('_')
        .is_some_and(|rest| rest.len() >= 3 && rest.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')))
}

/// Moves the entries of `options` that are for the receiver to the end of `details`: custom ones
/// and those of payload passthru mode.
pub(crate) fn forward(options: Dict, details: &mut Dict) {
    for (key, value) in options {
        if is_custom(&key) || matches!(&*key, PASSTHRU_SCHEME | "ppt_serializer" | "ppt_cipher" | "ppt_keyid") {
            details.push(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_custom_keys() {
        let check = |key, want| assert_eq!(is_custom(key), want, "{key:?}");
        check("_abc", true);
        check("_a_9", true);
        check("_ab", false);
        check("abcd", false);
        check("_Abc", false);
        check("_", false);
    }
}
