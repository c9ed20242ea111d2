//! Both directions of a WebSocket: the codec on a stream.

use std::io;
use std::sync::{Arc, OnceLock};

use bytes::{Buf as _, Bytes, BytesMut};
use countersign_wamp::batch::{self, Batch, BatchError, JsonEnd};
use countersign_wamp::{Encoding, Subprotocol};
use countersign_websocket::deflate::{Agreement, Deflater};
use countersign_websocket::{CloseCode, CloseFrame, Decoder, Event, Kind, Limits, MaskKey, Output, Role};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use super::{BoxedIo, Incoming, READ_BYTES, WRITE_BYTES_MAX};
use crate::error::Closed;

/// Close code for a close frame that has none (RFC 6455, section 7.4.1).
const CLOSE_CODE_NONE: u16 = 1005;
/// Shortest message that is compressed, in bytes.
const COMPRESSION_BYTES_MIN: usize = 1024;
/// Longest batch of more than one message, in bytes. What a server takes before it knows who comes is longer than a login.
const BATCH_BYTES_MAX: usize = 32 * 1024;
/// Random bytes that are asked of the system at once.
const MASK_POOL_BYTES: usize = 256;

/// Why nothing more comes from the server, once that is known: what we close with.
type TheirEnd = Arc<OnceLock<Option<CloseCode>>>;

/// Both directions, on a stream of which `early` was read already.
pub(crate) fn halves(
    stream: BoxedIo,
    early: BytesMut,
    Subprotocol { encoding, is_batched }: Subprotocol,
    message_bytes_max: usize,
    agreement: Option<Agreement>,
) -> (Sender, Receiver) {
    let (reader, writer) = tokio::io::split(stream);
    let their_end = TheirEnd::default();
    let sender = Sender {
        writer,
        output: Output::default(),
        kind: if encoding.is_text() { Kind::Text } else { Kind::Binary },
        masks: MaskKeys::default(),
        deflater: agreement.map(|agreement| Deflater::new(agreement.our_window_bits)),
        may_compress: false,
        is_closed: false,
        their_end: Arc::clone(&their_end),
        gathering: is_batched.then(|| Gathering { encoding, batch: BytesMut::new() }),
    };
    let decoder = Decoder::new(Role::Client, Limits::message_bytes(message_bytes_max), agreement);
    let batch = is_batched.then(|| Batch::done(encoding));
    (sender, Receiver { reader, decoder, received: early, their_end, encoding, batch })
}

/// The direction to the server.
pub(crate) struct Sender {
    writer: WriteHalf<BoxedIo>,
    output: Output,
    kind: Kind,
    masks: MaskKeys,
    deflater: Option<Deflater>,
    may_compress: bool,
    is_closed: bool,
    their_end: TheirEnd,
    /// Where messages go in batches.
    gathering: Option<Gathering>,
}

/// Messages that go out as one.
struct Gathering {
    encoding: Encoding,
    batch: BytesMut,
}

impl Sender {
    /// From here on messages are compressed, if that was agreed on. The login was not: its
    /// length would tell of what is in it.
    pub(crate) fn compress_from_now(&mut self) {
        self.may_compress = true;
    }

    /// Takes a message, alone or for the next batch.
    pub(crate) async fn feed(&mut self, content: Bytes) -> io::Result<()> {
        let Some(Gathering { encoding, batch }) = &mut self.gathering else { return self.message(content).await };
        // A batch that grows too long for its server would take all its messages along.
        let is_full = !batch.is_empty() && batch.len() + content.len() > BATCH_BYTES_MAX;
        let whole = if is_full { batch.split().freeze() } else { Bytes::new() };
        if !batch::append(*encoding, JsonEnd::default(), &content, batch) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        if whole.is_empty() { Ok(()) } else { self.message(whole).await }
    }

    /// Sends the batch.
    async fn gathered(&mut self) -> io::Result<()> {
        match self.gathering.as_mut().map(|gathering| gathering.batch.split().freeze()) {
            Some(batch) if !batch.is_empty() => self.message(batch).await,
            _ => Ok(()),
        }
    }

    /// Takes a WebSocket message. It may be a test's wish to send text that is not UTF-8.
    async fn message(&mut self, content: Bytes) -> io::Result<()> {
        self.check_open()?;
        let mask = Some(self.masks.next()?);
        let is_long = self.may_compress && content.len() >= COMPRESSION_BYTES_MIN;
        match self.deflater.as_mut().filter(|_| is_long).and_then(|deflater| deflater.compress(&content)) {
            Some(compressed) => self.output.compressed(self.kind, compressed.into(), mask),
            None => self.output.message(self.kind, content, mask),
        }
        if self.output.remaining() > WRITE_BYTES_MAX {
            self.writer.write_all_buf(&mut self.output).await?;
        }
        Ok(())
    }

    pub(crate) fn feed_pong(&mut self, content: &[u8]) -> io::Result<()> {
        self.check_open()?;
        self.output.pong(Bytes::copy_from_slice(content), Some(self.masks.next()?));
        Ok(())
    }

    pub(crate) fn feed_ping(&mut self) -> io::Result<()> {
        self.check_open()?;
        self.output.ping(Bytes::new(), Some(self.masks.next()?));
        Ok(())
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.gathered().await?;
        self.writer.write_all_buf(&mut self.output).await?;
        self.writer.flush().await
    }

    /// Says good-bye: with the server's own code where it did so first, or with what it did wrong.
    pub(crate) async fn close(&mut self) -> io::Result<()> {
        if !self.is_closed {
            self.gathered().await?;
            self.is_closed = true;
            let code = self.their_end.get().copied().unwrap_or(Some(CloseCode::NORMAL));
            let mask = Some(self.masks.next()?);
            self.output.close(code.map(CloseFrame::from).as_ref(), mask);
        }
        self.flush().await
    }

    fn check_open(&self) -> io::Result<()> {
        if self.is_closed { Err(io::ErrorKind::NotConnected.into()) } else { Ok(()) }
    }
}

/// The direction from the server.
pub(crate) struct Receiver {
    reader: ReadHalf<BoxedIo>,
    decoder: Decoder,
    received: BytesMut,
    their_end: TheirEnd,
    encoding: Encoding,
    /// What is left of the last batch, where messages come in batches.
    batch: Option<Batch>,
}

impl Receiver {
    /// Waits for the next message. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Incoming, Closed> {
        loop {
            match self.batch.as_mut().and_then(Batch::next) {
                None => {}
                Some(Ok(message)) => return Ok(Incoming::Frame(message)),
                Some(Err(error)) => return Err(self.no_batch(error)),
            }
            let mut input = &self.received[..];
            let event = self.decoder.next(&mut input);
            let taken = self.received.len() - input.len();
            self.received.advance(taken);
            match event {
                Ok(Some(Event::Message { payload, .. })) => match &mut self.batch {
                    None => return Ok(Incoming::Frame(payload)),
                    Some(batch) => match Batch::new(self.encoding, payload) {
                        Ok(next) => *batch = next,
                        Err(error) => return Err(self.no_batch(error)),
                    },
                },
                Ok(Some(Event::Ping(content))) => return Ok(Incoming::Ping(content)),
                Ok(Some(Event::Pong(_))) => return Ok(Incoming::Pong),
                Ok(Some(Event::Close(close))) => {
                    let _ = self.their_end.set(close.as_ref().map(|close| close.code));
                    let (code, reason) =
                        close.map_or((CLOSE_CODE_NONE, String::new()), |close| (close.code.get(), close.reason));
                    return Err(Closed::WebSocket { code, reason });
                }
                Ok(None) => {
                    self.received.reserve(READ_BYTES);
                    match self.reader.read_buf(&mut self.received).await {
                        Ok(0) => return Err(Closed::EndOfStream),
                        Ok(_) => {}
                        Err(error) => return Err(Closed::Broken(error.to_string())),
                    }
                }
                Err(violation) => {
                    let _ = self.their_end.set(Some(violation.close_code()));
                    return Err(Closed::Broken(violation.to_string()));
                }
            }
        }
    }
}

impl Receiver {
    fn no_batch(&self, error: BatchError) -> Closed {
        let _ = self.their_end.set(Some(CloseCode::PROTOCOL_ERROR));
        Closed::Broken(error.to_string())
    }
}

/// Keys that nobody can guess, drawn many at a time.
struct MaskKeys {
    pool: [u8; MASK_POOL_BYTES],
    used: usize,
}

impl Default for MaskKeys {
    fn default() -> Self {
        Self { pool: [0; MASK_POOL_BYTES], used: MASK_POOL_BYTES }
    }
}

impl MaskKeys {
    fn next(&mut self) -> io::Result<MaskKey> {
        if self.used >= MASK_POOL_BYTES {
            getrandom::fill(&mut self.pool).map_err(|error| io::Error::other(error.to_string()))?;
            self.used = 0;
        }
        let key = self.pool.get(self.used..).and_then(|rest| rest.first_chunk()).copied();
        self.used += size_of::<MaskKey>();
        key.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}
