//! What an operator does is felt by live sessions at once; how a server stops.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::time::Instant;

use countersign_client::{CallError, Closed, Dict, Encoding, Ended, Message, RawConnection, RecvError, Session, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};

use super::support::{PASSWORD, PREFIX, SOON, aborted, call, ends, reach, server, sign_in, sign_in_at, text};

const DOORS: [(Door, Encoding); 3] =
    [(Door::Http, Encoding::Json), (Door::Tcp, Encoding::Cbor), (Door::Unix, Encoding::MsgPack)];

/// Two users with the same role, each at three doors; the second one's sessions must stay.
async fn two_users(server: &Server, number: usize) -> (String, Vec<Session>, Vec<Session>) {
    let (login, other) = (format!("kristen{number}"), format!("other{number}"));
    server.add_user(&login, "backend", PASSWORD).await;
    server.add_user(&other, "backend", PASSWORD).await;
    let (mut ended, mut staying) = (Vec::new(), Vec::new());
    for (door, encoding) in DOORS {
        ended.push(sign_in_at(server, door, encoding, &login, PASSWORD).await.unwrap());
        staying.push(sign_in_at(server, door, encoding, &other, PASSWORD).await.unwrap());
    }
    (login, ended, staying)
}

async fn is_well(session: &Session) -> bool {
    call(session, &format!("{PREFIX}.auth.whoami"), vec![]).await.is_ok()
}

async fn commands_end_the_users_sessions(server: Server) {
    let cases: [(&[&str], &str, bool); 4] = [
        (&["user", "lock", "LOGIN"], "", false),
        (&["user", "delete", "LOGIN"], "", false),
        (&["user", "role", "LOGIN", "frontend"], "", true),
        (&["user", "passwd", "LOGIN", "--password-stdin"], "another horse battery\n", false),
    ];
    for (number, (command, stdin, old_password_works)) in cases.into_iter().enumerate() {
        let (login, ended, staying) = two_users(&server, number).await;
        let command: Vec<&str> = command.iter().map(|word| if *word == "LOGIN" { &login } else { *word }).collect();
        server.cli(&command, stdin).await.ok();
        let told = Instant::now();
        for session in &ended {
            match ends(session).await {
                Ended::Goodbye { reason, details } => {
                    assert_eq!(reason, "wamp.close.killed", "{command:?}");
                    assert!(text(&details, "message").contains("the user"), "{details:?}");
                }
                other => panic!("{command:?}: {other}"),
            }
        }
        eprintln!("{command:?}: sessions ended {:?} after the command", told.elapsed());
        for session in &staying {
            assert!(is_well(session).await, "{command:?}");
        }
        let again = sign_in(&server, &login, PASSWORD).await;
        assert_eq!(again.is_ok(), old_password_works, "{command:?}");
    }
    let demoted = sign_in(&server, "kristen2", PASSWORD).await.unwrap();
    assert_eq!(text(demoted.welcome_details(), "authrole"), "frontend");
    sign_in(&server, "kristen3", "another horse battery").await.unwrap();
}

#[tokio::test]
async fn locking_deleting_and_changing_a_user_ends_that_users_sessions_only() {
    commands_end_the_users_sessions(server().start().await).await;
}

#[tokio::test]
async fn locking_deleting_and_changing_a_user_ends_that_users_sessions_only_on_postgresql() {
    let database = PostgresDatabase::create().await;
    commands_end_the_users_sessions(server().storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn a_session_opened_with_a_one_time_password_is_ended_as_well() {
    let server = server().start().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    let otp: serde_json::Value =
        serde_json::from_str(&server.cli(&["otp", "create", "kristen98", "--json"], "").await.ok()).unwrap();
    let session = sign_in(&server, "kristen98", otp["plaintext_key"].as_str().unwrap()).await.unwrap();
    assert!(is_well(&session).await);
    server.cli(&["user", "lock", "kristen98"], "").await.ok();
    assert!(matches!(ends(&session).await, Ended::Goodbye { reason, .. } if reason == "wamp.close.killed"));
}

#[tokio::test]
async fn rules_of_a_role_reach_live_sessions() {
    let server = server().start().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    server.add_user("bob", "backend", PASSWORD).await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let bob = sign_in(&server, "bob", PASSWORD).await.unwrap();
    let uri = format!("{PREFIX}.auth.whoami");
    let role = async |arguments: &[&str]| {
        let mut all = vec!["role"];
        all.extend(arguments);
        server.cli(&all, "").await.ok()
    };
    assert!(is_well(&kristen).await);
    role(&["deny", "frontend", &uri]).await;
    let (error, text) = call(&kristen, &uri, vec![]).await.unwrap_err();
    assert_eq!(error, "wamp.error.not_authorized");
    assert!(text.contains("lacks the permission c"), "{text}");
    assert!(is_well(&bob).await);
    role(&["allow", "frontend", &uri, "c"]).await;
    assert!(is_well(&kristen).await);
    // A new rule, a subscription, and both taken back.
    let topic = "other.topic";
    let refused = |result: Result<_, CallError>| match result {
        Ok(()) => false,
        Err(CallError::Remote { error, .. }) => error == "wamp.error.not_authorized",
        Err(other) => panic!("{other}"),
    };
    assert!(refused(kristen.subscribe(topic, Dict::new()).await.map(drop)));
    role(&["allow", "frontend", "other.*", "s"]).await;
    assert!(!refused(kristen.subscribe(topic, Dict::new()).await.map(drop)));
    role(&["unset", "frontend", "other.*"]).await;
    assert!(refused(kristen.subscribe("other.more", Dict::new()).await.map(drop)));
    assert!(is_well(&kristen).await);
}

#[tokio::test]
async fn a_stop_says_good_bye_and_a_restart_keeps_everything() {
    let mut server = server().start().await;
    server.add_user("kristen98", "frontend", PASSWORD).await;
    let mut sessions = Vec::new();
    for (door, encoding) in DOORS {
        sessions.push(sign_in_at(&server, door, encoding, "kristen98", PASSWORD).await.unwrap());
    }
    let otp = call(&sessions[0], "my.otp.create", vec![]).await.unwrap();
    // Connections that have no session yet, or no more, don't hold the stop up.
    let mut others = Vec::new();
    for (door, encoding) in DOORS {
        others.push(RawConnection::connect(&reach(&server, door).encoding(encoding)).await.unwrap());
    }
    let mut refused = RawConnection::connect(&reach(&server, Door::Http)).await.unwrap();
    let hello = Dict::new()
        .with("roles", Dict::new().with("caller", Dict::new()))
        .with("authid", "kristen98")
        .with("authmethods", vec![Value::from("ticket")]);
    refused.send(&Message::Hello { realm: "izaber".into(), details: hello }).await.unwrap();
    assert!(matches!(refused.recv().await, Ok(Message::Challenge { .. })));
    let signature = countersign_wamp::Signature::new("wrong");
    refused.send(&Message::Authenticate { signature, extra: Dict::new() }).await.unwrap();
    assert!(matches!(refused.recv().await, Ok(Message::Abort { .. })));
    others.push(refused);

    let began = Instant::now();
    let status = server.stop().await;
    assert_eq!(status.code(), Some(0), "{}", server.output());
    assert!(began.elapsed() < SOON, "stopped after {:?}", began.elapsed());
    for session in &sessions {
        match ends(session).await {
            Ended::Goodbye { reason, .. } => assert_eq!(reason, "wamp.close.system_shutdown"),
            other => panic!("{other}"),
        }
    }
    for mut connection in others {
        let ended = tokio::time::timeout(SOON, connection.recv()).await.unwrap();
        let is_fair =
            matches!(ended, Err(RecvError::Closed(Closed::EndOfStream | Closed::WebSocket { code: 1001, .. })));
        assert!(is_fair, "{ended:?}");
    }
    server.restart().await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let ticket = text(otp.as_dict().unwrap(), "plaintext_key");
    sign_in(&server, "kristen98", &ticket).await.unwrap();
    drop(session);
    server.restart().await;
    aborted(sign_in(&server, "kristen98", &ticket).await);
}

#[tokio::test]
async fn what_a_session_offered_is_gone_with_it() {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    server.add_user("eve", "backend", PASSWORD).await;
    let caller = sign_in(&server, "bob", PASSWORD).await.unwrap();
    let offering = sign_in(&server, "eve", PASSWORD).await.unwrap();
    let uri = format!("{PREFIX}.slow");
    let (invoked, mut invocations) = tokio::sync::mpsc::channel(1);
    // Never answered by the callee itself.
    let never = move |_| {
        invoked.try_send(()).unwrap();
        std::future::pending::<Result<(), _>>()
    };
    offering.register(&uri, Dict::new(), never).await.unwrap();
    let waiting = tokio::spawn({
        let (caller, uri) = (caller.clone(), uri.clone());
        async move { call(&caller, &uri, vec![]).await }
    });
    tokio::time::timeout(SOON, invocations.recv()).await.unwrap().unwrap();
    server.cli(&["user", "lock", "eve"], "").await.ok();
    let (error, _) = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap().unwrap_err();
    assert_eq!(error, "wamp.error.canceled");
    let (error, _) = call(&caller, &uri, vec![]).await.unwrap_err();
    assert_eq!(error, "wamp.error.no_such_procedure");
}
