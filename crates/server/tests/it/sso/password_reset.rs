//! Forgotten passwords, with the mails that they bring.

use std::path::{Path, PathBuf};
use std::time::Instant;

use countersign_testkit::{Server, eventually};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{LOGIN, SUPER, accepted, refused, send, ust};
use crate::http_client::Reply;
use crate::mail::{outbox, token_in};
use crate::support::{PASSWORD, SOON, aborted, audit, ends, metric, passed, server_with, sign_in};

const NEW: &str = "another horse battery";
const EMAIL: &str = "jsmith@example.com";
/// Who signs up comes in with the token alone.
const SIGN_UP: &str = "[apps]\nsignup_allowed = ['CRM']\n[signup]\nis_approval_needed = false\n\
    always_return_confirm_token = true\n";

/// Signs `LOGIN` up, with an address.
async fn join(server: &Server) {
    let fields = json!({"username": LOGIN, "password": PASSWORD, "email": EMAIL});
    let reply = send(server, "POST", "/user/signup", fields).await.json();
    let reply = send(server, "PATCH", "/user/signup", json!({"confirm_token": reply["confirm_token"]})).await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// A server whose mails go into a folder, and users: `LOGIN` with an address, `SUPER` without one.
struct Installation {
    server: Server,
    folder: PathBuf,
    _home: TempDir,
}

impl Installation {
    async fn start(rest: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("outbox");
        let mail = format!("outbox_dir = '{}'\npublic_url = 'https://app.example.com'\n", folder.display());
        let config = format!("{SIGN_UP}[mail]\n{mail}{rest}");
        let server = server_with(&config).start().await;
        server.add_user(SUPER, "trust", PASSWORD).await;
        join(&server).await;
        Self { server, folder, _home: home }
    }

    async fn request(&self, credential: &str) -> Reply {
        send(&self.server, "POST", "/password/reset", json!({"credential": credential})).await
    }

    /// The tokens that went out, oldest first, as soon as there are so many.
    async fn tokens(&self, count: usize) -> Vec<String> {
        let mails = async || Some(resets(&self.folder)).filter(|mails| mails.len() >= count);
        let mails = eventually("mails", SOON, mails).await;
        assert_eq!(mails.len(), count, "{mails:?}");
        mails.iter().map(|mail| token_in(mail, "csprt_")).collect()
    }

    async fn token(&self) -> String {
        let before = resets(&self.folder).len();
        assert_eq!(self.request(LOGIN).await.json()["status"], "ok");
        self.tokens(before + 1).await.pop().unwrap()
    }

    async fn access(&self, token: &str) -> Reply {
        send(&self.server, "PATCH", "/password/reset", json!({"token": token})).await
    }

    async fn key(&self, token: &str) -> String {
        let reply = self.access(token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()["reset_key"].as_str().unwrap().to_owned()
    }

    async fn change(&self, token: &str, key: &str, password: &str) -> Reply {
        let fields = json!({"token": token, "reset_key": key, "password": password});
        send(&self.server, "DELETE", "/password/reset", fields).await
    }

    async fn login(&self, password: &str) -> u16 {
        let fields = json!({"username": LOGIN, "password": password});
        send(&self.server, "POST", "/user/login", fields).await.status
    }
}

/// The mails of forgotten passwords, oldest first.
fn resets(folder: &Path) -> Vec<String> {
    outbox(folder).into_iter().filter(|mail| mail.contains("csprt_")).collect()
}

async fn rows(server: &Server, operation: &str) -> Vec<(String, Value, Value)> {
    let rows = audit(server, &["--operation", operation]).await;
    let short =
        |row: Value| (row["target"].as_str().unwrap().to_owned(), row["outcome"].clone(), row["reason"].clone());
    rows.into_iter().rev().map(short).collect()
}

#[tokio::test]
async fn a_forgotten_password_is_set_by_token_and_key_each_once() {
    let it = Installation::start("").await;
    let token = it.token().await;
    let mail = resets(&it.folder).pop().unwrap();
    assert!(mail.contains(&format!("To: {EMAIL}\r\n")) && mail.contains(&format!("Hello {LOGIN},")), "{mail}");
    assert!(mail.contains(&format!("https://app.example.com/password/reset?token={token}")), "{mail}");
    let key = it.key(&token).await;
    refused(&it.access(&token).await, 403, "E010001");
    accepted(&it.change(&token, &key, NEW).await, &[]);
    assert_eq!((it.login(PASSWORD).await, it.login(NEW).await), (403, 200));
    refused(&it.change(&token, &key, PASSWORD).await, 403, "E010001");
    let trail = serde_json::to_string(&audit(&it.server, &[]).await).unwrap();
    assert!(!trail.contains(&token) && !trail.contains(&key) && !trail.contains("csprt_"), "no token is in the trail");
    assert!(!it.server.output().contains("csprt_"), "nor in the log");
}

#[tokio::test]
async fn a_password_that_may_not_be_set_leaves_token_and_key_as_they_are() {
    let it = Installation::start("").await;
    let token = it.token().await;
    let key = it.key(&token).await;
    for (password, code) in
        [("my-password-is-long-and-odd", "E003001"), ("", "E003002"), (&*"x".repeat(2_000), "E003003")]
    {
        let reply = it.change(&token, &key, password).await;
        assert_eq!(reply.status, 403);
        let got = reply.json()["sub_status"][0].as_str().unwrap().to_owned();
        // What is too short is too simple as well, and that is looked at first.
        assert!(got == code || (password.is_empty() && got == "E003008"), "{code}: {got}");
    }
    assert_eq!(it.change(&token, &key, NEW).await.status, 200);
    assert_eq!(it.login(NEW).await, 200);
}

#[tokio::test]
async fn wrong_pairs_and_garbage_get_nobody_anywhere() {
    let it = Installation::start("").await;
    let token = it.token().await;
    let key = it.key(&token).await;
    for (one, other) in [(&*key, &*token), (&token, &token), (&token, "gAAAA garbage"), ("", ""), (&token, "csprk_x")] {
        refused(&it.change(one, other, NEW).await, 403, "E010001");
    }
    for garbage in ["", "x", "csprt_", &key, &"é".repeat(10_000)] {
        refused(&it.access(garbage).await, 403, "E010001");
    }
    for fields in [json!({}), json!({"token": token}), json!({"token": token, "reset_key": key})] {
        assert_eq!(send(&it.server, "DELETE", "/password/reset", fields).await.status, 400);
    }
    assert_eq!(send(&it.server, "PATCH", "/password/reset", json!({})).await.status, 400);
    assert_eq!(send(&it.server, "POST", "/password/reset", json!({})).await.status, 400);
    assert_eq!(it.change(&token, &key, NEW).await.status, 200, "nothing was spent");
}

#[tokio::test]
async fn a_newer_token_ends_the_older_one() {
    let it = Installation::start("").await;
    let old = it.token().await;
    let key = it.key(&old).await;
    let new = it.token().await;
    refused(&it.change(&old, &key, NEW).await, 403, "E010001");
    refused(&it.access(&old).await, 403, "E010001");
    let key = it.key(&new).await;
    assert_eq!(it.change(&new, &key, NEW).await.status, 200);
}

#[tokio::test]
async fn the_request_is_answered_alike_whoever_is_meant() {
    let it = Installation::start("").await;
    it.server.add_user("locked", "frontend", PASSWORD).await;
    it.server.cli(&["user", "lock", "locked"], "").await.ok();
    let strip = |reply: Reply| {
        let text = reply.text();
        (reply.status, text.split_once(',').unwrap().1.to_owned())
    };
    let want = (200, r#""status":"ok","sub_status":[]}"#.to_owned());
    for credential in [LOGIN, SUPER, "locked", "nobody", "a@example.com", "", "%", &"x".repeat(100_000)] {
        assert_eq!(strip(it.request(credential).await), want, "{credential:.20}");
    }
    assert_eq!(it.tokens(1).await.len(), 1);
    let all = async || Some(rows(&it.server, "password_reset.request").await).filter(|rows| rows.len() == 8);
    let reasons = eventually("a row for each", SOON, all).await;
    let of = |target: &str| reasons.iter().find(|row| row.0 == target).map(|row| row.2.clone()).unwrap();
    assert_eq!((of(LOGIN), of(SUPER), of("locked")), (Value::Null, json!("no_email"), json!("user_disabled")));
    assert_eq!(of("nobody"), json!("unknown_user"));
    assert!(reasons.iter().all(|row| !row.0.contains('@')), "{reasons:?}");
}

#[tokio::test]
async fn users_are_found_by_address_where_the_settings_say_so() {
    let it = Installation::start("[password_reset]\nuser_search_by = 'username_or_email'\n").await;
    for credential in [LOGIN, "JSMITH@example.com"] {
        it.request(credential).await;
    }
    assert_eq!(it.tokens(2).await.len(), 2);
}

#[tokio::test]
async fn a_new_password_ends_what_the_old_one_opened() {
    let it = Installation::start("").await;
    let session = ust(&it.server, LOGIN).await;
    let live = sign_in(&it.server, LOGIN, PASSWORD).await.unwrap();
    let token = it.token().await;
    let key = it.key(&token).await;
    assert_eq!(send(&it.server, "PATCH", "/user/session", json!({"ust": session})).await.status, 200);
    assert_eq!(it.change(&token, &key, NEW).await.status, 200);
    refused(&send(&it.server, "PATCH", "/user/session", json!({"ust": session})).await, 403, "E007001");
    ends(&live).await;
    aborted(sign_in(&it.server, LOGIN, PASSWORD).await);
    sign_in(&it.server, LOGIN, NEW).await.unwrap();
}

#[tokio::test]
async fn a_reset_is_no_way_around_the_second_factor() {
    let it = Installation::start("").await;
    let reset = json!({"ust": ust(&it.server, LOGIN).await, "totp_key": ""});
    assert_eq!(send(&it.server, "PATCH", "/user/totp", reset).await.status, 200);
    it.server.cli(&["user", "totp", "enable", LOGIN], "").await.ok();
    let token = it.token().await;
    let key = it.key(&token).await;
    assert_eq!(it.change(&token, &key, NEW).await.status, 200);
    let login = json!({"username": LOGIN, "password": NEW});
    refused(&send(&it.server, "POST", "/user/login", login).await, 403, "E005008");
}

#[tokio::test]
async fn users_and_addresses_have_so_many_mails_in_an_hour() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("outbox");
    let config = format!(
        "{SIGN_UP}[mail]\noutbox_dir = '{}'\nuser_mails_per_hour_max = 3\naddress_requests_per_hour_max = 5\n\
         address_wrong_tokens_per_hour_max = 3\n",
        folder.display()
    );
    // Without what the other tests set, which exempts their address.
    let server = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(config).start().await;
    // Takes a request for the token, and a mail that welcomes.
    join(&server).await;
    let welcomed = async || outbox(&folder).into_iter().find(|mail| mail.contains("Subject: Welcome"));
    eventually("the welcome", SOON, welcomed).await;
    for _ in 0..5 {
        let reply = send(&server, "POST", "/password/reset", json!({"credential": LOGIN})).await;
        assert_eq!((reply.status, reply.json()["status"].clone()), (200, json!("ok")));
    }
    let all = async || Some(rows(&server, "password_reset.request").await).filter(|rows| rows.len() == 5);
    let rows = eventually("a row for each", SOON, all).await;
    let count = |reason: Value| rows.iter().filter(|row| row.2 == reason).count();
    assert_eq!((count(Value::Null), count(json!("too_many_mails")), count(json!("throttled"))), (2, 2, 1));
    assert_eq!(passed(&server, "mail.user_mails_per_hour_max").await, 2);
    assert_eq!(passed(&server, "mail.address_requests_per_hour_max").await, 1);
    let wrong = async || send(&server, "PATCH", "/password/reset", json!({"token": "x"})).await;
    for _ in 0..3 {
        refused(&wrong().await, 403, "E010001");
    }
    refused(&wrong().await, 429, "E005001");
    // No token is looked at meanwhile, whatever it is for.
    let change = json!({"token": "x", "reset_key": "x", "password": NEW});
    for (verb, path, fields) in
        [("DELETE", "/password/reset", change), ("PATCH", "/user/signup", json!({"confirm_token": "x"}))]
    {
        let reply = send(&server, verb, path, fields).await;
        refused(&reply, 429, "E005001");
        let wait: u32 = reply.header("retry-after").parse().unwrap();
        assert!((1_100..=1_200).contains(&wait), "{reply:?}");
    }
    assert_eq!(passed(&server, "mail.address_wrong_tokens_per_hour_max").await, 3);
}

#[tokio::test]
async fn tokens_and_keys_come_to_their_end() {
    let it = Installation::start("[password_reset]\npassword_change_session_duration = 1\n").await;
    let token = it.token().await;
    let (key, since) = (it.key(&token).await, Instant::now());
    // It works up to and including its end, so a whole second and a little more has to pass.
    let ended = async || (since.elapsed().as_millis() > 1_100).then_some(());
    eventually("the key's end", SOON, ended).await;
    refused(&it.change(&token, &key, NEW).await, 403, "E010001");
}

#[tokio::test]
async fn mails_are_tried_again_and_a_request_never_waits_for_them() {
    let smtp = crate::smtp_server::SmtpServer::start().await;
    let home = tempfile::tempdir().unwrap();
    let config = format!("{SIGN_UP}{}", crate::mail::smtp(&smtp, home.path(), ""));
    let server = server_with(&config).start().await;
    join(&server).await;
    let before = async || (smtp.taken().len() == 2).then_some(());
    eventually("the mails of the sign-up", SOON, before).await;
    smtp.refuse(&["451 not now"]);
    assert_eq!(send(&server, "POST", "/password/reset", json!({"credential": LOGIN})).await.status, 200);
    let taken = async || smtp.taken().into_iter().find(|mail| mail.text.contains("csprt_"));
    let taken = eventually("the second try", SOON, taken).await;
    assert_eq!(taken.to, [EMAIL]);
    assert!(token_in(&taken.text, "csprt_").len() > 40, "{}", taken.text);
    let mails =
        |outcome: &str| format!("countersign_mails_total{{mail=\"password-reset-link\",outcome=\"{outcome}\"}}");
    assert_eq!(metric(&server, &mails("put_off")).await, 1);
    let sent = async || (metric(&server, &mails("sent")).await == 1).then_some(());
    eventually("the count", SOON, sent).await;
}
