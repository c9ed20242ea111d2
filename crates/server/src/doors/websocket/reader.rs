//! The reading half of a WebSocket: the stream's bytes, and its silence.

use std::future::poll_fn;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use countersign_websocket::deflate::Agreement;
use countersign_websocket::{CloseCode, Decoder, Event, Limits, Role, Violation};
use tokio::io::AsyncRead;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::{HowItEnded, PeersEnd};
use crate::doors::scratch::{discard, poll_read};
use crate::doors::transport::ReadError;

/// Gives what a peer says, and tells when it says nothing for long.
pub struct Reader<R> {
    stream: R,
    decoder: Decoder,
    /// What was read with an event and is for the next ones.
    rest: Bytes,
    peers_end: PeersEnd,
    silence: Silence,
}

/// How long nothing has come.
struct Silence {
    interval: Interval,
    /// Whether something came since the last tick.
    was_heard: bool,
    /// Whether the peer has been asked since it was last heard.
    was_asked: bool,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub fn new(
        stream: R,
        limits: Limits,
        agreement: Option<Agreement>,
        peers_end: PeersEnd,
        ping_interval: Duration,
    ) -> Self {
        let mut interval = interval_at(Instant::now() + ping_interval, ping_interval);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let silence = Silence { interval, was_heard: false, was_asked: false };
        let decoder = Decoder::new(Role::Server, limits, agreement);
        Self { stream, decoder, rest: Bytes::new(), peers_end, silence }
    }

    pub fn set_limits(&mut self, limits: Limits) {
        self.decoder.set_limits(limits);
    }

    /// The next event; `None` once where nothing has come for a while: the peer should be pinged.
    /// May be dropped at any await point without losing bytes.
    pub async fn next(&mut self) -> Result<Option<Event>, ReadError> {
        poll_fn(|cx| match self.poll_event(cx) {
            Poll::Ready(event) => Poll::Ready(event.map(Some)),
            Poll::Pending => self.silence.poll(cx).map(|silence| silence.map(|()| None)),
        })
        .await
    }

    /// The next event, if all of it has been read already: the stream is not asked.
    pub fn buffered(&mut self) -> Option<Result<Event, ReadError>> {
        while !self.rest.is_empty() {
            let mut bytes = &self.rest[..];
            let event = self.decoder.next(&mut bytes);
            let taken = self.rest.len() - bytes.len();
            self.rest.advance(taken);
            if self.rest.is_empty() {
                self.rest = Bytes::new();
            }
            if let Some(event) = self.judged(event) {
                return Some(event);
            }
        }
        None
    }

    /// Reads on without looking, until the peer has closed its side.
    pub async fn discard(&mut self) {
        discard(&mut self.stream).await;
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, ReadError>> {
        loop {
            if let Some(event) = self.buffered() {
                return Poll::Ready(event);
            }
            let (decoder, rest) = (&mut self.decoder, &mut self.rest);
            let read = poll_read(&mut self.stream, cx, |mut bytes| {
                if bytes.is_empty() {
                    return None;
                }
                let event = decoder.next(&mut bytes);
                *rest = Bytes::copy_from_slice(bytes);
                Some(event)
            });
            let Ok(Some(event)) = ready!(read) else {
                let _ = self.peers_end.set(HowItEnded::Gone);
                return Poll::Ready(Err(ReadError::Closed));
            };
            self.silence.was_heard = true;
            if let Some(event) = self.judged(event) {
                return Poll::Ready(event);
            }
        }
    }

    /// What the decoder has found; `None` if it needs more.
    fn judged(&self, found: Result<Option<Event>, Violation>) -> Option<Result<Event, ReadError>> {
        let event = found.map_err(read_error).transpose()?;
        if let Ok(Event::Close(close)) = &event {
            let _ = self.peers_end.set(HowItEnded::Closed(close.clone()));
        }
        Some(event)
    }
}

impl Silence {
    /// Ready when the peer should be asked whether it is there; with an error when it has been and
    /// didn't say anything.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadError>> {
        loop {
            ready!(self.interval.poll_tick(cx));
            if std::mem::take(&mut self.was_heard) {
                self.was_asked = false;
            } else if std::mem::replace(&mut self.was_asked, true) {
                return Poll::Ready(Err(ReadError::Silent));
            } else {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

fn read_error(violation: Violation) -> ReadError {
    tracing::debug!(%violation, "WebSocket broken");
    match violation.close_code() {
        CloseCode::TOO_LONG => ReadError::TooLong,
        CloseCode::INVALID_DATA => ReadError::NotUtf8,
        _ => ReadError::Malformed,
    }
}
