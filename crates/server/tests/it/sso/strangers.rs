//! What a stranger hears, byte by byte.

use std::collections::BTreeSet;

use countersign_testkit::Door;
use serde_json::json;

use super::{LOGIN, SUPER, send};
use crate::support::{Answer, PASSWORD, audit, reach, server_with, try_ticket};

const LOCKED: &str = "locked1";
const PENDING: &str = "pending1";

#[tokio::test]
async fn unknown_wrong_locked_and_unapproved_are_answered_with_the_same_bytes() {
    let server = server_with("[apps]\nall = ['CRM']\nsignup_allowed = ['CRM']\n").start().await;
    for login in [LOGIN, LOCKED, SUPER] {
        server.add_user(login, "frontend", PASSWORD).await;
    }
    server.cli(&["user", "lock", LOCKED], "").await.ok();
    server.cli(&["user", "totp", "reset", SUPER], "").await.ok();
    server.cli(&["user", "totp", "enable", SUPER], "").await.ok();
    let sign_up = json!({"username": PENDING, "password": PASSWORD, "email": "p@example.com", "app_list": ["CRM"]});
    assert_eq!(send(&server, "POST", "/user/signup", sign_up).await.json()["status"], "ok");
    let options = reach(&server, Door::Http);
    let (mut answers, mut lengths) = (BTreeSet::new(), BTreeSet::new());
    for (login, password) in [
        ("nobody", PASSWORD),
        (LOGIN, "wrong"),
        (LOCKED, "wrong"),
        (LOCKED, PASSWORD),
        (PENDING, "wrong"),
        (PENDING, PASSWORD),
        // With a second factor.
        (SUPER, "wrong"),
    ] {
        let fields = json!({"username": login, "password": password, "cid": "the-same"});
        let reply = send(&server, "POST", "/user/login", fields).await;
        answers.insert((reply.status, reply.text()));
        lengths.insert(reply.head.len());
        assert_eq!(try_ticket(&options, login, password).await, Answer::Denied, "{login}");
    }
    assert_eq!((answers.len(), lengths.len()), (1, 1), "{answers:?}");
}

#[tokio::test]
async fn who_may_not_log_in_from_there_is_answered_like_a_stranger_at_every_door() {
    let list = format!("[user_address_list]\n{LOGIN} = '192.0.2.0/24'\n{SUPER} = ['127.0.0.0/8']\n");
    let server = server_with(&list).start().await;
    for login in [LOGIN, SUPER] {
        server.add_user(login, "frontend", PASSWORD).await;
    }
    let reply = async |login: &str| {
        let fields = json!({"username": login, "password": PASSWORD, "cid": "the-same"});
        let reply = send(&server, "POST", "/user/login", fields).await;
        (reply.status, reply.text())
    };
    assert_eq!(reply(LOGIN).await, reply("nobody").await);
    assert_eq!(reply(SUPER).await.0, 200);
    for door in [Door::Http, Door::Tcp, Door::Unix] {
        assert_eq!(try_ticket(&reach(&server, door), LOGIN, PASSWORD).await, Answer::Denied, "{door:?}");
    }
    assert!(matches!(try_ticket(&reach(&server, Door::Tcp), SUPER, PASSWORD).await, Answer::Welcome(_)));
    // The Unix socket has to be named.
    assert_eq!(try_ticket(&reach(&server, Door::Unix), SUPER, PASSWORD).await, Answer::Denied);
    let rows = audit(&server, &["--target", LOGIN]).await;
    assert!(rows.iter().any(|row| row["reason"] == "address_not_listed"), "{rows:?}");
}
