//! What is written.

use std::io::IoSlice;

use bytes::{Buf as _, Bytes};

use super::*;
use crate::{CloseCode, CloseFrame, Kind, Output};

/// Everything that waits, read in steps.
fn drain(output: &mut Output, step: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while output.has_remaining() {
        let chunk = output.chunk();
        let here = &chunk[..chunk.len().min(step)];
        assert!(!here.is_empty());
        all.extend_from_slice(here);
        output.advance(here.len());
    }
    all
}

#[test]
fn frames_are_as_if_made_by_hand() {
    for length in [0, 1, 125, 126, 4_096, 4_097, 65_535, 65_536] {
        let payload = vec![b'x'; length];
        for mask in [None, Some(MASK)] {
            for (kind, opcode) in [(Kind::Text, TEXT), (Kind::Binary, BINARY)] {
                let mut output = Output::default();
                output.message(kind, payload.clone().into(), mask);
                output.compressed(kind, payload.clone().into(), mask);
                let want = [frame(FINAL | opcode, &payload, mask), frame(FINAL | COMPRESSED | opcode, &payload, mask)];
                assert_eq!(output.remaining(), want.concat().len());
                assert!(drain(&mut output, usize::MAX) == want.concat(), "{length} {mask:?} {kind:?}");
            }
        }
    }
}

#[test]
fn a_copied_message_is_the_same_as_one_that_was_given() {
    for length in [0, 1, 125, 126, 4_096, 4_097, 65_536] {
        for mask in [None, Some(MASK)] {
            let payload = vec![b'x'; length];
            let mut output = Output::default();
            output.copied(Kind::Text, &payload, mask);
            output.copied(Kind::Binary, &payload, mask);
            let want = [frame(FINAL | TEXT, &payload, mask), frame(FINAL | BINARY, &payload, mask)].concat();
            assert!(output.is_in_one_piece() && output.chunk() == want, "{length} {mask:?}");
            assert!(drain(&mut output, usize::MAX) == want);
        }
    }
}

#[test]
fn only_what_stands_in_one_buffer_is_in_one_piece() {
    let long = Bytes::from(vec![1; 5_000]);
    let mut output = Output::default();
    assert!(output.is_in_one_piece());
    output.message(Kind::Binary, long.clone(), None);
    assert!(!output.is_in_one_piece());
    output.advance(4);
    assert!(output.is_in_one_piece() && output.chunk() == long);
    output.copied(Kind::Binary, b"x", None);
    assert!(!output.is_in_one_piece());
}

#[test]
fn a_long_payload_is_not_copied() {
    let payload = Bytes::from(vec![1; 100_000]);
    let mut output = Output::default();
    output.ping("p".into(), None);
    output.message(Kind::Binary, payload.clone(), None);
    output.pong("q".into(), None);
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(output.chunks_vectored(&mut slices), 3);
    assert_eq!(slices[1].as_ptr(), payload.as_ptr());
    assert_eq!(&slices[2][..], [FINAL | PONG, 1, b'q']);
    let mut two = [IoSlice::new(&[]); 2];
    assert_eq!(output.chunks_vectored(&mut two), 2);
    let want =
        [frame(FINAL | PING, b"p", None), frame(FINAL | BINARY, &payload, None), frame(FINAL | PONG, b"q", None)];
    assert!(drain(&mut output, 777) == want.concat());
}

#[test]
fn what_comes_while_bytes_are_taken_keeps_its_place() {
    let mut output = Output::default();
    let (short, long) = (vec![b's'; 10], vec![b'l'; 5_000]);
    let mut want = Vec::new();
    let mut got = Vec::new();
    for round in 0..50 {
        let payload = if round % 3 == 0 { &long } else { &short };
        output.message(Kind::Text, payload.clone().into(), None);
        want.extend(frame(FINAL | TEXT, payload, None));
        let here = output.chunk().len().min(100);
        got.extend_from_slice(&output.chunk()[..here]);
        output.advance(here);
    }
    got.extend(drain(&mut output, usize::MAX));
    assert!(got == want);
    assert_eq!(output.remaining(), 0);
}

#[test]
fn control_frames_keep_to_their_length() {
    let mut output = Output::default();
    output.ping(vec![1; 126].into(), None);
    output.pong(vec![2; 125].into(), Some(MASK));
    let want = [frame(FINAL | PING, &[1; 125], None), frame(FINAL | PONG, &[2; 125], Some(MASK))];
    assert_eq!(drain(&mut output, 1), want.concat());
}

#[test]
fn a_closing_frame_has_code_and_reason() {
    let check = |close: Option<CloseFrame>, want: &[u8]| {
        let mut output = Output::default();
        output.close(close.as_ref(), None);
        assert_eq!(drain(&mut output, usize::MAX), frame(FINAL | CLOSE, want, None));
    };
    check(None, b"");
    check(Some(CloseCode::NORMAL.into()), b"\x03\xe8");
    let why = CloseFrame { code: CloseCode::POLICY, reason: "no €".into() };
    check(Some(why), b"\x03\xf0no \xe2\x82\xac");
    // Cut where a code point ends.
    let want = [&b"\x03\xe8"[..], "€".repeat(41).as_bytes()].concat();
    check(Some(CloseFrame { code: CloseCode::NORMAL, reason: "€".repeat(50) }), &want);
}
