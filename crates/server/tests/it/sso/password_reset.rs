//! Forgotten passwords.

use countersign_testkit::eventually;
use serde_json::json;

use super::{LOGIN, SUPER, refused, send, started};
use crate::support::{PASSWORD, SOON, audit};

#[tokio::test]
async fn the_request_is_answered_alike_whoever_is_meant() {
    let server = started().await;
    server.add_user("locked", "frontend", PASSWORD).await;
    server.cli(&["user", "lock", "locked"], "").await.ok();
    for credential in [LOGIN, SUPER, "locked", "nobody", "a@example.com", "", "%", &"x".repeat(100_000)] {
        let reply = send(&server, "POST", "/password/reset", json!({"credential": credential})).await;
        let text = reply.text();
        let rest = text.split_once(',').unwrap().1;
        assert_eq!((reply.status, rest), (200, r#""status":"ok","sub_status":[]}"#), "{credential:.20}");
    }
    let rows = async || Some(audit(&server, &["--operation", "password_reset.request"]).await);
    let all = async || rows().await.filter(|rows| rows.len() == 8);
    let rows = eventually("a row for each", SOON, all).await;
    let reason = |target: &str| rows.iter().find(|row| row["target"] == target).unwrap()["reason"].clone();
    assert_eq!((reason(LOGIN), reason("nobody")), (json!("no_email"), json!("unknown_user")));
    assert!(rows.iter().all(|row| !row["target"].as_str().unwrap().contains('@')), "{rows:?}");
}

#[tokio::test]
async fn what_is_no_token_gets_nobody_anywhere() {
    let server = started().await;
    for garbage in ["", "x", "csprt_", "gAAAA garbage", &"é".repeat(10_000)] {
        refused(&send(&server, "PATCH", "/password/reset", json!({"token": garbage})).await, 403, "E010001");
        let fields = json!({"token": garbage, "reset_key": garbage, "password": PASSWORD});
        refused(&send(&server, "DELETE", "/password/reset", fields).await, 403, "E010001");
    }
    for verb in ["POST", "PATCH", "DELETE"] {
        assert_eq!(send(&server, verb, "/password/reset", json!({})).await.status, 400, "{verb}");
    }
}
