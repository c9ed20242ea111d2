//! What waits to be sent to one session: bounded, filled by anybody, drained by the
//! connection's writer.
//!
//! **Invariant:** filling never waits. A session whose peer reads too slowly is cut off;
//! it can't hold up the others.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use countersign_wamp::{Dict, Encoding, Message, MessageType, encode};

use crate::metrics::ServerLimit;

/// What a message takes in the queue beside its texts, options and payload, in bytes. An
/// estimate; exact figures would need encoding under the realm's lock.
const ENVELOPE_BYTES: usize = 64;

/// Longest emptied queue that is kept for the next one that needs one, in messages.
const SPARE_MESSAGES_MAX: usize = 64;

thread_local! {
    /// An emptied queue of this thread. Most connections are idle most of the time and hold none; those that aren't hand
    /// this one around.
    static SPARE: Cell<VecDeque<Outgoing>> = const { Cell::new(VecDeque::new()) };
}

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

impl Drop for Batch {
    fn drop(&mut self) {
        self.outgoing.clear();
        if (1..=SPARE_MESSAGES_MAX).contains(&self.outgoing.capacity()) {
            SPARE.set(std::mem::take(&mut self.outgoing));
        }
    }
}

/// The queue of one connection.
#[derive(Debug)]
pub struct Outbox {
    state: Mutex<State>,
    limits: OutboxLimits,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Outgoing>,
    bytes: usize,
    ending: Option<Ending>,
    cut: Option<CutBy>,
    /// Who waits for something to send. There is one writer, so one place is enough.
    taker: Option<Waker>,
    /// Who waits for the cut.
    watcher: Option<Waker>,
}

/// Remembers whom to wake.
fn wait(place: &mut Option<Waker>, cx: &Context<'_>) {
    if !place.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
        *place = Some(cx.waker().clone());
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waker) = waiting {
        waker.wake();
    }
}

impl Outbox {
    /// An empty queue.
    pub fn new(limits: OutboxLimits) -> Self {
        Self { state: Mutex::default(), limits }
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
        let mut state = self.lock();
        state.ending.get_or_insert(ending);
        let taker = state.taker.take();
        drop(state);
        wake(taker);
    }

    /// Everything that waits; waits itself while nothing does. Only the connection's writer may ask.
    ///
    /// # Errors
    ///
    /// The session was cut off for reading too slowly.
    pub async fn take(&self) -> Result<Batch, CutBy> {
        poll_fn(|cx| {
            let mut state = self.lock();
            if let Some(by) = state.cut {
                return Poll::Ready(Err(by));
            }
            if !state.queue.is_empty() || state.ending.is_some() {
                state.bytes = 0;
                return Poll::Ready(Ok(Batch { outgoing: std::mem::take(&mut state.queue), ending: state.ending }));
            }
            wait(&mut state.taker, cx);
            Poll::Pending
        })
        .await
    }

    /// Waits until the session was cut off for reading too slowly. Only the connection's writer may ask.
    pub async fn cut(&self) -> CutBy {
        poll_fn(|cx| {
            let mut state = self.lock();
            if let Some(by) = state.cut {
                return Poll::Ready(by);
            }
            wait(&mut state.watcher, cx);
            Poll::Pending
        })
        .await
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
            let (taker, watcher) = (state.taker.take(), state.watcher.take());
            drop(state);
            wake(taker);
            wake(watcher);
            return;
        }
        state.bytes += bytes;
        if state.queue.capacity() == 0 {
            state.queue = SPARE.take();
        }
        state.queue.push_back(outgoing);
        let taker = state.taker.take();
        drop(state);
        wake(taker);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;

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
        let batch = outbox.take().now_or_never().unwrap().unwrap();
        assert_eq!(batch.outgoing.len(), 2);
        assert!(matches!(batch.outgoing[1], Outgoing::Pong(_)));
        assert_eq!(batch.ending, Some(Ending::Normal));
    }

    #[test]
    fn an_emptied_queue_goes_to_the_next_one_that_needs_one() {
        let (first, second) = (outbox(10, 10_000), outbox(10, 10_000));
        first.send(event(1));
        let batch = first.take().now_or_never().unwrap().unwrap();
        let (at, capacity) = (batch.outgoing.as_slices().0.as_ptr(), batch.outgoing.capacity());
        drop(batch);
        second.send(event(2));
        first.send(event(3));
        let [reused, fresh] = [&second, &first].map(|outbox| outbox.take().now_or_never().unwrap().unwrap());
        assert_eq!((reused.outgoing.as_slices().0.as_ptr(), reused.outgoing.capacity()), (at, capacity));
        assert_ne!(fresh.outgoing.as_slices().0.as_ptr(), at);
        assert_eq!((reused.outgoing.len(), fresh.outgoing.len()), (1, 1));
    }

    #[test]
    fn cuts_off_one_past_the_limit_of_messages() {
        let outbox = outbox(2, 10_000);
        outbox.send(event(1));
        outbox.send(event(1));
        assert!(outbox.cut().now_or_never().is_none());
        outbox.send(event(1));
        assert_eq!(outbox.cut().now_or_never(), Some(CutBy::Messages));
        assert!(matches!(outbox.take().now_or_never(), Some(Err(CutBy::Messages))));
    }

    #[test]
    fn wakes_the_writer_for_the_first_message_and_for_the_end_and_for_a_cut() {
        let fills: [fn(&Outbox); 3] = [
            |outbox| outbox.send(event(1)),
            |outbox| outbox.end(Ending::Normal),
            |outbox| outbox.pong(Bytes::from(vec![0; 301])),
        ];
        for fill in fills {
            let outbox = outbox(100, 300);
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let mut cx = Context::from_waker(&waker);
            let mut taking = std::pin::pin!(outbox.take());
            assert!(taking.as_mut().poll(&mut cx).is_pending());
            fill(&outbox);
            assert!(woken.0.load(Ordering::Relaxed));
            assert!(taking.poll(&mut cx).is_ready());
        }
    }

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
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
        let batch = outbox.take().now_or_never().unwrap().unwrap();
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
