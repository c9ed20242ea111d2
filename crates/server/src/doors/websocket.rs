//! WAMP over WebSocket, on an HTTP request that was upgraded. The protocol itself is the crate
//! `countersign-websocket`; here are the stream, the limits and the time.
//!
//! A connection that is idle holds no buffer: it is read into one that its thread has for all, and
//! what is written is let go.
//!
//! Source: RFC 6455, RFC 7692; WAMP specification, basic profile "WebSocket Transport".

mod echo;
mod reader;
mod writer;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use countersign_wamp::Subprotocol;
use countersign_websocket::deflate::Agreement;
use countersign_websocket::{CloseCode, CloseFrame, Event, Kind, Limits};
use futures_util::future::BoxFuture;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

pub use self::echo::serve as serve_echo;
use self::reader::Reader;
use self::writer::{Compression, Writer};
use super::connection::Visitor;
use super::prefixed::Prefixed;
use super::session::CurrentSession;
use super::split::Split;
use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use super::{Doors, connection};
use crate::outbox::Ending;

/// How the peer's side of a connection has ended, for the writer to answer.
type PeersEnd = Arc<OnceLock<HowItEnded>>;

/// How a peer's side ends.
#[derive(Debug)]
enum HowItEnded {
    /// With a closing frame, which is answered by one with the same code.
    Closed(Option<CloseFrame>),
    /// Without a word: nobody is there to be answered.
    Gone,
}

/// Carries one WebSocket connection to its end.
pub fn serve(
    doors: Arc<Doors>,
    upgraded: Upgraded,
    subprotocol: Subprotocol,
    agreement: Option<Agreement>,
    visitor: Visitor,
) -> BoxFuture<'static, ()> {
    // Without TLS the socket itself: every layer above it is passed several times for each message.
    match upgraded.downcast::<TokioIo<Prefixed<TcpStream>>>() {
        Ok(parts) => {
            let stream = parts.io.into_inner().preceded_by(parts.read_buf);
            carry(doors, stream, subprotocol, agreement, visitor)
        }
        Err(upgraded) => carry(doors, TokioIo::new(upgraded), subprotocol, agreement, visitor),
    }
}

fn carry(
    doors: Arc<Doors>,
    stream: impl Split,
    subprotocol: Subprotocol,
    agreement: Option<Agreement>,
    visitor: Visitor,
) -> BoxFuture<'static, ()> {
    let (reader, writer) = halves(&doors, stream, agreement);
    let limits = &doors.app.config.limits;
    let source = WsSource {
        reader,
        current: visitor.current.clone(),
        login_limits: Limits::message_bytes(limits.login_bytes_max.min(limits.message_bytes_max)),
        session_limits: Limits::message_bytes(limits.message_bytes_max),
        is_raised: false,
    };
    let kind = if subprotocol.encoding.is_text() { Kind::Text } else { Kind::Binary };
    let sink = WsSink { writer, kind, current: visitor.current.clone() };
    connection::run_as(subprotocol, doors, source, sink, visitor)
}

/// Both halves of a connection, which at first takes what a login may have.
fn halves<S: Split>(
    doors: &Doors,
    stream: S,
    agreement: Option<Agreement>,
) -> (Reader<S::Reading>, Writer<S::Writing>) {
    let config = &doors.app.config;
    let (reading, writing) = stream.halves();
    let peers_end = PeersEnd::default();
    let limits = Limits::message_bytes(config.limits.login_bytes_max.min(config.limits.message_bytes_max));
    let ping_interval = Duration::from_secs(config.websocket.ping_seconds);
    let reader = Reader::new(reading, limits, agreement, Arc::clone(&peers_end), ping_interval);
    let bytes_min = config.websocket.compression_bytes_min;
    let compression = agreement.map(|agreement| Compression { bytes_min, window_bits: agreement.our_window_bits });
    (reader, Writer::new(writing, compression, peers_end))
}

struct WsSource<R> {
    reader: Reader<R>,
    current: CurrentSession,
    login_limits: Limits,
    session_limits: Limits,
    is_raised: bool,
}

impl<R> WsSource<R> {
    /// Messages of full length are taken as long as there is a session.
    fn adjust_limits(&mut self)
    where
        R: AsyncRead + Unpin,
    {
        let has_session = self.current.get().is_some();
        if self.is_raised != has_session {
            self.is_raised = has_session;
            self.reader.set_limits(if has_session { self.session_limits } else { self.login_limits });
        }
    }
}

/// What an event is for the connection; `None`: nothing.
fn incoming(event: Event) -> Option<Result<Incoming, ReadError>> {
    match event {
        // A client that sends JSON in binary frames, or the other way round, is understood all the same; it is answered in
        // the right kind.
        Event::Message { payload, .. } => Some(Ok(Incoming::Frame(payload))),
        Event::Ping(content) => Some(Ok(Incoming::Ping(content))),
        Event::Pong(_) => None,
        Event::Close(_) => Some(Err(ReadError::Closed)),
    }
}

impl<R: AsyncRead + Send + Unpin> Source for WsSource<R> {
    async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            self.adjust_limits();
            let Some(event) = self.reader.next().await? else { return Ok(Incoming::Silence) };
            if let Some(incoming) = incoming(event) {
                return incoming;
            }
        }
    }

    fn buffered(&mut self) -> Option<Result<Incoming, ReadError>> {
        self.adjust_limits();
        while let Some(event) = self.reader.buffered() {
            let incoming = event.map_or_else(|error| Some(Err(error)), incoming);
            if incoming.is_some() {
                return incoming;
            }
        }
        None
    }

    async fn discard(&mut self) {
        self.reader.discard().await;
    }
}

struct WsSink<W> {
    writer: Writer<W>,
    kind: Kind,
    current: CurrentSession,
}

impl<W: AsyncWrite + Send + Unpin> Sink for WsSink<W> {
    const TRANSPORT: &'static str = "websocket";

    fn frame_bytes_max(&self) -> usize {
        // A WebSocket client doesn't announce a limit.
        usize::MAX
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), WriteError> {
        // A login is never compressed: its length would tell of what is in it.
        let may_compress = self.current.get().is_some();
        self.writer.message(self.kind, frame, may_compress).await
    }

    fn copy(&mut self, frame: &[u8]) -> bool {
        let may_compress = self.current.get().is_some();
        self.writer.copy(self.kind, frame, may_compress)
    }

    async fn feed_pong(&mut self, payload: Bytes) -> Result<(), WriteError> {
        self.writer.pong(payload).await
    }

    async fn feed_ping(&mut self) -> Result<(), WriteError> {
        self.writer.ping().await
    }

    async fn flush(&mut self) -> Result<(), WriteError> {
        self.writer.flush().await
    }

    async fn close(&mut self, ending: Ending) -> Result<(), WriteError> {
        self.writer.close(close_code(ending)).await
    }
}

fn close_code(ending: Ending) -> CloseCode {
    match ending {
        Ending::Normal => CloseCode::NORMAL,
        Ending::ProtocolError => CloseCode::PROTOCOL_ERROR,
        Ending::GoingAway => CloseCode::GOING_AWAY,
        Ending::TooLong => CloseCode::TOO_LONG,
        Ending::NotUtf8 => CloseCode::INVALID_DATA,
        Ending::Policy => CloseCode::POLICY,
    }
}
