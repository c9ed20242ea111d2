//! The decoder beside tungstenite's: the same frames give the same messages, or both refuse them.
//!
//! Where they differ lawfully, the sequences here keep out of it:
//! - a length that is not in its shortest form: refused here, taken there (RFC 6455, section 5.2, forbids it);
//! - a text that is no UTF-8: refused here at the byte that can't be right, there when the frame is whole, or the message;
//!   so what came before the violation is compared, and that both refuse, not when;
//! - closing codes that must not be sent: refused here, there only some of them;
//! - an unfinished message at the end of the bytes is nothing for both.

use std::io::{self, Read, Write};

use proptest::prelude::*;
use tungstenite::protocol::{Role as TheirRole, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::*;
use crate::{CloseFrame, Kind};

const BYTES_MAX: usize = 3_000;

/// Bytes that come in portions, and an end.
struct Portions {
    bytes: Vec<u8>,
    cuts: Vec<usize>,
}

impl Read for Portions {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let portion = self.cuts.pop().unwrap_or(usize::MAX).min(self.bytes.len()).min(buffer.len());
        buffer[..portion].copy_from_slice(&self.bytes[..portion]);
        self.bytes.drain(..portion);
        Ok(portion)
    }
}

impl Write for Portions {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What tungstenite says, and whether it refuses what follows.
fn theirs(bytes: &[u8], cuts: &[usize]) -> (Vec<Event>, bool) {
    let config = WebSocketConfig::default().max_message_size(Some(BYTES_MAX)).max_frame_size(Some(BYTES_MAX));
    let stream = Portions { bytes: bytes.to_vec(), cuts: cuts.to_vec() };
    let mut socket = WebSocket::from_raw_socket(stream, TheirRole::Server, Some(config));
    let mut events = Vec::new();
    loop {
        events.push(match socket.read() {
            Ok(Message::Text(text)) => Event::Message { kind: Kind::Text, payload: text.into() },
            Ok(Message::Binary(payload)) => Event::Message { kind: Kind::Binary, payload },
            Ok(Message::Ping(content)) => Event::Ping(content),
            Ok(Message::Pong(content)) => Event::Pong(content),
            Ok(Message::Close(close)) => {
                let close = close.map(|close| (u16::from(close.code), close.reason.to_string()));
                let close =
                    close.map(|(code, reason)| CloseFrame { code: crate::CloseCode::new(code).unwrap(), reason });
                events.push(Event::Close(close));
                return (events, false);
            }
            Ok(Message::Frame(_)) => unreachable!("never read"),
            Err(Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake)) => {
                return (events, false);
            }
            Err(_) => return (events, true),
        });
    }
}

fn ours(bytes: &[u8], cuts: &[usize]) -> (Vec<Event>, bool) {
    let mut decoder = Decoder::new(Role::Server, Limits { message_bytes_max: BYTES_MAX, ..LIMITS }, None);
    let (mut events, mut rest, mut cuts) = (Vec::new(), bytes, cuts.to_vec());
    while !rest.is_empty() {
        let portion = cuts.pop().unwrap_or(usize::MAX).min(rest.len());
        let mut input = &rest[..portion];
        rest = &rest[portion..];
        loop {
            match decoder.next(&mut input) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(_) => return (events, true),
            }
        }
    }
    (events, false)
}

/// Mostly well-formed content of mostly small length.
fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "[a-zé€😀]{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..140),
        1 => (1_000_usize..1_600).prop_map(|length| vec![b'x'; length]),
        1 => Just(Vec::new()),
    ]
}

/// One frame, mostly of a kind that may come.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        30 => prop::sample::select(vec![FINAL | TEXT, FINAL | BINARY, TEXT, BINARY]),
        40 => prop::sample::select(vec![CONTINUATION, CONTINUATION, FINAL | CONTINUATION]),
        20 => prop::sample::select(vec![FINAL | PING, FINAL | PONG]),
        1 => any::<u8>(),
    ];
    let closing = prop::sample::select(vec![1000_u16, 1001, 1007, 1011, 3000, 4999]);
    prop_oneof![
        40 => (first, content(), any::<MaskKey>()).prop_map(|(first, mut content, mask)| {
            if first & 0x0f >= CLOSE {
                content.truncate(126);
            }
            if first & 0x0f == CLOSE {
                content.clear();
            }
            frame(first, &content, Some(mask))
        }),
        1 => (closing, "[a-z€]{0,30}").prop_map(|(code, reason)| {
            masked(FINAL | CLOSE, &[&code.to_be_bytes()[..], reason.as_bytes()].concat())
        }),
        1 => content().prop_map(|content| frame(FINAL | BINARY, &content, None)),
    ]
}

/// A message in fragments that is in order, with control frames between.
fn good_message() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop::sample::select(vec![TEXT, BINARY]);
    let pieces = prop::collection::vec((0..30_usize, prop::option::of(content())), 0..6);
    (kind, "[a-zé€😀]{0,60}", pieces).prop_map(|(kind, text, pieces)| {
        let (mut rest, mut opcode, mut bytes) = (text.as_bytes(), kind, Vec::new());
        for (length, ping) in pieces {
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            bytes.extend(masked(opcode, piece));
            (rest, opcode) = (behind, CONTINUATION);
            if let Some(mut content) = ping {
                content.truncate(125);
                bytes.extend(masked(FINAL | PING, &content));
            }
        }
        bytes.extend(masked(FINAL | opcode, rest));
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn both_say_the_same(
        frames in prop::collection::vec(prop_oneof![3 => good_message(), 2 => any_frame()], 1..12),
        cuts in prop::collection::vec(1_usize..400, 0..40),
    ) {
        let bytes = frames.concat();
        prop_assert_eq!(ours(&bytes, &cuts), theirs(&bytes, &cuts));
    }

    #[test]
    fn any_bytes_are_decoded_the_same_however_they_are_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        frames in prop::collection::vec(any_frame(), 0..6),
        portion in 1_usize..40,
        deflate in any::<bool>(),
    ) {
        let bytes = [frames.concat(), bytes].concat();
        let limits = Limits { message_bytes_max: BYTES_MAX, ..LIMITS };
        let decode = |portion| {
            let decoder = Decoder::new(Role::Server, limits, deflate.then_some(AGREEMENT));
            let (events, violation) = decode_in(decoder, &bytes, portion);
            // A compressed text can be wrong in two ways; which one is seen first depends on the portion.
            (events, violation.map(|violation| if deflate { Violation::Deflate } else { violation }))
        };
        prop_assert_eq!(decode(portion), decode(usize::MAX));
    }
}
