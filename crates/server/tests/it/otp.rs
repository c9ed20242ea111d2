//! One-time passwords over the bus: what they look like, who may make them, what their sessions may do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod expires;
mod sessions;

use countersign_client::{Dict, Encoding, Session, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};

use super::support::{PASSWORD, PREFIX, aborted, call, server, server_with, sign_in, sign_in_at, text};

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const INVALID_ARGUMENT: &str = "com.izaber.wamp.error.invalidargument";
/// The contract's order.
const FIELDS: [&str; 8] = ["uuid", "origin", "expires", "permissions", "key", "owner", "plaintext_key", "login"];
/// Both spellings of both names.
const MINE: [&str; 4] = ["com.izaber.wamp.my.otp", "my.otp", "com.izaber.wamp.my.otps", "my.otps"];
const SYSTEM: [&str; 4] = ["com.izaber.wamp.system.otp", "system.otp", "com.izaber.wamp.system.otps", "system.otps"];

async fn with_users(server: Server) -> Server {
    for (login, role) in [("kristen98", "frontend"), ("jsmith1234", "frontend"), ("zoe", "trust"), ("bob", "backend")] {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}

/// Makes one, as a user would.
async fn mint(session: &Session) -> (String, String) {
    let otp = call(session, "com.izaber.wamp.my.otp.create", vec![]).await.unwrap();
    let otp = otp.as_dict().unwrap();
    (text(otp, "login"), text(otp, "plaintext_key"))
}

/// `system.otp.create` with a record; the ticket of what was made.
async fn mint_for(session: &Session, login: &str, record: Dict) -> Result<String, (String, String)> {
    let otp = call(session, "com.izaber.wamp.system.otp.create", vec![login.into(), record.into()]).await?;
    Ok(text(otp.as_dict().unwrap(), "plaintext_key"))
}

fn rules(rules: &[(&str, &str)]) -> Dict {
    let rule = |(uri, perms): &(&str, &str)| Value::from(Dict::new().with("uri", *uri).with("perms", *perms));
    Dict::new().with("permissions", rules.iter().map(rule).collect::<Vec<Value>>())
}

fn is_key(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// The seed's table.
#[track_caller]
fn check_record(otp: &Value, login: &str, origin: &str, owner: &str) {
    let otp = otp.as_dict().unwrap();
    let fields: Vec<&str> = otp.iter().map(|(field, _)| field).collect();
    assert_eq!(fields, FIELDS);
    assert!(is_key(&text(otp, "uuid"), 22), "{otp:?}");
    assert!(is_key(&text(otp, "key"), 43), "{otp:?}");
    assert!(is_key(&text(otp, "plaintext_key"), 32), "{otp:?}");
    assert_eq!(text(otp, "owner"), owner);
    assert_eq!(text(otp, "login"), login);
    assert_eq!(text(otp, "origin"), origin);
    assert_eq!(otp.get("permissions"), Some(&Value::List(vec![])));
    let expires: jiff::Timestamp = text(otp, "expires").parse().unwrap();
    let left = expires.duration_since(jiff::Timestamp::now()).as_secs_f64();
    assert!((590.0..=600.5).contains(&left), "{left}");
}

async fn owner(server: &Server, login: &str) -> String {
    let shown = server.cli(&["user", "show", login, "--json"], "").await.ok();
    let user: serde_json::Value = serde_json::from_str(&shown).unwrap();
    user["uuid"].as_str().unwrap().to_owned()
}

fn uuids(list: &Value) -> Vec<String> {
    list.as_list().unwrap().iter().map(|otp| text(otp.as_dict().unwrap(), "uuid")).collect()
}

async fn makes_lists_and_withdraws(server: Server) {
    let server = with_users(server).await;
    let owner = owner(&server, "kristen98").await;
    for encoding in Encoding::ALL {
        let session = sign_in_at(&server, Door::Http, encoding, "kristen98", PASSWORD).await.unwrap();
        for name in MINE {
            let otp = call(&session, &format!("{name}.create"), vec![]).await.unwrap();
            check_record(&otp, "kristen98", "kristen98@127.0.0.1", &owner);
            let uuid = text(otp.as_dict().unwrap(), "uuid");
            for other in MINE {
                let list = call(&session, &format!("{other}.list"), vec![]).await.unwrap();
                let shown = list.as_list().unwrap()[0].as_dict().unwrap().clone();
                assert_eq!(uuids(&list), [uuid.as_str()]);
                assert_eq!(shown.get("plaintext_key"), Some(&Value::Null));
                let fields: Vec<&str> = shown.iter().map(|(field, _)| field).collect();
                assert_eq!(fields, FIELDS);
            }
            let deleted = call(&session, &format!("{name}.delete"), vec![uuid.as_str().into()]).await;
            assert_eq!(deleted, Ok(Value::Bool(true)));
            assert_eq!(call(&session, &format!("{name}.list"), vec![]).await, Ok(Value::List(vec![])));
            // What is not there counts as withdrawn, and opens nothing.
            let again = call(&session, &format!("{name}.delete"), vec![uuid.into()]).await;
            assert_eq!(again, Ok(Value::Bool(true)));
            let key = text(otp.as_dict().unwrap(), "plaintext_key");
            aborted(sign_in(&server, "kristen98", &key).await);
        }
    }
}

#[tokio::test]
async fn own_ones_are_made_listed_and_withdrawn_under_every_name() {
    makes_lists_and_withdraws(server().start().await).await;
}

#[tokio::test]
async fn own_ones_are_made_listed_and_withdrawn_under_every_name_on_postgresql() {
    let database = PostgresDatabase::create().await;
    makes_lists_and_withdraws(server().storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn own_ones_take_no_arguments_and_others_are_out_of_reach() {
    let server = with_users(server().start().await).await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let john = sign_in(&server, "jsmith1234", PASSWORD).await.unwrap();
    for name in MINE {
        for args in [vec![Value::Null], vec![Value::Dict(Dict::new())], vec!["kristen98".into(), Value::Null]] {
            let (error, text) = call(&kristen, &format!("{name}.create"), args).await.unwrap_err();
            assert_eq!(error, INVALID_ARGUMENT, "{name}: {text}");
            assert!(text.contains("no arguments"), "{text}");
        }
        for args in [vec![], vec![Value::Int(5)], vec!["zz".into()], vec!["x".repeat(22).into(), Value::Null]] {
            let (error, text) = call(&kristen, &format!("{name}.delete"), args).await.unwrap_err();
            assert_eq!(error, INVALID_ARGUMENT, "{name}: {text}");
        }
    }
    assert_eq!(call(&kristen, "my.otp.list", vec![]).await, Ok(Value::List(vec![])));
    let otp = call(&kristen, "my.otp.create", vec![]).await.unwrap();
    let otp = otp.as_dict().unwrap();
    let (error, message) = call(&john, "my.otp.delete", vec![text(otp, "uuid").into()]).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.permissiondenied", "{message}");
    assert_eq!(call(&john, "my.otp.list", vec![]).await, Ok(Value::List(vec![])));
    sign_in(&server, "kristen98", &text(otp, "plaintext_key")).await.unwrap();
}

#[tokio::test]
async fn a_trusted_user_makes_lists_and_withdraws_them_for_others() {
    let server = with_users(server().start().await).await;
    let owner = owner(&server, "kristen98").await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for (name, login) in SYSTEM.into_iter().zip(["kristen98", "KRISTEN98", "Kristen98", "kristen98"]) {
        let otp = call(&zoe, &format!("{name}.create"), vec![login.into()]).await.unwrap();
        check_record(&otp, "kristen98", "zoe@127.0.0.1", &owner);
        let uuid = text(otp.as_dict().unwrap(), "uuid");
        let list = call(&zoe, &format!("{name}.list"), vec![login.into()]).await.unwrap();
        assert_eq!(uuids(&list), [uuid.as_str()]);
        assert_eq!(call(&zoe, &format!("{name}.delete"), vec![uuid.into()]).await, Ok(Value::Bool(true)));
        assert_eq!(call(&zoe, &format!("{name}.list"), vec![login.into()]).await, Ok(Value::List(vec![])));
    }
    let over_unix = sign_in_at(&server, Door::Unix, Encoding::Cbor, "zoe", PASSWORD).await.unwrap();
    let otp = call(&over_unix, "system.otp.create", vec!["kristen98".into(), Value::Null]).await.unwrap();
    let origin = text(otp.as_dict().unwrap(), "origin");
    assert!(origin.starts_with("zoe@unix"), "{origin}");
    let ticket = text(otp.as_dict().unwrap(), "plaintext_key");
    let kristen = sign_in(&server, "kristen98", &ticket).await.unwrap();
    let me = call(&kristen, "com.izaber.wamp.auth.whoami", vec![]).await.unwrap();
    assert_eq!(me, Dict::new().with("authid", "kristen98").with("role", "frontend").into());
}

#[tokio::test]
async fn a_record_that_makes_no_sense_creates_nothing() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let kristen = || Value::from("kristen98");
    let rule = |key: &str| {
        let incomplete = Value::from(Dict::new().with(key, "a.b"));
        Value::from(Dict::new().with("permissions", vec![incomplete]))
    };
    for (args, error, names) in [
        (vec![], INVALID_ARGUMENT, "login"),
        (vec![Value::Null], INVALID_ARGUMENT, "login"),
        (vec![Value::Int(5)], INVALID_ARGUMENT, "login"),
        (vec!["nobody".into()], "com.izaber.wamp.error.notfound", "nobody"),
        (vec!["".into()], "com.izaber.wamp.error.notfound", ""),
        (vec![kristen(), "record".into()], INVALID_ARGUMENT, "data_rec"),
        (vec![kristen(), Value::List(vec![])], INVALID_ARGUMENT, "data_rec"),
        (vec![kristen(), Dict::new().with("expire", 5_u32).into()], INVALID_ARGUMENT, "\"expire\""),
        (vec![kristen(), Dict::new().with("role", "trust").into()], INVALID_ARGUMENT, "\"role\""),
        (vec![kristen(), Dict::new().with("permissions", "*").into()], INVALID_ARGUMENT, "permissions"),
        (vec![kristen(), rule("uri")], INVALID_ARGUMENT, "permissions"),
        (vec![kristen(), rule("perms")], INVALID_ARGUMENT, "permissions"),
        (vec![kristen(), rules(&[("a..b", "c")]).into()], INVALID_ARGUMENT, "permissions"),
        (vec![kristen(), rules(&[("a./(/", "c")]).into()], INVALID_ARGUMENT, "permissions"),
        (vec![kristen(), rules(&[("a.b", "c"), ("a.b", "s")]).into()], INVALID_ARGUMENT, "permissions"),
        (vec![kristen(), Value::Null, Value::Null], INVALID_ARGUMENT, "at most 2"),
    ] {
        let shown = format!("{args:?}");
        let (got, text) = call(&zoe, "com.izaber.wamp.system.otp.create", args).await.unwrap_err();
        assert_eq!(got, error, "{shown}: {text}");
        assert!(text.contains(names), "{shown}: {text}");
    }
    assert_eq!(call(&zoe, "system.otp.list", vec![kristen()]).await, Ok(Value::List(vec![])));
    // What the server fills in itself has no effect.
    let forged =
        Dict::new().with("origin", "forged@10.0.0.1").with("uuid", "x").with("key", "y").with("version", 1_u32);
    let otp = call(&zoe, "system.otp.create", vec![kristen(), forged.into()]).await.unwrap();
    check_record(&otp, "kristen98", "zoe@127.0.0.1", &owner(&server, "kristen98").await);
}

#[tokio::test]
async fn who_is_not_trusted_hears_what_is_missing() {
    let server = with_users(server().start().await).await;
    for (login, role) in [("kristen98", "frontend"), ("bob", "backend")] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        for name in SYSTEM {
            for (verb, argument) in [("create", "zoe"), ("create", login), ("list", "zoe"), ("delete", "x")] {
                let uri = format!("{name}.{verb}");
                let (error, text) = call(&session, &uri, vec![argument.into()]).await.unwrap_err();
                assert_eq!(error, NOT_AUTHORIZED, "{login} {uri}: {text}");
                assert!(text.contains(&format!("is not authorized to call procedure \"{uri}\"")), "{text}");
                let missing = text.contains(&format!("role \"{role}\" lacks the permission c"));
                assert!(missing, "{text}");
            }
        }
    }
    // A rule alone is not enough: acting for others also needs the role.
    server.cli(&["role", "allow", "backend", "com.izaber.wamp.system.otp.create", "c"], "").await.ok();
    let bob = sign_in(&server, "bob", PASSWORD).await.unwrap();
    let create = format!("{PREFIX}.system.otp.create");
    let (error, text) = call(&bob, &create, vec!["kristen98".into()]).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.permissiondenied", "{text}");
    assert!(text.contains("Permission Denied") && text.contains("trust"), "{text}");
    assert!(call(&bob, &create, vec!["BOB".into()]).await.is_ok());
}

#[tokio::test]
async fn a_user_has_only_so_many() {
    let server = with_users(server_with("[otp]\nlive_max = 2").start().await).await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let (login, first) = mint(&session).await;
    mint(&session).await;
    let (error, text) = call(&session, "my.otp.create", vec![]).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.limitexceeded");
    assert!(text.contains('2'), "{text}");
    // One that is spent makes room.
    sign_in(&server, &login, &first).await.unwrap();
    mint(&session).await;
}
