//! The writing half of a WebSocket: frames are gathered, then written with few system calls.

use std::cell::RefCell;

use bytes::{Buf as _, Bytes};
use countersign_websocket::deflate::Deflater;
use countersign_websocket::{CloseCode, CloseFrame, Kind, Output};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::{HowItEnded, PeersEnd};
use crate::doors::transport::WriteError;

/// Bytes that are gathered before a write without a flush.
const WRITE_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// The compressors of one thread, for all its connections, by their window. As no message owes
    /// anything to the one before, one of each is enough.
    static DEFLATERS: RefCell<Vec<(u8, Deflater)>> = const { RefCell::new(Vec::new()) };
}

/// How a connection's messages are compressed.
#[derive(Debug, Clone, Copy)]
pub struct Compression {
    /// Shortest message that is.
    pub bytes_min: usize,
    /// As agreed.
    pub window_bits: u8,
}

impl Compression {
    /// The message in short; `None` if it is to be sent as it is.
    fn compress(self, message: &[u8]) -> Option<Vec<u8>> {
        if message.len() < self.bytes_min {
            return None;
        }
        DEFLATERS.with_borrow_mut(|deflaters| {
            if let Some((_, deflater)) = deflaters.iter_mut().find(|(bits, _)| *bits == self.window_bits) {
                return deflater.compress(message);
            }
            let mut deflater = Deflater::new(self.window_bits);
            let compressed = deflater.compress(message);
            deflaters.push((self.window_bits, deflater));
            compressed
        })
    }
}

/// Writes frames. Nothing is held while nothing waits.
pub struct Writer<W> {
    stream: W,
    output: Output,
    compression: Option<Compression>,
    peers_end: PeersEnd,
}

impl<W: AsyncWrite + Unpin> Writer<W> {
    pub fn new(stream: W, compression: Option<Compression>, peers_end: PeersEnd) -> Self {
        Self { stream, output: Output::default(), compression, peers_end }
    }

    /// Takes a message. A text has to be UTF-8.
    pub async fn message(&mut self, kind: Kind, payload: Bytes, may_compress: bool) -> Result<(), WriteError> {
        let compression = self.compression.filter(|_| may_compress);
        match compression.and_then(|compression| compression.compress(&payload)) {
            Some(compressed) => self.output.compressed(kind, compressed.into(), None),
            None => self.output.message(kind, payload, None),
        }
        self.write_much().await
    }

    /// Takes a short message by copying it; `false` if it is to be compressed, or if much waits already.
    pub fn copy(&mut self, kind: Kind, payload: &[u8], may_compress: bool) -> bool {
        let is_plain = !may_compress || self.compression.is_none_or(|agreed| payload.len() < agreed.bytes_min);
        let has_room = self.output.remaining() + payload.len() <= WRITE_BYTES_MAX;
        if is_plain && has_room {
            self.output.copied(kind, payload, None);
        }
        is_plain && has_room
    }

    pub async fn ping(&mut self) -> Result<(), WriteError> {
        self.output.ping(Bytes::new(), None);
        self.write_much().await
    }

    pub async fn pong(&mut self, content: Bytes) -> Result<(), WriteError> {
        self.output.pong(content, None);
        self.write_much().await
    }

    /// Sends what waits.
    pub async fn flush(&mut self) -> Result<(), WriteError> {
        self.write().await?;
        self.stream.flush().await.map_err(|_| WriteError)
    }

    /// Sends the closing frame and ends the stream. Where the peer has closed first, it gets its
    /// own code back (RFC 6455, section 5.5.1).
    pub async fn close(&mut self, code: CloseCode) -> Result<(), WriteError> {
        match self.peers_end.get() {
            None => self.output.close(Some(&code.into()), None),
            Some(HowItEnded::Closed(None)) => self.output.close(None, None),
            Some(HowItEnded::Closed(Some(CloseFrame { code, .. }))) => self.output.close(Some(&(*code).into()), None),
            Some(HowItEnded::Gone) => {}
        }
        // Where the peer is gone, there is nothing more to do than to end the stream.
        let _ = self.flush().await;
        self.stream.shutdown().await.map_err(|_| WriteError)
    }

    /// Writes if much waits, so that memory and delay stay small.
    async fn write_much(&mut self) -> Result<(), WriteError> {
        if self.output.remaining() > WRITE_BYTES_MAX { self.write().await } else { Ok(()) }
    }

    /// Writes all that waits. Nearly always it is one piece, for which the system's simpler call will do.
    async fn write(&mut self) -> Result<(), WriteError> {
        while self.output.is_in_one_piece() && self.output.has_remaining() {
            match self.stream.write(self.output.chunk()).await {
                Ok(0) | Err(_) => return Err(WriteError),
                Ok(written) => self.output.advance(written),
            }
        }
        self.stream.write_all_buf(&mut self.output).await.map_err(|_| WriteError)
    }
}
