//! The sign-on API over HTTP. What concerns one resource is in the files beside.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod act_for;
mod api;
mod attributes;
mod audit;
mod bad_input;
mod flood;
mod linked;
mod otp;
mod password_reset;
mod search;
mod sign_up;
mod totp;
mod users;

use std::collections::BTreeSet;

use countersign_testkit::Server;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::http_client::{Http, Reply, ask};
use crate::support::{PASSWORD, audit, server_with};

mod codes;
mod sessions;
mod strangers;
mod tokens;

const LOGIN: &str = "jsmith1234";
const SUPER: &str = "zoe";

async fn started() -> Server {
    let server = server_with("[apps]\nall = ['CRM', 'ERP']\nlogin_allowed = ['CRM']\n").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    server.add_user(SUPER, "trust", PASSWORD).await;
    server
}

async fn send(server: &Server, verb: &str, path: &str, mut fields: Value) -> Reply {
    if fields.get("current_app").is_none() {
        fields["current_app"] = json!("CRM");
    }
    let body = fields.to_string();
    ask(server, verb, &format!("/sso{path}"), "Content-Type: application/json\r\n", body.as_bytes()).await
}

async fn login(server: &Server, login: &str) -> Value {
    let reply = send(server, "POST", "/user/login", json!({"username": login, "password": PASSWORD})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn ust(server: &Server, name: &str) -> String {
    login(server, name).await["ust"].as_str().unwrap().to_owned()
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str) {
    let answer = reply.json();
    assert_eq!((reply.status, &answer["status"], &answer["sub_status"]), (status, &json!("error"), &json!([code])));
    assert!(answer["cid"].is_string() && answer.get("ust").is_none(), "{answer}");
    // Whoever is to come again hears when, and nobody else does.
    let wait = reply.header("retry-after").parse::<u32>().ok();
    assert_eq!(wait.is_some_and(|seconds| seconds >= 1), status == 429, "{reply:?}");
}

/// What went well: the envelope, these fields beside it, and no other.
#[track_caller]
fn accepted(reply: &Reply, fields: &[&str]) -> Value {
    let answer = reply.json();
    assert_eq!((reply.status, &answer["status"], &answer["sub_status"]), (200, &json!("ok"), &json!([])), "{answer}");
    let found: BTreeSet<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted: BTreeSet<&str> = ["cid", "status", "sub_status"].iter().chain(fields).copied().collect();
    assert_eq!(found, wanted);
    answer
}

/// UTC without saying so: `YYYY-MM-DDTHH:MM:SS`, and six digits of a second or none.
#[track_caller]
fn is_time(value: &Value) {
    let text = value.as_str().unwrap();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert!(["0000-00-00T00:00:00", "0000-00-00T00:00:00.000000"].contains(&shape.as_str()), "{text}");
}

#[tokio::test]
async fn who_knows_the_password_gets_a_session_under_both_addresses() {
    let server = started().await;
    let reply =
        send(&server, "POST", "/user/login", json!({"username": LOGIN, "password": PASSWORD, "cid": "mine"})).await;
    let answer = accepted(&reply, &["ust", "user_id", "creation_time", "expiration_time"]);
    assert_eq!(answer["cid"], "mine");
    is_time(&answer["creation_time"]);
    is_time(&answer["expiration_time"]);
    assert!(answer["ust"].as_str().unwrap().starts_with("csust_"), "{answer}");
    assert!(answer["user_id"].as_str().unwrap().starts_with("zusr"), "{answer}");
    let body = json!({"username": LOGIN, "password": PASSWORD, "current_app": "CRM"}).to_string();
    let reply = ask(&server, "POST", "/zato/sso/user/login", "", body.as_bytes()).await;
    assert_eq!((reply.status, reply.header("cache-control")), (200, "no-store"));
    assert_eq!(reply.json()["status"], "ok");
}

#[tokio::test]
async fn strangers_all_hear_the_same() {
    let server = started().await;
    server.cli(&["user", "lock", SUPER], "").await.ok();
    for fields in [
        json!({"username": "nobody", "password": PASSWORD}),
        json!({"username": LOGIN, "password": "wrong"}),
        json!({"username": SUPER, "password": PASSWORD}),
        json!({"username": LOGIN, "password": null}),
        json!({"username": "", "password": PASSWORD}),
    ] {
        refused(&send(&server, "POST", "/user/login", fields).await, 403, "E005001");
    }
    let rows = audit(&server, &["--operation", "session.open"]).await;
    let reasons: Vec<&str> = rows.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    for reason in ["unknown_user", "wrong_ticket", "user_disabled"] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
}

#[tokio::test]
async fn what_is_no_request_is_refused_as_one() {
    let server = started().await;
    let bad = json!({"result": "Error", "details": "Bad request"});
    let check = |reply: Reply| {
        let mut answer = reply.json();
        answer.as_object_mut().unwrap().remove("cid");
        assert_eq!((reply.status, answer), (400, bad.clone()));
    };
    check(send(&server, "POST", "/user/login", json!({"username": LOGIN})).await);
    check(send(&server, "PATCH", "/user/totp", json!({"totp_key": null})).await);
    check(ask(&server, "POST", "/sso/user/login", "", b"[]").await);
    check(ask(&server, "POST", "/sso/user/login", "", b"{}").await);
    assert_eq!(ask(&server, "GET", "/sso/user/totp", "", b"{}").await.status, 405);
    assert_eq!(ask(&server, "GET", "/sso/user/nothing", "", b"{}").await.status, 404);
    let long = vec![b' '; 1024 * 1024 + 1];
    assert_eq!(ask(&server, "POST", "/sso/user/login", "", &long).await.status, 413);
}

#[tokio::test]
async fn applications_have_to_be_known_and_allowed_to_log_in() {
    let server = started().await;
    let with_app = |app: &str| json!({"username": LOGIN, "password": PASSWORD, "current_app": app});
    refused(&send(&server, "POST", "/user/login", with_app("HR")).await, 200, "E004001");
    refused(&send(&server, "POST", "/user/login", with_app("ERP")).await, 403, "E004001");
    // Before that the password is looked at.
    for fields in [
        json!({"username": LOGIN, "password": "wrong", "current_app": "ERP"}),
        json!({"username": "nobody", "password": PASSWORD, "current_app": "ERP"}),
    ] {
        refused(&send(&server, "POST", "/user/login", fields).await, 403, "E005001");
    }
    let rows = audit(&server, &["--operation", "session.open", "--outcome", "refused"]).await;
    let reasons: Vec<_> = rows.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["unknown_user", "wrong_ticket", "application_not_allowed"]);
    // An unknown one is the first thing that is looked at.
    for (verb, path) in [("PATCH", "/user/session"), ("GET", "/user/search"), ("POST", "/user/logout")] {
        refused(&send(&server, verb, path, json!({"current_app": ""})).await, 200, "E004001");
    }
    let renew = json!({"ust": ust(&server, LOGIN).await, "current_app": "ERP"});
    assert_eq!(send(&server, "PATCH", "/user/session", renew).await.status, 200);
}

#[tokio::test]
async fn fields_come_in_body_or_query_whatever_the_verb_is_and_the_query_wins() {
    let server = started().await;
    let token = ust(&server, LOGIN).await;
    let whole = format!("/zato/sso/user?ust={token}&current_app=CRM");
    assert_eq!(ask(&server, "GET", &whole, "", b"").await.json()["username"], LOGIN);
    let body = json!({"ust": "zust1", "current_app": "HR", "unknown": [1]}).to_string();
    assert_eq!(ask(&server, "GET", &whole, "", body.as_bytes()).await.json()["username"], LOGIN);
    // A change of a user looks at the body alone.
    let named = |path: &str| format!("{path}?first_name=Ann");
    let patch = async |fields: Value| send(&server, "PATCH", &named("/user"), fields).await;
    refused(&patch(json!({"ust": token})).await, 403, "E008003");
    accepted(&patch(json!({"ust": token, "last_name": "Lee"})).await, &[]);
    let own = send(&server, "GET", "/user", json!({"ust": token})).await.json();
    assert_eq!((&own["first_name"], &own["last_name"]), (&Value::Null, &json!("Lee")));
    // Numbers count as their digits.
    let fields = json!({"username": 12345, "password": 1, "totp_code": 123_456});
    refused(&send(&server, "POST", "/user/login", fields).await, 403, "E005001");
    let rows = audit(&server, &["--operation", "session.open", "--target", "12345"]).await;
    assert_eq!(rows.len(), 1);
}

#[tokio::test]
async fn login_logout_and_search_take_any_verb() {
    let server = started().await;
    for verb in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let fields = json!({"username": SUPER, "password": PASSWORD});
        let token = send(&server, verb, "/user/login", fields).await.json()["ust"].as_str().unwrap().to_owned();
        let found = send(&server, verb, "/user/search", json!({"ust": token, "username": LOGIN})).await;
        assert_eq!(found.json()["total"], 1, "{verb}");
        accepted(&send(&server, verb, "/user/logout", json!({"ust": token})).await, &[]);
        refused(&send(&server, "PATCH", "/user/session", json!({"ust": token})).await, 403, "E007001");
    }
}

#[tokio::test]
async fn a_session_is_renewed_listed_verified_and_ended() {
    let server = started().await;
    let (token, boss) = (ust(&server, LOGIN).await, ust(&server, SUPER).await);
    let renewed = send(&server, "PATCH", "/user/session", json!({"ust": token})).await;
    is_time(&accepted(&renewed, &["expiration_time"])["expiration_time"]);
    let listed = accepted(&send(&server, "GET", "/user/session/list", json!({"ust": token})).await, &["result"]);
    assert_eq!(listed["result"].as_array().unwrap().len(), 1);
    assert!(!listed.to_string().contains("csust_"), "{listed}");
    let verify = async |current: &str, target: &str| {
        send(&server, "POST", "/user/session", json!({"current_ust": current, "target_ust": target})).await
    };
    assert_eq!(accepted(&verify(&boss, &token).await, &["is_valid"])["is_valid"], true);
    assert_eq!(accepted(&verify(&boss, "zust123").await, &["is_valid"])["is_valid"], false);
    refused(&verify(&token, &boss).await, 403, "E005001");
    refused(&verify("zust123", &token).await, 403, "E007001");
    // A target that isn't named is an error, and no answer; a right that isn't there comes first.
    for target in [json!({}), json!({"target_ust": ""}), json!({"target_ust": null})] {
        for (current, code) in [(&boss, "E007001"), (&token, "E005001")] {
            let mut fields = target.clone();
            fields["current_ust"] = json!(current);
            refused(&send(&server, "POST", "/user/session", fields).await, 403, code);
        }
    }
    for ust in [&*token, &*token, "zust123", ""] {
        accepted(&send(&server, "POST", "/user/logout", json!({"ust": ust})).await, &[]);
    }
    refused(&send(&server, "PATCH", "/user/session", json!({"ust": token})).await, 403, "E007001");
    assert_eq!(verify(&boss, &token).await.json()["is_valid"], false);
}

#[tokio::test]
async fn sessions_outlive_a_restart_and_end_with_a_lock() {
    let mut server = started().await;
    let token = ust(&server, LOGIN).await;
    server.kill9().await;
    server.restart().await;
    assert_eq!(send(&server, "PATCH", "/user/session", json!({"ust": token})).await.status, 200);
    server.cli(&["user", "lock", LOGIN], "").await.ok();
    refused(&send(&server, "PATCH", "/user/session", json!({"ust": token})).await, 403, "E007001");
    server.cli(&["user", "unlock", LOGIN], "").await.ok();
    refused(&send(&server, "PATCH", "/user/session", json!({"ust": token})).await, 403, "E007001");
}

#[tokio::test]
async fn the_throttle_of_other_logins_holds_here() {
    let config = "[throttle]\nforget_seconds = 100000\ndelay_seconds_max = 100000\naddress_failures_max = 1\n";
    // Without what the other tests set, which exempts them.
    let server = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(config).start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let given = |password: &str| json!({"username": LOGIN, "password": password, "current_app": "CRM"}).to_string();
    refused(&ask(&server, "POST", "/sso/user/login", "", given("wrong").as_bytes()).await, 403, "E005001");
    // Eight may wait; whoever comes then is refused, also with the right password.
    let mut tries = JoinSet::new();
    for _ in 0..10 {
        let (mut http, right) = (Http::connect(&server).await, given(PASSWORD));
        tries.spawn(async move { http.ask("POST", "/sso/user/login", "", right.as_bytes()).await });
    }
    for _ in 0..2 {
        let reply = tries.join_next().await.unwrap().unwrap();
        refused(&reply, 429, "E005001");
        assert_eq!(reply.header("retry-after"), "100000");
    }
}
