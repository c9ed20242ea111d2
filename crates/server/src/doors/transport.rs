//! The seam between a connection and what carries its frames.

use std::future::Future;

use bytes::Bytes;

use crate::outbox::Ending;

/// What comes in.
#[derive(Debug)]
pub enum Incoming {
    /// A message's frame.
    Frame(Bytes),
    /// A ping; the connection puts the answer into its outbox.
    Ping(Bytes),
    /// Nothing for a while: the connection puts a ping into its outbox. If nothing comes then
    /// either, the next is [`ReadError::Silent`].
    Silence,
}

/// Why nothing more comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The peer went.
    #[error("connection closed")]
    Closed,
    /// The frame is longer than allowed.
    #[error("frame too long")]
    TooLong,
    /// A text frame is no UTF-8, or a compressed one can't be inflated.
    #[error("text frame is not UTF-8")]
    NotUtf8,
    /// The framing is broken.
    #[error("framing broken")]
    Malformed,
    /// The peer was asked whether it is still there, and didn't answer.
    #[error("no answer to a ping")]
    Silent,
}

/// The connection can't be written to any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("connection lost")]
pub struct WriteError;

/// The reading half.
pub trait Source: Send {
    /// The next frame. May be dropped at any await point without losing bytes.
    fn next(&mut self) -> impl Future<Output = Result<Incoming, ReadError>> + Send;

    /// The next frame, if all of it has come already: what may be there beyond what was read is not asked for.
    fn buffered(&mut self) -> Option<Result<Incoming, ReadError>> {
        None
    }

    /// Reads on without looking, until the peer has closed its side. Closing a socket with
    /// unread bytes resets it, and the peer might lose the last words that were sent to it.
    fn discard(&mut self) -> impl Future<Output = ()> + Send;
}

/// The writing half. Frames are fed, then flushed once, so that many share one system call.
pub trait Sink: Send {
    /// The transport's name in the metrics.
    const TRANSPORT: &'static str;

    /// Longest frame that the peer takes, in bytes.
    fn frame_bytes_max(&self) -> usize;

    /// Takes a frame; it may wait in a buffer.
    fn feed(&mut self, frame: Bytes) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Takes a short frame by copying it, as [`Sink::feed`] does otherwise. `false`: it can't at the moment, and has taken
    /// nothing.
    fn copy(&mut self, frame: &[u8]) -> bool {
        let _ = frame;
        false
    }

    /// Takes the answer to a ping.
    fn feed_pong(&mut self, payload: Bytes) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Takes a ping; only asked for where the source tells of silence.
    fn feed_ping(&mut self) -> impl Future<Output = Result<(), WriteError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Sends what waits.
    fn flush(&mut self) -> impl Future<Output = Result<(), WriteError>> + Send;

    /// Says good-bye in the transport's own way.
    fn close(&mut self, ending: Ending) -> impl Future<Output = Result<(), WriteError>> + Send;
}
