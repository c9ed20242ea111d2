//! WAMP over long-poll requests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use countersign_client::{Dict, Encoding, Id, Message, Value as WampValue};
use countersign_testkit::{Server, eventually};
use countersign_wamp::batch::{self, Batch, JsonEnd};
use countersign_wamp::uris::close::SYSTEM_SHUTDOWN;
use countersign_wamp::uris::error::PROTOCOL_VIOLATION;
use countersign_wamp::{DecodeLimits, Subprotocol, decode};
use serde_json::{Value, json};

use crate::bad_input::wire::encode;
use crate::http_client::{Http, Reply, ask};
use crate::support::{PASSWORD, PREFIX, REALM, call, passed, server_with, sign_in};

const LOGIN: &str = "kristen98";
const JSON: Subprotocol = Subprotocol { encoding: Encoding::Json, is_batched: false };
/// Longer than any test.
const PATIENT: &str = "[http]\nlongpoll_receive_seconds_max = 100000\nlongpoll_idle_seconds_max = 100000\n";

async fn started(config: &str) -> Server {
    let server = server_with(config).start().await;
    server.add_user(LOGIN, "backend", PASSWORD).await;
    server.add_user("zoe", "trust", PASSWORD).await;
    server
}

/// A client with one connection for what it sends, and one for what it receives.
struct LongPoll {
    sending: Http,
    receiving: Http,
    path: String,
    protocol: Subprotocol,
    received: Vec<Message>,
}

fn offer(protocol: Subprotocol) -> Vec<u8> {
    json!({"protocols": [protocol.name()]}).to_string().into_bytes()
}

impl LongPoll {
    async fn open(server: &Server, protocol: Subprotocol) -> Self {
        let (mut sending, receiving) = (Http::connect(server).await, Http::connect(server).await);
        let opened = sending.post("/lp/open", &offer(protocol)).await;
        assert_eq!((opened.status, opened.header("cache-control")), (200, "no-store"), "{opened:?}");
        let opened = opened.json();
        assert_eq!(opened["protocol"], protocol.name());
        let transport = opened["transport"].as_str().unwrap();
        assert_eq!(transport.len(), 32);
        Self { sending, receiving, path: format!("/lp/{transport}"), protocol, received: Vec::new() }
    }

    async fn join(server: &Server, protocol: Subprotocol) -> (Self, Id) {
        let mut client = Self::open(server, protocol).await;
        let id = client.sign_in().await;
        (client, id)
    }

    async fn sign_in(&mut self) -> Id {
        self.send(&[hello()]).await;
        assert!(matches!(self.next().await, Message::Challenge { .. }));
        self.send(&[json!([5, PASSWORD, {}])]).await;
        match self.next().await {
            Message::Welcome { session, .. } => session,
            other => panic!("{other:?}"),
        }
    }

    /// Each message by a request of its own, or all in a batch.
    async fn send(&mut self, messages: &[Value]) {
        let Subprotocol { encoding, is_batched } = self.protocol;
        let mut bodies: Vec<Vec<u8>> = messages.iter().map(|message| encode(encoding, message)).collect();
        if is_batched {
            let mut batch = BytesMut::new();
            for body in &bodies {
                assert!(batch::append(encoding, JsonEnd::default(), body, &mut batch));
            }
            bodies = vec![batch.to_vec()];
        }
        for body in bodies {
            let reply = self.sending.ask("POST", &format!("{}/send", self.path), "", &body).await;
            assert_eq!((reply.status, reply.text()), (204, String::new()));
        }
    }

    async fn poll(&mut self) -> Reply {
        self.receiving.ask("POST", &format!("{}/receive?x=1", self.path), "", b"").await
    }

    async fn next(&mut self) -> Message {
        while self.received.is_empty() {
            let reply = self.poll().await;
            if reply.status == 204 {
                continue;
            }
            self.received = self.decoded(reply);
        }
        self.received.remove(0)
    }

    fn decoded(&self, reply: Reply) -> Vec<Message> {
        let Subprotocol { encoding, is_batched } = self.protocol;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert!(reply.header("content-type").starts_with("application/"), "{reply:?}");
        let body = Bytes::from(reply.body);
        let frames = if is_batched {
            Batch::new(encoding, body).unwrap().collect::<Result<Vec<_>, _>>().unwrap()
        } else {
            vec![body]
        };
        frames.iter().map(|frame| decode(encoding, frame, DecodeLimits::default()).unwrap()).collect()
    }

    /// Has a request wait for messages, which has arrived when this returns: another was refused.
    async fn wait(&mut self, server: &Server) {
        let path = format!("{}/receive", self.path);
        let mut second = Http::connect(server).await;
        self.receiving.send("POST", &path, "", b"").await;
        second.send("POST", &path, "", b"").await;
        let refused = tokio::select! {
            reply = second.recv() => reply,
            reply = self.receiving.recv() => {
                std::mem::swap(&mut self.receiving, &mut second);
                reply
            }
        };
        assert_eq!(refused.unwrap().status, 409);
    }

    async fn close(&mut self) {
        assert_eq!(self.sending.post(&format!("{}/close", self.path), b"").await.status, 204);
    }
}

fn hello() -> Value {
    json!([1, REALM, {"roles": {"subscriber": {}}, "authid": LOGIN, "authmethods": ["ticket"]}])
}

fn topic() -> String {
    format!("{PREFIX}.pulse")
}

fn publish(request: u64) -> Value {
    json!([16, request, {"exclude_me": false}, topic(), [request]])
}

/// Whether the realm knows the session.
async fn is_there(server: &Server, id: Id) -> bool {
    let zoe = sign_in(server, "zoe", PASSWORD).await.unwrap();
    call(&zoe, "wamp.session.get", vec![id.into()]).await.is_ok()
}

#[tokio::test]
async fn a_session_lives_on_long_poll_in_every_protocol() {
    let server = started("").await;
    for protocol in Subprotocol::all() {
        let (mut client, id) = LongPoll::join(&server, protocol).await;
        client.send(&[json!([32, 1, {}, topic()]), publish(2), publish(3), publish(4)]).await;
        assert!(matches!(client.next().await, Message::Subscribed { .. }), "{protocol:?}");
        for want in 2..=4 {
            match client.next().await {
                Message::Event { payload, .. } => {
                    assert_eq!(payload.values().unwrap().0, [WampValue::Int(want)], "{protocol:?}");
                }
                other => panic!("{protocol:?}: {other:?}"),
            }
        }
        assert!(is_there(&server, id).await);
        client.send(&[json!([6, {}, "wamp.close.close_realm"])]).await;
        assert!(matches!(client.next().await, Message::Goodbye { .. }), "{protocol:?}");
        assert!(!is_there(&server, id).await);
        // The transport can carry another session.
        client.sign_in().await;
    }
}

#[tokio::test]
async fn one_message_comes_with_each_request_and_in_batches_all_that_wait() {
    let server = started(PATIENT).await;
    for is_batched in [false, true] {
        let (mut client, _) = LongPoll::join(&server, Subprotocol { is_batched, ..JSON }).await;
        client.send(&[json!([32, 1, {}, topic()])]).await;
        client.next().await;
        let ready = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
        for number in 0..3_i64 {
            let options = Dict::new().with("acknowledge", true);
            ready.publish(&topic(), vec![WampValue::Int(number)], Dict::new(), options).await.unwrap();
        }
        let reply = client.poll().await;
        let messages = client.decoded(reply).len();
        if is_batched {
            // The connection's writer may have had its turn between two of them.
            assert!((1..=3).contains(&messages));
        } else {
            assert_eq!(messages, 1);
        }
    }
}

#[tokio::test]
async fn a_request_without_news_is_answered_in_time_and_the_session_goes_on() {
    let server = started("[http]\nlongpoll_receive_seconds_max = 1").await;
    let (mut client, _) = LongPoll::join(&server, JSON).await;
    for _ in 0..2 {
        let reply = client.poll().await;
        assert_eq!((reply.status, reply.text()), (204, String::new()));
    }
    client.send(&[json!([32, 1, {}, topic()])]).await;
    assert!(matches!(client.next().await, Message::Subscribed { .. }));
}

#[tokio::test]
async fn a_second_request_that_waits_is_refused_and_the_first_goes_on() {
    let server = started(PATIENT).await;
    let (mut client, _) = LongPoll::join(&server, JSON).await;
    client.wait(&server).await;
    client.send(&[json!([32, 1, {}, topic()])]).await;
    let reply = client.receiving.recv().await.unwrap();
    assert!(matches!(client.decoded(reply)[..], [Message::Subscribed { .. }]));
}

#[tokio::test]
async fn a_request_that_was_given_up_makes_room_for_the_next_and_loses_nothing() {
    let server = started(PATIENT).await;
    let (mut client, _) = LongPoll::join(&server, JSON).await;
    client.receiving.send("POST", &format!("{}/receive", client.path), "", b"").await;
    client.receiving = Http::connect(&server).await;
    client.send(&[json!([32, 1, {}, topic()])]).await;
    let reply = eventually("the next request", Duration::from_secs(20), async || {
        let reply = ask(&server, "POST", &format!("{}/receive", client.path), "", b"").await;
        (reply.status != 409).then_some(reply)
    })
    .await;
    assert!(matches!(client.decoded(reply)[..], [Message::Subscribed { .. }]));
}

#[tokio::test]
async fn a_transport_without_requests_is_lost_and_its_session_with_it() {
    let server = started("[http]\nlongpoll_idle_seconds_max = 1").await;
    let (client, id) = LongPoll::join(&server, JSON).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    eventually("the end of the session", Duration::from_secs(20), async || {
        call(&zoe, "wamp.session.get", vec![id.into()]).await.is_err().then_some(())
    })
    .await;
    assert_eq!(ask(&server, "POST", &format!("{}/receive", client.path), "", b"").await.status, 404);
}

#[tokio::test]
async fn a_closed_transport_takes_its_session_along() {
    let server = started(PATIENT).await;
    let (mut client, id) = LongPoll::join(&server, JSON).await;
    client.receiving.send("POST", &format!("{}/receive", client.path), "", b"").await;
    client.close().await;
    assert_eq!(client.receiving.recv().await.unwrap().status, 404);
    eventually("the end of the session", Duration::from_secs(20), async || {
        (!is_there(&server, id).await).then_some(())
    })
    .await;
    for what in ["receive", "send", "close"] {
        let reply = client.sending.post(&format!("{}/{what}", client.path), b"[]").await;
        assert_eq!((reply.status, reply.text().as_str()), (404, "there is no such transport\n"), "{what}");
    }
}

#[tokio::test]
async fn a_breach_of_the_protocol_is_told_and_ends_the_transport() {
    let server = started(PATIENT).await;
    for (body, joined) in [("[]", false), ("{", false), ("[48,1,{}]", true), ("\u{1e}", true)] {
        let mut client = LongPoll::open(&server, JSON).await;
        if joined {
            client.sign_in().await;
        }
        let reply = client.sending.post(&format!("{}/send", client.path), body.as_bytes()).await;
        assert_eq!(reply.status, 204);
        match client.next().await {
            Message::Abort { reason, .. } => assert_eq!(reason.as_str(), PROTOCOL_VIOLATION, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
        assert_eq!(client.poll().await.status, 404, "{body}");
    }
}

#[tokio::test]
async fn what_opens_no_transport_is_told_why() {
    let server = started("").await;
    let check = async |body: &[u8], status: u16, text: &str| {
        let reply = ask(&server, "POST", "/lp/open", "", body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert_eq!(reply.status, status, "{shown}");
        assert!(reply.text().contains(text), "{shown}: {}", reply.text());
    };
    check(b"", 400, "").await;
    check(b"[", 400, "").await;
    check(b"{}", 400, "protocols").await;
    check(br#"{"protocols": "wamp.2.json"}"#, 400, "").await;
    check(br#"{"protocols": []}"#, 400, "wamp.2.cbor.batched").await;
    check(br#"{"protocols": ["wamp.2.flatbuffers"]}"#, 400, "wamp.2.json").await;
    check(br#"{"protocols": ["soap", "wamp.2.msgpack.batched", "wamp.2.json"]}"#, 200, "wamp.2.msgpack.batched").await;
    let padded = |bytes: usize| format!("{:bytes$}", r#"{"protocols": ["wamp.2.json"]}"#).into_bytes();
    check(&padded(4096), 200, "wamp.2.json").await;
    check(&padded(4097), 413, "4096").await;
    assert_eq!(ask(&server, "GET", "/lp/open", "", b"").await.status, 405);
    assert_eq!(ask(&server, "PUT", "/lp/abc/send", "", b"").await.status, 405);
    assert_eq!(ask(&server, "POST", "/lp/abc/send", "", b"[]").await.status, 404);
    assert_eq!(ask(&server, "POST", "/lp/abc/other", "", b"").await.status, 404);
}

#[tokio::test]
async fn messages_are_as_long_as_elsewhere() {
    let server = started("[limits]\nmessage_bytes_max = 100000").await;
    let mut client = LongPoll::open(&server, JSON).await;
    let path = format!("{}/send", client.path);
    let message = |bytes: usize, message: &Value| {
        let mut body = message.to_string().into_bytes();
        body.resize(bytes, b' ');
        body
    };
    let send = async |body: Vec<u8>| ask(&server, "POST", &path, "", &body).await.status;
    assert_eq!(send(vec![]).await, 400);
    assert_eq!(send(message(64 * 1024 + 1, &hello())).await, 413);
    assert_eq!(send(message(64 * 1024, &hello())).await, 204);
    assert!(matches!(client.next().await, Message::Challenge { .. }));
    client.send(&[json!([5, PASSWORD, {}])]).await;
    assert!(matches!(client.next().await, Message::Welcome { .. }));
    let subscribe = json!([32, 1, {}, topic()]);
    assert_eq!(send(message(100_001, &subscribe)).await, 413);
    assert_eq!(send(message(100_000, &subscribe)).await, 204);
    assert!(matches!(client.next().await, Message::Subscribed { .. }));
}

#[tokio::test]
async fn only_so_many_transports_are_open() {
    let server = started("[http]\nlongpoll_transports_max = 2").await;
    let (mut first, _) = LongPoll::join(&server, JSON).await;
    let _second = LongPoll::open(&server, JSON).await;
    assert_eq!(passed(&server, "http.longpoll_transports_max").await, 0);
    let refused = ask(&server, "POST", "/lp/open", "", &offer(JSON)).await;
    assert_eq!(refused.status, 503);
    assert_eq!(passed(&server, "http.longpoll_transports_max").await, 1);
    first.close().await;
    LongPoll::open(&server, JSON).await;
}

#[tokio::test]
async fn transports_without_a_session_count_at_the_gate() {
    let server = started("[limits]\nunauthenticated_connections_max = 4").await;
    let mut http = Http::connect(&server).await;
    // The connection itself is the first.
    let mut paths = Vec::new();
    for _ in 0..3 {
        let opened = http.post("/lp/open", &offer(JSON)).await;
        assert_eq!(opened.status, 200);
        paths.push(format!("/lp/{}", opened.json()["transport"].as_str().unwrap()));
    }
    assert_eq!(http.post("/lp/open", &offer(JSON)).await.status, 503);
    for message in [hello(), json!([5, PASSWORD, {}])] {
        assert_eq!(http.post(&format!("{}/send", paths[0]), message.to_string().as_bytes()).await.status, 204);
        assert_eq!(http.post(&format!("{}/receive", paths[0]), b"").await.status, 200);
    }
    assert_eq!(http.post("/lp/open", &offer(JSON)).await.status, 200);
    assert_eq!(http.post("/lp/open", &offer(JSON)).await.status, 503);
}

#[tokio::test]
async fn a_request_that_waits_in_a_session_does_not_count_at_the_gate() {
    let config = format!("{PATIENT}[limits]\nunauthenticated_connections_max = 3");
    let server = started(&config).await;
    let (mut client, _) = LongPoll::join(&server, JSON).await;
    client.wait(&server).await;
    // Beside the connection for sending there is room for two again.
    let mut others = Vec::new();
    for _ in 0..2 {
        let other = eventually("room at the gate", Duration::from_secs(20), async || {
            let mut other = Http::connect(&server).await;
            other.send("GET", "/healthz", "", b"").await;
            let is_in = other.recv().await.is_some_and(|reply| reply.status == 200);
            is_in.then_some(other)
        });
        others.push(other.await);
    }
    assert_eq!(ask(&server, "GET", "/healthz", "", b"").await.status, 503);
}

#[tokio::test]
async fn the_last_words_reach_a_request_that_waits() {
    let mut server = started(PATIENT).await;
    let (mut client, _) = LongPoll::join(&server, JSON).await;
    client.wait(&server).await;
    let (reply, _) = tokio::join!(client.receiving.recv(), server.stop());
    let reply = reply.unwrap();
    match &client.decoded(reply)[..] {
        [Message::Goodbye { reason, .. }] => assert_eq!(reason.as_str(), SYSTEM_SHUTDOWN),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn pages_of_other_origins_may_use_it_only_where_they_are_listed() {
    let asks = "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n\
        Access-Control-Request-Headers: content-type\r\n";
    let server = started("").await;
    let reply = ask(&server, "OPTIONS", "/lp/open", asks, b"").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (405, ""));
    let server = started("[http]\norigins = [\"https://app.example\"]").await;
    let reply = ask(&server, "OPTIONS", "/lp/open", asks, b"").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, "https://app.example"));
    assert_eq!(reply.header("access-control-allow-headers"), "authorization, content-type, x-totp-code");
    let reply = ask(&server, "OPTIONS", "/lp/open", &asks.replace("app.", "evil."), b"").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (405, ""));
    let reply = ask(&server, "POST", "/lp/open", "Origin: https://app.example\r\n", &offer(JSON)).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, "https://app.example"));
    let reply = ask(&server, "POST", "/lp/open", "Origin: https://evil.example\r\n", &offer(JSON)).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (200, ""));
    assert_eq!(reply.header("vary"), "origin");
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_in_time() {
    let server = started("[limits]\nhello_seconds_max = 1").await;
    let mut http = Http::connect(&server).await;
    assert_eq!(http.ask("GET", "/healthz", "", b"").await.status, 200);
    assert_eq!(http.ask("HEAD", "/healthz", "", b"").await.status, 200);
    let reply = http.ask("GET", "/nowhere", "", b"").await;
    assert_eq!((reply.status, reply.text().as_str()), (404, "there is nothing at this path\n"));
    http.closed().await;
}
