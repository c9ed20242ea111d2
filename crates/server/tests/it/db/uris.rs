//! The collection `uris`.

use countersign_client::{Dict, HandlerError, MatchPolicy, RegisterOptions, Value};
use countersign_testkit::{PostgresDatabase, Server, Storage};

use super::changes::{EXISTS, NOT_FOUND, ROOT, create, delete, refused, update};
use super::{DENIED, INVALID_ARGUMENT, SPELLINGS, each, fields, hits, is, list, query, records, with_users};
use crate::support::{PASSWORD, audit, call, server_with, sign_in, text};
use crate::uris::FIELDS;

fn of(uri: &str) -> Dict {
    Dict::new().with("uri", uri)
}

async fn changes(server: Server) {
    let server = with_users(server).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for prefix in SPELLINGS {
        let record =
            of("docs.a").with("match", "prefix").with("description", "what").with("disconnect_warn_after", 60_u32);
        let args = vec![ROOT.into(), "uris".into(), record.into()];
        let made = call(&zoe, &format!("{prefix}.create"), args.clone()).await.unwrap();
        let made = made.as_dict().unwrap().clone();
        // What the record says, and whose it is.
        assert_eq!(fields(&made), [&FIELDS[..], &["owner"]].concat());
        assert_eq!(["key", "owner"].map(|field| text(&made, field)), ["docs.a_prefix_register", ROOT]);
        refused(call(&zoe, &format!("{prefix}.create"), args.clone()).await, EXISTS, "already");
        let uuid = text(&made, "uuid");
        // What is sent back as it was found changes nothing; what is new in it does.
        let found = records(&query(&zoe, "uris", is("uuid", "=", uuid.as_str())).await.unwrap()).remove(0);
        let whole = |field: &str, value: Value| {
            let kept = found.iter().filter(|(name, _)| *name != field);
            let mut whole: Dict = kept.map(|(name, value)| (name.to_owned(), value.clone())).collect();
            whole.push(field, value);
            whole
        };
        let changed = audit(&server, &["--operation", "uri.set"]).await.len();
        let args = vec![list([uuid.as_str().into()]), found.clone().into()];
        assert_eq!(call(&zoe, &format!("{prefix}.update"), args).await, Ok(Value::Bool(true)));
        assert_eq!(audit(&server, &["--operation", "uri.set"]).await.len(), changed);
        assert_eq!(update(&zoe, &uuid, whole("contact", "ops".into())).await, Ok(Value::Bool(true)));
        let page = query(&zoe, "uris", is("contact", "=", "ops")).await.unwrap();
        assert_eq!((each(&page, "description"), hits(&page)), (vec!["what".to_owned()], 1));
        refused(update(&zoe, &uuid, whole("uri", "docs.b".into())).await, INVALID_ARGUMENT, "uri has to be");
        let args = vec![ROOT.into(), "uris".into(), of("docs.a").with("match", "prefix").with("contact", "me").into()];
        let answer = call(&zoe, &format!("{prefix}.upsert"), args).await.unwrap();
        assert_eq!(["uuid", "contact"].map(|field| text(answer.as_dict().unwrap(), field)), [uuid.as_str(), "me"]);
        let args = vec![list([uuid.as_str().into()])];
        for _ in 0..2 {
            assert_eq!(call(&zoe, &format!("{prefix}.delete"), args.clone()).await, Ok(Value::Bool(true)));
        }
        assert_eq!(hits(&query(&zoe, "uris", is("uri", "=", "docs.a")).await.unwrap()), 0);
        let stats = call(&zoe, &format!("{prefix}.stats"), vec![]).await.unwrap();
        let counts = stats.as_dict().unwrap().get("counts").unwrap().as_dict().unwrap().clone();
        // The server's own procedures.
        assert!(counts.get("uris").and_then(Value::as_u64).unwrap() > 10);
    }
    refused(create(&zoe, ROOT, "uris", Dict::new()).await, INVALID_ARGUMENT, "uri has to be given");
    refused(create(&zoe, ROOT, "uris", of("a").with("active", true).with("x", 1_u32)).await, INVALID_ARGUMENT, "'x'");
    refused(create(&zoe, ROOT, "uris", of("a").with("schedule", "x")).await, INVALID_ARGUMENT, "schedule");
    refused(create(&zoe, "zz", "uris", of("a")).await, NOT_FOUND, "does not exist");
}

#[tokio::test]
async fn records_of_uris_are_made_changed_and_removed() {
    changes(server_with("").start().await).await;
}

#[tokio::test]
async fn records_of_uris_are_made_changed_and_removed_on_postgresql() {
    let database = PostgresDatabase::create().await;
    changes(server_with("").storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn what_is_said_of_a_uri_acts_at_once_and_its_history_is_cleared() {
    let server = with_users(server_with("").start().await).await;
    server.cli(&["role", "allow", "frontend", "docs.*", "cr!"], "").await.ok();
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let register = async || {
        let answer = |_| async { Ok::<_, HandlerError>(vec![Value::Null]) };
        kristen.register("docs.a", RegisterOptions::new().matching(MatchPolicy::Exact), answer).await
    };
    assert!(register().await.is_err());
    let documented = of("docs.a").with("description", "what").with("contact", "who");
    let made = create(&zoe, ROOT, "uris", documented).await.unwrap();
    let uuid = text(made.as_dict().unwrap(), "uuid");
    let registration = register().await.unwrap();
    let active = async |is_active: bool| {
        let what = format!("active: {is_active}");
        countersign_testkit::eventually(&what, std::time::Duration::from_secs(10), async || {
            let page = query(&zoe, "uris", is("uuid", "=", uuid.as_str())).await.unwrap();
            let record = records(&page).remove(0);
            (record.get("active") == Some(&Value::Bool(is_active))).then_some(record)
        })
        .await
    };
    let record = active(true).await;
    assert_eq!(text(&record, "authid"), "kristen98");
    assert_eq!(record.get("history").and_then(Value::as_list).unwrap().len(), 1);
    // One that is registered stays.
    refused(delete(&zoe, &uuid).await, NOT_FOUND, "registered");
    kristen.unregister(registration).await.unwrap();
    active(false).await;
    assert_eq!(update(&zoe, &uuid, Dict::new().with("history", list([]))).await, Ok(Value::Bool(true)));
    assert_eq!(active(false).await.get("history"), Some(&list([])));
    assert_eq!(delete(&zoe, &uuid).await, Ok(Value::Bool(true)));
    assert!(register().await.is_err());
}

#[tokio::test]
async fn others_neither_find_nor_change_records_of_uris() {
    let server = with_users(server_with("").start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let made = create(&zoe, ROOT, "uris", of("a.b")).await.unwrap();
    let uuid = text(made.as_dict().unwrap(), "uuid");
    for login in ["kristen98", "bob"] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        refused(query(&session, "uris", Value::Null).await.map(Value::from), DENIED, "Permission Denied");
        refused(create(&session, ROOT, "uris", of("c")).await, DENIED, "Permission Denied");
        refused(delete(&session, &uuid).await, DENIED, "somebody else");
        assert_eq!(update(&session, &uuid, Dict::new().with("contact", "x")).await, Ok(Value::Bool(true)));
    }
    assert_eq!(each(&query(&zoe, "uris", is("uri", "=", "a.b")).await.unwrap(), "contact"), [""]);
}
