//! Sign-ups, with the mails that they bring.

use std::path::PathBuf;

use countersign_testkit::{Server, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LOGIN, SUPER, accepted, refused, send};
use crate::http_client::Reply;
use crate::mail::{outbox, token_in};
use crate::support::{PASSWORD, SOON, audit, passed, server_with};

const OPEN: &str = "[apps]\nall = ['CRM', 'ERP', 'HR']\nsignup_allowed = ['CRM', 'ERP']\n";
const EMAIL: &str = "ann@example.com";

/// Sign-ups with these settings; no mail goes out.
async fn open(rest: &str) -> Server {
    let server = server_with(&format!("{OPEN}{rest}")).start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    server.add_user(SUPER, "trust", PASSWORD).await;
    server
}

/// The same where mails go into a folder.
async fn with_mail(signup: &str) -> (Server, PathBuf, TempDir) {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("outbox");
    let mail = format!("[mail]\noutbox_dir = '{}'\npublic_url = 'https://app.example.com'\n", folder.display());
    (open(&format!("{mail}[signup]\n{signup}")).await, folder, home)
}

async fn sign_up(server: &Server, mut fields: Value) -> Reply {
    for (name, value) in [("username", "ann"), ("password", PASSWORD), ("email", EMAIL)] {
        if fields.get(name).is_none() {
            fields[name] = json!(value);
        }
    }
    send(server, "POST", "/user/signup", fields).await
}

async fn confirm(server: &Server, token: &str) -> Reply {
    send(server, "PATCH", "/user/signup", json!({"confirm_token": token})).await
}

/// After how many seconds to come again.
fn wait(reply: &Reply) -> u32 {
    reply.header("retry-after").parse().unwrap()
}

async fn login(server: &Server, username: &str) -> u16 {
    send(server, "POST", "/user/login", json!({"username": username, "password": PASSWORD})).await.status
}

#[tokio::test]
async fn who_signed_up_comes_in_once_it_is_confirmed() {
    let server = open("[signup]\nis_approval_needed = false\n").await;
    let reply = sign_up(&server, json!({"app_list": ["CRM", "ERP"]})).await;
    accepted(&reply, &["confirm_token"]);
    let token = reply.json()["confirm_token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("cssup_"), "{token}");
    assert_eq!(login(&server, "ann").await, 403);
    accepted(&confirm(&server, &token).await, &[]);
    assert_eq!(login(&server, "ANN").await, 200);
    let rows = audit(&server, &["--operation", "sign_up"]).await;
    assert_eq!((&rows[0]["target"], &rows[0]["detail"]), (&json!("ann"), &json!("CRM ERP")));
    let trail = serde_json::to_string(&audit(&server, &[]).await).unwrap();
    assert!(!trail.contains("cssup_") && !trail.contains(EMAIL), "neither token nor address is in the trail");
}

#[tokio::test]
async fn a_token_confirms_once() {
    let server = open("").await;
    let token = sign_up(&server, json!({})).await.json()["confirm_token"].as_str().unwrap().to_owned();
    assert_eq!(confirm(&server, &token).await.status, 200);
    refused(&confirm(&server, &token).await, 403, "E005007");
    for wrong in ["", "x", "cssup_", "csprt_x", &"é".repeat(10_000)] {
        refused(&confirm(&server, wrong).await, 403, "E005006");
    }
    assert_eq!(send(&server, "PATCH", "/user/signup", json!({})).await.status, 400);
    // Approval is needed, and nobody approved.
    assert_eq!(login(&server, "ann").await, 403);
}

#[tokio::test]
async fn nobody_signs_up_unless_the_settings_say_so() {
    let server = server_with("").start().await;
    refused(&sign_up(&server, json!({})).await, 403, "E004002");
    let server = open("").await;
    refused(&sign_up(&server, json!({"current_app": "HR"})).await, 403, "E004002");
    refused(&sign_up(&server, json!({"app_list": ["CRM", "HR"]})).await, 403, "E004002");
    refused(&sign_up(&server, json!({"app_list": ["CRM", "nothing"]})).await, 403, "E004001");
    for wrong in [json!({"app_list": 1}), json!({"app_list": [1]}), json!({"app_list": vec!["CRM"; 101]})] {
        assert_eq!(sign_up(&server, wrong).await.status, 400);
    }
    assert_eq!(send(&server, "POST", "/user/signup", json!({"username": "ann"})).await.status, 400);
    assert_eq!(sign_up(&server, json!({"app_list": null})).await.status, 200);
}

const TELLING: &str = "[signup]\ninform_if_user_exists = true\ninform_if_user_invalid = true\n\
    inform_if_email_exists = true\ninform_if_email_invalid = true\n";

#[tokio::test]
async fn names_addresses_and_passwords_are_checked_with_the_codes_of_the_contract() {
    let server = open(TELLING).await;
    assert_eq!(sign_up(&server, json!({"username": "bob", "email": "bob@example.com"})).await.status, 200);
    let long = "x".repeat(129);
    let long_email = format!("{}@example.com", "x".repeat(117));
    for (fields, code) in [
        (json!({"username": ""}), "E001001"),
        (json!({"username": "xADMINx"}), "E001001"),
        (json!({"username": "%x"}), "E001001"),
        (json!({"username": "BOB"}), "E001002"),
        (json!({"username": LOGIN}), "E001002"),
        (json!({"username": long}), "E001003"),
        (json!({"username": "a b"}), "E001004"),
        (json!({"email": "Root@example.com"}), "E002001"),
        (json!({"email": "no address"}), "E002004"),
        (json!({"email": "nobody"}), "E002001"),
        (json!({"email": "a@example.com\r\nBcc:b@example.com"}), "E002004"),
        (json!({"email": "BOB@example.com"}), "E002002"),
        (json!({"email": long_email}), "E002003"),
        (json!({"email": ""}), "E002005"),
        (json!({"email": null}), "E002005"),
        (json!({"password": "my-password-is-long-and-odd"}), "E003001"),
        (json!({"password": "aaaaaaaaaa"}), "E003008"),
        (json!({"password": "x".repeat(2_000)}), "E003003"),
    ] {
        let reply = sign_up(&server, fields.clone()).await;
        assert_eq!((reply.status, &reply.json()["sub_status"]), (403, &json!([code])), "{fields}");
    }
    assert_eq!(sign_up(&server, json!({"username": "x".repeat(128)})).await.status, 200);
}

#[tokio::test]
async fn what_is_wrong_is_not_told_unless_the_settings_say_so() {
    let server = open("").await;
    assert_eq!(sign_up(&server, json!({"username": "bob", "email": "bob@example.com"})).await.status, 200);
    for fields in [
        json!({"username": "bob"}),
        json!({"username": "a b"}),
        json!({"email": "bob@example.com"}),
        json!({"email": "nobody"}),
        json!({"email": null}),
    ] {
        refused(&sign_up(&server, fields).await, 403, "E005001");
    }
}

#[tokio::test]
async fn the_token_goes_to_the_address_and_not_into_the_answer() {
    let (server, folder, _home) = with_mail("is_approval_needed = false\n").await;
    let reply = sign_up(&server, json!({})).await;
    assert_eq!((reply.status, &reply.json()["confirm_token"]), (200, &Value::Null));
    let confirming = async || outbox(&folder).pop();
    let mail = eventually("a mail", SOON, confirming).await;
    assert!(mail.contains("To: ann@example.com\r\n") && mail.contains("Hello ann,"), "{mail}");
    let token = token_in(&mail, "cssup_");
    assert!(mail.contains(&format!("https://app.example.com/signup/confirm?token={token}")), "{mail}");
    assert_eq!(confirm(&server, &token).await.status, 200);
    assert_eq!(login(&server, "ann").await, 200);
    let welcome = async || outbox(&folder).into_iter().find(|mail| mail.contains("Subject: Welcome to"));
    let mail = eventually("the welcome", SOON, welcome).await;
    assert!(!mail.contains("cssup_"), "{mail}");
    assert!(!server.output().contains("cssup_"), "no token is in the log");
}

#[tokio::test]
async fn the_operators_approval_sends_the_welcome() {
    let (server, folder, _home) = with_mail("").await;
    sign_up(&server, json!({})).await;
    let sent = eventually("a mail", SOON, async || outbox(&folder).pop()).await;
    assert_eq!(confirm(&server, &token_in(&sent, "cssup_")).await.status, 200);
    assert_eq!(login(&server, "ann").await, 403);
    server.cli(&["user", "approve", "ann"], "").await.ok();
    let welcome = async || outbox(&folder).into_iter().find(|mail| mail.contains("Subject: Welcome to"));
    eventually("the welcome", SOON, welcome).await;
    assert_eq!(login(&server, "ann").await, 200);
}

#[tokio::test]
async fn the_answer_has_the_token_as_well_where_the_settings_say_so() {
    let (server, folder, _home) = with_mail("always_return_confirm_token = true\nis_email_required = false\n").await;
    let reply = sign_up(&server, json!({})).await.json();
    let sent = eventually("a mail", SOON, async || outbox(&folder).pop()).await;
    assert_eq!(reply["confirm_token"], json!(token_in(&sent, "cssup_")));
    // Approval is needed: nobody is welcome yet.
    assert_eq!(confirm(&server, reply["confirm_token"].as_str().unwrap()).await.status, 200);
    // Without an address there is no other way.
    let reply = sign_up(&server, json!({"username": "bob", "email": null})).await.json();
    assert!(reply["confirm_token"].is_string(), "{reply}");
    assert_eq!(outbox(&folder).len(), 1);
}

#[tokio::test]
async fn an_address_has_so_many_sign_ups_in_an_hour() {
    let config = format!("{OPEN}[mail]\naddress_requests_per_hour_max = 2\naddress_wrong_tokens_per_hour_max = 1\n");
    // Without what the other tests set, which exempts their address.
    let server = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(config).start().await;
    for number in 0..2 {
        let fields = json!({"username": format!("u{number}"), "email": format!("u{number}@example.com")});
        assert_eq!(sign_up(&server, fields).await.status, 200);
    }
    let reply = sign_up(&server, json!({})).await;
    refused(&reply, 429, "E005001");
    // Two in an hour: the next in half of one.
    assert!((1_700..=1_800).contains(&wait(&reply)), "{reply:?}");
    assert_eq!(passed(&server, "mail.address_requests_per_hour_max").await, 1);
    let rows = audit(&server, &["--operation", "sign_up", "--outcome", "refused"]).await;
    assert_eq!((&rows[0]["reason"], &rows[0]["target"]), (&json!("throttled"), &json!("ann")));
    refused(&confirm(&server, "x").await, 403, "E005006");
    let reply = confirm(&server, "x").await;
    refused(&reply, 429, "E005001");
    assert!((3_500..=3_600).contains(&wait(&reply)), "{reply:?}");
}
