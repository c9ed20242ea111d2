//! Lengths: at the limit and one past it, and that a claim takes no memory.

use super::*;
use crate::CloseCode;

const SMALL: Limits = Limits { message_bytes_max: 100, fragments_max: 3 };

#[track_caller]
fn check(frames: &[Vec<u8>], want: Option<Violation>) {
    let (events, violation) = decode_with(SMALL, None, &frames.concat());
    assert_eq!(violation, want);
    assert_eq!(events.is_empty(), want.is_some());
    assert!(want.is_none_or(|want| want.close_code() == CloseCode::TOO_LONG));
}

#[test]
fn a_message_may_be_as_long_as_the_limit() {
    let too_long = Some(Violation::TooLong { bytes_max: 100 });
    check(&[masked(FINAL | TEXT, &[b'x'; 100])], None);
    check(&[masked(FINAL | TEXT, &[b'x'; 101])], too_long);
    check(&[masked(TEXT, &[b'x'; 60]), masked(FINAL | CONTINUATION, &[b'x'; 40])], None);
    check(&[masked(TEXT, &[b'x'; 60]), masked(FINAL | CONTINUATION, &[b'x'; 41])], too_long);
}

#[test]
fn a_message_may_have_as_many_fragments_as_the_limit() {
    let end = masked(FINAL | CONTINUATION, b"");
    check(&[masked(TEXT, b""), masked(CONTINUATION, b""), end.clone()], None);
    let too_many = Some(Violation::TooManyFragments { fragments_max: 3 });
    check(&[masked(TEXT, b""), masked(CONTINUATION, b""), masked(CONTINUATION, b""), end], too_many);
}

#[test]
fn a_length_is_refused_before_its_content_comes() {
    let claims = [
        (&[0x82, 0xfe, 0, 126, 0, 0, 0, 0][..], 100),
        (&[0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], 100),
    ];
    for (claim, bytes_max) in claims {
        assert_eq!(decode_with(SMALL, None, claim).1, Some(Violation::TooLong { bytes_max }));
    }
}

#[test]
fn limits_may_change_between_messages() {
    let mut decoder = Decoder::new(Role::Server, SMALL, None);
    let long = masked(FINAL | TEXT, &[b'x'; 101]);
    decoder.set_limits(LIMITS);
    assert!(matches!(decoder.next(&mut &long[..]), Ok(Some(Event::Message { .. }))));
    decoder.set_limits(SMALL);
    assert_eq!(decoder.next(&mut &long[..]), Err(Violation::TooLong { bytes_max: 100 }));
}

#[test]
fn memory_follows_what_came_and_is_given_back() {
    let claimed = 1 << 20;
    let mut decoder = Decoder::new(Role::Server, LIMITS, None);
    let bytes = masked(FINAL | BINARY, &vec![1; claimed]);
    let mut came = 0;
    for mut input in bytes.chunks(1000) {
        came += input.len();
        let event = decoder.next(&mut input).unwrap();
        let held = decoder.held_bytes();
        assert!(held <= 2 * came && held <= claimed, "{held} bytes for {came}");
        assert_eq!(event.is_some(), came == bytes.len());
    }
    assert_eq!(decoder.held_bytes(), 0);
    let mut ping = &masked(FINAL | PING, &[1; 125])[..];
    assert!(decoder.next(&mut ping).unwrap().is_some());
    assert_eq!(decoder.held_bytes(), 0);
}
