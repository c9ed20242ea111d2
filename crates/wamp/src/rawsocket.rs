//! RawSocket: WAMP frames on a byte stream, on TCP, TLS or Unix sockets.
//!
//! A handshake of four bytes in each direction, then frames of a four-byte header and the
//! content. Pure: callers read and write the bytes.
//!
//! **Invariant:** a frame above the agreed length is refused by its header; nothing is
//! allocated for a length that a peer only claims.
//!
//! Source: WAMP specification, advanced profile, "RawSocket Transport".

use bytes::{Buf, Bytes, BytesMut};

use crate::Encoding;

/// The first byte of a handshake; no HTTP request starts with it.
pub const MAGIC: u8 = 0x7F;
/// Length of a handshake, in bytes.
pub const HANDSHAKE_BYTES: usize = 4;
/// Length of a frame's header, in bytes.
pub const HEADER_BYTES: usize = 4;

/// The longest frame that a peer accepts: a power of two from 512 bytes to 16 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameLimit(u8);

impl FrameLimit {
    /// 512 bytes.
    pub const SMALLEST: Self = Self(0);
    /// 16 MiB.
    pub const LARGEST: Self = Self(15);

    /// The largest limit that is not above `bytes_max`; at least [`FrameLimit::SMALLEST`].
    pub fn at_most(bytes_max: usize) -> Self {
        let fitting = (0..=Self::LARGEST.0).rev().map(Self).find(|limit| limit.bytes() <= bytes_max);
        fitting.unwrap_or(Self::SMALLEST)
    }

    /// The limit in bytes, header not counted.
    pub fn bytes(self) -> usize {
        1 << (9 + self.0)
    }
}

/// What each side says first: the serializer, and the longest frame that it accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshake {
    /// The serializer; the server repeats the client's.
    pub encoding: Encoding,
    /// The longest frame that the sender of this handshake accepts.
    pub limit: FrameLimit,
}

/// Why a server turns a client away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// None of ours.
    #[error("the serializer is not supported")]
    SerializerUnsupported,
    /// Too short for this server.
    #[error("the maximum message length is not acceptable")]
    LengthUnacceptable,
    /// The third or fourth byte is not zero.
    #[error("reserved bits are used")]
    ReservedBits,
    /// The server is full.
    #[error("the maximum number of connections is reached")]
    TooManyConnections,
    /// A number that the specification does not define.
    #[error("refused for an unknown reason")]
    Unknown,
}

/// Why four bytes are not a handshake that can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The first byte is not [`MAGIC`]: not RawSocket. Closed without an answer.
    #[error("not a RawSocket handshake")]
    NotRawSocket,
    /// For a server: what to answer. For a client: what the server answered.
    #[error("{0}")]
    Refused(Refusal),
    /// The server's answer names another serializer than asked for.
    #[error("the server answered with another serializer")]
    OtherSerializer,
}

impl Refusal {
    fn code(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::SerializerUnsupported => 1,
            Self::LengthUnacceptable => 2,
            Self::ReservedBits => 3,
            Self::TooManyConnections => 4,
        }
    }

    /// The server's answer.
    pub fn to_bytes(self) -> [u8; HANDSHAKE_BYTES] {
        [MAGIC, self.code() << 4, 0, 0]
    }

    fn from_code(code: u8) -> Self {
        [Self::SerializerUnsupported, Self::LengthUnacceptable, Self::ReservedBits, Self::TooManyConnections]
            .into_iter()
            .find(|refusal| refusal.code() == code)
            .unwrap_or(Self::Unknown)
    }
}

impl Handshake {
    /// A request or an accepting answer.
    pub fn to_bytes(self) -> [u8; HANDSHAKE_BYTES] {
        [MAGIC, self.limit.0 << 4 | self.encoding.rawsocket_serializer(), 0, 0]
    }

    /// Reads a client's request. A server that accepts it answers with a handshake of its own,
    /// in the same encoding.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::NotRawSocket`]: close without an answer. [`HandshakeError::Refused`]:
    /// answer with [`Refusal::to_bytes`] and close.
    pub fn parse_request(bytes: [u8; HANDSHAKE_BYTES]) -> Result<Self, HandshakeError> {
        let [MAGIC, second, third, fourth] = bytes else {
            return Err(HandshakeError::NotRawSocket);
        };
        if [third, fourth] != [0, 0] {
            return Err(HandshakeError::Refused(Refusal::ReservedBits));
        }
        let encoding = Encoding::from_rawsocket_serializer(second & 0x0F)
            .ok_or(HandshakeError::Refused(Refusal::SerializerUnsupported))?;
        Ok(Self { encoding, limit: FrameLimit(second >> 4) })
    }

    /// Reads the server's answer to a client that asked for `asked`.
    ///
    /// # Errors
    ///
    /// [`HandshakeError`]; the client closes in each case.
    pub fn parse_reply(bytes: [u8; HANDSHAKE_BYTES], asked: Encoding) -> Result<Self, HandshakeError> {
        let [MAGIC, second, third, fourth] = bytes else {
            return Err(HandshakeError::NotRawSocket);
        };
        let (nibble, serializer) = (second >> 4, second & 0x0F);
        if serializer == 0 {
            return Err(HandshakeError::Refused(Refusal::from_code(nibble)));
        }
        if [third, fourth] != [0, 0] {
            return Err(HandshakeError::NotRawSocket);
        }
        if Encoding::from_rawsocket_serializer(serializer) != Some(asked) {
            return Err(HandshakeError::OtherSerializer);
        }
        Ok(Self { encoding: asked, limit: FrameLimit(nibble) })
    }
}

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// One WAMP message.
    Message,
    /// To be answered with a [`FrameKind::Pong`] of the same content.
    Ping,
    /// The answer to a [`FrameKind::Ping`].
    Pong,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it carries.
    pub kind: FrameKind,
    /// The content, without the header.
    pub content: Bytes,
}

/// Why the connection can't go on. There is no answer to these; the transport is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Reserved bits are set, the type is unknown, or the 25th bit of the length is set beside
    /// others.
    #[error("a frame header uses reserved bits")]
    Reserved,
    /// Longer than agreed.
    #[error("a frame of {bytes} bytes is longer than {bytes_max}")]
    TooLong {
        /// The length in bytes.
        bytes: usize,
        /// The limit in bytes.
        bytes_max: usize,
    },
}

/// The header of a frame with `content_bytes` of content.
///
/// # Errors
///
/// [`FrameError::TooLong`] above `limit`, which is the receiver's.
pub fn header(kind: FrameKind, content_bytes: usize, limit: FrameLimit) -> Result<[u8; HEADER_BYTES], FrameError> {
    let too_long = FrameError::TooLong { bytes: content_bytes, bytes_max: limit.bytes() };
    if content_bytes > limit.bytes() {
        return Err(too_long);
    }
    let length = u32::try_from(content_bytes).map_err(|_| too_long)?;
    let kind = match kind {
        FrameKind::Message => 0,
        FrameKind::Ping => 1,
        FrameKind::Pong => 2,
    };
    // The 25th bit of the length, set for exactly 16 MiB, has its place at bit 3 of the first
    // byte: 27 from below.
    let [extra, a, b, c] = length.to_be_bytes();
    Ok([extra << 3 | kind, a, b, c])
}

/// Takes the next frame off the front of `buffer`, if it is there as a whole.
///
/// # Errors
///
/// [`FrameError`], as soon as the header is there. `bytes_max` is what the own side announced
/// or less.
pub fn next_frame(buffer: &mut BytesMut, bytes_max: usize) -> Result<Option<Frame>, FrameError> {
    let Some(&[first, a, b, c]) = buffer.first_chunk::<HEADER_BYTES>() else {
        return Ok(None);
    };
    let kind = match first & 0b0111 {
        0 => FrameKind::Message,
        1 => FrameKind::Ping,
        2 => FrameKind::Pong,
        _ => return Err(FrameError::Reserved),
    };
    let (extra, reserved) = (first >> 3 & 1, first >> 4);
    if reserved != 0 || (extra == 1 && [a, b, c] != [0, 0, 0]) {
        return Err(FrameError::Reserved);
    }
    // Four bytes always fit; the fallback is refused below.
    let bytes = usize::try_from(u32::from_be_bytes([extra, a, b, c])).unwrap_or(usize::MAX);
    if bytes > bytes_max {
        return Err(FrameError::TooLong { bytes, bytes_max });
    }
    if buffer.len() - HEADER_BYTES < bytes {
        return Ok(None);
    }
    buffer.advance(HEADER_BYTES);
    Ok(Some(Frame { kind, content: buffer.split_to(bytes).freeze() }))
}

#[cfg(test)]
mod tests;
