//! What must hold for any input of a stranger: one function per target.
//!
//! Each takes arbitrary bytes and panics if a promise is broken. `libfuzzer/` calls them with inputs that a fuzzer makes
//! up; the tests here call them with the inputs of `corpus/`, so that what was found once stays found.
#![allow(clippy::missing_panics_doc, reason = "to panic is how a target says no")]

mod batch;
mod codec;
mod doors;
mod rawsocket;
mod uri;
mod websocket;

#[cfg(test)]
mod tests;

use countersign_wamp::Encoding;

pub use batch::batch;
pub use doors::{hello, proxy_header};
pub use rawsocket::rawsocket;
pub use uri::uri;
pub use websocket::{websocket, websocket_lists};

/// A target's function.
pub type Target = fn(&[u8]);

/// Every target by the name that its corpus and its fuzzer's program have.
pub const TARGETS: &[(&str, Target)] = &[
    ("batch", batch),
    ("cbor", cbor),
    ("hello", hello),
    ("json", json),
    ("msgpack", msgpack),
    ("proxy_header", proxy_header),
    ("rawsocket", rawsocket),
    ("ubjson", ubjson),
    ("uri", uri),
    ("websocket", websocket),
    ("websocket_lists", websocket_lists),
];

/// A frame in JSON.
pub fn json(frame: &[u8]) {
    codec::frame(Encoding::Json, frame);
}

/// A frame in MessagePack.
pub fn msgpack(frame: &[u8]) {
    codec::frame(Encoding::MsgPack, frame);
}

/// A frame in CBOR.
pub fn cbor(frame: &[u8]) {
    codec::frame(Encoding::Cbor, frame);
}

/// A frame in UBJSON.
pub fn ubjson(frame: &[u8]) {
    codec::frame(Encoding::Ubjson, frame);
}
