//! Linked accounts over HTTP.

use serde_json::{Value, json};

use super::{LOGIN, SUPER, login, refused, send, started, ust};
use crate::support::audit;

const API: &str = "pubapi";

fn fields(ust: &str, user_id: &str) -> Value {
    json!({ "ust": ust, "user_id": user_id, "auth_type": "basic_auth", "auth_username": API, "is_active": true })
}

#[tokio::test]
async fn an_account_is_linked_listed_and_unlinked() {
    let server = started().await;
    let (regular, boss) = (login(&server, LOGIN).await, ust(&server, SUPER).await);
    let (token, id) = (regular["ust"].as_str().unwrap(), regular["user_id"].as_str().unwrap());
    let made = send(&server, "POST", "/user/linked", fields(&boss, id)).await.json();
    assert_eq!((&made["status"], &made["sub_status"], &made["user_id"]), (&json!("ok"), &json!([]), &json!(id)));
    refused(&send(&server, "POST", "/user/linked", fields(&boss, id)).await, 403, "E008002");
    for asked in
        [json!({ "ust": token }), json!({ "ust": token, "user_id": id }), json!({ "ust": boss, "user_id": id })]
    {
        let listed = send(&server, "GET", "/user/linked", asked).await.json();
        let row = &listed["result"][0];
        let found = (&row["auth_type"], &row["auth_username"], &row["is_active"], &row["auth_id"]);
        assert_eq!(found, (&json!("basic_auth"), &json!(API), &json!(true), &made["auth_id"]), "{listed}");
        assert!(!row["creation_time"].as_str().unwrap().ends_with('Z'));
    }
    let gone = send(&server, "DELETE", "/user/linked", fields(&boss, id)).await.json();
    assert_eq!((&gone["status"], &gone["auth_id"]), (&json!("ok"), &made["auth_id"]));
    refused(&send(&server, "DELETE", "/user/linked", fields(&boss, id)).await, 403, "E008002");
    let listed = send(&server, "GET", "/user/linked", json!({ "ust": token })).await.json();
    assert_eq!(listed["result"], json!([]));
    let rows = audit(&server, &["--operation", "link.create"]).await;
    assert_eq!((rows.len(), &rows[1]["actor"], &rows[1]["target"]), (2, &json!(SUPER), &json!(id)));
}

#[tokio::test]
async fn links_of_others_are_neither_shown_nor_hinted_at() {
    let server = started().await;
    let (regular, boss) = (login(&server, LOGIN).await, login(&server, SUPER).await);
    let (token, own) = (regular["ust"].as_str().unwrap(), regular["user_id"].as_str().unwrap());
    let (super_token, other) = (boss["ust"].as_str().unwrap(), boss["user_id"].as_str().unwrap());
    send(&server, "POST", "/user/linked", fields(super_token, other)).await;
    // Without a user_id, Zato showed everybody's.
    let listed = send(&server, "GET", "/user/linked", json!({ "ust": token })).await.json();
    assert_eq!(listed["result"], json!([]));
    for id in [other, "zusr1", "nonsense"] {
        refused(&send(&server, "GET", "/user/linked", json!({ "ust": token, "user_id": id })).await, 403, "E005001");
    }
    let unknown = json!({ "ust": super_token, "user_id": "zusr1" });
    refused(&send(&server, "GET", "/user/linked", unknown).await, 403, "E005001");
    for verb in ["POST", "DELETE"] {
        let mut bad = fields(token, own);
        refused(&send(&server, verb, "/user/linked", bad.clone()).await, 403, "E005001");
        bad["auth_type"] = json!("ldap");
        // Neither a stranger nor a regular user learns which types or accounts there are.
        refused(&send(&server, verb, "/user/linked", bad.clone()).await, 403, "E005001");
        bad["ust"] = json!("zust1");
        refused(&send(&server, verb, "/user/linked", bad.clone()).await, 403, "E007001");
        bad["ust"] = json!(super_token);
        assert_eq!(send(&server, verb, "/user/linked", bad.clone()).await.status, 400);
        bad["auth_type"] = json!("jwt");
        bad["auth_username"] = json!("");
        assert_eq!(send(&server, verb, "/user/linked", bad).await.status, 400);
        refused(
            &send(&server, verb, "/user/linked", fields(super_token, "zusr1")).await,
            403,
            if verb == "POST" { "E005001" } else { "E008002" },
        );
    }
}

#[tokio::test]
async fn a_user_is_found_by_a_linked_account() {
    let server = started().await;
    let (regular, boss) = (login(&server, LOGIN).await, ust(&server, SUPER).await);
    let (token, id) = (regular["ust"].as_str().unwrap(), regular["user_id"].as_str().unwrap());
    let find = async |ust: &str, name: &str| {
        let asked = json!({ "ust": ust, "auth_type": "basic_auth", "auth_username": name });
        send(&server, "GET", "/user/linked/user", asked).await
    };
    refused(&find(&boss, API).await, 403, "E005001");
    send(&server, "POST", "/user/linked", fields(&boss, id)).await;
    let found = find(&boss, API).await.json();
    assert_eq!((&found["user_id"], &found["username"]), (&json!(id), &json!(LOGIN)));
    // The same view as of any user.
    let read = send(&server, "GET", "/user", json!({ "ust": boss, "user_id": id })).await.json();
    let without_cid = |mut view: Value| {
        view.as_object_mut().unwrap().remove("cid");
        view
    };
    assert_eq!(without_cid(found), without_cid(read));
    refused(&find(token, API).await, 403, "E005001");
    let mut inactive = fields(&boss, id);
    inactive["auth_username"] = json!("asleep");
    inactive["is_active"] = json!(false);
    assert_eq!(send(&server, "POST", "/user/linked", inactive).await.status, 200);
    refused(&find(&boss, "asleep").await, 403, "E005001");
}
