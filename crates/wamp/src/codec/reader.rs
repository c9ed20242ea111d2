//! What `wire` asks of a serializer when it reads, and what a walk over a value makes of it.

use std::borrow::Cow;

use super::{DecodeError, Encoding};
use crate::{Dict, Value};

/// What the next value is, as far as messages care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Number,
    Text,
    List,
    Dict,
    Other,
}

/// A cursor over one frame: the message's list, element by element.
pub(super) trait Reader<'a>: Sized {
    const ENCODING: Encoding;

    /// Stands before the first byte of a frame or of one value.
    fn new(bytes: &'a [u8], depth_max: usize) -> Result<Self, DecodeError>;
    /// Goes into the message's list.
    fn enter_list(&mut self) -> Result<(), DecodeError>;
    /// Whether the message's list has one more element. If so, the cursor stands at its first
    /// byte; if not, behind the list.
    fn more(&mut self) -> Result<bool, DecodeError>;
    /// What the value at the cursor is, by its first byte.
    fn kind(&self) -> Kind;
    /// Reads a [`Kind::Number`]; `None` unless it is a whole number from 0.
    fn uint(&mut self) -> Result<Option<u64>, DecodeError>;
    /// Reads a [`Kind::Text`].
    fn text(&mut self) -> Result<Cow<'a, str>, DecodeError>;
    /// Walks over any value that lies inside `depth` lists and dictionaries.
    fn value<S: Sink>(&mut self, sink: &mut S, depth: usize) -> Result<S::Value, DecodeError>;
    /// Bytes read so far.
    fn position(&self) -> usize;
    /// Checks that nothing follows.
    fn end(&mut self) -> Result<(), DecodeError>;
}

/// What becomes of the values that a walk meets. Checks of form are the walk's and happen in
/// any case; `make` closures only build.
pub(super) trait Sink {
    type Value;
    type Key;
    type List: Default;
    type Dict: Default;

    fn scalar(&mut self, make: impl FnOnce() -> Value) -> Result<Self::Value, DecodeError>;
    fn key(&mut self, make: impl FnOnce() -> String) -> Self::Key;
    fn push(&mut self, list: &mut Self::List, item: Self::Value);
    fn insert(&mut self, dict: &mut Self::Dict, key: Self::Key, value: Self::Value);
    fn list(&mut self, list: Self::List) -> Result<Self::Value, DecodeError>;
    fn dict(&mut self, dict: Self::Dict) -> Result<Self::Value, DecodeError>;
}

/// Checks form and keeps nothing.
pub(super) struct Skim;

impl Sink for Skim {
    type Value = ();
    type Key = ();
    type List = ();
    type Dict = ();

    fn scalar(&mut self, _make: impl FnOnce() -> Value) -> Result<(), DecodeError> {
        Ok(())
    }

    fn key(&mut self, _make: impl FnOnce() -> String) {}

    fn push(&mut self, _list: &mut (), _item: ()) {}

    fn insert(&mut self, _dict: &mut (), _key: (), _value: ()) {}

    fn list(&mut self, _list: ()) -> Result<(), DecodeError> {
        Ok(())
    }

    fn dict(&mut self, _dict: ()) -> Result<(), DecodeError> {
        Ok(())
    }
}

/// Builds values, up to a number of them.
pub(super) struct Build {
    values_max: usize,
    values: usize,
}

impl Build {
    pub(super) fn up_to(values_max: usize) -> Self {
        Self { values_max, values: 0 }
    }

    fn count(&mut self, value: Value) -> Result<Value, DecodeError> {
        if self.values == self.values_max {
            return Err(DecodeError::TooManyValues { values_max: self.values_max });
        }
        self.values += 1;
        Ok(value)
    }
}

impl Sink for Build {
    type Value = Value;
    type Key = String;
    type List = Vec<Value>;
    type Dict = Dict;

    fn scalar(&mut self, make: impl FnOnce() -> Value) -> Result<Value, DecodeError> {
        self.count(make())
    }

    fn key(&mut self, make: impl FnOnce() -> String) -> String {
        make()
    }

    fn push(&mut self, list: &mut Vec<Value>, item: Value) {
        list.push(item);
    }

    fn insert(&mut self, dict: &mut Dict, key: String, value: Value) {
        dict.push(key, value);
    }

    fn list(&mut self, list: Vec<Value>) -> Result<Value, DecodeError> {
        self.count(Value::List(list))
    }

    fn dict(&mut self, dict: Dict) -> Result<Value, DecodeError> {
        self.count(Value::Dict(dict))
    }
}

/// The depth inside one more list or dictionary.
pub(super) fn deeper(depth: usize, depth_max: usize) -> Result<usize, DecodeError> {
    if depth >= depth_max {
        return Err(DecodeError::TooDeep { depth_max });
    }
    Ok(depth + 1)
}
