//! WebSocket: what is read does not depend on how the bytes are cut, is bounded, and can be sent again.

use bytes::{Buf as _, Bytes};
use countersign_websocket::deflate::{Agreement, Deflater, WINDOW_BITS_MAX, accept, agreed};
use countersign_websocket::handshake::first_known;
use countersign_websocket::{Decoder, Event, Kind, Limits, Output, Role, Violation};

/// Small, so that they are met often.
const LIMITS: Limits = Limits { message_bytes_max: 1000, fragments_max: 8 };
const MASK: [u8; 4] = [1, 2, 3, 0xff];

/// The first byte chooses role and compression, the second says in which pieces the rest arrives.
pub fn websocket(input: &[u8]) {
    let Some((&[choice, piece], bytes)) = input.split_first_chunk() else { return };
    let role = if choice & 1 == 0 { Role::Server } else { Role::Client };
    let peer_keeps_context = choice & 4 == 4;
    let deflate = (choice & 2 == 2).then_some(Agreement { our_window_bits: WINDOW_BITS_MAX, peer_keeps_context });
    let whole = events(Decoder::new(role, LIMITS, deflate), bytes, bytes.len().max(1));
    let in_pieces = events(Decoder::new(role, LIMITS, deflate), bytes, usize::from(piece).max(1));
    assert_eq!(whole.0, in_pieces.0, "depends on how the bytes are cut");
    // What can't be inflated may be no UTF-8 as well; which of both is found first depends on the cuts.
    let name = |violation| if deflate.is_some() { None } else { Some(violation) };
    assert_eq!(whole.1.map(name), in_pieces.1.map(name), "ends differently when the bytes are cut");
    for event in &whole.0 {
        match event {
            Event::Message { kind, payload } => {
                assert!(payload.len() <= LIMITS.message_bytes_max, "longer than allowed");
                assert!(*kind == Kind::Binary || std::str::from_utf8(payload).is_ok(), "a text that is none");
            }
            Event::Ping(content) | Event::Pong(content) => assert!(content.len() <= 125, "longer than a frame's"),
            Event::Close(_) => {}
        }
    }
    let again = events(Decoder::new(role, LIMITS, deflate), &sent(&whole.0, role, deflate.is_some()), usize::MAX);
    assert_eq!(again, (whole.0, None), "read again");
}

/// Values of `Sec-WebSocket-Extensions` and of `Sec-WebSocket-Protocol`, one in each line.
pub fn websocket_lists(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some((answer, agreement)) = accept(text.lines()) {
        assert!((9..=WINDOW_BITS_MAX).contains(&agreement.our_window_bits), "a window that can't be");
        // What is answered is an offer that can be taken as well, and means the same.
        assert_eq!(accept([&*answer].into_iter()), Some((answer.clone(), agreement)));
    }
    let _ = agreed(text.lines());
    let first = first_known(text.lines(), |name| (name == "wamp.2.json").then_some(()));
    assert!(first.is_none() || text.contains("wamp.2.json"));
}

/// What comes out, and what ended it.
fn events(mut decoder: Decoder, bytes: &[u8], piece: usize) -> (Vec<Event>, Option<Violation>) {
    let mut events = Vec::new();
    for mut piece in bytes.chunks(piece) {
        loop {
            match decoder.next(&mut piece) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => {
                    assert_eq!(decoder.next(&mut &b"\x81\x00\x81\x80"[..]), Ok(None), "goes on behind a violation");
                    return (events, Some(violation));
                }
            }
        }
        assert!(piece.is_empty(), "leaves bytes without a word");
    }
    (events, None)
}

/// The bytes of the same events, from the peer of `role`.
fn sent(events: &[Event], role: Role, may_compress: bool) -> Vec<u8> {
    let mask = (role == Role::Server).then_some(MASK);
    let mut output = Output::default();
    let mut deflater = Deflater::new(WINDOW_BITS_MAX);
    for event in events {
        match event {
            Event::Message { kind, payload } => match deflater.compress(payload).filter(|_| may_compress) {
                Some(compressed) => output.compressed(*kind, Bytes::from(compressed), mask),
                None => output.message(*kind, payload.clone(), mask),
            },
            Event::Ping(content) => output.ping(content.clone(), mask),
            Event::Pong(content) => output.pong(content.clone(), mask),
            Event::Close(close) => output.close(close.as_ref(), mask),
        }
    }
    let length = output.remaining();
    output.copy_to_bytes(length).to_vec()
}
