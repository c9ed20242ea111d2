//! Serializers: frames to messages and back.
//!
//! `wire` alone knows how messages are made of elements; `json`, `msgpack`, `cbor` and
//! `ubjson` know nothing but their bytes. Payloads are checked for form and depth and then kept as the
//! sender's bytes.
//!
//! **Invariant:** skimming a payload and decoding it are the same walk (`reader::Sink`), so a
//! payload that [`decode`] let through can always be decoded, and written by any serializer.
//!
//! Source: WAMP specification, "Serializers" and "Binary support in JSON"; RFC 8259 (JSON),
//! the MessagePack specification, RFC 8949 (CBOR), UBJSON Draft 12.

mod bignum;
mod cbor;
mod cursor;
mod json;
mod msgpack;
mod reader;
mod ubjson;
mod wire;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;

use bytes::{Bytes, BytesMut};

pub(crate) use self::wire::{payload_bytes, payload_values, value_from_json, value_to_json};
use crate::{Message, MessageType};

/// A serialization format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// JSON (RFC 8259), in text frames.
    Json,
    /// MessagePack.
    MsgPack,
    /// CBOR (RFC 8949).
    Cbor,
    /// UBJSON (Draft 12).
    Ubjson,
}

impl Encoding {
    /// All formats, the most compact first.
    pub const ALL: [Self; 4] = [Self::Cbor, Self::MsgPack, Self::Ubjson, Self::Json];

    /// The WebSocket subprotocol that asks for this format.
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "wamp.2.json",
            Self::MsgPack => "wamp.2.msgpack",
            Self::Cbor => "wamp.2.cbor",
            Self::Ubjson => "wamp.2.ubjson",
        }
    }

    /// The format of a WebSocket subprotocol.
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.subprotocol() == name)
    }

    /// The number of this format in a RawSocket handshake.
    pub fn rawsocket_serializer(self) -> u8 {
        match self {
            Self::Json => 1,
            Self::MsgPack => 2,
            Self::Cbor => 3,
            Self::Ubjson => 4,
        }
    }

    /// The format with this number in a RawSocket handshake.
    pub fn from_rawsocket_serializer(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.rawsocket_serializer() == number)
    }

    /// Whether a WebSocket carries this format in text frames.
    pub fn is_text(self) -> bool {
        self == Self::Json
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::MsgPack => "MessagePack",
            Self::Cbor => "CBOR",
            Self::Ubjson => "UBJSON",
        })
    }
}

/// What a peer may make us work through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Deepest nesting of lists and dictionaries, the message's own list counted. Values above
    /// [`DecodeLimits::DEPTH_MAX_CEILING`] count as that.
    pub depth_max: usize,
}

impl DecodeLimits {
    /// Deepest nesting, unless set otherwise.
    pub const DEPTH_MAX_DEFAULT: usize = 128;
    /// Deepest nesting that can be set: the walk is recursive and must fit any thread's stack.
    pub const DEPTH_MAX_CEILING: usize = 256;
    /// Most values in the options or details of one message. Decoded values take more memory
    /// than their bytes, and these are decoded before the peer has signed in.
    pub const OPTION_VALUES_MAX: usize = 65_536;
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { depth_max: Self::DEPTH_MAX_DEFAULT }
    }
}

/// Why a frame is no WAMP message. Every variant is the peer's fault and is answered with
/// ABORT `wamp.error.protocol_violation` and this text, which repeats nothing from the frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The bytes are not well-formed in the session's serializer.
    #[error("malformed {encoding}: {what}")]
    Malformed {
        /// The session's serializer.
        encoding: Encoding,
        /// What was found.
        what: &'static str,
    },
    /// Lists and dictionaries inside one another, more than allowed.
    #[error("nested more than {depth_max} deep")]
    TooDeep {
        /// The limit, the message's own list counted.
        depth_max: usize,
    },
    /// More options or details than anybody needs.
    #[error("more than {values_max} values in options or details")]
    TooManyValues {
        /// The limit.
        values_max: usize,
    },
    /// A dictionary that WAMP has no place for.
    #[error("a dictionary key is not text")]
    KeyNotText,
    /// Well-formed, but another kind of value.
    #[error("a message is a list")]
    NotAList,
    /// A list without the code of a message type.
    #[error("a message can't be an empty list")]
    EmptyList,
    /// The first element is something else.
    #[error("the first element is not the code of a message type")]
    UnknownType,
    /// Elements are missing, or there are more than the message has.
    #[error("{} has a wrong number of elements", .0.name())]
    WrongArity(MessageType),
    /// An element of another type, or out of its range.
    #[error("an element of {} is not {expected}", .message.name())]
    WrongElement {
        /// The message.
        message: MessageType,
        /// What the specification has there.
        expected: &'static str,
    },
}

/// Reads one message. Time and memory are linear in the frame's length; payloads share the
/// frame's memory.
///
/// # Errors
///
/// [`DecodeError`], by the first thing found wrong.
pub fn decode(encoding: Encoding, frame: &Bytes, limits: DecodeLimits) -> Result<Message, DecodeError> {
    match encoding {
        Encoding::Json => wire::read::<json::JsonReader<'_>>(frame, limits),
        Encoding::MsgPack => wire::read::<msgpack::MsgPackReader<'_>>(frame, limits),
        Encoding::Cbor => wire::read::<cbor::CborReader<'_>>(frame, limits),
        Encoding::Ubjson => wire::read::<ubjson::UbjsonReader<'_>>(frame, limits),
    }
}

/// Appends one message to `out`. A payload that is already encoded so is copied byte by byte.
pub fn encode(encoding: Encoding, message: &Message, out: &mut BytesMut) {
    match encoding {
        Encoding::Json => wire::write::<json::JsonWriter>(message, out),
        Encoding::MsgPack => wire::write::<msgpack::MsgPackWriter>(message, out),
        Encoding::Cbor => wire::write::<cbor::CborWriter>(message, out),
        Encoding::Ubjson => wire::write::<ubjson::UbjsonWriter>(message, out),
    }
}
