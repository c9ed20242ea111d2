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
use tokio::io::{ReadHalf, WriteHalf};

pub use self::echo::serve as serve_echo;
use self::reader::Reader;
use self::writer::{Compression, Writer};
use super::connection::Visitor;
use super::session::CurrentSession;
use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use super::{Doors, connection};
use crate::outbox::Ending;

type Stream = TokioIo<Upgraded>;

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
    let (reader, writer) = halves(&doors, upgraded, agreement);
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
fn halves(
    doors: &Doors,
    upgraded: Upgraded,
    agreement: Option<Agreement>,
) -> (Reader<ReadHalf<Stream>>, Writer<WriteHalf<Stream>>) {
    let config = &doors.app.config;
    let (reading, writing) = tokio::io::split(TokioIo::new(upgraded));
    let peers_end = PeersEnd::default();
    let limits = Limits::message_bytes(config.limits.login_bytes_max.min(config.limits.message_bytes_max));
    let ping_interval = Duration::from_secs(config.websocket.ping_seconds);
    let reader = Reader::new(reading, limits, agreement, Arc::clone(&peers_end), ping_interval);
    let bytes_min = config.websocket.compression_bytes_min;
    let compression = agreement.map(|agreement| Compression { bytes_min, window_bits: agreement.our_window_bits });
    (reader, Writer::new(writing, compression, peers_end))
}

struct WsSource {
    reader: Reader<ReadHalf<Stream>>,
    current: CurrentSession,
    login_limits: Limits,
    session_limits: Limits,
    is_raised: bool,
}

impl Source for WsSource {
    async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            // Messages of full length as long as there is a session.
            let has_session = self.current.get().is_some();
            if self.is_raised != has_session {
                self.is_raised = has_session;
                self.reader.set_limits(if has_session { self.session_limits } else { self.login_limits });
            }
            match self.reader.next().await? {
                // A client that sends JSON in binary frames, or the other way round, is
                // understood all the same; it is answered in the right kind.
                Some(Event::Message { payload, .. }) => return Ok(Incoming::Frame(payload)),
                Some(Event::Ping(content)) => return Ok(Incoming::Ping(content)),
                Some(Event::Pong(_)) => {}
                Some(Event::Close(_)) => return Err(ReadError::Closed),
                None => return Ok(Incoming::Silence),
            }
        }
    }

    async fn discard(&mut self) {
        self.reader.discard().await;
    }
}

struct WsSink {
    writer: Writer<WriteHalf<Stream>>,
    kind: Kind,
    current: CurrentSession,
}

impl Sink for WsSink {
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
