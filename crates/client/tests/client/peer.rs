//! A server that knows frames and nothing else.

use bytes::{Bytes, BytesMut};
use countersign_client::{Client, ConnectOptions, Dict, Encoding, Id, Message, Session};
use countersign_wamp::rawsocket::{self, FrameKind, FrameLimit, Handshake};
use countersign_wamp::{DecodeLimits, Payload, decode, encode};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as WsMessage;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// The server's end of one connection.
pub struct Peer {
    pub wire: Wire,
    encoding: Encoding,
}

pub enum Wire {
    Raw { stream: Box<dyn Io>, buffer: BytesMut },
    WebSocket(Box<WebSocketStream<Box<dyn Io>>>),
}

impl Peer {
    /// Accepts a RawSocket handshake and announces `limit`.
    pub async fn raw(mut stream: Box<dyn Io>, limit: FrameLimit) -> Self {
        let mut request = [0; 4];
        stream.read_exact(&mut request).await.unwrap();
        let encoding = Handshake::parse_request(request).unwrap().encoding;
        stream.write_all(&Handshake { encoding, limit }.to_bytes()).await.unwrap();
        Self { wire: Wire::Raw { stream, buffer: BytesMut::new() }, encoding }
    }

    /// Accepts a WebSocket.
    pub async fn web_socket(stream: Box<dyn Io>) -> Self {
        let mut encoding = None;
        #[expect(clippy::result_large_err, reason = "the signature is the library's")]
        let callback = |request: &Request, mut response: Response| {
            let protocol = request.headers()["Sec-WebSocket-Protocol"].clone();
            encoding = Encoding::from_subprotocol(protocol.to_str().unwrap());
            response.headers_mut().insert("Sec-WebSocket-Protocol", protocol);
            Ok(response)
        };
        let socket = tokio_tungstenite::accept_hdr_async(stream, callback).await.unwrap();
        Self { wire: Wire::WebSocket(Box::new(socket)), encoding: encoding.unwrap() }
    }

    pub async fn send_frame(&mut self, kind: FrameKind, frame: &[u8]) {
        match &mut self.wire {
            Wire::Raw { stream, .. } => {
                let header = rawsocket::header(kind, frame.len(), FrameLimit::LARGEST).unwrap();
                stream.write_all(&header).await.unwrap();
                stream.write_all(frame).await.unwrap();
            }
            Wire::WebSocket(socket) if self.encoding.is_text() => {
                socket.send(WsMessage::text(std::str::from_utf8(frame).unwrap())).await.unwrap();
            }
            Wire::WebSocket(socket) => {
                socket.send(WsMessage::binary(Bytes::copy_from_slice(frame))).await.unwrap();
            }
        }
    }

    pub async fn send(&mut self, message: Message) {
        let mut frame = BytesMut::new();
        encode(self.encoding, &message, &mut frame);
        self.send_frame(FrameKind::Message, &frame).await;
    }

    /// The next frame; `None` at the end.
    pub async fn recv_frame(&mut self) -> Option<(FrameKind, Bytes)> {
        match &mut self.wire {
            Wire::Raw { stream, buffer } => loop {
                if let Some(frame) = rawsocket::next_frame(buffer, 1 << 24).unwrap() {
                    return Some((frame.kind, frame.content));
                }
                if stream.read_buf(buffer).await.unwrap_or(0) == 0 {
                    return None;
                }
            },
            Wire::WebSocket(socket) => match socket.next().await?.ok()? {
                WsMessage::Text(text) => Some((FrameKind::Message, text.into())),
                WsMessage::Binary(bytes) => Some((FrameKind::Message, bytes)),
                WsMessage::Close(_) => None,
                other => panic!("{other:?}"),
            },
        }
    }

    /// Reads, and so answers, pings of a WebSocket until something else comes.
    pub async fn pings(&mut self) {
        let Wire::WebSocket(socket) = &mut self.wire else { panic!() };
        while matches!(socket.next().await, Some(Ok(WsMessage::Ping(_)))) {}
    }

    /// The next message; `None` at the end.
    pub async fn recv(&mut self) -> Option<Message> {
        let (kind, frame) = self.recv_frame().await?;
        assert_eq!(kind, FrameKind::Message);
        Some(decode(self.encoding, &frame, DecodeLimits::default()).unwrap())
    }

    /// Lets any client in, as session 7 of a server with all features; returns HELLO's details.
    pub async fn welcome(&mut self) -> Dict {
        let features = Dict::new().with("call_canceling", true).with("progressive_call_invocations", true);
        let dealer = Dict::new().with("features", features);
        self.welcome_with(Dict::new().with("dealer", dealer).with("broker", Dict::new())).await
    }

    /// The same with other roles.
    pub async fn welcome_with(&mut self, roles: Dict) -> Dict {
        let Some(Message::Hello { details, .. }) = self.recv().await else { panic!() };
        let welcome = Dict::new().with("authrole", "frontend").with("roles", roles);
        self.send(Message::Welcome { session: id(7), details: welcome }).await;
        details
    }

    /// Answers the next CALL with its own arguments; returns its procedure.
    pub async fn echo(&mut self) -> String {
        let Some(Message::Call { request, procedure, payload, .. }) = self.recv().await else { panic!() };
        self.send(Message::Result { request, details: Dict::new(), payload }).await;
        procedure.as_str().to_owned()
    }

    /// Answers the next SUBSCRIBE.
    pub async fn subscribed(&mut self, subscription: u64) {
        let Some(Message::Subscribe { request, .. }) = self.recv().await else { panic!() };
        self.send(Message::Subscribed { request, subscription: id(subscription) }).await;
    }

    /// Answers the next REGISTER.
    pub async fn registered(&mut self, registration: u64) {
        let Some(Message::Register { request, .. }) = self.recv().await else { panic!() };
        self.send(Message::Registered { request, registration: id(registration) }).await;
    }

    pub async fn event(&mut self, subscription: u64, number: i64) {
        let message = Message::Event {
            subscription: id(subscription),
            publication: id(1),
            details: Dict::new(),
            payload: Payload::of(number),
        };
        self.send(message).await;
    }
}

pub fn id(number: u64) -> Id {
    Id::new(number).unwrap()
}

/// A session on a RawSocket, and its server.
pub async fn joined(change: impl FnOnce(ConnectOptions) -> ConnectOptions) -> (Session, Peer) {
    joined_with(FrameLimit::LARGEST, change).await
}

/// [`joined`], with a server that accepts frames up to `limit`.
pub async fn joined_with(limit: FrameLimit, change: impl FnOnce(ConnectOptions) -> ConnectOptions) -> (Session, Peer) {
    connected(limit, change, async |peer| drop(peer.welcome().await)).await
}

/// [`joined`], with a server that has these roles.
pub async fn joined_as(roles: Dict, change: impl FnOnce(ConnectOptions) -> ConnectOptions) -> (Session, Peer) {
    connected(FrameLimit::LARGEST, change, async |peer| drop(peer.welcome_with(roles).await)).await
}

async fn connected(
    limit: FrameLimit,
    change: impl FnOnce(ConnectOptions) -> ConnectOptions,
    welcome: impl AsyncFnOnce(&mut Peer),
) -> (Session, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tcp://{}", listener.local_addr().unwrap());
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut peer = Peer::raw(Box::new(stream), limit).await;
        welcome(&mut peer).await;
        peer
    };
    let (session, peer) = tokio::join!(Client::connect(change(ConnectOptions::new(url, "realm1"))), serve);
    (session.unwrap(), peer)
}
