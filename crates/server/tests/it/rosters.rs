//! Rosters over the bus: what sessions tell of themselves, who sees it, and how it goes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use countersign_client::{Client, Dict, Encoding, Session, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage, eventually};
use countersign_wamp::Time;

use super::support::{PASSWORD, SOON, audit, call, passed, reach, server, server_with, sign_in, sign_in_at, text};

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const INVALID_ARGUMENT: &str = "com.izaber.wamp.error.invalidargument";
const LIMIT_EXCEEDED: &str = "com.izaber.wamp.error.limitexceeded";
const DENIED: &str = "com.izaber.wamp.error.permissiondenied";
/// Both spellings.
const ROSTER: [&str; 2] = ["com.izaber.wamp.system.roster", "system.roster"];
/// The contract's order.
const FIELDS: [&str; 8] = ["uuid", "created", "name", "visibility", "session_id", "data", "key", "owner"];
const NAME: &str = "roster.test.lights";

async fn with_users(server: Server) -> Server {
    for (login, role) in [("kristen98", "frontend"), ("bob", "backend"), ("zoe", "trust")] {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}

async fn user(server: &Server, login: &str) -> Session {
    sign_in(server, login, PASSWORD).await.unwrap()
}

async fn register(session: &Session, args: Vec<Value>) -> Result<Value, (String, String)> {
    call(session, &format!("{}.register", ROSTER[0]), args).await
}

async fn query(session: &Session, name: &str) -> Result<Value, (String, String)> {
    call(session, &format!("{}.query", ROSTER[0]), vec![name.into()]).await
}

fn list(items: &[&str]) -> Value {
    Value::List(items.iter().map(|item| (*item).into()).collect())
}

async fn registers_queries_and_unregisters(server: Server) {
    let server = with_users(server).await;
    for (login, encoding, names) in [
        ("zoe", Encoding::Cbor, ROSTER.as_slice()),
        ("kristen98", Encoding::Json, &ROSTER[..1]),
        ("bob", Encoding::MsgPack, &ROSTER[..1]),
    ] {
        let session = sign_in_at(&server, Door::Http, encoding, login, PASSWORD).await.unwrap();
        for name in names {
            let entry = call(&session, &format!("{name}.register"), vec![NAME.into(), "some data".into()]).await;
            let entry = entry.unwrap();
            let entry = entry.as_dict().unwrap();
            let fields: Vec<&str> = entry.iter().map(|(field, _)| field).collect();
            assert_eq!(fields, FIELDS);
            let id = session.session_id().get();
            assert_eq!(entry.get("session_id").and_then(Value::as_u64), Some(id));
            assert_eq!(text(entry, "key"), format!("{id}_{NAME}"));
            assert_eq!((text(entry, "name"), text(entry, "owner")), (NAME.into(), "%root".into()));
            assert_eq!((text(entry, "visibility"), text(entry, "data")), ("*".into(), "some data".into()));
            assert_eq!(text(entry, "uuid").len(), 22);
            let created: jiff::Timestamp = text(entry, "created").parse().unwrap();
            assert!(jiff::Timestamp::now().duration_since(created).as_secs_f64().abs() < 60.0);
            let again = call(&session, &format!("{name}.register"), vec![NAME.into(), 7_u32.into()]).await.unwrap();
            assert_eq!(text(again.as_dict().unwrap(), "uuid"), text(entry, "uuid"));
            let asked = call(&session, &format!("{name}.query"), vec![NAME.into()]).await;
            assert_eq!(asked, Ok(Value::List(vec![7_u32.into()])));
            for _ in 0..2 {
                let gone = call(&session, &format!("{name}.unregister"), vec![NAME.into()]).await;
                assert_eq!(gone, Ok(Value::Bool(true)));
                assert_eq!(query(&session, NAME).await, Ok(Value::List(vec![])));
            }
        }
    }
}

#[tokio::test]
async fn entries_are_registered_queried_and_unregistered() {
    registers_queries_and_unregisters(server().start().await).await;
}

#[tokio::test]
async fn entries_are_registered_queried_and_unregistered_on_postgresql() {
    let database = PostgresDatabase::create().await;
    registers_queries_and_unregisters(server().storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn an_entry_is_seen_by_who_it_is_for() {
    let server = with_users(server_with("[auth]\nanonymous = true").start().await).await;
    let (kristen, bob, zoe) =
        (user(&server, "kristen98").await, user(&server, "bob").await, user(&server, "zoe").await);
    let stranger = Client::connect(reach(&server, Door::Http)).await.unwrap();
    // Registering again changes to whom it is told as well.
    for (visibility, seen) in [
        (Value::Null, [true, true, true]),
        ("*".into(), [true, true, true]),
        (list(&["frontend"]), [true, false, false]),
        ("backend".into(), [false, true, false]),
        (list(&["backend", "public"]), [false, true, true]),
        (list(&["nobody"]), [false, false, false]),
        (list(&["nobody", "*"]), [true, true, true]),
    ] {
        let shown = format!("{visibility:?}");
        let entry = register(&kristen, vec![NAME.into(), "data".into(), visibility.clone()]).await.unwrap();
        let given = entry.as_dict().unwrap().get("visibility").unwrap().clone();
        assert_eq!(given, if visibility == Value::Null { "*".into() } else { visibility });
        for (session, sees) in [&kristen, &bob, &stranger].into_iter().zip(seen) {
            let expected = if sees { list(&["data"]) } else { list(&[]) };
            assert_eq!(query(session, NAME).await, Ok(expected), "{shown}");
        }
        assert_eq!(query(&zoe, NAME).await, Ok(list(&["data"])), "{shown}");
    }
    register(&bob, vec![NAME.into(), "more".into()]).await.unwrap();
    assert_eq!(query(&stranger, NAME).await, Ok(list(&["data", "more"])));
    assert_eq!(query(&stranger, "roster.other").await, Ok(list(&[])));
}

#[tokio::test]
async fn who_lacks_the_right_hears_so() {
    let server = with_users(server_with("[auth]\nanonymous = true").start().await).await;
    let (kristen, zoe) = (user(&server, "kristen98").await, user(&server, "zoe").await);
    let stranger = Client::connect(reach(&server, Door::Http)).await.unwrap();
    let denied = |answer: Result<Value, (String, String)>, letter: &str| {
        let (error, text) = answer.unwrap_err();
        assert_eq!(error, DENIED, "{text}");
        assert!(text.starts_with("Permission Denied") && text.contains(&format!("permission {letter} ")), "{text}");
    };
    let unregister = format!("{}.unregister", ROSTER[0]);
    denied(register(&kristen, vec!["trigger.fail".into(), 1_u32.into()]).await, "o");
    denied(call(&kristen, &unregister, vec!["trigger.fail".into()]).await, "o");
    denied(query(&kristen, "trigger.fail").await, "q");
    assert!(register(&zoe, vec!["trigger.fail".into(), 1_u32.into()]).await.is_ok());
    // A stranger may query what its role may, and reaches nothing else.
    assert_eq!(query(&stranger, NAME).await, Ok(list(&[])));
    denied(query(&stranger, "trigger.fail").await, "q");
    for (verb, args) in [("register", vec![NAME.into(), 1_u32.into()]), ("unregister", vec![NAME.into()])] {
        let uri = format!("{}.{verb}", ROSTER[0]);
        let (error, text) = call(&stranger, &uri, args).await.unwrap_err();
        assert_eq!(error, NOT_AUTHORIZED, "{text}");
    }
    for (session, short) in [(&kristen, "frontend"), (&stranger, "public")] {
        let (error, text) = call(session, "system.roster.query", vec![NAME.into()]).await.unwrap_err();
        assert_eq!(error, NOT_AUTHORIZED, "{short}: {text}");
    }
    // With the permission on the procedure a stranger still needs the one on the roster, which can be given, too.
    server.cli(&["role", "allow", "public", "com.izaber.wamp.system.roster.register", "c"], "").await.ok();
    denied(register(&stranger, vec![NAME.into(), "stranger".into()]).await, "o");
    server.cli(&["role", "allow", "public", "roster.*", "oq"], "").await.ok();
    assert!(register(&stranger, vec![NAME.into(), "stranger".into()]).await.is_ok());
    assert_eq!(query(&kristen, NAME).await, Ok(list(&["stranger"])));
    // A change of the role is felt at once.
    server.cli(&["role", "deny", "frontend", "roster.test.*"], "").await.ok();
    let (error, _) = query(&kristen, NAME).await.unwrap_err();
    assert_eq!(error, DENIED);
}

#[tokio::test]
async fn a_one_time_password_reaches_rosters_as_far_as_its_rules_and_is_never_elevated() {
    let server = with_users(server().start().await).await;
    let zoe = user(&server, "zoe").await;
    let rule = |uri: &str, perms: &str| Value::from(Dict::new().with("uri", uri).with("perms", perms));
    let rules = vec![rule("com.izaber.wamp.system.roster.*", "c"), rule("roster.*", "q"), rule("roster.own", "oq")];
    let record = Dict::new().with("permissions", rules);
    let otp = call(&zoe, "system.otp.create", vec!["kristen98".into(), record.into()]).await.unwrap();
    let ticket = text(otp.as_dict().unwrap(), "plaintext_key");
    let limited = sign_in(&server, "kristen98", &ticket).await.unwrap();
    let (error, text) = register(&limited, vec![NAME.into(), 1_u32.into()]).await.unwrap_err();
    assert_eq!(error, DENIED, "{text}");
    assert_eq!(query(&limited, NAME).await, Ok(list(&[])));
    assert!(register(&limited, vec!["roster.own".into(), 1_u32.into()]).await.is_ok());
    server.cli(&["role", "allow", "frontend", "roster.own", "o+q"], "").await.ok();
    let (error, text) = register(&limited, vec!["roster.own".into(), 2_u32.into()]).await.unwrap_err();
    assert_eq!(error, DENIED, "{text}");
    let kristen = user(&server, "kristen98").await;
    assert!(register(&kristen, vec!["roster.own".into(), 2_u32.into()]).await.is_ok());
}

#[tokio::test]
async fn entries_go_with_their_session_however_it_ends() {
    let mut server = with_users(server().start().await).await;
    let zoe = user(&server, "zoe").await;
    let table = server.data().join("countersign.db");
    let rows = || {
        let file = rusqlite::Connection::open(&table).unwrap();
        file.query_row("SELECT COUNT(*) FROM rosters", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let enter = async |login: &str| {
        let session = user(&server, login).await;
        for name in [NAME, "roster.other"] {
            register(&session, vec![name.into(), login.into()]).await.unwrap();
        }
        session
    };
    for way in ["leaves", "vanishes", "killed", "locked"] {
        let session = enter("kristen98").await;
        assert_eq!(query(&zoe, NAME).await, Ok(list(&["kristen98"])));
        match way {
            "leaves" => drop(session.leave().await),
            "vanishes" => drop(session),
            "killed" => {
                let args = vec![Value::from(session.session_id())];
                call(&zoe, "wamp.session.kill", args).await.unwrap();
            }
            _ => drop(server.cli(&["user", "lock", "kristen98"], "").await.ok()),
        }
        eventually(way, SOON, async || (query(&zoe, NAME).await == Ok(list(&[]))).then_some(())).await;
        eventually(way, SOON, async || (rows() == 0).then_some(())).await;
    }
    // A server that is killed takes nothing out; the next start does.
    let bob = enter("bob").await;
    assert_eq!(rows(), 2);
    server.kill9().await;
    drop(bob);
    assert_eq!(rows(), 2);
    server.restart().await;
    assert_eq!(rows(), 0);
    let bob = user(&server, "bob").await;
    register(&bob, vec![NAME.into(), "bob".into()]).await.unwrap();
    assert_eq!(rows(), 1);
    server.stop().await;
    drop(bob);
    assert_eq!(rows(), 0);
}

/// What made listings hang on the bus that this replaces: values that one serializer has and another has not.
#[tokio::test]
async fn w13_queries_answer_in_every_serializer_whatever_was_registered() {
    let server = with_users(server().start().await).await;
    let poison = [
        Value::Time(Time::Text("2023-10-17T10:17:30Z".into())),
        Value::Time(Time::Unix { seconds: 1_697_562_450, nanoseconds: 0 }),
        Value::Bytes(vec![0, 159, 146, 150]),
        Value::Float(f64::NAN),
        u64::MAX.into(),
        Dict::new().with("", vec![Value::Bytes(vec![]), Value::Float(f64::INFINITY)]).into(),
    ];
    let mut sessions = Vec::new();
    for value in &poison {
        let session = user(&server, "bob").await;
        register(&session, vec![NAME.into(), value.clone()]).await.unwrap();
        sessions.push(session);
    }
    for encoding in Encoding::ALL {
        let session = sign_in_at(&server, Door::Http, encoding, "kristen98", PASSWORD).await.unwrap();
        let seen = query(&session, NAME).await.unwrap();
        assert_eq!(seen.as_list().unwrap().len(), poison.len(), "{encoding}");
        assert_eq!(seen.as_list().unwrap()[0], "2023-10-17T10:17:30Z".into());
    }
}

#[tokio::test]
async fn arguments_that_make_no_sense_register_nothing() {
    let server = with_users(server().start().await).await;
    let kristen = user(&server, "kristen98").await;
    let one = || Value::from(1_u32);
    let long = "r".repeat(65);
    for (verb, args, part) in [
        ("register", vec![], "name is missing"),
        ("register", vec![one(), one()], "name has to be a text"),
        ("register", vec!["".into(), one()], "name: a URI can't be empty"),
        ("register", vec!["roster..a".into(), one()], "empty component"),
        ("register", vec!["roster.a b".into(), one()], "name: a URI can't contain"),
        ("register", vec![NAME.into(), one(), false.into()], "visibility"),
        ("register", vec![NAME.into(), one(), 0_u32.into()], "visibility"),
        ("register", vec![NAME.into(), one(), "".into()], "visibility"),
        ("register", vec![NAME.into(), one(), list(&[])], "visibility"),
        ("register", vec![NAME.into(), one(), list(&["frontend", ""])], "visibility"),
        ("register", vec![NAME.into(), one(), list(&[&long])], "visibility"),
        ("register", vec![NAME.into(), one(), Value::List(vec![one()])], "visibility"),
        ("register", vec![NAME.into(), one(), Dict::new().into()], "visibility"),
        ("register", vec![NAME.into(), one(), Value::Null, one()], "at most 3"),
        ("unregister", vec![], "name is missing"),
        ("unregister", vec![NAME.into(), one()], "at most 1"),
        ("query", vec![], "name is missing"),
        ("query", vec![Value::Null], "name is missing"),
        ("query", vec![NAME.into(), one()], "at most 1"),
    ] {
        let shown = format!("{verb} {args:?}");
        let (error, text) = call(&kristen, &format!("{}.{verb}", ROSTER[0]), args).await.unwrap_err();
        assert_eq!(error, INVALID_ARGUMENT, "{shown}: {text}");
        assert!(text.contains(part), "{shown}: {text}");
    }
    assert_eq!(query(&kristen, NAME).await, Ok(list(&[])));
    let nested = (0..101).fold(one(), |value, _| Value::List(vec![value]));
    let (error, _) = register(&kristen, vec![NAME.into(), nested]).await.unwrap_err();
    assert_eq!((error.as_str(), passed(&server, "value_depth_max").await), (INVALID_ARGUMENT, 1));
}

#[tokio::test]
async fn rosters_hold_only_so_much() {
    let toml = "[rosters]\ndata_bytes_max = 10\nsession_entries_max = 2\nentries_max = 3\nbytes_max = 20";
    let server = with_users(server_with(toml).start().await).await;
    let (kristen, bob) = (user(&server, "kristen98").await, user(&server, "bob").await);
    let refused = async |session: &Session, name: &str, data: &str, limit: &str| {
        let (error, text) = register(session, vec![name.into(), data.into()]).await.unwrap_err();
        assert_eq!((error.as_str(), passed(&server, limit).await), (LIMIT_EXCEEDED, 1), "{text}");
    };
    refused(&kristen, "roster.a", "123456789", "rosters.data_bytes_max").await;
    register(&kristen, vec!["roster.a".into(), "12345678".into()]).await.unwrap();
    refused(&kristen, "roster.b", "12345678", "rosters.bytes_max").await;
    register(&kristen, vec!["roster.b".into(), 1_u32.into()]).await.unwrap();
    refused(&kristen, "roster.c", "", "rosters.session_entries_max").await;
    register(&bob, vec!["roster.a".into(), 1_u32.into()]).await.unwrap();
    refused(&bob, "roster.b", "", "rosters.entries_max").await;
    // Who leaves makes room.
    drop(kristen.leave().await);
    let again = async || register(&bob, vec!["roster.b".into(), 1_u32.into()]).await.ok();
    eventually("room", SOON, again).await;
}

#[tokio::test]
async fn the_trail_tells_who_said_something_where_and_not_what() {
    let server = with_users(server().start().await).await;
    let kristen = user(&server, "kristen98").await;
    register(&kristen, vec![NAME.into(), "hush hush".into()]).await.unwrap();
    register(&kristen, vec!["trigger.fail".into(), "hush hush".into()]).await.unwrap_err();
    call(&kristen, "com.izaber.wamp.system.roster.unregister", vec![NAME.into()]).await.unwrap();
    let rows = audit(&server, &["--user", "kristen98"]).await;
    let of = |row: &serde_json::Value| {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        (text("operation"), text("target"), text("outcome"))
    };
    let row = |operation: &str, target: &str, outcome: &str| (operation.into(), target.into(), outcome.into());
    assert_eq!(
        rows.iter().map(of).filter(|row| row.0.starts_with("roster.")).collect::<Vec<_>>(),
        [
            row("roster.unregister", NAME, "accepted"),
            row("roster.register", "trigger.fail", "refused"),
            row("roster.register", NAME, "accepted"),
        ]
    );
    assert!(!format!("{rows:?}").contains("hush"));
}
