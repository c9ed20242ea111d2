//! Frames: whatever is accepted can be passed on in every serializer, and comes to rest there.

use bytes::{Bytes, BytesMut};
use countersign_wamp::{DecodeError, DecodeLimits, Encoding, Message, Payload, decode, encode};

/// Decodes a frame, and if it is one, writes it in every serializer, with its payload as bytes and as values.
pub fn frame(encoding: Encoding, frame: &[u8]) {
    let Ok(message) = read(encoding, &Bytes::copy_from_slice(frame)) else { return };
    let values = with_values(&message);
    for encoding in Encoding::ALL {
        let passed_on = rests(encoding, &message);
        let rewritten = rests(encoding, &values);
        assert_eq!(passed_on.message_type(), message.message_type(), "{encoding}");
        assert_eq!(rewritten.message_type(), message.message_type(), "{encoding}");
    }
}

/// Writes a message and reads it back; what is read is written as the same bytes.
fn rests(encoding: Encoding, message: &Message) -> Message {
    let first = written(encoding, message);
    let back = must_read(encoding, &first);
    assert_eq!(written(encoding, &back), first, "{encoding}: passed on once more");
    // Not only by copying the payload.
    let values = with_values(&back);
    let second = written(encoding, &values);
    let third = written(encoding, &with_values(&must_read(encoding, &second)));
    assert_eq!(third, second, "{encoding}: decoded and written once more");
    back
}

fn read(encoding: Encoding, frame: &Bytes) -> Result<Message, DecodeError> {
    decode(encoding, frame, DecodeLimits::default())
}

fn must_read(encoding: Encoding, frame: &Bytes) -> Message {
    match read(encoding, frame) {
        Ok(message) => message,
        Err(error) => panic!("{encoding} can't be read back: {error}: {frame:?}"),
    }
}

fn written(encoding: Encoding, message: &Message) -> Bytes {
    let mut out = BytesMut::new();
    encode(encoding, message, &mut out);
    out.freeze()
}

/// The same message with a payload of values instead of the sender's bytes.
fn with_values(message: &Message) -> Message {
    let mut message = message.clone();
    if let Message::Error { payload, .. }
    | Message::Publish { payload, .. }
    | Message::Event { payload, .. }
    | Message::Call { payload, .. }
    | Message::Result { payload, .. }
    | Message::Invocation { payload, .. }
    | Message::Yield { payload, .. } = &mut message
    {
        match payload.values() {
            Ok((args, kwargs)) => *payload = Payload::new(args, kwargs),
            Err(error) => panic!("an accepted payload can't be decoded: {error}"),
        }
    }
    message
}
