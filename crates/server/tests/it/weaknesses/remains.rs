//! W16: nothing that was replaced or deleted stays in the pages and the log of the database.

use std::path::Path;
use std::time::Duration;

use countersign_client::Dict;
use countersign_testkit::{Server, eventually};

use super::LOGIN;
use crate::support::{PASSWORD, call, server, sign_in, text};

/// The log is emptied every few seconds in which something is written, and something is every minute.
const DEADLINE: Duration = Duration::from_secs(90);
const NOTE: &str = "hush-note-4f1c9a";

/// Everything that the database keeps of the user's secrets: name and bytes.
fn secrets(database: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let file = rusqlite::Connection::open(database).unwrap();
    let one = |name: &'static str, sql: &str| {
        let bytes = file.query_row(sql, [LOGIN], |row| row.get::<_, Vec<u8>>(0)).expect(name);
        assert!(bytes.len() >= 16, "{name}");
        (name, bytes)
    };
    let of_owner = |table: &str, column: &str, more: &str| {
        format!(
            "SELECT CAST({column} AS BLOB) FROM {table} WHERE owner = (SELECT id FROM users WHERE login = $1) {more}"
        )
    };
    vec![
        one("password", "SELECT CAST(password AS BLOB) FROM users WHERE login = $1"),
        one("SCRAM", &of_owner("scram_verifiers", "stored_key", "")),
        one("second factor", &of_owner("totp_factors", "totp_key", "")),
        one("recovery code", &of_owner("recovery_codes", "digest", "LIMIT 1")),
        one("API key", &of_owner("credentials", "digest", "AND kind = 'apikey'")),
        one("one-time password", &of_owner("credentials", "digest", "AND kind = 'otp'")),
        one("sign-on session", &of_owner("sign_on_sessions", "digest", "")),
        ("metadata", NOTE.into()),
    ]
}

/// Which of these are in a file of the database.
fn found(server: &Server, secrets: &[(&'static str, Vec<u8>)]) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(server.data()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("countersign.db") {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let is_in = |secret: &[u8]| bytes.windows(secret.len()).any(|window| window == secret);
        found.extend(secrets.iter().filter(|(_, secret)| is_in(secret)).map(|(what, _)| (*what, name.clone())));
    }
    found
}

#[tokio::test]
async fn w16_nothing_that_was_replaced_or_deleted_stays_in_a_file() {
    let server = server().start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    server.add_user("zoe", "trust", PASSWORD).await;
    server.cli(&["user", "totp", "reset", LOGIN], "").await.ok();
    let body = serde_json::json!({"username": LOGIN, "password": PASSWORD, "current_app": "CRM"}).to_string();
    let signed_in = crate::http_client::ask(&server, "POST", "/sso/user/login", "", body.as_bytes()).await.json();
    let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    assert!(signed_in["ust"].is_string(), "{signed_in}");
    call(&session, "my.metadata.set", vec!["note".into(), NOTE.into()]).await.unwrap();
    let mut made = Vec::new();
    for kind in ["my.apikeys", "my.otp"] {
        let key = call(&session, &format!("{kind}.create"), vec![]).await.unwrap();
        made.push((kind, text(key.as_dict().unwrap(), "uuid")));
    }
    server.cli(&["user", "totp", "recovery", LOGIN], "").await.ok();
    let secrets = secrets(&server.data().join("countersign.db"));
    let there: std::collections::BTreeSet<&str> = found(&server, &secrets).into_iter().map(|(what, _)| what).collect();
    assert_eq!(there.len(), secrets.len(), "what is kept is found: {there:?}");
    for (kind, uuid) in made {
        call(&session, &format!("{kind}.delete"), vec![uuid.into()]).await.unwrap();
    }
    call(&session, "my.metadata.delete", vec!["note".into()]).await.unwrap();
    server.cli(&["user", "totp", "reset", LOGIN], "").await.ok();
    server.cli(&["user", "passwd", LOGIN, "--password-stdin"], "another horse battery\n").await.ok();
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    eventually("all of it is gone", DEADLINE, async || {
        zoe.call("system.vacuum", vec![], Dict::new()).await.unwrap();
        found(&server, &secrets).is_empty().then_some(())
    })
    .await;
}
