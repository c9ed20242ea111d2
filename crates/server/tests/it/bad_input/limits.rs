//! Limits that are felt by the one who passes them: time to log in, connections, reading speed.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use countersign_client::{Client, Closed, Dict, Encoding, Message, RawConnection, Value};
use countersign_testkit::{Door, Server, eventually};
use countersign_wamp::uris::error::{PAYLOAD_SIZE_EXCEEDED, TIMEOUT};
use tokio::io::AsyncWriteExt as _;

use super::wire::{Healthy, Stream, dial, encode, head, masked, rest, upgrade};
use super::{SOON, Stage, WAYS, abort, check_close, closed, connect, hello};
use crate::support::{PASSWORD, PREFIX, reach, server_with, sign_in, text};

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
    for (of, mut stream) in silent {
        rest(&mut stream, &of).await;
    }
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
    for (door, of, mut connection) in silent {
        assert_eq!(abort(&mut connection, &of).await, TIMEOUT, "{of}");
        check_close(&closed(&mut connection, &of).await, door, 1008, &of);
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "{:?}", began.elapsed());
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

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_cut_off_and_no_other() {
    let toml = "[auth]\nanonymous = true\n[limits]\noutbound_messages_max = 100\noutbound_bytes_max = 4194304";
    let server = server_with(toml).start().await;
    server.add_user("kristen98", "backend", PASSWORD).await;
    let publisher = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let topic = format!("{PREFIX}.flood");
    let reader = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let mut events = reader.subscribe(&topic, Dict::new()).await.unwrap();
    let mut idlers = Vec::new();
    for way in [(Door::Http, Encoding::Json), (Door::Tcp, Encoding::Cbor), (Door::Unix, Encoding::MsgPack)] {
        idlers.push(idle_subscriber(&server, way, &topic).await);
    }
    let before = server.resident_bytes();
    let payload = "x".repeat(64 * 1024);
    let cut_off = |server: &Server| server.output().matches("cut off").count();
    let mut count: u32 = 0;
    while cut_off(&server) < idlers.len() {
        count += 1;
        assert!(count < 4_000, "not cut off after {count} events\n{}", server.output());
        let args = vec![Value::from(count), Value::from(payload.as_str())];
        let options = Dict::new().with("acknowledge", true);
        publisher.publish(&topic, args, Dict::new(), options).await.unwrap();
        let event = tokio::time::timeout(SOON, events.next()).await.unwrap().unwrap();
        assert_eq!(event.args()[0], Value::from(count));
    }
    eprintln!("cut off after {count} events of 64 KiB");
    for mut idler in idlers {
        // What the system had buffered still comes, then the end.
        let drained = async { while idler.recv_frame().await.is_ok() {} };
        tokio::time::timeout(SOON, drained).await.expect("the connection ends");
    }
    assert_eq!(events.missed(), 0);
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes more");
}

async fn idle_subscriber(server: &Server, (door, encoding): (Door, Encoding), topic: &str) -> RawConnection {
    let options = reach(server, door).encoding(encoding);
    let mut connection = RawConnection::connect(&options).await.unwrap();
    let hello = serde_json::json!([1, "izaber", {"roles": {"subscriber": {}}, "authid": "kristen98",
        "authmethods": ["ticket"]}]);
    let subscribe = serde_json::json!([32, 1, {}, topic]);
    for frame in [hello, serde_json::json!([5, PASSWORD, {}]), subscribe] {
        connection.send_frame(encode(encoding, &frame)).await.unwrap();
        connection.recv().await.unwrap();
    }
    connection
}
