//! The second factor: over HTTP and by the operator's commands.

use serde_json::{Value, json};

use super::{LOGIN, SUPER, login, refused, send, started, ust};
use crate::support::{PASSWORD, audit, server_with};

#[tokio::test]
async fn reset_totp_key_answers_a_key_only_if_it_made_it() {
    let server = started().await;
    let signed_in = login(&server, LOGIN).await;
    let token = signed_in["ust"].as_str().unwrap();
    let reset = async |fields: Value| send(&server, "PATCH", "/user/totp", fields).await;
    let made = reset(json!({"ust": token, "totp_label": "My SSO key", "cid": "my-cid"})).await.json();
    assert_eq!(made["totp_key"].as_str().unwrap().len(), 32);
    assert_eq!(made["cid"], "my-cid");
    let given = reset(json!({"ust": token, "totp_key": "KMCLCWN4YPMD2WO3", "totp_label": null})).await.json();
    assert_eq!((&given["status"], given.get("totp_key")), (&json!("ok"), None));
    refused(&reset(json!({"ust": token, "totp_key": "not base32 !!"})).await, 403, "E008002");
    let rows = audit(&server, &["--operation", "totp.reset", "--cid", "my-cid"]).await;
    assert_eq!((rows.len(), &rows[0]["actor"], &rows[0]["outcome"]), (1, &json!(LOGIN), &json!("accepted")));
}

#[tokio::test]
async fn only_a_super_user_resets_the_key_of_a_named_user() {
    let server = started().await;
    let signed_in = login(&server, LOGIN).await;
    let (token, id) = (signed_in["ust"].as_str().unwrap(), signed_in["user_id"].as_str().unwrap());
    let boss = ust(&server, SUPER).await;
    let reset = async |ust: &str, id: &str| {
        send(&server, "PATCH", "/user/totp", json!({"ust": ust, "user_id": id, "totp_key": ""})).await
    };
    refused(&reset(token, id).await, 403, "E008002");
    refused(&reset(&boss, "zusrpdjpsqjqa8jdv533zh0pv8tcm").await, 403, "E005001");
    refused(&reset("gAAAAABalFycY50Budi...", id).await, 403, "E007001");
    assert_eq!(reset(&boss, id).await.json()["totp_key"].as_str().unwrap().len(), 32);
    // The user's sessions ended with it; the super-user's own did not.
    refused(&send(&server, "PATCH", "/user/session", json!({"ust": token})).await, 403, "E007001");
    assert_eq!(send(&server, "PATCH", "/user/session", json!({"ust": boss})).await.status, 200);
}

#[tokio::test]
async fn echoes_a_given_key_only_where_the_settings_say_so() {
    let server = server_with("[compat.zato]\necho_totp_key = true\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let given = json!({"ust": ust(&server, LOGIN).await, "totp_key": "KMCLCWN4YPMD2WO3", "totp_label": ""});
    assert_eq!(send(&server, "PATCH", "/user/totp", given).await.json()["totp_key"], "KMCLCWN4YPMD2WO3");
}

#[tokio::test]
async fn the_operator_resets_and_disables_a_second_factor() {
    let server = started().await;
    let made = server.cli(&["--json", "user", "totp", "reset", LOGIN, "--label", "phone"], "").await.ok();
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((made["login"].as_str(), made["totp_key"].as_str().unwrap().len()), (Some(LOGIN), 32));
    let given = server.cli(&["user", "totp", "reset", LOGIN, "--key", "kmcl cwn4 ypmd 2wo3"], "").await.ok();
    assert!(!given.to_lowercase().contains("kmcl"), "{given}");
    let bad = server.cli(&["user", "totp", "reset", LOGIN, "--key", "not base32 !!"], "").await;
    assert!(bad.code == Some(1) && bad.stderr.contains("base32"), "{bad:?}");
    let off = server.cli(&["--json", "user", "totp", "disable", LOGIN], "").await.ok();
    let off: Value = serde_json::from_str(&off).unwrap();
    assert_eq!(off, json!({"login": LOGIN, "is_totp_enabled": false}));
    let unknown = server.cli(&["user", "totp", "disable", "nobody"], "").await;
    assert!(unknown.code == Some(1) && unknown.stderr.contains("nobody"), "{unknown:?}");
    let rows = audit(&server, &["--actor", "%operator", "--target", LOGIN]).await;
    let has = |operation: &str| rows.iter().any(|row| row["operation"] == operation && row["outcome"] == "accepted");
    assert!(has("totp.reset") && has("totp.disable"), "{rows:?}");
    ust(&server, LOGIN).await;
}
