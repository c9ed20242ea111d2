//! What can go wrong, by whose fault.

use std::io;

use countersign_wamp::rawsocket::Refusal;
use countersign_wamp::{DecodeError, Dict, Payload, Value, uris};

use crate::auth::AuthError;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The address can't be understood.
    #[error("the URL is not usable: {0}")]
    Url(&'static str),
    /// The certificates given or the system's can't be read.
    #[error("the trusted certificates are not usable: {0}")]
    Trust(String),
    /// The transport failed: no such host, connection refused, TLS.
    #[error("the connection failed")]
    Transport(#[source] io::Error),
    /// The server answered the WebSocket upgrade with an HTTP status.
    #[error("the server answered with HTTP status {0}")]
    Http(u16),
    /// The server refused the RawSocket handshake.
    #[error("the server refused the connection: {0}")]
    RawSocket(Refusal),
    /// The server refused the session.
    #[error("the server refused the session: {reason}")]
    Aborted {
        /// A URI, such as `wamp.error.authentication_denied`.
        reason: String,
        /// May hold a `message`.
        details: Dict,
    },
    /// Signing in failed on this side.
    #[error("signing in failed")]
    Auth(#[source] AuthError),
    /// The client's certificate or its private key can't be used.
    #[error("the client certificate is not usable: {0}")]
    ClientCertificate(String),
    /// The server asks for a way to sign in that was not configured.
    #[error("the server asks for {method}")]
    Challenge {
        /// The authentication method.
        method: String,
    },
    /// The server closed before it answered.
    #[error("the server closed the connection: {0}")]
    Closed(Closed),
    /// The server does not speak the protocol.
    #[error("the server violates the protocol: {0}")]
    ProtocolViolation(String),
    /// HELLO or AUTHENTICATE is longer than the server accepts.
    #[error("a message is longer than the server accepts")]
    TooLong,
    /// Left on purpose: only of a [`crate::LastingSession`].
    #[error("the session was left")]
    Left,
    /// No WELCOME in time.
    #[error("the server did not answer in time")]
    TimedOut,
}

impl ConnectError {
    /// Whether another try with the same options is in vain, as far as one can tell: what is
    /// wrong with the options, and refusals other than for a while.
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Transport(_) | Self::Closed(_) | Self::TimedOut => false,
            Self::Http(status) => !matches!(status, 408 | 429 | 500..=599),
            Self::RawSocket(refusal) => *refusal != Refusal::TooManyConnections,
            Self::Aborted { reason, .. } => {
                ![uris::close::SYSTEM_SHUTDOWN, uris::error::NETWORK_FAILURE, uris::error::UNAVAILABLE]
                    .contains(&reason.as_str())
            }
            _ => true,
        }
    }
}

/// Why a call or another request has no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The router or the callee answered with an error.
    #[error("{error}")]
    Remote {
        /// A URI, such as `wamp.error.no_such_procedure`.
        error: String,
        /// Often a text for people.
        args: Vec<Value>,
        /// Further information.
        kwargs: Dict,
        /// What the router says about it, such as the callee.
        details: Dict,
    },
    /// The router did not announce a feature that the request needs.
    #[error("the router does not support {0}")]
    NotSupported(&'static str),
    /// More progressive results came than were taken. The call was canceled.
    #[error("results were not taken fast enough")]
    Overflow,
    /// The request is longer than the server accepts.
    #[error("the message is longer than the server accepts")]
    TooLong,
    /// No answer in time. The request may have been carried out.
    #[error("no answer came in time")]
    TimedOut,
    /// The session is over. The request may have been carried out.
    #[error("the session is over: {0}")]
    Ended(Ended),
}

/// Why a handler answers an invocation with an error.
#[derive(Debug, Clone, PartialEq)]
pub struct HandlerError {
    /// A URI of the application's.
    pub error: String,
    /// What else the caller is told.
    pub payload: Payload,
}

impl HandlerError {
    /// An error with one text for people.
    pub fn new(error: impl Into<String>, message: impl Into<String>) -> Self {
        Self::with_payload(error, Payload::of(message.into()))
    }

    /// An error with any values.
    pub fn with_payload(error: impl Into<String>, payload: impl Into<Payload>) -> Self {
        Self { error: error.into(), payload: payload.into() }
    }
}

/// How a session ended.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Ended {
    /// By [`crate::Session::leave`], or because the last handle was dropped.
    #[error("left")]
    Left,
    /// The server said GOODBYE.
    #[error("the server ended it with {reason}")]
    Goodbye {
        /// A URI, such as `wamp.close.killed`.
        reason: String,
        /// May hold a `message`.
        details: Dict,
    },
    /// The server said ABORT.
    #[error("the server aborted it with {reason}")]
    Aborted {
        /// A URI, such as `wamp.error.protocol_violation`.
        reason: String,
        /// May hold a `message`.
        details: Dict,
    },
    /// The server sent what it must not.
    #[error("the server violated the protocol: {0}")]
    ProtocolViolation(String),
    /// The transport ended without a word of the protocol.
    #[error("the connection was closed: {0}")]
    Closed(Closed),
}

/// How a transport ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// A WebSocket close frame came; 1005 stands for one without a code.
    #[error("WebSocket close code {code}")]
    WebSocket {
        /// The close code.
        code: u16,
        /// The server's text.
        reason: String,
    },
    /// Nothing came for too long; see [`crate::ConnectOptions::keep_alive`].
    #[error("no sign of life")]
    Silent,
    /// The stream ended.
    #[error("end of stream")]
    EndOfStream,
    /// The stream broke, or what came over it was no frame.
    #[error("{0}")]
    Broken(String),
}

/// Why [`crate::RawConnection::recv`] has no message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecvError {
    /// No frame will come any more.
    #[error("the connection was closed: {0}")]
    Closed(Closed),
    /// A frame came that is no message.
    #[error("the frame is no message: {0}")]
    Decode(#[from] DecodeError),
}
