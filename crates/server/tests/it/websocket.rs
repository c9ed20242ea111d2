//! WAMP over a WebSocket: compression, and peers that fall silent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use countersign_testkit::{Door, Server, eventually};
use flate2::{Decompress, FlushDecompress};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bad_input::wire::{CLOSE, FINAL, PING, Stream, TEXT, dial, head, masked, request, rest};
use crate::support::{PASSWORD, PREFIX, SOON, passed, server_with};

const COMPRESSED: u8 = 0x40;
const PONG: u8 = 10;
const OFFER: &str = "Sec-WebSocket-Protocol: wamp.2.json\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";

/// A WebSocket with compression, if the server wants it; and whether it does.
async fn connect(server: &Server) -> (Stream, bool) {
    let mut stream = dial(server, Door::Http).await;
    stream.write_all(request(OFFER).as_bytes()).await.unwrap();
    let head = head(&mut stream).await.to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    (stream, head.contains("sec-websocket-extensions: permessage-deflate"))
}

async fn say(stream: &mut Stream, text: &str) {
    stream.write_all(&masked(FINAL | TEXT, text.as_bytes())).await.unwrap();
}

/// The next frame: its first byte, and its content, inflated if need be.
async fn hear(stream: &mut Stream) -> (u8, Vec<u8>) {
    let frame = async {
        let first = stream.read_u8().await.unwrap();
        let length = match stream.read_u8().await.unwrap() {
            126 => stream.read_u16().await.unwrap().into(),
            short => usize::from(short),
        };
        let mut content = vec![0; length];
        stream.read_exact(&mut content).await.unwrap();
        (first, content)
    };
    let (first, mut content) = tokio::time::timeout(SOON, frame).await.expect("a frame comes soon");
    if first & COMPRESSED != 0 {
        content.extend_from_slice(&[0, 0, 0xff, 0xff]);
        let mut inflated = Vec::with_capacity(64 * 1024);
        Decompress::new(false).decompress_vec(&content, &mut inflated, FlushDecompress::Sync).unwrap();
        content = inflated;
    }
    (first, content)
}

/// Signs in; gives how the frames of the login were marked.
async fn sign_in(stream: &mut Stream) -> Vec<u8> {
    let mut firsts = Vec::new();
    let hello = r#"[1,"izaber",{"roles":{"caller":{}},"authid":"kristen98","authmethods":["ticket"]}]"#;
    for (message, answer) in [
        (hello.to_owned(), "[4,"),
        (r#"[5,"wrong",{}]"#.to_owned(), "[3,"),
        (hello.to_owned(), "[4,"),
        (format!(r#"[5,"{PASSWORD}",{{}}]"#), "[2,"),
    ] {
        say(stream, &message).await;
        let (first, content) = hear(stream).await;
        assert!(content.starts_with(answer.as_bytes()), "{}", String::from_utf8_lossy(&content));
        firsts.push(first);
    }
    firsts.pop();
    firsts
}

#[tokio::test]
async fn messages_of_a_session_are_compressed_where_both_sides_want_it() {
    for (toml, is_agreed, is_compressed) in [
        ("compression_bytes_min = 1", true, true),
        ("compression_bytes_min = 100000", true, false),
        ("compression = false", false, false),
    ] {
        let server = server_with(&format!("[websocket]\n{toml}")).listen([Door::Http]).start().await;
        server.add_user("kristen98", "backend", PASSWORD).await;
        let (mut stream, agreed) = connect(&server).await;
        assert_eq!(agreed, is_agreed, "{toml}");
        // A stranger could learn from the length what is in a compressed login.
        assert_eq!(sign_in(&mut stream).await, [FINAL | TEXT; 3], "{toml}");
        say(&mut stream, &format!(r#"[48,1,{{}},"{PREFIX}.auth.whoami"]"#)).await;
        let (first, content) = hear(&mut stream).await;
        assert!(content.starts_with(b"[50,1,"), "{toml}");
        assert_eq!(first & COMPRESSED != 0, is_compressed, "{toml}");
    }
}

#[tokio::test]
async fn a_compressed_login_may_not_be_longer_than_any_login() {
    let server = server_with("").listen([Door::Http]).start().await;
    let (mut stream, _) = connect(&server).await;
    let mut bomb = Vec::with_capacity(64 * 1024);
    let mut deflate = flate2::Compress::new(flate2::Compression::best(), false);
    deflate.compress_vec(&vec![b' '; 1 << 20], &mut bomb, flate2::FlushCompress::Sync).unwrap();
    bomb.truncate(bomb.len() - 4);
    assert!(bomb.len() < 4096);
    stream.write_all(&masked(FINAL | COMPRESSED | TEXT, &bomb)).await.unwrap();
    let (_, content) = hear(&mut stream).await;
    assert!(String::from_utf8_lossy(&content).contains("wamp.error.payload_size_exceeded"));
    let (first, content) = hear(&mut stream).await;
    assert_eq!((first, &content[..]), (FINAL | CLOSE, &1009_u16.to_be_bytes()[..]));
}

#[tokio::test]
async fn a_peer_that_does_not_answer_pings_is_given_up() {
    let server = server_with("[websocket]\nping_seconds = 1").listen([Door::Http]).start().await;
    server.add_user("kristen98", "backend", PASSWORD).await;
    let (mut stream, _) = connect(&server).await;
    sign_in(&mut stream).await;
    for _ in 0..2 {
        let (first, content) = hear(&mut stream).await;
        assert_eq!(first, FINAL | PING);
        stream.write_all(&masked(FINAL | PONG, &content)).await.unwrap();
    }
    assert_eq!(hear(&mut stream).await.0, FINAL | PING);
    assert_eq!(passed(&server, "websocket.ping_seconds").await, 0);
    let (first, content) = hear(&mut stream).await;
    assert_eq!((first, &content[..]), (FINAL | CLOSE, &1008_u16.to_be_bytes()[..]));
    assert!(rest(&mut stream, "given up").await.is_empty());
    let told = async || server.output().contains("doesn't answer pings").then_some(());
    eventually("a line in the log", SOON, told).await;
    let counted = async || (passed(&server, "websocket.ping_seconds").await == 1).then_some(());
    eventually("its counter", SOON, counted).await;
}
