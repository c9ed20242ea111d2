//! System URIs belong to the server: nobody registers them, shadows them, or gets their calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_client::{CallError, Dict, Session, Value};
use countersign_testkit::Server;

use super::{PASSWORD, PREFIX, call, server, sign_in, with_users};

/// Procedures of the bus that this replaces, which must not be there at all.
const GONE: [&str; 2] = ["auth.authenticator", "auth.authorizer"];
/// Such as there is none of yet.
const UNUSED: [&str; 3] = ["auth.made_up", "my.made_up", "system.db.made_up"];

/// Every URI of the server, in every spelling, and those that there must not be.
async fn system_uris(server: &Server) -> Vec<String> {
    let listed = server.cli(&["procedure", "list", "--json"], "").await.ok();
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed).unwrap();
    let uris =
        listed.iter().flat_map(|one| one["uris"].as_array().unwrap()).map(|uri| uri.as_str().unwrap().to_owned());
    let others = GONE.iter().chain(&UNUSED).flat_map(|name| [(*name).to_owned(), format!("{PREFIX}.{name}")]);
    uris.chain(others).collect()
}

/// Registers a procedure that only counts its calls. The error's URI where that is refused.
async fn register(session: &Session, uri: &str, options: Dict, calls: &Arc<AtomicUsize>) -> Result<(), String> {
    let calls = Arc::clone(calls);
    let counting = move |_| {
        calls.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(()))
    };
    match session.register(uri, options, counting).await {
        Ok(_) => Ok(()),
        Err(CallError::Remote { error, .. }) => Err(error),
        Err(other) => panic!("{uri}: {other}"),
    }
}

#[tokio::test]
async fn w1_nobody_registers_a_system_uri_whatever_the_role_and_the_options() {
    let server = with_users(server().start().await).await;
    let uris = system_uris(&server).await;
    let calls = Arc::default();
    for login in ["kristen98", "bob", "zoe", "mallory"] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        for uri in &uris {
            for options in [
                Dict::new(),
                Dict::new().with("force_reregister", true),
                Dict::new().with("force_reregister", true).with("invoke", "roundrobin"),
                Dict::new().with("invoke", "last").with("match", "exact"),
            ] {
                let error = register(&session, uri, options.clone(), &calls).await.unwrap_err();
                let expected = ["wamp.error.procedure_already_exists", "wamp.error.not_authorized"];
                assert!(expected.contains(&error.as_str()), "{login} {uri} {options:?}: {error}");
                // Who may do everything hears the true reason.
                assert!(!["zoe", "mallory"].contains(&login) || error == expected[0], "{login} {uri}: {error}");
            }
        }
        for uri in ["wamp.session.list", "wamp.made.up"] {
            let error = register(&session, uri, Dict::new().with("force_reregister", true), &calls).await.unwrap_err();
            assert!(["wamp.error.invalid_uri", "wamp.error.not_authorized"].contains(&error.as_str()), "{error}");
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn w1_a_pattern_that_covers_system_uris_gets_none_of_their_calls() {
    let server = with_users(server().start().await).await;
    let mallory = sign_in(&server, "mallory", PASSWORD).await.unwrap();
    let calls = Arc::default();
    let mut registered = 0;
    for (policy, pattern) in [
        ("prefix", "com.izaber.wamp.auth.authenticator"),
        ("prefix", "com.izaber.wamp.auth."),
        ("prefix", "com.izaber.wamp.auth"),
        ("prefix", "com.izaber.wamp."),
        ("prefix", "com"),
        ("prefix", "auth."),
        ("prefix", "a"),
        ("prefix", "my."),
        ("prefix", "system"),
        ("wildcard", "com.izaber.wamp.auth."),
        ("wildcard", "com.izaber.wamp.auth.whoami"),
        ("wildcard", ".izaber.wamp..whoami"),
        ("wildcard", "...."),
        ("wildcard", "com.izaber.wamp..."),
        ("wildcard", "com.izaber..auth.authenticator"),
        ("wildcard", "auth."),
        ("wildcard", ".whoami"),
        ("wildcard", "."),
        ("wildcard", "my.otp."),
    ] {
        let options = Dict::new().with("match", policy).with("force_reregister", true);
        registered += usize::from(register(&mallory, pattern, options, &calls).await.is_ok());
    }
    assert!(registered > 10, "{registered} patterns are there at all");
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for uri in system_uris(&server).await {
        // More arguments than any procedure takes, so that nothing is done.
        let answer = call(&zoe, &uri, vec![Value::from("x"); 12]).await;
        let (error, _) = answer.expect_err(&uri);
        let is_there = ![GONE.as_slice(), &UNUSED].concat().iter().any(|name| uri.ends_with(name));
        let want = if is_there { "com.izaber.wamp.error.invalidargument" } else { "wamp.error.no_such_procedure" };
        assert_eq!(error, want, "{uri}");
    }
    let me = call(&zoe, "auth.whoami", vec![]).await.unwrap();
    assert_eq!(me, Dict::new().with("authid", "zoe").with("role", "trust").into());
    // What isn't the server's does reach them.
    assert_eq!(calls.load(Ordering::Relaxed), 0);
    zoe.call("com.izaber.wamp.public.x", vec![], Dict::new()).await.unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn w15_there_is_no_authenticator_and_no_authorizer_to_call() {
    let server = with_users(server().start().await).await;
    for login in ["kristen98", "bob", "zoe", "mallory"] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        for uri in GONE.iter().flat_map(|name| [(*name).to_owned(), format!("{PREFIX}.{name}")]) {
            let arguments = vec!["izaber".into(), "zoe".into(), Dict::new().with("ticket", PASSWORD).into()];
            let (error, _) = call(&session, &uri, arguments).await.unwrap_err();
            let expected = ["wamp.error.no_such_procedure", "wamp.error.not_authorized"];
            assert!(expected.contains(&error.as_str()), "{login} {uri}: {error}");
        }
    }
}
