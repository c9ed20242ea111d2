//! Batches: what is taken out of a frame can be put into one again.

use bytes::{Bytes, BytesMut};
use countersign_wamp::Encoding;
use countersign_wamp::batch::{Batch, JsonEnd, MESSAGES_MAX, append};

/// The first byte chooses the serializer, the rest is a frame.
pub fn batch(input: &[u8]) {
    let Some((choice, frame)) = input.split_first() else { return };
    let [json, binary] = [Encoding::Json, Encoding::Cbor];
    let encoding = if choice & 1 == 0 { json } else { binary };
    let frame = Bytes::copy_from_slice(frame);
    let Ok(batch) = Batch::new(encoding, frame.clone()) else {
        assert!(frame.is_empty(), "refused before it was read");
        return;
    };
    let mut messages: Vec<Bytes> = Vec::new();
    let mut is_broken = false;
    for message in batch {
        assert!(!is_broken, "goes on behind an error");
        match message {
            Ok(message) => messages.push(message),
            Err(_) => is_broken = true,
        }
    }
    assert!(messages.len() <= MESSAGES_MAX && messages.iter().map(Bytes::len).sum::<usize>() <= frame.len());
    if messages.is_empty() {
        return;
    }
    for end in [JsonEnd::RecordSeparator, JsonEnd::Cancel] {
        let mut out = BytesMut::new();
        assert!(messages.iter().all(|message| append(encoding, end, message, &mut out)), "can't be written");
        if encoding == binary {
            assert!(frame.starts_with(&out), "not what was sent");
        }
        let again = Batch::new(encoding, out.freeze()).map(Iterator::collect::<Result<Vec<_>, _>>);
        assert_eq!(again, Ok(Ok(messages.clone())), "read again");
    }
}
