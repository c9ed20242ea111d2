//! The header of a frame (RFC 6455, section 5.2).

use crate::mask::MaskKey;
use crate::violation::Violation;

/// Longest content of a control frame, in bytes (RFC 6455, section 5.5).
pub const CONTROL_BYTES_MAX: usize = 125;
/// Longest header: two bytes, a length of eight, a mask.
pub(crate) const HEADER_BYTES_MAX: usize = 14;

const FINAL: u8 = 0x80;
const RESERVED: u8 = 0x70;
/// The reserved bit that permessage-deflate uses (RFC 7692, section 6).
const COMPRESSED: u8 = 0x40;
const MASKED: u8 = 0x80;
const LENGTH_IN_TWO_BYTES: u8 = 126;
const LENGTH_IN_EIGHT_BYTES: u8 = 127;

/// Which end of the connection one is. Clients mask what they send, servers don't.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The end that was connected to.
    Server,
    /// The end that connected.
    Client,
}

/// What a message holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// Any bytes.
    Binary,
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OpCode {
    Continuation,
    Data(Kind),
    Close,
    Ping,
    Pong,
}

impl OpCode {
    fn from_bits(bits: u8) -> Result<Self, Violation> {
        Ok(match bits {
            0 => Self::Continuation,
            1 => Self::Data(Kind::Text),
            2 => Self::Data(Kind::Binary),
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            unknown => return Err(Violation::OpCode(unknown)),
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Data(Kind::Text) => 1,
            Self::Data(Kind::Binary) => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }

    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// What stands before a frame's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub is_final: bool,
    pub is_compressed: bool,
    pub opcode: OpCode,
    /// Length of the content, in bytes.
    pub length: u64,
    pub mask: Option<MaskKey>,
}

impl Header {
    /// Reads a header from the beginning of `bytes`: it and its own length, or `None` while it isn't whole. What is
    /// wrong with any frame of its kind is refused at once.
    ///
    /// - `reader`: the end that reads.
    /// - `may_compress`: whether permessage-deflate was agreed on.
    pub fn parse(bytes: &[u8], reader: Role, may_compress: bool) -> Result<Option<(Self, usize)>, Violation> {
        let Some((&[first, second], rest)) = bytes.split_first_chunk() else { return Ok(None) };
        let opcode = OpCode::from_bits(first & 0x0f)?;
        let is_compressed = first & COMPRESSED != 0;
        let may_be_compressed = may_compress && matches!(opcode, OpCode::Data(_));
        if first & RESERVED & !COMPRESSED != 0 || (is_compressed && !may_be_compressed) {
            return Err(Violation::ReservedBits);
        }
        let is_final = first & FINAL != 0;
        let short = second & !MASKED;
        if opcode.is_control() {
            if !is_final {
                return Err(Violation::ControlFragmented);
            }
            if short >= LENGTH_IN_TWO_BYTES {
                return Err(Violation::ControlTooLong);
            }
        }
        match (reader, second & MASKED != 0) {
            (Role::Server, false) => return Err(Violation::NotMasked),
            (Role::Client, true) => return Err(Violation::Masked),
            _ => {}
        }
        let Some((length, rest)) = parse_length(short, rest)? else { return Ok(None) };
        let (mask, rest) = match reader {
            Role::Client => (None, rest),
            Role::Server => match rest.split_first_chunk() {
                Some((mask, rest)) => (Some(*mask), rest),
                None => return Ok(None),
            },
        };
        Ok(Some((Self { is_final, is_compressed, opcode, length, mask }, bytes.len() - rest.len())))
    }

    /// Writes it.
    pub fn write(&self, out: &mut bytes::BytesMut) {
        let is_final = if self.is_final { FINAL } else { 0 };
        let is_compressed = if self.is_compressed { COMPRESSED } else { 0 };
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        out.extend_from_slice(&[is_final | is_compressed | self.opcode.bits()]);
        match (u8::try_from(self.length), u16::try_from(self.length)) {
            (Ok(short @ 0..LENGTH_IN_TWO_BYTES), _) => out.extend_from_slice(&[masked | short]),
            (_, Ok(long)) => {
                out.extend_from_slice(&[masked | LENGTH_IN_TWO_BYTES]);
                out.extend_from_slice(&long.to_be_bytes());
            }
            _ => {
                out.extend_from_slice(&[masked | LENGTH_IN_EIGHT_BYTES]);
                out.extend_from_slice(&self.length.to_be_bytes());
            }
        }
        if let Some(mask) = self.mask {
            out.extend_from_slice(&mask);
        }
    }
}

/// The length, and what comes behind it.
fn parse_length(short: u8, bytes: &[u8]) -> Result<Option<(u64, &[u8])>, Violation> {
    let (length, shortest, rest) = match short {
        LENGTH_IN_TWO_BYTES => match bytes.split_first_chunk() {
            Some((length, rest)) => (u16::from_be_bytes(*length).into(), u64::from(LENGTH_IN_TWO_BYTES), rest),
            None => return Ok(None),
        },
        LENGTH_IN_EIGHT_BYTES => match bytes.split_first_chunk() {
            Some((length, rest)) => (u64::from_be_bytes(*length), u64::from(u16::MAX) + 1, rest),
            None => return Ok(None),
        },
        short => (short.into(), 0, bytes),
    };
    if length < shortest || length > i64::MAX.unsigned_abs() {
        return Err(Violation::LengthForm);
    }
    Ok(Some((length, rest)))
}
