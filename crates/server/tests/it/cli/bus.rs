//! `call`, `publish` and `subscribe`: a client on the command line, against the built server.

use std::process::Stdio;

use countersign_client::{Dict, HandlerError, Invocation, RegisterOptions, Value as WampValue};
use countersign_testkit::{CliOutput, Door, Server};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::check_refused;
use crate::support::{PASSWORD, PREFIX, SOON, server, server_with, sign_in};

const BINARY: &str = env!("CARGO_BIN_EXE_countersign");
const SERIALIZERS: [&str; 4] = ["json", "msgpack", "cbor", "ubjson"];

fn uri(name: &str) -> String {
    format!("{PREFIX}.cli.{name}")
}

async fn started() -> Server {
    let server = server().start().await;
    server.add_user("kristen98", "backend", PASSWORD).await;
    server
}

/// The command as kristen98 over one of the doors, the ticket in the first line of standard input.
async fn at(server: &Server, door: Door, arguments: &[&str]) -> CliOutput {
    let url = server.wamp_url(door);
    let certificate = server.data().join("tls-cert.pem");
    let mut all = arguments.to_vec();
    all.extend(["--url", &url, "--user", "kristen98"]);
    if door == Door::Https {
        all.extend(["--ca", certificate.to_str().unwrap()]);
    }
    server.cli(&all, &format!("{PASSWORD}\n")).await
}

async fn run(server: &Server, arguments: &[&str]) -> CliOutput {
    at(server, Door::Http, arguments).await
}

#[tokio::test]
async fn a_procedure_is_called_over_every_transport_and_serializer() {
    let server = started().await;
    let callee = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let echo = |invocation: Invocation| async move { Ok(invocation.values()) };
    callee.register(&uri("echo"), RegisterOptions::new(), echo).await.unwrap();
    let big = u64::MAX.to_string();
    let args = [&big, "-5", "\"two words\"", "[1, null]", r#""\u0000AAEC""#, r#"{"a":{"b":true}}"#];
    for door in Door::ALL {
        for serializer in SERIALIZERS {
            let of = format!("{door:?} {serializer}");
            let call = [&["call", &uri("echo")], &args[..], &["--kwargs", r#"{"k":1}"#, "--serializer", serializer]];
            let text = at(&server, door, &call.concat()).await.ok();
            let want =
                format!("{big}\n-5\n\"two words\"\n[1,null]\n\"\\u0000AAEC\"\n{{\"a\":{{\"b\":true}}}}\n{{\"k\":1}}\n");
            assert_eq!(text, want, "{of}");
        }
    }
    let line = run(&server, &["call", &uri("echo"), "1", "--json"]).await.ok();
    assert_eq!(line, "{\"args\":[1],\"kwargs\":{}}\n");
    assert_eq!(run(&server, &["call", &uri("echo")]).await.ok(), "");
    // A listener's own address, as the server prints it.
    let url = server.url(Door::Http).to_owned();
    let procedure = format!("{PREFIX}.auth.whoami");
    let whoami = ["call", &procedure, "--url", &url, "--user", "kristen98"];
    let me = server.cli(&whoami, PASSWORD).await.ok();
    assert_eq!(serde_json::from_str::<Value>(&me).unwrap(), json!({"authid": "kristen98", "role": "backend"}));
}

#[tokio::test]
async fn progressive_results_are_printed_before_the_last_one() {
    let server = started().await;
    let callee = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let count = |invocation: Invocation| async move {
        for number in 1..=2_u64 {
            if invocation.wants_progress() {
                invocation.progress(vec![number.into()]).await.unwrap();
            }
        }
        Ok(vec![WampValue::from(3_u64)])
    };
    callee.register(&uri("count"), RegisterOptions::new(), count).await.unwrap();
    assert_eq!(run(&server, &["call", &uri("count")]).await.ok(), "3\n");
    assert_eq!(run(&server, &["call", &uri("count"), "--progress"]).await.ok(), "1\n2\n3\n");
    let lines = run(&server, &["call", &uri("count"), "--progress", "--json"]).await.ok();
    let partial = |number| format!("{{\"progress\":true,\"args\":[{number}],\"kwargs\":{{}}}}\n");
    assert_eq!(lines, format!("{}{}{{\"args\":[3],\"kwargs\":{{}}}}\n", partial(1), partial(2)));
}

#[tokio::test]
async fn what_a_stranger_sent_does_not_steer_the_terminal() {
    let server = started().await;
    let callee = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let text = "\u{1b}[2J\u{9b}31m\u{7f}";
    let given = move |_| async move { Ok(vec![WampValue::from(text)]) };
    callee.register(&uri("steers"), RegisterOptions::new(), given).await.unwrap();
    let fails = move |_| async move { Err::<(), _>(HandlerError::new("a.error", text)) };
    callee.register(&uri("fails"), RegisterOptions::new(), fails).await.unwrap();
    let result = run(&server, &["call", &uri("steers")]).await.ok();
    assert_eq!(serde_json::from_str::<String>(&result).unwrap(), text);
    let error = run(&server, &["call", &uri("fails")]).await;
    for printed in [result, error.stderr] {
        assert!(!printed.trim_end().chars().any(char::is_control), "{printed:?}");
    }
}

#[tokio::test]
async fn a_call_that_ends_otherwise_says_how_and_what_to_do() {
    let server = started().await;
    let callee = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let fails = |_| async move {
        let payload = (vec![WampValue::Int(1)], Dict::new().with("k", "v"));
        Err::<(), _>(HandlerError::with_payload("a.error", payload))
    };
    callee.register(&uri("fails"), RegisterOptions::new(), fails).await.unwrap();
    let waits = |_| std::future::pending::<Result<(), HandlerError>>();
    callee.register(&uri("waits"), RegisterOptions::new(), waits).await.unwrap();
    check_refused(&run(&server, &["call", &uri("fails")]).await, 1, "a.error: [1] {\"k\":\"v\"}");
    check_refused(&run(&server, &["call", &uri("nobody")]).await, 1, "wamp.error.no_such_procedure: ");
    check_refused(&run(&server, &["call", &uri("nobody")]).await, 1, "is the URI complete?");
    check_refused(&run(&server, &["call", &uri("waits"), "--timeout", "1"]).await, 1, "wamp.error.timeout");
    check_refused(&run(&server, &["call", &uri("waits"), "--option", "timeout=10"]).await, 1, "wamp.error.timeout");
    check_refused(&run(&server, &["publish", "other.topic", "1"]).await, 1, "wamp.error.not_authorized");
    check_refused(&run(&server, &["publish", "wamp.topic"]).await, 1, "wamp.error.");
    check_refused(&run(&server, &["subscribe", "other.topic"]).await, 1, "countersign role allow");
}

#[tokio::test]
async fn a_login_that_fails_says_what_to_do() {
    let server = started().await;
    let url = server.wamp_url(Door::Http);
    let call = async |more: &[&str], stdin: &str| server.cli(&[&["call", "auth.whoami"], more].concat(), stdin).await;
    let there = ["--url", url.as_str()];
    check_refused(
        &call(&[&there[..], &["--user", "kristen98"]].concat(), "wrong\n").await,
        1,
        "check --user and the ticket",
    );
    check_refused(&call(&[&there[..], &["--user", "kristen98"]].concat(), "").await, 1, "COUNTERSIGN_TICKET");
    check_refused(&call(&there, "").await, 1, "--user names who comes");
    check_refused(&call(&[&there[..], &["--realm", "elsewhere"]].concat(), "").await, 1, "--realm");
    check_refused(&call(&["--url", "ws://127.0.0.1:1/ws"], "").await, 1, "does the server run there?");
    check_refused(&call(&["--url", "unix:/nowhere/at/all"], "").await, 1, "does the server run there?");
    check_refused(&call(&["--url", "nonsense"], "").await, 1, "give --url as");
    check_refused(&call(&["--url", &url.replace("/ws", "/nothing")], "").await, 1, "/ws");
    let secure = server.wamp_url(Door::Https);
    check_refused(&call(&["--url", &secure], "").await, 1, "--ca");
    for (arguments, says) in [
        (&["call"][..], "URI"),
        (&["call", "a.b", "text"], "quotes"),
        (&["call", "a.b", "--kwargs", "[1]"], "JSON object"),
        (&["call", "a.b", "--timeout", "0"], "timeout"),
        (&["call", "a.b", "--ticket", "secret"], "--ticket"),
        (&["publish", "a.b", "--option", "x"], "NAME=JSON"),
        (&["subscribe", "a.b", "--count", "0"], "count"),
        (&["subscribe", "a.b", "--match", "regex"], "wildcard"),
    ] {
        check_refused(&server.cli(arguments, "").await, 2, says);
    }
}

/// `subscribe`, running, once it has subscribed.
async fn subscribed(server: &Server, arguments: &[&str]) -> Child {
    let mut command = Command::new(BINARY);
    command.arg("subscribe").args(arguments).args(["--url", &server.wamp_url(Door::Tcp), "--user", "kristen98"]);
    command.env("COUNTERSIGN_TICKET", PASSWORD);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut errors = BufReader::new(child.stderr.as_mut().unwrap());
    tokio::time::timeout(SOON, errors.read_line(&mut line)).await.expect("soon").unwrap();
    assert!(line.starts_with("subscribed to "), "{line}");
    child
}

/// Its lines, and its exit code.
async fn lines(mut child: Child) -> (Vec<Value>, Option<i32>) {
    let mut text = String::new();
    let mut out = child.stdout.take().unwrap();
    let ended = async {
        out.read_to_string(&mut text).await.unwrap();
        child.wait().await.unwrap()
    };
    let status = tokio::time::timeout(SOON, ended).await.expect("it ends");
    (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), status.code())
}

#[tokio::test]
async fn events_are_printed_one_to_a_line() {
    let server = started().await;
    let topic = uri("news");
    let exact = subscribed(&server, &[&topic, "--count", "2"]).await;
    let pattern = subscribed(&server, &[&uri(""), "--match", "prefix", "--count", "1"]).await;
    let text = run(&server, &["publish", &topic, "1", "\"two\"", "--kwargs", r#"{"k":[]}"#]).await.ok();
    let publication: u64 = text.trim().strip_prefix("published as ").unwrap().parse().unwrap();
    let answer = run(&server, &["publish", &topic, "--json"]).await.ok();
    let second = serde_json::from_str::<Value>(&answer).unwrap()["publication"].clone();
    let (events, code) = lines(exact).await;
    assert_eq!(code, Some(0));
    let [first, last] = &events[..] else { panic!("{events:?}") };
    assert_eq!((&first["topic"], &first["publication"]), (&json!(topic), &json!(publication)));
    assert_eq!((&first["args"], &first["kwargs"]), (&json!([1, "two"]), &json!({"k": []})));
    assert_eq!((&first["publisher_authid"], &first["publisher_authrole"]), (&json!("kristen98"), &json!("backend")));
    assert!(first["publisher"].is_u64() && first.get("retained").is_none(), "{first}");
    assert_eq!((&last["publication"], &last["args"], &last["kwargs"]), (&second, &json!([]), &json!({})));
    let (events, code) = lines(pattern).await;
    assert_eq!((events.len(), code, &events[0]["topic"]), (1, Some(0), &json!(topic)));
    run(&server, &["publish", &topic, "7", "--option", "retain=true"]).await.ok();
    let kept = subscribed(&server, &[&topic, "--option", "get_retained=true", "--count", "1"]).await;
    let (events, _) = lines(kept).await;
    assert_eq!((&events[0]["args"], &events[0]["retained"]), (&json!([7]), &json!(true)));
}

#[tokio::test]
async fn a_subscription_whose_session_is_killed_ends_with_the_reason() {
    let server = started().await;
    let mut child = subscribed(&server, &[&uri("news")]).await;
    server.cli(&["user", "lock", "kristen98"], "").await.ok();
    let mut text = String::new();
    let mut errors = child.stderr.take().unwrap();
    tokio::time::timeout(SOON, errors.read_to_string(&mut text)).await.expect("it ends").unwrap();
    assert!(text.contains("the server ended the session"), "{text}");
    assert_eq!(lines(child).await, (vec![], Some(1)));
}

#[tokio::test]
async fn anonymous_sessions_need_no_ticket() {
    let server = server_with("[auth]\nanonymous = true").start().await;
    let url = server.wamp_url(Door::Unix);
    let arguments = ["publish", "com.izaber.wamp.public", "--url", &url, "--json"];
    let output = server.cli(&arguments, "").await;
    assert!(output.ok().starts_with("{\"publication\":"));
}
