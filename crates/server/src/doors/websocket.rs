//! WAMP over WebSocket, on an HTTP request that was upgraded.
//!
//! The library's protocol engine is driven here without its stream, for two reasons: frames are
//! fed many at a time and flushed once, and the limit of a message is low until the peer has a
//! session. (The engine reserves a frame's announced length at once, so under the full limit
//! strangers could make the server reserve that on each of their connections.)
//!
//! Source: RFC 6455; WAMP specification, basic profile "WebSocket Transport".

use std::future::poll_fn;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use countersign_wamp::Subprotocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tokio_tungstenite::tungstenite::{Message as WsMessage, Utf8Bytes};

use super::connection::Visitor;
use super::session::CurrentSession;
use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use super::{Doors, connection};
use crate::outbox::Ending;

/// Read buffer of one connection, in bytes. Small, because most connections are idle.
const READ_BUFFER_BYTES: usize = 8 * 1024;
/// Bytes that are gathered before a write without a flush.
const WRITE_BUFFER_BYTES: usize = 64 * 1024;

/// Carries one WebSocket connection to its end.
pub async fn serve(doors: Arc<Doors>, upgraded: Upgraded, subprotocol: Subprotocol, visitor: Visitor) {
    let limits = &doors.app.config.limits;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(Some(limits.login_bytes_max))
        .max_frame_size(Some(limits.login_bytes_max));
    let socket = Socket {
        engine: WebSocketContext::new(Role::Server, Some(config)),
        io: TokioIo::new(upgraded),
        current: visitor.current.clone(),
        login_bytes_max: limits.login_bytes_max,
        message_bytes_max: limits.message_bytes_max,
        is_raised: false,
    };
    let socket = Arc::new(Mutex::new(socket));
    let sink = WsSink { socket: Arc::clone(&socket), is_text: subprotocol.encoding.is_text() };
    connection::run_as(subprotocol, doors, WsSource(socket), sink, visitor).await;
}

/// The engine and what carries its bytes. Both halves of a connection are polled by one task,
/// so the lock around it is never waited for.
struct Socket<S> {
    engine: WebSocketContext,
    io: S,
    current: CurrentSession,
    login_bytes_max: usize,
    message_bytes_max: usize,
    is_raised: bool,
}

type Shared = Arc<Mutex<Socket<TokioIo<Upgraded>>>>;

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(&mut WebSocketContext, &mut Blocking<'_, '_, S>) -> Result<T, Error>,
    ) -> Poll<Result<T, Error>> {
        match step(&mut self.engine, &mut Blocking { io: &mut self.io, cx }) {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            result => Poll::Ready(result),
        }
    }

    /// Allows messages of full length as long as there is a session.
    fn set_limit(&mut self) {
        let has_session = self.current.get().is_some();
        if self.is_raised != has_session {
            let bytes_max = Some(if has_session { self.message_bytes_max } else { self.login_bytes_max });
            self.engine.set_config(|config| {
                config.max_message_size = bytes_max;
                config.max_frame_size = bytes_max;
            });
            self.is_raised = has_session;
        }
    }
}

/// The stream as the engine wants it: what would wait says so, and the task is woken later.
struct Blocking<'a, 'c, S> {
    io: &'a mut S,
    cx: &'a mut Context<'c>,
}

fn or_would_block<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
    match poll {
        Poll::Ready(result) => result,
        Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
    }
}

impl<S: AsyncRead + Unpin> Read for Blocking<'_, '_, S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        or_would_block(Pin::new(&mut *self.io).poll_read(self.cx, &mut buffer))?;
        Ok(buffer.filled().len())
    }
}

impl<S: AsyncWrite + Unpin> Write for Blocking<'_, '_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        or_would_block(Pin::new(&mut *self.io).poll_write(self.cx, bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        or_would_block(Pin::new(&mut *self.io).poll_flush(self.cx))
    }
}

struct WsSource(Shared);

impl Source for WsSource {
    async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            let read = poll_fn(|cx| {
                let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                socket.set_limit();
                socket.poll(cx, |engine, io| engine.read(io))
            });
            match read.await {
                // A client that sends JSON in binary frames, or the other way round, is
                // understood all the same; it is answered in the right kind.
                Ok(WsMessage::Text(text)) => return Ok(Incoming::Frame(text.into())),
                Ok(WsMessage::Binary(bytes)) => return Ok(Incoming::Frame(bytes)),
                // The engine answers PING, and the closing handshake.
                Ok(WsMessage::Ping(_) | WsMessage::Pong(_) | WsMessage::Frame(_)) => {}
                Ok(WsMessage::Close(_)) => return Err(ReadError::Closed),
                Err(error) => return Err(read_error(&error)),
            }
        }
    }

    async fn discard(&mut self) {
        let mut scratch = vec![0; READ_BUFFER_BYTES];
        loop {
            let read = poll_fn(|cx| {
                let mut socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let mut buffer = ReadBuf::new(&mut scratch);
                Pin::new(&mut socket.io).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
            });
            if !matches!(read.await, Ok(1..)) {
                return;
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
    socket: Shared,
    is_text: bool,
}

impl WsSink {
    /// Hands a message to the engine, which keeps it where it can't be written at once; then
    /// waits until it could, so that the engine never keeps much.
    async fn write(&mut self, message: WsMessage) -> Result<(), WriteError> {
        let mut message = Some(message);
        let written = poll_fn(|cx| {
            let Some(message) = message.take() else { return Poll::Ready(None) };
            let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
            match socket.poll(cx, |engine, io| engine.write(io, message)) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending => Poll::Ready(None),
            }
        });
        match written.await {
            Some(result) => result.map_err(|_| WriteError),
            None => self.flush().await,
        }
    }
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
        self.write(message).await
    }

    async fn feed_pong(&mut self, payload: Bytes) -> Result<(), WriteError> {
        self.write(WsMessage::Pong(payload)).await
    }

    async fn flush(&mut self) -> Result<(), WriteError> {
        poll_fn(|cx| {
            let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
            socket.poll(cx, |engine, io| engine.flush(io))
        })
        .await
        .map_err(|_| WriteError)
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
        // Where the peer has closed first, the engine refuses: it has an answer of its own ready.
        let _ = self.write(WsMessage::Close(Some(frame))).await;
        let _ = self.flush().await;
        poll_fn(|cx| {
            let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
            Pin::new(&mut socket.io).poll_shutdown(cx)
        })
        .await
        .map_err(|_| WriteError)
    }
}
