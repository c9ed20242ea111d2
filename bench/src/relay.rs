//! A bare relay: two hops and no decoding, the floor of a machine.
//!
//! Connections come in twos; what one of a pair sends, the other gets. It answers the opening handshake of either
//! transport, so that the same load can be sent through it as through a router.

use std::io;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

const BUFFER_BYTES: usize = 64 * 1024;
/// The accepting answer to the key that the load sends.
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Relays until the process is killed; prints its address first.
pub async fn run() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let first = accept(&listener).await?;
        let second = accept(&listener).await?;
        let ((read_1, write_1), (read_2, write_2)) = (first.into_split(), second.into_split());
        tokio::spawn(copy(read_1, write_2));
        tokio::spawn(copy(read_2, write_1));
    }
}

async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (mut stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(UPGRADED).await?;
    Ok(stream)
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let length = from.read(&mut buffer).await?;
        match buffer.get(..length) {
            Some(bytes) if !bytes.is_empty() => {
                // The load's frames are masked with the key 0: unmasking is clearing one bit, which the load doesn't ask for.
                to.write_all(bytes).await?;
            }
            _ => return Ok(()),
        }
    }
}
