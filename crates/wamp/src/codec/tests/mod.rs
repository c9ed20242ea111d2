//! The codecs from outside: frames to messages and back.

mod forms;
mod malformed;
mod oracles;
mod payloads;
mod round_trips;
mod suite;
mod vectors;

use bytes::{Bytes, BytesMut};

use crate::{DecodeError, DecodeLimits, Dict, Encoding, Message, Payload, Value};

fn read(encoding: Encoding, frame: &[u8]) -> Result<Message, DecodeError> {
    super::decode(encoding, &Bytes::copy_from_slice(frame), DecodeLimits::default())
}

fn written(encoding: Encoding, message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    super::encode(encoding, message, &mut out);
    out.freeze()
}

/// A message that carries `payload`.
fn yielding(payload: Payload) -> Message {
    Message::Yield { request: crate::Id::FIRST, options: Dict::new(), payload }
}

fn payload_of(message: Message) -> Payload {
    match message {
        Message::Yield { payload, .. } => payload,
        other => panic!("{other:?}"),
    }
}

/// A YIELD whose arguments are the one encoded value given.
fn yield_frame(encoding: Encoding, value: &[u8]) -> Vec<u8> {
    let (before, after): (&[u8], &[u8]) = match encoding {
        Encoding::Json => (b"[70,1,{},[", b"]]"),
        Encoding::MsgPack => (b"\x94\x46\x01\x80\x91", b""),
        Encoding::Cbor => (b"\x84\x18\x46\x01\xA0\x81", b""),
        Encoding::Ubjson => (b"[UFU\x01{}[", b"]]"),
    };
    [before, value, after].concat()
}

/// Decodes one encoded value.
fn value_of(encoding: Encoding, value: &[u8]) -> Result<Value, DecodeError> {
    let payload = payload_of(read(encoding, &yield_frame(encoding, value))?);
    // What reading a message accepts can be decoded.
    let (mut args, kwargs) = payload.values().unwrap();
    assert!(args.len() == 1 && kwargs.is_empty());
    Ok(args.remove(0))
}

/// Encodes one value.
fn bytes_of(encoding: Encoding, value: &Value) -> Vec<u8> {
    let frame = written(encoding, &yielding(Payload::of(value.clone())));
    let around = yield_frame(encoding, b"");
    let end = if matches!(encoding, Encoding::Json | Encoding::Ubjson) { 2 } else { 0 };
    frame[around.len() - end..frame.len() - end].to_vec()
}
