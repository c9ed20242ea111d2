//! One call or one publication by one HTTP request.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Duration;

use countersign_client::{
    Dict, Encoding, HandlerError, Id, Invocation, Message, RawConnection, Session, Value as WampValue,
};
use countersign_testkit::{Door, Server, eventually};
use countersign_wamp::Payload;
use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::http_client::{Http, Reply, ask};
use crate::support::{PASSWORD, PREFIX, REALM, SOON, audit, authenticate, call, reach, server_with, sign_in, text};

const LOGIN: &str = "kristen98";
const FRONTEND: &str = "jsmith1234";
const TRUSTED: &str = "zoe";

async fn started(config: &str) -> Server {
    let server = server_with(config).start().await;
    server.add_user(LOGIN, "backend", PASSWORD).await;
    server.add_user(FRONTEND, "frontend", PASSWORD).await;
    server.add_user(TRUSTED, "trust", PASSWORD).await;
    server
}

fn basic(login: &str, ticket: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64.encode(format!("{login}:{ticket}").as_bytes()))
}

fn bearer(login: &str, ticket: &str) -> String {
    format!("Authorization: Bearer {login}:{ticket}\r\n")
}

fn json_with(authorization: &str) -> String {
    format!("{authorization}Content-Type: application/json\r\n")
}

/// A request of the backend user.
async fn post(server: &Server, path: &str, body: &Value) -> Reply {
    post_as(server, path, &basic(LOGIN, PASSWORD), body).await
}

async fn post_as(server: &Server, path: &str, authorization: &str, body: &Value) -> Reply {
    ask(server, "POST", path, &json_with(authorization), body.to_string().as_bytes()).await
}

fn whoami() -> Value {
    json!({"procedure": format!("{PREFIX}.auth.whoami")})
}

async fn one_time_password(server: &Server, login: &str) -> String {
    let minted = server.cli(&["otp", "create", login, "--json"], "").await.ok();
    serde_json::from_str::<Value>(&minted).unwrap()["plaintext_key"].as_str().unwrap().to_owned()
}

/// A session that answers what `com.izaber.wamp.test` is asked for.
async fn callee(server: &Server) -> Session {
    let session = sign_in(server, LOGIN, PASSWORD).await.unwrap();
    let echo = |invocation: Invocation| std::future::ready(Ok(invocation.payload));
    session.register(&format!("{PREFIX}.test.echo"), Dict::new(), echo).await.unwrap();
    let caller = |invocation: Invocation| {
        let names = ["caller_authid", "caller_authrole"].map(|name| text(&invocation.details, name).into());
        std::future::ready(Ok(Payload::new(names.to_vec(), Dict::new())))
    };
    session.register(&format!("{PREFIX}.test.caller"), Dict::new(), caller).await.unwrap();
    let fail = |invocation: Invocation| {
        let (args, _) = invocation.payload.values().unwrap();
        let uri = args[0].as_str().unwrap().to_owned();
        std::future::ready(Err::<Payload, _>(HandlerError::new(uri, "what went wrong")))
    };
    session.register(&format!("{PREFIX}.test.fail"), Dict::new(), fail).await.unwrap();
    session
}

/// A callee that says nothing of itself, and hears of cancellation.
struct Silent(RawConnection);

impl Silent {
    async fn start(server: &Server) -> Self {
        let options = reach(server, Door::Tcp).encoding(Encoding::Cbor);
        let mut connection = RawConnection::connect(&options).await.unwrap();
        let features = Dict::new().with("features", Dict::new().with("call_canceling", true));
        let details = Dict::new()
            .with("roles", Dict::new().with("callee", features))
            .with("authid", LOGIN)
            .with("authmethods", vec![WampValue::from("ticket")]);
        connection.send(&Message::Hello { realm: REALM.into(), details }).await.unwrap();
        assert!(matches!(connection.recv().await.unwrap(), Message::Challenge { .. }));
        authenticate(&mut connection, PASSWORD).await.unwrap();
        let procedure = format!("{PREFIX}.test.silent").into();
        connection.send(&Message::Register { request: Id::FIRST, options: Dict::new(), procedure }).await.unwrap();
        assert!(matches!(connection.recv().await.unwrap(), Message::Registered { .. }));
        Self(connection)
    }

    fn request() -> Value {
        json!({"procedure": format!("{PREFIX}.test.silent")})
    }

    async fn recv(&mut self) -> Message {
        tokio::time::timeout(SOON * 4, self.0.recv()).await.expect("a message soon").unwrap()
    }

    async fn invoked(&mut self) -> Id {
        match self.recv().await {
            Message::Invocation { request, .. } => request,
            other => panic!("{other:?}"),
        }
    }
}

/// Sends a request without waiting for its answer.
async fn begun(server: &Server, body: &Value) -> Http {
    begun_by(server, LOGIN, body).await
}

async fn begun_by(server: &Server, login: &str, body: &Value) -> Http {
    let mut http = Http::connect(server).await;
    http.send("POST", "/call", &json_with(&basic(login, PASSWORD)), body.to_string().as_bytes()).await;
    http
}

#[tokio::test]
async fn a_call_is_answered_with_its_result() {
    let server = started("").await;
    let _callee = callee(&server).await;
    let args = json!([1, u64::MAX, -1, 0.1, "\u{0}AAEC", "ü", null, {"a": [true]}]);
    let body = json!({"procedure": format!("{PREFIX}.test.echo"), "args": args, "kwargs": {"k": [1]}});
    let reply = post(&server, "/call", &body).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"args": args, "kwargs": {"k": [1]}})));
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!((reply.header("cache-control"), reply.header("x-content-type-options")), ("no-store", "nosniff"));
    let bare = post(&server, "/call", &json!({"procedure": format!("{PREFIX}.test.echo")})).await;
    assert_eq!((bare.status, bare.json()), (200, json!({"args": [], "kwargs": {}})));
}

#[tokio::test]
async fn the_callee_and_the_servers_own_procedures_see_who_asks() {
    let server = started("").await;
    let _callee = callee(&server).await;
    let body = json!({"procedure": format!("{PREFIX}.test.caller"), "options": {"disclose_me": true}});
    assert_eq!(post(&server, "/call", &body).await.json()["args"], json!([LOGIN, "backend"]));
    let by_other = post_as(&server, "/call", &basic(TRUSTED, PASSWORD), &body).await;
    assert_eq!(by_other.json()["args"], json!([TRUSTED, "trust"]));
    let me = post(&server, "/call", &whoami()).await.json();
    assert_eq!((&me["args"][0]["authid"], &me["args"][0]["role"]), (&json!(LOGIN), &json!("backend")));
}

#[tokio::test]
async fn a_publication_reaches_subscribers_with_its_publisher() {
    let server = started("").await;
    let subscriber = sign_in(&server, TRUSTED, PASSWORD).await.unwrap();
    let topic = format!("{PREFIX}.news");
    let mut events = subscriber.subscribe(&topic, Dict::new()).await.unwrap();
    let body = json!({"topic": topic, "args": [u64::MAX], "kwargs": {"k": "v"}, "options": {"acknowledge": false}});
    let reply = post(&server, "/publish", &body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let event = tokio::time::timeout(SOON, events.next()).await.unwrap().unwrap();
    assert_eq!(reply.json(), json!({"id": event.publication.get()}));
    assert_eq!(event.values(), (vec![WampValue::UInt(u64::MAX)], Dict::new().with("k", "v")));
    assert_eq!(text(&event.details, "publisher_authid"), LOGIN);
    let excluded = json!({"topic": topic, "options": {"eligible_authid": ["nobody"]}});
    assert_eq!(post(&server, "/publish", &excluded).await.status, 200);
    assert_eq!(post(&server, "/publish", &body).await.status, 200);
    let next = tokio::time::timeout(SOON, events.next()).await.unwrap().unwrap();
    assert_eq!(next.values().0.len(), 1);
}

#[tokio::test]
async fn whatever_opens_a_session_by_ticket_opens_the_bridge() {
    let server = started("").await;
    for authorization in [basic(LOGIN, PASSWORD), basic("KRISTEN98", PASSWORD)] {
        assert_eq!(post_as(&server, "/call", &authorization, &whoami()).await.status, 200, "{authorization}");
    }
    for scheme in [basic, bearer] {
        let otp = one_time_password(&server, LOGIN).await;
        let authorization = scheme(LOGIN, &otp);
        let first = post_as(&server, "/call", &authorization, &whoami()).await;
        assert_eq!((first.status, &first.json()["args"][0]["authid"]), (200, &json!(LOGIN)));
        assert_eq!(post_as(&server, "/call", &authorization, &whoami()).await.status, 401);
    }
    // What a one-time password may not do, it may not do here.
    let mint = json!({"procedure": format!("{PREFIX}.my.otp.create")});
    let otp = one_time_password(&server, LOGIN).await;
    assert_eq!(post_as(&server, "/call", &bearer(LOGIN, &otp), &mint).await.status, 403);
    assert_eq!(post(&server, "/call", &mint).await.status, 200);
    let logins = audit(&server, &["--operation", "login", "--outcome", "accepted"]).await;
    assert!(logins.iter().any(|row| row["application"] == "http" && row["actor"] == LOGIN), "{logins:?}");
}

#[tokio::test]
async fn a_stranger_hears_the_same_whatever_the_cause() {
    let server = started("").await;
    server.add_user("locked", "backend", PASSWORD).await;
    server.cli(&["user", "lock", "locked"], "").await.ok();
    let challenge = |reply: &Reply| {
        assert_eq!(reply.status, 401, "{reply:?}");
        assert!(reply.head.contains("www-authenticate: bearer ") && reply.head.contains("www-authenticate: basic "));
    };
    let denied =
        json!({"error": format!("{PREFIX}.error.permissiondenied"), "args": ["Permission Denied"], "kwargs": {}});
    for authorization in [
        basic(LOGIN, "wrong"),
        basic("stranger", PASSWORD),
        basic("locked", PASSWORD),
        basic("", PASSWORD),
        basic(LOGIN, ""),
        bearer(LOGIN, "wrong"),
        "Authorization: Bearer a-key-that-nobody-has\r\n".to_owned(),
    ] {
        let reply = post_as(&server, "/call", &authorization, &whoami()).await;
        challenge(&reply);
        assert_eq!(reply.json(), denied, "{authorization}");
    }
    for authorization in ["", "Authorization: Digest x\r\n", "Authorization: Basic !\r\n", "Cookie: cbtid=x\r\n"] {
        let reply = post_as(&server, "/publish", authorization, &whoami()).await;
        challenge(&reply);
        assert_eq!(reply.json()["error"], "wamp.error.authentication_required", "{authorization}");
    }
    let refused = audit(&server, &["--operation", "login", "--outcome", "refused"]).await;
    assert_eq!(refused.len(), 7, "{refused:?}");
}

#[tokio::test]
async fn errors_of_the_bus_have_a_status_and_keep_their_uri() {
    let server = started("").await;
    let _callee = callee(&server).await;
    let check = async |path: &str, body: Value, status: u16, error: &str| {
        let reply = post(&server, path, &body).await;
        assert_eq!((reply.status, reply.json()["error"].as_str()), (status, Some(error)), "{body} {reply:?}");
        assert!(reply.json()["args"].is_array() && reply.json()["kwargs"].is_object(), "{body}");
    };
    let procedure = |name: &str| json!({"procedure": format!("{PREFIX}.{name}")});
    check("/call", procedure("nothing"), 404, "wamp.error.no_such_procedure").await;
    check("/call", json!({"procedure": "com.other.thing"}), 403, "wamp.error.not_authorized").await;
    check("/call", json!({"procedure": "a..b"}), 400, "wamp.error.invalid_uri").await;
    check("/publish", json!({"topic": "com.other.thing"}), 403, "wamp.error.not_authorized").await;
    check("/publish", json!({"topic": "a..b"}), 400, "wamp.error.invalid_uri").await;
    let otp = |expires: &str| json!({"procedure": format!("{PREFIX}.my.otp.create"), "kwargs": {"expires": expires}});
    check("/call", otp("never ever"), 400, &format!("{PREFIX}.error.invalidargument")).await;
    let fail = |uri: &str| json!({"procedure": format!("{PREFIX}.test.fail"), "args": [uri]});
    check("/call", fail("com.shop.error.out_of_stock"), 422, "com.shop.error.out_of_stock").await;
    check("/call", fail("wamp.error.invalid_argument"), 400, "wamp.error.invalid_argument").await;
    check("/call", fail("wamp.error.canceled"), 502, "wamp.error.canceled").await;
    let reply = post(&server, "/call", &fail("com.shop.error.out_of_stock")).await;
    assert_eq!(reply.json()["args"], json!(["what went wrong"]));
    let by_frontend =
        post_as(&server, "/call", &basic(FRONTEND, PASSWORD), &json!({"procedure": "com.other.thing"})).await;
    assert_eq!(by_frontend.status, 403);
}

#[tokio::test]
async fn what_is_no_request_is_refused_as_the_clients_mistake() {
    let server = started("").await;
    let authorization = basic(LOGIN, PASSWORD);
    let check = async |headers: &str, body: &[u8], status: u16| {
        for path in ["/call", "/publish"] {
            let reply = ask(&server, "POST", path, headers, body).await;
            let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
            assert_eq!(
                (reply.status, reply.json()["error"].as_str()),
                (status, Some("wamp.error.invalid_argument")),
                "{shown}"
            );
        }
    };
    let json = json_with(&authorization);
    for body in [&b""[..], b"x", b"[]", b"{}", b"{\"procedure\": 1}", b"{\"topic\": []}", b"\xff", &b"[".repeat(10_000)]
    {
        check(&json, body, 400).await;
    }
    for wrong in [
        json!({"procedure": "a.b", "args": {}}),
        json!({"procedure": "a.b", "arguments": []}),
        json!({"procedure": "a.b", "options": {"receive_progress": true}}),
    ] {
        assert_eq!(post(&server, "/call", &wrong).await.status, 400, "{wrong}");
    }
    let good = whoami().to_string();
    for kind in [
        "",
        "Content-Type: text/plain\r\n",
        "Content-Type: application/x-www-form-urlencoded\r\n",
        "Content-Type: application/jsonp\r\n",
    ] {
        check(&format!("{authorization}{kind}"), good.as_bytes(), 415).await;
    }
    let with_charset = format!("{authorization}Content-Type: Application/JSON; charset=utf-8\r\n");
    assert_eq!(ask(&server, "POST", "/call", &with_charset, good.as_bytes()).await.status, 200);
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] {
        let reply = ask(&server, method, "/call", &json, b"").await;
        assert_eq!((reply.status, reply.header("allow")), (405, "post"), "{method}");
    }
}

#[tokio::test]
async fn a_body_is_as_long_as_a_message_may_be() {
    let server = started("[limits]\nmessage_bytes_max = 100000").await;
    let body = |bytes: usize| {
        let mut body = whoami().to_string().into_bytes();
        body.resize(bytes, b' ');
        body
    };
    let json = json_with(&basic(LOGIN, PASSWORD));
    assert_eq!(ask(&server, "POST", "/call", &json, &body(100_000)).await.status, 200);
    assert_eq!(ask(&server, "POST", "/call", &json, &body(100_001)).await.status, 413);
    // Without a length in front it is noticed on the way.
    let mut http = Http::connect(&server).await;
    let head = format!("POST /call HTTP/1.1\r\nHost: x\r\n{json}Transfer-Encoding: chunked\r\n\r\n186a1\r\n");
    http.write(&[head.as_bytes(), &body(100_001), b"\r\n0\r\n\r\n"].concat()).await;
    assert_eq!(http.recv().await.unwrap().status, 413);
}

#[tokio::test]
async fn nothing_of_a_body_is_waited_for_before_the_login() {
    let server = started("").await;
    let mut http = Http::connect(&server).await;
    let json = json_with(&basic(LOGIN, "wrong"));
    http.write(format!("POST /call HTTP/1.1\r\nHost: x\r\n{json}Content-Length: 1000000\r\n\r\n").as_bytes()).await;
    assert_eq!(http.recv().await.unwrap().status, 401);
}

#[tokio::test]
async fn a_call_without_an_answer_ends_in_time_and_its_callee_is_told() {
    let server = started("[http]\ncall_seconds_max = 1").await;
    let mut silent = Silent::start(&server).await;
    let mut http = begun(&server, &Silent::request()).await;
    let invoked = silent.invoked().await;
    let reply = http.recv().await.unwrap();
    assert_eq!((reply.status, reply.json()["error"].as_str()), (504, Some("wamp.error.timeout")));
    assert!(matches!(silent.recv().await, Message::Interrupt { request, .. } if request == invoked));
    // The connection is as good as before.
    let again = http.ask("POST", "/call", &json_with(&basic(LOGIN, PASSWORD)), whoami().to_string().as_bytes()).await;
    assert_eq!(again.status, 200);
    let mut request = Silent::request();
    request["options"] = json!({"timeout": 1});
    let reply = post(&server, "/call", &request).await;
    assert_eq!((reply.status, reply.json()["error"].as_str()), (504, Some("wamp.error.timeout")));
}

#[tokio::test]
async fn a_client_that_goes_takes_its_call_along() {
    let server = started("").await;
    let mut silent = Silent::start(&server).await;
    let http = begun(&server, &Silent::request()).await;
    let invoked = silent.invoked().await;
    drop(http);
    assert!(matches!(silent.recv().await, Message::Interrupt { request, .. } if request == invoked));
}

#[tokio::test]
async fn a_callee_that_goes_ends_the_call() {
    let server = started("").await;
    let mut silent = Silent::start(&server).await;
    let mut http = begun(&server, &Silent::request()).await;
    silent.invoked().await;
    drop(silent);
    let reply = http.recv().await.unwrap();
    assert_eq!((reply.status, reply.json()["error"].as_str()), (502, Some("wamp.error.canceled")));
}

#[tokio::test]
async fn the_session_of_a_request_is_seen_and_can_be_ended() {
    let server = started("").await;
    server.add_user("caller", "backend", PASSWORD).await;
    let zoe = sign_in(&server, TRUSTED, PASSWORD).await.unwrap();
    let mut silent = Silent::start(&server).await;
    let count = async || call(&zoe, "wamp.session.count", vec![]).await.unwrap();
    assert_eq!(count().await, WampValue::Int(2));
    assert_eq!(post(&server, "/call", &whoami()).await.status, 200);
    let mut http = begun_by(&server, "caller", &Silent::request()).await;
    silent.invoked().await;
    assert_eq!(count().await, WampValue::Int(3));
    server.cli(&["user", "lock", "caller"], "").await.ok();
    let reply = http.recv().await.unwrap();
    assert_eq!((reply.status, reply.json()["error"].as_str()), (403, Some("wamp.close.killed")));
    eventually("the end of the session", Duration::from_secs(20), async || {
        (count().await == WampValue::Int(2)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_stops_answers_what_is_under_way() {
    let mut server = started("").await;
    let mut silent = Silent::start(&server).await;
    let mut http = begun(&server, &Silent::request()).await;
    silent.invoked().await;
    let (reply, _) = tokio::join!(http.recv(), server.stop());
    let reply = reply.unwrap();
    // Whose session ends first, the callee's or the caller's, decides what is said.
    let said = (reply.status, reply.json()["error"].as_str().unwrap().to_owned());
    let expected = [(503, "wamp.close.system_shutdown"), (502, "wamp.error.canceled")];
    assert!(expected.iter().any(|(status, error)| (*status, *error) == (said.0, said.1.as_str())), "{said:?}");
}

#[tokio::test]
async fn who_guesses_too_often_is_told_to_come_later() {
    let config = "[throttle]\nforget_seconds = 100000\ndelay_seconds_max = 100000\naddress_failures_max = 1\n";
    let server = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(config).start().await;
    server.add_user(LOGIN, "backend", PASSWORD).await;
    let guess = json_with(&basic(LOGIN, "wrong"));
    assert_eq!(ask(&server, "POST", "/call", &guess, b"{}").await.status, 401);
    // Eight may wait; whoever comes then is refused, also with the right password.
    let mut tries = JoinSet::new();
    for _ in 0..10 {
        let mut http = Http::connect(&server).await;
        let right = json_with(&basic(LOGIN, PASSWORD));
        tries.spawn(async move { http.ask("POST", "/call", &right, b"{}").await });
    }
    for _ in 0..2 {
        let reply = tries.join_next().await.unwrap().unwrap();
        assert_eq!((reply.status, reply.header("retry-after")), (429, "100000"), "{reply:?}");
    }
    let reasons = audit(&server, &["--operation", "login", "--outcome", "refused"]).await;
    assert_eq!(reasons.iter().filter(|row| row["reason"] == "throttled").count(), 2);
}

#[tokio::test]
async fn who_gives_too_many_wrong_codes_is_told_to_come_later_and_only_with_the_right_password() {
    let server = started("").await;
    server.cli(&["user", "totp", "reset", LOGIN], "").await.ok();
    server.cli(&["user", "totp", "enable", LOGIN], "").await.ok();
    let guess = async |password: &str, code: &str| {
        let headers = json_with(&format!("{}X-TOTP-Code: {code}\r\n", basic(LOGIN, password)));
        ask(&server, "POST", "/call", &headers, whoami().to_string().as_bytes()).await
    };
    for _ in 0..5 {
        assert_eq!(guess(PASSWORD, "000000").await.status, 401);
    }
    let reply = guess(PASSWORD, "000000").await;
    assert_eq!((reply.status, reply.header("retry-after")), (429, "900"), "{reply:?}");
    let reply = guess("wrong", "000000").await;
    assert_eq!((reply.status, reply.header("retry-after")), (401, ""), "{reply:?}");
    let rows = audit(&server, &["--operation", "login", "--outcome", "refused"]).await;
    assert_eq!(rows.iter().filter(|row| row["reason"] == "code_throttled").count(), 1);
}

#[tokio::test]
async fn requests_count_at_the_gate_until_they_are_logged_in() {
    let server = started("[limits]\nunauthenticated_connections_max = 2").await;
    let mut silent = Silent::start(&server).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(begun(&server, &Silent::request()).await);
        silent.invoked().await;
    }
    let mut idle = Vec::new();
    for _ in 0..2 {
        let mut http = Http::connect(&server).await;
        assert_eq!(http.ask("GET", "/healthz", "", b"").await.status, 200);
        idle.push(http);
    }
    assert_eq!(ask(&server, "GET", "/healthz", "", b"").await.status, 503);
}

#[tokio::test]
async fn pages_of_other_origins_may_use_the_bridge_only_where_they_are_listed() {
    let asks = "Origin: https://app.example\r\nAccess-Control-Request-Method: POST\r\n\
        Access-Control-Request-Headers: authorization, content-type\r\n";
    let server = started("").await;
    assert_eq!(ask(&server, "OPTIONS", "/call", asks, b"").await.status, 405);
    let server = started("[http]\norigins = [\"https://app.example\"]").await;
    for path in ["/call", "/publish"] {
        let reply = ask(&server, "OPTIONS", path, asks, b"").await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, "https://app.example"));
        assert_eq!(reply.header("access-control-allow-methods"), "post");
    }
    let from_page = json_with(&format!("{}Origin: https://app.example\r\n", basic(LOGIN, "wrong")));
    let reply = ask(&server, "POST", "/call", &from_page, b"{}").await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (401, "https://app.example"));
}

#[tokio::test]
async fn behind_a_trusted_proxy_the_client_counts_and_is_recorded() {
    let config = "[proxies]\ntrusted = [\"127.0.0.1\"]\n[limits]\nunauthenticated_connections_max = 2";
    let server = started(config).await;
    let from = |last: u8| format!("{}X-Forwarded-For: 203.0.113.{last}\r\n", json_with(&basic(LOGIN, PASSWORD)));
    let body = whoami().to_string();
    let mut kept = Vec::new();
    // More connections than one address may have, each for a client of its own.
    for last in 1..=4 {
        let mut http = Http::connect(&server).await;
        assert_eq!(http.ask("POST", "/call", &from(last), body.as_bytes()).await.status, 200, "{last}");
        kept.push(http);
    }
    let logins = audit(&server, &["--operation", "login", "--outcome", "accepted"]).await;
    assert_eq!(logins.iter().filter(|row| row["address"] == "203.0.113.3").count(), 1, "{logins:?}");
    // One client with too many is told so, on whichever connection.
    let mut third = Http::connect(&server).await;
    for (http, status) in kept.iter_mut().zip([200, 200]) {
        assert_eq!(http.ask("POST", "/call", &from(9), body.as_bytes()).await.status, status);
    }
    assert_eq!(third.ask("POST", "/call", &from(9), body.as_bytes()).await.status, 503);
}
