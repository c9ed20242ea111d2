//! Transports whose frames are batches of messages: a layer between a connection and the
//! transport that carries its frames.
//!
//! Source: WAMP specification, advanced profile "Message Batching".

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use bytes::{Bytes, BytesMut};
use countersign_wamp::Encoding;
use countersign_wamp::batch::{self, Batch, JsonEnd};
use futures_util::FutureExt as _;
use tokio::task::coop::consume_budget;

use super::transport::{Incoming, ReadError, Sink, Source, WriteError};
use crate::outbox::Ending;

/// Bytes of messages that are packed into one frame. A longer message has a frame of its own.
const FRAME_BYTES: usize = 64 * 1024;

/// Puts the layer around both halves of a transport.
pub fn batched<A: Source, B: Sink>(source: A, sink: B, encoding: Encoding) -> (BatchedSource<A>, BatchedSink<B>) {
    let json_end = Arc::new(AtomicU8::new(JsonEnd::default().byte()));
    let source = BatchedSource { source, batch: Batch::done(encoding), encoding, json_end: Arc::clone(&json_end) };
    (source, BatchedSink { sink, packed: BytesMut::new(), encoding, json_end })
}

/// Takes batches apart.
pub struct BatchedSource<A> {
    source: A,
    batch: Batch,
    encoding: Encoding,
    json_end: Arc<AtomicU8>,
}

impl<A> BatchedSource<A> {
    /// The next message of the batch.
    fn unpacked(&mut self) -> Option<Result<Incoming, ReadError>> {
        self.batch.next().map(|message| message.map(Incoming::Frame).map_err(|_| ReadError::Malformed))
    }

    /// Takes what came; `Some` if it is no batch.
    fn unpack(&mut self, came: Incoming) -> Option<Result<Incoming, ReadError>> {
        let Incoming::Frame(frame) = came else { return Some(Ok(came)) };
        let Ok(batch) = Batch::new(self.encoding, frame) else { return Some(Err(ReadError::Malformed)) };
        self.batch = batch;
        if let Some(end) = self.batch.json_end() {
            // The peer hears its own.
            self.json_end.store(end.byte(), Ordering::Relaxed);
        }
        None
    }
}

impl<A: Source> Source for BatchedSource<A> {
    async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            // A long batch has its messages ready at once; the connection's writer gets its turn.
            consume_budget().await;
            if let Some(incoming) = self.unpacked() {
                return incoming;
            }
            let came = self.source.next().await?;
            if let Some(incoming) = self.unpack(came) {
                return incoming;
            }
        }
    }

    fn buffered(&mut self) -> Option<Result<Incoming, ReadError>> {
        loop {
            consume_budget().now_or_never()?;
            if let Some(incoming) = self.unpacked() {
                return Some(incoming);
            }
            match self.source.buffered()? {
                Ok(came) => {
                    if let Some(incoming) = self.unpack(came) {
                        return Some(incoming);
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    async fn discard(&mut self) {
        self.source.discard().await;
    }
}

/// Packs messages into batches.
pub struct BatchedSink<B> {
    sink: B,
    packed: BytesMut,
    encoding: Encoding,
    json_end: Arc<AtomicU8>,
}

impl<B: Sink> BatchedSink<B> {
    async fn pass_on(&mut self) -> Result<(), WriteError> {
        if self.packed.is_empty() { Ok(()) } else { self.sink.feed(self.packed.split().freeze()).await }
    }
}

impl<B: Sink> Sink for BatchedSink<B> {
    const TRANSPORT: &'static str = B::TRANSPORT;

    fn frame_bytes_max(&self) -> usize {
        self.sink.frame_bytes_max().saturating_sub(batch::OVERHEAD_BYTES_MAX)
    }

    async fn feed(&mut self, message: Bytes) -> Result<(), WriteError> {
        if self.packed.len() + message.len() > FRAME_BYTES {
            self.pass_on().await?;
        }
        let end = JsonEnd::from_byte(self.json_end.load(Ordering::Relaxed)).unwrap_or_default();
        if batch::append(self.encoding, end, &message, &mut self.packed) { Ok(()) } else { Err(WriteError) }
    }

    fn copy(&mut self, message: &[u8]) -> bool {
        let end = JsonEnd::from_byte(self.json_end.load(Ordering::Relaxed)).unwrap_or_default();
        self.packed.len() + message.len() <= FRAME_BYTES && batch::append(self.encoding, end, message, &mut self.packed)
    }

    async fn feed_pong(&mut self, payload: Bytes) -> Result<(), WriteError> {
        self.sink.feed_pong(payload).await
    }

    async fn feed_ping(&mut self) -> Result<(), WriteError> {
        self.sink.feed_ping().await
    }

    async fn flush(&mut self) -> Result<(), WriteError> {
        self.pass_on().await?;
        self.sink.flush().await
    }

    async fn close(&mut self, ending: Ending) -> Result<(), WriteError> {
        self.flush().await?;
        self.sink.close(ending).await
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;

    use super::*;

    /// A transport that has these frames to give, and keeps what it gets.
    #[derive(Default)]
    struct Wire {
        frames: VecDeque<Bytes>,
        sent: Vec<Bytes>,
        frame_bytes_max: usize,
    }

    impl Source for Wire {
        async fn next(&mut self) -> Result<Incoming, ReadError> {
            self.frames.pop_front().map(Incoming::Frame).ok_or(ReadError::Closed)
        }

        async fn discard(&mut self) {
            pending::<()>().await;
        }
    }

    impl Sink for Wire {
        const TRANSPORT: &'static str = "wire";

        fn frame_bytes_max(&self) -> usize {
            self.frame_bytes_max
        }

        async fn feed(&mut self, frame: Bytes) -> Result<(), WriteError> {
            self.sent.push(frame);
            Ok(())
        }

        async fn feed_pong(&mut self, payload: Bytes) -> Result<(), WriteError> {
            self.feed(payload).await
        }

        async fn flush(&mut self) -> Result<(), WriteError> {
            Ok(())
        }

        async fn close(&mut self, _: Ending) -> Result<(), WriteError> {
            Ok(())
        }
    }

    fn layer(frames: &[&'static [u8]], encoding: Encoding) -> (BatchedSource<Wire>, BatchedSink<Wire>) {
        let frames = frames.iter().map(|frame| Bytes::from_static(frame)).collect();
        batched(Wire { frames, ..Wire::default() }, Wire { frame_bytes_max: 100, ..Wire::default() }, encoding)
    }

    async fn all(source: &mut BatchedSource<Wire>) -> (Vec<Bytes>, ReadError) {
        let mut messages = Vec::new();
        loop {
            match source.next().await {
                Ok(Incoming::Frame(message)) => messages.push(message),
                Ok(Incoming::Ping(_) | Incoming::Silence) => panic!("nobody pings"),
                Err(error) => return (messages, error),
            }
        }
    }

    #[tokio::test]
    async fn messages_come_one_by_one_until_a_broken_batch() {
        let (mut source, _) = layer(&[b"\0\0\0\x01a\0\0\0\x01b", b"\0\0\0\x01c", b"\0\0\0\x01"], Encoding::Cbor);
        assert_eq!(all(&mut source).await, (vec!["a".into(), "b".into(), "c".into()], ReadError::Malformed));
        let (mut source, _) = layer(&[b"[1]\x1e", b""], Encoding::Json);
        assert_eq!(all(&mut source).await, (vec!["[1]".into()], ReadError::Malformed));
        let (mut source, _) = layer(&[b"[1]\x1e[2]"], Encoding::Json);
        assert_eq!(all(&mut source).await, (vec!["[1]".into(), "[2]".into()], ReadError::Closed));
    }

    #[tokio::test]
    async fn a_long_batch_lets_others_have_their_turn() {
        let (mut source, _) = layer(&[], Encoding::Json);
        source.batch = Batch::new(Encoding::Json, b"[]\x1e".repeat(10_000).into()).unwrap();
        let ready = std::iter::from_fn(|| source.next().now_or_never()).count();
        assert!((64..10_000).contains(&ready), "{ready}");
    }

    #[tokio::test]
    async fn what_is_buffered_is_the_rest_of_the_batch() {
        let (mut source, _) = layer(&[b"[1]\x1e[2]\x1e[3]\x1e", b"[4]\x1e"], Encoding::Json);
        assert!(source.buffered().is_none());
        source.next().await.unwrap();
        let rest: Vec<Bytes> = std::iter::from_fn(|| source.buffered())
            .map(|came| match came {
                Ok(Incoming::Frame(message)) => message,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(rest, ["[2]", "[3]"]);
        assert_eq!(all(&mut source).await.0, ["[4]"]);
    }

    #[tokio::test]
    async fn copied_messages_keep_their_place_and_the_frame_its_size() {
        let (_, mut sink) = layer(&[], Encoding::Json);
        assert!(sink.copy(b"[1]"));
        sink.feed("[2]".into()).await.unwrap();
        assert!(sink.copy(b"[3]"));
        assert!(!sink.copy(&vec![b'x'; FRAME_BYTES]));
        sink.flush().await.unwrap();
        assert_eq!(sink.sink.sent, ["[1]\x1e[2]\x1e[3]\x1e"]);
    }

    #[tokio::test]
    async fn what_is_fed_before_a_flush_is_one_frame() {
        let (_, mut sink) = layer(&[], Encoding::Json);
        sink.flush().await.unwrap();
        sink.feed("[1]".into()).await.unwrap();
        sink.feed("[2]".into()).await.unwrap();
        sink.flush().await.unwrap();
        sink.feed("[3]".into()).await.unwrap();
        sink.close(Ending::Normal).await.unwrap();
        assert_eq!(sink.sink.sent, ["[1]\x1e[2]\x1e", "[3]\x1e"]);
        assert_eq!(sink.frame_bytes_max(), 96);
    }

    #[tokio::test]
    async fn a_frame_is_not_filled_above_its_size_but_a_message_may_be_longer() {
        let (_, mut sink) = layer(&[], Encoding::Cbor);
        let (half, whole) = (Bytes::from(vec![0; FRAME_BYTES / 2 - 4]), Bytes::from(vec![0; FRAME_BYTES + 1]));
        for message in [&half, &half, &half, &whole, &half] {
            sink.feed(message.clone()).await.unwrap();
        }
        sink.flush().await.unwrap();
        let sizes: Vec<usize> = sink.sink.sent.iter().map(Bytes::len).collect();
        assert_eq!(sizes, [FRAME_BYTES, FRAME_BYTES / 2, FRAME_BYTES + 5, FRAME_BYTES / 2]);
    }

    #[tokio::test]
    async fn a_peer_hears_the_end_that_it_uses() {
        let (mut source, mut sink) = layer(&[b"[1]\x18", b"[2]\x1e"], Encoding::Json);
        for end in ["\x18", "\x1e"] {
            source.next().await.unwrap();
            sink.feed("[]".into()).await.unwrap();
            sink.flush().await.unwrap();
            assert_eq!(sink.sink.sent.pop().unwrap(), format!("[]{end}"));
        }
    }
}
