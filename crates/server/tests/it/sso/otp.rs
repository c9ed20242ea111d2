//! One-time passwords of the bus, made in a sign-on session.

use serde_json::{Value, json};

use super::{LOGIN, SUPER, login, refused, send, started, ust};
use crate::support::{audit, sign_in};

#[tokio::test]
async fn a_one_time_password_is_made_used_listed_and_withdrawn() {
    let server = started().await;
    let (regular, boss) = (login(&server, LOGIN).await, ust(&server, SUPER).await);
    let (token, id) = (regular["ust"].as_str().unwrap(), regular["user_id"].as_str().unwrap());
    let made = send(&server, "POST", "/user/otp", json!({ "ust": token })).await.json();
    let names: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).skip(3).collect();
    assert_eq!(names, ["uuid", "origin", "expires", "permissions", "key", "owner", "plaintext_key", "login"]);
    assert_eq!((&made["login"], &made["status"]), (&json!(LOGIN), &json!("ok")));
    let key = made["plaintext_key"].as_str().unwrap();
    let session = sign_in(&server, LOGIN, key).await.unwrap();
    assert!(sign_in(&server, LOGIN, key).await.is_err(), "once");
    drop(session);
    let rule = json!([{ "uri": "com.example", "perms": "c" }]);
    let for_other = json!({ "ust": boss, "user_id": id, "expires": "2099-01-01T00:00:00Z", "permissions": rule });
    refused(&send(&server, "POST", "/user/otp", for_other.clone()).await, 403, "E008002");
    let mut for_other = for_other;
    for_other["expires"] = Value::Null;
    let other = send(&server, "POST", "/user/otp", for_other).await.json();
    assert_eq!((&other["login"], &other["permissions"]), (&json!(LOGIN), &rule));
    let list = async |ust: &str, user_id: Value| {
        let listed = send(&server, "GET", "/user/otp", json!({ "ust": ust, "user_id": user_id })).await.json();
        listed["result"].as_array().unwrap().iter().map(|otp| otp["uuid"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(list(token, Value::Null).await, [other["uuid"].clone()]);
    assert_eq!(list(&boss, json!(id)).await, [other["uuid"].clone()]);
    assert!(list(&boss, Value::Null).await.is_empty());
    let withdraw = json!({ "ust": token, "uuid": other["uuid"] });
    for _ in 0..2 {
        assert_eq!(send(&server, "DELETE", "/user/otp", withdraw.clone()).await.json()["status"], "ok");
    }
    assert!(list(token, json!(id)).await.is_empty());
    let plain = other["plaintext_key"].as_str().unwrap();
    assert!(!format!("{:?}", audit(&server, &[]).await).contains(plain));
}

#[tokio::test]
async fn one_time_passwords_of_others_are_for_super_users() {
    let server = started().await;
    let (token, boss) = (ust(&server, LOGIN).await, login(&server, SUPER).await);
    let (super_token, other) = (boss["ust"].as_str().unwrap(), boss["user_id"].as_str().unwrap());
    let made = send(&server, "POST", "/user/otp", json!({ "ust": super_token })).await.json();
    for id in [other, "zusr1", SUPER] {
        for verb in ["POST", "GET"] {
            refused(&send(&server, verb, "/user/otp", json!({ "ust": token, "user_id": id })).await, 403, "E005001");
        }
    }
    // An id is no login name, even where it could be one.
    for verb in ["POST", "GET"] {
        let named = json!({ "ust": super_token, "user_id": LOGIN });
        refused(&send(&server, verb, "/user/otp", named).await, 403, "E005001");
    }
    let foreign = json!({ "ust": token, "uuid": made["uuid"] });
    refused(&send(&server, "DELETE", "/user/otp", foreign).await, 403, "E005001");
    let listed = send(&server, "GET", "/user/otp", json!({ "ust": super_token })).await.json();
    assert_eq!(listed["result"].as_array().unwrap().len(), 1);
    for (bad, status) in [
        (json!({ "expires": "soon" }), 403),
        (json!({ "expires": [1] }), 403),
        (json!({ "expires": 1 }), 403),
        (json!({ "permissions": "c" }), 403),
        (json!({ "permissions": [{ "uri": "a" }] }), 403),
        (json!({ "permissions": [{ "uri": "a", "perms": "x" }] }), 403),
        (json!({ "user_id": [] }), 400),
    ] {
        let mut fields = bad;
        fields["ust"] = json!(token);
        assert_eq!(send(&server, "POST", "/user/otp", fields.clone()).await.status, status, "{fields}");
    }
    assert_eq!(send(&server, "DELETE", "/user/otp", json!({ "ust": token, "uuid": "x" })).await.status, 400);
    refused(&send(&server, "POST", "/user/otp", json!({ "ust": "x" })).await, 403, "E007001");
    let rows = audit(&server, &["--operation", "otp.mint", "--actor", LOGIN]).await;
    assert!(rows.len() == 9 && rows.iter().all(|row| row["outcome"] == "refused"), "{rows:#?}");
}
