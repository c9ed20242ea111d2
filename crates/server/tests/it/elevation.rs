//! Elevation on the wire: the mark `+`, `auth.reauthenticate` and what belongs to it, `auth.authenticate`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod authenticate;
mod marks;

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_client::{Auth, Client, Dict, Session, Value};
use countersign_identity::totp::{Step, Totp, TotpKey};
use countersign_testkit::{Door, Server, eventually};
use serde_json::json;

use super::http_client::ask;
use super::support::{PASSWORD, PREFIX, SOON, audit, call, plaintext_key, reach, server, server_with, sign_in};

const LOGIN: &str = "kristen98";
const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const WRONG_ARGUMENT: &str = "com.izaber.wamp.error.invalidargument";

/// A server with a user of each role; the password is [`PASSWORD`].
async fn with_users(server: Server) -> Server {
    for (login, role) in [(LOGIN, "frontend"), ("bob", "backend"), ("zoe", "trust")] {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}

fn long(name: &str) -> String {
    format!("{PREFIX}.{name}")
}

/// Calls `auth.NAME` in the long spelling.
async fn auth(session: &Session, name: &str, args: &[&str]) -> Result<Value, (String, String)> {
    call(session, &long(&format!("auth.{name}")), args.iter().map(|arg| Value::from(*arg)).collect()).await
}

async fn is_elevated(session: &Session) -> bool {
    auth(session, "is_reauthenticated", &[]).await.unwrap() != Value::Bool(false)
}

async fn rule(server: &Server, role: &str, uri: &str, letters: &str) {
    server.cli(&["role", "allow", role, uri, letters], "").await.ok();
}

async fn one_time_password(server: &Server, login: &str) -> String {
    let minted = server.cli(&["otp", "create", login, "--json"], "").await.ok();
    serde_json::from_str::<serde_json::Value>(&minted).unwrap()["plaintext_key"].as_str().unwrap().to_owned()
}

/// Each procedure once, by these URIs.
async fn goes_through_its_states(session: &Session, reauthenticate: &str, is: &str, extend: &str) {
    let no_arguments = async |procedure: &str| call(session, procedure, vec![]).await.unwrap();
    let left = match no_arguments(is).await {
        Value::Float(left) => left,
        other => panic!("{is}: {other:?}"),
    };
    assert!(0.0 < left && left <= 120.0, "{left}");
    assert_eq!(no_arguments(extend).await.as_u64(), Some(120));
    assert_eq!(auth(session, "reauthenticate_expire", &[]).await.unwrap(), Value::Null);
    assert_eq!(no_arguments(is).await, Value::Bool(false));
    assert_eq!(no_arguments(extend).await, Value::Bool(false));
    for wrong in ["guess", "", " ", &format!("{PASSWORD} ")] {
        assert_eq!(call(session, reauthenticate, vec![wrong.into()]).await.unwrap(), Value::Bool(false), "{wrong:?}");
    }
    assert_eq!(no_arguments(is).await, Value::Bool(false));
    assert_eq!(call(session, reauthenticate, vec![PASSWORD.into()]).await.unwrap().as_u64(), Some(120));
    assert!(matches!(no_arguments(is).await, Value::Float(_)));
    assert_eq!(no_arguments(extend).await.as_u64(), Some(120));
    for (wrong, procedure) in [
        (vec![], reauthenticate),
        (vec![Value::Int(5)], reauthenticate),
        (vec!["x".into(), "y".into()], reauthenticate),
    ] {
        assert_eq!(call(session, procedure, wrong).await.unwrap_err().0, WRONG_ARGUMENT);
    }
    for procedure in [is, extend] {
        assert_eq!(call(session, procedure, vec![Value::Int(1)]).await.unwrap_err().0, WRONG_ARGUMENT, "{procedure}");
    }
    assert_eq!(auth(session, "reauthenticate_expire", &["x"]).await.unwrap_err().0, WRONG_ARGUMENT);
}

#[tokio::test]
async fn every_spelling_reauthenticates_says_so_extends_and_expires() {
    let server = with_users(server().start().await).await;
    let names = ["reauthenticate", "is_reauthenticated", "extend_reauthenticate"];
    let short = names.map(|name| format!("auth.{name}"));
    let lengthy = names.map(|name| long(&format!("auth.{name}")));
    let old = names.map(|name| long(&format!("system.{name}")));
    for (login, uris) in [("zoe", &short), ("zoe", &lengthy), ("zoe", &old), (LOGIN, &lengthy), ("bob", &lengthy)] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        goes_through_its_states(&session, &uris[0], &uris[1], &uris[2]).await;
    }
    // The short one of the fourth.
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    assert_eq!(call(&zoe, "auth.reauthenticate_expire", vec![]).await.unwrap(), Value::Null);
    assert!(!is_elevated(&zoe).await);
    let rows = audit(&server, &["--operation", "reauthenticate", "--outcome", "accepted"]).await;
    assert_eq!(rows.len(), 5);
    let rows = audit(&server, &["--operation", "reauthenticate", "--outcome", "refused"]).await;
    assert_eq!(rows.iter().filter(|row| row["reason"] == "wrong_ticket").count(), 10);
    assert_eq!(rows.iter().filter(|row| row["reason"] == "blank_ticket").count(), 10);
    assert!(rows.iter().all(|row| row["actor"] == row["target"]));
}

#[tokio::test]
async fn who_may_call_what() {
    let server = with_users(server().start().await).await;
    let of_auth = ["reauthenticate", "is_reauthenticated", "extend_reauthenticate", "reauthenticate_expire"];
    let (frontend, backend, trust) = (
        sign_in(&server, LOGIN, PASSWORD).await.unwrap(),
        sign_in(&server, "bob", PASSWORD).await.unwrap(),
        sign_in(&server, "zoe", PASSWORD).await.unwrap(),
    );
    let error = async |session: &Session, uri: &str| {
        // More than it takes, so that nothing is done.
        let three = vec!["a".into(), "b".into(), "c".into()];
        call(session, uri, three).await.unwrap_err().0
    };
    for name in of_auth {
        let (short, long) = (format!("auth.{name}"), long(&format!("auth.{name}")));
        for (session, uri, want) in [
            (&frontend, &long, WRONG_ARGUMENT),
            (&backend, &long, WRONG_ARGUMENT),
            (&trust, &long, WRONG_ARGUMENT),
            (&frontend, &short, NOT_AUTHORIZED),
            (&backend, &short, NOT_AUTHORIZED),
            (&trust, &short, WRONG_ARGUMENT),
        ] {
            assert_eq!(error(session, uri).await, want, "{uri}");
        }
    }
    let missing = "wamp.error.no_such_procedure";
    for (uri, of_frontend) in [
        ("system.reauthenticate", NOT_AUTHORIZED),
        ("system.is_reauthenticated", WRONG_ARGUMENT),
        ("system.extend_reauthenticate", WRONG_ARGUMENT),
        ("auth.authenticate", WRONG_ARGUMENT),
    ] {
        assert_eq!(error(&frontend, &long(uri)).await, of_frontend, "{uri}");
        assert_eq!(error(&backend, &long(uri)).await, WRONG_ARGUMENT, "{uri}");
        // These have no short spelling.
        assert_eq!(error(&trust, uri).await, missing, "{uri}");
        assert_eq!(error(&frontend, uri).await, NOT_AUTHORIZED, "{uri}");
    }
}

#[tokio::test]
async fn w8_a_one_time_password_does_not_elevate_and_is_not_used_up_by_the_try() {
    let server = with_users(server().start().await).await;
    let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    auth(&session, "reauthenticate_expire", &[]).await.unwrap();
    let minted = call(&session, "my.otp.create", vec![]).await.unwrap();
    let key = plaintext_key(&minted);
    assert_eq!(auth(&session, "reauthenticate", &[&key]).await.unwrap(), Value::Bool(false));
    assert!(!is_elevated(&session).await);
    sign_in(&server, LOGIN, &key).await.expect("it is still good");
}

#[tokio::test]
async fn w8_a_session_of_a_one_time_password_can_not_be_elevated() {
    let server = with_users(server().start().await).await;
    rule(&server, "frontend", "desk.open", "cr+").await;
    let key = one_time_password(&server, LOGIN).await;
    let session = sign_in(&server, LOGIN, &key).await.unwrap();
    assert!(!is_elevated(&session).await, "not by its login either");
    let (error, text) = auth(&session, "reauthenticate", &[PASSWORD]).await.unwrap_err();
    assert_eq!(error, NOT_AUTHORIZED);
    assert!(text.contains("one-time password"), "{text}");
    assert_eq!(auth(&session, "extend_reauthenticate", &[]).await.unwrap(), Value::Bool(false));
    assert!(!is_elevated(&session).await);
    let refused = session.register("desk.open", Dict::new(), async |_| Ok(())).await.unwrap_err().to_string();
    assert!(refused.contains(NOT_AUTHORIZED), "{refused}");
    let rows = audit(&server, &["--operation", "reauthenticate"]).await;
    assert_eq!((rows.len(), rows[0]["reason"].as_str()), (1, Some("not_elevatable")));
}

#[tokio::test]
async fn a_session_of_a_sign_on_token_is_elevated_by_the_password_only() {
    let server = with_users(server().start().await).await;
    let body = json!({"username": LOGIN, "password": PASSWORD, "current_app": "CRM"}).to_string();
    let answer = ask(&server, "POST", "/sso/user/login", "", body.as_bytes()).await.json();
    let token = answer["ust"].as_str().unwrap_or_else(|| panic!("{answer}"));
    let session = sign_in(&server, "", token).await.unwrap();
    assert!(!is_elevated(&session).await);
    assert_eq!(auth(&session, "reauthenticate", &[token]).await.unwrap(), Value::Bool(false));
    assert_eq!(auth(&session, "reauthenticate", &[PASSWORD]).await.unwrap().as_u64(), Some(120));
    assert!(is_elevated(&session).await);
}

#[tokio::test]
async fn where_the_second_factor_is_on_the_code_stands_behind_the_password() {
    let server = with_users(server().start().await).await;
    let reset = server.cli(&["user", "totp", "reset", LOGIN, "--json"], "").await.ok();
    let reset: serde_json::Value = serde_json::from_str(&reset).unwrap();
    server.cli(&["user", "totp", "enable", LOGIN], "").await.ok();
    let totp = Totp::new(TotpKey::parse(reset["totp_key"].as_str().unwrap()).unwrap());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let with_code = |steps: u64| format!("{PASSWORD}{}", totp.code(Step::from_number(now / 30 - 1 + steps)).expose());
    let session = sign_in(&server, LOGIN, &with_code(0)).await.unwrap();
    auth(&session, "reauthenticate_expire", &[]).await.unwrap();
    for wrong in [PASSWORD, &with_code(0)] {
        assert_eq!(auth(&session, "reauthenticate", &[wrong]).await.unwrap(), Value::Bool(false));
    }
    assert_eq!(auth(&session, "reauthenticate", &[&with_code(1)]).await.unwrap().as_u64(), Some(120));
    let rows = audit(&server, &["--operation", "reauthenticate"]).await;
    let reasons: Vec<_> = rows.iter().rev().map(|row| row["reason"].as_str()).collect();
    assert_eq!(reasons, [Some("code_missing"), Some("code_reused"), None]);
}

#[tokio::test]
async fn the_setting_says_how_long_it_lasts() {
    let server = with_users(server_with("[auth]\nelevation_seconds = 2\n").start().await).await;
    let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    assert_eq!(auth(&session, "reauthenticate", &[PASSWORD]).await.unwrap().as_u64(), Some(2));
    let is_over = async || (!is_elevated(&session).await).then_some(());
    eventually("the end of the elevation", SOON, is_over).await;
    assert_eq!(auth(&session, "extend_reauthenticate", &[]).await.unwrap(), Value::Bool(false));
    assert_eq!(auth(&session, "reauthenticate", &[PASSWORD]).await.unwrap().as_u64(), Some(2));
    assert!(is_elevated(&session).await);
}

#[tokio::test]
async fn w14_elevation_is_of_one_session_only() {
    let server = with_users(server().start().await).await;
    let first = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    let second = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    auth(&first, "reauthenticate_expire", &[]).await.unwrap();
    assert!(!is_elevated(&first).await);
    assert!(is_elevated(&second).await);
    auth(&second, "reauthenticate_expire", &[]).await.unwrap();
    auth(&first, "reauthenticate", &[PASSWORD]).await.unwrap();
    assert!(is_elevated(&first).await);
    assert!(!is_elevated(&second).await);
}

#[tokio::test]
async fn w14_a_session_without_a_login_never_passes_the_mark() {
    let server = server_with("[auth]\nanonymous = true\n").start().await;
    rule(&server, "public", "open.door", "c+r").await;
    for name in ["reauthenticate", "is_reauthenticated", "extend_reauthenticate"] {
        rule(&server, "public", &long(&format!("auth.{name}")), "c").await;
    }
    let session = Client::connect(reach(&server, Door::Http).auth(Auth::anonymous())).await.unwrap();
    session.register("open.door", Dict::new(), async |_| Ok(())).await.unwrap();
    let (error, text) = call(&session, "open.door", vec![]).await.unwrap_err();
    assert_eq!(error, NOT_AUTHORIZED);
    assert!(text.contains("log in"), "{text}");
    assert_eq!(auth(&session, "is_reauthenticated", &[]).await.unwrap(), Value::Bool(false));
    assert_eq!(auth(&session, "extend_reauthenticate", &[]).await.unwrap(), Value::Bool(false));
    let (error, text) = auth(&session, "reauthenticate", &[PASSWORD]).await.unwrap_err();
    assert_eq!(error, NOT_AUTHORIZED);
    assert!(text.contains("without a login"), "{text}");
    let rows = audit(&server, &["--operation", "reauthenticate"]).await;
    assert_eq!((rows[0]["actor"].as_str(), rows[0]["reason"].as_str()), (Some("%anonymous"), Some("not_elevatable")));
}
