//! What a stranger may send: each breach of the protocol gets the word that the specification has for it, soon, and
//! nobody else notices.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod framing;
mod limits;
mod memory;
pub mod wire;

use std::time::Instant;

use countersign_client::{Closed, Encoding, Message, RawConnection, RecvError};
use countersign_testkit::{Door, Server};
use countersign_wamp::uris::error::{NO_SUCH_REALM, PROTOCOL_VIOLATION};
use serde_json::{Value, json};

use super::support::{PASSWORD, SOON, reach, server_with, text};
use wire::{Healthy, encode};

/// Each transport, and each serializer at least once over both kinds of framing.
const WAYS: [(Door, Encoding); 8] = [
    (Door::Http, Encoding::Json),
    (Door::Http, Encoding::MsgPack),
    (Door::Https, Encoding::Cbor),
    (Door::Tcp, Encoding::Cbor),
    (Door::Tcp, Encoding::Json),
    (Door::Unix, Encoding::MsgPack),
    (Door::Http, Encoding::Ubjson),
    (Door::Tcp, Encoding::Ubjson),
];
const CLOSE_PROTOCOL_ERROR: u16 = 1002;

async fn open_server() -> Server {
    let server = server_with("[auth]\nanonymous = true").start().await;
    server.add_user("healthy", "backend", PASSWORD).await;
    server
}

fn hello(method: &str) -> Value {
    json!([1, "izaber", {"roles": {"caller": {}, "callee": {}}, "authid": "healthy", "authmethods": [method]}])
}

/// How far a connection has come when it turns bad.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Fresh,
    Challenged,
    Joined,
}

async fn connect(server: &Server, (door, encoding): (Door, Encoding), stage: Stage) -> RawConnection {
    let mut connection = RawConnection::connect(&reach(server, door).encoding(encoding)).await.unwrap();
    let method = match stage {
        Stage::Fresh => return connection,
        Stage::Challenged => "ticket",
        Stage::Joined => "anonymous",
    };
    connection.send_frame(encode(encoding, &hello(method))).await.unwrap();
    let answer = connection.recv().await.unwrap();
    let is_expected = match stage {
        Stage::Challenged => matches!(answer, Message::Challenge { .. }),
        _ => matches!(answer, Message::Welcome { .. }),
    };
    assert!(is_expected, "{answer:?}");
    connection
}

/// The reason of the ABORT that comes next, which has a text.
async fn abort(connection: &mut RawConnection, of: &str) -> String {
    let answer = tokio::time::timeout(SOON, connection.recv()).await;
    match answer {
        Ok(Ok(Message::Abort { details, reason })) => {
            assert!(!text(&details, "message").is_empty(), "{of}: no text");
            reason.as_str().to_owned()
        }
        other => panic!("{of}: no ABORT but {other:?}"),
    }
}

async fn closed(connection: &mut RawConnection, of: &str) -> Closed {
    match tokio::time::timeout(SOON, connection.recv()).await {
        Ok(Err(RecvError::Closed(closed))) => closed,
        other => panic!("{of}: not closed but {other:?}"),
    }
}

/// ABORT `wamp.error.protocol_violation`, then the end of the connection, over each transport.
async fn violates(server: &Server, stage: Stage, frame: &Value) {
    for way in WAYS {
        let mut shown = frame.to_string();
        shown.truncate(100);
        let of = format!("{way:?} {stage:?} {shown}");
        let mut connection = connect(server, way, stage).await;
        let sent = Instant::now();
        connection.send_frame(encode(way.1, frame)).await.unwrap();
        assert_eq!(abort(&mut connection, &of).await, PROTOCOL_VIOLATION, "{of}");
        check_close(&closed(&mut connection, &of).await, way.0, CLOSE_PROTOCOL_ERROR, &of);
        assert!(sent.elapsed() < SOON, "{of}: {:?}", sent.elapsed());
    }
}

#[track_caller]
fn check_close(closed: &Closed, door: Door, want: u16, of: &str) {
    match (door, closed) {
        (Door::Http | Door::Https, Closed::WebSocket { code, .. }) => assert_eq!(*code, want, "{of}"),
        (Door::Tcp | Door::Unix, Closed::EndOfStream) => {}
        _ => panic!("{of}: {closed:?}"),
    }
}

/// A list in a list in a list …
fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(null), |inside, _| json!([inside]))
}

#[tokio::test]
async fn a_first_message_that_is_no_hello_is_aborted() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    let roles = json!({"roles": {"caller": {}}});
    for frame in [
        // No message at all.
        json!([]),
        json!({}),
        json!(null),
        json!(1),
        json!("HELLO"),
        json!([null]),
        json!([true, "izaber", roles]),
        json!(["1", "izaber", roles]),
        json!([[1], "izaber", roles]),
        json!([-1]),
        json!([0]),
        json!([7]),
        json!([71]),
        json!([999]),
        json!([1.5]),
        json!([u64::MAX]),
        // HELLO, but not well-formed.
        json!([1]),
        json!([1, "izaber"]),
        json!([1, "izaber", roles, {}]),
        json!([1, 5, roles]),
        json!([1, null, roles]),
        json!([1, true, roles]),
        json!([1, "izaber", "details"]),
        json!([1, "izaber", []]),
        json!([1, "izaber", null]),
        json!([1, "izaber", {}]),
        json!([1, "izaber", {"roles": {}}]),
        json!([1, "izaber", {"roles": "caller"}]),
        json!([1, "izaber", {"roles": {"caller": {}}, "x": nested(200)}]),
        nested(200),
        // Something that belongs later, or to the router.
        json!([2, 1, {}]),
        json!([4, "ticket", {}]),
        json!([5, "secret", {}]),
        json!([6, {}, "wamp.close.close_realm"]),
        json!([8, 48, 1, {}, "a.b"]),
        json!([16, 1, {}, "a.b"]),
        json!([32, 1, {}, "a.b"]),
        json!([48, 1, {}, "a.b"]),
        json!([64, 1, {}, "a.b"]),
        json!([70, 1, {}]),
    ] {
        violates(&server, Stage::Fresh, &frame).await;
    }
    healthy.finish().await;
}

#[tokio::test]
async fn only_authenticate_answers_a_challenge() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    for frame in [
        hello("ticket"),
        hello("anonymous"),
        json!([2, 1, {}]),
        json!([4, "ticket", {}]),
        json!([5]),
        json!([5, 5, {}]),
        json!([5, "secret"]),
        json!([5, "secret", "extra"]),
        json!([48, 1, {}, "a.b"]),
    ] {
        violates(&server, Stage::Challenged, &frame).await;
    }
    // A client that can't answer says so and goes; there is no answer to ABORT.
    for way in WAYS {
        let mut connection = connect(&server, way, Stage::Challenged).await;
        let frame = json!([3, {}, "wamp.error.authentication_failed"]);
        connection.send_frame(encode(way.1, &frame)).await.unwrap();
        check_close(&closed(&mut connection, "ABORT").await, way.0, 1000, "ABORT");
    }
    healthy.finish().await;
}

#[tokio::test]
async fn a_session_that_breaks_the_protocol_is_aborted() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    let beyond = (1_u64 << 53) + 1;
    for frame in [
        json!([]),
        json!({}),
        json!([999, 1]),
        hello("anonymous"),
        hello("ticket"),
        // Elements of another type, out of range, missing or too many.
        json!([48, true, {}, "a.b"]),
        json!([48, "1", {}, "a.b"]),
        json!([48, null, {}, "a.b"]),
        json!([48, 1.5, {}, "a.b"]),
        json!([48, 0, {}, "a.b"]),
        json!([48, -1, {}, "a.b"]),
        json!([48, beyond, {}, "a.b"]),
        json!([48, u64::MAX, {}, "a.b"]),
        json!([48, 1, "options", "a.b"]),
        json!([48, 1, [], "a.b"]),
        json!([48, 1, {}, 5]),
        json!([48, 1, {}, null]),
        json!([48, 1, {}]),
        json!([48]),
        json!([48, 1, {}, "a.b", "args"]),
        json!([48, 1, {}, "a.b", {}]),
        json!([48, 1, {}, "a.b", [], "kwargs"]),
        json!([48, 1, {}, "a.b", [], []]),
        json!([48, 1, {}, "a.b", [], {}, 1]),
        json!([48, 1, {}, "a.b", [nested(200)]]),
        json!([48, 1, {}, "a.b", [], {"x": nested(200)}]),
        json!([48, 1, {"x": nested(200)}, "a.b"]),
        json!([34, 1, 0]),
        json!([34, 1, true]),
        json!([66, 1, beyond]),
        // What only a router sends.
        json!([2, 1, {}]),
        json!([4, "ticket", {}]),
        json!([17, 1, 2]),
        json!([33, 1, 2]),
        json!([35, 1]),
        json!([36, 1, 2, {}]),
        json!([50, 1, {}]),
        json!([65, 1, 2]),
        json!([67, 1]),
        json!([68, 1, 2, {}]),
        json!([69, 1, {}]),
        // Answers to nothing.
        json!([70, 1, {}]),
        json!([8, 68, 1, {}, "a.b"]),
        json!([8, 48, 1, {}, "a.b"]),
        json!([8, 99, 1, {}, "a.b"]),
        json!([8, 68, 0, {}, "a.b"]),
    ] {
        violates(&server, Stage::Joined, &frame).await;
    }
    healthy.finish().await;
}

#[tokio::test]
async fn a_request_at_the_limit_is_answered_and_the_session_goes_on() {
    let server = open_server().await;
    for way in WAYS {
        let mut connection = connect(&server, way, Stage::Joined).await;
        for frame in [
            json!([48, 1_u64 << 53, {}, "a.b"]),
            json!([48, 1, {"_custom": [1, {"x": null}]}, "a.b", [], {}]),
            // The depth of the message's own list and of its arguments' is counted.
            json!([48, 2, {}, "a.b", [nested(126)]]),
            // A bad URI is the request's fault, not the session's.
            json!([48, 3, {}, "a..b"]),
            json!([48, 4, {}, ""]),
            json!([64, 5, {}, "wamp.session.count"]),
            json!([32, 6, {}, "a#b"]),
            json!([34, 7, 12345]),
            json!([66, 8, 12345]),
        ] {
            connection.send_frame(encode(way.1, &frame)).await.unwrap();
            let answer = tokio::time::timeout(SOON, connection.recv()).await.unwrap();
            assert!(matches!(answer, Ok(Message::Error { .. })), "{way:?} {frame} {answer:?}");
        }
        // Neither has an answer.
        for frame in [json!([49, 99, {}]), json!([16, 9, {}, "a..b"])] {
            connection.send_frame(encode(way.1, &frame)).await.unwrap();
        }
        connection.send_frame(encode(way.1, &json!([48, 10, {}, "a.b"]))).await.unwrap();
        assert!(matches!(connection.recv().await, Ok(Message::Error { .. })), "{way:?}");
    }
}

#[tokio::test]
async fn an_unknown_realm_is_refused_and_the_third_time_the_connection_ends() {
    let server = open_server().await;
    let frame = json!([1, "nowhere", {"roles": {"caller": {}}, "authmethods": ["anonymous"]}]);
    for way in WAYS {
        let mut connection = connect(&server, way, Stage::Fresh).await;
        for _ in 0..3 {
            connection.send_frame(encode(way.1, &frame)).await.unwrap();
            assert_eq!(abort(&mut connection, "unknown realm").await, NO_SUCH_REALM, "{way:?}");
        }
        check_close(&closed(&mut connection, "third try").await, way.0, 1008, "third try");
    }
}

#[tokio::test]
async fn bytes_that_are_no_document_are_aborted() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    let hello = |encoding| encode(encoding, &hello("anonymous"));
    for way in WAYS {
        let (door, encoding) = way;
        let whole = hello(encoding);
        let mut junk = whole.clone();
        junk.push(b' ');
        junk.push(b'1');
        let cut = whole[..whole.len() - 1].to_vec();
        let mut bad_text = whole.clone();
        let realm = bad_text.windows(6).position(|window| window == b"izaber").unwrap();
        bad_text[realm] = 0xff;
        for (name, frame) in
            [("empty", Vec::new()), ("cut", cut), ("more behind", junk), ("no UTF-8", bad_text), ("ff", vec![0xff; 64])]
        {
            let of = format!("{way:?} {name}");
            let mut connection = connect(&server, way, Stage::Fresh).await;
            connection.send_frame(frame.clone()).await.unwrap();
            let is_text_frame = encoding == Encoding::Json && matches!(door, Door::Http | Door::Https);
            if is_text_frame && std::str::from_utf8(&frame).is_err() {
                // RFC 6455, section 8.1: no WAMP is spoken any more.
                check_close(&closed(&mut connection, &of).await, door, 1007, &of);
                continue;
            }
            assert_eq!(abort(&mut connection, &of).await, PROTOCOL_VIOLATION, "{of}");
            check_close(&closed(&mut connection, &of).await, door, CLOSE_PROTOCOL_ERROR, &of);
        }
    }
    healthy.finish().await;
}
