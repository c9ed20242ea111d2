//! `system.db.query`

use countersign_client::{Dict, Encoding, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};

use super::{
    DENIED, INVALID_ARGUMENT, LONG, NOT_AUTHORIZED, SPELLINGS, anonymous, each, fields, hits, is, joined, list,
    otp_session, query, records, with_users,
};
use crate::support::{PASSWORD, call, server, server_with, sign_in, sign_in_at, text};

const USER: [&str; 13] = [
    "login", "enabled", "role", "source", "password", "email", "upn", "name", "uuid", "owner", "apikeys", "metadata",
    "otps",
];
const OTP: [&str; 8] = ["uuid", "origin", "expires", "permissions", "key", "owner", "plaintext_key", "login"];

async fn searches(server: Server) {
    let server = with_users(server).await;
    server.cli(&["user", "set", "kristen98", "--display-name", "Kristen Ä", "--email", "k@x.example"], "").await.ok();
    for encoding in Encoding::ALL {
        let zoe = sign_in_at(&server, Door::Http, encoding, "zoe", PASSWORD).await.unwrap();
        call(&zoe, "system.otp.create", vec!["kristen98".into()]).await.unwrap();
        for prefix in SPELLINGS {
            let args = vec!["users".into(), is("login", "=", "kristen98")];
            let page = call(&zoe, &format!("{prefix}.query"), args).await.unwrap();
            let page = page.as_dict().unwrap();
            assert_eq!(fields(page), ["records", "page_index", "page", "pages", "hits", "limit", "sort"]);
            let user = &records(page)[0];
            assert_eq!(fields(user), USER);
            let given = ["login", "role", "source", "email", "name", "owner"].map(|field| text(user, field));
            assert_eq!(given, ["kristen98", "frontend", "local", "k@x.example", "Kristen Ä", "%root"]);
            assert_eq!((user.get("enabled"), user.get("upn")), (Some(&Value::Bool(true)), Some(&Value::Null)));
            let otps = user.get("otps").and_then(Value::as_list).unwrap();
            let otp = otps[0].as_dict().unwrap();
            assert_eq!((fields(otp), text(otp, "owner")), (OTP.to_vec(), text(user, "uuid")));
        }
        let found = async |conditions| each(&query(&zoe, "users", conditions).await.unwrap(), "login");
        assert_eq!(found(is("name", "ilike", "KRISTEN ä")).await, ["kristen98"]);
        assert_eq!(found(is("email", "=", "K@X.example")).await, ["kristen98"]);
        assert_eq!(found(is("login", "like", "%")).await, Vec::<String>::new());
        let either = joined(
            "or",
            [
                is("role", "ilike", "BACK"),
                joined("and", [is("login", "in", list(["zoe".into(), "x".into()])), Value::Null]),
            ],
        );
        assert_eq!(found(either).await, ["bob", "zoe"]);
        assert_eq!(found(joined("NOR", [is("login", "has", "o"), is("login", "has", "s")])).await, ["admin"]);
        let rule = Dict::new().with("uri", "*").with("perms", "crspoq");
        let page = query(&zoe, "roles", is("permissions", "has", rule)).await.unwrap();
        assert_eq!(
            (each(&page, "role"), fields(&records(&page)[0])),
            (vec!["trust".to_owned()], vec!["role", "permissions", "uuid", "owner"])
        );
        let page = query(&zoe, "otps", is("owner_.login", "=", "kristen98")).await.unwrap();
        assert!(each(&page, "login").iter().all(|login| login == "kristen98") && hits(&page) > 0);
        assert_eq!(hits(&query(&zoe, "cookies", Value::Null).await.unwrap()), 0);
    }
}

#[tokio::test]
async fn trust_finds_everything_by_its_fields() {
    searches(server().start().await).await;
}

#[tokio::test]
async fn trust_finds_everything_by_its_fields_on_postgresql() {
    let database = PostgresDatabase::create().await;
    searches(server().storage(Storage::Postgres(database.url())).start().await).await;
}

#[tokio::test]
async fn others_find_themselves_and_what_is_theirs() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for login in ["kristen98", "bob", "zoe"] {
        call(&zoe, "system.otp.create", vec![login.into()]).await.unwrap();
    }
    for login in ["kristen98", "bob"] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        for prefix in SPELLINGS {
            for (collection, field) in [("users", "login"), ("otps", "login")] {
                let page = call(&session, &format!("{prefix}.query"), vec![collection.into()]).await.unwrap();
                let page = page.as_dict().unwrap();
                assert_eq!((each(page, field), hits(page)), (vec![login.to_owned()], 1), "{collection}");
            }
            for collection in ["roles", "cookies"] {
                let refused = call(&session, &format!("{prefix}.query"), vec![collection.into()]).await.unwrap_err();
                assert_eq!(refused.0, DENIED, "{}", refused.1);
                assert!(refused.1.starts_with("Permission Denied"), "{}", refused.1);
            }
        }
    }
}

#[tokio::test]
async fn sessions_of_one_time_passwords_and_nobody_reach_nothing() {
    let server = with_users(server_with("[auth]\nanonymous = true").start().await).await;
    for login in ["kristen98", "bob", "zoe"] {
        let session = otp_session(&server, &sign_in(&server, login, PASSWORD).await.unwrap()).await;
        for prefix in SPELLINGS {
            let (error, text) = call(&session, &format!("{prefix}.query"), vec!["users".into()]).await.unwrap_err();
            assert_eq!(error, NOT_AUTHORIZED, "{login}: {text}");
        }
    }
    let nobody = anonymous(&server).await;
    for prefix in SPELLINGS {
        let (error, _) = call(&nobody, &format!("{prefix}.query"), vec!["users".into()]).await.unwrap_err();
        assert_eq!(error, NOT_AUTHORIZED);
    }
    // A rule of the role isn't enough for somebody who is nobody.
    server.cli(&["role", "allow", "public", "system.db.query", "c"], "").await.ok();
    let (error, text) = call(&nobody, "system.db.query", vec!["users".into()]).await.unwrap_err();
    assert_eq!(error, DENIED, "{text}");
}

#[tokio::test]
async fn w3_no_condition_tells_anything_of_others() {
    let server = with_users(server().start().await).await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    call(&zoe, "system.otp.create", vec!["zoe".into()]).await.unwrap();
    for field in [
        "owner_.users.zoe.password",
        "owner_.users.zoe.role",
        "owner_.users.zoe.otps.x.plaintext_key",
        "password",
        "otps.x.plaintext_key",
        "owner_.password",
        "totp_key",
    ] {
        for collection in ["users", "otps"] {
            for session in [&kristen, &zoe] {
                let (error, text) = query(session, collection, is(field, "like", "$")).await.unwrap_err();
                assert_eq!(error, INVALID_ARGUMENT, "{field}: {text}");
                assert!(text.contains("is not a field of"), "{text}");
            }
        }
    }
    for conditions in [
        is("login", "=", "zoe"),
        joined("OR", [is("role", "=", "trust"), is("login", "!=", "kristen98")]),
        joined("NOT", [is("login", "=", "kristen98")]),
    ] {
        let page = query(&kristen, "users", conditions.clone()).await.unwrap();
        assert_eq!((hits(&page), records(&page).len()), (0, 0), "{conditions:?}");
    }
    assert_eq!(hits(&query(&kristen, "otps", is("owner_.login", "=", "zoe")).await.unwrap()), 0);
}

#[tokio::test]
async fn w10_neither_hashes_nor_keys_are_answered() {
    let server = with_users(server().start().await).await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let otp = call(&kristen, "com.izaber.wamp.my.otp.create", vec![]).await.unwrap();
    let key = text(otp.as_dict().unwrap(), "plaintext_key");
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for session in [&kristen, &zoe] {
        for collection in ["users", "otps"] {
            let page = query(session, collection, Value::Null).await.unwrap();
            let shown = format!("{page:?}");
            assert!(!shown.contains("$argon2") && !shown.contains(&key), "{shown}");
            assert!(records(&page).iter().all(|record| matches!(record.get("password"), None | Some(Value::Null))));
        }
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_said() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let users = || Value::from("users");
    let sort = |direction: &str| list([list(["login".into(), direction.into()])]);
    for (args, names) in [
        (vec![], "collection"),
        (vec!["nosuch".into()], "'nosuch' not a valid collection. Available Collections users"),
        (vec![users(), "login".into()], "cannot be grokked"),
        (vec![users(), list(["login".into()])], "cannot be grokked"),
        (vec![users(), joined("XOR", [])], "no combiner 'XOR'"),
        (vec![users(), is("login", "~", "x")], "no operator '~'"),
        (vec![users(), is("nosuch", "=", "x")], "'nosuch' is not a field of users"),
        (vec![users(), is("enabled", "like", "x")], "enabled can't be tested with like"),
        (vec![users(), Value::Null, Value::Null, sort("up")], "sort"),
        (vec![users(), Value::Null, Value::Null, Value::Null, Value::Int(-1)], "limit"),
        (vec![users(), Value::Null, Value::Null, Value::Null, Value::Null, Value::Int(-1)], "page_index"),
        (vec![users(), joined("OR", (0..101).map(|_| is("login", "=", "x")))], "more than 100 conditions"),
    ] {
        let shown = format!("{args:?}");
        let (error, text) = call(&zoe, &format!("{LONG}.query"), args).await.unwrap_err();
        assert_eq!(error, INVALID_ARGUMENT, "{shown}: {text}");
        assert!(text.contains(names), "{shown}: {text}");
    }
}

#[tokio::test]
async fn pages_follow_the_order_that_is_asked_for() {
    let server = with_users(server().start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let page = async |direction: &str, limit: i64, page_index: i64| {
        let sort = list([list(["login".into(), direction.into()])]);
        let arguments = Dict::new()
            .with("collection", "users")
            .with("sort", sort)
            .with("limit", limit)
            .with("page_index", page_index);
        let (args, _) = zoe.call(&format!("{LONG}.query"), vec![], arguments).await.unwrap();
        args[0].as_dict().unwrap().clone()
    };
    let first = page("desc", 2, 0).await;
    assert_eq!(each(&first, "login"), ["zoe", "kristen98"]);
    let numbers =
        ["page_index", "page", "pages", "hits", "limit"].map(|field| first.get(field).unwrap().as_u64().unwrap());
    assert_eq!(numbers, [0, 1, 3, 5, 2]);
    let last = page("desc", 2, 2).await;
    assert_eq!((each(&last, "login"), last.get("page").unwrap().as_u64()), (vec!["admin".to_owned()], Some(3)));
    let all = page("asc", 0, 0).await;
    assert_eq!((each(&all, "login").len(), all.get("pages").unwrap().as_u64()), (5, Some(0)));
}
