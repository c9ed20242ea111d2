//! What filters ask of values that programs have noted: JSON, and a path into it.
//!
//! A path goes from dictionary to dictionary by their keys. Numbers are compared as double precision. What has no answer for a
//! kind of value leaves the record out, as with every field. The texts are read by storage.
//!
//! Source: contract of the bus, section 5.2.

use super::filter::Order;

/// A value that can be compared.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonScalar {
    /// A truth value.
    Truth(bool),
    /// A number.
    Number(f64),
    /// Text, in the order of its code points.
    Text(String),
}

/// A value, as far as filters see it.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    /// Nothing, or null.
    Missing,
    /// A value that can be compared.
    Scalar(JsonScalar),
    /// A dictionary.
    Dict(Vec<(String, Json)>),
    /// A list.
    List,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonAsk {
    /// Whether it is one of these.
    OneOf {
        /// The values.
        values: Vec<JsonScalar>,
        /// Whether nothing counts as well.
        or_missing: bool,
    },
    /// How it compares with a number or a text; it has to be of that kind.
    Compare(Order, JsonScalar),
    /// Whether this is a part of it; it has to be a text.
    Contains {
        /// The part; in lower case where the case of ASCII letters doesn't count.
        part: String,
        /// Whether it doesn't.
        is_ascii_folded: bool,
    },
}

/// A question about what is at the end of a path.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonTest {
    /// Keys of dictionaries, from the outside; none: the value itself.
    pub path: Vec<String>,
    /// The question.
    pub asks: JsonAsk,
}

impl Json {
    /// What is at the end of a path.
    #[must_use]
    pub fn at(&self, path: &[String]) -> &Self {
        path.iter().fold(self, |held, key| match held {
            Self::Dict(entries) => {
                entries.iter().find(|(known, _)| known == key).map_or(&Self::Missing, |(_, value)| value)
            }
            _ => &Self::Missing,
        })
    }

    /// As a text of which the order is that of the values of one kind: what databases compare. Nothing for what is missing.
    pub fn sort_key(&self) -> Option<String> {
        match self {
            Self::Missing => None,
            Self::Scalar(scalar) => Some(scalar.sort_key()),
            Self::Dict(_) | Self::List => Some("x".to_owned()),
        }
    }
}

impl JsonScalar {
    /// See [`Json::sort_key`].
    pub fn sort_key(&self) -> String {
        const SIGN: u64 = 1 << 63;
        match self {
            Self::Truth(truth) => format!("{}{}", self.kind(), u8::from(*truth)),
            Self::Number(number) => {
                // Both zeros are one.
                let bits = if *number == 0.0 { 0 } else { number.to_bits() };
                let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
                format!("{}{ordered:016x}", self.kind())
            }
            Self::Text(text) => format!("{}{text}", self.kind()),
        }
    }

    /// The first character of [`JsonScalar::sort_key`].
    pub fn kind(&self) -> char {
        match self {
            Self::Truth(_) => 'b',
            Self::Number(_) => 'n',
            Self::Text(_) => TEXT_KIND,
        }
    }
}

/// [`JsonScalar::kind`] of texts.
pub const TEXT_KIND: char = 't';

impl JsonTest {
    /// The answer for a value; `None`: there is none.
    pub(super) fn answer(&self, json: &Json) -> Option<bool> {
        match (&self.asks, json.at(&self.path)) {
            (JsonAsk::OneOf { or_missing, .. }, Json::Missing) => Some(*or_missing),
            (JsonAsk::OneOf { .. }, Json::Dict(_) | Json::List) => Some(false),
            (JsonAsk::OneOf { values, .. }, Json::Scalar(found)) => Some(values.contains(found)),
            (JsonAsk::Compare(order, with), Json::Scalar(found)) => {
                let compared = match (found, with) {
                    (JsonScalar::Number(found), JsonScalar::Number(with)) => found.partial_cmp(with),
                    (JsonScalar::Text(found), JsonScalar::Text(with)) => Some(found.cmp(with)),
                    _ => None,
                };
                compared.map(|compared| order.holds(compared))
            }
            (JsonAsk::Contains { part, is_ascii_folded: false }, Json::Scalar(JsonScalar::Text(text))) => {
                Some(text.contains(part))
            }
            (JsonAsk::Contains { part, is_ascii_folded: true }, Json::Scalar(JsonScalar::Text(text))) => {
                Some(text.to_ascii_lowercase().contains(part))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> Vec<String> {
        text.split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect()
    }

    #[test]
    fn a_path_leads_from_dictionary_to_dictionary() {
        let number = |number| Json::Scalar(JsonScalar::Number(number));
        let dict = |entries: Vec<(&str, Json)>| {
            Json::Dict(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
        };
        let inner = dict(vec![("b", number(5.0)), ("c", Json::Missing)]);
        let json = dict(vec![("a", inner.clone()), ("e", Json::List), ("f.g", number(1.0))]);
        let check = |at: &str, want: &Json| assert_eq!(json.at(&path(at)), want, "{at}");
        check("", &json);
        check("a", &inner);
        check("a.b", &number(5.0));
        check("e", &Json::List);
        for missing in ["a.c", "x", "a.b.c", "e.0", "f.g"] {
            check(missing, &Json::Missing);
        }
    }

    #[test]
    fn keys_are_in_the_order_of_their_values() {
        let numbers = [f64::MIN, -1e9, -2.5, -1.0, -1e-300, 0.0, 1e-300, 0.5, 1.0, 2.0, 1e9, f64::MAX];
        let keys: Vec<String> = numbers.iter().map(|number| JsonScalar::Number(*number).sort_key()).collect();
        assert!(keys.is_sorted() && keys.iter().all(|key| key.len() == 17), "{keys:?}");
        assert_eq!(JsonScalar::Number(-0.0).sort_key(), JsonScalar::Number(0.0).sort_key());
    }
}
