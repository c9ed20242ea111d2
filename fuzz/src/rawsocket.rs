//! RawSocket: the handshake and the frames, however the bytes are cut.

use bytes::BytesMut;
use countersign_wamp::Encoding;
use countersign_wamp::rawsocket::{
    Frame, FrameError, FrameLimit, HANDSHAKE_BYTES, Handshake, HandshakeError, header, next_frame,
};

/// The longest frame accepted, so that the limit is met often.
const FRAME_BYTES_MAX: usize = 600;

/// The first byte says in which pieces the rest arrives: a handshake, then frames.
pub fn rawsocket(input: &[u8]) {
    let Some((&piece, input)) = input.split_first() else { return };
    if let Some((bytes, _)) = input.split_first_chunk::<HANDSHAKE_BYTES>() {
        handshake(*bytes);
    }
    let whole = frames(input, input.len().max(1));
    let in_pieces = frames(input, usize::from(piece).max(1));
    assert_eq!(whole, in_pieces, "frames depend on how the bytes are cut");
    rewritten(input, &whole.0);
}

fn handshake(bytes: [u8; HANDSHAKE_BYTES]) {
    match Handshake::parse_request(bytes) {
        Ok(request) => {
            assert_eq!(request.to_bytes(), bytes);
            assert_eq!(Handshake::parse_reply(bytes, request.encoding), Ok(request));
        }
        Err(HandshakeError::Refused(refusal)) => {
            let reply = Handshake::parse_reply(refusal.to_bytes(), Encoding::Json);
            assert_eq!(reply, Err(HandshakeError::Refused(refusal)), "a client reads why it is refused");
        }
        Err(_) => {}
    }
    for asked in Encoding::ALL {
        if let Ok(reply) = Handshake::parse_reply(bytes, asked) {
            assert_eq!(reply.to_bytes(), bytes);
        }
    }
}

/// The frames that come out, and what ended them.
fn frames(input: &[u8], piece: usize) -> (Vec<Frame>, Option<FrameError>) {
    let mut buffer = BytesMut::new();
    let mut frames = Vec::new();
    for piece in input.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match next_frame(&mut buffer, FRAME_BYTES_MAX) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// Written again, the frames are the bytes that they came from.
fn rewritten(input: &[u8], frames: &[Frame]) {
    let mut out = Vec::new();
    for frame in frames {
        match header(frame.kind, frame.content.len(), FrameLimit::LARGEST) {
            Ok(header) => out.extend_from_slice(&header),
            Err(error) => panic!("an accepted frame can't be written: {error}"),
        }
        out.extend_from_slice(&frame.content);
    }
    assert!(input.starts_with(&out), "frames are not what was sent");
}
