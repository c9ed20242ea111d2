//! Batches byte by byte, and their properties.

use proptest::prelude::*;

use super::*;

fn split(encoding: Encoding, frame: &[u8]) -> Result<Vec<Vec<u8>>, BatchError> {
    let messages: Result<Vec<Bytes>, _> = Batch::new(encoding, Bytes::copy_from_slice(frame))?.collect();
    messages.map(|messages| messages.iter().map(|message| message.to_vec()).collect())
}

fn join(encoding: Encoding, messages: &[Vec<u8>]) -> BytesMut {
    let mut batch = BytesMut::new();
    for message in messages {
        assert!(append(encoding, JsonEnd::default(), message, &mut batch));
    }
    batch
}

#[track_caller]
fn check(encoding: Encoding, frame: &[u8], want: Result<&[&str], BatchError>) {
    let want = want.map(|texts| texts.iter().map(|text| text.as_bytes().to_vec()).collect());
    assert_eq!(split(encoding, frame), want, "{encoding} {frame:?}");
}

#[test]
fn json_messages_end_with_a_byte_that_json_does_not_have() {
    check(Encoding::Json, b"[1]\x1e", Ok(&["[1]"]));
    check(Encoding::Json, b"[1]\x1e[22]\x1e[]\x1e", Ok(&["[1]", "[22]", "[]"]));
    check(Encoding::Json, b"[1]\x1e[22]", Ok(&["[1]", "[22]"]));
    check(Encoding::Json, b"[1]", Ok(&["[1]"]));
    check(Encoding::Json, b"[1]\x18[22]\x18", Ok(&["[1]", "[22]"]));
    // What is between two ends is a message, if a bad one.
    check(Encoding::Json, b"\x1e", Ok(&[""]));
    check(Encoding::Json, b"[1]\x1e\x1e", Ok(&["[1]", ""]));
}

#[test]
fn other_messages_follow_their_length() {
    for encoding in [Encoding::Cbor, Encoding::MsgPack, Encoding::Ubjson] {
        check(encoding, b"\0\0\0\x03abc", Ok(&["abc"]));
        check(encoding, b"\0\0\0\x01a\0\0\0\x02\x1e\x18", Ok(&["a", "\x1e\x18"]));
        check(encoding, b"\0\0\0\0", Ok(&[""]));
        check(encoding, b"\0\0\0", Err(BatchError::Truncated));
        check(encoding, b"\0\0\0\x04abc", Err(BatchError::Truncated));
        check(encoding, b"\0\0\0\x03abc\0", Err(BatchError::Truncated));
        check(encoding, b"\xff\xff\xff\xffabc", Err(BatchError::Truncated));
    }
}

#[test]
fn refuses_a_batch_of_nothing() {
    for encoding in Encoding::ALL {
        check(encoding, b"", Err(BatchError::Empty));
        assert_eq!(Batch::done(encoding).next(), None);
    }
}

#[test]
fn takes_the_most_messages_and_not_one_more() {
    for encoding in Encoding::ALL {
        let mut messages = vec![b"[]".to_vec(); MESSAGES_MAX];
        assert_eq!(split(encoding, &join(encoding, &messages)).map(|all| all.len()), Ok(MESSAGES_MAX));
        messages.push(b"[]".to_vec());
        assert_eq!(split(encoding, &join(encoding, &messages)), Err(BatchError::TooMany));
    }
}

#[test]
fn nothing_comes_behind_an_error() {
    let mut batch = Batch::new(Encoding::Cbor, Bytes::from_static(b"\0\0\0\x01a\0\0\0\x09b")).unwrap();
    assert_eq!(batch.next(), Some(Ok(Bytes::from_static(b"a"))));
    assert_eq!(batch.next(), Some(Err(BatchError::Truncated)));
    assert_eq!(batch.next(), None);
}

#[test]
fn a_peers_own_way_to_end_json_is_known_from_its_frame() {
    let end = |encoding, frame: &'static [u8]| Batch::new(encoding, Bytes::from_static(frame)).unwrap().json_end();
    assert_eq!(end(Encoding::Json, b"[]\x1e"), Some(JsonEnd::RecordSeparator));
    assert_eq!(end(Encoding::Json, b"[]\x18"), Some(JsonEnd::Cancel));
    assert_eq!(end(Encoding::Json, b"[]"), None);
    assert_eq!(end(Encoding::Cbor, b"\x18"), None);
    let mut batch = BytesMut::new();
    assert!(append(Encoding::Json, JsonEnd::Cancel, b"[]", &mut batch));
    assert_eq!(&*batch, b"[]\x18");
}

proptest! {
    #[test]
    fn what_was_joined_is_split_again(
        encoding in prop::sample::select(&Encoding::ALL[..]),
        messages in prop::collection::vec(prop::collection::vec(0x20_u8.., 0..300), 1..40),
    ) {
        let batch = join(encoding, &messages);
        let own: usize = messages.iter().map(Vec::len).sum();
        prop_assert!(batch.len() <= own + messages.len() * OVERHEAD_BYTES_MAX);
        prop_assert_eq!(split(encoding, &batch), Ok(messages));
    }

    #[test]
    fn whatever_bytes_come_the_messages_are_part_of_them(
        encoding in prop::sample::select(&Encoding::ALL[..]),
        frame in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), Just(0x1e)], 0..200),
    ) {
        if let Ok(messages) = split(encoding, &frame) {
            prop_assert!(messages.iter().map(Vec::len).sum::<usize>() <= frame.len());
        }
    }
}
