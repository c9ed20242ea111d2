//! Limits that are felt by the one who passes them: time to log in, connections, reading speed.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use countersign_client::{CallError, Client, Closed, Dict, Encoding, Id, Message, RawConnection, Session, Value};
use countersign_testkit::{Door, Server, eventually};
use countersign_wamp::uris::error::{PAYLOAD_SIZE_EXCEEDED, PROTOCOL_VIOLATION, TIMEOUT};
use tokio::io::AsyncWriteExt as _;

use super::wire::{Healthy, Stream, dial, encode, head, masked, rest, upgrade};
use super::{SOON, Stage, WAYS, abort, check_close, closed, connect, hello, nested};
use crate::support::{PASSWORD, PREFIX, call, metric, passed, reach, server_with, sign_in, sign_in_at, text};

const HELLO_SECONDS: &str = "limits.hello_seconds_max";

#[tokio::test]
async fn a_connection_that_does_not_come_to_a_session_is_closed_in_time() {
    let server = server_with("[auth]\nanonymous = true\n[limits]\nhello_seconds_max = 1").start().await;
    server.add_user("healthy", "backend", PASSWORD).await;
    let healthy = Healthy::start(&server).await;
    let began = Instant::now();
    let mut silent: Vec<(String, Stream)> = Vec::new();
    for door in Door::ALL {
        silent.push((format!("{door:?}"), dial(&server, door).await));
    }
    for (door, bytes) in [
        (Door::Http, &b"GET /ws HT"[..]),
        (Door::Https, &[0x16, 3, 1]),
        (Door::Tcp, &[0x7f, 0xf1]),
        (Door::Unix, &[0x7f]),
        (Door::Tcp, &[0x7f, 0xf1, 0, 0, 0, 0]),
    ] {
        let mut stream = dial(&server, door).await;
        stream.write_all(bytes).await.unwrap();
        silent.push((format!("{door:?} {bytes:?}"), stream));
    }
    let (mut stream, _) = upgrade(&server, "wamp.2.json").await;
    stream.write_all(&masked(1, b"[1,")).await.unwrap();
    silent.push(("half a message".into(), stream));
    let mut idle = dial(&server, Door::Http).await;
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    head(&mut idle).await;
    silent.push(("kept alive".into(), idle));
    let first_count = silent.len() as u64;
    for (of, mut stream) in silent {
        rest(&mut stream, &of).await;
    }
    let timed_out = async || (passed(&server, HELLO_SECONDS).await >= first_count).then_some(());
    eventually("the counter of all that were too late", SOON, timed_out).await;
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());

    let began = Instant::now();
    let mut silent = Vec::new();
    for stage in [Stage::Fresh, Stage::Challenged] {
        for way in WAYS {
            silent.push((way.0, format!("{way:?} {stage:?}"), connect(&server, way, stage).await));
        }
    }
    // A login that was refused is no session either, and a session that was left is none any more.
    let mut refused = connect(&server, WAYS[0], Stage::Challenged).await;
    refused.send(&Message::Authenticate { signature: wrong(), extra: Dict::new() }).await.unwrap();
    abort(&mut refused, "wrong ticket").await;
    silent.push((WAYS[0].0, "refused".into(), refused));
    let mut left = connect(&server, WAYS[3], Stage::Joined).await;
    left.send(&Message::Goodbye { details: Dict::new(), reason: "wamp.close.close_realm".into() }).await.unwrap();
    assert!(matches!(left.recv().await, Ok(Message::Goodbye { .. })));
    silent.push((WAYS[3].0, "left".into(), left));
    let silent_count = silent.len() as u64;
    for (door, of, mut connection) in silent {
        assert_eq!(abort(&mut connection, &of).await, TIMEOUT, "{of}");
        check_close(&closed(&mut connection, &of).await, door, 1008, &of);
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
    assert!(passed(&server, HELLO_SECONDS).await >= first_count + silent_count);
    healthy.finish().await;
}

fn wrong() -> countersign_wamp::Signature {
    countersign_wamp::Signature::new("not the password")
}

#[tokio::test]
async fn a_login_that_is_longer_than_any_login_is_aborted() {
    let server = server_with("[auth]\nanonymous = true").start().await;
    let hello = |key: &str, length: usize| {
        let roles = serde_json::json!({"caller": {}});
        serde_json::json!([1, "izaber", {"roles": roles, "authmethods": ["anonymous"], key: "x".repeat(length)}])
    };
    for way in WAYS {
        for key in ["authid", "agent", "_custom"] {
            let of = format!("{way:?} {key}");
            let mut connection = connect(&server, way, Stage::Fresh).await;
            // The server may have closed before the last byte.
            let _ = connection.send_frame(encode(way.1, &hello(key, 65_537))).await;
            assert_eq!(abort(&mut connection, &of).await, PAYLOAD_SIZE_EXCEEDED, "{of}");
            match closed(&mut connection, &of).await {
                Closed::Broken(_) => {}
                fair => check_close(&fair, way.0, 1009, &of),
            }
            let mut connection = connect(&server, way, Stage::Fresh).await;
            connection.send_frame(encode(way.1, &hello(key, 60_000))).await.unwrap();
            let Ok(Message::Welcome { details, .. }) = connection.recv().await else { panic!("{of}") };
            let extra = details.get("authextra").and_then(Value::as_dict).unwrap();
            // What others see of it is cut.
            assert!(text(extra, "authagent").len() <= 1_000, "{of}");
        }
    }
}

#[tokio::test]
async fn one_address_may_have_only_so_many_connections_without_a_session() {
    let toml = "[auth]\nanonymous = true\n[limits]\nunauthenticated_connections_max = 3";
    let server = server_with(toml).listen([Door::Http, Door::Tcp, Door::Unix]).start().await;
    let elsewhere = |server: &Server| reach(server, Door::Tcp).local_address(IpAddr::from([127, 0, 0, 2]));
    // Sessions don't count.
    let mut sessions = Vec::new();
    for _ in 0..5 {
        sessions.push(Client::connect(reach(&server, Door::Tcp)).await.unwrap());
    }
    let mut waiting = Vec::new();
    for door in [Door::Http, Door::Tcp] {
        waiting.push(RawConnection::connect(&reach(&server, door)).await.unwrap());
    }
    // One that only asks for the server's health is none that has a session.
    let mut stream = dial(&server, Door::Http).await;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    head(&mut stream).await;
    for (door, refusal) in [(Door::Tcp, &[0x7f, 0x40, 0, 0][..]), (Door::Http, b"HTTP/1.1 503 ")] {
        let answer = rest(&mut dial(&server, door).await, "one too many").await;
        assert!(answer.starts_with(refusal), "{door:?}: {answer:?}");
        assert!(RawConnection::connect(&reach(&server, door)).await.is_err(), "{door:?}");
    }
    // Another address, and another kind of address, get in.
    sessions.push(Client::connect(elsewhere(&server)).await.unwrap());
    sessions.push(Client::connect(reach(&server, Door::Unix)).await.unwrap());
    // A place that is given back can be taken.
    drop(stream);
    sessions
        .push(eventually("a free place", SOON, async || Client::connect(reach(&server, Door::Tcp)).await.ok()).await);
    for mut connection in waiting {
        connection.send_frame(encode(Encoding::Cbor, &hello("anonymous"))).await.unwrap();
        assert!(matches!(connection.recv().await, Ok(Message::Welcome { .. })));
    }
}

/// Subscribers that read all they get.
const HEALTHY_READERS: usize = 20;

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_cut_off_and_no_other() {
    let toml = "[limits]\noutbound_messages_max = 100\noutbound_bytes_max = 4194304";
    let server = server_with(toml).start().await;
    for (login, role) in [("kristen98", "backend"), ("healthy", "backend"), ("zoe", "trust")] {
        server.add_user(login, role, PASSWORD).await;
    }
    let watcher = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let mut leaves = watcher.subscribe("wamp.session.on_leave", Dict::new()).await.unwrap();
    let publisher = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let topic = format!("{PREFIX}.flood");
    let mut readers = Vec::new();
    for number in 0..HEALTHY_READERS {
        let (door, encoding) = WAYS[number % WAYS.len()];
        let reader = sign_in_at(&server, door, encoding, "kristen98", PASSWORD).await.unwrap();
        readers.push((reader.subscribe(&topic, Dict::new()).await.unwrap(), reader));
    }
    let ways = [
        (Door::Http, Encoding::Json),
        (Door::Https, Encoding::Ubjson),
        (Door::Tcp, Encoding::Cbor),
        (Door::Unix, Encoding::MsgPack),
    ];
    let mut idlers = Vec::new();
    for way in ways {
        idlers.push(idle_subscriber(&server, way, &topic).await);
    }
    let healthy = Healthy::start(&server).await;
    let before = server.resident_bytes();
    let payload = "x".repeat(64 * 1024);
    let cut_off = async || {
        passed(&server, "limits.outbound_bytes_max").await + passed(&server, "limits.outbound_messages_max").await
    };
    let mut count: u32 = 0;
    while cut_off().await < idlers.len() as u64 {
        count += 1;
        assert!(count < 4_000, "not cut off after {count} events\n{}", server.output());
        let args = vec![Value::from(count), Value::from(payload.as_str())];
        let options = Dict::new().with("acknowledge", true);
        publisher.publish(&topic, args, Dict::new(), options).await.unwrap();
        for (events, _) in &mut readers {
            let event = tokio::time::timeout(SOON, events.next()).await.unwrap().unwrap();
            assert_eq!(event.args()[0], Value::from(count));
        }
    }
    let grown = server.resident_bytes().saturating_sub(before);
    eprintln!("cut off after {count} events of 64 KiB; {} KiB more", grown / 1024);
    assert!(grown < 64 << 20, "{grown} bytes more");
    let mut left = BTreeSet::new();
    for _ in &idlers {
        let args = tokio::time::timeout(SOON, leaves.next()).await.expect("a session leaves").unwrap();
        let args = args.args();
        assert_eq!(args[1], Value::from("kristen98"));
        left.insert(args[0].as_u64().unwrap());
    }
    assert_eq!(left, idlers.iter().map(|(id, _)| id.get()).collect());
    assert_eq!(server.output().matches("cut off: its peer reads too slowly").count(), idlers.len());
    assert_eq!(metric(&server, "countersign_connections_ended_total{how=\"cut_off\"}").await, idlers.len() as u64);
    for (_, mut idler) in idlers {
        // What the system had buffered still comes, then the end.
        let drained = async { while idler.recv_frame().await.is_ok() {} };
        tokio::time::timeout(SOON, drained).await.expect("the connection ends");
    }
    assert!(readers.iter().all(|(events, _)| events.missed() == 0));
    healthy.finish().await;
}

/// A subscriber that reads nothing from here on, and its session.
async fn idle_subscriber(server: &Server, (door, encoding): (Door, Encoding), topic: &str) -> (Id, RawConnection) {
    let options = reach(server, door).encoding(encoding);
    let mut connection = RawConnection::connect(&options).await.unwrap();
    let hello = serde_json::json!([1, "izaber", {"roles": {"subscriber": {}}, "authid": "kristen98",
        "authmethods": ["ticket"]}]);
    let subscribe = serde_json::json!([32, 1, {}, topic]);
    let mut id = None;
    for frame in [hello, serde_json::json!([5, PASSWORD, {}]), subscribe] {
        connection.send_frame(encode(encoding, &frame)).await.unwrap();
        if let Message::Welcome { session, .. } = connection.recv().await.unwrap() {
            id = Some(session);
        }
    }
    (id.unwrap(), connection)
}

#[tokio::test]
async fn each_limit_of_a_connection_has_a_counter_of_its_own() {
    let toml = "[auth]\nanonymous = true\n[limits]\nmessage_bytes_max = 4096\nlogin_bytes_max = 1024\n\
        message_depth_max = 9\nlogin_attempts_max = 2\nunauthenticated_connections_max = 20";
    let server = server_with(toml).listen([Door::Http, Door::Tcp]).start().await;
    let way = (Door::Tcp, Encoding::Json);
    let long = |length: usize| serde_json::json!([48, 1, {}, "a.b", ["x".repeat(length)]]);
    let deep = |depth| serde_json::json!([48, 1, {}, "a.b", [nested(depth)]]);
    let other_realm = serde_json::json!([1, "nowhere", {"roles": {"caller": {}}, "authmethods": ["anonymous"]}]);
    let long_hello = serde_json::json!([1, "izaber", {"roles": {"caller": {}}, "agent": "x".repeat(1_000)}]);
    for (limit, stage, fine, beyond) in [
        ("limits.message_bytes_max", Stage::Joined, long(4_000), long(4_100)),
        ("limits.message_depth_max", Stage::Joined, deep(7), deep(8)),
        ("limits.login_bytes_max", Stage::Fresh, other_realm.clone(), long_hello),
        ("limits.login_attempts_max", Stage::Fresh, other_realm.clone(), other_realm),
    ] {
        let mut connection = connect(&server, way, stage).await;
        connection.send_frame(encode(way.1, &fine)).await.unwrap();
        assert!(matches!(connection.recv().await, Ok(Message::Error { .. } | Message::Abort { .. })), "{limit}");
        assert_eq!(passed(&server, limit).await, 0, "{limit}");
        connection.send_frame(encode(way.1, &beyond)).await.unwrap();
        abort(&mut connection, limit).await;
        closed(&mut connection, limit).await;
        assert_eq!(passed(&server, limit).await, 1, "{limit}");
    }
    let refused = "countersign_connections_refused_total{reason=\"too_many\"}";
    let elsewhere = reach(&server, Door::Tcp).local_address(IpAddr::from([127, 0, 0, 2]));
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(RawConnection::connect(&elsewhere).await.unwrap());
    }
    assert_eq!(metric(&server, refused).await, 0);
    assert!(RawConnection::connect(&elsewhere).await.is_err());
    assert_eq!(metric(&server, refused).await, 1);
    assert_eq!(passed(&server, "limits.unauthenticated_connections_max").await, 1);
}

#[tokio::test]
async fn options_may_hold_only_so_many_values() {
    let server = server_with("[auth]\nanonymous = true").listen([Door::Http, Door::Tcp]).start().await;
    let way = (Door::Tcp, Encoding::Json);
    // The options themselves are one, and the list is another.
    let call = |values: usize| serde_json::json!([48, 1, {"_list": vec![0; values - 2]}, "a.b"]);
    let mut connection = connect(&server, way, Stage::Joined).await;
    connection.send_frame(encode(way.1, &call(65_536))).await.unwrap();
    assert!(matches!(connection.recv().await, Ok(Message::Error { .. })));
    assert_eq!(passed(&server, "option_values_max").await, 0);
    connection.send_frame(encode(way.1, &call(65_537))).await.unwrap();
    assert_eq!(abort(&mut connection, "values").await, PROTOCOL_VIOLATION);
    closed(&mut connection, "values").await;
    assert_eq!(passed(&server, "option_values_max").await, 1);
}

#[tokio::test]
async fn a_wildcard_pattern_has_only_so_many_components_and_a_shard_key_so_many_bytes() {
    let server = server_with("[auth]\nanonymous = true").listen([Door::Http, Door::Tcp]).start().await;
    let way = (Door::Tcp, Encoding::Json);
    let wildcard = |components| {
        let pattern = vec!["a"; components].join(".");
        serde_json::json!([32, 1, {"match": "wildcard"}, pattern])
    };
    let keyed = |bytes| serde_json::json!([32, 1, {"nkey": "x".repeat(bytes)}, "com.izaber.wamp.public.topic"]);
    for (limit, fine, beyond, error) in [
        ("wildcard_components_max", wildcard(32), wildcard(33), "wamp.error.invalid_uri"),
        ("shard_key_bytes_max", keyed(256), keyed(257), "countersign.error.limit_exceeded"),
    ] {
        let mut connection = connect(&server, way, Stage::Joined).await;
        connection.send_frame(encode(way.1, &fine)).await.unwrap();
        // A stranger may lack the permission; that is another error.
        match connection.recv().await {
            Ok(Message::Subscribed { .. }) => {}
            Ok(Message::Error { error: other, .. }) => assert_ne!(other.as_str(), error, "{limit}"),
            other => panic!("{limit}: {other:?}"),
        }
        assert_eq!(passed(&server, limit).await, 0, "{limit}");
        connection.send_frame(encode(way.1, &beyond)).await.unwrap();
        let Ok(Message::Error { error: got, .. }) = connection.recv().await else { panic!("{limit}") };
        assert_eq!(got.as_str(), error, "{limit}");
        assert_eq!(passed(&server, limit).await, 1, "{limit}");
    }
}

#[tokio::test]
async fn a_peer_that_takes_nothing_any_more_is_cut_off_in_time() {
    let server = server_with("[limits]\nwrite_seconds_max = 1").listen([Door::Http, Door::Tcp]).start().await;
    server.add_user("kristen98", "backend", PASSWORD).await;
    let publisher = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let topic = format!("{PREFIX}.flood");
    let limit = "limits.write_seconds_max";
    let (_, mut idler) = idle_subscriber(&server, (Door::Tcp, Encoding::Cbor), &topic).await;
    let payload = "x".repeat(64 * 1024);
    // More than the system buffers, so that the writer has to wait, and less than the queue's own limit.
    for _ in 0..300 {
        let options = Dict::new().with("acknowledge", true);
        publisher.publish(&topic, vec![payload.as_str().into()], Dict::new(), options).await.unwrap();
    }
    let cut_off = async || (passed(&server, limit).await == 1).then_some(());
    eventually("the end of the peer that takes nothing", SOON, cut_off).await;
    assert_eq!(passed(&server, "limits.outbound_bytes_max").await, 0);
    assert_eq!(server.output().matches("cut off: its peer takes nothing any more").count(), 1);
    let drained = async { while idler.recv_frame().await.is_ok() {} };
    tokio::time::timeout(SOON, drained).await.expect("the connection ends");
}

/// What a session hears of something with this URI; `Ok` where it is done.
async fn with_uri(session: &Session, kind: &str, uri: &str) -> Result<(), (String, String)> {
    let acknowledge = || Dict::new().with("acknowledge", true);
    let done = match kind {
        "REGISTER" => session.register(uri, Dict::new(), async |_| Ok(())).await.map(drop),
        "SUBSCRIBE" => session.subscribe(uri, Dict::new()).await.map(drop),
        "PUBLISH" => session.publish(uri, vec![], Dict::new(), acknowledge()).await.map(drop),
        "CALL" => session.call(uri, vec![], Dict::new()).await.map(drop),
        other => panic!("{other}"),
    };
    match done {
        Ok(()) => Ok(()),
        Err(CallError::Remote { error, args, .. }) => {
            Err((error, args.first().and_then(Value::as_str).unwrap_or_default().to_owned()))
        }
        Err(other) => panic!("{kind}: {other}"),
    }
}

#[tokio::test]
async fn a_uri_of_exactly_the_longest_length_is_taken_and_one_byte_more_is_not() {
    const KINDS: [&str; 4] = ["REGISTER", "CALL", "SUBSCRIBE", "PUBLISH"];
    let server = server_with("").start().await;
    server.add_user("zoe", "trust", PASSWORD).await;
    // Bytes count, not characters; one long component is as good as many short ones.
    let uri = |length: usize, with: &str| {
        let begin = "com.example.";
        let times = (length - begin.len()) / with.len();
        let rest = "x".repeat(length - begin.len() - times * with.len());
        format!("{begin}{rest}{}", with.repeat(times))
    };
    for encoding in Encoding::ALL {
        let session = sign_in_at(&server, Door::Http, encoding, "zoe", PASSWORD).await.unwrap();
        let mut refused = passed(&server, "limits.uri_bytes_max").await;
        for with in ["a", "é", "a.b"] {
            let (longest, longer) = (uri(1_024, with), uri(1_025, with));
            assert_eq!((longest.len(), longer.len()), (1_024, 1_025));
            for kind in KINDS {
                assert_eq!(with_uri(&session, kind, &longest).await, Ok(()), "{encoding:?} {kind} {with}");
            }
            for kind in KINDS {
                let (error, text) = with_uri(&session, kind, &longer).await.unwrap_err();
                assert_eq!(error, "wamp.error.invalid_uri", "{encoding:?} {kind} {with}: {text}");
                refused += 1;
                assert_eq!(passed(&server, "limits.uri_bytes_max").await, refused, "{encoding:?} {kind} {with}");
            }
            // Without an acknowledgement it is dropped, and nothing else happens.
            session.publish(&longer, vec![], Dict::new(), Dict::new()).await.unwrap();
            assert!(call(&session, "auth.whoami", vec![]).await.is_ok());
            refused += 1;
        }
    }
}
