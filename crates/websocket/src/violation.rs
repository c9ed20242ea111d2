//! What a peer can do wrong.

use crate::close::CloseCode;

/// How the peer broke the protocol. The connection ends with [`Violation::close_code`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A reserved bit is set that no extension has given a meaning (RFC 6455, section 5.2).
    #[error("a reserved bit of a frame is set")]
    ReservedBits,
    /// The frame's kind is unknown (RFC 6455, section 5.2).
    #[error("a frame has the unknown opcode {0}")]
    OpCode(u8),
    /// A client's frame has no mask (RFC 6455, section 5.1).
    #[error("a client's frame is not masked")]
    NotMasked,
    /// A server's frame has a mask (RFC 6455, section 5.1).
    #[error("a server's frame is masked")]
    Masked,
    /// A frame's length is not written in its shortest form, or has its highest bit set (RFC 6455, section 5.2).
    #[error("a frame's length is not written in its shortest form")]
    LengthForm,
    /// A control frame is cut into fragments (RFC 6455, section 5.5).
    #[error("a control frame is fragmented")]
    ControlFragmented,
    /// A control frame has more than 125 bytes (RFC 6455, section 5.5).
    #[error("a control frame is longer than 125 bytes")]
    ControlTooLong,
    /// A continuation came where nothing goes on (RFC 6455, section 5.4).
    #[error("a continuation frame continues nothing")]
    NothingToContinue,
    /// A new message came before the last one was whole (RFC 6455, section 5.4).
    #[error("a message begins inside of another")]
    MessageInside,
    /// A closing frame has one byte, where it has a code or nothing (RFC 6455, section 5.5.1).
    #[error("a closing frame has half a code")]
    CloseTooShort,
    /// A closing frame has a code that must not be sent (RFC 6455, section 7.4).
    #[error("a closing frame has the code {0}, which must not be sent")]
    CloseCode(u16),
    /// A text or a closing frame's reason is no UTF-8 (RFC 6455, section 8.1).
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A message is longer than allowed, as it is sent or after inflating.
    #[error("a message is longer than {bytes_max} bytes")]
    TooLong {
        /// What was allowed.
        bytes_max: usize,
    },
    /// A message comes in more fragments than allowed.
    #[error("a message has more than {fragments_max} fragments")]
    TooManyFragments {
        /// What was allowed.
        fragments_max: u32,
    },
    /// A compressed message can't be inflated (RFC 7692, section 7.2.2).
    #[error("a compressed message can't be inflated")]
    Deflate,
}

impl Violation {
    /// The code to close with (RFC 6455, section 7.4.1).
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::NotUtf8 | Self::Deflate => CloseCode::INVALID_DATA,
            Self::TooLong { .. } | Self::TooManyFragments { .. } => CloseCode::TOO_LONG,
            _ => CloseCode::PROTOCOL_ERROR,
        }
    }
}
