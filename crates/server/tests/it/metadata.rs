//! Metadata over the bus: what is kept, who may, what is refused.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use countersign_client::{Client, Dict, Encoding, Session, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};
use countersign_wamp::Time;

use super::support::{PASSWORD, PREFIX, audit, call, passed, reach, server, server_with, sign_in, sign_in_at, text};

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const INVALID_ARGUMENT: &str = "com.izaber.wamp.error.invalidargument";
const LIMIT_EXCEEDED: &str = "com.izaber.wamp.error.limitexceeded";
const DENIED: &str = "com.izaber.wamp.error.permissiondenied";
/// Both spellings.
const MINE: [&str; 2] = ["com.izaber.wamp.my.metadata", "my.metadata"];
/// What old programs call.
const PREFERENCE: &str = "com.izaber.wamp.system.preference";

async fn with_users(server: Server) -> Server {
    for (login, role) in [("kristen98", "frontend"), ("bob", "backend"), ("zoe", "trust")] {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}

async fn kristen(server: &Server) -> Session {
    sign_in(server, "kristen98", PASSWORD).await.unwrap()
}

async fn set(session: &Session, key: &str, value: impl Into<Value>) -> Result<Value, (String, String)> {
    call(session, "my.metadata.set", vec![key.into(), value.into()]).await
}

async fn get(session: &Session, key: &str) -> Result<Value, (String, String)> {
    call(session, "my.metadata.get", vec![key.into()]).await
}

/// Values of every kind.
fn values() -> Vec<Value> {
    let nested = Dict::new().with("b", vec![Value::Null, Dict::new().into()]).with("a", 1.5).with("", "é😀\n\0");
    vec![
        Value::Null,
        false.into(),
        (-5_i64).into(),
        u64::MAX.into(),
        0.1.into(),
        "some value".into(),
        vec![0_u8, 255, 7].into(),
        Value::List(vec![]),
        nested.into(),
    ]
}

async fn sets_gets_lists_and_deletes(server: Server) {
    let mut server = with_users(server).await;
    let owner: serde_json::Value =
        serde_json::from_str(&server.cli(&["user", "show", "kristen98", "--json"], "").await.ok()).unwrap();
    let owner = owner["uuid"].as_str().unwrap();
    for encoding in [Encoding::Cbor, Encoding::Json, Encoding::MsgPack] {
        let session = sign_in_at(&server, Door::Http, encoding, "kristen98", PASSWORD).await.unwrap();
        for name in MINE {
            for value in values() {
                let given = call(&session, &format!("{name}.set"), vec!["some.key".into(), value.clone()]).await;
                assert_eq!(given, Ok(value.clone()), "{encoding} {name}");
                for getter in [&format!("{name}.get"), &format!("{PREFERENCE}.get")] {
                    assert_eq!(call(&session, getter, vec!["some.key".into()]).await, Ok(value.clone()));
                }
                let all = call(&session, &format!("{name}.list"), vec![]).await.unwrap();
                let all = all.as_dict().unwrap();
                let entry = all.get("some.key").unwrap().as_dict().unwrap();
                let fields: Vec<&str> = entry.iter().map(|(field, _)| field).collect();
                assert_eq!((all.len(), fields), (1, vec!["uuid", "value", "owner"]));
                assert_eq!((entry.get("value"), text(entry, "owner")), (Some(&value), owner.to_owned()));
                assert_eq!(text(entry, "uuid").len(), 22);
            }
            for _ in 0..2 {
                let deleted = call(&session, &format!("{name}.delete"), vec!["some.key".into()]).await;
                assert_eq!(deleted, Ok(Value::Null));
                assert_eq!(call(&session, &format!("{name}.get"), vec!["some.key".into()]).await, Ok(Value::Null));
            }
            assert_eq!(call(&session, &format!("{name}.list"), vec![]).await, Ok(Dict::new().into()));
        }
    }
    let given = call(&kristen(&server).await, &format!("{PREFERENCE}.set"), vec!["kept".into(), 7_u32.into()]).await;
    assert_eq!(given, Ok(7_u32.into()));
    server.restart().await;
    assert_eq!(get(&kristen(&server).await, "kept").await, Ok(7_u32.into()));
}

#[tokio::test]
async fn values_of_every_kind_are_set_read_listed_and_deleted() {
    sets_gets_lists_and_deletes(server().start().await).await;
}

#[tokio::test]
async fn values_of_every_kind_are_set_read_listed_and_deleted_on_postgresql() {
    let database = PostgresDatabase::create().await;
    sets_gets_lists_and_deletes(server().storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn yaml_is_kept_as_it_was_given() {
    const YAML: &str = "# Preferences\nsomething:\n  colours: [red, green] # two\n  yes: no\n";
    let server = with_users(server().start().await).await;
    let session = kristen(&server).await;
    let flag = || Value::Bool(true);
    let given = call(&session, "my.metadata.set", vec!["a".into(), YAML.into(), flag()]).await;
    assert_eq!(given, Ok(YAML.into()));
    assert_eq!(call(&session, "my.metadata.get", vec!["a".into(), flag()]).await, Ok(YAML.into()));
    let colours = vec![Value::from("red"), "green".into()];
    let parsed = Dict::new().with("something", Dict::new().with("colours", colours).with("yes", "no"));
    assert_eq!(get(&session, "a").await, Ok(parsed.clone().into()));
    let all = call(&session, "my.metadata.list", vec![flag()]).await.unwrap();
    let entry = all.as_dict().unwrap().get("a").unwrap().as_dict().unwrap();
    let fields: Vec<&str> = entry.iter().map(|(field, _)| field).collect();
    assert_eq!((fields, text(entry, "value")), (vec!["uuid", "value"], YAML.to_owned()));
    // By name, as swampyer passes it; and a value has a text, too.
    let by_name = Dict::new().with("yaml", true);
    let (args, _) = session.call("my.metadata.get", vec![Value::from("a")], by_name.clone()).await.unwrap();
    assert_eq!(args, [Value::from(YAML)]);
    set(&session, "a", parsed.clone()).await.unwrap();
    let (args, _) = session.call("my.metadata.get", vec![Value::from("a")], by_name).await.unwrap();
    let rendered = args[0].as_str().unwrap().to_owned();
    assert!(rendered.contains("something:\n") && !rendered.contains('#'), "{rendered}");
    call(&session, "my.metadata.set", vec!["b".into(), rendered.into(), flag()]).await.unwrap();
    assert_eq!(get(&session, "b").await, Ok(parsed.into()));
    for (wrong, part) in [
        (Value::from("a: ["), "YAML"),
        ("a: 1\na: 2".into(), "YAML"),
        ("[".repeat(5_000).into(), "YAML"),
        (7_u32.into(), "value has to be a YAML text"),
        (Value::Null, "value has to be a YAML text"),
    ] {
        let (error, text) = call(&session, "my.metadata.set", vec!["a".into(), wrong, flag()]).await.unwrap_err();
        assert_eq!(error, INVALID_ARGUMENT, "{text}");
        assert!(text.contains(part), "{text}");
    }
}

/// What made listings hang on the bus that this replaces: values that one serializer has and another has not.
#[tokio::test]
async fn w13_listings_answer_in_every_serializer_whatever_was_stored() {
    let server = with_users(server().start().await).await;
    let session = kristen(&server).await;
    let poison = [
        ("time", Value::Time(Time::Text("2023-10-17T10:17:30.805300-07:00".into()))),
        ("unix", Value::Time(Time::Unix { seconds: 1_697_562_450, nanoseconds: 805_300_000 })),
        ("bytes", Value::Bytes(vec![0, 159, 146, 150])),
        ("nan", Value::Float(f64::NAN)),
        ("infinite", Value::Float(f64::INFINITY)),
        ("big", u64::MAX.into()),
        ("nul", "\0\0".into()),
        ("nested", Dict::new().with("", vec![Value::Bytes(vec![]), Value::Float(f64::NEG_INFINITY)]).into()),
    ];
    for (key, value) in &poison {
        set(&session, key, value.clone()).await.unwrap();
    }
    let mut answers = Vec::new();
    for encoding in Encoding::ALL {
        let session = sign_in_at(&server, Door::Http, encoding, "kristen98", PASSWORD).await.unwrap();
        let all = call(&session, "my.metadata.list", vec![]).await.unwrap();
        assert_eq!(all.as_dict().unwrap().len(), poison.len(), "{encoding}");
        let as_yaml = call(&session, "my.metadata.list", vec![true.into()]).await.unwrap();
        assert_eq!(as_yaml.as_dict().unwrap().len(), poison.len(), "{encoding}");
        answers.push(get(&session, "time").await.unwrap());
        assert_eq!(get(&session, "nan").await, Ok(Value::Null));
    }
    assert_eq!(answers, vec![Value::from("2023-10-17T10:17:30.805300-07:00"); Encoding::ALL.len()]);
}

#[tokio::test]
async fn each_role_reaches_it_in_its_spellings_and_strangers_not_at_all() {
    let server = with_users(server_with("[auth]\nanonymous = true").start().await).await;
    let key = || vec![Value::from("k")];
    let long = [("list", vec![]), ("get", key()), ("set", vec!["k".into(), 1_u32.into()]), ("delete", key())];
    let denied = |answer: Result<Value, (String, String)>, uri: &str| {
        let (error, text) = answer.unwrap_err();
        assert_eq!(error, NOT_AUTHORIZED, "{uri}: {text}");
        assert!(text.contains(&format!("is not authorized to call procedure \"{uri}\"")), "{text}");
    };
    for (login, has_short, has_preference) in [("kristen98", true, true), ("bob", false, true), ("zoe", true, true)] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        for (verb, args) in &long {
            call(&session, &format!("{}.{verb}", MINE[0]), args.clone()).await.unwrap();
            let short = call(&session, &format!("{}.{verb}", MINE[1]), args.clone()).await;
            if has_short { drop(short.unwrap()) } else { denied(short, &format!("{}.{verb}", MINE[1])) }
        }
        for (verb, args) in [("get", key()), ("set", vec!["k".into(), 1_u32.into()])] {
            let preference = call(&session, &format!("{PREFERENCE}.{verb}"), args).await;
            if has_preference { drop(preference.unwrap()) } else { denied(preference, PREFERENCE) }
        }
    }
    let trust = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let (error, _) = call(&trust, "system.preference.get", key()).await.unwrap_err();
    assert_eq!(error, "wamp.error.no_such_procedure", "only in the long spelling");
    let stranger = Client::connect(reach(&server, Door::Http)).await.unwrap();
    for name in MINE {
        for (verb, args) in &long {
            let uri = format!("{name}.{verb}");
            denied(call(&stranger, &uri, args.clone()).await, &uri);
        }
    }
    // A rule alone gives a stranger nothing: it is nobody.
    server.cli(&["role", "allow", "public", "com.izaber.wamp.my.metadata.*", "c"], "").await.ok();
    for (verb, args) in &long {
        let (error, text) = call(&stranger, &format!("{}.{verb}", MINE[0]), args.clone()).await.unwrap_err();
        assert_eq!(error, DENIED, "{text}");
        assert!(text.contains("Unknown user"), "{text}");
    }
}

#[tokio::test]
async fn metadata_belongs_to_one_user_and_goes_with_it() {
    let server = with_users(server().start().await).await;
    let (kristen, bob) = (kristen(&server).await, sign_in(&server, "bob", PASSWORD).await.unwrap());
    set(&kristen, "k", "kristen's").await.unwrap();
    let key = || vec![Value::from("k")];
    let of_bob = |verb: &str| format!("{PREFIX}.my.metadata.{verb}");
    assert_eq!(call(&bob, &of_bob("get"), key()).await, Ok(Value::Null));
    assert_eq!(call(&bob, &of_bob("list"), vec![]).await, Ok(Dict::new().into()));
    assert_eq!(call(&bob, &of_bob("delete"), key()).await, Ok(Value::Null));
    call(&bob, &of_bob("set"), vec!["k".into(), "bob's".into()]).await.unwrap();
    assert_eq!(get(&kristen, "k").await, Ok("kristen's".into()));
    // A session of a one-time password reaches what its own rules reach.
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let rule = Dict::new().with("uri", "my.metadata.get").with("perms", "c");
    let record = Dict::new().with("permissions", vec![Value::from(rule)]);
    let otp = call(&zoe, "system.otp.create", vec!["kristen98".into(), record.into()]).await.unwrap();
    let ticket = text(otp.as_dict().unwrap(), "plaintext_key");
    let limited = sign_in(&server, "kristen98", &ticket).await.unwrap();
    assert_eq!(get(&limited, "k").await, Ok("kristen's".into()));
    let (error, text) = set(&limited, "k", 1_u32).await.unwrap_err();
    assert_eq!(error, NOT_AUTHORIZED, "{text}");
    server.cli(&["user", "delete", "kristen98"], "").await.ok();
    server.add_user("kristen98", "frontend", PASSWORD).await;
    assert_eq!(get(&sign_in(&server, "kristen98", PASSWORD).await.unwrap(), "k").await, Ok(Value::Null));
}

#[tokio::test]
async fn arguments_that_make_no_sense_change_nothing() {
    let server = with_users(server().start().await).await;
    let session = kristen(&server).await;
    let (one, long) = (|| Value::from(1_u32), Value::from("k".repeat(256)));
    for (verb, args, names) in [
        ("list", vec![one()], "yaml has to be true or false"),
        ("list", vec![false.into(), one()], "at most 1"),
        ("get", vec![], "key is missing"),
        ("get", vec![Value::Null], "key is missing"),
        ("get", vec![one()], "key has to be a text"),
        ("get", vec!["".into()], "can't be empty"),
        ("get", vec!["k".into(), "yes".into()], "yaml has to be true or false"),
        ("get", vec![long.clone()], "at most 255 bytes"),
        ("set", vec![], "key is missing"),
        ("set", vec!["".into(), one()], "can't be empty"),
        ("set", vec!["a\nb".into(), one()], "control characters"),
        ("set", vec![long.clone(), one()], "at most 255 bytes"),
        ("set", vec!["k".into(), one(), one()], "yaml has to be true or false"),
        ("set", vec!["k".into(), one(), false.into(), one()], "at most 3"),
        ("delete", vec![], "key is missing"),
        ("delete", vec!["".into()], "can't be empty"),
        ("delete", vec!["k".into(), one()], "at most 1"),
    ] {
        for name in MINE {
            let shown = format!("{name}.{verb} {args:?}");
            let (error, text) = call(&session, &format!("{name}.{verb}"), args.clone()).await.unwrap_err();
            assert_eq!(error, INVALID_ARGUMENT, "{shown}: {text}");
            assert!(text.contains(names), "{shown}: {text}");
        }
    }
    let longest = "k".repeat(255);
    assert_eq!(set(&session, &longest, 1_u32).await, Ok(one()));
    assert_eq!(call(&session, "my.metadata.delete", vec![longest.into()]).await, Ok(Value::Null));
    let nested = |depth: usize| (0..depth).fold(one(), |value, _| Value::List(vec![value]));
    assert_eq!(set(&session, "deep", nested(100)).await, Ok(nested(100)));
    assert_eq!(call(&session, "my.metadata.get", vec!["deep".into(), true.into()]).await.map(|_| ()), Ok(()));
    let (error, text) = set(&session, "deep", nested(101)).await.unwrap_err();
    assert_eq!(error, INVALID_ARGUMENT, "{text}");
    assert_eq!(passed(&server, "value_depth_max").await, 1);
    assert_eq!(get(&session, "deep").await, Ok(nested(100)));
}

#[tokio::test]
async fn long_values_are_kept_up_to_the_limit() {
    let server = with_users(server().start().await).await;
    let session = kristen(&server).await;
    // Two quotes are part of it.
    let longest = "x".repeat((4 << 20) - 2);
    assert_eq!(set(&session, "long", longest.as_str()).await, Ok(longest.as_str().into()));
    for (value, kind, limit) in [
        ("x".repeat((4 << 20) - 1), LIMIT_EXCEEDED, "metadata.value_bytes_max"),
        ("x".repeat(5 << 20), INVALID_ARGUMENT, "procedure_arguments_bytes_max"),
    ] {
        let (error, text) = set(&session, "long", value).await.unwrap_err();
        assert_eq!(error, kind, "{text}");
        assert_eq!(passed(&server, limit).await, 1);
    }
    // Other procedures take no long arguments.
    let (error, _) = call(&session, "my.metadata.get", vec![longest.as_str().into()]).await.unwrap_err();
    assert_eq!(error, INVALID_ARGUMENT);
    for key in ["long", "two", "three"] {
        set(&session, key, longest.as_str()).await.unwrap();
    }
    let all = call(&session, "my.metadata.list", vec![]).await.unwrap();
    assert_eq!(text(all.as_dict().unwrap().get("two").unwrap().as_dict().unwrap(), "value"), longest);
    set(&session, "four", longest.as_str()).await.unwrap();
    let (error, text) = set(&session, "five", 1_u32).await.unwrap_err();
    assert_eq!((error.as_str(), passed(&server, "metadata.bytes_max").await), (LIMIT_EXCEEDED, 1), "{text}");
}

#[tokio::test]
async fn a_user_has_only_so_much() {
    let toml = "[metadata]\nkey_bytes_max = 4\nvalue_bytes_max = 10\nentries_max = 2\nbytes_max = 15";
    let server = with_users(server_with(toml).start().await).await;
    let session = kristen(&server).await;
    set(&session, "keyy", "12345678").await.unwrap();
    let checks = [
        ("keyyy", "", INVALID_ARGUMENT, "metadata.key_bytes_max"),
        ("a", "123456789", LIMIT_EXCEEDED, "metadata.value_bytes_max"),
        ("a", "1234", LIMIT_EXCEEDED, "metadata.bytes_max"),
    ];
    for (key, value, kind, limit) in checks {
        let (error, text) = set(&session, key, value).await.unwrap_err();
        assert_eq!((error.as_str(), passed(&server, limit).await), (kind, 1), "{key}: {text}");
    }
    set(&session, "a", "123").await.unwrap();
    let (error, text) = set(&session, "b", 1_u32).await.unwrap_err();
    assert_eq!((error.as_str(), passed(&server, "metadata.entries_max").await), (LIMIT_EXCEEDED, 1), "{text}");
    call(&session, "my.metadata.delete", vec!["a".into()]).await.unwrap();
    set(&session, "b", 1_u32).await.unwrap();
}

#[tokio::test]
async fn the_trail_names_keys_and_no_values() {
    let server = with_users(server().start().await).await;
    let session = kristen(&server).await;
    set(&session, "colour", "hush hush").await.unwrap();
    set(&session, "", "hush hush").await.unwrap_err();
    call(&session, "my.metadata.set", vec!["c".into(), "[hush hush".into(), true.into()]).await.unwrap_err();
    call(&session, "my.metadata.delete", vec!["colour".into()]).await.unwrap();
    let rows = audit(&server, &["--user", "kristen98"]).await;
    let of = |row: &serde_json::Value| {
        let text = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
        (text("operation"), text("actor"), text("target"), text("detail"), text("outcome"))
    };
    let metadata: Vec<_> = rows.iter().map(of).filter(|row| row.0.starts_with("metadata.")).collect();
    let row = |operation: &str, detail: &str, outcome: &str| {
        let kristen = "kristen98".to_owned();
        (format!("metadata.{operation}"), kristen.clone(), kristen, detail.to_owned(), outcome.to_owned())
    };
    assert_eq!(
        metadata,
        [
            row("delete", "key=colour", "accepted"),
            row("set", "key=c", "refused"),
            row("set", "key=", "refused"),
            row("set", "key=colour", "accepted"),
        ]
    );
    assert!(!format!("{rows:?}").contains("hush"));
}

#[tokio::test]
async fn the_operator_reads_and_changes_metadata_with_a_server_and_without() {
    let mut server = with_users(server().start().await).await;
    let session = kristen(&server).await;
    set(&session, "bus", Dict::new().with("a", 1_u32)).await.unwrap();
    for round in 0..2 {
        let run = async |arguments: &[&str], stdin: &str| {
            server.cli(&[&["user", "metadata"], arguments].concat(), stdin).await.ok()
        };
        let json = async |arguments: &[&str]| -> serde_json::Value {
            serde_json::from_str(&run(&[arguments, &["--json"]].concat(), "").await).unwrap()
        };
        assert_eq!(json(&["get", "KRISTEN98", "bus"]).await["value"], serde_json::json!({ "a": 1 }));
        assert_eq!(run(&["get", "kristen98", "bus", "--yaml"], "").await, "a: 1\n");
        assert_eq!(run(&["set", "kristen98", "cli", "--yaml"], "b: 2 # two\n").await, "b: 2 # two\n");
        assert_eq!(run(&["get", "kristen98", "cli", "--yaml"], "").await, "b: 2 # two\n");
        assert_eq!(json(&["set", "kristen98", "plain", "[1, \"x\"]"]).await["value"], serde_json::json!([1, "x"]));
        let all = json(&["list", "kristen98"]).await;
        let keys: Vec<&str> = all.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!((keys, &all["cli"]["value"]), (vec!["bus", "cli", "plain"], &serde_json::json!({ "b": 2 })));
        assert_eq!(run(&["list", "kristen98"], "").await, "bus: {\"a\":1}\ncli: {\"b\":2}\nplain: [1,\"x\"]\n");
        assert_eq!(run(&["delete", "kristen98", "plain"], "").await, "removed\n");
        assert_eq!(json(&["delete", "kristen98", "plain"]).await["was_there"], false);
        for (wrong, says) in [
            (["get", "kristen98", "plain"].as_slice(), "nothing is noted"),
            (&["get", "nobody", "bus"], "no user"),
            (&["set", "kristen98", "", "1"], "empty"),
            (&["set", "kristen98", "k", "{"], "JSON"),
            (&["set", "kristen98", "k", "a: [", "--yaml"], "YAML"),
        ] {
            let failed = server.cli(&[&["user", "metadata"], wrong].concat(), "").await;
            assert!(failed.code != Some(0) && failed.stderr.contains(says), "{wrong:?}: {}", failed.stderr);
        }
        if round == 0 {
            assert_eq!(get(&session, "cli").await, Ok(Dict::new().with("b", 2_u32).into()));
            server.stop().await;
        }
    }
}
