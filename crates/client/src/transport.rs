//! The seam between a session and what carries it: frames out, frames in.
//!
//! All that is WebSocket or RawSocket ends here.

use std::io;

use bytes::{Bytes, BytesMut};
use countersign_wamp::Encoding;
use countersign_wamp::rawsocket::{self, FrameKind, FrameLimit};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage};

use crate::error::Closed;

/// Frames collected before they are written, in bytes.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Room made for each read, in bytes.
const READ_BYTES: usize = 16 * 1024;
/// Close code for a close frame that has none (RFC 6455, section 7.4.1).
const CLOSE_CODE_NONE: u16 = 1005;

/// Any byte stream.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(crate) type BoxedIo = Box<dyn Io>;

type WebSocket = WebSocketStream<BoxedIo>;

/// Both directions of a connection.
pub(crate) struct Transport {
    pub(crate) sender: FrameSender,
    pub(crate) receiver: FrameReceiver,
}

impl Transport {
    pub(crate) fn web_socket(socket: WebSocket, encoding: Encoding) -> Self {
        let (sink, stream) = socket.split();
        let data = if encoding.is_text() { Data::Text } else { Data::Binary };
        Self { sender: FrameSender::WebSocket { sink, data }, receiver: FrameReceiver::WebSocket { stream } }
    }

    pub(crate) fn raw_socket(stream: BoxedIo, ours: FrameLimit, theirs: FrameLimit) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            sender: FrameSender::RawSocket { writer, buffer: BytesMut::new(), limit: theirs },
            receiver: FrameReceiver::RawSocket { reader, buffer: BytesMut::new(), limit: ours },
        }
    }
}

/// The direction to the server.
pub(crate) enum FrameSender {
    WebSocket { sink: SplitSink<WebSocket, WsMessage>, data: Data },
    RawSocket { writer: WriteHalf<BoxedIo>, buffer: BytesMut, limit: FrameLimit },
}

impl FrameSender {
    /// The longest frame that the server accepts, as far as it said so.
    pub(crate) fn limit_bytes(&self) -> usize {
        match self {
            Self::WebSocket { .. } => usize::MAX,
            Self::RawSocket { limit, .. } => limit.bytes(),
        }
    }

    /// Takes one frame, to be sent by [`FrameSender::flush`] at the latest. The length is not
    /// held against the server's limit.
    pub(crate) async fn feed(&mut self, content: Bytes) -> io::Result<()> {
        match self {
            Self::WebSocket { sink, data } => {
                // As a frame, because it may be a test's wish to send text that is not UTF-8.
                let frame = Frame::message(content, OpCode::Data(*data), true);
                sink.feed(WsMessage::Frame(frame)).await.map_err(to_io)
            }
            Self::RawSocket { .. } => self.feed_raw(FrameKind::Message, &content).await,
        }
    }

    /// Answers a ping. A WebSocket does so by itself.
    pub(crate) async fn feed_pong(&mut self, content: &[u8]) -> io::Result<()> {
        match self {
            Self::WebSocket { .. } => Ok(()),
            Self::RawSocket { .. } => self.feed_raw(FrameKind::Pong, content).await,
        }
    }

    /// Asks for a sign of life.
    pub(crate) async fn feed_ping(&mut self) -> io::Result<()> {
        match self {
            Self::WebSocket { sink, .. } => sink.feed(WsMessage::Ping(Bytes::new())).await.map_err(to_io),
            Self::RawSocket { .. } => self.feed_raw(FrameKind::Ping, &[]).await,
        }
    }

    async fn feed_raw(&mut self, kind: FrameKind, content: &[u8]) -> io::Result<()> {
        if let Self::RawSocket { writer, buffer, .. } = self {
            let header = rawsocket::header(kind, content.len(), FrameLimit::LARGEST).map_err(io::Error::other)?;
            buffer.extend_from_slice(&header);
            buffer.extend_from_slice(content);
            if buffer.len() > WRITE_BYTES_MAX {
                writer.write_all_buf(buffer).await?;
            }
        }
        Ok(())
    }

    /// Sends what was taken.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::WebSocket { sink, .. } => sink.flush().await.map_err(to_io),
            Self::RawSocket { writer, buffer, .. } => {
                writer.write_all_buf(buffer).await?;
                writer.flush().await
            }
        }
    }

    /// Sends what was taken and says that nothing more will come.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.flush().await?;
        match self {
            Self::WebSocket { sink, .. } => sink.close().await.map_err(to_io),
            Self::RawSocket { writer, .. } => writer.shutdown().await,
        }
    }
}

/// The direction from the server.
pub(crate) enum FrameReceiver {
    WebSocket { stream: SplitStream<WebSocket> },
    RawSocket { reader: ReadHalf<BoxedIo>, buffer: BytesMut, limit: FrameLimit },
}

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    Frame(Bytes),
    /// To be answered with [`FrameSender::feed_pong`].
    Ping(Bytes),
    /// A sign of life.
    Pong,
}

impl FrameReceiver {
    /// Waits for the next frame. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Closed> {
        match self {
            Self::WebSocket { stream } => next_message(stream).await,
            Self::RawSocket { reader, buffer, limit } => next_frame(reader, buffer, *limit).await,
        }
    }
}

async fn next_message(stream: &mut SplitStream<WebSocket>) -> Result<Incoming, Closed> {
    loop {
        return match stream.next().await {
            Some(Ok(WsMessage::Text(text))) => Ok(Incoming::Frame(text.into())),
            Some(Ok(WsMessage::Binary(bytes))) => Ok(Incoming::Frame(bytes)),
            Some(Ok(WsMessage::Close(Some(frame)))) => {
                Err(Closed::WebSocket { code: frame.code.into(), reason: frame.reason.to_string() })
            }
            Some(Ok(WsMessage::Close(None))) => Err(Closed::WebSocket { code: CLOSE_CODE_NONE, reason: String::new() }),
            Some(Ok(WsMessage::Ping(_) | WsMessage::Pong(_))) => Ok(Incoming::Pong),
            Some(Ok(WsMessage::Frame(_))) => continue,
            None | Some(Err(WsError::ConnectionClosed | WsError::AlreadyClosed)) => Err(Closed::EndOfStream),
            Some(Err(error)) => Err(Closed::Broken(error.to_string())),
        };
    }
}

async fn next_frame(
    reader: &mut ReadHalf<BoxedIo>,
    buffer: &mut BytesMut,
    limit: FrameLimit,
) -> Result<Incoming, Closed> {
    loop {
        match rawsocket::next_frame(buffer, limit.bytes()) {
            Ok(Some(frame)) => match frame.kind {
                FrameKind::Message => return Ok(Incoming::Frame(frame.content)),
                FrameKind::Ping => return Ok(Incoming::Ping(frame.content)),
                FrameKind::Pong => return Ok(Incoming::Pong),
            },
            Ok(None) => {
                buffer.reserve(READ_BYTES);
                match reader.read_buf(buffer).await {
                    Ok(0) => return Err(Closed::EndOfStream),
                    Ok(_) => {}
                    Err(error) => return Err(Closed::Broken(error.to_string())),
                }
            }
            Err(error) => return Err(Closed::Broken(error.to_string())),
        }
    }
}

fn to_io(error: WsError) -> io::Error {
    match error {
        WsError::Io(error) => error,
        other => io::Error::other(other),
    }
}
