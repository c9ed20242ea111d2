//! What two peers agree on before the first message: the serializer, and whether messages come
//! in batches.
//!
//! Source: WAMP specification, basic profile "WebSocket Transport", advanced profile "Message
//! Batching" and "HTTP Longpoll Transport".

use crate::Encoding;

/// The subprotocol of a WebSocket, or the protocol of a long-poll transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subprotocol {
    /// The serializer.
    pub encoding: Encoding,
    /// Whether each frame is a batch; see [`crate::batch`].
    pub is_batched: bool,
}

impl Subprotocol {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let both = |encoding| [false, true].map(|is_batched| Self { encoding, is_batched });
        Encoding::ALL.into_iter().flat_map(both)
    }

    /// Its name, as `wamp.2.json.batched`.
    pub fn name(self) -> &'static str {
        match self {
            Self { encoding, is_batched: false } => encoding.subprotocol(),
            Self { encoding: Encoding::Json, .. } => "wamp.2.json.batched",
            Self { encoding: Encoding::MsgPack, .. } => "wamp.2.msgpack.batched",
            Self { encoding: Encoding::Cbor, .. } => "wamp.2.cbor.batched",
            Self { encoding: Encoding::Ubjson, .. } => "wamp.2.ubjson.batched",
        }
    }

    /// The one with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|known| known.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_serializer_has_two_names() {
        for encoding in Encoding::ALL {
            let (single, batched) = (encoding.subprotocol(), format!("{}.batched", encoding.subprotocol()));
            assert_eq!(Subprotocol::from_name(single), Some(Subprotocol { encoding, is_batched: false }));
            assert_eq!(Subprotocol::from_name(&batched), Some(Subprotocol { encoding, is_batched: true }));
        }
        assert_eq!(Subprotocol::all().count(), 8);
        for unknown in ["", "wamp.2.flatbuffers", "wamp.2.json.", "wamp.2.json.batched.batched", "WAMP.2.JSON"] {
            assert_eq!(Subprotocol::from_name(unknown), None, "{unknown}");
        }
    }
}
