//! Applications that ask for their users: the right `sso:act-for`.

use countersign_testkit::{Server, eventually};
use data_encoding::BASE64;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::{LOGIN, SUPER, refused, send, started, ust};
use crate::http_client::{Http, Reply, ask};
use crate::support::{PASSWORD, SOON, audit, sign_in};

/// Of the user whose program it is.
const PROGRAM: &str = "portal";
/// The rule of a key that is believed.
const RIGHT: &[&str] = &["sso:act-for=c"];
const THEIRS: &str = "203.0.113.9";

/// A server with a program that may speak for others.
async fn with_program() -> Server {
    let server = started().await;
    add_program(&server).await;
    server
}

async fn add_program(server: &Server) {
    server.add_user(PROGRAM, "backend", PASSWORD).await;
    server.cli(&["role", "allow", "backend", "sso:act-for", "c"], "").await.ok();
}

/// A fresh key or one-time password, as the command line shows it.
async fn made(server: &Server, kind: &str, login: &str, rules: &[&str], more: &[&str]) -> Value {
    let rules = rules.iter().flat_map(|rule| ["--permission", rule]);
    let arguments: Vec<&str> =
        [kind, "create", login, "--json"].into_iter().chain(rules).chain(more.iter().copied()).collect();
    serde_json::from_str(&server.cli(&arguments, "").await.ok()).unwrap()
}

async fn key(server: &Server, rules: &[&str]) -> String {
    secret(&made(server, "key", PROGRAM, rules, &[]).await)
}

fn secret(made: &Value) -> String {
    made["plaintext_key"].as_str().unwrap().to_owned()
}

fn basic(login: &str, key: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64.encode(format!("{login}:{key}").as_bytes()))
}

fn login_from(address: &str, password: &str) -> String {
    let (cid, agent) = ("story", "Their browser");
    json!({
        "username": LOGIN, "password": password, "current_app": "CRM", "cid": cid, "remote_addr": address,
        "user_agent": agent,
    })
    .to_string()
}

async fn login(server: &Server, header: &str, address: &str) -> Reply {
    ask(server, "POST", "/sso/user/login", header, login_from(address, PASSWORD).as_bytes()).await
}

/// What the newest row of an operation has in these fields.
async fn newest<const N: usize>(server: &Server, operation: &str, fields: [&str; N]) -> [Value; N] {
    let row = audit(server, &["--operation", operation]).await.remove(0);
    fields.map(|field| row[field].clone())
}

#[tokio::test]
async fn a_key_with_the_right_is_believed_for_whom_it_asks() {
    let server = with_program().await;
    let minted = made(&server, "key", PROGRAM, RIGHT, &[]).await;
    let header = basic("Portal", &secret(&minted));
    let who = ["address", "agent", "claimed_address", "claimed_agent"];
    assert_eq!(login(&server, "", THEIRS).await.status, 200);
    let theirs = [json!("127.0.0.1"), json!(""), json!(THEIRS), json!("Their browser")];
    assert_eq!(newest(&server, "session.open", who).await, theirs);
    for address in ["203.0.113.9, 10.0.0.1", "2001:db8::7"] {
        let opened = login(&server, &header, address).await.json();
        let first = address.split(',').next().unwrap();
        assert_eq!(
            newest(&server, "session.open", who).await,
            [first, "Their browser", "", ""].map(|text| json!(text))
        );
        let boss = ust(&server, SUPER).await;
        let seen =
            send(&server, "GET", "/user/session", json!({"current_ust": boss, "target_ust": opened["ust"]})).await;
        assert_eq!((&seen.json()["remote_addr"], &seen.json()["user_agent"]), (&json!(first), &json!("Their browser")));
    }
    // Who says nothing speaks for itself.
    let silent = json!({"username": LOGIN, "password": PASSWORD, "current_app": "CRM"}).to_string();
    assert_eq!(ask(&server, "POST", "/zato/sso/user/login", &header, silent.as_bytes()).await.status, 200);
    assert_eq!(newest(&server, "session.open", ["address"]).await, [json!("127.0.0.1")]);
    for address in ["localhost", "203.0.113.9:80"] {
        assert_eq!(login(&server, &header, address).await.status, 400);
    }
    // The key's use stands there once for all of it, with the same cid, and with whose word it was.
    let rows = audit(&server, &["--operation", "apikey.act_for"]).await;
    let [row] = rows.as_slice() else { panic!("{rows:#?}") };
    let fields = ["cid", "actor", "target", "address", "claimed_address", "outcome"].map(|field| row[field].clone());
    assert_eq!(
        fields,
        ["story", PROGRAM, PROGRAM, "127.0.0.1", "203.0.113.9, 10.0.0.1", "accepted"].map(|text| json!(text))
    );
    assert!(row["detail"].as_str().unwrap().contains(minted["uuid"].as_str().unwrap()), "{row}");
    let listed: Value = serde_json::from_str(&server.cli(&["key", "list", PROGRAM, "--json"], "").await.ok()).unwrap();
    assert_eq!(listed[0]["last_used_from"], "127.0.0.1", "{listed}");
    assert!(!format!("{:?}", audit(&server, &[]).await).contains(&secret(&minted)));
}

/// Refused for this reason, which only the trail tells; nothing was done.
async fn check_refused(server: &Server, login_name: &str, key: &str, reason: &str) {
    refused(&login(server, &basic(login_name, key), THEIRS).await, 403, "E005001");
    let row = newest(server, "apikey.act_for", ["outcome", "reason", "address", "claimed_address"]).await;
    assert_eq!(row, ["refused", reason, "127.0.0.1", THEIRS].map(|text| json!(text)), "{login_name}");
    assert_eq!(audit(server, &["--operation", "session.open"]).await, [""; 0]);
}

#[tokio::test]
async fn a_key_without_the_right_is_refused() {
    let server = with_program().await;
    let check = async |rules: &[&str], reason: &str| {
        check_refused(&server, PROGRAM, &key(&server, rules).await, reason).await;
    };
    check(&[], "api_key_session").await;
    check(&["*=crspoq"], "api_key_session").await;
    check(&["/sso:act-for/=c"], "api_key_session").await;
    check(&["com.izaber.wamp.sso:act-for=c"], "api_key_session").await;
    check(&["sso:act-for=rspoq"], "api_key_session").await;
    check(&["*=c", "sso:act-for="], "api_key_session").await;
    let fit = key(&server, RIGHT).await;
    server.cli(&["role", "deny", "backend", "sso:act-for"], "").await.ok();
    check_refused(&server, PROGRAM, &fit, "not_allowed").await;
    let of_frontend = secret(&made(&server, "key", LOGIN, RIGHT, &[]).await);
    check_refused(&server, LOGIN, &of_frontend, "not_allowed").await;
}

#[tokio::test]
async fn what_is_no_live_key_of_a_good_user_is_refused() {
    let server = with_program().await;
    let minted = made(&server, "key", PROGRAM, RIGHT, &[]).await;
    let fit = secret(&minted);
    check_refused(&server, PROGRAM, "wrong", "wrong_ticket").await;
    check_refused(&server, PROGRAM, PASSWORD, "wrong_ticket").await;
    check_refused(&server, LOGIN, &fit, "wrong_ticket").await;
    check_refused(&server, "nobody", &fit, "wrong_ticket").await;
    check_refused(&server, "", &fit, "unknown_user").await;
    check_refused(&server, PROGRAM, "", "blank_ticket").await;
    let otp = secret(&made(&server, "otp", PROGRAM, RIGHT, &[]).await);
    check_refused(&server, PROGRAM, &otp, "wrong_ticket").await;
    assert!(sign_in(&server, PROGRAM, &otp).await.is_ok(), "it wasn't used up");
    server.cli(&["user", "lock", PROGRAM], "").await.ok();
    check_refused(&server, PROGRAM, &fit, "user_disabled").await;
    server.cli(&["user", "unlock", PROGRAM], "").await.ok();
    server.cli(&["key", "revoke", minted["uuid"].as_str().unwrap()], "").await.ok();
    check_refused(&server, PROGRAM, &fit, "wrong_ticket").await;
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1)).to_string();
    let short = secret(&made(&server, "key", PROGRAM, RIGHT, &["--expires", &soon]).await);
    let header = basic(PROGRAM, &short);
    let is_over = async || (login(&server, &header, THEIRS).await.status == 403).then_some(());
    eventually("the key's end", SOON, is_over).await;
    assert_eq!(newest(&server, "apikey.act_for", ["reason"]).await, [json!("api_key_expired")]);
}

#[tokio::test]
async fn a_header_that_is_no_login_and_key_is_no_request() {
    let server = with_program().await;
    let fit = key(&server, RIGHT).await;
    let (right, bearer) = (basic(PROGRAM, &fit), format!("Authorization: Bearer {PROGRAM}:{fit}\r\n"));
    for good in [&right, &bearer] {
        assert_eq!(login(&server, good, THEIRS).await.status, 200, "{good}");
    }
    for bad in ["Authorization: Basic x\r\n", "Authorization: Digest a\r\n", "Authorization: \r\n", &right.repeat(2)] {
        assert_eq!(login(&server, bad, THEIRS).await.status, 400, "{bad}");
    }
    refused(&login(&server, &format!("Authorization: Bearer {fit}\r\n"), THEIRS).await, 403, "E005001");
}

const ONE_FAILURE: &str = "[throttle]\nforget_seconds = 100000\ndelay_seconds_max = 100000\naddress_failures_max = 1\n";

async fn throttled() -> Server {
    // Without what the other tests set, which exempts them.
    let server = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(ONE_FAILURE).start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    add_program(&server).await;
    server
}

#[tokio::test]
async fn a_wrong_key_counts_as_a_failed_login_of_the_connection() {
    let server = throttled().await;
    let header = basic(PROGRAM, &key(&server, RIGHT).await);
    refused(&login(&server, &basic(PROGRAM, "wrong"), THEIRS).await, 403, "E005001");
    let mut tries = JoinSet::new();
    for _ in 0..10 {
        let (mut http, header) = (Http::connect(&server).await, header.clone());
        let body = login_from(THEIRS, PASSWORD);
        tries.spawn(async move { http.ask("POST", "/sso/user/login", &header, body.as_bytes()).await });
    }
    for _ in 0..2 {
        let reply = tries.join_next().await.unwrap().unwrap();
        refused(&reply, 429, "E005001");
        assert_eq!(reply.header("retry-after"), "100000");
    }
}

#[tokio::test]
async fn who_guesses_through_an_application_slows_nobody_else_there() {
    let server = throttled().await;
    let header = basic(PROGRAM, &key(&server, RIGHT).await);
    let wrong = login_from(THEIRS, "wrong");
    refused(&ask(&server, "POST", "/sso/user/login", &header, wrong.as_bytes()).await, 403, "E005001");
    assert_eq!(login(&server, &header, "198.51.100.7").await.status, 200);
    assert_eq!(login(&server, "", THEIRS).await.status, 200, "the connection's own address has done nothing");
}
