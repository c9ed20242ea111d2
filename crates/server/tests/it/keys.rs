//! API keys over the bus: what they look like, who may make them, where they open sessions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod commands;
mod endings;
mod limits;
mod rest;

use countersign_client::{Dict, Encoding, Session, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};
use tokio::task::JoinSet;

use crate::support::{
    Answer, DENIED, PASSWORD, PREFIX, aborted, audit, call, passed, server, server_with, sign_in, sign_in_at, text,
    try_ticket,
};

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const INVALID_ARGUMENT: &str = "com.izaber.wamp.error.invalidargument";
/// The contract's order.
const FIELDS: [&str; 7] = ["uuid", "plaintext_key", "description", "expires", "permissions", "key", "owner"];
/// Both spellings.
const MINE: [&str; 2] = ["com.izaber.wamp.my.apikeys", "my.apikeys"];
const SYSTEM: [&str; 2] = ["com.izaber.wamp.system.apikeys", "system.apikeys"];
const USERS: [(&str, &str); 4] =
    [("kristen98", "frontend"), ("jsmith1234", "frontend"), ("zoe", "trust"), ("bob", "backend")];

async fn with_users(server: Server) -> Server {
    for (login, role) in USERS {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}

async fn started() -> Server {
    with_users(server().start().await).await
}

fn denied() -> (String, String) {
    (DENIED.to_owned(), "Permission Denied".to_owned())
}

fn rules(rules: &[(&str, &str)]) -> Dict {
    let rule = |(uri, perms): &(&str, &str)| Value::from(Dict::new().with("uri", *uri).with("perms", *perms));
    Dict::new().with("permissions", rules.iter().map(rule).collect::<Vec<Value>>())
}

/// Makes one, as a user would; the id and the key.
async fn mint(session: &Session, record: Dict) -> (String, String) {
    let made = call(session, "com.izaber.wamp.my.apikeys.create", vec![record.into()]).await.unwrap();
    let made = made.as_dict().unwrap();
    (text(made, "uuid"), text(made, "plaintext_key"))
}

/// One that the user has made in a session of the password.
async fn key_of(server: &Server, login: &str, record: Dict) -> (String, String) {
    mint(&sign_in(server, login, PASSWORD).await.unwrap(), record).await
}

async fn whoami(session: &Session) -> Result<Value, (String, String)> {
    call(session, "com.izaber.wamp.auth.whoami", vec![]).await
}

/// ERROR `not_authorized` with the words that clients look for.
#[track_caller]
fn check_denied(result: Result<Value, (String, String)>, uri: &str) {
    let (error, text) = result.expect_err(uri);
    assert_eq!(error, NOT_AUTHORIZED, "{uri}: {text}");
    assert!(text.contains(&format!("is not authorized to call procedure \"{uri}\"")), "{text}");
}

async fn owner(server: &Server, login: &str) -> String {
    let shown = server.cli(&["user", "show", login, "--json"], "").await.ok();
    let user: serde_json::Value = serde_json::from_str(&shown).unwrap();
    user["uuid"].as_str().unwrap().to_owned()
}

fn uuids(list: &Value) -> Vec<String> {
    list.as_list().unwrap().iter().map(|key| text(key.as_dict().unwrap(), "uuid")).collect()
}

#[track_caller]
fn check_record(key: &Value, owner: &str, description: &str, is_new: bool) {
    let key = key.as_dict().unwrap();
    let fields: Vec<&str> = key.iter().map(|(field, _)| field).collect();
    assert_eq!(fields, FIELDS);
    let lengths = ["uuid", "key", "plaintext_key"].map(|field| text(key, field).len());
    assert_eq!(lengths, [22, 43, if is_new { 32 } else { 0 }], "{key:?}");
    assert_eq!(key.get("plaintext_key") == Some(&Value::Null), !is_new);
    assert_eq!((text(key, "owner"), text(key, "description")), (owner.to_owned(), description.to_owned()));
}

async fn makes_lists_and_withdraws(server: Server) {
    let server = with_users(server).await;
    let owner = owner(&server, "kristen98").await;
    for encoding in Encoding::ALL {
        let session = sign_in_at(&server, Door::Http, encoding, "kristen98", PASSWORD).await.unwrap();
        for name in MINE {
            let made = call(&session, &format!("{name}.create"), vec![]).await.unwrap();
            check_record(&made, &owner, "", true);
            let dict = made.as_dict().unwrap();
            assert_eq!(
                (dict.get("expires"), dict.get("permissions")),
                (Some(&Value::Null), Some(&Value::List(vec![])))
            );
            let (uuid, key) = (text(dict, "uuid"), text(dict, "plaintext_key"));
            for other in MINE {
                let list = call(&session, &format!("{other}.list"), vec![]).await.unwrap();
                assert_eq!(uuids(&list), [uuid.as_str()]);
                check_record(&list.as_list().unwrap()[0], &owner, "", false);
            }
            drop(sign_in(&server, "kristen98", &key).await.unwrap());
            let deleted = call(&session, &format!("{name}.delete"), vec![uuid.as_str().into()]).await;
            assert_eq!(deleted, Ok(Value::Bool(true)));
            assert_eq!(call(&session, &format!("{name}.list"), vec![]).await, Ok(Value::List(vec![])));
            let again = call(&session, &format!("{name}.delete"), vec![uuid.into()]).await;
            assert_eq!(again, Ok(Value::Bool(true)));
            assert_eq!(aborted(sign_in(&server, "kristen98", &key).await), denied());
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
async fn a_record_says_what_it_is_for_until_when_and_how_far() {
    let server = started().await;
    let owner = owner(&server, "kristen98").await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let rule = [("com.izaber.wamp.auth.whoami", "c")];
    let record = rules(&rule).with("description", "für Grün & Co").with("expires", "2030-10-17T10:17:30.805300-07:00");
    // What the server fills in itself has no effect.
    let forged = record.with("key", "x").with("plaintext_key", "y").with("uuid", "z").with("version", 1_u32);
    let made = call(&session, "my.apikeys.create", vec![forged.into()]).await.unwrap();
    check_record(&made, &owner, "für Grün & Co", true);
    assert_eq!(text(made.as_dict().unwrap(), "expires"), "2030-10-17T10:17:30.805300-07:00");
    let permissions = made.as_dict().unwrap().get("permissions").unwrap().as_list().unwrap().to_vec();
    assert_eq!(permissions, [Dict::new().with("uri", rule[0].0).with("perms", "c").into()]);
    for (args, error, names) in [
        (vec!["record".into()], INVALID_ARGUMENT, "data_rec"),
        (vec![Value::Null, Value::Null], INVALID_ARGUMENT, "at most 1"),
        (vec![Dict::new().with("expire", 5_u32).into()], INVALID_ARGUMENT, "\"expire\""),
        (vec![Dict::new().with("origin", "x").into()], INVALID_ARGUMENT, "\"origin\""),
        (vec![Dict::new().with("description", 5_u32).into()], INVALID_ARGUMENT, "description"),
        (vec![Dict::new().with("description", "x".repeat(501)).into()], INVALID_ARGUMENT, "description"),
        (vec![Dict::new().with("expires", "2030-10-17T10:17:30").into()], INVALID_ARGUMENT, "zone"),
        (vec![Dict::new().with("expires", 5_u32).into()], INVALID_ARGUMENT, "past"),
        (vec![Dict::new().with("expires", "2199-10-17T10:17:30Z").into()], INVALID_ARGUMENT, "longest"),
        (vec![Dict::new().with("permissions", "*").into()], INVALID_ARGUMENT, "permissions"),
        (vec![rules(&[("a..b", "c")]).into()], INVALID_ARGUMENT, "permissions"),
    ] {
        let shown = format!("{args:?}");
        let (got, text) = call(&session, "com.izaber.wamp.my.apikeys.create", args).await.unwrap_err();
        assert_eq!(got, error, "{shown}: {text}");
        assert!(text.contains(names), "{shown}: {text}");
    }
    assert_eq!(uuids(&call(&session, "my.apikeys.list", vec![]).await.unwrap()).len(), 1);
    for limit in ["apikey.lifetime_seconds_max", "apikey_description_characters_max"] {
        assert_eq!(passed(&server, limit).await, 1, "{limit}");
    }
}

#[tokio::test]
async fn others_are_out_of_reach_without_trust() {
    let server = started().await;
    let (uuid, key) = key_of(&server, "kristen98", Dict::new()).await;
    let john = sign_in(&server, "jsmith1234", PASSWORD).await.unwrap();
    assert_eq!(call(&john, "my.apikeys.list", vec![]).await, Ok(Value::List(vec![])));
    for name in MINE {
        let (error, text) = call(&john, &format!("{name}.delete"), vec![uuid.as_str().into()]).await.unwrap_err();
        assert_eq!(error, DENIED, "{text}");
        for wrong in [vec![], vec![Value::Int(5)], vec!["zz".into()]] {
            let (error, text) = call(&john, &format!("{name}.delete"), wrong).await.unwrap_err();
            assert_eq!(error, INVALID_ARGUMENT, "{text}");
        }
        let args = vec!["kristen98".into()];
        assert_eq!(call(&john, &format!("{name}.list"), args).await.unwrap_err().0, INVALID_ARGUMENT);
    }
    for login in ["jsmith1234", "bob"] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        for (name, verb) in SYSTEM.into_iter().flat_map(|name| ["create", "list", "delete"].map(|verb| (name, verb))) {
            let uri = format!("{name}.{verb}");
            check_denied(call(&session, &uri, vec!["kristen98".into()]).await, &uri);
        }
    }
    // A rule alone is not enough: acting for others also needs the role.
    for verb in ["create", "list", "delete"] {
        let uri = format!("{PREFIX}.system.apikeys.{verb}");
        server.cli(&["role", "allow", "backend", &uri, "c"], "").await.ok();
        let bob = sign_in(&server, "bob", PASSWORD).await.unwrap();
        let argument = if verb == "delete" { uuid.as_str() } else { "kristen98" };
        let (error, text) = call(&bob, &uri, vec![argument.into()]).await.unwrap_err();
        assert_eq!(error, DENIED, "{text}");
        assert!(text.contains("Permission Denied") && text.contains("trust"), "{text}");
    }
    drop(sign_in(&server, "kristen98", &key).await.unwrap());
    let anonymous = server_with("[auth]\nanonymous = true").start().await;
    anonymous.cli(&["role", "allow", "public", "my.apikeys.*", "c"], "").await.ok();
    let options = crate::support::reach(&anonymous, Door::Http);
    let session =
        countersign_client::Client::connect(options.auth(countersign_client::Auth::anonymous())).await.unwrap();
    for verb in ["create", "list"] {
        let (error, text) = call(&session, &format!("my.apikeys.{verb}"), vec![]).await.unwrap_err();
        assert_eq!(error, DENIED, "{text}");
    }
}

#[tokio::test]
async fn a_trusted_user_makes_lists_and_withdraws_them_for_others() {
    let server = started().await;
    let owner = owner(&server, "kristen98").await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for name in SYSTEM {
        let record = Dict::new().with("description", "nightly");
        let made = call(&zoe, &format!("{name}.create"), vec!["KRISTEN98".into(), record.into()]).await.unwrap();
        check_record(&made, &owner, "nightly", true);
        let (uuid, key) = (text(made.as_dict().unwrap(), "uuid"), text(made.as_dict().unwrap(), "plaintext_key"));
        let session = sign_in(&server, "kristen98", &key).await.unwrap();
        let me = Dict::new().with("authid", "kristen98").with("role", "frontend");
        assert_eq!(whoami(&session).await, Ok(me.into()));
        let list = call(&zoe, &format!("{name}.list"), vec!["Kristen98".into()]).await.unwrap();
        assert_eq!(uuids(&list), [uuid.as_str()]);
        check_record(&list.as_list().unwrap()[0], &owner, "nightly", false);
        assert_eq!(call(&zoe, &format!("{name}.delete"), vec![uuid.into()]).await, Ok(Value::Bool(true)));
        assert_eq!(aborted(sign_in(&server, "kristen98", &key).await), denied());
        let (error, text) = call(&zoe, &format!("{name}.create"), vec!["nobody".into()]).await.unwrap_err();
        assert_eq!(error, "com.izaber.wamp.error.notfound", "{text}");
        let (error, _) = call(&zoe, &format!("{name}.list"), vec!["nobody".into()]).await.unwrap_err();
        assert_eq!(error, "com.izaber.wamp.error.notfound");
        for verb in ["create", "list", "delete"] {
            let (error, _) = call(&zoe, &format!("{name}.{verb}"), vec![]).await.unwrap_err();
            assert_eq!(error, INVALID_ARGUMENT, "{name}.{verb}");
        }
    }
    let rows = audit(&server, &["--operation", "apikey.mint", "--outcome", "accepted"]).await;
    let named = |row: &serde_json::Value| ["actor", "target"].map(|field| row[field].as_str().unwrap().to_owned());
    assert!(rows.iter().all(|row| named(row) == ["zoe", "kristen98"]) && rows.len() == 2, "{rows:?}");
}

#[tokio::test]
async fn a_key_is_a_ticket_at_every_door_as_often_as_asked_and_in_any_case_of_the_login() {
    let server = started().await;
    let (_, key) = key_of(&server, "kristen98", Dict::new()).await;
    for (door, login) in Door::ALL.into_iter().zip(["kristen98", "KRISTEN98", "Kristen98", "kristeN98"]) {
        for encoding in Encoding::ALL {
            for wrong in [format!("{key} "), key.to_lowercase()] {
                assert_eq!(aborted(sign_in_at(&server, door, encoding, login, &wrong).await), denied());
            }
            assert_eq!(aborted(sign_in_at(&server, door, encoding, "jsmith1234", &key).await), denied());
            let session = sign_in_at(&server, door, encoding, login, &key).await.unwrap();
            let details = session.welcome_details();
            let welcomed = ["authid", "authrole", "authmethod"].map(|field| text(details, field));
            assert_eq!(welcomed, ["kristen98", "frontend", "ticket"]);
            let extra = details.get("authextra").and_then(Value::as_dict).unwrap();
            assert_eq!(extra.get("has_restrictions"), Some(&Value::Bool(false)));
            assert!(whoami(&session).await.is_ok());
        }
    }
}

#[tokio::test]
async fn sixty_four_logins_at_once_with_one_key_all_succeed() {
    let server = started().await;
    let (uuid, key) = key_of(&server, "kristen98", Dict::new()).await;
    let mut logins = JoinSet::new();
    for _ in 0..64 {
        let (options, key) = (crate::support::reach(&server, Door::Tcp), key.clone());
        let auth = countersign_client::Auth::ticket("kristen98", &key);
        logins.spawn(countersign_client::Client::connect(options.auth(auth)));
    }
    let sessions: Vec<Session> = logins.join_all().await.into_iter().map(|session| session.unwrap()).collect();
    for session in &sessions {
        assert!(whoami(session).await.is_ok());
    }
    let rows = audit(&server, &["--operation", "login", "--outcome", "accepted"]).await;
    let by_key = rows.iter().filter(|row| row["detail"].as_str().unwrap().contains(&uuid)).count();
    assert_eq!(by_key, 64);
}

#[tokio::test]
async fn a_user_has_so_many_and_no_more() {
    let server = with_users(server_with("[apikey]\nlive_max = 2\n").start().await).await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let (uuid, _) = mint(&session, Dict::new()).await;
    mint(&session, Dict::new()).await;
    let (error, text) = call(&session, "my.apikeys.create", vec![]).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.limitexceeded", "{text}");
    assert!(text.contains("2 live API keys"), "{text}");
    assert_eq!(passed(&server, "apikey.live_max").await, 1);
    assert!(call(&session, "my.otp.create", vec![]).await.is_ok(), "one-time passwords have room of their own");
    call(&session, "my.apikeys.delete", vec![uuid.into()]).await.unwrap();
    mint(&session, Dict::new()).await;
}

#[tokio::test]
async fn w10_neither_answers_nor_trail_nor_log_hold_a_key_again() {
    let mut server = started().await;
    let session = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let made = call(&session, "my.apikeys.create", vec![]).await.unwrap();
    let made = made.as_dict().unwrap();
    let (key, digest) = (text(made, "plaintext_key"), text(made, "key"));
    drop(sign_in(&server, "kristen98", &key).await.unwrap());
    assert_eq!(aborted(sign_in(&server, "bob", &key).await), denied());
    let listed = format!("{:?}", call(&session, "my.apikeys.list", vec![]).await);
    assert!(!listed.contains(&key) && listed.contains(&digest));
    let rows = format!("{:?}", audit(&server, &[]).await);
    assert!(!rows.contains(&key) && !rows.contains(&digest));
    server.stop().await;
    let output = server.output();
    assert!(!output.contains(&key) && !output.contains(&digest));
    for entry in std::fs::read_dir(server.data()).unwrap().flatten() {
        let Ok(bytes) = std::fs::read(entry.path()) else { continue };
        let has = bytes.windows(key.len()).any(|window| window == key.as_bytes());
        assert!(!has, "{}", entry.path().display());
    }
}

/// A key is found by one look-up, so that it needs no turn among those whose passwords are checked.
#[tokio::test]
async fn w11_a_login_by_key_asks_no_slow_hash() {
    let server = with_users(server_with("[password]\nworkers = 1\nqueue_max = 1\n").start().await).await;
    let (_, key) = key_of(&server, "kristen98", Dict::new()).await;
    let options = crate::support::reach(&server, Door::Tcp);
    let mut wrong = JoinSet::new();
    for _ in 0..8 {
        let options = options.clone();
        wrong.spawn(async move {
            loop {
                assert_eq!(try_ticket(&options, "bob", "not the password").await, Answer::Denied);
            }
        });
    }
    // The pool that checks passwords is full all the time: who needs it is often refused, and a key never.
    let mut refused = 0;
    for _ in 0..20 {
        drop(sign_in(&server, "kristen98", &key).await.unwrap());
        refused += usize::from(try_ticket(&options, "zoe", PASSWORD).await == Answer::Denied);
    }
    assert!(refused > 0, "the pool was never full");
    assert!(wrong.try_join_next().is_none());
}
