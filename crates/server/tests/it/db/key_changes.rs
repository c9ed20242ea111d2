//! Changes of `apikeys` and `otps`.

use countersign_client::{Dict, Session, Value};
use countersign_testkit::{PostgresDatabase, Server, Storage};

use super::changes::{NOT_FOUND, create, refused, update};
use super::{DENIED, INVALID_ARGUMENT, NOT_AUTHORIZED, SPELLINGS, is, list, query, records, with_users};
use crate::support::{PASSWORD, aborted, audit, call, ends, server_with, sign_in, text};

const WHOAMI: &str = "com.izaber.wamp.auth.whoami";

fn rules(rules: &[(&str, &str)]) -> Value {
    list(rules.iter().map(|(uri, perms)| Dict::new().with("uri", *uri).with("perms", *perms).into()))
}

async fn uuid_of(session: &Session, login: &str) -> String {
    text(&records(&query(session, "users", is("login", "=", login)).await.unwrap())[0], "uuid")
}

async fn key(session: &Session, owner: &str, collection: &str, record: Dict) -> (String, String) {
    let made = create(session, owner, collection, record).await.unwrap();
    let made = made.as_dict().unwrap();
    (text(made, "uuid"), text(made, "plaintext_key"))
}

async fn record(session: &Session, collection: &str, uuid: &str) -> Dict {
    records(&query(session, collection, is("uuid", "=", uuid)).await.unwrap()).remove(0)
}

async fn changes(server: Server) {
    let server = with_users(server).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let own = uuid_of(&zoe, "kristen98").await;
    for prefix in SPELLINGS {
        let (uuid, plaintext) = key(&kristen, &own, "apikeys", Dict::new()).await;
        let live = sign_in(&server, "kristen98", &plaintext).await.unwrap();
        let before = record(&kristen, "apikeys", &uuid).await;
        let args = |record: Dict| vec![list([uuid.as_str().into()]), record.into()];
        // A description, and the whole record as it was found, end nothing.
        let named = Dict::new().with("description", "nightly");
        for record in [before.clone(), named] {
            assert_eq!(call(&kristen, &format!("{prefix}.update"), args(record)).await, Ok(Value::Bool(true)));
        }
        let after = record(&kristen, "apikeys", &uuid).await;
        assert_eq!(text(&after, "description"), "nightly");
        for field in ["uuid", "key", "owner", "expires", "permissions"] {
            assert_eq!(after.get(field), before.get(field), "{field}");
        }
        assert!(call(&live, WHOAMI, vec![]).await.is_ok());
        // What is forged has no effect.
        let forged = Dict::new().with("owner", "x").with("key", "nHiqIwUZgxPUOnUrpWuDoafGwGMoQQPpv69_VzudkB0");
        assert_eq!(call(&kristen, &format!("{prefix}.update"), args(forged)).await, Ok(Value::Bool(true)));
        assert_eq!(record(&kristen, "apikeys", &uuid).await, after);
        // Other restrictions end its sessions; the next one has them.
        let narrowed = Dict::new().with("permissions", rules(&[("a.b", "c")]));
        assert_eq!(call(&zoe, &format!("{prefix}.update"), args(narrowed)).await, Ok(Value::Bool(true)));
        ends(&live).await;
        let live = sign_in(&server, "kristen98", &plaintext).await.unwrap();
        assert_eq!(call(&live, WHOAMI, vec![]).await.unwrap_err().0, NOT_AUTHORIZED);
        // So does its end, when it comes.
        let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1_500);
        let ending = Dict::new().with("expires", soon.to_string());
        assert_eq!(call(&kristen, &format!("{prefix}.update"), args(ending)).await, Ok(Value::Bool(true)));
        ends(&live).await;
        aborted(sign_in(&server, "kristen98", &plaintext).await);
        refused(
            call(&kristen, &format!("{prefix}.update"), args(Dict::new().with("expires", Value::Null))).await,
            NOT_FOUND,
            "has ended",
        );
    }
    let trail = audit(&server, &["--operation", "apikey.update", "--outcome", "accepted"]).await;
    assert_eq!(trail.len(), 6);
}

#[tokio::test]
async fn an_api_key_is_changed_and_its_sessions_feel_it() {
    changes(server_with("").start().await).await;
}

#[tokio::test]
async fn an_api_key_is_changed_and_its_sessions_feel_it_on_postgresql() {
    let database = PostgresDatabase::create().await;
    changes(server_with("").storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn a_one_time_password_is_changed_until_it_is_used_up() {
    let server = with_users(server_with("").start().await).await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let own = uuid_of(&kristen, "kristen98").await;
    let (uuid, plaintext) = key(&kristen, &own, "otps", Dict::new()).await;
    let narrowed = Dict::new().with("permissions", rules(&[("com.izaber.wamp.auth.whoami", "c")]));
    assert_eq!(update(&kristen, &uuid, narrowed).await, Ok(Value::Bool(true)));
    for (change, with) in [
        (Dict::new().with("expires", "9999-12-31T00:00:00Z"), "expires"),
        (Dict::new().with("permissions", rules(&[("a..b", "c")])), "permissions"),
        (Dict::new().with("description", "x"), "description"),
    ] {
        refused(update(&kristen, &uuid, change).await, INVALID_ARGUMENT, with);
    }
    let session = sign_in(&server, "kristen98", &plaintext).await.unwrap();
    assert!(call(&session, WHOAMI, vec![]).await.is_ok());
    assert_eq!(call(&session, "com.izaber.wamp.auth.is_reauthenticated", vec![]).await.unwrap_err().0, NOT_AUTHORIZED);
    refused(update(&kristen, &uuid, Dict::new().with("permissions", list([]))).await, NOT_FOUND, "used up");
    aborted(sign_in(&server, "kristen98", &plaintext).await);
}

#[tokio::test]
async fn others_and_sessions_of_keys_change_no_keys() {
    let server = with_users(server_with("").start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let (uuid, _) = key(&zoe, &uuid_of(&zoe, "zoe").await, "apikeys", Dict::new()).await;
    let before = record(&zoe, "apikeys", &uuid).await;
    // What is another's is passed over.
    assert_eq!(update(&kristen, &uuid, Dict::new().with("description", "x")).await, Ok(Value::Bool(true)));
    assert_eq!(record(&zoe, "apikeys", &uuid).await, before);
    // A key that may call this makes of itself nothing that lasts longer or reaches further.
    let own = uuid_of(&zoe, "kristen98").await;
    let reach = [("*", "c"), ("com.izaber.wamp.system.db.update", "c"), ("com.izaber.wamp.my.apikeys.create", "c")];
    let ends_soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5)).to_string();
    let limited = Dict::new().with("permissions", rules(&reach)).with("expires", ends_soon);
    let (uuid, plaintext) = key(&kristen, &own, "apikeys", limited).await;
    let session = sign_in(&server, "kristen98", &plaintext).await.unwrap();
    refused(update(&session, &uuid, Dict::new().with("expires", Value::Null)).await, DENIED, "makes keys");
    assert_eq!(update(&session, &uuid, Dict::new().with("description", "x")).await, Ok(Value::Bool(true)));
}
