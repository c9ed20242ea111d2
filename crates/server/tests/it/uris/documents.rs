//! `!`: what has to be documented, and by whom it is.

use super::*;
use crate::support::{audit, sign_in_at};
use countersign_client::Encoding;
use countersign_testkit::Door;

const SET: [&str; 2] = ["com.izaber.wamp.system.document.set", "system.document.set"];
const GET: [&str; 2] = ["com.izaber.wamp.system.document.get", "system.document.get"];

fn data(policy: &str) -> Dict {
    Dict::new().with("match", policy).with("description", "what it is for").with("contact", "who@example.com")
}

async fn document(session: &Session, procedure: &str, uri: &str, data: Dict) -> Result<Value, (String, String)> {
    call(session, procedure, vec!["register".into(), uri.into(), data.into()]).await
}

/// A server where the role `docs` has to document what it registers.
async fn with_rules() -> Server {
    let server = with_users(server().start().await).await;
    server.cli(&["role", "add", "docs"], "").await.ok();
    for (uri, perms) in [
        ("docsrequired.*", "cr!"),
        ("callrequired.*", "c!"),
        ("both.*", "r!+"),
        ("system.document.*", "c"),
        ("com.izaber.wamp.system.document.*", "c"),
    ] {
        server.cli(&["role", "allow", "docs", uri, perms], "").await.ok();
    }
    server.add_user("dora", "docs", PASSWORD).await;
    server
}

#[tokio::test]
async fn what_needs_documentation_is_registered_once_it_has_some() {
    let server = with_rules().await;
    for (number, procedure) in SET.into_iter().enumerate() {
        for encoding in Encoding::ALL {
            let dora = sign_in_at(&server, Door::Http, encoding, "dora", PASSWORD).await.unwrap();
            let uri = format!("docsrequired.{number}.{encoding:?}").to_lowercase();
            for policy in [MatchPolicy::Exact, MatchPolicy::Prefix] {
                let (error, text) = register(&dora, &uri, options().matching(policy)).await.unwrap_err();
                assert_eq!(error, "wamp.error.authorization_failed");
                for part in [
                    format!("failed to authorize session for registering procedure '{uri}'"),
                    "com.izaber.wamp.error.requiredocumentation".into(),
                    format!("register://{uri} requires documentation in the database before register may be called"),
                ] {
                    assert!(text.contains(&part), "{text}");
                }
                assert_eq!(document(&dora, procedure, &uri, data(policy.name())).await, Ok(Value::Bool(true)));
                register(&dora, &uri, options().matching(policy)).await.unwrap();
            }
        }
    }
    let rows = audit(&server, &["--operation", "uri.set", "--actor", "dora"]).await;
    assert!(rows.iter().all(|row| row["outcome"] == "accepted"));
    assert_eq!(rows.len(), 2 * 2 * Encoding::ALL.len());
}

#[tokio::test]
async fn half_a_documentation_is_none_and_a_lost_one_takes_the_registration_away() {
    let server = with_rules().await;
    let dora = as_user(&server, "dora").await;
    let uri = "docsrequired.half";
    for half in [
        Dict::new(),
        Dict::new().with("description", "what"),
        Dict::new().with("description", "what").with("contact", ""),
    ] {
        assert_eq!(document(&dora, SET[0], uri, half).await, Ok(Value::Bool(true)));
        register(&dora, uri, options()).await.unwrap_err();
    }
    assert_eq!(document(&dora, SET[0], uri, Dict::new().with("contact", "who")).await, Ok(Value::Bool(true)));
    let registration = register(&dora, uri, options()).await.unwrap();
    server.cli(&["uri", "document", uri, "--description", "what", "--contact", ""], "").await.ok();
    tokio::time::timeout(SOON, registration.ended()).await.expect("the registration is taken away");
    register(&dora, uri, options()).await.unwrap_err();
    // By the command as well as by the procedure.
    server.cli(&["uri", "document", uri, "--description", "what", "--contact", "who"], "").await.ok();
    register(&dora, uri, options()).await.unwrap();
}

#[tokio::test]
async fn marks_other_than_those_of_a_registration_count_too() {
    let server = with_rules().await;
    let (dora, zoe) = (as_user(&server, "dora").await, as_user(&server, "zoe").await);
    register(&zoe, "callrequired.a", options()).await.unwrap();
    let (error, text) = call(&dora, "callrequired.a", vec![]).await.unwrap_err();
    assert_eq!(error, "wamp.error.authorization_failed");
    assert!(text.contains("call://callrequired.a requires documentation"), "{text}");
    assert_eq!(document(&zoe, SET[1], "callrequired.a", data("exact")).await, Ok(Value::Bool(true)));
    call(&dora, "callrequired.a", vec![]).await.unwrap();
}

#[tokio::test]
async fn only_who_may_register_documents_and_only_registrations() {
    let server = with_rules().await;
    let (dora, zoe) = (as_user(&server, "dora").await, as_user(&server, "zoe").await);
    let not_done = Ok(Value::Bool(false));
    for procedure in SET {
        assert_eq!(document(&dora, procedure, "elsewhere.a", data("exact")).await, not_done);
        // A prefix means more than the rule grants.
        assert_eq!(document(&dora, procedure, "docsrequired", data("prefix")).await, not_done);
        assert_eq!(document(&dora, procedure, "callrequired.a", data("exact")).await, not_done);
        assert_eq!(document(&zoe, procedure, "elsewhere.a", data("exact").with("owner", "zoe")).await, not_done);
        for action in ["call", "subscribe", "publish", "", "Register"] {
            let args = vec![action.into(), "elsewhere.a".into(), data("exact").into()];
            assert_eq!(call(&zoe, procedure, args).await, not_done, "{action}");
        }
        for args in [
            vec![],
            vec!["register".into()],
            vec!["register".into(), "a.b".into()],
            vec!["register".into(), "a.b".into(), "text".into()],
            vec!["register".into(), Value::Int(5), data("exact").into()],
            vec!["register".into(), "a b".into(), data("exact").into()],
            vec!["register".into(), "a..b".into(), data("exact").into()],
            vec!["register".into(), "a.b".into(), data("near").into()],
            vec!["register".into(), "a.b".into(), Dict::new().with("contact", 5_u32).into()],
            vec!["register".into(), "a.b".into(), Dict::new().with("contact", "x".repeat(1_025)).into()],
            vec!["register".into(), "a.b".into(), data("exact").into(), Value::Null],
        ] {
            let (error, text) = call(&zoe, procedure, args).await.unwrap_err();
            assert_eq!(error, INVALID_ARGUMENT, "{text}");
        }
    }
    assert_eq!(record(&server, "elsewhere.a").await, None);
    let refused = audit(&server, &["--operation", "uri.set", "--actor", "dora", "--outcome", "refused"]).await;
    assert_eq!(refused.len(), 6);
}

#[tokio::test]
async fn the_documentation_is_read_by_trusted_users() {
    let server = with_rules().await;
    let (dora, zoe) = (as_user(&server, "dora").await, as_user(&server, "zoe").await);
    for (number, procedure) in GET.into_iter().enumerate() {
        let uri = format!("docsrequired.{number}");
        let get = |policy: &str| vec![policy.into(), uri.as_str().into()];
        assert_eq!(call(&zoe, procedure, get("exact")).await, Ok(Value::Null));
        assert_eq!(document(&dora, SET[0], &uri, data("exact")).await, Ok(Value::Bool(true)));
        let want = Dict::new()
            .with("uri", uri.as_str())
            .with("match", "exact")
            .with("action", "register")
            .with("description", "what it is for")
            .with("contact", "who@example.com");
        assert_eq!(call(&zoe, procedure, get("exact")).await, Ok(want.into()));
        assert_eq!(call(&zoe, procedure, get("prefix")).await, Ok(Value::Null));
        let (error, text) = call(&dora, procedure, get("exact")).await.unwrap_err();
        assert_eq!(error, "com.izaber.wamp.error.permissiondenied");
        assert!(text.starts_with("Permission Denied"), "{text}");
        for args in [vec![], vec!["near".into(), "a.b".into()], vec!["exact".into(), "a b".into()]] {
            assert_eq!(call(&zoe, procedure, args).await.unwrap_err().0, INVALID_ARGUMENT);
        }
    }
}

#[tokio::test]
async fn others_reach_neither_procedure() {
    let server = with_rules().await;
    let kristen = as_user(&server, "kristen98").await;
    let bob = as_user(&server, "bob").await;
    let zoe = as_user(&server, "zoe").await;
    let otp = call(&zoe, "my.otp.create", vec![]).await.unwrap();
    let by_otp = sign_in(&server, "zoe", &crate::support::plaintext_key(&otp)).await.unwrap();
    for procedure in SET.into_iter().chain(GET) {
        for session in [&kristen, &by_otp] {
            assert_eq!(call(session, procedure, vec![]).await.unwrap_err().0, NOT_AUTHORIZED, "{procedure}");
        }
        // A backend's rules are those of the long spelling.
        let want = if procedure.starts_with("com.") { INVALID_ARGUMENT } else { NOT_AUTHORIZED };
        assert_eq!(call(&bob, procedure, vec![]).await.unwrap_err().0, want, "{procedure}");
    }
}
