//! Patterns of rules against patterns of subscriptions and registrations; expressions that would take long elsewhere.

use std::time::{Duration, Instant};

use countersign_client::{CallError, Dict, Session, Value};

use super::{PASSWORD, PREFIX, call, server, sign_in, with_users};
use crate::support::plaintext_key;

/// The error's URI; `None` if it was granted.
fn error<T>(result: Result<T, CallError>) -> Option<String> {
    match result {
        Ok(_) => None,
        Err(CallError::Remote { error, .. }) => Some(error),
        Err(other) => panic!("{other}"),
    }
}

async fn subscribes(session: &Session, policy: &str, topic: &str) -> bool {
    let refused = error(session.subscribe(topic, Dict::new().with("match", policy)).await.map(drop));
    assert!(refused.as_deref().is_none_or(|error| error == "wamp.error.not_authorized"), "{topic}: {refused:?}");
    refused.is_none()
}

async fn registers(session: &Session, policy: &str, procedure: &str) -> bool {
    let options = Dict::new().with("match", policy);
    error(session.register(procedure, options, async |_| Ok(())).await.map(drop)).is_none()
}

#[tokio::test]
async fn w12_an_exact_rule_grants_no_pattern() {
    let server = with_users(server().start().await).await;
    for (uri, letters) in [("one.exact", "crsp"), ("two.*", "crsp"), ("two.secret", "")] {
        server.cli(&["role", "allow", "frontend", uri, "crsp"], "").await.ok();
        if letters.is_empty() {
            server.cli(&["role", "deny", "frontend", uri], "").await.ok();
        }
    }
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    for (policy, uri, want) in [
        ("exact", "one.exact", true),
        ("prefix", "one.exact", false),
        ("prefix", "one.", false),
        ("prefix", "one", false),
        ("wildcard", "one.", false),
        ("wildcard", ".exact", false),
        ("prefix", "two.open", true),
        ("prefix", "two.", false),
        ("prefix", "two.sec", false),
        ("wildcard", "two.", false),
        ("wildcard", "two..more", true),
        ("prefix", "", false),
        ("wildcard", ".", false),
    ] {
        if !uri.is_empty() {
            assert_eq!(subscribes(&session, policy, uri).await, want, "subscribe {policy} {uri:?}");
            assert_eq!(registers(&session, policy, uri).await, want, "register {policy} {uri:?}");
        }
    }
}

#[tokio::test]
async fn w12_a_dot_at_the_end_or_two_in_a_row_match_no_shorter_rule() {
    let server = with_users(server().start().await).await;
    server.cli(&["role", "allow", "frontend", "a.b", "crsp"], "").await.ok();
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    assert!(subscribes(&session, "exact", "a.b").await);
    for (policy, uri) in [("prefix", "a.b."), ("wildcard", "a.b."), ("wildcard", "a.b..anything"), ("prefix", "a.b..x")]
    {
        let refused = error(session.subscribe(uri, Dict::new().with("match", policy)).await.map(drop));
        assert!(refused.is_some(), "{policy} {uri}");
        assert!(!registers(&session, policy, uri).await, "{policy} {uri}");
    }
    for uri in ["a.b.", "a.b..anything"] {
        assert!(error(session.call(uri, vec![], Dict::new()).await).is_some(), "{uri}");
    }
}

#[tokio::test]
async fn w4_an_expression_of_a_key_holds_nobody_up() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let rules = |pattern: &str| {
        let rule = Dict::new().with("uri", pattern).with("perms", "c");
        Dict::new().with("permissions", Value::List(vec![rule.into()]))
    };
    let mint = async |pattern: &str| call(&zoe, "system.otp.create", vec!["bob".into(), rules(pattern).into()]).await;
    for too_long in ["a".repeat(10_000), format!("/{}/", "(a+)+".repeat(2_000)), "/(((a{1,99}){1,99}){1,99})/".into()] {
        assert_eq!(mint(&too_long).await.unwrap_err().0, "com.izaber.wamp.error.invalidargument");
    }
    let key = plaintext_key(&mint("/(a+)+$/").await.unwrap());
    let (limited, innocent) =
        (sign_in(&server, "bob", &key).await.unwrap(), sign_in(&server, "kristen98", PASSWORD).await.unwrap());
    let began = Instant::now();
    for number in 0..200 {
        // The longest URI, another one each time; with backtracking each would take longer than the universe is old.
        let uri = format!("{}{number}b", "a".repeat(1_000));
        assert_eq!(error(limited.call(&uri, vec![], Dict::new()).await).as_deref(), Some("wamp.error.not_authorized"));
        call(&innocent, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
}
