//! The seam between a session and what carries it: frames out, frames in.
//!
//! All that is WebSocket or RawSocket ends here.

mod web_socket;

use std::io;

use bytes::{Bytes, BytesMut};
use countersign_wamp::Subprotocol;
use countersign_wamp::rawsocket::{self, FrameKind, FrameLimit};
use countersign_websocket::deflate::Agreement;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::error::Closed;

/// Frames collected before they are written, in bytes.
const WRITE_BYTES_MAX: usize = 64 * 1024;
/// Room made for each read, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// Any byte stream.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(crate) type BoxedIo = Box<dyn Io>;

/// Both directions of a connection.
pub(crate) struct Transport {
    pub(crate) sender: FrameSender,
    pub(crate) receiver: FrameReceiver,
}

impl Transport {
    /// A WebSocket that was opened on `stream`, of which `early` was read already.
    pub(crate) fn web_socket(
        stream: BoxedIo,
        early: BytesMut,
        subprotocol: Subprotocol,
        ours: FrameLimit,
        agreement: Option<Agreement>,
    ) -> Self {
        let (sender, receiver) = web_socket::halves(stream, early, subprotocol, ours.bytes(), agreement);
        Self {
            sender: FrameSender::WebSocket(Box::new(sender)),
            receiver: FrameReceiver::WebSocket(Box::new(receiver)),
        }
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
    WebSocket(Box<web_socket::Sender>),
    RawSocket { writer: WriteHalf<BoxedIo>, buffer: BytesMut, limit: FrameLimit },
}

impl FrameSender {
    /// The longest frame that the server accepts, as far as it said so.
    pub(crate) fn limit_bytes(&self) -> usize {
        match self {
            Self::WebSocket(_) => usize::MAX,
            Self::RawSocket { limit, .. } => limit.bytes(),
        }
    }

    /// There is a session: from here on messages may be compressed.
    pub(crate) fn signed_in(&mut self) {
        if let Self::WebSocket(sender) = self {
            sender.compress_from_now();
        }
    }

    /// Takes one frame, to be sent by [`FrameSender::flush`] at the latest. The length is not
    /// held against the server's limit.
    pub(crate) async fn feed(&mut self, content: Bytes) -> io::Result<()> {
        match self {
            Self::WebSocket(sender) => sender.feed(content).await,
            Self::RawSocket { .. } => self.feed_raw(FrameKind::Message, &content).await,
        }
    }

    /// Answers a ping.
    pub(crate) async fn feed_pong(&mut self, content: &[u8]) -> io::Result<()> {
        match self {
            Self::WebSocket(sender) => sender.feed_pong(content),
            Self::RawSocket { .. } => self.feed_raw(FrameKind::Pong, content).await,
        }
    }

    /// Asks for a sign of life.
    pub(crate) async fn feed_ping(&mut self) -> io::Result<()> {
        match self {
            Self::WebSocket(sender) => sender.feed_ping(),
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
            Self::WebSocket(sender) => sender.flush().await,
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
            Self::WebSocket(sender) => sender.close().await,
            Self::RawSocket { writer, .. } => writer.shutdown().await,
        }
    }
}

/// The direction from the server.
pub(crate) enum FrameReceiver {
    WebSocket(Box<web_socket::Receiver>),
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
            Self::WebSocket(receiver) => receiver.next().await,
            Self::RawSocket { reader, buffer, limit } => next_frame(reader, buffer, *limit).await,
        }
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
