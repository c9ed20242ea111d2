//! Batches: many messages in one WebSocket message.
//!
//! A JSON message ends with the byte 0x1E, which no JSON text contains; a message of any other
//! serializer follows its length, 32 bits, big-endian. Pure: callers read and write the bytes.
//!
//! **Invariant:** nothing is copied or allocated for what a peer claims; messages are taken from
//! the frame one by one, and share its memory.
//!
//! Some clients (autobahn-python) end JSON messages with 0x18 instead: the specification writes
//! the byte as `\30` as well, which is 0x18 where that is read as octal. It is as impossible in
//! JSON as the right one, so both are understood, and [`JsonEnd`] says what a peer wants to hear.
//!
//! Source: WAMP specification, advanced profile, "Message Batching".

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::Encoding;

/// Most messages in one batch.
pub const MESSAGES_MAX: usize = 16_384;
/// Length of the prefix of a message that is not JSON, in bytes.
const LENGTH_BYTES: usize = 4;
/// What a message can have on top of its own bytes in a batch, at most.
pub const OVERHEAD_BYTES_MAX: usize = LENGTH_BYTES;

/// The byte that ends a JSON message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JsonEnd {
    /// 0x1E, as specified.
    #[default]
    RecordSeparator,
    /// 0x18, as some clients do.
    Cancel,
}

impl JsonEnd {
    /// The byte.
    pub fn byte(self) -> u8 {
        match self {
            Self::RecordSeparator => 0x1E,
            Self::Cancel => 0x18,
        }
    }

    /// The end that this byte is.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::RecordSeparator, Self::Cancel].into_iter().find(|end| end.byte() == byte)
    }
}

/// Why a frame is no batch. The peer's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// There is no message in it.
    #[error("a batch can't be empty")]
    Empty,
    /// It ends in the middle of a message or a length.
    #[error("the batch ends in the middle of a message")]
    Truncated,
    /// There are more messages than [`MESSAGES_MAX`].
    #[error("more than {MESSAGES_MAX} messages in a batch")]
    TooMany,
}

/// The messages of a frame that have not been taken yet. Ends behind the first error.
#[derive(Debug, Clone)]
pub struct Batch {
    encoding: Encoding,
    rest: Bytes,
    left: usize,
    json_end: Option<JsonEnd>,
}

impl Batch {
    /// A batch of nothing, which is what is left of one that was taken to its end.
    pub fn done(encoding: Encoding) -> Self {
        Self { encoding, rest: Bytes::new(), left: 0, json_end: None }
    }

    /// Takes a frame.
    ///
    /// # Errors
    ///
    /// [`BatchError::Empty`]; other errors come where the messages are taken.
    pub fn new(encoding: Encoding, frame: Bytes) -> Result<Self, BatchError> {
        if frame.is_empty() {
            return Err(BatchError::Empty);
        }
        let last = frame.last().copied();
        let json_end = last.filter(|_| encoding == Encoding::Json).and_then(JsonEnd::from_byte);
        Ok(Self { encoding, rest: frame, left: MESSAGES_MAX, json_end })
    }

    /// How the peer ends its JSON messages, where it does at all.
    pub fn json_end(&self) -> Option<JsonEnd> {
        self.json_end
    }

    /// Up to the byte that ends the message. The last one may lack it: some peers put it between
    /// the messages only.
    fn next_json(&mut self) -> Bytes {
        let end = self.rest.iter().position(|byte| JsonEnd::from_byte(*byte).is_some());
        let message = self.rest.split_to(end.unwrap_or(self.rest.len()));
        if end.is_some() {
            self.rest.advance(1);
        }
        message
    }

    fn next_binary(&mut self) -> Result<Bytes, BatchError> {
        let length = self.rest.try_get_u32().map_err(|_| BatchError::Truncated)?;
        let length = usize::try_from(length).map_err(|_| BatchError::Truncated)?;
        if length > self.rest.len() {
            return Err(BatchError::Truncated);
        }
        Ok(self.rest.split_to(length))
    }
}

impl Iterator for Batch {
    type Item = Result<Bytes, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let message = match self.left.checked_sub(1) {
            None => Err(BatchError::TooMany),
            Some(left) => {
                self.left = left;
                if self.encoding == Encoding::Json { Ok(self.next_json()) } else { self.next_binary() }
            }
        };
        if message.is_err() {
            self.rest.clear();
        }
        Some(message)
    }
}

/// Appends a message to a batch. `false`, and nothing is appended, if its length can't be written.
#[must_use]
pub fn append(encoding: Encoding, json_end: JsonEnd, message: &[u8], batch: &mut BytesMut) -> bool {
    if encoding == Encoding::Json {
        batch.reserve(message.len() + 1);
        batch.put_slice(message);
        batch.put_u8(json_end.byte());
        return true;
    }
    let Ok(length) = u32::try_from(message.len()) else { return false };
    batch.reserve(message.len() + LENGTH_BYTES);
    batch.put_u32(length);
    batch.put_slice(message);
    true
}

#[cfg(test)]
mod tests;
