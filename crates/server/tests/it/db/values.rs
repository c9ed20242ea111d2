//! Values of metadata, and what is said in rosters, in filters.

use countersign_client::{Dict, Value};
use countersign_testkit::{PostgresDatabase, Server, Storage};

use super::changes::{create, refused};
use super::{DENIED, INVALID_ARGUMENT, each, hits, is, joined, list, query, records, with_users};
use crate::support::{PASSWORD, call, server, sign_in, text};

async fn searches(server: Server) {
    let server = with_users(server).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let own = text(&records(&query(&kristen, "users", Value::Null).await.unwrap())[0], "uuid");
    let nested = Dict::new().with("colour", "Red").with("size", Dict::new().with("rows", 25_u32).with("wide", true));
    for (key, value) in [
        ("a", Value::from(nested)),
        ("b", Dict::new().with("colour", "blue").with("size", Dict::new().with("rows", 2.5)).into()),
        ("c", Dict::new().with("colour", 5_u32).with("size", Value::Null).into()),
        ("d", "red".into()),
        ("e", Value::Null),
        // Binary data, which is not looked into.
        ("f", Dict::new().with("colour", "Red").with("raw", Value::Bytes(vec![0, 1])).into()),
    ] {
        let record = Dict::new().with("key", key).with("value", value);
        create(&kristen, &own, "metadata", record).await.unwrap();
    }
    let check = async |conditions: Value, want: &[&str]| {
        let shown = format!("{conditions:?}");
        for session in [&kristen, &zoe] {
            let page = query(session, "metadata", conditions.clone()).await.unwrap();
            assert_eq!(
                (each(&page, "key"), hits(&page)),
                (want.iter().map(|key| (*key).to_owned()).collect(), want.len() as u64),
                "{shown}"
            );
        }
    };
    check(is("value.colour", "=", "Red"), &["a"]).await;
    check(is("value.colour", "in", list(["Red".into(), 5_u32.into()])), &["a", "c"]).await;
    check(is("value", "=", "red"), &["d"]).await;
    check(is("value.size.rows", "=", 25.0), &["a"]).await;
    check(is("value.size.rows", ">", 2_u32), &["a", "b"]).await;
    check(is("value.size.rows", "<=", 2.5), &["b"]).await;
    check(is("value.size.wide", "is", true), &["a"]).await;
    check(is("value.size", "is", Value::Null), &["c", "d", "e", "f"]).await;
    check(is("value.colour", "like", "lu"), &["b"]).await;
    check(is("value.colour", "ilike", "RE"), &["a"]).await;
    // What can't be compared leaves the record out, under NOT too; what can only not be equal doesn't.
    check(joined("NOT", [is("value.colour", "like", "lu")]), &["a"]).await;
    check(joined("NOT", [is("value.colour", "=", "blue")]), &["a", "c", "d", "e", "f"]).await;
    check(is("value.colour", "<", true), &[]).await;
    check(joined("OR", [is("key", "=", "e"), is("value.size.rows", "=", 25_u32)]), &["a", "e"]).await;
    check(is("value.'; --", "=", "x"), &[]).await;
    for (conditions, with) in [
        (is("value.colour", "in", "x"), "a list"),
        (is("value.colour", "is", 5_u32), "null, true or false"),
        (is("values.colour", "=", 5_u32), "values.colour"),
        (is("key.colour", "=", 5_u32), "key.colour"),
        (is(&format!("value.{}", "x".repeat(1_024)), "=", 5_u32), "bytes in a text"),
    ] {
        refused(query(&zoe, "metadata", conditions).await.map(Value::from), INVALID_ARGUMENT, with);
    }
    let args = vec!["roster.a".into(), Dict::new().with("page", "main").into()];
    call(&kristen, "com.izaber.wamp.system.roster.register", args).await.unwrap();
    for (page, want) in [("main", 1), ("other", 0)] {
        assert_eq!(hits(&query(&zoe, "rosters", is("data.page", "=", page)).await.unwrap()), want);
    }
    refused(query(&kristen, "rosters", is("data.page", "=", "main")).await.map(Value::from), DENIED, "Permission");
    // Nobody finds out what another's hold.
    let john = sign_in(&server, "jsmith1234", PASSWORD).await.unwrap();
    assert_eq!(hits(&query(&john, "metadata", is("value.colour", "=", "Red")).await.unwrap()), 0);
}

#[tokio::test]
async fn values_are_found_by_what_is_in_them() {
    searches(server().start().await).await;
}

#[tokio::test]
async fn values_are_found_by_what_is_in_them_on_postgresql() {
    let database = PostgresDatabase::create().await;
    searches(server().storage(Storage::Postgres(database.url())).start().await).await;
}
