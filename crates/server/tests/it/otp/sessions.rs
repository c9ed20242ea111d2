//! Logging in with a one-time password, and what the session may do.

use std::time::Duration;

use countersign_client::{CallError, Dict, Encoding, Session, Value};
use countersign_testkit::{Door, eventually};
use jiff::Timestamp;

use super::{MINE, NOT_AUTHORIZED, PASSWORD, PREFIX, SYSTEM, aborted, call, mint, mint_for, rules, with_users};
use crate::support::{passed, server, server_with, sign_in, sign_in_at, text};

const DENIED: &str = "com.izaber.wamp.error.permissiondenied";

/// Every refusal looks the same to a stranger.
fn denied() -> (String, String) {
    (DENIED.to_owned(), "Permission Denied".to_owned())
}

#[tokio::test]
async fn works_once_at_every_door_and_in_any_case_of_the_login() {
    let server = with_users(server().start().await).await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    for (door, login) in Door::ALL.into_iter().zip(["kristen98", "KRISTEN98", "Kristen98", "kristeN98"]) {
        for encoding in Encoding::ALL {
            let (_, key) = mint(&session).await;
            // Neither another's login nor another's key spends it.
            assert_eq!(aborted(sign_in(&server, "jsmith1234", &key).await), denied());
            assert_eq!(aborted(sign_in(&server, login, &format!("{key} ")).await), denied());
            let opened = sign_in_at(&server, door, encoding, login, &key).await.unwrap();
            let details = opened.welcome_details();
            assert_eq!((text(details, "authid"), text(details, "authrole")), ("kristen98".into(), "frontend".into()));
            assert_eq!(text(details, "authmethod"), "ticket");
            let me = call(&opened, "com.izaber.wamp.auth.whoami", vec![]).await.unwrap();
            assert_eq!(me, Dict::new().with("authid", "kristen98").with("role", "frontend").into());
            for again in Door::ALL {
                assert_eq!(aborted(sign_in_at(&server, again, encoding, login, &key).await), denied(), "{again:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_login_leaves_the_one_time_password_of_a_locked_user_unspent() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let key = mint_for(&zoe, "kristen98", Dict::new()).await.unwrap();
    server.cli(&["user", "lock", "kristen98"], "").await.ok();
    assert_eq!(aborted(sign_in(&server, "kristen98", &key).await), denied());
    assert_eq!(aborted(sign_in(&server, "kristen98", PASSWORD).await), denied());
    let (error, text) = mint_for(&zoe, "kristen98", Dict::new()).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.notfound");
    assert!(text.contains("not enabled"), "{text}");
    server.cli(&["user", "unlock", "kristen98"], "").await.ok();
    sign_in(&server, "kristen98", &key).await.unwrap();
    assert_eq!(aborted(sign_in(&server, "kristen98", &key).await), denied());
    // One of a user that is deleted goes with the user, also if the login is given away again.
    let key = mint_for(&zoe, "kristen98", Dict::new()).await.unwrap();
    server.cli(&["user", "delete", "kristen98"], "").await.ok();
    assert_eq!(aborted(sign_in(&server, "kristen98", &key).await), denied());
    server.add_user("kristen98", "frontend", PASSWORD).await;
    assert_eq!(aborted(sign_in(&server, "kristen98", &key).await), denied());
}

#[tokio::test]
async fn is_refused_after_its_time_and_no_longer_listed() {
    let server = with_users(server_with("[otp]\nlifetime_seconds = 1").start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let otp = call(&zoe, "system.otp.create", vec!["kristen98".into()]).await.unwrap();
    let otp = otp.as_dict().unwrap();
    let expires: Timestamp = text(otp, "expires").parse().unwrap();
    eventually("its end", Duration::from_secs(5), async || (Timestamp::now() > expires).then_some(())).await;
    assert_eq!(aborted(sign_in(&server, "kristen98", &text(otp, "plaintext_key")).await), denied());
    let list = call(&zoe, "system.otp.list", vec!["kristen98".into()]).await;
    assert_eq!(list, Ok(Value::List(vec![])));
}

#[tokio::test]
async fn what_has_ended_is_reaped() {
    let server = server_with("[otp]\nlifetime_seconds = 1\nspent_kept_seconds = 0").start().await;
    let mut server = with_users(server).await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let (login, spent) = mint(&session).await;
    sign_in(&server, &login, &spent).await.unwrap();
    let otp = call(&session, "my.otp.create", vec![]).await.unwrap();
    let expires: Timestamp = text(otp.as_dict().unwrap(), "expires").parse().unwrap();
    eventually("its end", Duration::from_secs(5), async || (Timestamp::now() > expires).then_some(())).await;
    // Reaping begins with the start.
    server.restart().await;
    eventually("reaping", Duration::from_secs(10), async || {
        let output = server.output();
        output
            .lines()
            .any(|line| line.contains("removed what had come to its end") && line.contains("one-time passwords"))
            .then_some(())
    })
    .await;
    assert_eq!(aborted(sign_in(&server, &login, &spent).await), denied());
}

/// ERROR `not_authorized` with the words that clients look for.
#[track_caller]
fn check_denied(result: Result<Value, (String, String)>, uri: &str) {
    let (error, text) = result.expect_err(uri);
    assert_eq!(error, NOT_AUTHORIZED, "{uri}: {text}");
    assert!(text.contains(&format!("is not authorized to call procedure \"{uri}\"")), "{text}");
}

async fn can_publish(session: &Session, topic: &str) -> bool {
    let options = Dict::new().with("acknowledge", true);
    match session.publish(topic, vec![], Dict::new(), options).await {
        Ok(_) => true,
        Err(CallError::Remote { error, .. }) if error == NOT_AUTHORIZED => false,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn permissions_narrow_what_the_session_may_do() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let whoami = format!("{PREFIX}.auth.whoami");
    let topic = format!("{PREFIX}.public.news");
    for (role, login) in [("frontend", "kristen98"), ("trust", "zoe")] {
        let key = mint_for(&zoe, login, rules(&[(&whoami, "c")])).await.unwrap();
        let session = sign_in(&server, login, &key).await.unwrap();
        let extra = session.welcome_details().get("authextra").and_then(Value::as_dict).unwrap();
        assert_eq!(extra.get("has_restrictions"), Some(&Value::Bool(true)));
        assert!(call(&session, &whoami, vec![]).await.is_ok(), "{role}");
        check_denied(call(&session, "com.izaber.wamp.public.x", vec![]).await, "com.izaber.wamp.public.x");
        assert!(!can_publish(&session, &topic).await, "{role}");
        assert!(matches!(session.subscribe(&topic, Dict::new()).await,
            Err(CallError::Remote { error, .. }) if error == NOT_AUTHORIZED));
        // Whoever wasn't allowed before sees no trace of what exists.
        check_denied(call(&session, "no.such.procedure", vec![]).await, "no.such.procedure");
    }
    let key = mint_for(&zoe, "kristen98", rules(&[(&format!("{PREFIX}.public.*"), "p")])).await.unwrap();
    let session = sign_in(&server, "kristen98", &key).await.unwrap();
    assert!(can_publish(&session, &topic).await);
    check_denied(call(&session, &whoami, vec![]).await, &whoami);
    let key = mint_for(&zoe, "kristen98", rules(&[(&whoami, "")])).await.unwrap();
    let session = sign_in(&server, "kristen98", &key).await.unwrap();
    check_denied(call(&session, &whoami, vec![]).await, &whoami);
}

#[tokio::test]
async fn permissions_never_widen_what_the_role_grants() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let beyond = [format!("{PREFIX}.backend.secret"), "anything.else".to_owned(), format!("{PREFIX}.system.otp.list")];
    let exact: Vec<(&str, &str)> = beyond.iter().map(|uri| (uri.as_str(), "crspoq")).collect();
    for permissions in [rules(&[("*", "crspoq")]), rules(&exact), Dict::new()] {
        let key = mint_for(&zoe, "kristen98", permissions).await.unwrap();
        let session = sign_in(&server, "kristen98", &key).await.unwrap();
        for uri in &beyond {
            check_denied(call(&session, uri, vec![]).await, uri);
            assert!(!can_publish(&session, uri).await, "{uri}");
            let echo = |_| std::future::ready(Ok((vec![], Dict::new())));
            let registered = session.register(uri, Dict::new(), echo).await;
            assert!(matches!(registered, Err(CallError::Remote { error, .. }) if error == NOT_AUTHORIZED), "{uri}");
        }
    }
}

#[tokio::test]
async fn its_session_makes_and_withdraws_no_other() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let own = MINE.map(|name| format!("{name}.create"));
    let others = SYSTEM.map(|name| format!("{name}.create"));
    let deletes = [MINE.map(|name| format!("{name}.delete")), SYSTEM.map(|name| format!("{name}.delete"))].concat();
    let all: Vec<&str> = own.iter().chain(&others).chain(&deletes).map(String::as_str).collect();
    let exact: Vec<(&str, &str)> = all.iter().map(|uri| (*uri, "c")).collect();
    let same_pattern: Vec<String> = MINE.iter().chain(&SYSTEM).map(|name| format!("{name}.*")).collect();
    let same_pattern: Vec<(&str, &str)> = same_pattern.iter().map(|uri| (uri.as_str(), "c")).collect();
    let uuid = "AAAAAAAAAAAAAAAAAAAAAA";
    for login in ["kristen98", "zoe"] {
        for permissions in [Dict::new(), rules(&[("*", "crspoq")]), rules(&exact), rules(&same_pattern)] {
            let shown = format!("{login} {permissions:?}");
            let key = mint_for(&zoe, login, permissions).await.unwrap();
            let session = sign_in(&server, login, &key).await.unwrap();
            for uri in &all {
                let args = match *uri {
                    uri if uri.ends_with("delete") => vec![Value::from(uuid)],
                    uri if uri.contains("system") => vec![Value::from("kristen98")],
                    _ => vec![],
                };
                let (error, text) = call(&session, uri, args).await.expect_err(&shown);
                assert_eq!(error, NOT_AUTHORIZED, "{shown} {uri}: {text}");
                assert!(text.contains("is not authorized"), "{shown} {uri}: {text}");
            }
        }
    }
    for login in ["kristen98", "zoe"] {
        let list = call(&zoe, "system.otp.list", vec![login.into()]).await;
        assert_eq!(list, Ok(Value::List(vec![])), "{login}");
    }
}

#[tokio::test]
async fn its_session_has_a_longest_life() {
    let server = with_users(server_with("[otp]\nsession_seconds_max = 1").start().await).await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let (login, key) = mint(&session).await;
    assert_eq!(passed(&server, "otp.session_seconds_max").await, 0);
    let opened = sign_in(&server, &login, &key).await.unwrap();
    let countersign_client::Ended::Goodbye { reason, .. } = crate::support::ends(&opened).await else { panic!() };
    assert_eq!(reason, "wamp.close.killed");
    assert_eq!(passed(&server, "otp.session_seconds_max").await, 1);
    // The session that was opened with the password goes on.
    mint(&session).await;
}
