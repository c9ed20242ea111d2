//! The meta API over the wire: who may use it, and what it does to live sessions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use countersign_client::{Dict, Ended, Session, Subscription, Value};
use countersign_testkit::Server;

use super::support::{PASSWORD, PREFIX, SOON, call, ends, server, sign_in, text};

async fn three(server: &Server) -> [Session; 3] {
    let mut sessions = Vec::new();
    for (login, role) in [("zoe", "trust"), ("wamp_zerp", "backend"), ("kristen98", "frontend")] {
        server.add_user(login, role, PASSWORD).await;
        sessions.push(sign_in(server, login, PASSWORD).await.unwrap());
    }
    sessions.try_into().unwrap_or_else(|_| panic!("three"))
}

async fn next(subscription: &mut Subscription) -> Vec<Value> {
    tokio::time::timeout(SOON, subscription.next()).await.expect("an event").unwrap().args()
}

#[tokio::test]
async fn sessions_are_counted_and_shown_to_trust_only() {
    let server = server().start().await;
    let [trust, backend, frontend] = three(&server).await;
    assert_eq!(call(&trust, "wamp.session.count", vec![]).await, Ok(Value::Int(3)));
    let details = call(&trust, "wamp.session.get", vec![frontend.session_id().into()]).await.unwrap();
    let details = details.as_dict().unwrap();
    for (field, want) in [("authid", "kristen98"), ("authrole", "frontend"), ("authmethod", "ticket")] {
        assert_eq!(text(details, field), want);
    }
    for session in [&backend, &frontend] {
        for procedure in ["wamp.session.count", "wamp.session.list", "wamp.session.kill_all"] {
            let (error, _) = call(session, procedure, vec![]).await.unwrap_err();
            assert_eq!(error, "wamp.error.not_authorized", "{procedure}");
        }
    }
}

#[tokio::test]
async fn killing_by_authid_ends_that_users_sessions() {
    let server = server().start().await;
    let [trust, backend, frontend] = three(&server).await;
    let mut leaves = trust.subscribe("wamp.session.on_leave", Dict::new()).await.unwrap();
    let killed = call(&trust, "wamp.session.kill_by_authid", vec!["kristen98".into()]).await.unwrap();
    assert_eq!(killed, Value::List(vec![frontend.session_id().into()]));
    assert!(matches!(ends(&frontend).await, Ended::Goodbye { reason, .. } if reason == "wamp.close.killed"));
    assert_eq!(next(&mut leaves).await.first(), Some(&frontend.session_id().into()));
    assert!(call(&backend, &format!("{PREFIX}.auth.whoami"), vec![]).await.is_ok());
}

#[tokio::test]
async fn a_testament_is_published_when_the_connection_breaks() {
    let server = server().start().await;
    let [trust, backend, _] = three(&server).await;
    let topic = format!("{PREFIX}.last.words");
    let mut words = trust.subscribe(&topic, Dict::new()).await.unwrap();
    let testament = vec![topic.into(), Value::List(vec!["gone".into()]), Dict::new().into()];
    server.cli(&["role", "allow", "backend", "wamp.session.add_testament", "c"], "").await.ok();
    call(&backend, "wamp.session.add_testament", testament).await.unwrap();
    server.cli(&["user", "lock", "wamp_zerp"], "").await.ok();
    assert_eq!(next(&mut words).await, [Value::from("gone")]);
}

#[tokio::test]
async fn a_narrowed_role_loses_its_standing_subscriptions() {
    let server = server().start().await;
    let [trust, _, frontend] = three(&server).await;
    let [secret, open] = [format!("{PREFIX}.frontend.secret"), format!("{PREFIX}.frontend.open")];
    let mut secrets = frontend.subscribe(&secret, Dict::new()).await.unwrap();
    let mut opens = frontend.subscribe(&open, Dict::new()).await.unwrap();
    server.cli(&["role", "deny", "frontend", &secret], "").await.ok();
    let acknowledged = || Dict::new().with("acknowledge", true);
    trust.publish(&secret, vec!["hidden".into()], Dict::new(), acknowledged()).await.unwrap();
    trust.publish(&open, vec!["seen".into()], Dict::new(), acknowledged()).await.unwrap();
    assert_eq!(next(&mut opens).await, [Value::from("seen")]);
    // Events of one publisher come in order: had the first been delivered, it would be here.
    assert!(
        tokio::time::timeout(std::time::Duration::ZERO, secrets.next()).await.map_or(true, |event| event.is_none())
    );
}

#[tokio::test]
async fn nobody_registers_in_the_servers_place() {
    let server = server().start().await;
    let [_, backend, _] = three(&server).await;
    for (procedure, policy) in [
        ("auth.whoami", "exact"),
        ("auth.reauthenticate", "exact"),
        ("auth", "prefix"),
        ("my.apikeys.create", "exact"),
        ("system.otp.create", "exact"),
    ] {
        let options = Dict::new().with("match", policy).with("force_reregister", true);
        let uri = format!("{PREFIX}.{procedure}");
        let result = backend.register(&uri, options, |_| async { Ok((vec!["mine".into()], Dict::new())) }).await;
        if policy == "exact" {
            assert!(result.is_err(), "{uri}");
        }
    }
    let answer = call(&backend, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
    assert_eq!(text(answer.as_dict().unwrap(), "authid"), "wamp_zerp");
    // The server's own answer.
    let (error, text) = call(&backend, &format!("{PREFIX}.auth.reauthenticate"), vec![]).await.unwrap_err();
    assert_eq!((error.as_str(), text.contains("password")), ("com.izaber.wamp.error.invalidargument", true), "{text}");
}
