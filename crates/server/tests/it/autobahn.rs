//! The cases of the Autobahn WebSocket test-suite, against the echo of the real binary.
//!
//! Each case has its number there; what is sent and expected is taken from its description, the bytes are made here.
//! Where the suite accepts more than one behaviour, the strict one is demanded; what it only reports is informational
//! here as well. Sections 9, 12 and 13 measure: they are run with fewer messages, so that all takes seconds.
//!
//! Source: the suite's list of cases, version 25.10.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod closing;
mod compression;
mod framing;
mod load;
mod utf8;

use std::time::Duration;

use countersign_testkit::{Door, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use crate::support::server_with;

/// Longest time of one case; the longest ones move 16 MiB.
const CASE_DEADLINE: Duration = Duration::from_mins(1);
/// Payloads up to here are masked by a key that changes them.
const MASKED_BYTES_MAX: usize = 100_000;
const MASK: [u8; 4] = [0x1f, 0xc5, 0x92, 0x6b];

const FINAL: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const NORMAL: u16 = 1000;
const PROTOCOL_ERROR: u16 = 1002;
const INVALID_DATA: u16 = 1007;

/// A case: what is sent, what has to be heard, and how it ends.
#[derive(Debug)]
struct Case {
    number: String,
    sends: Vec<Step>,
    hears: Vec<Heard>,
    end: End,
}

#[derive(Debug)]
enum Step {
    /// Bytes in portions of at most so many.
    Send(Vec<u8>, usize),
    /// Waits until as much was heard.
    Hear(usize),
}

/// What the server says: the opcode and the content.
type Heard = (u8, Vec<u8>);

#[derive(Debug, Clone, Copy)]
enum End {
    /// We close in the end, and are answered with the same code.
    WeClose,
    /// We have closed, and are answered with this code.
    Answered(Option<u16>),
    /// The server ends the connection with one of these codes.
    Fails(&'static [u16]),
    /// Informational: it ends, somehow.
    Anyhow,
}

impl Case {
    fn new(number: impl Into<String>, end: End) -> Self {
        Self { number: number.into(), sends: Vec::new(), hears: Vec::new(), end }
    }

    /// Sends a frame with one write.
    fn send(self, first: u8, content: impl AsRef<[u8]>) -> Self {
        self.send_in(first, content, usize::MAX)
    }

    /// Sends a frame in portions.
    fn send_in(mut self, first: u8, content: impl AsRef<[u8]>, portion: usize) -> Self {
        self.sends.push(Step::Send(frame(first, content.as_ref()), portion));
        self
    }

    /// Sends any bytes with one write.
    fn send_raw(mut self, bytes: Vec<u8>) -> Self {
        self.sends.push(Step::Send(bytes, usize::MAX));
        self
    }

    /// Has to hear this.
    fn hear(mut self, opcode: u8, content: impl AsRef<[u8]>) -> Self {
        self.hears.push((opcode, content.as_ref().to_vec()));
        self
    }

    /// Goes on sending only once all that was named has been heard.
    fn wait(mut self) -> Self {
        self.sends.push(Step::Hear(self.hears.len()));
        self
    }

    async fn run(self, server: &Server) {
        let number = self.number.clone();
        let run = tokio::time::timeout(CASE_DEADLINE, self.run_to_end(server)).await;
        assert!(run.is_ok(), "case {number}: not over after {CASE_DEADLINE:?}");
    }

    async fn run_to_end(self, server: &Server) {
        let of = format!("case {}", self.number);
        let (mut peer, _) = Peer::connect(server, "").await;
        let mut heard = Vec::new();
        for step in self.sends {
            match step {
                Step::Send(bytes, portion) => peer.send(&bytes, portion).await,
                Step::Hear(count) => {
                    while heard.len() < count {
                        heard.push(peer.hear().await.unwrap_or_else(|| panic!("{of}: ended after {heard:?}")));
                    }
                }
            }
        }
        let we_close = matches!(self.end, End::WeClose);
        while heard.len() < self.hears.len() || !we_close {
            match peer.hear().await {
                Some((CLOSE, content)) => {
                    heard.push((CLOSE, content));
                    break;
                }
                Some(frame) => heard.push(frame),
                None => break,
            }
        }
        if we_close {
            peer.close().await;
            heard.push(peer.hear().await.unwrap_or_else(|| panic!("{of}: no answer to our closing frame")));
        }
        let is_over = peer.hear().await.is_none();
        assert!(is_over, "{of}: something comes behind the closing frame");
        if matches!(self.end, End::Anyhow) {
            return;
        }
        let close =
            heard.pop().filter(|(opcode, _)| *opcode == CLOSE).unwrap_or_else(|| panic!("{of}: no closing frame"));
        assert!(heard == self.hears, "{of}: {} frames, not {}", heard.len(), self.hears.len());
        let code = close.1.first_chunk().map(|code| u16::from_be_bytes(*code));
        match self.end {
            End::WeClose => assert_eq!(code, Some(NORMAL), "{of}"),
            End::Answered(want) => assert_eq!(code, want, "{of}"),
            End::Fails(codes) => assert!(code.is_some_and(|code| codes.contains(&code)), "{of}: {code:?}"),
            End::Anyhow => {}
        }
    }
}

/// A client by hand.
struct Peer {
    stream: BufReader<TcpStream>,
}

impl Peer {
    /// Opens a WebSocket at the echo, with further header lines; gives the head of the answer as well.
    async fn connect(server: &Server, lines: &str) -> (Self, String) {
        let stream = TcpStream::connect(server.address(Door::Http)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut peer = Self { stream: BufReader::new(stream) };
        let request = format!(
            "GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
        );
        peer.stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(peer.stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        (peer, head.to_lowercase())
    }

    async fn send(&mut self, bytes: &[u8], portion: usize) {
        for portion in bytes.chunks(portion.min(bytes.len()).max(1)) {
            // The server may have closed before the last byte.
            if self.stream.write_all(portion).await.is_err() {
                return;
            }
        }
    }

    async fn close(&mut self) {
        self.send(&frame(FINAL | CLOSE, &NORMAL.to_be_bytes()), usize::MAX).await;
    }

    /// The next frame, which is whole and not masked; `None` at the end.
    async fn hear(&mut self) -> Option<Heard> {
        let (first, content) = self.hear_frame().await?;
        assert_eq!(first & !0x0f, FINAL, "the echo sends whole messages, not compressed");
        Some((first & 0x0f, content))
    }

    /// The first byte of the next frame, and its content.
    async fn hear_frame(&mut self) -> Option<Heard> {
        let first = self.stream.read_u8().await.ok()?;
        let length = match self.stream.read_u8().await.ok()? {
            126 => self.stream.read_u16().await.ok()?.into(),
            127 => self.stream.read_u64().await.ok()?,
            short => short.into(),
        };
        let mut content = vec![0; usize::try_from(length).unwrap()];
        self.stream.read_exact(&mut content).await.ok()?;
        Some((first, content))
    }
}

/// A client's frame; `first` is its first byte.
fn frame(first: u8, content: &[u8]) -> Vec<u8> {
    let mask = if content.len() <= MASKED_BYTES_MAX { MASK } else { [0; 4] };
    let mut frame = vec![first];
    match content.len() {
        short @ 0..126 => frame.push(0x80 | u8::try_from(short).unwrap()),
        long @ 126..0x1_0000 => {
            frame.push(0xfe);
            frame.extend_from_slice(&u16::try_from(long).unwrap().to_be_bytes());
        }
        longer => {
            frame.push(0xff);
            frame.extend_from_slice(&u64::try_from(longer).unwrap().to_be_bytes());
        }
    }
    frame.extend_from_slice(&mask);
    if mask == [0; 4] {
        frame.extend_from_slice(content);
    } else {
        frame.extend(content.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
    frame
}

/// A message in fragments of at most so many bytes.
fn fragments(first: u8, content: &[u8], bytes_max: usize) -> Vec<u8> {
    let mut pieces = content.chunks(bytes_max).peekable();
    let (mut first, mut all) = (first, Vec::with_capacity(content.len() + 8 * content.len() / bytes_max));
    while let Some(piece) = pieces.next() {
        let end = if pieces.peek().is_none() { FINAL } else { 0 };
        all.extend(frame(end | first, piece));
        first = CONTINUATION;
    }
    all
}

async fn echo_server() -> Server {
    server_with("[test]\necho_path = \"/echo\"").listen([Door::Http]).start().await
}

/// Runs each case, of which there are as many as in the suite.
async fn run_all(cases: Vec<Case>, count: usize) {
    assert_eq!(cases.len(), count);
    let server = echo_server().await;
    for case in cases {
        case.run(&server).await;
    }
}

#[tokio::test]
async fn the_echo_is_only_where_it_is_configured() {
    let server = server_with("").listen([Door::Http]).start().await;
    let mut stream = TcpStream::connect(server.address(Door::Http)).await.unwrap();
    stream.write_all(b"GET /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(!server.output().contains("test.echo_path"));
    assert!(echo_server().await.output().contains("test.echo_path"));
}

#[tokio::test]
async fn autobahn_sections_1_to_5_framing_pings_reserved_bits_opcodes_and_fragments() {
    run_all(framing::cases(), 64).await;
}

#[tokio::test]
async fn autobahn_section_6_utf8() {
    run_all(utf8::cases(), 145).await;
}

#[tokio::test]
async fn autobahn_section_7_closing() {
    run_all(closing::cases(), 37).await;
}

#[tokio::test]
async fn autobahn_sections_9_and_10_long_messages_and_many() {
    let cases = load::cases();
    run_all(cases, 55 - load::ROUND_TRIPS.len() * 2).await;
    load::round_trips().await;
}

#[tokio::test]
async fn autobahn_sections_12_and_13_permessage_deflate() {
    compression::run_all().await;
}
