//! Reading without a buffer of one's own, so that a connection that is idle holds none.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Most bytes that are read at once.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    /// What one thread reads into, for all its connections: each takes out at once what is its own.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Reads once, and shows what came: nothing at the stream's end.
pub fn poll_read<T>(
    stream: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<std::io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}

/// Reads on without looking, until the peer has closed its side.
pub async fn discard(stream: &mut (impl AsyncRead + Unpin)) {
    while let Ok(1..) = poll_fn(|cx| poll_read(stream, cx, <[u8]>::len)).await {}
}
