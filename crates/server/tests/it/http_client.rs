//! HTTP requests by hand, on connections that are kept.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use countersign_testkit::{Door, Server};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::SOON;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    /// Status line and headers, in lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Reply {
    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(known, _)| *known == name).map_or("", |(_, value)| value)
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// One connection.
pub struct Http {
    stream: TcpStream,
}

impl Http {
    pub async fn connect(server: &Server) -> Self {
        Self { stream: TcpStream::connect(server.address(Door::Http)).await.unwrap() }
    }

    /// Sends a request; `headers` are whole lines, each with its end.
    pub async fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) {
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
        self.write(&[head.as_bytes(), body].concat()).await;
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    /// The next answer, which comes soon; `None` if the connection ends before.
    pub async fn recv(&mut self) -> Option<Reply> {
        tokio::time::timeout(SOON * 4, self.read_reply(true)).await.expect("an answer soon")
    }

    async fn read_reply(&mut self, has_body: bool) -> Option<Reply> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await.ok()?);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut reply = Reply { status, head, body: Vec::new() };
        let length = if has_body { reply.header("content-length").parse().unwrap_or(0) } else { 0 };
        reply.body.resize(length, 0);
        self.stream.read_exact(&mut reply.body).await.ok()?;
        Some(reply)
    }

    /// Asks and waits for the answer.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
        self.send(method, path, headers, body).await;
        let answer = tokio::time::timeout(SOON * 4, self.read_reply(method != "HEAD")).await.expect("an answer soon");
        answer.unwrap_or_else(|| panic!("{method} {path}: the connection ended"))
    }

    pub async fn post(&mut self, path: &str, body: &[u8]) -> Reply {
        self.ask("POST", path, "Content-Type: application/json\r\n", body).await
    }

    /// Waits until the server closes.
    pub async fn closed(&mut self) {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(SOON * 4, self.stream.read_to_end(&mut rest)).await.expect("an end soon");
        assert!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
}

/// One request on a connection of its own.
pub async fn ask(server: &Server, method: &str, path: &str, headers: &str, body: &[u8]) -> Reply {
    Http::connect(server).await.ask(method, path, headers, body).await
}
