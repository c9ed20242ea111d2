//! What waits to be sent to one session: bounded, filled by anybody, drained by the
//! connection's writer.
//!
//! **Invariant:** filling never waits. A session whose peer reads too slowly is cut off;
//! it can't hold up the others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::{Bytes, BytesMut};
use countersign_wamp::{Dict, Encoding, Message, MessageType, encode};
use tokio::sync::Notify;

use crate::metrics::ServerLimit;

/// What a message takes in the queue beside its texts, options and payload, in bytes. An
/// estimate; exact figures would need encoding under the realm's lock.
const ENVELOPE_BYTES: usize = 64;

/// How much may wait.
#[derive(Debug, Clone, Copy)]
pub struct OutboxLimits {
    /// Messages.
    pub messages_max: usize,
    /// Bytes.
    pub bytes_max: usize,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As agreed: GOODBYE was answered, or the peer went.
    Normal,
    /// The peer broke the protocol.
    ProtocolError,
    /// The server goes down.
    GoingAway,
    /// The peer's frame was longer than allowed.
    TooLong,
    /// The peer's frame was no UTF-8 where it had to be.
    NotUtf8,
    /// The server refuses to go on, as after too many login attempts.
    Policy,
}

/// Which limit a queue passed that was cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutBy {
    /// [`OutboxLimits::messages_max`]
    Messages,
    /// [`OutboxLimits::bytes_max`]
    Bytes,
}

impl From<CutBy> for ServerLimit {
    fn from(by: CutBy) -> Self {
        match by {
            CutBy::Messages => Self::OutboundMessages,
            CutBy::Bytes => Self::OutboundBytes,
        }
    }
}

impl Ending {
    /// Its name in the metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::ProtocolError => "protocol_error",
            Self::GoingAway => "going_away",
            Self::TooLong => "too_long",
            Self::NotUtf8 => "not_utf8",
            Self::Policy => "policy",
        }
    }
}

/// One thing to send.
#[derive(Debug)]
pub enum Outgoing {
    /// A message for this session alone.
    Message(Message),
    /// A message that other sessions get as well.
    Shared(Arc<SharedMessage>),
    /// The answer to a ping.
    Pong(Bytes),
    /// A ping of ours.
    Ping,
}

/// A message for many sessions, encoded once per serializer.
#[derive(Debug)]
pub struct SharedMessage {
    message: Message,
    encoded: [OnceLock<Bytes>; Encoding::ALL.len()],
}

impl SharedMessage {
    /// Takes the message; nothing is encoded yet.
    pub fn new(message: Message) -> Self {
        Self { message, encoded: Default::default() }
    }

    /// Its type.
    pub fn message_type(&self) -> MessageType {
        self.message.message_type()
    }

    /// The frame for receivers with this serializer.
    pub fn frame(&self, encoding: Encoding) -> Bytes {
        let slot = Encoding::ALL.iter().position(|known| *known == encoding).and_then(|at| self.encoded.get(at));
        match slot {
            Some(slot) => slot.get_or_init(|| frame(&self.message, encoding)).clone(),
            None => frame(&self.message, encoding),
        }
    }
}

/// One message as a frame.
pub fn frame(message: &Message, encoding: Encoding) -> Bytes {
    let mut out = BytesMut::with_capacity(ENVELOPE_BYTES + message.len_hint());
    encode(encoding, message, &mut out);
    out.freeze()
}

/// What the writer gets at once.
#[derive(Debug, Default)]
pub struct Batch {
    /// In order.
    pub outgoing: VecDeque<Outgoing>,
    /// Whether the connection ends behind them, and how.
    pub ending: Option<Ending>,
}

/// The queue of one connection.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    filled: Notify,
    cut: Notify,
    limits: OutboxLimits,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Outgoing>,
    bytes: usize,
    ending: Option<Ending>,
    cut: Option<CutBy>,
}

impl Outbox {
    /// An empty queue.
    pub fn new(limits: OutboxLimits) -> Self {
        Self { state: Mutex::default(), filled: Notify::new(), cut: Notify::new(), limits }
    }

    /// Appends a message. After [`Outbox::end`] or a cut it is dropped.
    pub fn send(&self, message: Message) {
        let bytes = ENVELOPE_BYTES + message.len_hint();
        self.push(Outgoing::Message(message), bytes);
    }

    /// Appends a message that others get as well.
    pub fn send_shared(&self, message: Arc<SharedMessage>) {
        let bytes = ENVELOPE_BYTES + message.message.len_hint();
        self.push(Outgoing::Shared(message), bytes);
    }

    /// Appends a ping of ours.
    pub fn ping(&self) {
        self.push(Outgoing::Ping, 0);
    }

    /// Appends the answer to a ping.
    pub fn pong(&self, payload: Bytes) {
        let bytes = payload.len();
        self.push(Outgoing::Pong(payload), bytes);
    }

    /// Sends ABORT and ends the connection behind it.
    pub fn abort(&self, reason: &str, message: &str, ending: Ending) {
        self.send(Message::Abort { details: Dict::new().with("message", message), reason: reason.into() });
        self.end(ending);
    }

    /// Ends the connection behind what waits. The first call counts.
    pub fn end(&self, ending: Ending) {
        self.lock().ending.get_or_insert(ending);
        self.filled.notify_one();
    }

    /// Everything that waits; waits itself while nothing does.
    pub async fn take(&self) -> Batch {
        loop {
            {
                let mut state = self.lock();
                if !state.queue.is_empty() || state.ending.is_some() {
                    state.bytes = 0;
                    return Batch { outgoing: std::mem::take(&mut state.queue), ending: state.ending };
                }
            }
            self.filled.notified().await;
        }
    }

    /// Waits until the session was cut off for reading too slowly.
    pub async fn cut(&self) -> CutBy {
        loop {
            let cut = self.lock().cut;
            match cut {
                Some(by) => return by,
                None => self.cut.notified().await,
            }
        }
    }

    fn push(&self, outgoing: Outgoing, bytes: usize) {
        let mut state = self.lock();
        if state.ending.is_some() || state.cut.is_some() {
            return;
        }
        let passed = if state.queue.len() >= self.limits.messages_max {
            Some(CutBy::Messages)
        } else {
            (state.bytes + bytes > self.limits.bytes_max).then_some(CutBy::Bytes)
        };
        if passed.is_some() {
            // What waits is lost with the connection; keeping it would only hold memory.
            state.queue.clear();
            state.cut = passed;
            drop(state);
            self.cut.notify_one();
            return;
        }
        state.bytes += bytes;
        let was_empty = state.queue.is_empty();
        state.queue.push_back(outgoing);
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use countersign_wamp::{Id, Payload};
    use futures_util::FutureExt as _;

    use super::*;

    fn event(bytes: usize) -> Message {
        let (subscription, publication) = (Id::FIRST, Id::FIRST);
        let payload = Payload::of("x".repeat(bytes));
        Message::Event { subscription, publication, details: Dict::new(), payload }
    }

    fn outbox(messages_max: usize, bytes_max: usize) -> Outbox {
        Outbox::new(OutboxLimits { messages_max, bytes_max })
    }

    #[test]
    fn gives_all_that_waits_in_order() {
        let outbox = outbox(10, 10_000);
        assert!(outbox.take().now_or_never().is_none());
        outbox.send(event(1));
        outbox.pong(Bytes::from_static(b"p"));
        outbox.end(Ending::Normal);
        let batch = outbox.take().now_or_never().unwrap();
        assert_eq!(batch.outgoing.len(), 2);
        assert!(matches!(batch.outgoing[1], Outgoing::Pong(_)));
        assert_eq!(batch.ending, Some(Ending::Normal));
    }

    #[test]
    fn cuts_off_one_past_the_limit_of_messages() {
        let outbox = outbox(2, 10_000);
        outbox.send(event(1));
        outbox.send(event(1));
        assert!(outbox.cut().now_or_never().is_none());
        outbox.send(event(1));
        assert_eq!(outbox.cut().now_or_never(), Some(CutBy::Messages));
    }

    #[test]
    fn cuts_off_past_the_limit_of_bytes() {
        let outbox = outbox(100, 300);
        outbox.pong(Bytes::from(vec![0; 300]));
        assert!(outbox.cut().now_or_never().is_none());
        outbox.pong(Bytes::from_static(b"x"));
        assert_eq!(outbox.cut().now_or_never(), Some(CutBy::Bytes));
    }

    #[test]
    fn nothing_follows_an_ending() {
        let outbox = outbox(10, 10_000);
        outbox.end(Ending::ProtocolError);
        outbox.end(Ending::Normal);
        outbox.send(event(1));
        let batch = outbox.take().now_or_never().unwrap();
        assert!(batch.outgoing.is_empty());
        assert_eq!(batch.ending, Some(Ending::ProtocolError));
    }

    #[test]
    fn a_shared_message_is_encoded_once_per_serializer() {
        let shared = SharedMessage::new(event(5));
        let (one, two) = (shared.frame(Encoding::Json), shared.frame(Encoding::Json));
        assert_eq!(one.as_ptr(), two.as_ptr());
        assert_ne!(shared.frame(Encoding::Cbor), one);
    }
}
