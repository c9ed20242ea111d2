//! Serializers: frames to messages and back.

use bytes::{Bytes, BytesMut};

use crate::Message;

/// A serialization format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON (RFC 8259), in text frames.
    Json,
    /// MessagePack.
    MsgPack,
    /// CBOR (RFC 8949).
    Cbor,
}

/// What a peer may make us work through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Deepest nesting of lists and dictionaries, the message's own list counted.
    pub depth_max: usize,
}

/// Why a frame is no WAMP message. Every variant is the peer's fault and is answered with
/// ABORT `wamp.error.protocol_violation` and this text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not well-formed in the session's serializer.
    #[error("malformed {0}")]
    Malformed(&'static str),
}

/// Reads one message.
pub fn decode(_encoding: Encoding, _frame: &Bytes, _limits: DecodeLimits) -> Result<Message, DecodeError> {
    todo!()
}

/// Appends one message to `out`.
pub fn encode(_encoding: Encoding, _message: &Message, _out: &mut BytesMut) {
    todo!()
}
