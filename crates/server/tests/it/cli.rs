//! The command line: with a server and without, for people and for scripts; and the first start.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod bus;
mod serving;

use std::os::unix::fs::PermissionsExt as _;

use countersign_testkit::{CliOutput, PostgresDatabase, Server, Storage};
use serde_json::{Value, json};

use super::support::{PASSWORD, aborted, ends, server, sign_in};

/// Runs a command that must succeed without a word on standard error, and reads its JSON.
async fn json(server: &Server, arguments: &[&str], stdin: &str) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    let output = server.cli(&all, stdin).await;
    let shown = output.command.clone();
    serde_json::from_str(&output.ok()).unwrap_or_else(|error| panic!("{shown}: {error}"))
}

async fn text(server: &Server, arguments: &[&str], stdin: &str) -> String {
    server.cli(arguments, stdin).await.ok()
}

#[track_caller]
fn check_refused(output: &CliOutput, code: i32, says: &str) {
    assert_eq!(output.code, Some(code), "{output:?}");
    assert!(output.stderr.contains(says), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// Every command of the README, in an order in which they make sense. `n` keeps the names of two rounds apart.
async fn every_command(server: &Server, n: u32) {
    let login = format!("kristen{n}");
    users(server, &login).await;
    profiles(server, &login).await;
    roles(server, &format!("shop{n}")).await;
    otps(server, &login).await;
    audit(server, &login).await;
    let deleted = json(server, &["user", "delete", &login], "").await;
    assert_eq!(deleted["login"], login);
    check_refused(&server.cli(&["user", "show", &login], "").await, 1, &login);
    assert_eq!(json(server, &["version"], "").await["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(text(server, &["version"], "").await, format!("countersign {}\n", env!("CARGO_PKG_VERSION")));
}

async fn users(server: &Server, login: &str) {
    let stdin = format!("{PASSWORD}\n");
    let added = json(server, &["user", "add", login, "--role", "frontend", "--password-stdin"], &stdin).await;
    let wanted = [
        "uuid",
        "login",
        "role",
        "enabled",
        "has_password",
        "source",
        "created",
        "username",
        "email",
        "display_name",
        "first_name",
        "middle_name",
        "last_name",
        "approval_status",
        "sign_up_status",
        "password_expiry",
        "password_must_change",
        "is_totp_enabled",
        "totp_label",
    ];
    assert_eq!(fields(&added), wanted);
    assert_eq!(added["login"], login);
    assert_eq!(added["enabled"], true);
    assert_eq!(added["has_password"], true);
    assert_eq!(added["source"], "local");
    let without = json(server, &["user", "add", &format!("{login}-x"), "--role", "backend"], "").await;
    assert_eq!(without["has_password"], false);
    let list = json(server, &["user", "list"], "").await;
    let logins: Vec<&str> = list.as_array().unwrap().iter().map(|user| user["login"].as_str().unwrap()).collect();
    assert!(logins.contains(&login) && logins.contains(&"admin"), "{logins:?}");
    assert!(logins.is_sorted(), "{logins:?}");
    // In any case of the login, as everywhere.
    assert_eq!(json(server, &["user", "show", &login.to_uppercase()], "").await, added);
    assert_eq!(json(server, &["user", "lock", login], "").await["enabled"], false);
    assert_eq!(json(server, &["user", "lock", login], "").await["enabled"], false);
    assert_eq!(json(server, &["user", "unlock", login], "").await["enabled"], true);
    assert_eq!(json(server, &["user", "passwd", login, "--password-stdin"], &stdin).await["has_password"], true);
    assert_eq!(json(server, &["user", "role", login, "backend"], "").await["role"], "backend");
    for command in [&["user", "list"][..], &["user", "unlock", login]] {
        let table = text(server, command, "").await;
        assert!(table.starts_with("login") && table.contains(login), "{table}");
        assert!(!table.contains(PASSWORD));
    }
    let shown = text(server, &["user", "show", login], "").await;
    assert!(shown.contains(&format!("login: {login}\n")) && shown.contains("email: -\n"), "{shown}");
    assert!(!shown.contains(PASSWORD));
}

/// Checks these fields of a user, who has others beside.
#[track_caller]
fn check_user(user: &Value, wanted: &Value) {
    for (name, value) in wanted.as_object().unwrap() {
        assert_eq!(&user[name], value, "{name} of {user}");
    }
}

async fn profiles(server: &Server, login: &str) {
    let name = format!("{login}-p");
    let add = ["user", "add", &name, "--role", "frontend", "--email", "Ann@example.com", "--first-name", "Ann"];
    let more = ["--last-name", "Lee", "--must-change", "true", "--sign-up-status", "before_confirmation"];
    let added = json(server, &[&add[..], &more].concat(), "").await;
    check_user(
        &added,
        &json!({"email": "Ann@example.com", "first_name": "Ann", "last_name": "Lee", "display_name": "Ann Lee",
            "middle_name": null, "password_must_change": true, "sign_up_status": "before_confirmation",
            "approval_status": "approved", "is_totp_enabled": false}),
    );
    assert_eq!(json(server, &["user", "show", &name], "").await, added);
    let set = ["user", "set", &name, "--email", "", "--display-name", "A. Lee", "--middle-name", "M."];
    let more = ["--password-expiry", "2031-05-06T07:08:09Z", "--must-change", "false", "--sign-up-status", "final"];
    let changed = json(server, &[&set[..], &more].concat(), "").await;
    check_user(
        &changed,
        &json!({"email": null, "first_name": "Ann", "last_name": "Lee", "display_name": "A. Lee", "middle_name": "M.",
            "password_expiry": "2031-05-06T07:08:09Z", "password_must_change": false, "sign_up_status": "final"}),
    );
    // What isn't named stays; nothing at all is no change.
    let only = json(server, &["user", "set", &name, "--last-name", ""], "").await;
    check_user(&only, &json!({"last_name": null, "first_name": "Ann", "display_name": "A. Lee"}));
    check_refused(&server.cli(&["user", "set", &name], "").await, 1, "nothing is to be changed");
    for (command, status) in [("reject", "rejected"), ("reject", "rejected"), ("approve", "approved")] {
        let decided = json(server, &["user", command, &name], "").await;
        check_user(&decided, &json!({"approval_status": status, "enabled": true}));
    }
    json(server, &["user", "totp", "reset", &name, "--label", "phone"], "").await;
    json(server, &["user", "totp", "enable", &name], "").await;
    let shown = json(server, &["user", "show", &name], "").await;
    check_user(&shown, &json!({"is_totp_enabled": true, "totp_label": "phone"}));
    let rows = json(server, &["audit", "search", "--target", &name, "--outcome", "accepted"], "").await;
    let operations: Vec<&str> =
        rows.as_array().unwrap().iter().rev().map(|row| row["operation"].as_str().unwrap()).take(6).collect();
    let wanted = ["user.create", "user.update", "user.update", "user.reject", "user.reject", "user.approve"];
    assert_eq!(operations, wanted);
    assert!(rows.as_array().unwrap().iter().all(|row| !row.to_string().contains("example.com")));
}

async fn roles(server: &Server, name: &str) {
    let list = json(server, &["role", "list"], "").await;
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|role| role["role"].as_str().unwrap()).collect();
    for shipped in ["backend", "frontend", "public", "trust"] {
        assert!(names.contains(&shipped), "{names:?}");
    }
    let trust = json(server, &["role", "show", "trust"], "").await;
    assert_eq!(trust, json!({"role": "trust", "permissions": [{"uri": "*", "perms": "crspoq"}]}));
    assert_eq!(json(server, &["role", "add", name], "").await, json!({"role": name, "permissions": []}));
    let rule = |perms: &str| json!([{"uri": "com.shop./order:.*/.get", "perms": perms}]);
    let uri = "com.shop./order:.*/.get";
    assert_eq!(json(server, &["role", "allow", name, uri, "sc"], "").await["permissions"], rule("cs"));
    assert_eq!(json(server, &["role", "allow", name, uri, "p"], "").await["permissions"], rule("p"));
    assert_eq!(json(server, &["role", "deny", name, uri], "").await["permissions"], rule(""));
    assert!(text(server, &["role", "show", name], "").await.contains("(denied)"));
    assert_eq!(json(server, &["role", "unset", name, uri], "").await["permissions"], json!([]));
    assert!(text(server, &["role", "list"], "").await.contains(name));
}

async fn otps(server: &Server, login: &str) {
    let plain = json(server, &["otp", "create", login], "").await;
    let wanted = ["uuid", "origin", "expires", "permissions", "key", "owner", "plaintext_key", "login"];
    assert_eq!(fields(&plain), wanted);
    assert_eq!(plain["plaintext_key"].as_str().unwrap().len(), 32);
    let expires = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(300)).to_string();
    let rule = "com.izaber.wamp.auth.whoami=c";
    let arguments = ["otp", "create", login, "--expires", &expires, "--permission", rule, "--permission", "a./x=y/=sp"];
    let narrowed = json(server, &arguments, "").await;
    let permissions = json!([{"uri": "com.izaber.wamp.auth.whoami", "perms": "c"}, {"uri": "a./x=y/", "perms": "sp"}]);
    assert_eq!(narrowed["permissions"], permissions);
    let at = narrowed["expires"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert_eq!(at.as_microsecond(), expires.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let unix = (jiff::Timestamp::now().as_second() + 300).to_string();
    let by_number = json(server, &["otp", "create", login, "--expires", &unix], "").await;
    assert_eq!(
        by_number["expires"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second().to_string(),
        unix
    );
    let shown = text(server, &["otp", "create", login], "").await;
    assert!(shown.lines().next().is_some_and(|line| line.len() == 32), "{shown}");
    let list = json(server, &["otp", "list", login], "").await;
    assert_eq!(list.as_array().unwrap().len(), 4);
    assert!(list.as_array().unwrap().iter().all(|otp| otp["plaintext_key"].is_null()));
    assert!(!text(server, &["otp", "list", login], "").await.contains(plain["plaintext_key"].as_str().unwrap()));
}

async fn audit(server: &Server, login: &str) {
    let rows = json(server, &["audit", "search", "--target", login, "--operation", "otp.mint"], "").await;
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 4);
    let wanted = [
        "sequence",
        "at",
        "cid",
        "request",
        "actor",
        "target",
        "operation",
        "application",
        "address",
        "agent",
        "claimed_address",
        "claimed_agent",
        "outcome",
        "reason",
        "detail",
        "link",
    ];
    for row in rows {
        assert_eq!(fields(row), wanted);
        assert_eq!(row["outcome"], "accepted");
        assert_eq!(row["application"], "cli");
    }
    // Newest first.
    assert!(rows.windows(2).all(|two| two[0]["sequence"].as_i64() > two[1]["sequence"].as_i64()));
    let cid = rows[0]["cid"].as_str().unwrap();
    let found = json(server, &["audit", "search", "--cid", cid], "").await;
    assert_eq!(found.as_array().unwrap().as_slice(), &rows[..1]);
    assert_eq!(json(server, &["audit", "search", "--limit", "2"], "").await.as_array().unwrap().len(), 2);
    let until = ["audit", "search", "--until", "2020-01-01T00:00:00Z"];
    assert_eq!(json(server, &until, "").await, json!([]));
    let table = text(server, &["audit", "search", "--target", login], "").await;
    assert!(table.starts_with("at ") && table.contains("otp.mint") && table.contains("user.lock"), "{table}");
}

async fn errors_say_what_to_do(server: &Server, n: u32) {
    let known = format!("known{n}");
    text(server, &["user", "add", &known, "--role", "frontend"], "").await;
    let add = |role| ["user", "add", "someone", "--role", role, "--password-stdin"];
    for (arguments, stdin, says) in [
        (&["user", "show", "nobody"][..], "", "nobody"),
        (&["user", "lock", "nobody"], "", "nobody"),
        (&["user", "approve", "nobody"], "", "nobody"),
        (&["user", "reject", "nobody"], "", "nobody"),
        (&["user", "set", "nobody", "--first-name", "N."], "", "nobody"),
        (&["user", "set", &known, "--password-expiry", "tomorrow"], "", "2026-10-17T10:17:30Z"),
        (&["user", "set", &known, "--sign-up-status", "half"], "", "before_confirmation"),
        (&["user", "set", &known, "--email", "a\u{7}b"], "", "e-mail"),
        (&["user", "set", &known, "--email", &"e".repeat(192)], "", "191"),
        (&["user", "set", &known, "--first-name", &"n".repeat(192)], "", "too long"),
        (&["user", "delete", "nobody"], "", "nobody"),
        (&["user", "role", "nobody", "trust"], "", "nobody"),
        (&["user", "role", &known, "nonsense"], "", "nonsense"),
        (&["user", "role", &known, "Bad Role"], "", "a role name"),
        (&["user", "add", &known, "--role", "frontend"], "", "already"),
        (&["user", "add", "bad login\u{7}", "--role", "frontend"], "", "login"),
        (&["user", "add", "", "--role", "frontend"], "", "login"),
        (&add("nonsense"), "correct horse battery\n", "nonsense"),
        (&add("frontend"), "short\n", "several words"),
        (&add("frontend"), "\n", "no password"),
        (&["user", "passwd", &known], "", "no password"),
        (&["user", "passwd", &known, "--password-stdin"], "", "no password"),
        (&["role", "show", "nonsense"], "", "nonsense"),
        (&["role", "add", "trust"], "", "trust"),
        (&["role", "allow", "nonsense", "a.b", "c"], "", "nonsense"),
        (&["role", "allow", "frontend", "a..b", "c"], "", "no empty elements"),
        (&["role", "allow", "frontend", "a./(/", "c"], "", "regular expression"),
        (&["otp", "create", "nobody"], "", "nobody"),
        (&["otp", "create", &known, "--expires", "tomorrow"], "", "ISO 8601"),
        (&["otp", "create", &known, "--expires", "2020-01-01T00:00:00Z"], "", "past"),
        (&["otp", "create", &known, "--permission", "a..b=c"], "", "permissions"),
        (&["otp", "list", "nobody"], "", "nobody"),
        (&["audit", "search", "--operation", "nonsense"], "", "nonsense"),
        (&["audit", "search", "--outcome", "maybe"], "", "accepted or refused"),
        (&["audit", "search", "--since", "tomorrow"], "", "2026-10-17T10:17:30Z"),
    ] {
        check_refused(&server.cli(arguments, stdin).await, 1, says);
        let mut with_json = arguments.to_vec();
        with_json.push("--json");
        check_refused(&server.cli(&with_json, stdin).await, 1, says);
    }
    for (arguments, says) in [
        (&["nonsense"][..], "nonsense"),
        (&["user"], "Usage"),
        (&["user", "add", "x"], "--role"),
        (&["user", "show"], "LOGIN"),
        (&["user", "set", "x", "--must-change", "perhaps"], "must-change"),
        (&["role", "allow", "frontend", "a.b"], "PERMS"),
        (&["otp", "create", "x", "--permission", "a.b"], "URI=PERMS"),
        (&["audit", "search", "--limit", "0"], "limit"),
        (&["user", "list", "--nonsense"], "--nonsense"),
    ] {
        check_refused(&server.cli(arguments, "").await, 2, says);
    }
}

async fn with_a_server_and_without(storage: Storage) {
    let mut server = server().storage(storage).start().await;
    let socket = server.data().join("control.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(server.data()).unwrap().permissions().mode() & 0o777, 0o700);
    every_command(&server, 1).await;
    errors_say_what_to_do(&server, 1).await;
    text(&server, &["user", "add", "early", "--role", "frontend", "--password-stdin"], PASSWORD).await;
    sign_in(&server, "early", PASSWORD).await.unwrap();
    assert_eq!(server.stop().await.code(), Some(0));
    assert!(!socket.exists());
    every_command(&server, 2).await;
    errors_say_what_to_do(&server, 2).await;
    text(&server, &["user", "add", "late", "--role", "frontend", "--password-stdin"], PASSWORD).await;
    text(&server, &["user", "lock", "early"], "").await;
    let otp = json(&server, &["otp", "create", "late"], "").await;
    server.restart().await;
    aborted(sign_in(&server, "early", PASSWORD).await);
    sign_in(&server, "late", PASSWORD).await.unwrap();
    sign_in(&server, "late", otp["plaintext_key"].as_str().unwrap()).await.unwrap();
    // A killed server leaves its socket behind; commands see that nobody answers there.
    server.kill9().await;
    assert!(socket.exists());
    assert_eq!(json(&server, &["user", "show", "late"], "").await["login"], "late");
    server.restart().await;
    assert_eq!(json(&server, &["user", "show", "late"], "").await["login"], "late");
}

#[tokio::test]
async fn every_command_works_with_a_server_and_without() {
    with_a_server_and_without(Storage::Sqlite).await;
}

#[tokio::test]
async fn every_command_works_with_a_server_and_without_on_postgresql() {
    let database = PostgresDatabase::create().await;
    with_a_server_and_without(Storage::Postgres(database.url())).await;
}

#[tokio::test]
async fn a_rejected_user_loses_the_live_session_and_comes_in_again_once_approved() {
    let server = server().start().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    text(&server, &["user", "reject", "kristen98"], "").await;
    ends(&session).await;
    aborted(sign_in(&server, "kristen98", PASSWORD).await);
    text(&server, &["user", "approve", "kristen98"], "").await;
    sign_in(&server, "kristen98", PASSWORD).await.unwrap();
}

#[tokio::test]
async fn the_trail_tells_accepted_from_refused_and_why() {
    let server = server().start().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    let otp = json(&server, &["otp", "create", "kristen98"], "").await;
    let key = otp["plaintext_key"].as_str().unwrap();
    sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    sign_in(&server, "KRISTEN98", key).await.unwrap();
    aborted(sign_in(&server, "kristen98", key).await);
    aborted(sign_in(&server, "kristen98", "wrong password").await);
    aborted(sign_in(&server, "kristen98", "  ").await);
    aborted(sign_in(&server, "nobody", "wrong password").await);
    text(&server, &["user", "lock", "kristen98"], "").await;
    aborted(sign_in(&server, "kristen98", PASSWORD).await);
    let rows = json(&server, &["audit", "search", "--operation", "login"], "").await;
    let told = |row: &Value| {
        assert_eq!(row["address"], "127.0.0.1");
        assert!(row["agent"].as_str().unwrap().contains("countersign-client/"));
        [&row["actor"], &row["outcome"], &row["reason"]].map(|field| field.as_str().unwrap_or("-").to_owned())
    };
    let told: Vec<[String; 3]> = rows.as_array().unwrap().iter().rev().map(told).collect();
    let wanted = [
        ["kristen98", "accepted", "-"],
        ["kristen98", "accepted", "-"],
        ["kristen98", "refused", "otp_spent"],
        ["kristen98", "refused", "wrong_ticket"],
        ["kristen98", "refused", "blank_ticket"],
        ["nobody", "refused", "unknown_user"],
        ["kristen98", "refused", "user_disabled"],
    ];
    assert_eq!(told, wanted.map(|row| row.map(str::to_owned)));
    let spent = json(&server, &["audit", "search", "--operation", "otp.spend"], "").await;
    assert_eq!(spent.as_array().unwrap().len(), 1);
    let cid = spent[0]["cid"].as_str().unwrap();
    // The login and what it spent belong together.
    let of_one = json(&server, &["audit", "search", "--cid", cid], "").await;
    let operations: Vec<&str> =
        of_one.as_array().unwrap().iter().map(|row| row["operation"].as_str().unwrap()).collect();
    assert!(operations.contains(&"login") && operations.contains(&"otp.spend"), "{operations:?}");
    let refused = json(&server, &["audit", "search", "--outcome", "refused", "--actor", "kristen98"], "").await;
    assert_eq!(refused.as_array().unwrap().len(), 4);
}
