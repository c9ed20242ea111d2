//! Decoded application values: what all serializers can say, in one type.
//!
//! Used for message options and details, and for payloads that the server itself reads or
//! writes. Payloads that are only passed on never become values.

use std::fmt;

use crate::SharedEntries;

/// One value. Dictionaries keep the order in which the sender wrote them.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// JSON and UBJSON null, MessagePack nil, CBOR null and undefined (msgpackr's `undefined` too).
    Null,
    /// True or false.
    Bool(bool),
    /// An integer that fits into 64 signed bits.
    Int(i64),
    /// A positive integer above `i64::MAX`.
    UInt(u64),
    /// A floating-point number.
    Float(f64),
    /// Text.
    Str(String),
    /// Binary data. In JSON: a string of U+0000 followed by base64 (WAMP specification,
    /// "Binary conversion of JSON strings"). In UBJSON: a list of the type uint8.
    Bytes(Vec<u8>),
    /// A point in time: CBOR tags 0 and 1, MessagePack extension −1. JSON and UBJSON have text
    /// for it.
    Time(Time),
    /// An ordered list.
    List(Vec<Value>),
    /// A dictionary with text keys.
    Dict(Dict),
}

/// A point in time as its sender wrote it.
#[derive(Debug, Clone, PartialEq)]
pub enum Time {
    /// CBOR tag 0: RFC 3339 text, not yet checked.
    Text(String),
    /// CBOR tag 1 and MessagePack timestamps: time since 1970-01-01T00:00:00Z.
    Unix {
        /// Whole seconds, rounded towards the past.
        seconds: i64,
        /// Nanoseconds that come on top, `0..1_000_000_000`.
        nanoseconds: u32,
    },
}

/// A dictionary with text keys, in the order of insertion.
///
/// Options and details have a handful of entries, so a linear search beats hashing; an empty
/// dictionary does not allocate. The first entries may be shared with other dictionaries; nobody sees a difference.
#[derive(Clone, Default)]
pub struct Dict {
    /// Never empty ones: those would have no bytes to separate from what follows.
    shared: Option<SharedEntries>,
    own: Vec<(String, Value)>,
}

impl Dict {
    /// An empty dictionary.
    pub const fn new() -> Self {
        Self { shared: None, own: Vec::new() }
    }

    /// A dictionary that begins with these entries.
    pub fn starting_with(entries: SharedEntries) -> Self {
        Self { shared: Some(entries).filter(|entries| !entries.as_slice().is_empty()), own: Vec::new() }
    }

    /// The value under `key`. Of repeated keys the last one counts.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.iter().rev().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.own.push((key.into(), value.into()));
    }

    /// Like [`Dict::push`], for building in one expression.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.push(key, value);
        self
    }

    /// The same with no room for more entries, to be kept.
    #[must_use]
    pub fn shrunk(mut self) -> Self {
        self.own.shrink_to_fit();
        self
    }

    /// The entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &Value)> {
        let shared = self.shared.as_ref().map(SharedEntries::as_slice).unwrap_or_default();
        shared.iter().chain(&self.own).map(|(key, value)| (key.as_str(), value))
    }

    /// The entries with which it begins, if they are shared.
    pub(crate) fn shared(&self) -> Option<&SharedEntries> {
        self.shared.as_ref()
    }

    /// The entries behind those that are shared.
    pub(crate) fn own(&self) -> &[(String, Value)] {
        &self.own
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.shared.as_ref().map_or(0, |shared| shared.as_slice().len()) + self.own.len()
    }

    /// About how many bytes this takes, for limits on what waits in queues.
    pub fn len_hint(&self) -> usize {
        let own: usize = self.own.iter().map(|(key, value)| key.len() + value.len_hint()).sum();
        self.shared.as_ref().map_or(0, SharedEntries::len_hint) + own
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.shared.is_none() && self.own.is_empty()
    }
}

impl PartialEq for Dict {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl FromIterator<(String, Value)> for Dict {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self { shared: None, own: entries.into_iter().collect() }
    }
}

impl IntoIterator for Dict {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        let Some(shared) = self.shared else { return self.own.into_iter() };
        let mut entries = shared.as_slice().to_vec();
        entries.extend(self.own);
        entries.into_iter()
    }
}

impl Value {
    /// About how many bytes this takes, for limits on what waits in queues. As deep as the
    /// value is nested, which the decoder bounds.
    pub fn len_hint(&self) -> usize {
        let content = match self {
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::UInt(_)
            | Self::Float(_)
            | Self::Time(Time::Unix { .. }) => 0,
            Self::Str(text) | Self::Time(Time::Text(text)) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(items) => items.iter().map(Self::len_hint).sum(),
            Self::Dict(dict) => dict.len_hint(),
        };
        size_of::<Self>() + content
    }

    /// As JSON text, in the forms that JSON messages have: binary data is text behind U+0000, a time is text, and a number
    /// that is none or infinite is null. As deep as the value is nested.
    pub fn to_json(&self) -> String {
        crate::codec::value_to_json(self)
    }

    /// The value of JSON text, in the forms of [`Value::to_json`].
    ///
    /// # Errors
    ///
    /// [`DecodeError`](crate::DecodeError): it isn't JSON, or nested deeper than
    /// [`DecodeLimits::DEPTH_MAX_CEILING`](crate::DecodeLimits::DEPTH_MAX_CEILING).
    pub fn from_json(text: &str) -> Result<Self, crate::DecodeError> {
        crate::codec::value_from_json(text)
    }

    /// Lists and dictionaries within each other; 0 for a value that is neither.
    pub fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Dict(dict) => 1 + dict.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    /// The text, if this is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The truth value, if this is one. Numbers are not: `1` is no `true`.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The integer, if this is one that is not negative. A float without a fraction counts up
    /// to 2^53: JavaScript serializers write every integer above 2^32 so, ids too.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::UInt(number) => Some(*number),
            Self::Float(number) => whole(*number),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// The entries, if this is a dictionary.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) => Some(dict),
            _ => None,
        }
    }
}

/// The integer that a float without a fraction stands for, from 0 to 2^53.
pub(crate) fn whole(number: f64) -> Option<u64> {
    const MAX: f64 = 9_007_199_254_740_992.0;
    if !(0.0..=MAX).contains(&number) || number.fract() != 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Some(number as u64)
}

macro_rules! from {
    ($($source:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$source> for Value {
            fn from(value: $source) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}

from!(bool => Bool, i64 => Int, u32 => Int, f64 => Float, &str => Str, String => Str,
      Vec<u8> => Bytes, Vec<Value> => List, Dict => Dict, Time => Time);

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or(Self::UInt(number), Self::Int)
    }
}

impl From<crate::Id> for Value {
    fn from(id: crate::Id) -> Self {
        Self::from(id.get())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_text_is_read_back() {
        let check = |value: Value, text: &str| {
            assert_eq!(value.to_json(), text);
            assert_eq!(Value::from_json(text).unwrap(), value, "{text}");
        };
        check(Value::Null, "null");
        check(Value::UInt(u64::MAX), "18446744073709551615");
        check(Value::Float(1.0), "1.0");
        check(Value::Bytes(vec![0, 255]), "\"\\u0000AP8=\"");
        check(Dict::new().with("é\0", vec![Value::Bool(true)]).into(), "{\"é\\u0000\":[true]}");
        assert_eq!(Value::Time(Time::Text("2023-10-17T10:17:30Z".into())).to_json(), "\"2023-10-17T10:17:30Z\"");
        assert_eq!(Value::Float(f64::NAN).to_json(), "null");
        for wrong in ["", "{", "1 2", "[1]]"] {
            assert!(Value::from_json(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_dict_with_a_shared_part_equals_the_same_written_out() {
        let entries = || Dict::new().with("a", 1_u32).with("b", "x");
        let shared = SharedEntries::from(entries());
        let dict = Dict::starting_with(shared.clone()).with("a", Dict::new().with("c", 2_u32));
        let plain = entries().with("a", Dict::new().with("c", 2_u32));
        assert_eq!(dict, plain);
        assert_ne!(dict, entries());
        assert_eq!(format!("{dict:?}"), format!("{plain:?}"));
        assert_eq!((dict.len(), dict.len_hint(), dict.is_empty()), (3, plain.len_hint(), false));
        assert_eq!(dict.get("a"), plain.get("a"), "the last of repeated keys");
        assert_eq!(dict.get("b"), Some(&Value::from("x")));
        assert_eq!(dict.iter().map(|(key, _)| key).collect::<Vec<_>>(), ["a", "b", "a"]);
        assert_eq!(Value::from(dict.clone()).depth(), 2);
        assert_eq!(dict.clone().shrunk(), plain);
        assert!(dict.into_iter().eq(plain));
        assert_eq!(Dict::starting_with(shared), entries(), "what is shared does not change");
    }

    #[test]
    fn a_dict_that_starts_with_nothing_is_empty() {
        let dict = Dict::starting_with(Dict::new().into());
        assert!(dict.is_empty());
        assert_eq!(dict, Dict::new());
    }

    #[test]
    fn depth_counts_lists_and_dictionaries() {
        let list = |item: Value| Value::List(vec![Value::Null, item]);
        assert_eq!(Value::from(5_u32).depth(), 0);
        assert_eq!(Value::List(vec![]).depth(), 1);
        assert_eq!(list(Dict::new().with("a", list(Value::Null)).into()).depth(), 3);
    }
}
