//! Application payloads: the positional and keyword arguments of a message.

use bytes::Bytes;

use crate::{DecodeError, Dict, Encoding, Value};

/// The `Arguments|list` and `ArgumentsKw|dict` at the end of a message.
///
/// Kept as the sender's bytes, or as values where the server itself is the sender. Cloning is
/// cheap: the content is shared.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Payload(Content);

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Content {
    /// Neither arguments nor keyword arguments.
    #[default]
    Absent,
    /// As they stood in the sender's frame: one encoded list and, unless empty, one encoded
    /// dictionary.
    Encoded { encoding: Encoding, args: Bytes, kwargs: Bytes },
    /// Made by the server; written by each receiver's serializer.
    Values(std::sync::Arc<(Vec<Value>, Dict)>),
}

impl Payload {
    /// No arguments at all.
    pub const fn absent() -> Self {
        Self(Content::Absent)
    }

    /// A payload of values.
    pub fn new(args: Vec<Value>, kwargs: Dict) -> Self {
        Self(Content::Values(std::sync::Arc::new((args, kwargs))))
    }

    /// A payload of one positional argument.
    pub fn of(value: impl Into<Value>) -> Self {
        Self::new(vec![value.into()], Dict::new())
    }

    /// Decodes both parts; absent ones are empty.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] where the bytes hold what can't be a value (the skim on arrival checks
    /// form and depth only).
    pub fn values(&self) -> Result<(Vec<Value>, Dict), DecodeError> {
        todo!()
    }

    /// About how many bytes this takes in a queue.
    pub fn len_hint(&self) -> usize {
        match &self.0 {
            Content::Absent => 0,
            Content::Encoded { args, kwargs, .. } => args.len() + kwargs.len(),
            Content::Values(values) => 64 * (values.0.len() + values.1.len()),
        }
    }
}
