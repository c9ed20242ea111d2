//! Sessions as their owners, super-users and the operator see and end them.

use std::time::Duration;

use countersign_testkit::eventually;
use serde_json::{Value, json};

use super::{LOGIN, SUPER, is_time, login, refused, send, started, ust};
use crate::support::{PASSWORD, audit, ends, server_with, sign_in};

#[tokio::test]
async fn a_super_user_sees_what_a_session_is_like() {
    let server = started().await;
    let (signed_in, boss) = (login(&server, LOGIN).await, ust(&server, SUPER).await);
    let get = async |current: &str, target: &str| {
        send(&server, "GET", "/user/session", json!({"current_ust": current, "target_ust": target})).await
    };
    let token = signed_in["ust"].as_str().unwrap();
    let mut answer = get(&boss, token).await.json();
    answer.as_object_mut().unwrap().remove("cid");
    let want = json!({
        "status": "ok", "sub_status": [], "creation_time": signed_in["creation_time"],
        "expiration_time": signed_in["expiration_time"], "remote_addr": "127.0.0.1", "user_agent": "",
    });
    assert_eq!(answer, want);
    refused(&get(token, &boss).await, 403, "E005001");
    refused(&get(&boss, "zust123").await, 403, "E007001");
    refused(&get("zust123", token).await, 403, "E007001");
}

#[tokio::test]
async fn a_list_has_every_field_but_the_token_for_its_owner_and_for_super_users() {
    let server = started().await;
    let (token, boss) = (ust(&server, LOGIN).await, ust(&server, SUPER).await);
    send(&server, "PATCH", "/user/session", json!({"ust": token})).await;
    let own = send(&server, "GET", "/user/session/list", json!({"ust": token})).await.json();
    let row = &own["result"][0];
    let names: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    let whose = ["session_id", "creation_time", "expiration_time", "remote_addr", "user_agent", "current_app"];
    assert_eq!(
        names,
        [&whose[..], &["auth_type", "auth_principal", "ext_session_id", "session_state_change_list"]].concat()
    );
    is_time(&row["creation_time"]);
    is_time(&row["expiration_time"]);
    let fixed = ["remote_addr", "user_agent", "current_app", "auth_type", "auth_principal"];
    assert_eq!(fixed.map(|name| row[name].as_str().unwrap()), ["127.0.0.1", "", "CRM", "default", LOGIN]);
    assert!(row["ext_session_id"].is_null() && row.get("ust").is_none(), "{row}");
    let changes = row["session_state_change_list"].as_array().unwrap();
    let short: Vec<_> = changes.iter().map(|one| (one["idx"].as_u64().unwrap(), one["ctx_source"].clone())).collect();
    assert_eq!(short, [(1, json!("login")), (2, json!("renew"))]);
    assert_eq!(
        (&changes[0]["remote_addr"], &changes[0]["timestamp_utc"]),
        (&row["remote_addr"], &row["creation_time"])
    );
    for ust in [Value::Null, json!("")] {
        let fields = json!({"ust": ust, "current_ust": boss, "target_ust": token});
        assert_eq!(send(&server, "GET", "/user/session/list", fields).await.json()["result"], own["result"]);
    }
    let fields = json!({"current_ust": token, "target_ust": boss});
    refused(&send(&server, "GET", "/user/session/list", fields).await, 403, "E005001");
    let fields = json!({"current_ust": boss, "target_ust": "zust123"});
    refused(&send(&server, "GET", "/user/session/list", fields).await, 403, "E007001");
    assert_eq!(send(&server, "GET", "/user/session/list", json!({})).await.status, 400);
}

#[tokio::test]
async fn a_session_is_revoked_by_its_owner_by_super_users_and_by_the_operator() {
    let server = started().await;
    let (one, boss) = (ust(&server, LOGIN).await, ust(&server, SUPER).await);
    let revoke =
        async |by: &str, id: &str| send(&server, "DELETE", "/user/session", json!({"ust": by, "session_id": id})).await;
    let newest = async || {
        let listed = send(&server, "GET", "/user/session/list", json!({"ust": one})).await.json();
        listed["result"].as_array().unwrap().last().unwrap()["session_id"].as_str().unwrap().to_owned()
    };
    let listed = send(&server, "GET", "/user/session/list", json!({"ust": boss})).await.json();
    let foreign = listed["result"][0]["session_id"].as_str().unwrap();
    refused(&revoke(&one, foreign).await, 403, "E007001");
    refused(&revoke(&one, "nonsense").await, 403, "E007001");
    for by in [Some(&one), Some(&boss), None] {
        let two = ust(&server, LOGIN).await;
        let session = sign_in(&server, "", &two).await.unwrap();
        let id = newest().await;
        if let Some(by) = by {
            assert_eq!(revoke(by, &id).await.json()["status"], "ok");
        } else {
            let rows = server.cli(&["session", "list", LOGIN, "--json"], "").await.ok();
            assert!(rows.contains(&id) && !rows.contains("csust_"), "{rows}");
            let done = server.cli(&["session", "revoke", &id, "--json"], "").await.ok();
            assert_eq!(serde_json::from_str::<Value>(&done).unwrap()["session_id"], json!(id));
            assert_eq!(server.cli(&["session", "revoke", &id], "").await.code, Some(1));
        }
        ends(&session).await;
        refused(&send(&server, "PATCH", "/user/session", json!({"ust": two})).await, 403, "E007001");
    }
    assert_eq!(send(&server, "PATCH", "/user/session", json!({"ust": one})).await.status, 200);
    let actors: Vec<Value> = audit(&server, &["--operation", "session.end", "--outcome", "accepted"])
        .await
        .into_iter()
        .map(|mut row| row["actor"].take())
        .collect();
    assert_eq!(actors, [json!("%operator"), json!(SUPER), json!(LOGIN)]);
}

#[tokio::test]
async fn no_renewal_goes_beyond_the_longest_life() {
    let server = server_with("[session]\nexpiry = 10\n[sessions]\nseconds_max = 2\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let signed_in = login(&server, LOGIN).await;
    let token = signed_in["ust"].as_str().unwrap();
    let renew = async || send(&server, "PATCH", "/user/session", json!({"ust": token})).await;
    let renewed = renew().await;
    if renewed.status == 200 {
        assert_eq!(renewed.json()["expiration_time"], signed_in["expiration_time"]);
    }
    eventually("its end", Duration::from_secs(10), async || (renew().await.status == 403).then_some(())).await;
    refused(&renew().await, 403, "E007001");
}
