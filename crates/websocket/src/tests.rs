//! The codec as a whole.

mod compression;
mod decoding;
mod differential;
mod limits;
mod sending;

use bytes::Buf as _;

use crate::deflate::Agreement;
use crate::{Decoder, Event, Limits, MaskKey, Role, Violation};

const MASK: MaskKey = [0x37, 0xfa, 0x21, 0x3d];
const LIMITS: Limits = Limits { message_bytes_max: 1 << 20, fragments_max: 1 << 20 };
const AGREEMENT: Agreement = Agreement { our_window_bits: 15, peer_keeps_context: false };

const FINAL: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A frame by hand, so that it owes nothing to the code under test. `first` is its first byte.
fn frame(first: u8, content: &[u8], mask: Option<MaskKey>) -> Vec<u8> {
    let mut frame = vec![first];
    let masked = if mask.is_some() { 0x80 } else { 0_u8 };
    match content.len() {
        short @ 0..126 => frame.push(masked | u8::try_from(short).unwrap()),
        long @ 126..0x1_0000 => {
            frame.push(masked | 0x7e);
            frame.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
        }
        longer => {
            frame.push(masked | 0x7f);
            frame.extend_from_slice(&u64::try_from(longer).unwrap().to_be_bytes());
        }
    }
    frame.extend(mask.into_iter().flatten());
    let mask = mask.unwrap_or_default();
    frame.extend(content.iter().enumerate().map(|(at, byte)| byte ^ mask[at % 4]));
    frame
}

/// A client's frame.
fn masked(first: u8, content: &[u8]) -> Vec<u8> {
    frame(first, content, Some(MASK))
}

/// What a decoder says to `bytes` that come in portions of `portion` bytes, and how it ends.
fn decode_in(mut decoder: Decoder, bytes: &[u8], portion: usize) -> (Vec<Event>, Option<Violation>) {
    let mut events = Vec::new();
    for mut input in bytes.chunks(portion) {
        loop {
            match decoder.next(&mut input) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
        }
        assert!(!input.has_remaining());
    }
    (events, None)
}

/// What a server says to `bytes`, which is the same however they are cut.
#[track_caller]
fn decode_with(limits: Limits, deflate: Option<Agreement>, bytes: &[u8]) -> (Vec<Event>, Option<Violation>) {
    let decoder = || Decoder::new(Role::Server, limits, deflate);
    let whole = decode_in(decoder(), bytes, usize::MAX);
    for portion in [1, 2, 3, 7, 13, 1000] {
        assert_eq!(decode_in(decoder(), bytes, portion), whole, "in portions of {portion}");
    }
    whole
}

#[track_caller]
fn decode(bytes: &[u8]) -> (Vec<Event>, Option<Violation>) {
    decode_with(LIMITS, None, bytes)
}
