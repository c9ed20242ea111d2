//! Batched WebSocket subprotocols, with frames made by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use bytes::Bytes;
use countersign_client::{Encoding, Message};
use countersign_testkit::Server;
use countersign_wamp::batch::MESSAGES_MAX;
use countersign_wamp::uris::error::{PAYLOAD_SIZE_EXCEEDED, PROTOCOL_VIOLATION};
use countersign_wamp::{DecodeLimits, decode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bad_input::wire::{BINARY, CLOSE, FINAL, Stream, TEXT, encode, masked, upgrade};
use crate::support::{PASSWORD, PREFIX, REALM, SOON, server, text};

const LOGIN: &str = "kristen98";
const RECORD_SEPARATOR: u8 = 0x1e;
/// What autobahn-python ends JSON messages with.
const CANCEL: u8 = 0x18;
/// Calls that are sent at once: more than are handed to the realm under one lock.
const MANY: u64 = 100;

/// A WebSocket with a batched subprotocol.
struct Batched {
    stream: Stream,
    encoding: Encoding,
    json_end: u8,
}

impl Batched {
    async fn open(server: &Server, encoding: Encoding) -> Self {
        let (stream, _) = upgrade(server, &format!("{}.batched", encoding.subprotocol())).await;
        Self { stream, encoding, json_end: RECORD_SEPARATOR }
    }

    /// A session of the user.
    async fn join(server: &Server, encoding: Encoding) -> Self {
        let mut connection = Self::open(server, encoding).await;
        connection.sign_in().await;
        connection
    }

    async fn sign_in(&mut self) {
        self.send(&[hello()]).await;
        assert!(matches!(self.recv().await[..], [Message::Challenge { .. }]));
        self.send(&[json!([5, PASSWORD, {}])]).await;
        assert!(matches!(self.recv().await[..], [Message::Welcome { .. }]));
    }

    fn pack(&self, messages: &[Value]) -> Vec<u8> {
        let mut batch = Vec::new();
        for message in messages {
            let bytes = encode(self.encoding, message);
            if self.encoding == Encoding::Json {
                batch.extend(bytes);
                batch.push(self.json_end);
            } else {
                batch.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
                batch.extend(bytes);
            }
        }
        batch
    }

    async fn send_frame(&mut self, content: &[u8]) {
        let kind = if self.encoding == Encoding::Json { TEXT } else { BINARY };
        self.stream.write_all(&masked(FINAL | kind, content)).await.unwrap();
    }

    async fn send(&mut self, messages: &[Value]) {
        let batch = self.pack(messages);
        self.send_frame(&batch).await;
    }

    /// Opcode and content of the next frame.
    async fn recv_frame(&mut self) -> (u8, Vec<u8>) {
        let reading = async {
            let first = self.stream.read_u8().await.unwrap();
            let length = match self.stream.read_u8().await.unwrap() {
                126 => self.stream.read_u16().await.unwrap().into(),
                127 => self.stream.read_u64().await.unwrap(),
                short => short.into(),
            };
            let mut content = vec![0; usize::try_from(length).unwrap()];
            self.stream.read_exact(&mut content).await.unwrap();
            assert_eq!(first & FINAL, FINAL);
            (first & 0x0f, content)
        };
        tokio::time::timeout(SOON, reading).await.expect("a frame soon")
    }

    /// The messages of the next frame.
    async fn recv(&mut self) -> Vec<Message> {
        let (opcode, mut content) = self.recv_frame().await;
        let mut messages = Vec::new();
        if self.encoding == Encoding::Json {
            assert_eq!((opcode, content.pop()), (TEXT, Some(self.json_end)));
            messages.extend(content.split(|byte| *byte == self.json_end).map(<[u8]>::to_vec));
        } else {
            assert_eq!(opcode, BINARY);
            let mut rest = &content[..];
            while let Some((length, tail)) = rest.split_first_chunk() {
                let (message, tail) = tail.split_at(u32::from_be_bytes(*length).try_into().unwrap());
                messages.push(message.to_vec());
                rest = tail;
            }
            assert!(rest.is_empty());
        }
        let decoded = |bytes: Vec<u8>| decode(self.encoding, &Bytes::from(bytes), DecodeLimits::default()).unwrap();
        messages.into_iter().map(decoded).collect()
    }

    /// ABORT with this reason and text, then the close code.
    async fn aborted(&mut self, want: &str, code: u16, of: &str) {
        let messages = self.recv().await;
        let [Message::Abort { details, reason }] = &messages[..] else { panic!("{of}: {messages:?}") };
        assert_eq!(reason.as_str(), want, "{of}: {}", text(details, "message"));
        assert_eq!(self.recv_frame().await, (CLOSE, code.to_be_bytes().to_vec()), "{of}");
    }
}

fn hello() -> Value {
    json!([1, REALM, {"roles": {"caller": {}}, "authid": LOGIN, "authmethods": ["ticket"]}])
}

fn whoami(request: u64) -> Value {
    json!([48, request, {}, format!("{PREFIX}.auth.whoami")])
}

async fn started() -> Server {
    let server = server().start().await;
    server.add_user(LOGIN, "backend", PASSWORD).await;
    server
}

#[tokio::test]
async fn batches_carry_sessions_in_every_serializer() {
    let server = started().await;
    for encoding in Encoding::ALL {
        let mut connection = Batched::join(&server, encoding).await;
        let topic = format!("{PREFIX}.pulse");
        let publish = |request: u64| json!([16, request, {"exclude_me": false, "acknowledge": true}, topic, [request]]);
        connection.send(&[json!([32, 1, {}, topic]), publish(2), publish(3)]).await;
        let mut answers = Vec::new();
        while answers.len() < 5 {
            answers.extend(connection.recv().await);
        }
        assert!(matches!(answers[0], Message::Subscribed { .. }), "{encoding}: {answers:?}");
        let events: Vec<_> = answers
            .iter()
            .filter_map(|answer| match answer {
                Message::Event { payload, .. } => Some(payload.values().unwrap().0[0].as_u64().unwrap()),
                _ => None,
            })
            .collect();
        assert_eq!(events, [2, 3], "{encoding}");
    }
}

#[tokio::test]
async fn what_is_answered_at_once_comes_in_few_frames_and_in_order() {
    let server = started().await;
    for encoding in Encoding::ALL {
        let mut connection = Batched::join(&server, encoding).await;
        connection.send(&(1..=MANY).map(whoami).collect::<Vec<_>>()).await;
        let (mut requests, mut frames) = (Vec::new(), 0);
        while requests.len() < usize::try_from(MANY).unwrap() {
            frames += 1;
            requests.extend(connection.recv().await.iter().map(|answer| match answer {
                Message::Result { request, .. } => request.get(),
                other => panic!("{encoding}: {other:?}"),
            }));
        }
        assert_eq!(requests, (1..=MANY).collect::<Vec<_>>(), "{encoding}");
        assert!(frames <= 10, "{encoding}: {frames}");
    }
}

#[tokio::test]
async fn a_peer_that_ends_json_in_its_own_way_hears_the_same() {
    let server = started().await;
    let mut connection = Batched::open(&server, Encoding::Json).await;
    connection.json_end = CANCEL;
    connection.sign_in().await;
    connection.send(&[whoami(1), whoami(2)]).await;
    let mut results = connection.recv().await;
    while results.len() < 2 {
        results.extend(connection.recv().await);
    }
    // The last end may be missing.
    connection.send_frame(whoami(3).to_string().as_bytes()).await;
    assert!(matches!(connection.recv().await[..], [Message::Result { .. }]));
}

#[tokio::test]
async fn a_frame_that_is_no_batch_ends_the_connection() {
    let server = started().await;
    for encoding in Encoding::ALL {
        let whole = Batched::open(&server, encoding).await.pack(&[whoami(1)]);
        let unframed = encode(encoding, &whoami(1));
        let mut frames = vec![("nothing", vec![])];
        if encoding == Encoding::Json {
            frames.push(("an empty message", [&whole[..], &[RECORD_SEPARATOR]].concat()));
            frames.push(("two messages in one", [&unframed[..], &whole].concat()));
        } else {
            frames.push(("no length", unframed));
            frames.push(("half a length", vec![0, 0]));
            frames.push(("half a message", whole[..whole.len() - 1].to_vec()));
            frames.push(("an empty message", vec![0; 4]));
        }
        for (what, frame) in frames {
            let of = format!("{encoding}: {what}");
            let mut fresh = Batched::open(&server, encoding).await;
            fresh.send_frame(&frame).await;
            fresh.aborted(PROTOCOL_VIOLATION, 1002, &of).await;
            let mut joined = Batched::join(&server, encoding).await;
            joined.send_frame(&frame).await;
            loop {
                // What stands before the fault is answered, or not any more.
                match joined.recv().await.pop() {
                    Some(Message::Result { .. }) => {}
                    Some(Message::Abort { reason, .. }) => {
                        break assert_eq!(reason.as_str(), PROTOCOL_VIOLATION, "{of}");
                    }
                    other => panic!("{of}: {other:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_batch_of_the_most_messages_is_taken_and_of_one_more_is_not() {
    let server = started().await;
    let publish = |request: usize| json!([16, request, {}, format!("{PREFIX}.pulse")]);
    let mut messages: Vec<Value> = (1..MESSAGES_MAX).map(publish).collect();
    messages.push(whoami(MESSAGES_MAX as u64));
    let mut connection = Batched::join(&server, Encoding::Cbor).await;
    connection.send(&messages).await;
    assert!(matches!(connection.recv().await[..], [Message::Result { .. }]));
    messages.insert(0, publish(1));
    let mut connection = Batched::join(&server, Encoding::Cbor).await;
    connection.send(&messages).await;
    connection.aborted(PROTOCOL_VIOLATION, 1002, "one more").await;
}

#[tokio::test]
async fn a_batch_before_login_is_as_long_as_a_message_may_be() {
    let server = started().await;
    for (bytes, is_taken) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
        let mut connection = Batched::open(&server, Encoding::Json).await;
        let bare = connection.pack(&[hello()]).len();
        // White space is allowed around a message.
        let batch = [vec![b' '; bytes - bare], connection.pack(&[hello()])].concat();
        connection.send_frame(&batch).await;
        if is_taken {
            assert!(matches!(connection.recv().await[..], [Message::Challenge { .. }]));
        } else {
            connection.aborted(PAYLOAD_SIZE_EXCEEDED, 1009, "one byte more").await;
        }
    }
}
