//! RawSocket over any stream. A connection that is idle holds no buffer.
//!
//! Source: WAMP specification, advanced profile "RawSocket Transport".

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use countersign_wamp::rawsocket::{self, Frame, FrameKind, FrameLimit, Handshake, HandshakeError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadHalf, WriteHalf};

use super::connection::Visitor;
use super::scratch::{discard, poll_read};
use super::session::CurrentSession;
use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use super::{Doors, connection};
use crate::outbox::Ending;

/// Bytes that are gathered before a write without a flush. A longer frame is written from where it is.
const WRITE_BYTES_MAX: usize = 16 * 1024;

/// Carries one RawSocket connection to its end.
pub async fn serve(doors: Arc<Doors>, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, visitor: Visitor) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let limit = FrameLimit::at_most(doors.app.config.limits.message_bytes_max);
    let shaking = tokio::time::timeout(doors.hello_deadline(), shake_hands(&mut reader, &mut writer, limit));
    let theirs = match doors.stop.run_until_cancelled(shaking).await {
        Some(Ok(Some(theirs))) => theirs,
        Some(Ok(None)) => return doors.app.metrics.refused("handshake"),
        Some(Err(_)) => return doors.too_late(),
        None => return,
    };
    let source = RawSource {
        reader,
        buffer: BytesMut::new(),
        bytes_max: limit.bytes(),
        login_bytes_max: doors.app.config.limits.login_bytes_max,
        current: visitor.current.clone(),
    };
    let sink = RawSink { writer, gathered: Vec::new(), limit: theirs.limit };
    connection::run(doors, source, sink, theirs.encoding, visitor).await;
}

/// Turns a connection away before its handshake: there are too many from its address.
pub async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    let _ = stream.write_all(&rawsocket::Refusal::TooManyConnections.to_bytes()).await;
    let _ = stream.shutdown().await;
}

/// Answers the client's handshake; `None` if there is no going on.
async fn shake_hands<S: AsyncRead + AsyncWrite>(
    reader: &mut ReadHalf<S>,
    writer: &mut WriteHalf<S>,
    limit: FrameLimit,
) -> Option<Handshake> {
    let mut request = [0; rawsocket::HANDSHAKE_BYTES];
    reader.read_exact(&mut request).await.ok()?;
    match Handshake::parse_request(request) {
        Ok(theirs) => {
            writer.write_all(&Handshake { encoding: theirs.encoding, limit }.to_bytes()).await.ok()?;
            writer.flush().await.ok()?;
            Some(theirs)
        }
        Err(HandshakeError::Refused(refusal)) => {
            // The peer goes either way.
            let _ = writer.write_all(&refusal.to_bytes()).await;
            let _ = writer.shutdown().await;
            None
        }
        // Not RawSocket at all: there is no answer that the peer would understand.
        Err(_) => None,
    }
}

struct RawSource<S> {
    reader: ReadHalf<S>,
    buffer: BytesMut,
    bytes_max: usize,
    login_bytes_max: usize,
    current: CurrentSession,
}

impl<S> RawSource<S> {
    /// Longest frame that is taken at the moment.
    fn bytes_max(&self) -> usize {
        if self.current.get().is_some() { self.bytes_max } else { self.bytes_max.min(self.login_bytes_max) }
    }
}

impl<S: AsyncRead + Unpin> RawSource<S> {
    /// Reads once; how many bytes came.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        // Frames that were cut out of it may still hold what was allocated; nothing of it is the next's.
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        let (reader, buffer) = (&mut self.reader, &mut self.buffer);
        poll_read(reader, cx, |bytes| {
            buffer.extend_from_slice(bytes);
            bytes.len()
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Source for RawSource<S> {
    async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            let bytes_max = self.bytes_max();
            match rawsocket::next_frame(&mut self.buffer, bytes_max) {
                Ok(Some(Frame { kind: FrameKind::Message, content })) => return Ok(Incoming::Frame(content)),
                Ok(Some(Frame { kind: FrameKind::Ping, content })) => return Ok(Incoming::Ping(content)),
                Ok(Some(Frame { kind: FrameKind::Pong, .. })) => {}
                Ok(None) => match poll_fn(|cx| self.poll_fill(cx)).await {
                    Ok(0) | Err(_) => return Err(ReadError::Closed),
                    Ok(_) => {}
                },
                Err(rawsocket::FrameError::TooLong { .. }) => return Err(ReadError::TooLong),
                Err(_) => return Err(ReadError::Malformed),
            }
        }
    }

    async fn discard(&mut self) {
        self.buffer = BytesMut::new();
        discard(&mut self.reader).await;
    }
}

struct RawSink<S> {
    writer: WriteHalf<S>,
    gathered: Vec<u8>,
    limit: FrameLimit,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> RawSink<S> {
    async fn write(&mut self, kind: FrameKind, content: &[u8]) -> Result<(), WriteError> {
        let header = rawsocket::header(kind, content.len(), self.limit).map_err(|_| WriteError)?;
        if self.gathered.len() + header.len() + content.len() > WRITE_BYTES_MAX {
            self.write_gathered().await?;
        }
        self.gathered.extend_from_slice(&header);
        if content.len() < WRITE_BYTES_MAX {
            self.gathered.extend_from_slice(content);
            return Ok(());
        }
        let gathered = std::mem::take(&mut self.gathered);
        let mut frame = Buf::chain(&gathered[..], content);
        self.writer.write_all_buf(&mut frame).await.map_err(|_| WriteError)
    }

    async fn write_gathered(&mut self) -> Result<(), WriteError> {
        // Let go with the write.
        let gathered = std::mem::take(&mut self.gathered);
        self.writer.write_all(&gathered).await.map_err(|_| WriteError)
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Sink for RawSink<S> {
    const TRANSPORT: &'static str = "rawsocket";

    fn frame_bytes_max(&self) -> usize {
        self.limit.bytes()
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), WriteError> {
        self.write(FrameKind::Message, &frame).await
    }

    async fn feed_pong(&mut self, payload: Bytes) -> Result<(), WriteError> {
        self.write(FrameKind::Pong, &payload).await
    }

    async fn flush(&mut self) -> Result<(), WriteError> {
        self.write_gathered().await?;
        self.writer.flush().await.map_err(|_| WriteError)
    }

    async fn close(&mut self, _: Ending) -> Result<(), WriteError> {
        // Where the peer is gone, there is nothing more to do than to end the stream.
        let _ = self.write_gathered().await;
        self.writer.shutdown().await.map_err(|_| WriteError)
    }
}
