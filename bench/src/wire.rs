//! A connection that carries frames and knows nothing of their content.
//!
//! The load must cost little beside the server that it measures: frames are gathered and written at once, everything
//! that has arrived is read at once, and nothing is copied out of the read buffer. The WebSocket side masks with the
//! key 0, which RFC 6455 allows and which changes no byte.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use countersign_wamp::Encoding;
use countersign_wamp::rawsocket::{FrameLimit, HANDSHAKE_BYTES, HEADER_BYTES, Handshake};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Room that a read asks for, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// Longest head of an HTTP answer, in bytes.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A key for the opening handshake; its answer isn't checked here.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// A RawSocket frame's head for a PONG without content.
const RAWSOCKET_PONG: u32 = 0x0200_0000;

/// Where a server listens, and what it speaks there.
#[derive(Debug, Clone)]
pub enum Address {
    /// WebSocket at this path.
    WebSocket(SocketAddr, String),
    /// WebSocket at this path, under TLS.
    WebSocketTls(SocketAddr, String, Tls),
    /// RawSocket on TCP.
    RawTcp(SocketAddr),
    /// RawSocket on a Unix socket.
    RawUnix(PathBuf),
}

impl Address {
    /// As clients take it.
    pub fn url(&self) -> String {
        match self {
            Self::WebSocket(address, path) => format!("ws://{address}{path}"),
            Self::WebSocketTls(address, path, _) => format!("wss://{address}{path}"),
            Self::RawTcp(address) => format!("tcp://{address}"),
            Self::RawUnix(path) => format!("unix:{}", path.display()),
        }
    }
}

/// How to speak TLS with a server whose certificate is known.
#[derive(Clone)]
pub struct Tls(TlsConnector);

impl Tls {
    /// Believes this certificate, in a file, and no other.
    pub fn of(certificate: &Path) -> io::Result<Self> {
        let certificate = CertificateDer::from_pem_file(certificate).map_err(io::Error::other)?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate).map_err(io::Error::other)?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        self.0.connect(address.ip().into(), tcp(address).await?).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    WebSocket { opcode: u8 },
    RawSocket,
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// One connection.
pub struct Wire {
    stream: Box<dyn Duplex>,
    framing: Framing,
    /// The serializer agreed on.
    pub encoding: Encoding,
    inbox: BytesMut,
    outbox: BytesMut,
}

impl Wire {
    /// Connects, and shakes hands for frames of `encoding`.
    pub async fn connect(address: &Address, encoding: Encoding) -> io::Result<Self> {
        let websocket = Framing::WebSocket { opcode: if encoding.is_text() { 1 } else { 2 } };
        let (stream, framing): (Box<dyn Duplex>, _) = match address {
            Address::WebSocket(address, _) => (Box::new(tcp(*address).await?), websocket),
            Address::WebSocketTls(address, _, tls) => (Box::new(tls.connect(*address).await?), websocket),
            Address::RawTcp(address) => (Box::new(tcp(*address).await?), Framing::RawSocket),
            Address::RawUnix(path) => (Box::new(UnixStream::connect(path).await?), Framing::RawSocket),
        };
        let mut wire = Self { stream, framing, encoding, inbox: BytesMut::new(), outbox: BytesMut::new() };
        match address {
            Address::WebSocket(address, path) | Address::WebSocketTls(address, path, _) => {
                wire.upgrade(*address, path).await?;
            }
            Address::RawTcp(_) | Address::RawUnix(_) => wire.shake_hands().await?,
        }
        Ok(wire)
    }

    async fn upgrade(&mut self, address: SocketAddr, path: &str) -> io::Result<()> {
        let protocol = self.encoding.subprotocol();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
        );
        self.stream.write_all(request.as_bytes()).await?;
        loop {
            if let Some(end) = self.inbox.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let head = self.inbox.split_to(end + 4);
                let is_upgraded = head.starts_with(b"HTTP/1.1 101");
                return if is_upgraded { Ok(()) } else { Err(odd("no WebSocket is spoken there")) };
            }
            if self.inbox.len() > HEAD_BYTES_MAX {
                return Err(odd("an endless answer to the upgrade"));
            }
            self.fill().await?;
        }
    }

    async fn shake_hands(&mut self) -> io::Result<()> {
        let handshake = Handshake { encoding: self.encoding, limit: FrameLimit::LARGEST };
        self.stream.write_all(&handshake.to_bytes()).await?;
        while self.inbox.len() < HANDSHAKE_BYTES {
            self.fill().await?;
        }
        let answer = self.inbox.split_to(HANDSHAKE_BYTES);
        let accepted = handshake.to_bytes().get(1).map(|byte| byte & 0x0F) == answer.get(1).map(|byte| byte & 0x0F);
        if accepted { Ok(()) } else { Err(odd("the RawSocket handshake was refused")) }
    }

    /// Puts a frame of `content` into the outbox.
    pub fn queue(&mut self, content: &[u8]) {
        self.queue_parts(&[content]);
    }

    /// Puts one frame of all `parts` into the outbox.
    pub fn queue_parts(&mut self, parts: &[&[u8]]) {
        let length = parts.iter().map(|part| part.len()).sum();
        self.queue_head(length);
        for part in parts {
            self.outbox.extend_from_slice(part);
        }
    }

    fn queue_head(&mut self, length: usize) {
        match self.framing {
            Framing::RawSocket => {
                // The bench never sends 16 MiB, so three bytes hold the length.
                let length = u32::try_from(length).unwrap_or(0).to_be_bytes();
                self.outbox.extend_from_slice(&length);
            }
            Framing::WebSocket { opcode } => {
                self.outbox.extend_from_slice(&[0x80 | opcode]);
                match (u8::try_from(length), u16::try_from(length)) {
                    (Ok(short), _) if short < 126 => self.outbox.extend_from_slice(&[0x80 | short]),
                    (_, Ok(medium)) => {
                        self.outbox.extend_from_slice(&[0xFE]);
                        self.outbox.extend_from_slice(&medium.to_be_bytes());
                    }
                    _ => {
                        self.outbox.extend_from_slice(&[0xFF]);
                        self.outbox.extend_from_slice(&(length as u64).to_be_bytes());
                    }
                }
                self.outbox.extend_from_slice(&[0; 4]);
            }
        }
    }

    /// Writes the outbox.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.outbox).await?;
        self.outbox.clear();
        Ok(())
    }

    /// Sends one frame at once.
    pub async fn send(&mut self, content: &[u8]) -> io::Result<()> {
        self.queue(content);
        self.flush().await
    }

    /// The next data frame, waited for. Pings are answered on the way.
    pub async fn next(&mut self) -> io::Result<Bytes> {
        loop {
            if let Some(frame) = self.arrived()? {
                return Ok(frame);
            }
            if !self.outbox.is_empty() {
                self.flush().await?;
            }
            self.fill().await?;
        }
    }

    /// The next data frame, if it has been read already.
    pub fn arrived(&mut self) -> io::Result<Option<Bytes>> {
        while let Some((kind, head, length)) = self.head()? {
            if self.inbox.len() < head + length {
                return Ok(None);
            }
            self.inbox.advance(head);
            let content = self.inbox.split_to(length).freeze();
            match kind {
                Kind::Data => return Ok(Some(content)),
                Kind::Ping => self.queue_pong(&content),
                Kind::Other => {}
                Kind::Close => return Err(odd("the server closed the connection")),
            }
        }
        Ok(None)
    }

    fn queue_pong(&mut self, content: &[u8]) {
        match self.framing {
            Framing::RawSocket => {
                let head = RAWSOCKET_PONG | u32::try_from(content.len()).unwrap_or(0);
                self.outbox.extend_from_slice(&head.to_be_bytes());
            }
            Framing::WebSocket { .. } => {
                let length = u8::try_from(content.len()).unwrap_or(0);
                self.outbox.extend_from_slice(&[0x8A, 0x80 | length, 0, 0, 0, 0]);
            }
        }
        self.outbox.extend_from_slice(content);
    }

    /// Kind, length of the head and of the content of the frame that begins the inbox.
    fn head(&self) -> io::Result<Option<(Kind, usize, usize)>> {
        let inbox = &self.inbox[..];
        if self.framing == Framing::RawSocket {
            let Some(&[kind, high, middle, low]) = inbox.first_chunk() else { return Ok(None) };
            let kind = match kind & 0x07 {
                0 => Kind::Data,
                1 => Kind::Ping,
                _ => Kind::Other,
            };
            return Ok(Some((
                kind,
                HEADER_BYTES,
                usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low),
            )));
        }
        let Some(&[first, second]) = inbox.first_chunk() else { return Ok(None) };
        if first & 0x80 == 0 {
            return Err(odd("a fragmented message"));
        }
        let kind = match first & 0x0F {
            1 | 2 => Kind::Data,
            8 => Kind::Close,
            9 => Kind::Ping,
            _ => Kind::Other,
        };
        // Behind the relay the other client's mask is still there; its key is 0.
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let rest = inbox.get(2..).unwrap_or_default();
        Ok(match second & 0x7F {
            126 => rest.first_chunk().map(|bytes| (kind, 4 + mask, usize::from(u16::from_be_bytes(*bytes)))),
            127 => match rest.first_chunk().map(|bytes| usize::try_from(u64::from_be_bytes(*bytes))) {
                Some(Ok(length)) => Some((kind, 10 + mask, length)),
                _ => None,
            },
            length => Some((kind, 2 + mask, usize::from(length))),
        })
    }

    async fn fill(&mut self) -> io::Result<()> {
        self.inbox.reserve(READ_BYTES);
        match self.stream.read_buf(&mut self.inbox).await? {
            0 => Err(odd("the server closed the connection")),
            _ => Ok(()),
        }
    }

    /// Gives the buffers back; for connections that will wait long.
    pub fn rest(&mut self) {
        if self.inbox.is_empty() {
            self.inbox = BytesMut::new();
            self.outbox = BytesMut::new();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Data,
    Ping,
    Close,
    Other,
}

async fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What a server should not do.
pub fn odd(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
