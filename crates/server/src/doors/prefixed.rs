//! A stream of which the first bytes were read, to be looked at.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::split::Split;

/// Gives these bytes again, then the rest of the stream.
#[derive(Debug)]
pub struct Prefixed<S> {
    first: Bytes,
    stream: S,
}

impl<S> Prefixed<S> {
    /// `stream`, of which `first` was read.
    pub fn new(first: Bytes, stream: S) -> Self {
        // Even empty bytes may hold the buffer that they were a part of, as long as the connection lasts.
        let first = if first.is_empty() { Bytes::new() } else { first };
        Self { first, stream }
    }

    /// The same with `bytes` before all else.
    #[must_use]
    pub fn preceded_by(self, bytes: Bytes) -> Self {
        let first = if self.first.is_empty() { bytes } else { [bytes, self.first].concat().into() };
        Self::new(first, self.stream)
    }
}

impl<S: Split> Split for Prefixed<S> {
    type Reading = Prefixed<S::Reading>;
    type Writing = S::Writing;

    fn halves(self) -> (Self::Reading, Self::Writing) {
        let (reading, writing) = self.stream.halves();
        (Prefixed::new(self.first, reading), writing)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Prefixed<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0 && !self.first.is_empty() {
            let length = self.first.len().min(buffer.remaining());
            let given = self.first.split_to(length);
            buffer.put_slice(&given);
            if self.first.is_empty() {
                // Else it would hold its memory as long as the connection lasts.
                self.first = Bytes::new();
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Prefixed<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn gives_the_first_bytes_once_and_writes_through() {
        let (ours, mut theirs) = tokio::io::duplex(64);
        let mut stream = Prefixed::new(Bytes::from_static(b"123a"), ours);
        theirs.write_all(b"bc").await.unwrap();
        assert_eq!(stream.read(&mut []).await.unwrap(), 0);
        let mut three = [0; 3];
        stream.read_exact(&mut three).await.unwrap();
        assert_eq!(&three, b"123");
        stream.write_all(b"xyz").await.unwrap();
        stream.shutdown().await.unwrap();
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).await.unwrap();
        drop(theirs);
        let mut read = String::new();
        stream.read_to_string(&mut read).await.unwrap();
        assert_eq!((read.as_str(), heard.as_str()), ("abc", "xyz"));
    }

    #[test]
    fn nothing_before_a_stream_holds_no_buffer() {
        let mut buffer = BytesMut::from(&b"GET"[..]);
        let read = buffer.split().freeze();
        let nothing = buffer.freeze();
        assert!(nothing.is_empty() && !read.is_unique(), "it holds what it was cut from");
        let stream = Prefixed::new(Bytes::new(), tokio::io::empty()).preceded_by(nothing);
        assert!(read.is_unique() && stream.first.is_empty());
    }

    #[tokio::test]
    async fn what_was_taken_out_comes_before_what_was_read_first() {
        for first in ["", "3"] {
            let (ours, _theirs) = tokio::io::duplex(64);
            let mut stream = Prefixed::new(Bytes::from_static(first.as_bytes()), ours).preceded_by("12".into());
            let mut read = vec![0; 2 + first.len()];
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(read, format!("12{first}").as_bytes());
        }
    }
}
