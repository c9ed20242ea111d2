//! The WAMP protocol as values: messages, URIs, ids, serializers and RawSocket framing.
//!
//! Pure: no clock, no randomness, no I/O. A frame comes in as bytes and goes out as bytes;
//! application payloads stay the sender's bytes from one end to the other and are decoded only
//! where somebody asks for the values or where the receiver speaks another serializer.
//!
//! Source: the WAMP specification (`rfc/text/{basic,advanced}` of wamp-proto).

pub mod batch;
mod codec;
mod id;
mod message;
mod payload;
pub mod rawsocket;
mod shared_entries;
mod subprotocol;
mod uri;
pub mod uris;
mod value;

pub use codec::{DecodeError, DecodeLimits, Encoding, decode, encode};
pub use id::{Id, IdOutOfRange};
pub use message::{Message, MessageType, Signature};
pub use payload::Payload;
pub use shared_entries::SharedEntries;
pub use subprotocol::Subprotocol;
pub use uri::{MatchPolicy, Uri, UriError, UriPattern, UriRules, UriText};
pub use value::{Dict, Time, Value};
