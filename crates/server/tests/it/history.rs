//! Event history that outlives the server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use countersign_client::{Dict, Encoding, Session, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage, eventually};

use super::support::{PASSWORD, PREFIX, SOON, call, metric, passed, server_with, sign_in, sign_in_at};

const STORED: &str = "[[realm.history]]\ntopic = 'com.izaber.wamp.log'\nmatch = 'prefix'\nstore = true\nevents_max = 20\n\
    [[realm.history]]\ntopic = 'com.izaber.wamp.memory'\n";

async fn with_users(server: Server) -> Server {
    server.add_user("zoe", "trust", PASSWORD).await;
    server
}

async fn publish(session: &Session, topic: &str, args: Vec<Value>) {
    let options = Dict::new().with("acknowledge", true);
    session.publish(topic, args, Dict::new().with("key", "ä"), options).await.unwrap();
}

/// The past events of a topic or a prefix of topics.
async fn past(session: &Session, topic: &str, policy: &str) -> Vec<Dict> {
    let options = Value::Dict(Dict::new().with("match", policy));
    let id = call(session, "wamp.subscription.lookup", vec![topic.into(), options]).await.unwrap();
    let events = call(session, "wamp.subscription.get_events", vec![id]).await.unwrap();
    events.as_list().unwrap().iter().map(|event| event.as_dict().unwrap().clone()).collect()
}

async fn log(session: &Session) -> Vec<Dict> {
    past(session, &format!("{PREFIX}.log"), "prefix").await
}

fn numbers(events: &[Dict]) -> Vec<i64> {
    let number = |event: &Dict| match event.get("args").unwrap().as_list().unwrap()[0] {
        Value::Int(number) => number,
        ref other => panic!("{other:?}"),
    };
    events.iter().map(number).collect()
}

async fn outlives_a_restart(mut server: Server) {
    for (number, encoding) in Encoding::ALL.into_iter().enumerate() {
        let session = sign_in_at(&server, Door::Tcp, encoding, "zoe", PASSWORD).await.unwrap();
        let number = Value::from(u64::try_from(number).unwrap());
        let args = vec![number.clone(), Value::Bytes(vec![0, 1, 255]), Value::from(1.5)];
        publish(&session, &format!("{PREFIX}.log.{}", encoding.subprotocol().replace('.', "_")), args).await;
        publish(&session, &format!("{PREFIX}.memory"), vec![number]).await;
    }
    let session = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let memory = format!("{PREFIX}.memory");
    let before = log(&session).await;
    assert_eq!(numbers(&before), [0, 1, 2, 3]);
    assert_eq!(past(&session, &memory, "exact").await.len(), 4);

    assert!(server.stop().await.success());
    server.restart().await;
    let session = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    assert_eq!(log(&session).await, before);
    assert!(past(&session, &memory, "exact").await.is_empty(), "only what is to be stored is");

    // New ones come behind the old ones, and the oldest go, also over another restart.
    for number in 4..24_u64 {
        publish(&session, &format!("{PREFIX}.log"), vec![number.into()]).await;
    }
    let newest: Vec<i64> = (4..24).collect();
    assert_eq!(numbers(&log(&session).await), newest);
    assert!(server.stop().await.success());
    server.restart().await;
    let session = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    assert_eq!(numbers(&log(&session).await), newest);
}

#[tokio::test]
async fn stored_events_outlive_a_restart() {
    outlives_a_restart(with_users(server_with(STORED).start().await).await).await;
}

#[tokio::test]
async fn stored_events_outlive_a_restart_on_postgresql() {
    let database = PostgresDatabase::create().await;
    let server = server_with(STORED).storage(Storage::Postgres(database.url())).start().await;
    outlives_a_restart(with_users(server).await).await;
}

#[tokio::test]
async fn a_crash_loses_only_the_last_events() {
    let toml = STORED.replace("events_max = 20", "events_max = 10000");
    let mut server = with_users(server_with(&toml).start().await).await;
    let session = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let topic = format!("{PREFIX}.log");
    for number in 0..300_u64 {
        publish(&session, &topic, vec![number.into()]).await;
    }
    let stored = "countersign_history_events_stored_total";
    let all = async || (metric(&server, stored).await == 300).then_some(());
    eventually("the events to be stored", SOON, all).await;
    for number in 300..600_u64 {
        session.publish(&topic, vec![number.into()], Dict::new(), Dict::new()).await.unwrap();
    }
    server.kill9().await;
    server.restart().await;
    let session = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let kept = numbers(&log(&session).await);
    eprintln!("{} of 600 events are there", kept.len());
    assert!(kept.len() >= 300);
    assert_eq!(kept, (0..i64::try_from(kept.len()).unwrap()).collect::<Vec<_>>(), "no gaps");
}

#[tokio::test]
async fn events_that_can_not_be_stored_in_time_are_counted_and_delay_nobody() {
    let toml = format!("{STORED}\n[limits]\nhistory_queue_events_max = 3");
    let mut server = with_users(server_with(&toml).start().await).await;
    let session = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for number in 0..20_u64 {
        publish(&session, &format!("{PREFIX}.log"), vec![number.into()]).await;
    }
    assert_eq!(log(&session).await.len(), 20, "in memory they are all there");
    let (stored, lost) = ("countersign_history_events_stored_total", "countersign_history_events_lost_total");
    let settled = async || (metric(&server, stored).await + metric(&server, lost).await == 20).then_some(());
    eventually("the end of the queue", SOON, settled).await;
    let lost = metric(&server, lost).await;
    assert!(lost > 0);
    assert_eq!(passed(&server, "limits.history_queue_events_max").await, lost);
    assert!(server.stop().await.success());
    assert!(server.output().contains("events of the history are not stored"), "{}", server.output());
    server.restart().await;
    let session = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    assert_eq!(log(&session).await.len() as u64, 20 - lost);
}
