//! Session tokens as tickets of the bus, and at the bridge.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant};

use countersign_client::{Dict, Encoding, Session, Value as WampValue};
use countersign_testkit::{Door, Server, eventually};
use serde_json::{Value, json};

use super::{LOGIN, SUPER, login, send, started, ust};
use crate::http_client::ask;
use crate::support::{DENIED, PASSWORD, PREFIX, aborted, audit, call, ends, server_with, sign_in, sign_in_at, text};

fn denied() -> (String, String) {
    (DENIED.to_owned(), "Permission Denied".to_owned())
}

async fn whoami(session: &Session) -> WampValue {
    call(session, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap()
}

/// What a call of whoami at the bridge answers with this `Authorization`.
async fn bridged(server: &Server, authorization: &str) -> (u16, Value) {
    let headers = format!("Authorization: {authorization}\r\nContent-Type: application/json\r\n");
    let body = json!({"procedure": format!("{PREFIX}.auth.whoami")}).to_string();
    let reply = ask(server, "POST", "/call", &headers, body.as_bytes()).await;
    (reply.status, reply.json())
}

#[tokio::test]
async fn a_session_token_is_a_ticket_at_every_door() {
    let server = started().await;
    let signed_in = login(&server, LOGIN).await;
    let token = signed_in["ust"].as_str().unwrap();
    for door in Door::ALL {
        for name in [LOGIN, "JSmith1234", ""] {
            let session = sign_in_at(&server, door, Encoding::Cbor, name, token).await.unwrap();
            let details = session.welcome_details();
            let welcomed = ["authid", "authrole", "authmethod"].map(|key| text(details, key));
            assert_eq!(welcomed, [LOGIN, "frontend", "ticket"], "{door:?} {name:?}");
            assert_eq!(whoami(&session).await, Dict::new().with("authid", LOGIN).with("role", "frontend").into());
        }
        assert_eq!(aborted(sign_in_at(&server, door, Encoding::Cbor, SUPER, token).await), denied());
    }
    let (rest, last) = token.split_at(token.len() - 1);
    let made_up = format!("{rest}{}", if last == "a" { "b" } else { "a" });
    assert_eq!(aborted(sign_in(&server, "", &made_up).await), denied());
    let listed = send(&server, "GET", "/user/session/list", json!({"ust": token})).await.json();
    let sign_on = listed["result"][0]["session_id"].as_str().unwrap();
    let rows = audit(&server, &["--operation", "login", "--outcome", "accepted"]).await;
    assert_eq!(rows.len(), 12);
    for row in rows {
        assert_eq!((&row["actor"], &row["target"]), (&json!(LOGIN), &json!(LOGIN)));
        assert!(row["detail"].as_str().unwrap().ends_with(&format!("sign_on={sign_on}")), "{row}");
        assert!(!row.to_string().contains("csust_"), "{row}");
    }
}

#[tokio::test]
async fn a_session_token_is_taken_at_the_bridge() {
    let server = started().await;
    let token = ust(&server, LOGIN).await;
    for authorization in [format!("Bearer {token}"), format!("Bearer {LOGIN}:{token}")] {
        let (status, answer) = bridged(&server, &authorization).await;
        assert_eq!((status, &answer["args"][0]["authid"]), (200, &json!(LOGIN)), "{answer}");
    }
    assert_eq!(bridged(&server, &format!("Bearer {SUPER}:{token}")).await.0, 401);
    send(&server, "POST", "/user/logout", json!({"ust": token})).await;
    assert_eq!(bridged(&server, &format!("Bearer {token}")).await.0, 401);
}

#[tokio::test]
async fn a_session_by_token_may_do_what_the_user_may_and_no_more() {
    let server = started().await;
    let (by_token, by_password) = (ust(&server, LOGIN).await, PASSWORD);
    for ticket in [by_token.as_str(), by_password] {
        let session = sign_in(&server, LOGIN, ticket).await.unwrap();
        assert!(call(&session, "my.otp.create", vec![]).await.is_ok());
        let (error, _) = call(&session, "system.otp.create", vec![SUPER.into()]).await.unwrap_err();
        assert_eq!(error, "wamp.error.not_authorized");
    }
}

/// A session of the bus by a token ends after this, and nobody else's; the token opens no other. Answers how long it took.
async fn ends_by(server: &Server, what: &str, end: impl AsyncFnOnce(String)) -> Duration {
    let signed_in = login(server, LOGIN).await;
    let token = signed_in["ust"].as_str().unwrap();
    let session = sign_in(server, LOGIN, token).await.unwrap();
    let other = sign_in(server, SUPER, &ust(server, SUPER).await).await.unwrap();
    end(token.to_owned()).await;
    let began = Instant::now();
    ends(&session).await;
    let took = began.elapsed();
    assert_eq!(aborted(sign_in(server, LOGIN, token).await), denied(), "{what}");
    whoami(&other).await;
    took
}

#[tokio::test]
async fn sessions_of_the_bus_end_with_the_sign_on_session_that_opened_them() {
    let server = started().await;
    let boss = ust(&server, SUPER).await;
    let id = login(&server, LOGIN).await["user_id"].clone();
    let mut longest = ends_by(&server, "logout", async |token| {
        send(&server, "POST", "/user/logout", json!({"ust": token})).await;
    })
    .await;
    let took = ends_by(&server, "a new factor", async |_| {
        let reply = send(&server, "PATCH", "/user/totp", json!({"ust": boss, "user_id": id, "totp_key": ""})).await;
        assert_eq!(reply.status, 200);
    })
    .await;
    longest = longest.max(took);
    for (what, input, undo) in [
        (&["user", "lock", LOGIN][..], "", Some(["user", "unlock", LOGIN])),
        (&["user", "passwd", LOGIN, "--password-stdin"], PASSWORD, None),
        (&["user", "delete", LOGIN], "", None),
    ] {
        let took = ends_by(&server, what[1], async |_| {
            server.cli(what, input).await.ok();
        })
        .await;
        longest = longest.max(took);
        if let Some(undo) = undo {
            server.cli(&undo, "").await.ok();
        }
    }
    // A second is what is promised; this machine may do other things at the same time.
    assert!(longest < Duration::from_secs(3), "{longest:?}");
}

#[tokio::test]
async fn a_session_of_the_bus_lasts_as_long_as_its_sign_on_session_is_renewed() {
    let server = server_with("[session]\nexpiry = 0.05\n[sessions]\nseconds_max = 8\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let token = ust(&server, LOGIN).await;
    let session = sign_in(&server, "", &token).await.unwrap();
    let unrenewed = ust(&server, LOGIN).await;
    let lost = sign_in(&server, "", &unrenewed).await.unwrap();
    let began = Instant::now();
    // Renewed until the other one is over: beyond the first end of this one.
    eventually("the end of what nobody renews", Duration::from_secs(10), async || {
        let reply = send(&server, "PATCH", "/user/session", json!({"ust": token})).await;
        assert_eq!(reply.status, 200, "{:?}", began.elapsed());
        lost.end().is_some().then_some(())
    })
    .await;
    whoami(&session).await;
    eventually("its longest life", Duration::from_secs(10), async || session.end().is_some().then_some(())).await;
    assert_eq!(aborted(sign_in(&server, "", &token).await), denied());
}
