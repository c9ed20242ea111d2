//! Strangers can't make the server grow.

use countersign_client::RawConnection;
use countersign_testkit::{Door, Server};
use tokio::io::AsyncWriteExt as _;

use super::wire::{Healthy, Stream, dial, encode, frame_head, rest, upgrade};
use super::{Stage, WAYS, closed, connect, hello, nested, open_server};
use crate::support::reach;

const BAD_CONNECTIONS: usize = 2_000;
const BAD_AT_ONCE: usize = 50;
const CLAIMING_CONNECTIONS: usize = 200;
const GROWTH_BYTES_MAX: u64 = 32 << 20;

/// One of several ways to behave badly, to its end.
async fn misbehave(server: &Server, kind: usize) {
    let way = WAYS[kind % WAYS.len()];
    let of = format!("bad connection {kind}");
    if kind.is_multiple_of(7) {
        let mut stream = dial(server, way.0).await;
        let _ = stream.write_all(&[0xc1; 300]).await;
        rest(&mut stream, &of).await;
        return;
    }
    if kind.is_multiple_of(11) {
        // Gone before anything was answered.
        drop(RawConnection::connect(&reach(server, way.0).encoding(way.1)).await.unwrap());
        return;
    }
    let stage = [Stage::Fresh, Stage::Challenged, Stage::Joined][kind % 3];
    let mut connection = connect(server, way, stage).await;
    let deep = serde_json::json!([48, 1, {}, "a.b", [nested(200), "x".repeat(10_000)]]);
    connection.send_frame(encode(way.1, &deep)).await.unwrap();
    connection.recv().await.unwrap();
    closed(&mut connection, &of).await;
}

async fn misbehave_often(server: &Server, count: usize) {
    let mut kinds = 0..count;
    while !kinds.is_empty() {
        let some = kinds.by_ref().take(BAD_AT_ONCE).map(|kind| misbehave(server, kind));
        futures_util::future::join_all(some).await;
    }
}

#[tokio::test]
async fn bad_connections_leave_nothing_behind() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    // Pools and caches fill once.
    misbehave_often(&server, 200).await;
    let before = server.resident_bytes();
    misbehave_often(&server, BAD_CONNECTIONS).await;
    let grown = server.resident_bytes().saturating_sub(before);
    eprintln!("{BAD_CONNECTIONS} bad connections: {} KiB more", grown / 1024);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more than {before}");
    healthy.finish().await;
}

/// A connection that announces exactly 16 MiB and sends four bytes of it.
async fn claim(server: &Server, kind: &str) -> Stream {
    if kind == "RawSocket" {
        let mut stream = dial(server, Door::Tcp).await;
        stream.write_all(&[0x7f, 0xf3, 0, 0, 8, 0, 0, 0, b'f', b'o', b'u', b'r']).await.unwrap();
        return stream;
    }
    let (mut stream, _) = upgrade(server, "wamp.2.cbor").await;
    let first = if kind == "WebSocket" { 0x82 } else { 0x02 };
    stream.write_all(&frame_head(first, 1 << 24)).await.unwrap();
    stream.write_all(b"four").await.unwrap();
    stream
}

#[tokio::test]
async fn a_length_that_is_only_claimed_takes_no_memory() {
    let server = open_server().await;
    let healthy = Healthy::start(&server).await;
    let before = server.resident_bytes();
    for kind in ["RawSocket", "WebSocket", "WebSocket in fragments"] {
        let mut held: Vec<Stream> = Vec::new();
        for _ in 0..CLAIMING_CONNECTIONS {
            held.push(claim(&server, kind).await);
        }
        // The server has seen all of it once it has answered a later connection.
        let mut later = connect(&server, WAYS[5], Stage::Joined).await;
        later.send_frame(encode(WAYS[5].1, &hello("anonymous"))).await.unwrap();
        later.recv().await.unwrap();
        let grown = server.resident_bytes().saturating_sub(before);
        eprintln!("{CLAIMING_CONNECTIONS} claims of 16 MiB by {kind}: {} KiB more", grown / 1024);
        assert!(grown < GROWTH_BYTES_MAX, "{kind}: {grown} bytes more than {before}");
        drop(held);
        // Places at the gate are given back before the next kind takes as many.
        countersign_testkit::eventually("places at the gate", crate::support::SOON, async || {
            let mut probe = Vec::new();
            for _ in 0..CLAIMING_CONNECTIONS {
                let options = reach(&server, Door::Tcp);
                probe.push(RawConnection::connect(&options).await.ok()?);
            }
            Some(())
        })
        .await;
    }
    healthy.finish().await;
}
