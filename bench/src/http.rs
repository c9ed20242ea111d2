//! HTTP/1.1 for load: requests are made once, one after the other goes over a connection that stays open.

use std::io;
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::wire::odd;

/// Room that a read asks for, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// Longest head of an answer, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// A connection.
pub struct Http {
    stream: TcpStream,
    inbox: BytesMut,
}

impl Http {
    /// Connects.
    pub async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, inbox: BytesMut::new() })
    }

    /// Sends a whole request and waits for the body of the answer; any status but 200 is an error.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Bytes> {
        let (line, body) = self.exchange_any(request).await?;
        if line.starts_with("HTTP/1.1 200 ") {
            return Ok(body);
        }
        Err(odd(&format!("{line}: {}", String::from_utf8_lossy(&body))))
    }

    /// The same with any status: the first line of the answer, and its body.
    pub async fn exchange_any(&mut self, request: &[u8]) -> io::Result<(String, Bytes)> {
        self.stream.write_all(request).await?;
        loop {
            if let Some(end) = self.inbox.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = self.inbox.split_to(end + 4).freeze();
                let length = content_length(&head)?;
                while self.inbox.len() < length {
                    self.fill().await?;
                }
                let body = self.inbox.split_to(length).freeze();
                let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
                return Ok((line, body));
            }
            if self.inbox.len() > HEAD_BYTES_MAX {
                return Err(odd("an endless head of an answer"));
            }
            self.fill().await?;
        }
    }

    /// Sends a JSON object and waits for the one that is answered.
    pub async fn json(&mut self, method: &str, path: &str, body: &Value) -> io::Result<Value> {
        let answer = self.exchange(&request(method, path, body)).await?;
        let answer: Value = serde_json::from_slice(&answer)?;
        if answer.get("status").and_then(Value::as_str) == Some("ok") {
            return Ok(answer);
        }
        Err(odd(&format!("{method} {path}: {answer}")))
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.inbox.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(odd("the server closed the connection")),
            _ => Ok(()),
        }
    }
}

/// A request with a JSON body.
pub fn request(method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    let length = body.len();
    let head = "Host: localhost\r\nContent-Type: application/json";
    format!("{method} {path} HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// A request without a body.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

fn content_length(head: &[u8]) -> io::Result<usize> {
    let head = std::str::from_utf8(head).map_err(|_| odd("a head that is no text"))?;
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = fields.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, value)| value.trim().parse().ok());
    length.ok_or_else(|| odd("an answer that doesn't say how long it is"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_long_an_answer_is() {
        let check = |head: &[u8], want| assert_eq!(content_length(head).ok(), want);
        check(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n", Some(12));
        check(b"HTTP/1.1 200 OK\r\nX: 1\r\nContent-Length:0\r\n\r\n", Some(0));
        check(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", None);
    }
}
