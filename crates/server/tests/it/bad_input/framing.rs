//! Below WAMP: HTTP, WebSocket and RawSocket framing.

use countersign_client::{Closed, Encoding, Message};
use countersign_testkit::Door;
use countersign_wamp::uris::error::{PAYLOAD_SIZE_EXCEEDED, PROTOCOL_VIOLATION};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use super::wire::{
    BINARY, CLOSE, FINAL, Healthy, PING, TEXT, dial, encode, frame_head, frames, head, masked, request, rest, upgrade,
};
use super::{SOON, Stage, WAYS, abort, check_close, closed, connect, hello, open_server};
use crate::support::{PASSWORD, server_with};

/// The beginning of a TLS handshake.
const TLS_HELLO: &[u8] = &[0x16, 3, 1, 0, 0xc8, 1, 0, 0, 0xc4, 3, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9];

/// The close code of a WebSocket, from its last frame.
#[track_caller]
fn close_code(bytes: &[u8], of: &str) -> u16 {
    match frames(bytes).last() {
        Some((CLOSE, content)) if content.len() >= 2 => u16::from_be_bytes([content[0], content[1]]),
        other => panic!("{of}: no close frame but {other:?}"),
    }
}

/// The reason of an ABORT in JSON.
#[track_caller]
fn abort_reason(document: &[u8], of: &str) -> String {
    let message: Value = serde_json::from_slice(document).unwrap_or_else(|error| panic!("{of}: {error}"));
    assert_eq!(message[0], 3, "{of}: {message}");
    assert!(message[1]["message"].as_str().is_some_and(|text| !text.is_empty()), "{of}: {message}");
    message[2].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn bytes_of_another_protocol_end_the_connection() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    let random: Vec<u8> = (0..4096_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[1] | 0x80).collect();
    let websocket = request("Sec-WebSocket-Protocol: wamp.2.json\r\n");
    let garbage: [(&str, &[u8]); 7] = [
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
        ("TLS", TLS_HELLO),
        ("random", &random),
        ("zeros", &[0; 512]),
        ("WebSocket", websocket.as_bytes()),
        ("RawSocket", &[0x7f, 0xf1, 0, 0, 0, 0, 0, 2, b'[', b']']),
    ];
    for door in Door::ALL {
        for (name, bytes) in garbage {
            let speaks_it = match door {
                Door::Http | Door::Tcp | Door::Unix => matches!(name, "WebSocket" | "RawSocket"),
                // Unencrypted, nothing is understood there; TLS is answered in its own way.
                Door::Https => name == "TLS",
            };
            if speaks_it {
                continue;
            }
            let of = format!("{door:?} {name}");
            let mut stream = dial(&server, door).await;
            // The server may have closed before the last byte.
            let _ = stream.write_all(bytes).await;
            let answer = rest(&mut stream, &of).await;
            match door {
                Door::Http | Door::Tcp | Door::Unix => {
                    let want = if name == "HTTP" { "HTTP/1.1 404" } else { "HTTP/1.1 400" };
                    assert!(answer.is_empty() || answer.starts_with(want.as_bytes()), "{of}: {answer:?}");
                }
                // At most a TLS alert.
                Door::Https => assert!(answer.is_empty() || answer[0] == 0x15, "{of}: {answer:?}"),
            }
        }
    }
    healthy.finish().await;
}

#[tokio::test]
async fn an_end_in_the_middle_ends_the_connection_without_a_word() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    let websocket = request("Sec-WebSocket-Protocol: wamp.2.json\r\n");
    let cases: [(Door, &[u8]); 6] = [
        (Door::Http, &websocket.as_bytes()[..40]),
        (Door::Https, &TLS_HELLO[..7]),
        (Door::Tcp, &[0x7f]),
        (Door::Tcp, &[0x7f, 0xf1, 0]),
        (Door::Unix, &[0x7f, 0xf3]),
        (Door::Unix, &[]),
    ];
    for (door, bytes) in cases {
        let of = format!("{door:?} {bytes:?}");
        let mut stream = dial(&server, door).await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let answer = rest(&mut stream, &of).await;
        assert!(door == Door::Http || answer.is_empty() || answer[0] == 0x15, "{of}: {answer:?}");
    }
    for door in [Door::Tcp, Door::Unix] {
        for bytes in [&[0][..], &[0, 0, 0], &[0, 0, 0, 100], &[0, 0, 0, 100, b'[', b'1']] {
            let mut stream = dial(&server, door).await;
            stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            assert_eq!(rest(&mut stream, "cut frame").await, [0x7f, 0xf1, 0, 0], "{door:?} {bytes:?}");
        }
    }
    for bytes in [&frame_head(FINAL | TEXT, 1000)[..3], &masked(FINAL | TEXT, b"[1,")[..7], &masked(TEXT, b"[1,")] {
        let (mut stream, _) = upgrade(&server, "wamp.2.json").await;
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(!rest(&mut stream, "cut frame").await.starts_with(&[FINAL | TEXT]), "{bytes:?}");
    }
    healthy.finish().await;
}

#[tokio::test]
async fn a_refused_raw_socket_handshake_says_why() {
    let server = open_server().await;
    let check = async |door, request: [u8; 4], want: [u8; 4]| {
        let mut stream = dial(&server, door).await;
        stream.write_all(&request).await.unwrap();
        assert_eq!(rest(&mut stream, "handshake").await, want, "{door:?} {request:?}");
    };
    for door in [Door::Tcp, Door::Unix] {
        // 1: serializer unsupported; 3: use of reserved bits.
        for serializer in [0, 5, 6, 15] {
            check(door, [0x7f, 0xf0 | serializer, 0, 0], [0x7f, 0x10, 0, 0]).await;
        }
        check(door, [0x7f, 0xf1, 1, 0], [0x7f, 0x30, 0, 0]).await;
        check(door, [0x7f, 0xf1, 0, 0x80], [0x7f, 0x30, 0, 0]).await;
    }
}

#[tokio::test]
async fn a_raw_socket_frame_that_is_too_long_or_of_no_kind_is_aborted() {
    let server = server_with("[limits]\nmessage_bytes_max = 65536").start().await;
    let whole = open_server().await;
    for door in [Door::Tcp, Door::Unix] {
        for (server, nibble, header, reason) in [
            (&server, 7, [0, 1, 0, 1], PAYLOAD_SIZE_EXCEEDED),
            (&server, 7, [0, 0xff, 0xff, 0xff], PAYLOAD_SIZE_EXCEEDED),
            (&server, 7, [8, 0, 0, 0], PAYLOAD_SIZE_EXCEEDED),
            // One more than 16 MiB has no header.
            (&whole, 15, [8, 0, 0, 1], PROTOCOL_VIOLATION),
            (&whole, 15, [0x10, 0, 0, 1], PROTOCOL_VIOLATION),
            (&whole, 15, [0x80, 0, 0, 1], PROTOCOL_VIOLATION),
            (&whole, 15, [3, 0, 0, 1], PROTOCOL_VIOLATION),
            (&whole, 15, [7, 0, 0, 1], PROTOCOL_VIOLATION),
        ] {
            let of = format!("{door:?} {header:?}");
            let mut stream = dial(server, door).await;
            stream.write_all(&[0x7f, 0xf1, 0, 0]).await.unwrap();
            stream.write_all(&header).await.unwrap();
            let answer = rest(&mut stream, &of).await;
            assert_eq!(answer[..4], [0x7f, nibble << 4 | 1, 0, 0], "{of}");
            assert_eq!(abort_reason(&answer[8..], &of), reason, "{of}");
        }
    }
}

#[tokio::test]
async fn a_message_of_exactly_the_longest_length_is_taken() {
    let server = server_with("[auth]\nanonymous = true\n[limits]\nmessage_bytes_max = 65536").start().await;
    for way in WAYS {
        let mut connection = connect(&server, way, Stage::Joined).await;
        let call = |length: usize| encode(way.1, &json!([48, 1, {}, "a.b", ["x".repeat(length)]]));
        let longest = call(65_536 - call(60_000).len() + 60_000);
        assert_eq!(longest.len(), 65_536);
        connection.send_frame(longest).await.unwrap();
        let answer = tokio::time::timeout(SOON, connection.recv()).await.unwrap();
        assert!(matches!(answer, Ok(Message::Error { .. })), "{way:?}: {answer:?}");
        // The server may close before the last byte.
        let _ = connection.send_frame(call(65_536 - call(60_000).len() + 60_001)).await;
        assert_eq!(abort(&mut connection, "one past").await, PAYLOAD_SIZE_EXCEEDED, "{way:?}");
        // What was not read any more may turn the end into a reset.
        match closed(&mut connection, "one past").await {
            Closed::Broken(_) => {}
            fair => check_close(&fair, way.0, 1009, "one past"),
        }
    }
}

#[tokio::test]
async fn a_web_socket_message_that_is_too_long_is_aborted() {
    let server = server_with("[limits]\nmessage_bytes_max = 65536").start().await;
    server.add_user("healthy", "backend", PASSWORD).await;
    let healthy = Healthy::start(&server).await;
    let half = vec![b' '; 40_000];
    let fragments = [masked(TEXT, &half), masked(FINAL, &half)].concat();
    for (name, bytes) in [
        ("one past", masked(FINAL | TEXT, &vec![b' '; 65_537])),
        ("claimed", frame_head(FINAL | TEXT, 1 << 24)),
        ("claimed above 4 GiB", frame_head(FINAL | BINARY, 1 << 40)),
        ("fragments", fragments),
    ] {
        let (mut stream, _) = upgrade(&server, "wamp.2.json").await;
        let _ = stream.write_all(&bytes).await;
        let answer = rest(&mut stream, name).await;
        let frames = frames(&answer);
        assert_eq!(frames[0].0, TEXT, "{name}: {frames:?}");
        assert_eq!(abort_reason(&frames[0].1, name), PAYLOAD_SIZE_EXCEEDED, "{name}");
        assert_eq!(close_code(&answer, name), 1009, "{name}");
    }
    healthy.finish().await;
}

#[tokio::test]
async fn a_broken_web_socket_frame_closes_with_the_code_of_its_fault() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    let hello = encode(Encoding::Json, &hello("anonymous"));
    let unmasked = [&[FINAL | TEXT, u8::try_from(hello.len()).unwrap()], &hello[..]].concat();
    for (name, bytes, code) in [
        ("unmasked", unmasked, 1002),
        ("reserved bit", masked(FINAL | 0x40 | TEXT, &hello), 1002),
        ("reserved opcode", masked(FINAL | 3, &hello), 1002),
        ("reserved control opcode", masked(FINAL | 0x0b, &[]), 1002),
        ("fragmented ping", masked(PING, &[]), 1002),
        ("long ping", masked(FINAL | PING, &[0; 126]), 1002),
        ("continuation of nothing", masked(FINAL, &hello), 1002),
        ("message in a message", [masked(TEXT, b"["), masked(FINAL | TEXT, b"]")].concat(), 1002),
        ("close with half a code", masked(FINAL | CLOSE, &[3]), 1002),
        ("close with code 999", masked(FINAL | CLOSE, &999_u16.to_be_bytes()), 1002),
        ("close with code 1005", masked(FINAL | CLOSE, &1005_u16.to_be_bytes()), 1002),
        ("close with code 1006", masked(FINAL | CLOSE, &1006_u16.to_be_bytes()), 1002),
        ("close with text that is no UTF-8", masked(FINAL | CLOSE, &[3, 0xe8, 0xff]), 1007),
        ("text that is no UTF-8", masked(FINAL | TEXT, &[b'[', 0xff, b']']), 1007),
        ("text cut in a character", masked(FINAL | TEXT, &"\u{20ac}".as_bytes()[..2]), 1007),
        ("a fair close", masked(FINAL | CLOSE, &1000_u16.to_be_bytes()), 1000),
    ] {
        let (mut stream, _) = upgrade(&server, "wamp.2.json").await;
        stream.write_all(&bytes).await.unwrap();
        let answer = rest(&mut stream, name).await;
        assert_eq!(close_code(&answer, name), code, "{name}");
        for (opcode, content) in frames(&answer) {
            if opcode == TEXT {
                assert_eq!(abort_reason(&content, name), PROTOCOL_VIOLATION, "{name}");
            }
        }
    }
    healthy.finish().await;
}

#[tokio::test]
async fn an_http_request_that_opens_no_web_socket_is_told_why() {
    let server = open_server().await;
    let check = async |request: String, status: &str, body: &str| {
        let mut stream = dial(&server, Door::Http).await;
        stream.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes()).await.unwrap();
        let answer = String::from_utf8(rest(&mut stream, &request).await).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}\n{answer}");
        assert!(answer.contains(body), "{request}\n{answer}");
    };
    let known = "wamp.2.cbor, wamp.2.cbor.batched, wamp.2.msgpack, wamp.2.msgpack.batched, wamp.2.ubjson, \
        wamp.2.ubjson.batched, wamp.2.json, wamp.2.json.batched";
    check(request("Sec-WebSocket-Protocol: soap\r\n"), "400", known).await;
    check(request("Sec-WebSocket-Protocol: wamp.2.flatbuffers, wamp.2.flatbuffers.batched\r\n"), "400", known).await;
    check(request("Sec-WebSocket-Protocol: \r\n"), "400", known).await;
    check(request(""), "400", known).await;
    let json = request("Sec-WebSocket-Protocol: wamp.2.json\r\n");
    check(json.replace("Version: 13", "Version: 8"), "426", "ersion").await;
    check(json.replace("Upgrade: websocket", "Upgrade: h2c"), "426", "WebSocket").await;
    check(json.replace("GET /ws", "GET /nowhere"), "404", "").await;
    check(json.replace("GET /ws", "POST /ws"), "405", "").await;
    check(format!("GET /ws HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(1 << 20)), "431", "").await;
}

#[tokio::test]
async fn a_web_socket_offered_in_the_clients_order_takes_the_first_known() {
    let server = open_server().await;
    for (offered, taken) in [
        ("wamp.2.json, wamp.2.cbor", "wamp.2.json"),
        ("wamp.2.cbor,wamp.2.json", "wamp.2.cbor"),
        ("wamp.2.ubjson,wamp.2.cbor", "wamp.2.ubjson"),
        ("soap, wamp.2.flatbuffers, wamp.2.msgpack, wamp.2.json", "wamp.2.msgpack"),
        ("wamp.2.cbor.batched, wamp.2.cbor", "wamp.2.cbor.batched"),
        ("wamp.2.json, wamp.2.json.batched", "wamp.2.json"),
    ] {
        let (_, head) = upgrade(&server, offered).await;
        let line = format!("sec-websocket-protocol: {taken}\r\n");
        assert!(head.to_lowercase().contains(&line), "{offered}: {head}");
    }
    let mut stream = dial(&server, Door::Http).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
}
