//! The WebSocket protocol as a pure codec: bytes in, events out; messages in, bytes out. For servers and clients.
//!
//! - [`Decoder`] takes the peer's bytes in any portions and gives messages, pings, pongs and the closing frame. It unmasks,
//!   puts fragments together, inflates, and checks UTF-8, all while the bytes come in.
//! - [`Output`] gathers frames to be sent, and is a [`bytes::Buf`] for whoever writes them.
//! - [`deflate`] is permessage-deflate: what is agreed on, and the compressor.
//! - [`handshake`] has the parts of the opening handshake that are the same for every server and client.
//!
//! **Invariant:** memory grows with bytes that came, never with a length that was only claimed; a message is at most as
//! long as the limit of the moment, also after inflating.
//! **Invariant:** behind a violation or a closing frame nothing more comes out of a decoder.
//! **Absent on purpose:** sockets, clocks, randomness (a client brings its mask keys), and the decision when to ping and
//! when to close. A [`Violation`] says with which code to close.
//!
//! Source: RFC 6455; RFC 7692 (permessage-deflate).

pub mod deflate;
pub mod handshake;

mod close;
mod decoder;
mod frame;
mod list;
mod mask;
mod output;
mod utf8;
mod violation;

pub use self::close::{CLOSE_REASON_BYTES_MAX, CloseCode, CloseFrame};
pub use self::decoder::{Decoder, Event, Limits};
pub use self::frame::{CONTROL_BYTES_MAX, Kind, Role};
pub use self::mask::MaskKey;
pub use self::output::Output;
pub use self::violation::Violation;

#[cfg(test)]
mod tests;
