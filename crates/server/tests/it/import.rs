//! Users of other systems, brought over by the command and used afterwards.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use countersign_identity::totp::{Step, Totp, TotpKey};
use countersign_testkit::{PostgresDatabase, Server};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::http_client::{Reply, ask};
use crate::support::{audit, server_with};

/// What Zato's database holds.
const DATABASE: &str = include_str!("import/zato.sql");
/// What `secrets.conf` holds: the key of the example in the specification of Fernet.
const SECRETS: &str = "[secret_keys]\nkey1=cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=\n";
/// The password of all users.
const PASSWORD: &str = "correct horse battery staple";
/// The TOTP key of all users.
const TOTP_KEY: &str = "KMCLCWN4YPMD2WO3KMCLCWN4YPMD2WO3";
/// What a client of Zato holds for Ann's live session.
const UST: &str = "gAAAAABrAmoMjf7MWQOK_9NfkaHU49oR4H9Ozv0RPqFe8e44gonBQNiXgIhz1MI1R74WFtS5Hf7nUrVXqoOkJMA4s0jQLnhexdJcoqFPh4YoiWMYqI6qREc=";
/// The same as Zato's database holds it.
const RAW_UST: &str = "zust6s90mjvjw68ck0eht2vkm8nac1";

/// The present code of [`TOTP_KEY`].
fn code() -> String {
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30;
    Totp::new(TotpKey::parse(TOTP_KEY).unwrap()).code(Step::from_number(step)).expose().to_owned()
}

async fn send(server: &Server, verb: &str, path: &str, mut fields: Value) -> Reply {
    fields["current_app"] = json!("CRM");
    ask(server, verb, &format!("/zato/sso{path}"), "", fields.to_string().as_bytes()).await
}

async fn login(server: &Server, name: &str, code: Option<&str>) -> Value {
    let fields = json!({"username": name, "password": PASSWORD, "totp_code": code});
    send(server, "POST", "/user/login", fields).await.json()
}

/// Imports from `db` twice, first without writing, and uses what came over.
async fn check(db: &str, secrets: &Path) {
    let mut server = server_with("").start().await;
    server.stop().await;
    let import = async |server: &Server, more: &[&str]| -> Value {
        let fixed = ["--json", "import", "zato", "--db", db, "--secrets", secrets.to_str().unwrap()];
        serde_json::from_str(&server.cli(&[&fixed[..], more].concat(), "").await.ok()).unwrap()
    };
    let planned = import(&server, &[]).await;
    let done = import(&server, &["--apply"]).await;
    let without = |mut report: Value| {
        report.as_object_mut().unwrap().remove("is_dry_run");
        report
    };
    assert_eq!((&planned["is_dry_run"], &done["is_dry_run"]), (&json!(true), &json!(false)));
    assert_eq!(without(planned), without(done.clone()));
    let counts = ["users_found", "users_imported", "passwords", "second_factors", "attributes", "sessions"];
    assert_eq!(counts.map(|name| done[name].as_u64().unwrap()), [7, 5, 4, 4, 3, 1], "{done:#}");
    let notes = done["notes"].as_array().unwrap();
    let note = |who: &str, what: &str| {
        let found = notes.iter().any(|note| note["who"] == who && note["what"].as_str().unwrap().contains(what));
        assert!(found, "{who}: {what}: {done:#}");
    };
    note("ann", "there is such a user already");
    note("lost.factor", "locked");
    note("with space", "left out");
    note("rejected", "user_id");
    note("old.hash", "password");
    note("Ann", "foreign");
    let again = import(&server, &["--apply"]).await;
    assert_eq!(again["users_imported"], 0);
    server.restart().await;
    use_accounts(&server).await;
}

async fn use_accounts(server: &Server) {
    assert_eq!(login(server, "zato.boss", None).await["status"], "ok");
    assert_eq!(login(server, "Ann", None).await["sub_status"], json!(["E005008"]));
    let ann = login(server, "Ann", Some(&code())).await;
    assert_eq!((&ann["status"], &ann["user_id"]), (&json!("ok"), &json!("zusrpdjpsqjqa8jdv533zh0pv8tcm")), "{ann}");
    for name in ["lost.factor", "rejected", "old.hash", "with space"] {
        assert_eq!(login(server, name, Some(&code())).await["sub_status"], json!(["E005001"]), "{name}");
    }
    // The session goes on with the token that its client has, and with no other.
    for (ust, status) in [(UST, 200), (RAW_UST, 403)] {
        assert_eq!(send(server, "PATCH", "/user/session", json!({"ust": ust})).await.status, status, "{ust}");
    }
    let cart =
        send(server, "GET", "/session/attr", json!({"current_ust": UST, "target_ust": UST, "name": "cart"})).await;
    assert_eq!(cart.status, 403, "session attributes are for super-users: {cart:?}");
    let pin = json!({"ust": UST, "name": "pin", "decrypt": true});
    assert_eq!(send(server, "GET", "/user/attr", pin).await.json()["value"], "1234");
    assert_eq!(send(server, "GET", "/user/attr", json!({"ust": UST, "name": "over"})).await.json()["found"], false);
    assert_eq!(audit(server, &["--operation", "user.import", "--outcome", "accepted"]).await.len(), 5);
}

#[tokio::test]
async fn users_of_zato_log_in_with_old_password_authenticator_and_session() {
    let dir = tempfile::tempdir().unwrap();
    let (db, secrets) = (dir.path().join("zato.db"), dir.path().join("secrets.conf"));
    rusqlite::Connection::open(&db).unwrap().execute_batch(DATABASE).unwrap();
    std::fs::write(&secrets, SECRETS).unwrap();
    check(db.to_str().unwrap(), &secrets).await;
}

#[tokio::test]
async fn users_of_zato_on_postgresql_log_in_with_old_password_authenticator_and_session() {
    let dir = tempfile::tempdir().unwrap();
    let secrets = dir.path().join("secrets.conf");
    std::fs::write(&secrets, SECRETS).unwrap();
    let database = PostgresDatabase::create().await;
    database.execute(DATABASE).await;
    check(&database.url(), &secrets).await;
}

#[tokio::test]
async fn an_import_says_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let (db, secrets) = (dir.path().join("zato.db"), dir.path().join("secrets.conf"));
    rusqlite::Connection::open(&db).unwrap().execute_batch(DATABASE).unwrap();
    let mut server = server_with("").start().await;
    let import = async |server: &Server, db: &Path, role: &str| {
        let arguments = ["import", "zato", "--db", db.to_str().unwrap(), "--secrets", secrets.to_str().unwrap()];
        server.cli(&[&arguments[..], &["--role", role]].concat(), "").await.stderr
    };
    std::fs::write(&secrets, "[secret_keys]\n").unwrap();
    assert!(import(&server, &db, "frontend").await.contains("key1"));
    std::fs::write(&secrets, SECRETS).unwrap();
    assert!(import(&server, &db, "frontend").await.contains("another countersign process uses the data directory"));
    server.stop().await;
    assert!(import(&server, &db, "nobody").await.contains("there is no role"));
    assert!(import(&server, &dir.path().join("none.db"), "frontend").await.contains("can't open the database"));
}

#[tokio::test]
async fn a_dry_run_and_a_source_that_can_not_be_read_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    std::fs::write(file("secrets.conf"), SECRETS).unwrap();
    rusqlite::Connection::open(file("zato.db")).unwrap().execute_batch(DATABASE).unwrap();
    rusqlite::Connection::open(file("other.db")).unwrap().execute_batch("CREATE TABLE notes (note TEXT)").unwrap();
    let import = async |db: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
        command.arg("--data").arg(file("data")).args(["import", "zato", "--db"]).arg(file(db));
        command.arg("--secrets").arg(file("secrets.conf")).args(more);
        let output = command.output().await.unwrap();
        assert!(!file("data").exists(), "{db} {more:?}");
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    let (is_done, told) = import("zato.db", &[]).await;
    assert!(is_done && told.contains("Nothing was written") && !told.contains("First start"), "{told}");
    for more in [&[][..], &["--apply"]] {
        let (is_done, told) = import("missing.db", more).await;
        assert!(!is_done && told.contains("can't open the database"), "{told}");
        let (is_done, told) = import("other.db", more).await;
        assert!(!is_done && told.contains("can't be read"), "{told}");
    }
}
