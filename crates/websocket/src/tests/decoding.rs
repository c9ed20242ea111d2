//! What a decoder makes of frames.

use super::*;
use crate::{CloseCode, CloseFrame, Kind};

fn message(kind: Kind, payload: impl AsRef<[u8]>) -> Event {
    Event::Message { kind, payload: bytes::Bytes::copy_from_slice(payload.as_ref()) }
}

#[track_caller]
fn check(frames: &[Vec<u8>], want: &[Event]) {
    assert_eq!(decode(&frames.concat()), (want.to_vec(), None));
}

#[track_caller]
fn refuses(frames: &[Vec<u8>], want: Violation, code: CloseCode) {
    let (_, got) = decode(&frames.concat());
    assert_eq!(got, Some(want));
    assert_eq!(want.close_code(), code);
}

#[test]
fn reads_messages_of_every_form_of_length() {
    for length in [0, 1, 7, 8, 125, 126, 127, 1000, 65_535, 65_536, 100_000] {
        let payload = vec![b'*'; length];
        check(&[masked(FINAL | TEXT, &payload)], &[message(Kind::Text, &payload)]);
        check(&[masked(FINAL | BINARY, &payload)], &[message(Kind::Binary, &payload)]);
    }
}

#[test]
fn a_client_reads_what_a_server_sends() {
    let decoder = || Decoder::new(Role::Client, LIMITS, None);
    let bytes = [frame(FINAL | TEXT, b"Hello", None), frame(FINAL | PING, b"p", None)].concat();
    let want = vec![message(Kind::Text, "Hello"), Event::Ping("p".into())];
    for portion in [1, 3, 100] {
        assert_eq!(decode_in(decoder(), &bytes, portion), (want.clone(), None));
    }
    assert_eq!(decode_in(decoder(), &masked(FINAL | TEXT, b"x"), 100).1, Some(Violation::Masked));
}

#[test]
fn puts_fragments_together_and_control_frames_between() {
    check(
        &[
            masked(TEXT, b"one "),
            masked(FINAL | PING, b"1"),
            masked(CONTINUATION, b""),
            masked(CONTINUATION, b"two "),
            masked(FINAL | PONG, b""),
            masked(FINAL | CONTINUATION, b"three"),
            masked(FINAL | BINARY, b"next"),
        ],
        &[
            Event::Ping("1".into()),
            Event::Pong("".into()),
            message(Kind::Text, "one two three"),
            message(Kind::Binary, "next"),
        ],
    );
}

#[test]
fn pings_come_with_their_exact_content() {
    for length in [0, 1, 4, 125] {
        let content: Vec<u8> = (0_u8..).take(length).collect();
        check(&[masked(FINAL | PING, &content)], &[Event::Ping(content.clone().into())]);
        check(&[masked(FINAL | PONG, &content)], &[Event::Pong(content.into())]);
    }
}

#[test]
fn nothing_comes_behind_a_closing_frame() {
    let close = |code, reason: &str| {
        Event::Close(Some(CloseFrame { code: CloseCode::new(code).unwrap(), reason: reason.into() }))
    };
    let after = masked(FINAL | TEXT, b"unheard");
    check(&[masked(FINAL | CLOSE, b""), after.clone()], &[Event::Close(None)]);
    check(&[masked(FINAL | CLOSE, b"\x03\xe8"), after.clone()], &[close(1000, "")]);
    check(&[masked(TEXT, b"half"), masked(FINAL | CLOSE, b"\x0b\xb8bye"), after], &[close(3000, "bye")]);
}

#[test]
fn refuses_frames_that_break_the_protocol() {
    let check = |frames: &[Vec<u8>], want| refuses(frames, want, CloseCode::PROTOCOL_ERROR);
    for bits in [0x10, 0x20, 0x40, 0x70] {
        check(&[masked(FINAL | bits | TEXT, b"x")], Violation::ReservedBits);
        check(&[masked(FINAL | bits | PING, b"")], Violation::ReservedBits);
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        check(&[masked(FINAL | opcode, b"")], Violation::OpCode(opcode));
    }
    check(&[frame(FINAL | TEXT, b"x", None)], Violation::NotMasked);
    check(&[vec![0x81, 0xfe, 0, 125, 0, 0, 0, 0]], Violation::LengthForm);
    check(&[vec![0x81, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0]], Violation::LengthForm);
    check(&[vec![0x81, 0xff, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]], Violation::LengthForm);
    check(&[masked(PING, b"")], Violation::ControlFragmented);
    check(&[masked(FINAL | PING, &[0; 126])], Violation::ControlTooLong);
    check(&[masked(FINAL | CLOSE, &[b'x'; 126])], Violation::ControlTooLong);
    check(&[masked(FINAL | CONTINUATION, b"x")], Violation::NothingToContinue);
    check(&[masked(FINAL | TEXT, b"x"), masked(CONTINUATION, b"y")], Violation::NothingToContinue);
    check(&[masked(TEXT, b"x"), masked(FINAL | TEXT, b"y")], Violation::MessageInside);
    check(&[masked(BINARY, b"x"), masked(BINARY, b"y")], Violation::MessageInside);
    check(&[masked(FINAL | CLOSE, b"\x03")], Violation::CloseTooShort);
    check(&[masked(FINAL | CLOSE, b"\x03\xed")], Violation::CloseCode(1005));
    refuses(&[masked(FINAL | CLOSE, b"\x03\xe8\xff")], Violation::NotUtf8, CloseCode::INVALID_DATA);
}

#[test]
fn a_violation_is_the_last_that_is_said() {
    let mut decoder = Decoder::new(Role::Server, LIMITS, None);
    let bytes = [masked(FINAL | 3, b""), masked(FINAL | TEXT, b"x")].concat();
    let mut input = &bytes[..];
    assert_eq!(decoder.next(&mut input), Err(Violation::OpCode(3)));
    for _ in 0..2 {
        assert_eq!(decoder.next(&mut input), Ok(None));
        assert!(input.is_empty());
        input = &bytes;
    }
}

#[test]
fn text_is_checked_while_it_comes() {
    let check = |frames: &[Vec<u8>]| refuses(frames, Violation::NotUtf8, CloseCode::INVALID_DATA);
    check(&[masked(FINAL | TEXT, b"a\xff")]);
    check(&[masked(FINAL | TEXT, b"\xe2\x82")]);
    check(&[masked(TEXT, b"\xe2\x82"), masked(FINAL | CONTINUATION, b"")]);
    check(&[masked(TEXT, b"\xe2"), masked(FINAL | PING, b""), masked(FINAL | CONTINUATION, b"\xe2")]);
    // Before the frame is whole.
    let whole = masked(FINAL | TEXT, b"\xf4\x90 and much more");
    assert_eq!(decode(&whole[..8]).1, Some(Violation::NotUtf8));
    let euro = "€".as_bytes();
    let cut = [masked(TEXT, &euro[..1]), masked(CONTINUATION, &euro[1..2]), masked(FINAL | CONTINUATION, &euro[2..])];
    assert_eq!(decode(&cut.concat()), (vec![message(Kind::Text, euro)], None));
    assert_eq!(decode(&masked(FINAL | BINARY, b"\xff")), (vec![message(Kind::Binary, b"\xff")], None));
}
