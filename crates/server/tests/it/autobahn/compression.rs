//! Sections 12 and 13: permessage-deflate, with data of several kinds and with every offer.
//!
//! The data are made here, of the same kinds as the suite's files: some that can be compressed well, some that can't.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};

use super::*;

/// Length of a message, and of its fragments; 0 for none.
const SIZES: [(usize, usize); 18] = [
    (16, 0),
    (64, 0),
    (256, 0),
    (1024, 0),
    (4096, 0),
    (8192, 0),
    (16_384, 0),
    (32_768, 0),
    (65_536, 0),
    (131_072, 0),
    (8192, 256),
    (16_384, 256),
    (32_768, 256),
    (65_536, 256),
    (131_072, 256),
    (131_072, 1024),
    (131_072, 4096),
    (131_072, 32_768),
];
/// Messages of one case, if they are short; 1000 there.
const MESSAGES_MAX: usize = 10;
/// Bytes of the messages of one case, about.
const CASE_BYTES: usize = 128 * 1024;
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];
/// What Autobahn's client offers, whatever it asks of the server.
const OFFER: &str = "permessage-deflate; client_no_context_takeover; client_max_window_bits";

/// What is asked of the server, in the order of 13.1 to 13.7, and the window that it has to keep to then.
const ASKED: [(&[&str], u8); 7] = [
    (&[""], 15),
    (&["; server_no_context_takeover"], 15),
    (&["; server_max_window_bits=9"], 9),
    (&["; server_max_window_bits=15"], 15),
    (&["; server_no_context_takeover; server_max_window_bits=9"], 9),
    (&["; server_no_context_takeover; server_max_window_bits=15"], 15),
    (&["; server_no_context_takeover; server_max_window_bits=9", "; server_no_context_takeover", ""], 9),
];

/// Some bytes of a kind, from a number that they depend on.
type Data = fn(usize) -> Vec<u8>;

const DATA: [(u8, Data); 5] = [
    (TEXT, |n| {
        format!("{{\"id\":{n},\"name\":\"user-{}\",\"tags\":[\"a\",\"b\"],\"on\":true}},\n", n % 17).into_bytes()
    }),
    (BINARY, |n| (0..64).map(|at| u8::try_from((n / 8 + at * at / 50) % 256).unwrap()).collect()),
    (BINARY, |n| format!("Habe nun, ach, Vers {n}\r\nund leider auch die Zeile {}\r\n", n * n % 97).into_bytes()),
    (TEXT, |n| format!("<li class=\"item n{}\"><a href=\"/p/{n}\">§ {n}</a></li>\n", n % 3).into_bytes()),
    (BINARY, |n| noise(n).to_vec()),
];

fn noise(n: usize) -> [u8; 8] {
    let state = u64::try_from(n).unwrap().wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (state ^ state >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9).to_be_bytes()
}

pub async fn run_all() {
    let server = echo_server().await;
    for (section, (opcode, data)) in DATA.into_iter().enumerate() {
        run_sizes(&server, &format!("12.{}", section + 1), ASKED[0], opcode, data).await;
    }
    for (section, asked) in ASKED.into_iter().enumerate() {
        let (opcode, data) = DATA[0];
        run_sizes(&server, &format!("13.{}", section + 1), asked, opcode, data).await;
    }
}

async fn run_sizes(server: &Server, section: &str, (asked, window_bits): (&[&str], u8), opcode: u8, data: Data) {
    let offers: Vec<String> = asked.iter().map(|asked| format!("{OFFER}{asked}")).collect();
    let line = format!("Sec-WebSocket-Extensions: {}\r\n", offers.join(", "));
    for (at, size) in SIZES.into_iter().enumerate() {
        let of = format!("case {section}.{}", at + 1);
        let case = run(server, &of, &line, window_bits, opcode, data, size);
        assert!(tokio::time::timeout(CASE_DEADLINE, case).await.is_ok(), "{of}: not over after {CASE_DEADLINE:?}");
    }
}

async fn run(
    server: &Server,
    of: &str,
    line: &str,
    window_bits: u8,
    opcode: u8,
    data: Data,
    (length, bytes_max): (usize, usize),
) {
    let (mut peer, head) = Peer::connect(server, line).await;
    let answer = head
        .lines()
        .find_map(|line| line.strip_prefix("sec-websocket-extensions: "))
        .unwrap_or_else(|| panic!("{of}: {head}"));
    assert!(answer.contains("server_no_context_takeover; client_no_context_takeover"), "{of}: {answer}");
    let window = answer.split_once("server_max_window_bits=").map(|(_, bits)| bits);
    assert_eq!(window.is_some(), line.contains("server_max_window_bits"), "{of}: {answer}");
    assert!(window.is_none_or(|bits| bits == window_bits.to_string()), "{of}: {answer}");

    let count = (CASE_BYTES / length).clamp(1, MESSAGES_MAX);
    let mut all: Vec<u8> = Vec::new();
    let mut parts = 0..;
    while all.len() < count * length {
        all.extend(data(parts.next().unwrap()));
    }
    for payload in all.chunks_exact(length).take(count) {
        // A text that is cut in a code point is none.
        let payload =
            if opcode == TEXT { String::from_utf8_lossy(payload).into_owned().into_bytes() } else { payload.to_vec() };
        let deflated = deflate(&payload);
        let sent = match bytes_max {
            0 => frame(FINAL | COMPRESSED | opcode, &deflated),
            bytes_max => fragments(COMPRESSED | opcode, &deflated, bytes_max),
        };
        peer.send(&sent, usize::MAX).await;
        let (first, content) = peer.hear_frame().await.unwrap_or_else(|| panic!("{of}: ended"));
        assert_eq!(first & !COMPRESSED, FINAL | opcode, "{of}");
        let is_compressed = first & COMPRESSED != 0;
        let content = if is_compressed { inflate(&content, window_bits) } else { content };
        assert!(content == payload, "{of}: not what was sent");
        // Long messages are answered in short if that is shorter, and no others.
        let is_noise = opcode == BINARY && data(0) == noise(0);
        assert_eq!(is_compressed, length >= 1024 && !is_noise, "{of}");
    }
    peer.close().await;
    assert_eq!(peer.hear().await, Some((CLOSE, NORMAL.to_be_bytes().to_vec())), "{of}");
    assert_eq!(peer.hear().await, None, "{of}");
}

fn deflate(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + payload.len() / 100 + 100);
    Compress::new(Compression::new(6), false).compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
    assert!(out.len() < out.capacity());
    out.truncate(out.strip_suffix(&TAIL).unwrap().len());
    out
}

/// Inflates with exactly the window that was agreed on, and nothing of what was before.
fn inflate(content: &[u8], window_bits: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(512 * 1024);
    let mut state = Decompress::new_with_window_bits(false, window_bits);
    state.decompress_vec(&[content, &TAIL].concat(), &mut out, FlushDecompress::Sync).unwrap();
    out
}
