//! `system.db.create`, `update`, `delete`, `upsert`, `stats` and `bulk_unload`

use countersign_client::{Dict, Session, Value};
use countersign_testkit::Server;

use super::{
    DENIED, INVALID_ARGUMENT, LONG, NOT_AUTHORIZED, SPELLINGS, anonymous, each, hits, is, list, otp_session, query,
    records, with_users,
};
use crate::support::{PASSWORD, aborted, audit, call, ends, server_with, sign_in, text};

pub(super) const EXISTS: &str = "com.izaber.wamp.error.exists";
pub(super) const NOT_FOUND: &str = "com.izaber.wamp.error.notfound";
pub(super) const ROOT: &str = "%root";
const OTHER_PASSWORD: &str = "another correct horse";

pub(super) type Answer = Result<Value, (String, String)>;

pub(super) async fn create(session: &Session, parent: &str, collection: &str, record: Dict) -> Answer {
    call(session, &format!("{LONG}.create"), vec![parent.into(), collection.into(), record.into()]).await
}

pub(super) async fn update(session: &Session, uuid: &str, record: Dict) -> Answer {
    call(session, &format!("{LONG}.update"), vec![list([uuid.into()]), record.into()]).await
}

pub(super) async fn delete(session: &Session, uuid: &str) -> Answer {
    call(session, &format!("{LONG}.delete"), vec![list([uuid.into()])]).await
}

/// The record of a user as trust sees it.
async fn user(session: &Session, login: &str) -> Dict {
    let page = query(session, "users", is("login", "=", login)).await.unwrap();
    records(&page).into_iter().next().unwrap_or_default()
}

#[track_caller]
pub(super) fn refused(answer: Answer, error: &str, with: &str) {
    let (found, text) = answer.expect_err(with);
    assert_eq!(found, error, "{text}");
    assert!(text.contains(with), "{text}");
}

async fn started(toml: &str) -> (Server, Session) {
    let server = with_users(server_with(toml).start().await).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    (server, zoe)
}

#[tokio::test]
async fn trust_makes_changes_and_removes_users() {
    let (server, zoe) = started("").await;
    for (number, prefix) in SPELLINGS.into_iter().enumerate() {
        let login = format!("Ann{number}");
        let record = Dict::new()
            .with("login", login.as_str())
            .with("plaintext_password", PASSWORD)
            .with("role", "backend")
            .with("name", "Ann Ä")
            .with("upn", "ann@corp.example");
        let args = vec![ROOT.into(), "users".into(), record.clone().into()];
        let made = call(&zoe, &format!("{prefix}.create"), args.clone()).await.unwrap();
        let made = made.as_dict().unwrap();
        let login = login.to_lowercase();
        let given = ["login", "role", "name", "upn", "owner"].map(|field| text(made, field));
        assert_eq!(given, [login.as_str(), "backend", "Ann Ä", "ann@corp.example", ROOT]);
        assert_eq!(made.get("password"), Some(&Value::Null));
        refused(call(&zoe, &format!("{prefix}.create"), args).await, EXISTS, "already");
        let uuid = text(made, "uuid");
        // Each change has the effect that the same command has on live sessions.
        for (change, shown) in
            [(Dict::new().with("role", "frontend"), "frontend"), (Dict::new().with("enabled", false), "frontend")]
        {
            let session = sign_in(&server, &login, PASSWORD).await.unwrap();
            let args = vec![list([uuid.as_str().into()]), change.into()];
            assert_eq!(call(&zoe, &format!("{prefix}.update"), args).await, Ok(Value::Bool(true)));
            ends(&session).await;
            assert_eq!(text(&user(&zoe, &login).await, "role"), shown);
        }
        aborted(sign_in(&server, &login, PASSWORD).await);
        let back = Dict::new().with("enabled", true).with("plaintext_password", OTHER_PASSWORD).with("login", "annie");
        assert_eq!(update(&zoe, &uuid, back).await, Ok(Value::Bool(true)));
        aborted(sign_in(&server, &login, PASSWORD).await);
        let session = sign_in(&server, "annie", OTHER_PASSWORD).await.unwrap();
        // What is sent back as it was found changes nothing, and so ends nothing.
        let found = user(&zoe, "annie").await;
        assert_eq!(update(&zoe, &uuid, found.clone()).await, Ok(Value::Bool(true)));
        assert_eq!(user(&zoe, "annie").await, found);
        assert!(call(&session, "com.izaber.wamp.auth.whoami", vec![]).await.is_ok());
        let args = vec![list([uuid.as_str().into()])];
        assert_eq!(call(&zoe, &format!("{prefix}.delete"), args.clone()).await, Ok(Value::Bool(true)));
        ends(&session).await;
        assert_eq!(call(&zoe, &format!("{prefix}.delete"), args).await, Ok(Value::Bool(true)));
        aborted(sign_in(&server, "annie", OTHER_PASSWORD).await);
    }
    let trail = audit(&server, &["--actor", "zoe"]).await;
    for operation in ["user.create", "user.role", "user.lock", "user.update", "user.password", "user.delete"] {
        assert!(trail.iter().any(|row| row["operation"] == operation && row["outcome"] == "accepted"), "{operation}");
    }
}

#[tokio::test]
async fn upsert_makes_or_changes() {
    let (_server, zoe) = started("").await;
    for prefix in SPELLINGS {
        for name in ["A", "B"] {
            let record = Dict::new().with("login", "ann").with("name", name);
            let args = vec![ROOT.into(), "users".into(), record.into()];
            let answer = call(&zoe, &format!("{prefix}.upsert"), args).await.unwrap();
            assert_eq!(text(answer.as_dict().unwrap(), "name"), name);
        }
        for perms in ["c", "s"] {
            let rule = Value::from(Dict::new().with("uri", "a.b").with("perms", perms));
            let record = Dict::new().with("role", "reports").with("permissions", list([rule.clone()]));
            let args = vec![ROOT.into(), "roles".into(), record.into()];
            let answer = call(&zoe, &format!("{prefix}.upsert"), args).await.unwrap();
            assert_eq!(answer.as_dict().unwrap().get("permissions"), Some(&list([rule])));
        }
    }
    assert_eq!(hits(&query(&zoe, "users", is("login", "=", "ann")).await.unwrap()), 1);
}

#[tokio::test]
async fn trust_makes_changes_and_removes_roles_and_sessions_feel_it() {
    let (server, zoe) = started("").await;
    let rule = |uri: &str, perms: &str| Value::from(Dict::new().with("uri", uri).with("perms", perms));
    let record = Dict::new().with("role", "reports").with("permissions", list([rule("a.b", "c")]));
    let made = create(&zoe, ROOT, "roles", record.clone()).await.unwrap();
    let made = made.as_dict().unwrap();
    let uuid = text(made, "uuid");
    refused(create(&zoe, ROOT, "roles", record).await, EXISTS, "already");
    server.add_user("ann", "reports", PASSWORD).await;
    let ann = sign_in(&server, "ann", PASSWORD).await.unwrap();
    refused(call(&ann, "auth.whoami", vec![]).await, NOT_AUTHORIZED, "auth.whoami");
    let wider = Dict::new().with("permissions", list([rule("auth.whoami", "c"), rule("a.*", "cs")]));
    assert_eq!(update(&zoe, &uuid, wider).await, Ok(Value::Bool(true)));
    assert!(call(&ann, "auth.whoami", vec![]).await.is_ok());
    // One that is in use stays; one that is renamed keeps its id.
    refused(delete(&zoe, &uuid).await, INVALID_ARGUMENT, "reports");
    assert_eq!(update(&zoe, &uuid, Dict::new().with("role", "readers")).await, Ok(Value::Bool(true)));
    let page = query(&zoe, "roles", is("uuid", "=", uuid.as_str())).await.unwrap();
    assert_eq!(each(&page, "role"), ["readers"]);
    assert_eq!(text(&user(&zoe, "ann").await, "role"), "readers");
    server.cli(&["user", "delete", "ann"], "").await.ok();
    assert_eq!(delete(&zoe, &uuid).await, Ok(Value::Bool(true)));
    assert_eq!(hits(&query(&zoe, "roles", is("role", "=", "readers")).await.unwrap()), 0);
    let shape = Dict::new().with("role", "x").with("permissions", list(["*".into()]));
    refused(create(&zoe, ROOT, "roles", shape).await, INVALID_ARGUMENT, "permissions");
    refused(create(&zoe, ROOT, "roles", Dict::new().with("name", "x")).await, INVALID_ARGUMENT, "\"name\"");
}

#[tokio::test]
async fn others_change_what_they_may_of_themselves_alone() {
    let (server, zoe) = started("").await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let (own, other) = (text(&user(&zoe, "kristen98").await, "uuid"), text(&user(&zoe, "zoe").await, "uuid"));
    let change = Dict::new().with("name", "Kristen").with("email", "k@x.example");
    assert_eq!(update(&kristen, &own, change).await, Ok(Value::Bool(true)));
    let found = user(&zoe, "kristen98").await;
    assert_eq!(["name", "email"].map(|field| text(&found, field)), ["Kristen", "k@x.example"]);
    // A whole record may be sent back, with what is new in it.
    let mut whole: Dict = found
        .iter()
        .filter(|(field, _)| *field != "name")
        .map(|(field, value)| (field.to_owned(), value.clone()))
        .collect();
    whole.push("name", "K.");
    assert_eq!(update(&kristen, &own, whole).await, Ok(Value::Bool(true)));
    for (field, value) in [
        ("role", Value::from("trust")),
        ("login", "root".into()),
        ("enabled", false.into()),
        ("upn", "x@y".into()),
        ("source", "ldap".into()),
    ] {
        refused(update(&kristen, &own, Dict::new().with(field, value)).await, DENIED, field);
    }
    let hash = Dict::new().with("password", "$pbkdf2-sha256$29000$x");
    refused(update(&kristen, &own, hash).await, INVALID_ARGUMENT, "plaintext_password");
    refused(
        update(&kristen, &own, Dict::new().with("nosuch", 1_u32)).await,
        INVALID_ARGUMENT,
        "'nosuch' is not a field of users",
    );
    // Others, and what isn't there, are passed over; removing somebody is refused.
    assert_eq!(update(&kristen, &other, Dict::new().with("name", "x")).await, Ok(Value::Bool(true)));
    assert_eq!(update(&kristen, "AAAAAAAAAAAAAAAAAAAAAA", Dict::new().with("name", "x")).await, Ok(Value::Bool(true)));
    assert_eq!(user(&zoe, "zoe").await.get("name"), Some(&Value::Null));
    for uuid in [&own, &other] {
        refused(delete(&kristen, uuid).await, DENIED, "Permission Denied");
    }
    refused(delete(&kristen, "zz").await, INVALID_ARGUMENT, "'zz' is no uuid");
    for (collection, record) in [("users", Dict::new().with("login", "ann")), ("roles", Dict::new().with("role", "x"))]
    {
        refused(create(&kristen, ROOT, collection, record).await, DENIED, "Permission Denied");
    }
    assert_eq!(text(&user(&zoe, "kristen98").await, "role"), "frontend");
}

#[tokio::test]
async fn an_own_password_is_set_in_an_elevated_session_and_ends_the_others() {
    let (server, zoe) = started("").await;
    let own = text(&user(&zoe, "kristen98").await, "uuid");
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let elsewhere = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let password = |text: &str| Dict::new().with("plaintext_password", text);
    refused(update(&kristen, &own, password("x")).await, INVALID_ARGUMENT, "password");
    call(&kristen, "com.izaber.wamp.auth.reauthenticate_expire", vec![]).await.unwrap();
    refused(update(&kristen, &own, password(OTHER_PASSWORD)).await, DENIED, "reauthenticate");
    call(&kristen, "com.izaber.wamp.auth.reauthenticate", vec![PASSWORD.into()]).await.unwrap();
    assert_eq!(update(&kristen, &own, password(OTHER_PASSWORD)).await, Ok(Value::Bool(true)));
    ends(&elsewhere).await;
    assert!(call(&kristen, "com.izaber.wamp.auth.whoami", vec![]).await.is_ok());
    aborted(sign_in(&server, "kristen98", PASSWORD).await);
    sign_in(&server, "kristen98", OTHER_PASSWORD).await.unwrap();
}

#[tokio::test]
async fn w9_nothing_about_a_one_time_password_is_forged() {
    let (server, zoe) = started("").await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let own = text(&user(&zoe, "kristen98").await, "uuid");
    let other = text(&user(&zoe, "zoe").await, "uuid");
    for prefix in SPELLINGS {
        let forged = Dict::new()
            .with("origin", "root@10.0.0.1")
            .with("expires", Value::Null)
            .with("key", "nHiqIwUZgxPUOnUrpWuDoafGwGMoQQPpv69_VzudkB0");
        let args = vec![own.as_str().into(), "otps".into(), forged.into()];
        let otp = call(&kristen, &format!("{prefix}.create"), args).await.unwrap();
        let otp = otp.as_dict().unwrap();
        assert_eq!(text(otp, "origin"), "kristen98@127.0.0.1");
        assert_ne!(text(otp, "key"), "nHiqIwUZgxPUOnUrpWuDoafGwGMoQQPpv69_VzudkB0");
        let expires: jiff::Timestamp = text(otp, "expires").parse().unwrap();
        assert!(expires.duration_since(jiff::Timestamp::now()).as_secs() <= 600);
        let forged = Dict::new().with("origin", "x@y").with("key", "x").with("owner", other.as_str());
        assert_eq!(update(&kristen, &text(otp, "uuid"), forged).await, Ok(Value::Bool(true)));
        let found = records(&query(&kristen, "otps", is("uuid", "=", text(otp, "uuid"))).await.unwrap()).remove(0);
        for field in ["origin", "key", "owner", "expires"] {
            assert_eq!(found.get(field), otp.get(field), "{field}");
        }
        sign_in(&server, "kristen98", &text(otp, "plaintext_key")).await.unwrap();
    }
    // Nor for somebody else, nor for ever, nor without a time.
    refused(create(&kristen, &other, "otps", Dict::new()).await, DENIED, "Permission Denied");
    for expires in [Value::from("9999-12-31T00:00:00Z"), "2026-11-22T10:00:00".into(), false.into(), list([])] {
        refused(
            create(&kristen, &own, "otps", Dict::new().with("expires", expires)).await,
            INVALID_ARGUMENT,
            "expires",
        );
    }
    let nobody = "AAAAAAAAAAAAAAAAAAAAAA";
    refused(create(&zoe, nobody, "otps", Dict::new()).await, NOT_FOUND, &format!("Parent '{nobody}' does not exist"));
    refused(create(&zoe, &own, "users", Dict::new().with("login", "x")).await, NOT_FOUND, "does not exist");
    refused(
        create(&zoe, ROOT, "nosuch", Dict::new()).await,
        INVALID_ARGUMENT,
        "'nosuch' not a valid collection. Available Collections",
    );
    refused(create(&zoe, ROOT, "cookies", Dict::new()).await, INVALID_ARGUMENT, "made by logins");
    // What is one's own is removed, what is another's is not.
    let mine = create(&kristen, &own, "otps", Dict::new()).await.unwrap();
    let theirs = create(&zoe, &other, "otps", Dict::new()).await.unwrap();
    let (mine, theirs) = (mine.as_dict().unwrap().clone(), theirs.as_dict().unwrap().clone());
    refused(delete(&kristen, &text(&theirs, "uuid")).await, DENIED, "somebody else");
    assert_eq!(delete(&kristen, &text(&mine, "uuid")).await, Ok(Value::Bool(true)));
    aborted(sign_in(&server, "kristen98", &text(&mine, "plaintext_key")).await);
    sign_in(&server, "zoe", &text(&theirs, "plaintext_key")).await.unwrap();
}

#[tokio::test]
async fn sessions_of_one_time_passwords_and_nobody_change_nothing() {
    let server = with_users(server_with("[auth]\nanonymous = true").start().await).await;
    let limited = otp_session(&server, &sign_in(&server, "zoe", PASSWORD).await.unwrap()).await;
    let nobody = anonymous(&server).await;
    for session in [&limited, &nobody] {
        for prefix in SPELLINGS {
            for verb in ["create", "update", "delete", "upsert", "stats", "bulk_unload"] {
                refused(call(session, &format!("{prefix}.{verb}"), vec![]).await, NOT_AUTHORIZED, verb);
            }
        }
    }
    // Not even one whose own rules name the very procedure.
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let rule = Value::from(Dict::new().with("uri", "system.db.create").with("perms", "c"));
    let record = Dict::new().with("permissions", list([rule]));
    let otp = call(&zoe, "system.otp.create", vec!["zoe".into(), record.into()]).await.unwrap();
    let named = sign_in(&server, "zoe", &text(otp.as_dict().unwrap(), "plaintext_key")).await.unwrap();
    let args = vec![ROOT.into(), "users".into(), Dict::new().with("login", "x").into()];
    refused(call(&named, "system.db.create", args).await, NOT_AUTHORIZED, "one-time password");
}

#[tokio::test]
async fn counts_what_there_is_and_pages_through_many() {
    let (server, zoe) = started("").await;
    for number in 0..20 {
        create(&zoe, ROOT, "users", Dict::new().with("login", format!("many{number:02}"))).await.unwrap();
    }
    for prefix in SPELLINGS {
        let stats = call(&zoe, &format!("{prefix}.stats"), vec![]).await.unwrap();
        let counts = stats.as_dict().unwrap().get("counts").unwrap().as_dict().unwrap().clone();
        assert_eq!(counts.get("users").and_then(Value::as_u64), Some(25));
        assert_eq!(call(&zoe, &format!("{prefix}.bulk_unload"), vec!["users".into()]).await, Ok(Value::Bool(true)));
        refused(
            call(&zoe, &format!("{prefix}.bulk_unload"), vec!["x".into()]).await,
            INVALID_ARGUMENT,
            "not a valid collection",
        );
    }
    let sort = list([list(["login".into(), "asc".into()])]);
    let args = vec!["users".into(), Value::Null, Value::Null, sort, Value::Int(10), Value::Int(2)];
    let page = call(&zoe, &format!("{LONG}.query"), args).await.unwrap();
    let page = page.as_dict().unwrap();
    // admin, bob, jsmith1234 and kristen98 come first.
    assert_eq!(each(page, "login"), ["many16", "many17", "many18", "many19", "zoe"]);
    assert_eq!((hits(page), page.get("pages").and_then(Value::as_u64)), (25, Some(3)));
    let frontend = sign_in(&server, "jsmith1234", PASSWORD).await.unwrap();
    refused(call(&frontend, &format!("{LONG}.stats"), vec![]).await, NOT_AUTHORIZED, "stats");
}

#[tokio::test]
async fn metadata_is_noted_found_and_removed_as_a_record_and_with_its_user() {
    let (server, zoe) = started("").await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let (own, other) = (text(&user(&zoe, "kristen98").await, "uuid"), text(&user(&zoe, "zoe").await, "uuid"));
    let record = |key: &str, value: Value| Dict::new().with("key", key).with("value", value);
    for prefix in SPELLINGS {
        let args = vec![own.as_str().into(), "metadata".into(), record("a", list([Value::Int(1)])).into()];
        let made = call(&kristen, &format!("{prefix}.create"), args.clone()).await.unwrap();
        let made = made.as_dict().unwrap().clone();
        assert_eq!(super::fields(&made), ["key", "value", "uuid", "owner"]);
        assert_eq!((text(&made, "key"), text(&made, "owner")), ("a".to_owned(), own.clone()));
        refused(call(&kristen, &format!("{prefix}.create"), args).await, EXISTS, "already");
        // Of many at once one makes it.
        let race = || create(&kristen, &own, "metadata", record("race", Value::Null));
        let raced = futures_util::future::join_all((0..8).map(|_| race())).await;
        assert_eq!(raced.iter().filter(|answer| answer.is_ok()).count(), 1);
        let made_it = raced.into_iter().find_map(Result::ok).unwrap();
        assert_eq!(delete(&kristen, &text(made_it.as_dict().unwrap(), "uuid")).await, Ok(Value::Bool(true)));
        let uuid = text(&made, "uuid");
        // With `yaml` the value is YAML text, which keeps its comments.
        let yaml = "# why\ncolours:\n  - red\n";
        let args = vec![list([uuid.as_str().into()]), Dict::new().with("value", yaml).into(), true.into()];
        assert_eq!(call(&kristen, &format!("{prefix}.update"), args).await, Ok(Value::Bool(true)));
        for (session, collection) in [(&kristen, "metadata"), (&zoe, "metadata"), (&kristen, "users"), (&zoe, "users")]
        {
            for (flag, want) in
                [(true, Value::from(yaml)), (false, Dict::new().with("colours", list(["red".into()])).into())]
            {
                let conditions = is(if collection == "users" { "login" } else { "owner_.login" }, "=", "kristen98");
                let arguments =
                    Dict::new().with("collection", collection).with("conditions", conditions).with("yaml", flag);
                let (args, _) = session.call(&format!("{prefix}.query"), vec![], arguments).await.unwrap();
                let found = records(args[0].as_dict().unwrap()).remove(0);
                let found = if collection == "users" {
                    found.get("metadata").unwrap().as_list().unwrap()[0].as_dict().unwrap().clone()
                } else {
                    found
                };
                assert_eq!(found.get("value"), Some(&want), "{collection}");
            }
        }
        let args = vec![own.as_str().into(), "metadata".into(), record("a", 5_i64.into()).into()];
        let again = call(&kristen, &format!("{prefix}.upsert"), args).await.unwrap();
        assert_eq!(again.as_dict().unwrap().get("value"), Some(&Value::Int(5)));
        assert_eq!(text(again.as_dict().unwrap(), "uuid"), uuid);
        assert_eq!(call(&kristen, &format!("{prefix}.delete"), vec![list([uuid.into()])]).await, Ok(Value::Bool(true)));
        assert_eq!(hits(&query(&kristen, "metadata", Value::Null).await.unwrap()), 0);
    }
    // Of others: found by trust, and by nobody else.
    let theirs = create(&zoe, &other, "metadata", record("b", Value::Null)).await.unwrap();
    let theirs = text(theirs.as_dict().unwrap(), "uuid");
    refused(create(&kristen, &other, "metadata", record("c", Value::Null)).await, DENIED, "Permission Denied");
    refused(delete(&kristen, &theirs).await, DENIED, "somebody else");
    assert_eq!(update(&kristen, &theirs, Dict::new().with("value", 1_u32)).await, Ok(Value::Bool(true)));
    assert_eq!(hits(&query(&kristen, "metadata", is("key", "=", "b")).await.unwrap()), 0);
    let page = query(&zoe, "metadata", is("key", "=", "b")).await.unwrap();
    assert_eq!(records(&page)[0].get("value"), Some(&Value::Null));
    create(&zoe, &own, "metadata", record("d", Value::Null)).await.unwrap();
    assert_eq!(each(&query(&kristen, "metadata", Value::Null).await.unwrap(), "key"), ["d"]);
    refused(create(&kristen, &own, "metadata", Dict::new().with("value", 1_u32)).await, INVALID_ARGUMENT, "key");
    refused(create(&kristen, &own, "metadata", record("", Value::Null)).await, INVALID_ARGUMENT, "key");
    refused(create(&kristen, &own, "metadata", Dict::new().with("ky", "x")).await, INVALID_ARGUMENT, "\"ky\"");
}

#[tokio::test]
async fn what_makes_no_sense_for_one_of_several_records_changes_none() {
    let (_server, zoe) = started("").await;
    let bob = text(&user(&zoe, "bob").await, "uuid");
    let role = text(&records(&query(&zoe, "roles", is("role", "=", "backend")).await.unwrap())[0], "uuid");
    let args = |record: Dict| vec![list([bob.as_str().into(), role.as_str().into()]), record.into()];
    let record = Dict::new().with("name", "Bob").with("role", "backend");
    refused(call(&zoe, &format!("{LONG}.update"), args(record)).await, INVALID_ARGUMENT, "\"name\"");
    assert_eq!(user(&zoe, "bob").await.get("name"), Some(&Value::Null));
    call(&zoe, "system.roster.register", vec!["roster.b".into(), "here".into()]).await.unwrap();
    let entry = text(&records(&query(&zoe, "rosters", Value::Null).await.unwrap())[0], "uuid");
    let args = vec![list([bob.as_str().into(), entry.into()])];
    refused(call(&zoe, &format!("{LONG}.delete"), args).await, INVALID_ARGUMENT, "rosters");
    assert_eq!(text(&user(&zoe, "bob").await, "login"), "bob");
}

#[tokio::test]
async fn rosters_are_shown_to_trust_and_changed_by_their_sessions_alone() {
    let (server, zoe) = started("").await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    call(&kristen, "com.izaber.wamp.system.roster.register", vec!["roster.a".into(), "here".into()]).await.unwrap();
    let page = query(&zoe, "rosters", is("name", "like", "roster.")).await.unwrap();
    let entry = records(&page).remove(0);
    assert_eq!((text(&entry, "name"), text(&entry, "data")), ("roster.a".to_owned(), "here".to_owned()));
    let found = query(&zoe, "rosters", is("session_id", "=", entry.get("session_id").unwrap().clone())).await.unwrap();
    assert_eq!(hits(&found), 1);
    refused(query(&kristen, "rosters", Value::Null).await.map(Value::from), DENIED, "Permission Denied");
    for change in [
        create(&zoe, ROOT, "rosters", Dict::new()).await,
        update(&zoe, &text(&entry, "uuid"), Dict::new()).await,
        delete(&zoe, &text(&entry, "uuid")).await,
    ] {
        refused(change, INVALID_ARGUMENT, "rosters");
    }
}
