//! Compressed messages on a WebSocket.

use bytes::{Buf as _, BytesMut};
use countersign_client::{Client, ConnectError, ConnectOptions, Dict, Encoding, Message, Value};
use countersign_wamp::{DecodeLimits, decode, encode};
use countersign_websocket::deflate::{Agreement, Deflater, OFFER};
use countersign_websocket::handshake::accept_key;
use countersign_websocket::{Decoder, Event, Kind, Limits, Output, Role};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::peer::id;

const COMPRESSED: u8 = 0x40;
const AGREEMENT: Agreement = Agreement { our_window_bits: 15, peer_keeps_context: false };

/// A server that agrees to compression, whether that was offered or not.
struct Server {
    stream: TcpStream,
    decoder: Decoder,
    received: BytesMut,
}

impl Server {
    async fn accept(listener: &TcpListener) -> Self {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        let request = String::from_utf8(request).unwrap();
        let key = request.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\nSec-WebSocket-Protocol: wamp.2.json\r\nSec-WebSocket-Extensions: {OFFER}\r\n\r\n",
            accept_key(key)
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        let decoder = Decoder::new(Role::Server, Limits::message_bytes(1 << 20), Some(AGREEMENT));
        Self { stream, decoder, received: BytesMut::new() }
    }

    /// The next message, and whether it came compressed.
    async fn recv(&mut self) -> (Message, bool) {
        assert!(self.received.is_empty());
        let mut first = None;
        loop {
            self.stream.read_buf(&mut self.received).await.unwrap();
            first = first.or(self.received.first().copied());
            let mut input = &self.received[..];
            let event = self.decoder.next(&mut input).unwrap();
            let taken = self.received.len() - input.len();
            self.received.advance(taken);
            if let Some(Event::Message { payload, .. }) = event {
                let message = decode(Encoding::Json, &payload, DecodeLimits::default()).unwrap();
                return (message, first.unwrap() & COMPRESSED != 0);
            }
        }
    }

    async fn send(&mut self, message: &Message) {
        let mut frame = BytesMut::new();
        encode(Encoding::Json, message, &mut frame);
        let mut output = Output::default();
        match Deflater::new(AGREEMENT.our_window_bits).compress(&frame) {
            Some(compressed) => output.compressed(Kind::Text, compressed.into(), None),
            None => output.message(Kind::Text, frame.freeze(), None),
        }
        self.stream.write_all_buf(&mut output).await.unwrap();
    }
}

#[tokio::test]
async fn long_messages_of_a_session_are_compressed_and_no_others() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let long = Value::from("x".repeat(5_000));
    let options = ConnectOptions::new(format!("ws://{}/ws", listener.local_addr().unwrap()), "realm1")
        .encoding(Encoding::Json)
        .authextra(Dict::new().with("long", long.clone()))
        .compression(true);
    let serve = async {
        let mut server = Server::accept(&listener).await;
        assert!(!server.recv().await.1, "a login is never compressed");
        server.send(&Message::Welcome { session: id(7), details: Dict::new() }).await;
        for is_long in [true, false] {
            let (message, is_compressed) = server.recv().await;
            let Message::Call { request, payload, .. } = message else { panic!("{message:?}") };
            assert_eq!(is_compressed, is_long);
            server.send(&Message::Result { request, details: Dict::new(), payload }).await;
        }
        server
    };
    let connect = async {
        let session = Client::connect(options).await.unwrap();
        for args in [vec![long], vec![Value::from("short")]] {
            assert_eq!(session.call("a.b", args.clone(), Dict::new()).await, Ok((args, Dict::new())));
        }
        session
    };
    tokio::join!(connect, serve);
}

#[tokio::test]
async fn compression_that_was_not_offered_fails_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    let options = ConnectOptions::new(url, "realm1").encoding(Encoding::Json);
    let (refused, _) = tokio::join!(Client::connect(options), Server::accept(&listener));
    assert!(matches!(refused, Err(ConnectError::ProtocolViolation(_))));
}
