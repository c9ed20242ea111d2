//! `countersign key …`

use super::{aborted, denied, started, whoami};
use crate::support::{audit, server, sign_in};

#[tokio::test]
async fn the_operator_makes_lists_and_revokes_keys() {
    let server = started().await;
    let made = ["key", "create", "kristen98", "--description", "nightly", "--permission", "com.izaber.wamp.auth.*=c"];
    let output = server.cli(&made, "").await.ok();
    let key = output.trim();
    assert_eq!(key.len(), 32, "{output}");
    let session = sign_in(&server, "kristen98", key).await.unwrap();
    assert!(whoami(&session).await.is_ok());
    let listed = server.cli(&["key", "list", "kristen98", "--json"], "").await.ok();
    assert!(!listed.contains(key));
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let row = &listed[0];
    assert_eq!((&row["description"], &row["expires"]), (&"nightly".into(), &serde_json::Value::Null));
    assert_eq!(row["last_used_from"], "127.0.0.1");
    assert!(row["last_used"].is_string(), "{row}");
    let uuid = row["uuid"].as_str().unwrap();
    let table = server.cli(&["key", "list", "KRISTEN98"], "").await.ok();
    assert!(table.contains(uuid) && table.contains("nightly"), "{table}");
    server.cli(&["key", "revoke", uuid], "").await.ok();
    assert_eq!(aborted(sign_in(&server, "kristen98", key).await), denied());
    assert_eq!(server.cli(&["key", "list", "kristen98", "--json"], "").await.ok().trim(), "[]");
    let rows = audit(&server, &["--actor", "%operator"]).await;
    let operations: Vec<&str> = rows.iter().map(|row| row["operation"].as_str().unwrap()).take(2).collect();
    assert_eq!(operations, ["apikey.delete", "apikey.mint"]);
}

#[tokio::test]
async fn keys_are_made_with_no_server_running() {
    let mut server = started().await;
    server.stop().await;
    let made =
        server.cli(&["key", "create", "kristen98", "--expires", "2030-01-01T00:00:00Z", "--json"], "").await.ok();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    assert_eq!(made["expires"], "2030-01-01T00:00:00+00:00");
    server.restart().await;
    let key = made["plaintext_key"].as_str().unwrap();
    assert!(whoami(&sign_in(&server, "kristen98", key).await.unwrap()).await.is_ok());
}

#[tokio::test]
async fn what_can_not_be_done_is_said() {
    let server = server().start().await;
    for (arguments, says) in [
        (&["key", "create", "nobody"][..], "nobody"),
        (&["key", "create", "admin", "--expires", "soon"], "expires"),
        (&["key", "create", "admin", "--permission", "a..b=c"], "permissions"),
        (&["key", "list", "nobody"], "nobody"),
        (&["key", "revoke", "zz"], "zz"),
    ] {
        let output = server.cli(arguments, "").await;
        assert_ne!(output.code, Some(0), "{arguments:?}");
        assert!(output.stderr.contains(says), "{arguments:?}: {}", output.stderr);
    }
}
