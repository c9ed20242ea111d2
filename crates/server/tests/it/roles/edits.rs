//! Edits of whole roles by the command line, and what live sessions feel of them.

use countersign_client::Ended;
use countersign_testkit::Server;
use serde_json::{Value, json};

use super::{PASSWORD, PREFIX, call, server, sign_in, with_users};
use crate::support::{audit, ends, text};

async fn role(server: &Server, arguments: &[&str]) -> Result<Value, String> {
    let outcome = server.cli(&[&["role"], arguments, &["--json"]].concat(), "").await;
    match outcome.code {
        Some(0) => Ok(serde_json::from_str(&outcome.stdout).unwrap()),
        _ => Err(outcome.stderr),
    }
}

#[tokio::test]
async fn a_copy_has_the_rules_and_goes_its_own_way() {
    let server = with_users(server().start().await).await;
    role(&server, &["add", "desk"]).await.unwrap();
    role(&server, &["allow", "desk", "a.*", "c"]).await.unwrap();
    let copied = role(&server, &["copy", "desk", "other"]).await.unwrap();
    assert_eq!(copied, json!({"role": "other", "permissions": [{"uri": "a.*", "perms": "c"}]}));
    role(&server, &["deny", "other", "a.b"]).await.unwrap();
    assert_eq!(role(&server, &["show", "desk"]).await.unwrap()["permissions"].as_array().unwrap().len(), 1);
    assert!(role(&server, &["copy", "desk", "other"]).await.unwrap_err().contains("already"));
    assert!(role(&server, &["copy", "nobody", "more"]).await.unwrap_err().contains("no role"));
}

#[tokio::test]
async fn a_renamed_role_keeps_its_users_whose_sessions_end() {
    let server = with_users(server().start().await).await;
    let bob = sign_in(&server, "bob", PASSWORD).await.unwrap();
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    role(&server, &["rename", "backend", "engine"]).await.unwrap();
    match ends(&bob).await {
        Ended::Goodbye { reason, details } => {
            assert_eq!(reason, "wamp.close.killed");
            assert!(text(&details, "message").contains("another name"), "{details:?}");
        }
        other => panic!("{other}"),
    }
    call(&kristen, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
    let again = sign_in(&server, "bob", PASSWORD).await.unwrap();
    assert_eq!(text(again.welcome_details(), "authrole"), "engine");
    call(&again, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
    assert!(role(&server, &["rename", "trust", "engine2"]).await.unwrap_err().contains("trust"));
    assert!(role(&server, &["rename", "engine", "frontend"]).await.unwrap_err().contains("already"));
    let rows = audit(&server, &["--operation", "role.rename", "--outcome", "accepted"]).await;
    assert_eq!((rows.len(), rows[0]["detail"].as_str()), (1, Some("engine")));
}

#[tokio::test]
async fn a_role_is_removed_when_nobody_has_it() {
    let server = with_users(server().start().await).await;
    assert!(role(&server, &["remove", "backend"]).await.unwrap_err().contains("users have"));
    server.cli(&["user", "role", "bob", "frontend"], "").await.ok();
    role(&server, &["remove", "backend"]).await.unwrap();
    assert!(role(&server, &["show", "backend"]).await.unwrap_err().contains("no role"));
    assert!(role(&server, &["remove", "backend"]).await.unwrap_err().contains("no role"));
    assert!(role(&server, &["remove", "trust"]).await.unwrap_err().contains("trust"));
    // Somebody whose role is looked up now has another one.
    sign_in(&server, "bob", PASSWORD).await.unwrap();
}
