//! Bytes by hand, so that what is sent owes nothing to the code under test; and a session that must not notice.

use std::time::{Duration, Instant};

use countersign_client::{Dict, Encoding, Value as WampValue};
use countersign_testkit::{Door, Server};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{PASSWORD, PREFIX, SOON, call, sign_in};

/// Any byte stream.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}
pub type Stream = Box<dyn Io>;

/// A fresh connection, nothing said; no TLS either.
pub async fn dial(server: &Server, door: Door) -> Stream {
    match door {
        Door::Unix => Box::new(UnixStream::connect(server.unix_socket()).await.unwrap()),
        _ => Box::new(TcpStream::connect(server.address(door)).await.unwrap()),
    }
}

/// What still comes until the server closes, which it does soon.
pub async fn rest(stream: &mut Stream, of: &str) -> Vec<u8> {
    let mut all = Vec::new();
    // A reset is an end as well: the server had unread bytes when it closed.
    let read = tokio::time::timeout(SOON, stream.read_to_end(&mut all)).await;
    assert!(read.is_ok(), "{of}: not closed after {SOON:?}; got {} bytes", all.len());
    all
}

/// A WebSocket whose frames are made by hand.
pub async fn upgrade(server: &Server, subprotocols: &str) -> (Stream, String) {
    let mut stream = dial(server, Door::Http).await;
    stream.write_all(request(&format!("Sec-WebSocket-Protocol: {subprotocols}\r\n")).as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    (stream, head)
}

/// An opening handshake with one more header line.
pub fn request(line: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{line}\r\n"
    )
}

/// The head of an HTTP answer, up to its empty line and nothing more.
pub async fn head(stream: &mut Stream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(tokio::time::timeout(SOON, stream.read_u8()).await.unwrap().unwrap());
    }
    String::from_utf8(head).unwrap()
}

pub const FINAL: u8 = 0x80;
pub const TEXT: u8 = 1;
pub const BINARY: u8 = 2;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;

/// A client's WebSocket frame; `first` is its first byte. The mask is zero, so the content stands in clear.
pub fn masked(first: u8, content: &[u8]) -> Vec<u8> {
    let mut frame = frame_head(first, content.len() as u64);
    frame.extend_from_slice(content);
    frame
}

/// The head of such a frame.
pub fn frame_head(first: u8, length: u64) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..=125 => head.push(0x80 | u8::try_from(length).unwrap()),
        126..=0xffff => {
            head.push(0x80 | 0x7e);
            head.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
        }
        _ => {
            head.push(0x80 | 0x7f);
            head.extend_from_slice(&length.to_be_bytes());
        }
    }
    head.extend_from_slice(&[0; 4]);
    head
}

/// Splits what a server sent into WebSocket frames: opcode and content.
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let [first, length, tail @ ..] = bytes {
        let (length, tail) = match length {
            126 => (usize::from(u16::from_be_bytes([tail[0], tail[1]])), &tail[2..]),
            127 => panic!("longer than any answer here"),
            short => (usize::from(*short), tail),
        };
        frames.push((first & 0x0f, tail[..length].to_vec()));
        bytes = &tail[length..];
    }
    frames
}

/// Writes what JSON can say in any serializer.
pub fn encode(encoding: Encoding, value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    match encoding {
        Encoding::Json => out = serde_json::to_vec(value).unwrap(),
        Encoding::MsgPack => msgpack(value, &mut out),
        Encoding::Cbor => cbor(value, &mut out),
        Encoding::Ubjson => ubjson(value, &mut out),
    }
    out
}

fn msgpack(value: &Value, out: &mut Vec<u8>) {
    let long = |code: u8, length: usize, out: &mut Vec<u8>| {
        out.push(code);
        out.extend_from_slice(&u32::try_from(length).unwrap().to_be_bytes());
    };
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(truth) => out.push(if *truth { 0xc3 } else { 0xc2 }),
        Value::Number(number) => {
            if let Some(unsigned) = number.as_u64() {
                out.push(0xcf);
                out.extend_from_slice(&unsigned.to_be_bytes());
            } else if let Some(signed) = number.as_i64() {
                out.push(0xd3);
                out.extend_from_slice(&signed.to_be_bytes());
            } else {
                out.push(0xcb);
                out.extend_from_slice(&number.as_f64().unwrap().to_be_bytes());
            }
        }
        Value::String(text) => {
            long(0xdb, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            long(0xdd, items.len(), out);
            for item in items {
                msgpack(item, out);
            }
        }
        Value::Object(entries) => {
            long(0xdf, entries.len(), out);
            for (key, value) in entries {
                msgpack(&Value::String(key.clone()), out);
                msgpack(value, out);
            }
        }
    }
}

fn cbor(value: &Value, out: &mut Vec<u8>) {
    let head = |major: u8, number: u64, out: &mut Vec<u8>| {
        out.push(major << 5 | 0x1b);
        out.extend_from_slice(&number.to_be_bytes());
    };
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(truth) => out.push(if *truth { 0xf5 } else { 0xf4 }),
        Value::Number(number) => {
            if let Some(unsigned) = number.as_u64() {
                head(0, unsigned, out);
            } else if let Some(signed) = number.as_i64() {
                head(1, u64::try_from(-1 - signed).unwrap(), out);
            } else {
                out.push(0xfb);
                out.extend_from_slice(&number.as_f64().unwrap().to_be_bytes());
            }
        }
        Value::String(text) => {
            head(3, text.len() as u64, out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Array(items) => {
            head(4, items.len() as u64, out);
            for item in items {
                cbor(item, out);
            }
        }
        Value::Object(entries) => {
            head(5, entries.len() as u64, out);
            for (key, value) in entries {
                cbor(&Value::String(key.clone()), out);
                cbor(value, out);
            }
        }
    }
}

fn ubjson(value: &Value, out: &mut Vec<u8>) {
    let sized = |bytes: &[u8], out: &mut Vec<u8>| {
        out.push(b'L');
        out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Null => out.push(b'Z'),
        Value::Bool(truth) => out.push(if *truth { b'T' } else { b'F' }),
        Value::Number(number) => {
            if let Some(signed) = number.as_i64() {
                out.push(b'L');
                out.extend_from_slice(&signed.to_be_bytes());
            } else if number.is_u64() {
                out.push(b'H');
                sized(number.to_string().as_bytes(), out);
            } else {
                out.push(b'D');
                out.extend_from_slice(&number.as_f64().unwrap().to_be_bytes());
            }
        }
        Value::String(text) => {
            out.push(b'S');
            sized(text.as_bytes(), out);
        }
        Value::Array(items) => {
            out.push(b'[');
            for item in items {
                ubjson(item, out);
            }
            out.push(b']');
        }
        Value::Object(entries) => {
            out.push(b'{');
            for (key, value) in entries {
                sized(key.as_bytes(), out);
                ubjson(value, out);
            }
            out.push(b'}');
        }
    }
}

/// A session that calls, publishes and hears itself all the while, and gets every answer.
pub struct Healthy {
    stop: oneshot::Sender<()>,
    task: JoinHandle<(u32, Duration)>,
}

impl Healthy {
    /// Signs the user `healthy` in.
    pub async fn start(server: &Server) -> Self {
        let session = sign_in(server, "healthy", PASSWORD).await.unwrap();
        let topic = format!("{PREFIX}.pulse");
        let mut events = session.subscribe(&topic, Dict::new()).await.unwrap();
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let mut beats = tokio::time::interval(Duration::from_millis(5));
            let (mut count, mut slowest) = (0, Duration::ZERO);
            while stopped.try_recv().is_err() {
                beats.tick().await;
                let began = Instant::now();
                let me = call(&session, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
                assert_eq!(me.as_dict().unwrap().get("authid"), Some(&WampValue::from("healthy")));
                let options = Dict::new().with("exclude_me", false).with("acknowledge", true);
                session.publish(&topic, vec![WampValue::Int(count.into())], Dict::new(), options).await.unwrap();
                assert_eq!(events.next().await.unwrap().args(), [WampValue::Int(count.into())]);
                count += 1;
                slowest = slowest.max(began.elapsed());
            }
            (count, slowest)
        });
        Self { stop, task }
    }

    /// Stops it; it must have been well to the end.
    pub async fn finish(self) {
        self.stop.send(()).expect("the healthy session failed");
        let (count, slowest) = self.task.await.expect("the healthy session noticed something");
        assert!(count > 0 && slowest < SOON, "{count} rounds, the slowest in {slowest:?}");
        eprintln!("the healthy session made {count} rounds, the slowest in {slowest:?}");
    }
}
