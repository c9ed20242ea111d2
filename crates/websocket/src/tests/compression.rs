//! permessage-deflate from end to end.

use super::*;
use crate::deflate::{Deflater, WINDOW_BITS_MAX, WINDOW_BITS_MIN};
use crate::{CloseCode, Kind};

#[track_caller]
fn check(frames: &[Vec<u8>], want: Result<&[&[u8]], Violation>) {
    let (events, violation) = decode_with(LIMITS, Some(AGREEMENT), &frames.concat());
    match want {
        Ok(messages) => {
            assert_eq!(violation, None);
            let got: Vec<&[u8]> = events
                .iter()
                .map(|event| match event {
                    Event::Message { payload, .. } => &payload[..],
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(got, messages);
        }
        Err(want) => assert_eq!(violation, Some(want)),
    }
}

/// "Hello" as in RFC 7692, section 7.2.3.1.
const HELLO: &[u8] = &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];

#[test]
fn inflates_the_examples_of_the_specification() {
    let compressed = |content: &[u8]| masked(FINAL | COMPRESSED | TEXT, content);
    check(&[compressed(HELLO)], Ok(&[b"Hello"]));
    check(&[masked(COMPRESSED | TEXT, &HELLO[..3]), masked(FINAL | CONTINUATION, &HELLO[3..])], Ok(&[b"Hello"]));
    // A block without compression, the last block of a stream, two blocks, nothing.
    check(&[compressed(b"\x00\x05\x00\xfa\xffHello\x00")], Ok(&[b"Hello"]));
    check(&[compressed(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), compressed(HELLO)], Ok(&[b"Hello", b"Hello"]));
    check(&[compressed(b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")], Ok(&[b"Hello"]));
    check(&[compressed(b"\x00")], Ok(&[b""]));
    check(&[compressed(HELLO), masked(FINAL | TEXT, b"plain"), compressed(HELLO)], Ok(&[b"Hello", b"plain", b"Hello"]));
}

#[test]
fn a_peer_may_keep_its_context_only_where_that_was_agreed_on() {
    // The second message of RFC 7692, section 7.2.3.2, refers to the first.
    let bytes = [frame(0xc1, HELLO, None), frame(0xc1, b"\xf2\x00\x11\x00\x00", None)].concat();
    let decode = |peer_keeps_context| {
        let agreement = Agreement { peer_keeps_context, ..AGREEMENT };
        decode_in(Decoder::new(Role::Client, LIMITS, Some(agreement)), &bytes, 3)
    };
    let hello = Event::Message { kind: Kind::Text, payload: "Hello".into() };
    assert_eq!(decode(true), (vec![hello.clone(), hello.clone()], None));
    assert_eq!(decode(false), (vec![hello], Some(Violation::Deflate)));
}

#[test]
fn refuses_what_cannot_be_inflated() {
    check(&[masked(FINAL | COMPRESSED | TEXT, b"\xff\xff\xff\xff")], Err(Violation::Deflate));
    check(&[masked(FINAL | COMPRESSED | BINARY, b"\x00\x05\x00\xfa\xfeHello")], Err(Violation::Deflate));
    check(
        &[masked(COMPRESSED | TEXT, b""), masked(FINAL | COMPRESSED | CONTINUATION, b"")],
        Err(Violation::ReservedBits),
    );
    check(&[masked(FINAL | COMPRESSED | PING, b"")], Err(Violation::ReservedBits));
    check(&[masked(FINAL | 0x20 | TEXT, b"")], Err(Violation::ReservedBits));
    assert_eq!(Violation::Deflate.close_code(), CloseCode::INVALID_DATA);
    // A block whose text is no UTF-8.
    check(&[masked(FINAL | COMPRESSED | TEXT, b"\x00\x02\x00\xfd\xffa\xff\x00")], Err(Violation::NotUtf8));
    check(&[masked(FINAL | COMPRESSED | BINARY, b"\x00\x02\x00\xfd\xffa\xff\x00")], Ok(&[b"a\xff"]));
}

#[test]
fn a_bomb_is_refused_before_it_is_inflated() {
    let limits = Limits { message_bytes_max: 10_000, ..LIMITS };
    let deflated = |length: usize| Deflater::new(15).compress(&vec![0; length]).unwrap();
    let frame = |length| masked(FINAL | COMPRESSED | BINARY, &deflated(length));
    let bomb = frame(10_000_000);
    assert!(bomb.len() < 20_000 && deflated(10_000_000).len() < 10_000_000 / 200);
    for (bytes, want) in [
        (frame(10_000), None),
        (frame(10_001), Some(Violation::TooLong { bytes_max: 10_000 })),
        (bomb, Some(Violation::TooLong { bytes_max: 10_000 })),
    ] {
        let mut decoder = Decoder::new(Role::Server, limits, Some(AGREEMENT));
        let mut violation = None;
        for mut input in bytes.chunks(50) {
            violation = violation.or(decoder.next(&mut input).err());
            assert!(decoder.held_bytes() <= 10_001, "{}", decoder.held_bytes());
        }
        assert_eq!(violation, want);
    }
}

#[test]
fn what_does_not_repeat_itself_may_be_as_long_as_the_limit() {
    // Blocks without compression: five bytes more for each.
    let limits = Limits { message_bytes_max: 60_000, ..LIMITS };
    let mut stored = b"\x00\x60\xea\x9f\x15".to_vec();
    stored.extend((0..60_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]));
    stored.push(0);
    let (events, violation) = decode_with(limits, Some(AGREEMENT), &masked(FINAL | COMPRESSED | BINARY, &stored));
    assert_eq!((events.len(), violation), (1, None));
    // Endless blocks of nothing hold no memory, and end all the same.
    let nothing = [0, 0, 0, 0xff, 0xff].repeat(20_000);
    let (_, violation) = decode_with(limits, Some(AGREEMENT), &masked(FINAL | COMPRESSED | BINARY, &nothing));
    assert_eq!(violation, Some(Violation::TooLong { bytes_max: 60_000 }));
}

#[test]
fn what_was_compressed_inflates_to_the_same() {
    let texts: [&[u8]; 5] = [
        &b"[36,5512315355,4429313566,{},[\"Hello\",\"Hello\",\"Hello\",\"Hello\"]]"[..],
        &[0; 1],
        &vec![b'a'; 100_000],
        &(0..200_000_u32).flat_map(|n| (n / 7).to_be_bytes()).collect::<Vec<u8>>(),
        b"",
    ];
    for window_bits in WINDOW_BITS_MIN..=WINDOW_BITS_MAX {
        let mut deflater = Deflater::new(window_bits);
        // Twice, as the second owes nothing to the first.
        for text in texts.iter().chain(&texts) {
            let Some(compressed) = deflater.compress(text) else {
                assert!(text.len() < 10, "{}", text.len());
                continue;
            };
            assert!(compressed.len() < text.len());
            check(&[masked(FINAL | COMPRESSED | BINARY, &compressed)], Ok(&[text]));
        }
    }
}

#[test]
fn what_compressing_does_not_shorten_is_sent_as_it_is() {
    let mut deflater = Deflater::new(15);
    let noise = std::iter::successors(Some(7_u64), |state| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    });
    let noise: Vec<u8> = noise.map(|state| state.to_be_bytes()[1]).take(10_000).collect();
    for message in [&b""[..], b"abc", &noise] {
        assert_eq!(deflater.compress(message), None);
    }
    assert!(deflater.compress(&[0; 1000]).is_some());
}
