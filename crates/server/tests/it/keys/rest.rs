//! `/sso/user/apikey`: API keys made in a sign-on session.

use countersign_testkit::Server;
use serde_json::{Value, json};

use super::{FIELDS, PASSWORD, aborted, denied, started, whoami};
use crate::http_client::{Reply, ask};
use crate::support::{audit, ends, sign_in};

async fn send(server: &Server, verb: &str, path: &str, mut fields: Value) -> Reply {
    fields["current_app"] = json!("CRM");
    let body = fields.to_string();
    ask(server, verb, path, "Content-Type: application/json\r\n", body.as_bytes()).await
}

async fn login(server: &Server, login: &str) -> (String, String) {
    let fields = json!({"username": login, "password": PASSWORD});
    let answer = send(server, "POST", "/sso/user/login", fields).await.json();
    let field = |name: &str| answer[name].as_str().unwrap().to_owned();
    (field("ust"), field("user_id"))
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    let answer = reply.json();
    assert_eq!((reply.status, &answer["sub_status"]), (status, &json!([code])), "{answer}");
}

#[tokio::test]
async fn a_key_is_made_used_listed_and_withdrawn_under_both_addresses() {
    let server = started().await;
    for base in ["/sso/user/apikey", "/zato/sso/user/apikey"] {
        let (ust, _) = login(&server, "kristen98").await;
        let wish = json!({ "ust": ust, "description": "from the web", "permissions": [{"uri": "*", "perms": "c"}] });
        let made = send(&server, "POST", base, wish).await.json();
        let names: Vec<&str> = made.as_object().unwrap().keys().map(String::as_str).skip(3).collect();
        assert_eq!(names, FIELDS);
        assert_eq!((&made["description"], &made["expires"]), (&json!("from the web"), &Value::Null));
        let key = made["plaintext_key"].as_str().unwrap();
        let session = sign_in(&server, "kristen98", key).await.unwrap();
        assert!(whoami(&session).await.is_ok());
        let listed = send(&server, "GET", base, json!({ "ust": ust })).await.json();
        let row = &listed["result"][0];
        assert_eq!((&row["uuid"], &row["plaintext_key"]), (&made["uuid"], &Value::Null));
        assert_eq!(row["last_used_from"], "127.0.0.1");
        let withdraw = json!({ "ust": ust, "uuid": made["uuid"] });
        for _ in 0..2 {
            assert_eq!(send(&server, "DELETE", base, withdraw.clone()).await.json()["status"], "ok");
        }
        ends(&session).await;
        assert_eq!(aborted(sign_in(&server, "kristen98", key).await), denied());
    }
}

#[tokio::test]
async fn a_super_user_does_it_for_others_and_nobody_else_does() {
    let server = started().await;
    let ((regular, id), (boss, boss_id)) = (login(&server, "kristen98").await, login(&server, "zoe").await);
    let path = "/sso/user/apikey";
    let made = send(&server, "POST", path, json!({ "ust": boss, "user_id": id })).await.json();
    drop(sign_in(&server, "kristen98", made["plaintext_key"].as_str().unwrap()).await.unwrap());
    let listed = send(&server, "GET", path, json!({ "ust": boss, "user_id": id })).await.json();
    assert_eq!(listed["result"][0]["uuid"], made["uuid"]);
    let of_boss = send(&server, "POST", path, json!({ "ust": boss })).await.json();
    for verb in ["POST", "GET"] {
        refused(&send(&server, verb, path, json!({ "ust": regular, "user_id": boss_id })).await, 403, "E005001");
        refused(&send(&server, verb, path, json!({ "ust": "x" })).await, 403, "E007001");
    }
    let foreign = json!({ "ust": regular, "uuid": of_boss["uuid"] });
    refused(&send(&server, "DELETE", path, foreign).await, 403, "E005001");
    let gone = send(&server, "DELETE", path, json!({ "ust": boss, "uuid": made["uuid"] })).await;
    assert_eq!(gone.json()["status"], "ok");
    for wrong in [
        json!({"expires": "soon"}),
        json!({"expires": "2199-01-01T00:00:00Z"}),
        json!({"permissions": "*"}),
        json!({"permissions": [{"uri": "a..b", "perms": "c"}]}),
        json!({"description": "x".repeat(501)}),
    ] {
        let mut fields = wrong.clone();
        fields["ust"] = json!(regular);
        refused(&send(&server, "POST", path, fields).await, 403, "E008002");
    }
    assert_eq!(send(&server, "DELETE", path, json!({ "ust": regular, "uuid": "x" })).await.status, 400);
    let rows = audit(&server, &["--operation", "apikey.mint", "--outcome", "accepted"]).await;
    let named: Vec<[&Value; 2]> = rows.iter().map(|row| [&row["actor"], &row["target"]]).collect();
    assert_eq!(named, [[&json!("zoe"), &json!("zoe")], [&json!("zoe"), &json!("kristen98")]]);
}
