//! Peers that are smaller, ruder or gone earlier than others.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Instant;

use countersign_client::{Dict, Encoding, Message, RawConnection, Value as WampValue};
use countersign_testkit::{Door, Server, eventually};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::bad_input::wire::{BINARY, FINAL, Stream, TEXT, dial, encode, masked, rest, upgrade};
use crate::support::{
    Answer, PASSWORD, PREFIX, REALM, SOON, authenticate, call, challenged, metric, reach, server, sign_in,
};

/// Longest frame of a [`Small`] peer: WELCOME fits.
const SMALL_BYTES_MAX: usize = 4_096;

/// A RawSocket peer that takes no more than so many bytes at once, signed in as bob.
struct Small(Stream);

impl Small {
    async fn join(server: &Server) -> Self {
        let mut peer = Self::hello(server, SMALL_BYTES_MAX).await;
        assert_eq!(peer.recv().await[0], 4);
        peer.send(&json!([5, PASSWORD, {}])).await;
        assert_eq!(peer.recv().await[0], 2);
        peer
    }

    /// One that says how much it takes, and HELLO.
    async fn hello(server: &Server, bytes_max: usize) -> Self {
        let mut stream = dial(server, Door::Tcp).await;
        let exponent = u8::try_from(bytes_max.ilog2() - 9).unwrap();
        stream.write_all(&[0x7f, exponent << 4 | 1, 0, 0]).await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer[1] & 0x0f, 1);
        let mut peer = Self(stream);
        let roles = json!({"caller": {}, "callee": {}, "subscriber": {}});
        peer.send(&json!([1, REALM, {"roles": roles, "authid": "bob", "authmethods": ["ticket"]}])).await;
        peer
    }

    async fn send(&mut self, message: &Value) {
        let bytes = encode(Encoding::Json, message);
        let header = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&header[..], &bytes].concat()).await.unwrap();
    }

    async fn recv(&mut self) -> Value {
        let length = tokio::time::timeout(SOON, self.0.read_u32()).await.unwrap().unwrap();
        let length = usize::try_from(length).unwrap();
        assert!(length <= SMALL_BYTES_MAX, "{length}");
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await.unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }
}

fn long() -> WampValue {
    "x".repeat(SMALL_BYTES_MAX).as_str().into()
}

#[tokio::test]
async fn what_is_too_long_for_its_receiver_ends_the_call_and_an_event_is_skipped() {
    let server = server().start().await;
    for login in ["bob", "eve"] {
        server.add_user(login, "backend", PASSWORD).await;
    }
    let session = sign_in(&server, "eve", PASSWORD).await.unwrap();
    let (longer, small, news) = (format!("{PREFIX}.longer"), format!("{PREFIX}.small"), format!("{PREFIX}.news"));
    let answer = |_| std::future::ready(Ok((vec![long()], Dict::new())));
    session.register(&longer, Dict::new(), answer).await.unwrap();
    let mut peer = Small::join(&server).await;

    peer.send(&json!([48, 1, {}, longer])).await;
    let error = peer.recv().await;
    assert_eq!((&error[1], &error[2]), (&json!(48), &json!(1)), "a RESULT");
    assert_eq!(error[4], "wamp.error.payload_size_exceeded", "a RESULT");

    peer.send(&json!([64, 2, {}, small])).await;
    assert_eq!(peer.recv().await[0], 65);
    let (error, _) = call(&session, &small, vec![long()]).await.unwrap_err();
    assert_eq!(error, "wamp.error.payload_size_exceeded", "an INVOCATION");

    peer.send(&json!([32, 3, {}, news])).await;
    assert_eq!(peer.recv().await[0], 33);
    for text in [long(), "short".into()] {
        session.publish(&news, vec![text], Dict::new(), Dict::new()).await.unwrap();
    }
    let event = peer.recv().await;
    assert_eq!((&event[0], &event[4]), (&json!(36), &json!(["short"])), "an EVENT");
}

#[tokio::test]
async fn a_peer_whose_welcome_is_too_long_for_it_is_told_so_and_has_no_session() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    let mut peer = Small::hello(&server, 512).await;
    assert_eq!(peer.recv().await[0], 4);
    // What it says behind its login finds no session any more.
    peer.send(&json!([5, PASSWORD, {}])).await;
    peer.send(&json!([32, 1, {}, format!("{PREFIX}.news")])).await;
    let abort = peer.recv().await;
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.payload_size_exceeded")), "{abort}");
    assert_eq!(abort[1]["message"], "WELCOME is longer than its receiver takes");
    assert!(rest(&mut peer.0, "refused").await.is_empty());
    let session = "countersign_sessions_open{transport=\"rawsocket\",serializer=\"json\",authmethod=\"ticket\"}";
    let gone = async || (metric(&server, session).await == 0).then_some(());
    eventually("the session's end", SOON, gone).await;
}

#[tokio::test]
async fn a_web_socket_message_in_the_other_kind_of_frame_is_understood() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    let (mut stream, _) = upgrade(&server, "wamp.2.json").await;
    let roles = json!({"caller": {}});
    let hello = json!([1, REALM, {"roles": roles, "authid": "bob", "authmethods": ["ticket"]}]);
    stream.write_all(&masked(FINAL | BINARY, &encode(Encoding::Json, &hello))).await.unwrap();
    let mut head = [0; 2];
    tokio::time::timeout(SOON, stream.read_exact(&mut head)).await.unwrap().unwrap();
    assert_eq!(head[0], FINAL | TEXT, "JSON goes out as text");
    let mut content = vec![0; usize::from(head[1])];
    stream.read_exact(&mut content).await.unwrap();
    assert!(content.starts_with(br#"[4,"ticket""#), "{content:?}");
}

#[tokio::test]
async fn a_callee_whose_connection_breaks_leaves_no_call_waiting_and_no_procedure() {
    let server = server().start().await;
    for login in ["bob", "eve"] {
        server.add_user(login, "backend", PASSWORD).await;
    }
    let caller = sign_in(&server, "eve", PASSWORD).await.unwrap();
    for door in Door::ALL {
        let mut peer = challenged(&reach(&server, door), "bob").await.unwrap();
        assert!(matches!(authenticate(&mut peer, PASSWORD).await, Ok(Answer::Welcome(_))));
        let uri = format!("{PREFIX}.gone");
        register(&mut peer, &uri).await;
        let waiting = tokio::spawn({
            let (caller, uri) = (caller.clone(), uri.clone());
            async move { call(&caller, &uri, vec![]).await }
        });
        assert!(matches!(peer.recv().await, Ok(Message::Invocation { .. })), "{door:?}");
        drop(peer);
        let (error, _) = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap().unwrap_err();
        assert_eq!(error, "wamp.error.canceled", "{door:?}");
        // The end of the call and of the procedure are one step.
        let began = Instant::now();
        let (error, _) = call(&caller, &uri, vec![]).await.unwrap_err();
        assert_eq!(error, "wamp.error.no_such_procedure", "{door:?}");
        assert!(began.elapsed() < SOON);
    }
}

async fn register(callee: &mut RawConnection, procedure: &str) {
    let request = countersign_wamp::Id::FIRST;
    callee.send(&Message::Register { request, options: Dict::new(), procedure: procedure.into() }).await.unwrap();
    assert!(matches!(callee.recv().await, Ok(Message::Registered { .. })));
}
