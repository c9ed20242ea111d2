//! WAMP over WebSocket, on an HTTP request that was upgraded.
//!
//! Source: RFC 6455; WAMP specification, basic profile "WebSocket Transport".

use std::sync::Arc;

use bytes::Bytes;
use countersign_wamp::Encoding;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Message as WsMessage, Utf8Bytes};

use super::gate::Pass;
use super::session::Peer;
use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use super::{Doors, connection};
use crate::outbox::Ending;

/// Read buffer of one connection, in bytes. Small, because most connections are idle.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// Bytes that are gathered before a write without a flush.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

type Stream = WebSocketStream<TokioIo<Upgraded>>;

/// Carries one WebSocket connection to its end.
pub async fn serve(doors: Arc<Doors>, upgraded: Upgraded, encoding: Encoding, peer: Peer, pass: Pass) {
    let bytes_max = doors.app.config.limits.message_bytes_max;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(bytes_max))
        .max_frame_size(Some(bytes_max));
    let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    let (sink, source) = stream.split();
    let sink = WsSink { sink, is_text: encoding.is_text() };
    connection::run(doors, WsSource(source), sink, encoding, peer, pass).await;
}

struct WsSource(SplitStream<Stream>);

impl Source for WsSource {
    async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            match self.0.next().await {
                // A client that sends JSON in binary frames, or the other way round, is
                // understood all the same; it is answered in the right kind.
                Some(Ok(WsMessage::Text(text))) => return Ok(Incoming::Frame(text.into())),
                Some(Ok(WsMessage::Binary(bytes))) => return Ok(Incoming::Frame(bytes)),
                // The library answers PING, and the closing handshake.
                Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_))) => {}
                Some(Ok(WsMessage::Close(_))) | None => return Err(ReadError::Closed),
                Some(Err(error)) => return Err(read_error(&error)),
            }
        }
    }
}

fn read_error(error: &Error) -> ReadError {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => ReadError::TooLong,
        Error::Utf8(_) => ReadError::NotUtf8,
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => ReadError::Closed,
        Error::Protocol(_) | Error::Capacity(_) => ReadError::Malformed,
        _ => ReadError::Closed,
    }
}

struct WsSink {
    sink: SplitSink<Stream, WsMessage>,
    is_text: bool,
}

impl Sink for WsSink {
    fn frame_bytes_max(&self) -> usize {
        // A WebSocket client doesn't announce a limit.
        usize::MAX
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), WriteError> {
        let message = if self.is_text {
            // JSON from the codec is UTF-8; the check guards the library's invariant.
            WsMessage::Text(Utf8Bytes::try_from(frame).map_err(|_| WriteError)?)
        } else {
            WsMessage::Binary(frame)
        };
        self.sink.feed(message).await.map_err(|_| WriteError)
    }

    async fn feed_pong(&mut self, payload: Bytes) -> Result<(), WriteError> {
        self.sink.feed(WsMessage::Pong(payload)).await.map_err(|_| WriteError)
    }

    async fn flush(&mut self) -> Result<(), WriteError> {
        self.sink.flush().await.map_err(|_| WriteError)
    }

    async fn close(&mut self, ending: Ending) -> Result<(), WriteError> {
        let code = match ending {
            Ending::Normal => CloseCode::Normal,
            Ending::ProtocolError => CloseCode::Protocol,
            Ending::GoingAway => CloseCode::Away,
            Ending::TooLong => CloseCode::Size,
            Ending::NotUtf8 => CloseCode::Invalid,
            Ending::Policy => CloseCode::Policy,
        };
        let frame = CloseFrame { code, reason: Utf8Bytes::default() };
        self.sink.send(WsMessage::Close(Some(frame))).await.map_err(|_| WriteError)?;
        self.sink.close().await.map_err(|_| WriteError)
    }
}
