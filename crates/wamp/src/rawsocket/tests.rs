//! Handshakes and frames byte by byte.

use super::*;

#[test]
fn limits_are_powers_of_two_that_are_not_above_what_was_asked() {
    let check = |bytes_max, want| assert_eq!(FrameLimit::at_most(bytes_max).bytes(), want);
    check(0, 512);
    check(512, 512);
    check(1023, 512);
    check(1024, 1024);
    check((1 << 24) - 1, 1 << 23);
    check(1 << 24, 1 << 24);
    check(usize::MAX, 1 << 24);
}

#[test]
fn a_server_reads_every_request_that_it_can_serve() {
    for encoding in Encoding::ALL {
        for limit in (0..16).map(FrameLimit) {
            let handshake = Handshake { encoding, limit };
            let bytes = handshake.to_bytes();
            assert_eq!(Handshake::parse_request(bytes), Ok(handshake));
            assert_eq!(Handshake::parse_reply(bytes, encoding), Ok(handshake));
        }
    }
    let largest = Handshake { encoding: Encoding::MsgPack, limit: FrameLimit::LARGEST };
    assert_eq!(largest.to_bytes(), [0x7F, 0xF2, 0, 0]);
}

#[test]
fn a_server_refuses_other_requests_with_the_code_of_the_fault() {
    let check = |bytes, want| assert_eq!(Handshake::parse_request(bytes), Err(want));
    let refused = HandshakeError::Refused;
    check(*b"GET ", HandshakeError::NotRawSocket);
    check([0x7F, 0xF0, 0, 0], refused(Refusal::SerializerUnsupported));
    check([0x7F, 0xF5, 0, 0], refused(Refusal::SerializerUnsupported));
    check([0x7F, 0xF1, 1, 0], refused(Refusal::ReservedBits));
    check([0x7F, 0xF1, 0, 1], refused(Refusal::ReservedBits));
    assert_eq!(Refusal::SerializerUnsupported.to_bytes(), [0x7F, 0x10, 0, 0]);
    assert_eq!(Refusal::LengthUnacceptable.to_bytes(), [0x7F, 0x20, 0, 0]);
    assert_eq!(Refusal::ReservedBits.to_bytes(), [0x7F, 0x30, 0, 0]);
    assert_eq!(Refusal::TooManyConnections.to_bytes(), [0x7F, 0x40, 0, 0]);
}

#[test]
fn a_client_reads_why_it_was_refused() {
    let check = |bytes, want| assert_eq!(Handshake::parse_reply(bytes, Encoding::Cbor), Err(want));
    let refused = HandshakeError::Refused;
    for refusal in [
        Refusal::SerializerUnsupported,
        Refusal::LengthUnacceptable,
        Refusal::ReservedBits,
        Refusal::TooManyConnections,
    ] {
        check(refusal.to_bytes(), refused(refusal));
    }
    check([0x7F, 0x00, 0, 0], refused(Refusal::Unknown));
    check([0x7F, 0xF0, 0, 0], refused(Refusal::Unknown));
    check([0x7F, 0xF2, 0, 0], HandshakeError::OtherSerializer);
    check([0x7F, 0xF3, 0, 1], HandshakeError::NotRawSocket);
    check(*b"HTTP", HandshakeError::NotRawSocket);
}

/// Reads one frame off `bytes`, with at most 16 MiB, and says how many bytes are left.
fn next(bytes: &[u8], bytes_max: usize) -> Result<Option<(FrameKind, Bytes, usize)>, FrameError> {
    let mut buffer = BytesMut::from(bytes);
    let frame = next_frame(&mut buffer, bytes_max)?;
    Ok(frame.map(|frame| (frame.kind, frame.content, buffer.len())))
}

#[test]
fn frames_come_out_whole_one_after_the_other() {
    let check = |bytes: &[u8], want| assert_eq!(next(bytes, 512), Ok(want), "{bytes:?}");
    check(b"", None);
    check(b"\0\0\0", None);
    check(b"\0\0\0\x02x", None);
    check(b"\0\0\0\0", Some((FrameKind::Message, Bytes::new(), 0)));
    check(b"\0\0\0\x02xyz", Some((FrameKind::Message, "xy".into(), 1)));
    check(b"\x01\0\0\x01x", Some((FrameKind::Ping, "x".into(), 0)));
    check(b"\x02\0\0\x01x", Some((FrameKind::Pong, "x".into(), 0)));
}

#[test]
fn refuses_a_frame_by_its_header() {
    let check = |bytes: &[u8], bytes_max, want| assert_eq!(next(bytes, bytes_max), Err(want));
    let too_long = |bytes, bytes_max| FrameError::TooLong { bytes, bytes_max };
    assert_eq!(next(b"\0\0\x02\0", 512), Ok(None));
    check(b"\0\0\x02\x01", 512, too_long(513, 512));
    check(b"\0\xFF\xFF\xFF", (1 << 24) - 2, too_long((1 << 24) - 1, (1 << 24) - 2));
    check(b"\x08\0\0\0", (1 << 24) - 1, too_long(1 << 24, (1 << 24) - 1));
    assert_eq!(next(b"\x08\0\0\0", 1 << 24), Ok(None));
    check(b"\x08\0\0\x01", 1 << 24, FrameError::Reserved);
    for first in [3, 7, 0x10, 0x20, 0x40, 0x80] {
        check(&[first, 0, 0, 0], 1 << 24, FrameError::Reserved);
    }
}

#[test]
fn an_unfinished_frame_takes_no_memory_for_what_it_claims() {
    let mut buffer = BytesMut::with_capacity(64);
    buffer.extend_from_slice(b"\x08\0\0\0");
    assert_eq!(next_frame(&mut buffer, 1 << 24), Ok(None));
    assert!(buffer.capacity() <= 64);
}

#[test]
fn headers_are_read_as_they_were_written() {
    for kind in [FrameKind::Message, FrameKind::Ping, FrameKind::Pong] {
        for len in [0, 1, 255, 65_536, (1 << 24) - 1, 1 << 24] {
            let mut frame = header(kind, len, FrameLimit::LARGEST).unwrap().to_vec();
            frame.resize(HEADER_BYTES + len, 0);
            let got = next(&frame, 1 << 24).unwrap().map(|(kind, content, _)| (kind, content.len()));
            assert_eq!(got, Some((kind, len)));
        }
    }
    let too_long = |bytes, bytes_max| Err(FrameError::TooLong { bytes, bytes_max });
    let write = |len, limit| header(FrameKind::Message, len, limit);
    assert_eq!(write(1 << 24, FrameLimit::LARGEST), Ok([8, 0, 0, 0]));
    assert_eq!(write((1 << 24) + 1, FrameLimit::LARGEST), too_long((1 << 24) + 1, 1 << 24));
    assert_eq!(write(512, FrameLimit::SMALLEST), Ok([0, 0, 2, 0]));
    assert_eq!(write(513, FrameLimit::SMALLEST), too_long(513, 512));
}
