//! Application payloads: the positional and keyword arguments of a message.

use std::fmt;

use bytes::Bytes;

use crate::codec::{payload_bytes, payload_values};
use crate::{DecodeError, Dict, Encoding, Value};

/// The `Arguments|list` and `ArgumentsKw|dict` at the end of a message.
///
/// Kept as the sender's bytes, or as values where the server itself is the sender. Cloning is
/// cheap: the content is shared. Two payloads are equal if they hold the same values, however
/// they are kept.
#[derive(Clone, Default)]
pub struct Payload(Content);

#[derive(Clone, Default)]
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

    /// A payload as it stood in a frame that was checked: `args` is one encoded list, `kwargs`
    /// is one encoded dictionary or, if that part is absent, empty.
    pub(crate) fn from_parts(encoding: Encoding, args: Bytes, kwargs: Bytes) -> Self {
        Self(Content::Encoded { encoding, args, kwargs })
    }

    pub(crate) fn content(&self) -> &Content {
        &self.0
    }

    /// Decodes both parts; absent ones are empty.
    ///
    /// # Errors
    ///
    /// None for the payload of a message that was read or built here: its bytes were checked on
    /// arrival. The type leaves callers a way to refuse instead of a panic.
    pub fn values(&self) -> Result<(Vec<Value>, Dict), DecodeError> {
        match &self.0 {
            Content::Absent => Ok((Vec::new(), Dict::new())),
            Content::Encoded { encoding, args, kwargs } => payload_values(*encoding, args, kwargs),
            Content::Values(values) => Ok((**values).clone()),
        }
    }

    /// The same payload as bytes of `encoding`, to be encoded once and sent many times.
    ///
    /// # Errors
    ///
    /// As [`Payload::values`].
    pub fn encoded(&self, encoding: Encoding) -> Result<Self, DecodeError> {
        match &self.0 {
            Content::Absent => Ok(Self::absent()),
            Content::Encoded { encoding: given, .. } if *given == encoding => Ok(self.clone()),
            Content::Encoded { .. } => {
                let (args, kwargs) = self.values()?;
                Ok(Self::from_values(encoding, &args, &kwargs))
            }
            Content::Values(values) => Ok(Self::from_values(encoding, &values.0, &values.1)),
        }
    }

    fn from_values(encoding: Encoding, args: &[Value], kwargs: &Dict) -> Self {
        let (args, kwargs) = payload_bytes(encoding, args, kwargs);
        if args.is_empty() { Self::absent() } else { Self::from_parts(encoding, args, kwargs) }
    }

    /// The same payload in memory of its own, to be kept for long: bytes of a frame hold on to the
    /// whole buffer in which it came.
    #[must_use]
    pub fn compacted(&self) -> Self {
        match &self.0 {
            Content::Encoded { encoding, args, kwargs } => {
                Self::from_parts(*encoding, Bytes::copy_from_slice(args), Bytes::copy_from_slice(kwargs))
            }
            Content::Absent | Content::Values(_) => self.clone(),
        }
    }

    /// The parts as bytes, to be stored, and their serializer; values are written in `otherwise`.
    /// `None`: there are no arguments at all.
    ///
    /// # Errors
    ///
    /// As [`Payload::values`].
    pub fn to_parts(&self, otherwise: Encoding) -> Result<Option<(Encoding, Bytes, Bytes)>, DecodeError> {
        match &self.0 {
            Content::Absent => Ok(None),
            Content::Encoded { encoding, args, kwargs } => Ok(Some((*encoding, args.clone(), kwargs.clone()))),
            Content::Values(_) => self.encoded(otherwise)?.to_parts(otherwise),
        }
    }

    /// A payload of parts that were stored; they are checked.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]: the bytes are not what [`Payload::to_parts`] gives.
    pub fn from_stored(
        encoding: Encoding,
        args: impl Into<Bytes>,
        kwargs: impl Into<Bytes>,
    ) -> Result<Self, DecodeError> {
        let payload = Self::from_parts(encoding, args.into(), kwargs.into());
        payload.values()?;
        Ok(payload)
    }

    /// About how many bytes this takes in a queue.
    pub fn len_hint(&self) -> usize {
        match &self.0 {
            Content::Absent => 0,
            Content::Encoded { args, kwargs, .. } => args.len() + kwargs.len(),
            Content::Values(values) => values.0.iter().map(Value::len_hint).sum::<usize>() + values.1.len_hint(),
        }
    }
}

impl From<(Vec<Value>, Dict)> for Payload {
    fn from((args, kwargs): (Vec<Value>, Dict)) -> Self {
        Self::new(args, kwargs)
    }
}

impl From<Vec<Value>> for Payload {
    fn from(args: Vec<Value>) -> Self {
        Self::new(args, Dict::new())
    }
}

impl From<()> for Payload {
    fn from((): ()) -> Self {
        Self::absent()
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Content::Absent, Content::Absent) => true,
            (
                Content::Encoded { encoding, args, kwargs },
                Content::Encoded { encoding: encoding2, args: args2, kwargs: kwargs2 },
            ) if encoding == encoding2 && args == args2 && kwargs == kwargs2 => true,
            _ => matches!((self.values(), other.values()), (Ok(a), Ok(b)) if a == b),
        }
    }
}

/// Sizes only: payloads hold what the log must not.
impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Content::Absent => f.write_str("Payload(absent)"),
            Content::Encoded { encoding, args, kwargs } => {
                write!(f, "Payload({encoding}, {} + {} bytes)", args.len(), kwargs.len())
            }
            Content::Values(values) => {
                write!(f, "Payload({} args, {} kwargs)", values.0.len(), values.1.len())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_become_payloads() {
        let check = |payload: Payload, args: Vec<Value>, kwargs: Dict| {
            assert_eq!(payload.values().unwrap(), (args, kwargs));
        };
        let kwargs = || Dict::new().with("key", "value");
        check((vec![1_u64.into()], kwargs()).into(), vec![1_u64.into()], kwargs());
        check(vec![1_u64.into()].into(), vec![1_u64.into()], Dict::new());
        check(().into(), vec![], Dict::new());
    }

    #[test]
    fn a_compacted_payload_says_the_same_in_memory_of_its_own() {
        let payload = Payload::new(vec![1_u64.into()], Dict::new().with("key", "value"));
        let encoded = payload.encoded(Encoding::Json).unwrap();
        let compacted = encoded.compacted();
        assert_eq!(compacted, payload);
        let (Content::Encoded { args: old, .. }, Content::Encoded { args: new, .. }) = (&encoded.0, &compacted.0)
        else {
            panic!("both are bytes");
        };
        assert_ne!(old.as_ptr(), new.as_ptr());
        assert_eq!(Payload::absent().compacted(), Payload::absent());
    }
}
