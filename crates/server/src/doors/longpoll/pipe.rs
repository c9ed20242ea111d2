//! What lies between a connection and the requests that carry its frames.
//!
//! Frames that come in go through a channel of one place. Frames that go out wait in the
//! [`Mailbox`] for the request that takes them; above [`WINDOW_BYTES`] the connection's writer
//! waits, and the session's outbox says how much may wait in all.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until};

use crate::doors::transport::{Incoming, ReadError, Sink, Source, WriteError};
use crate::outbox::Ending;

/// Bytes of frames that wait in the mailbox; a longer frame waits alone.
const WINDOW_BYTES: usize = 64 * 1024;

/// Both ends: for requests the channel in and the mailbox, for the connection its halves.
pub fn pipe(idle: Duration) -> (mpsc::Sender<Bytes>, Arc<Mailbox>, LongPollSource, LongPollSink) {
    let (sender, inbox) = mpsc::channel(1);
    let state = State { frames: VecDeque::new(), bytes: 0, is_gone: false, receivers: 0, touched: Instant::now() };
    let mailbox = Arc::new(Mailbox {
        state: Mutex::new(state),
        filled: Notify::new(),
        taken: Notify::new(),
        hung_up: Notify::new(),
    });
    let source = LongPollSource { inbox, mailbox: Arc::clone(&mailbox), idle };
    let sink = LongPollSink { mailbox: Arc::clone(&mailbox) };
    (sender, mailbox, source, sink)
}

/// What waits for the peer.
#[derive(Debug)]
pub struct Mailbox {
    state: Mutex<State>,
    filled: Notify,
    taken: Notify,
    hung_up: Notify,
}

#[derive(Debug)]
struct State {
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Nothing goes in or out any more.
    is_gone: bool,
    /// Requests that wait: none or one.
    receivers: usize,
    /// When the last request came or went.
    touched: Instant,
}

/// What a request gets.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// The next frame, or all of them in one.
    Frame(Bytes),
    /// There will be no more.
    Closed,
}

impl Mailbox {
    /// Lets a request wait; `None` if one does already.
    pub fn receive(self: &Arc<Self>) -> Option<Receiver> {
        let mut state = self.lock();
        if state.receivers > 0 {
            return None;
        }
        state.receivers = 1;
        drop(state);
        Some(Receiver(Arc::clone(self)))
    }

    /// Says that the peer is there.
    pub fn touch(&self) {
        self.lock().touched = Instant::now();
    }

    /// The peer went.
    pub fn hang_up(&self) {
        self.lock().is_gone = true;
        self.filled.notify_one();
        self.taken.notify_one();
        self.hung_up.notify_one();
    }

    /// When the peer is lost, if no request comes until then; `None`: it is lost.
    fn lost_at(&self, idle: Duration) -> Option<Instant> {
        let (state, now) = (self.lock(), Instant::now());
        let at = if state.receivers > 0 { now + idle } else { state.touched + idle };
        (!state.is_gone && at > now).then_some(at)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits for messages.
#[derive(Debug)]
pub struct Receiver(Arc<Mailbox>);

impl Receiver {
    /// The next frame, or `all` that wait, one behind the other; waits while there is none.
    /// May be dropped at any await point without losing one.
    pub async fn take(&mut self, all: bool) -> Taken {
        loop {
            if let Some(taken) = self.take_now(all) {
                self.0.taken.notify_one();
                return taken;
            }
            self.0.filled.notified().await;
        }
    }

    fn take_now(&mut self, all: bool) -> Option<Taken> {
        let mut state = self.0.lock();
        let Some(first) = state.frames.pop_front() else { return state.is_gone.then_some(Taken::Closed) };
        state.bytes -= first.len();
        if !all || state.frames.is_empty() {
            return Some(Taken::Frame(first));
        }
        let mut whole = BytesMut::with_capacity(first.len() + state.bytes);
        whole.extend_from_slice(&first);
        state.frames.drain(..).for_each(|frame| whole.extend_from_slice(&frame));
        state.bytes = 0;
        Some(Taken::Frame(whole.freeze()))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.receivers = 0;
        state.touched = Instant::now();
    }
}

/// What the peer sends.
pub struct LongPollSource {
    inbox: mpsc::Receiver<Bytes>,
    mailbox: Arc<Mailbox>,
    idle: Duration,
}

impl Source for LongPollSource {
    async fn next(&mut self) -> Result<Incoming, ReadError> {
        loop {
            let lost_at = self.mailbox.lost_at(self.idle).unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                // What came before the end counts.
                frame = self.inbox.recv() => return frame.map(Incoming::Frame).ok_or(ReadError::Closed),
                () = self.mailbox.hung_up.notified() => {}
                () = sleep_until(lost_at) => {}
            }
            if self.mailbox.lost_at(self.idle).is_none() {
                self.mailbox.hang_up();
                return Err(ReadError::Closed);
            }
        }
    }

    async fn discard(&mut self) {}
}

impl Drop for LongPollSource {
    fn drop(&mut self) {
        // However the connection ended: a request that waits is answered.
        self.mailbox.hang_up();
    }
}

/// What the peer gets.
pub struct LongPollSink {
    mailbox: Arc<Mailbox>,
}

impl LongPollSink {
    /// Puts a frame into the mailbox if there is room.
    fn put(&self, frame: &Bytes) -> Result<bool, WriteError> {
        let mut state = self.mailbox.lock();
        if state.is_gone {
            return Err(WriteError);
        }
        let has_room = state.frames.is_empty() || state.bytes + frame.len() <= WINDOW_BYTES;
        if has_room {
            state.bytes += frame.len();
            state.frames.push_back(frame.clone());
            self.mailbox.filled.notify_one();
        }
        Ok(has_room)
    }
}

impl Sink for LongPollSink {
    const TRANSPORT: &'static str = "longpoll";

    fn frame_bytes_max(&self) -> usize {
        // A long-poll client doesn't announce a limit.
        usize::MAX
    }

    async fn feed(&mut self, frame: Bytes) -> Result<(), WriteError> {
        while !self.put(&frame)? {
            self.mailbox.taken.notified().await;
        }
        Ok(())
    }

    async fn feed_pong(&mut self, _: Bytes) -> Result<(), WriteError> {
        // Nobody can ping here.
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }

    /// Waits until the last words were taken.
    async fn close(&mut self, _: Ending) -> Result<(), WriteError> {
        loop {
            {
                let state = self.mailbox.lock();
                if state.is_gone || state.frames.is_empty() {
                    break;
                }
            }
            self.mailbox.taken.notified().await;
        }
        self.mailbox.hang_up();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const IDLE: Duration = Duration::from_secs(30);
    const LESS: Duration = Duration::from_secs(29);

    fn frame(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn taken(text: &'static str) -> Taken {
        Taken::Frame(frame(text))
    }

    #[tokio::test]
    async fn frames_are_taken_one_by_one_or_all_at_once() {
        let (_in, mailbox, _source, mut sink) = pipe(IDLE);
        let mut receiver = mailbox.receive().unwrap();
        assert_eq!(receiver.take(false).now_or_never(), None);
        for text in ["a", "b", "c", "d"] {
            sink.feed(frame(text)).await.unwrap();
        }
        assert_eq!(receiver.take(false).now_or_never(), Some(taken("a")));
        assert_eq!(receiver.take(true).now_or_never(), Some(taken("bcd")));
        assert_eq!(receiver.take(true).now_or_never(), None);
    }

    #[tokio::test]
    async fn a_second_receiver_is_refused_until_the_first_is_gone() {
        let (_in, mailbox, _source, _sink) = pipe(IDLE);
        let first = mailbox.receive();
        assert!(first.is_some() && mailbox.receive().is_none());
        drop(first);
        assert!(mailbox.receive().is_some());
    }

    #[tokio::test]
    async fn the_writer_waits_above_the_window_but_a_long_frame_passes_alone() {
        let (_in, mailbox, _source, mut sink) = pipe(IDLE);
        let mut receiver = mailbox.receive().unwrap();
        let (half, long) = (Bytes::from(vec![0; WINDOW_BYTES / 2]), Bytes::from(vec![0; WINDOW_BYTES + 1]));
        for _ in 0..2 {
            assert!(sink.feed(half.clone()).now_or_never().is_some());
        }
        assert!(sink.feed(frame("x")).now_or_never().is_none());
        receiver.take(true).await;
        assert!(sink.feed(long.clone()).now_or_never().is_some());
        assert!(sink.feed(frame("x")).now_or_never().is_none());
        assert_eq!(receiver.take(false).await, Taken::Frame(long));
        assert!(sink.feed(frame("x")).now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_without_requests_is_lost_at_its_time_and_one_that_waits_is_not() {
        let (_in, mailbox, mut source, mut sink) = pipe(IDLE);
        let receiver = mailbox.receive();
        assert!(tokio::time::timeout(IDLE * 3, source.next()).await.is_err());
        drop(receiver);
        assert!(tokio::time::timeout(LESS, source.next()).await.is_err());
        mailbox.touch();
        assert!(tokio::time::timeout(LESS, source.next()).await.is_err());
        let began = Instant::now();
        assert_eq!(source.next().await.unwrap_err(), ReadError::Closed);
        assert!(began.elapsed() <= Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(sink.feed(frame("x")).await, Err(WriteError));
    }

    #[tokio::test]
    async fn what_came_before_the_end_is_read() {
        let (sender, mailbox, mut source, mut sink) = pipe(IDLE);
        sender.send(frame("a")).await.unwrap();
        mailbox.hang_up();
        assert!(matches!(source.next().await, Ok(Incoming::Frame(_))));
        assert_eq!(source.next().await.unwrap_err(), ReadError::Closed);
        assert_eq!(sink.close(Ending::Normal).now_or_never(), Some(Ok(())));
        assert_eq!(mailbox.receive().unwrap().take(false).await, Taken::Closed);
    }

    #[tokio::test]
    async fn the_last_words_are_waited_for() {
        let (_in, mailbox, source, mut sink) = pipe(IDLE);
        let mut receiver = mailbox.receive().unwrap();
        sink.feed(frame("bye")).await.unwrap();
        assert_eq!(sink.close(Ending::Policy).now_or_never(), None);
        assert_eq!(receiver.take(false).now_or_never(), Some(taken("bye")));
        assert_eq!(sink.close(Ending::Policy).now_or_never(), Some(Ok(())));
        assert_eq!(receiver.take(false).now_or_never(), Some(Taken::Closed));
        drop(source);
    }
}
