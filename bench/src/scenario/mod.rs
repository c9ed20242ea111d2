//! The loads.

pub mod bare_hash;
pub mod client;
pub mod fanout;
pub mod idle;
pub mod refusals;
pub mod rest;
pub mod rpc;
pub mod sessions;
pub mod totp;

use countersign_wamp::Encoding;

use crate::target::Target;
use crate::wire::Address;

/// One of the tasks that make a load.
pub type Part = std::pin::Pin<Box<dyn Future<Output = std::io::Result<()>>>>;

/// A transport that a load can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket on TCP.
    WebSocket,
    /// The same under TLS.
    WebSocketTls,
    /// RawSocket on TCP.
    RawSocket,
    /// RawSocket on a Unix socket.
    Unix,
}

impl Transport {
    /// How tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::WebSocket => "WebSocket",
            Self::WebSocketTls => "WebSocket under TLS",
            Self::RawSocket => "RawSocket",
            Self::Unix => "Unix socket",
        }
    }

    /// Where `target` speaks it, if it does.
    pub fn of(self, target: &Target) -> Option<&Address> {
        match self {
            Self::WebSocket => Some(&target.websocket),
            Self::WebSocketTls => target.websocket_tls.as_ref(),
            Self::RawSocket => target.rawsocket.as_ref(),
            Self::Unix => target.unix.as_ref(),
        }
    }
}

/// What both ends of a load speak, and how much they say.
#[derive(Debug, Clone, Copy)]
pub struct Speech {
    /// The transport of both.
    pub transport: Transport,
    /// The serializer of the caller or publisher.
    pub active: Encoding,
    /// The serializer of the callee or subscriber.
    pub passive: Encoding,
    /// Length of the one argument, in bytes.
    pub payload_bytes: usize,
}

impl Speech {
    /// WebSocket and JSON, as most programs do, and little said.
    pub const PLAIN: Self =
        Self { transport: Transport::WebSocket, active: Encoding::Json, passive: Encoding::Json, payload_bytes: 16 };
}
