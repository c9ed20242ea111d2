//! Streams in two halves, one for each of a connection's directions.

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio_rustls::server::TlsStream;

/// A stream that can be read and written at the same time. A socket can by itself; what keeps a state for both directions
/// is shared under a lock.
pub trait Split: AsyncRead + AsyncWrite + Send + Unpin + 'static {
    /// What is read from.
    type Reading: AsyncRead + Send + Unpin + 'static;
    /// What is written to.
    type Writing: AsyncWrite + Send + Unpin + 'static;

    /// Both halves.
    fn halves(self) -> (Self::Reading, Self::Writing);
}

impl Split for TcpStream {
    type Reading = tcp::OwnedReadHalf;
    type Writing = tcp::OwnedWriteHalf;

    fn halves(self) -> (Self::Reading, Self::Writing) {
        self.into_split()
    }
}

impl Split for UnixStream {
    type Reading = unix::OwnedReadHalf;
    type Writing = unix::OwnedWriteHalf;

    fn halves(self) -> (Self::Reading, Self::Writing) {
        self.into_split()
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Split for TlsStream<S> {
    type Reading = ReadHalf<Self>;
    type Writing = WriteHalf<Self>;

    fn halves(self) -> (Self::Reading, Self::Writing) {
        tokio::io::split(self)
    }
}

impl Split for TokioIo<Upgraded> {
    type Reading = ReadHalf<Self>;
    type Writing = WriteHalf<Self>;

    fn halves(self) -> (Self::Reading, Self::Writing) {
        tokio::io::split(self)
    }
}
