//! What a key's session may do: the test-asserted rows of the contract, section 3.5, and its weaknesses.

use std::time::{Duration, Instant};

use countersign_client::{Dict, Session, Value};

use super::{DENIED, NOT_AUTHORIZED, PASSWORD, check_denied, key_of, mint, rules, started, whoami};
use crate::support::{PREFIX, call, sign_in, text};

/// What every session of a key is denied, as the reference's own tests ask.
const PLAIN: [&str; 3] = ["my.apikeys.create", "system.db.update", "my.otp.create"];

async fn check_plain(session: &Session) {
    for short in
        PLAIN.into_iter().chain(["my.otps.create", "my.apikeys.delete", "system.apikeys.create", "system.otp.create"])
    {
        for uri in [format!("{PREFIX}.{short}"), short.to_owned()] {
            check_denied(call(session, &uri, vec![]).await, &uri);
        }
    }
    assert!(whoami(session).await.is_ok());
}

#[tokio::test]
async fn plain_sessions_are_denied_what_makes_further_credentials_and_records() {
    let server = started().await;
    for login in ["kristen98", "zoe", "bob"] {
        let (_, key) = key_of(&server, login, Dict::new()).await;
        check_plain(&sign_in(&server, login, &key).await.unwrap()).await;
        let otp = server.cli(&["otp", "create", login], "").await.ok();
        check_plain(&sign_in(&server, login, otp.trim()).await.unwrap()).await;
    }
}

#[tokio::test]
async fn exact_rules_beat_the_denials_and_what_is_made_has_plain_limits_again() {
    let server = started().await;
    let exact =
        rules(&[("*", "crspoq"), ("com.izaber.wamp.my.apikeys.create", "c"), ("com.izaber.wamp.my.otp.create", "c")]);
    for login in ["kristen98", "zoe"] {
        let (_, key) = key_of(&server, login, exact.clone()).await;
        let session = sign_in(&server, login, &key).await.unwrap();
        let extra = session.welcome_details().get("authextra").and_then(Value::as_dict).unwrap().clone();
        assert_eq!(extra.get("has_restrictions"), Some(&Value::Bool(true)));
        let otp = call(&session, "com.izaber.wamp.my.otp.create", vec![]).await.unwrap();
        check_plain(&sign_in(&server, login, &text(otp.as_dict().unwrap(), "plaintext_key")).await.unwrap()).await;
        let (_, made) = mint(&session, Dict::new()).await;
        check_plain(&sign_in(&server, login, &made).await.unwrap()).await;
        // The other spelling, and the other procedures, have no rule of their own.
        for uri in ["my.apikeys.create", "my.otp.create", "com.izaber.wamp.my.apikeys.delete"] {
            check_denied(call(&session, uri, vec![]).await, uri);
        }
        // Nor does it hand on what it was given.
        let create = "com.izaber.wamp.my.apikeys.create";
        for record in [exact.clone(), rules(&[("com.izaber.wamp.system.db.update", "c")])] {
            let (error, text) = call(&session, create, vec![record.into()]).await.unwrap_err();
            assert_eq!(error, DENIED, "{text}");
        }
        let (error, _) = call(&session, "com.izaber.wamp.my.otp.create", vec![Value::Null]).await.unwrap_err();
        assert_eq!(error, "com.izaber.wamp.error.invalidargument");
    }
}

#[tokio::test]
async fn w2_no_rule_unlocks_what_is_withheld_and_nothing_fades() {
    let server = started().await;
    for own in [
        &[("*", "crspoq"), ("com.izaber.wamp.my.apikeys.*", "c")][..],
        &[("*", "crspoq"), ("com.izaber.wamp.my./.*/.create", "c")],
        &[("*", "crspoq"), ("my.apikey.*", "c"), ("com.izaber.wamp.my.*", "c")],
    ] {
        let (_, key) = key_of(&server, "zoe", rules(own)).await;
        let session = sign_in(&server, "zoe", &key).await.unwrap();
        for _ in 0..3 {
            check_plain(&session).await;
        }
    }
    let (_, key) = key_of(&server, "zoe", rules(&[("com.izaber.wamp.auth.whoami", "c")])).await;
    let session = sign_in(&server, "zoe", &key).await.unwrap();
    for _ in 0..3 {
        assert!(whoami(&session).await.is_ok());
        check_denied(call(&session, "com.izaber.wamp.public.x", vec![]).await, "com.izaber.wamp.public.x");
    }
    // The role was and is the frame: what it loses, the session loses at once.
    server.cli(&["role", "deny", "frontend", "com.izaber.wamp.auth.whoami"], "").await.ok();
    let (_, key) = key_of(&server, "kristen98", rules(&[("*", "crspoq")])).await;
    let session = sign_in(&server, "kristen98", &key).await.unwrap();
    assert_eq!(whoami(&session).await.unwrap_err().0, NOT_AUTHORIZED);
}

/// Rules that would take a backtracking engine longer than the universe lasts.
#[tokio::test]
async fn w4_no_pattern_of_a_key_holds_others_up() {
    let server = started().await;
    let other = sign_in(&server, "bob", PASSWORD).await.unwrap();
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let long = format!("/{}/", "(x|y)*z".repeat(10_000 / 7));
    for pattern in ["/(a+)+$/", "/(a|aa)+$/.b", "/(.*)*x/./(.*)*y/", long.as_str()] {
        let made = call(&session, "my.apikeys.create", vec![rules(&[(pattern, "crsp"), ("b.c", "c")]).into()]).await;
        let key = match made {
            Ok(made) => text(made.as_dict().unwrap(), "plaintext_key"),
            Err((error, text)) => {
                assert_eq!(error, "com.izaber.wamp.error.invalidargument", "{text}");
                assert!(pattern.len() > 1_000, "{pattern} can be matched in linear time: {text}");
                continue;
            }
        };
        let narrowed = sign_in(&server, "kristen98", &key).await.unwrap();
        let uri = format!("{}!", "a".repeat(200));
        let began = Instant::now();
        for _ in 0..20 {
            let (attacked, asked) = tokio::join!(call(&narrowed, &uri, vec![]), whoami(&other));
            assert!(attacked.is_err());
            assert!(asked.is_ok());
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{pattern}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn w8_neither_a_key_nor_its_session_elevates_anything() {
    let server = started().await;
    let reauthenticate = "com.izaber.wamp.auth.reauthenticate";
    let (_, key) = key_of(&server, "kristen98", rules(&[("*", "crspoq")])).await;
    let session = sign_in(&server, "kristen98", &key).await.unwrap();
    for ticket in [key.as_str(), PASSWORD] {
        assert!(!matches!(
            call(&session, reauthenticate, vec![ticket.into()]).await,
            Ok(Value::Int(_) | Value::UInt(_))
        ));
        let is = call(&session, "com.izaber.wamp.auth.is_reauthenticated", vec![]).await;
        assert_eq!(is, Ok(Value::Bool(false)));
    }
    let by_password = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    assert_eq!(call(&by_password, reauthenticate, vec![key.into()]).await, Ok(Value::Bool(false)));
}
