//! RawSocket over any stream. A connection that is idle holds no buffer.
//!
//! Source: WAMP specification, advanced profile "RawSocket Transport".

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use countersign_wamp::rawsocket::{self, Frame, FrameKind, FrameLimit, Handshake, HandshakeError};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::connection::Visitor;
use super::scratch::{discard, poll_read};
use super::session::CurrentSession;
use super::split::Split;
use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use super::{Doors, connection};
use crate::outbox::Ending;

/// Bytes that are gathered before a write without a flush. A longer frame is written from where it is.
const WRITE_BYTES_MAX: usize = 16 * 1024;

/// Carries one RawSocket connection to its end.
pub async fn serve(doors: Arc<Doors>, stream: impl Split, visitor: Visitor) {
    let (mut reader, mut writer) = stream.halves();
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
async fn shake_hands(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
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

struct RawSource<R> {
    reader: R,
    buffer: BytesMut,
    bytes_max: usize,
    login_bytes_max: usize,
    current: CurrentSession,
}

impl<R> RawSource<R> {
    /// Longest frame that is taken at the moment.
    fn bytes_max(&self) -> usize {
        if self.current.get().is_some() { self.bytes_max } else { self.bytes_max.min(self.login_bytes_max) }
    }

    /// What of the bytes that were read is whole.
    fn whole(&mut self) -> Option<Result<Incoming, ReadError>> {
        let bytes_max = self.bytes_max();
        loop {
            return Some(match rawsocket::next_frame(&mut self.buffer, bytes_max) {
                Ok(Some(Frame { kind: FrameKind::Message, content })) => Ok(Incoming::Frame(content)),
                Ok(Some(Frame { kind: FrameKind::Ping, content })) => Ok(Incoming::Ping(content)),
                Ok(Some(Frame { kind: FrameKind::Pong, .. })) => continue,
                Ok(None) => return None,
                Err(rawsocket::FrameError::TooLong { .. }) => Err(ReadError::TooLong),
                Err(_) => Err(ReadError::Malformed),
            });
        }
    }
}

impl<R: AsyncRead + Unpin> RawSource<R> {
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

impl<R: AsyncRead + Send + Unpin> Source for RawSource<R> {
    async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            if let Some(incoming) = self.whole() {
                return incoming;
            }
            if let Ok(0) | Err(_) = poll_fn(|cx| self.poll_fill(cx)).await {
                return Err(ReadError::Closed);
            }
        }
    }

    fn buffered(&mut self) -> Option<Result<Incoming, ReadError>> {
        self.whole()
    }

    async fn discard(&mut self) {
        self.buffer = BytesMut::new();
        discard(&mut self.reader).await;
    }
}

struct RawSink<W> {
    writer: W,
    gathered: Vec<u8>,
    limit: FrameLimit,
}

impl<W: AsyncWrite + Send + Unpin> RawSink<W> {
    async fn write(&mut self, kind: FrameKind, content: &[u8]) -> Result<(), WriteError> {
        let header = rawsocket::header(kind, content.len(), self.limit).map_err(|_| WriteError)?;
        if self.gathered.len() + header.len() + content.len() > WRITE_BYTES_MAX {
            self.write_gathered().await?;
        }
        if content.len() < WRITE_BYTES_MAX {
            self.gather(header, content);
            return Ok(());
        }
        self.gathered.extend_from_slice(&header);
        let gathered = std::mem::take(&mut self.gathered);
        let mut frame = Buf::chain(&gathered[..], content);
        self.writer.write_all_buf(&mut frame).await.map_err(|_| WriteError)
    }

    fn gather(&mut self, header: [u8; rawsocket::HEADER_BYTES], content: &[u8]) {
        self.gathered.reserve(header.len() + content.len());
        self.gathered.extend_from_slice(&header);
        self.gathered.extend_from_slice(content);
    }

    async fn write_gathered(&mut self) -> Result<(), WriteError> {
        // Let go with the write.
        let gathered = std::mem::take(&mut self.gathered);
        self.writer.write_all(&gathered).await.map_err(|_| WriteError)
    }
}

impl<W: AsyncWrite + Send + Unpin> Sink for RawSink<W> {
    const TRANSPORT: &'static str = "rawsocket";

    fn frame_bytes_max(&self) -> usize {
        self.limit.bytes()
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), WriteError> {
        self.write(FrameKind::Message, &frame).await
    }

    fn copy(&mut self, frame: &[u8]) -> bool {
        let Ok(header) = rawsocket::header(FrameKind::Message, frame.len(), self.limit) else { return false };
        let has_room = self.gathered.len() + header.len() + frame.len() <= WRITE_BYTES_MAX;
        if has_room {
            self.gather(header, frame);
        }
        has_room
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn copied_frames_are_as_fed_ones_and_those_that_do_not_fit_are_left() {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        let limit = FrameLimit::at_most(16 * 1024);
        let mut sink = RawSink { writer: ours, gathered: Vec::new(), limit };
        assert!(sink.copy(b"one"));
        sink.feed("two".into()).await.unwrap();
        let room = WRITE_BYTES_MAX - sink.gathered.len() - rawsocket::HANDSHAKE_BYTES;
        assert!(!sink.copy(&vec![b'x'; room + 1]), "one more than is gathered");
        assert!(sink.copy(&vec![b'x'; room]));
        assert!(!sink.copy(b""));
        sink.flush().await.unwrap();
        assert!(!sink.copy(&vec![b'x'; limit.bytes() + 1]), "longer than the peer takes");
        sink.close(Ending::Normal).await.unwrap();
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        let mut sent = BytesMut::from(&sent[..]);
        let next = |sent: &mut BytesMut| rawsocket::next_frame(sent, limit.bytes()).unwrap().map(|frame| frame.content);
        assert_eq!([next(&mut sent), next(&mut sent)], [Some("one".into()), Some("two".into())]);
        assert_eq!((next(&mut sent).unwrap().len(), next(&mut sent)), (room, None));
    }
}
