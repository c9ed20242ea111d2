//! Bringing the directory's users over.

use countersign_client::Value;
use countersign_testkit::{DirectoryServer, PostgresDatabase, Server, Storage, eventually};
use serde_json::json;

use super::{DIRECTORY_PASSWORD, SUFFIX, directory, ldif, server_of, settings_at, sync, user};
use crate::support::{PASSWORD, PREFIX, SOON, audit, call, ends, server, server_with, sign_in, text};

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";

async fn shown(server: &Server, login: &str) -> serde_json::Value {
    let shown = server.cli(&["user", "show", login, "--json"], "").await.ok();
    serde_json::from_str(&shown).unwrap()
}

/// Gives a running directory other entries.
async fn replace(slapd: &mut DirectoryServer, ldif: &str) {
    slapd.stop().await;
    slapd.replace(ldif).await;
    slapd.restart().await;
}

async fn brings_users_over(server: Server, users: usize) {
    let report = sync(&server).await;
    assert_eq!((&report["found"], &report["created"], &report["changed"]), (&json!(users), &json!(users), &json!(0)));
    let ann = shown(&server, "user-042").await;
    for (field, value) in [
        ("login", json!("user-042")),
        ("username", json!("User-042")),
        ("role", json!("frontend")),
        ("source", json!("ldap")),
        ("enabled", json!(true)),
        ("display_name", json!("User Number 42")),
        ("email", json!("User42@example.com")),
        ("password_expiry", json!(null)),
    ] {
        assert_eq!(ann[field], value, "{field}");
    }
    assert!(sign_in(&server, "user-042", &format!("{DIRECTORY_PASSWORD}42")).await.is_ok());
    server.add_user("zoe", "trust", PASSWORD).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    for (source, hits) in [("ldap", u64::try_from(users).unwrap()), ("local", 2)] {
        let filter = Value::List(["source", "=", source].map(Value::from).to_vec());
        let page = call(&zoe, "system.db.query", vec!["users".into(), filter]).await.unwrap();
        let page = page.as_dict().unwrap();
        assert_eq!(page.get("hits").and_then(Value::as_u64), Some(hits), "{source}: the first user and zoe are local");
        let first = page.get("records").and_then(Value::as_list).unwrap()[0].as_dict().unwrap();
        assert_eq!(text(first, "source"), source);
        let upn = if source == "ldap" { "user-001@corp.example.com" } else { "" };
        assert_eq!(text(first, "upn"), upn);
    }
    let rows = audit(&server, &["--operation", "user.create", "--actor", "%directory"]).await;
    assert_eq!((rows.len(), &rows[0]["application"]), (users, &json!("cli")));
    let run = &audit(&server, &["--operation", "directory.sync"]).await[0];
    assert_eq!(run["actor"], "%operator");
    assert!(run["detail"].as_str().unwrap().starts_with(&format!("found={users} created={users} ")), "{run}");
    let again = sync(&server).await;
    assert_eq!((&again["created"], &again["changed"], &again["unchanged"]), (&json!(0), &json!(0), &json!(users)));
}

#[tokio::test]
async fn brings_users_over_page_by_page_on_sqlite() {
    let slapd = directory(&ldif(100, 0)).start().await;
    brings_users_over(server_of(&slapd, "page_entries = 9").await, 100).await;
}

#[tokio::test]
async fn brings_users_over_page_by_page_on_postgresql() {
    let slapd = directory(&ldif(50, 0)).start().await;
    let database = PostgresDatabase::create().await;
    let settings = settings_at(&[slapd.port()], "page_entries = 9");
    brings_users_over(server_with(&settings).storage(Storage::Postgres(database.url())).start().await, 50).await;
}

#[tokio::test]
async fn a_user_who_is_locked_in_the_directory_is_out_at_once_and_back_with_it() {
    let mut slapd = directory(&ldif(3, 0)).start().await;
    let server = server_of(&slapd, "retry_seconds = 1").await;
    sync(&server).await;
    server.add_user("zoe", "trust", PASSWORD).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let sessions = [1, 2].map(|number| (format!("user-{number:03}"), format!("{DIRECTORY_PASSWORD}{number}")));
    let [(one, ticket), (other, others)] = &sessions;
    let (one_session, other_session) =
        (sign_in(&server, one, ticket).await.unwrap(), sign_in(&server, other, others).await.unwrap());
    replace(&mut slapd, &(ldif(0, 0) + &user(1, 514, "") + &user(2, 512, "") + &user(3, 512, ""))).await;
    assert_eq!(call(&zoe, "system.sync", vec![]).await, Ok(Value::Null));
    ends(&one_session).await;
    assert!(sign_in(&server, one, ticket).await.is_err());
    assert!(call(&other_session, &format!("{PREFIX}.auth.whoami"), vec![]).await.is_ok());
    let lock = &audit(&server, &["--operation", "user.lock"]).await[0];
    assert_eq!(
        (&lock["actor"], &lock["target"], &lock["application"]),
        (&json!("%directory"), &json!(one), &json!("wamp"))
    );
    assert_eq!(audit(&server, &["--operation", "directory.sync"]).await[0]["actor"], "zoe");
    replace(&mut slapd, &ldif(3, 0)).await;
    sync(&server).await;
    assert!(sign_in(&server, one, ticket).await.is_ok());
    // Whom the operator locks stays out.
    server.cli(&["user", "lock", one], "").await.ok();
    assert_eq!(sync(&server).await["kept_locked"], json!([one]));
    assert!(sign_in(&server, one, ticket).await.is_err());
}

#[tokio::test]
async fn a_local_user_keeps_what_it_has() {
    let slapd = directory(&(ldif(1, 0) + &user(2, 514, ""))).start().await;
    let server = server_of(&slapd, "").await;
    for login in ["user-001", "user-002"] {
        server.add_user(login, "backend", PASSWORD).await;
    }
    let report = sync(&server).await;
    assert_eq!((&report["created"], &report["local"]), (&json!(0), &json!(["user-001", "user-002"])));
    for login in ["user-001", "user-002"] {
        let kept = shown(&server, login).await;
        assert_eq!((&kept["role"], &kept["enabled"], &kept["email"]), (&json!("backend"), &json!(true), &json!(null)));
        assert!(sign_in(&server, login, PASSWORD).await.is_ok());
    }
}

#[tokio::test]
async fn who_is_gone_is_told_and_locked_only_if_that_is_set() {
    let mut slapd = directory(&ldif(3, 0)).start().await;
    let told = server_of(&slapd, "retry_seconds = 1").await;
    let locked = server_of(&slapd, "retry_seconds = 1\ndisable_missing = true").await;
    for server in [&told, &locked] {
        sync(server).await;
    }
    replace(&mut slapd, &ldif(2, 0)).await;
    let ticket = format!("{DIRECTORY_PASSWORD}3");
    let by_otp = locked.cli(&["otp", "create", "user-003", "--json"], "").await.ok();
    let by_otp: serde_json::Value = serde_json::from_str(&by_otp).unwrap();
    let session = sign_in(&locked, "user-003", by_otp["plaintext_key"].as_str().unwrap()).await.unwrap();
    for (server, count, enabled) in [(&told, 0, true), (&locked, 1, false)] {
        let report = sync(server).await;
        assert_eq!((&report["missing"], &report["locked"]), (&json!(["user-003"]), &json!(count)));
        assert_eq!(shown(server, "user-003").await["enabled"], enabled);
    }
    ends(&session).await;
    // A directory in which nobody is found locks nobody.
    replace(&mut slapd, &ldif(0, 0)).await;
    let report = sync(&locked).await;
    assert_eq!((&report["found"], &report["locked"]), (&json!(0), &json!(0)));
    assert_eq!(shown(&locked, "user-001").await["enabled"], true);
    // And whoever comes back comes in.
    replace(&mut slapd, &ldif(3, 0)).await;
    sync(&locked).await;
    assert!(sign_in(&locked, "user-003", &ticket).await.is_ok());
}

#[tokio::test]
async fn a_dry_run_tells_and_writes_nothing() {
    let slapd = directory(
        &(ldif(2, 0)
            + "dn: cn=no login,ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\ncn: no login\nsn: x\n\n"),
    )
    .start()
    .await;
    let server = server_of(&slapd, "").await;
    let told = server.cli(&["user", "sync", "--dry-run", "--json"], "").await.ok();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["dry_run"], &told["found"], &told["created"]), (&json!(true), &json!(3), &json!(2)));
    assert_eq!(told["unusable"], json!([format!("cn=no login,ou=people,{SUFFIX}")]));
    assert_ne!(server.cli(&["user", "show", "user-001"], "").await.code, Some(0));
    assert_eq!(audit(&server, &["--operation", "directory.sync"]).await.len(), 0);
    let text = server.cli(&["user", "sync"], "").await.ok();
    assert!(text.contains("created: 2") && text.contains("unusable:\n  cn=no login"), "{text}");
}

#[tokio::test]
async fn who_may_ask_for_it_in_which_spelling() {
    let server = server_with("[auth]\nanonymous = true").start().await;
    for (role, may_long, may_short) in [("trust", true, true), ("backend", true, false), ("frontend", false, false)] {
        server.add_user(role, role, PASSWORD).await;
        let session = sign_in(&server, role, PASSWORD).await.unwrap();
        for (uri, may) in [(format!("{PREFIX}.system.sync"), may_long), ("system.sync".to_owned(), may_short)] {
            let want = if may { Ok(Value::Null) } else { Err(NOT_AUTHORIZED.to_owned()) };
            // There is no directory, so there is nothing to do.
            assert_eq!(call(&session, &uri, vec![]).await.map_err(|(error, _)| error), want, "{role} {uri}");
            let (error, _) = call(&session, &uri, vec![Value::from(true)]).await.unwrap_err();
            let wrong = if may { "com.izaber.wamp.error.invalidargument" } else { NOT_AUTHORIZED };
            assert_eq!(error, wrong, "{role} {uri}");
        }
    }
    let anonymous = crate::support::reach(&server, countersign_testkit::Door::Tcp);
    let anonymous = countersign_client::Client::connect(anonymous).await.unwrap();
    for uri in [format!("{PREFIX}.system.sync"), "system.sync".to_owned()] {
        assert_eq!(call(&anonymous, &uri, vec![]).await.unwrap_err().0, NOT_AUTHORIZED);
    }
}

#[tokio::test]
async fn what_goes_wrong_is_told_and_changes_nobody() {
    let mut slapd = directory(&ldif(2, 0)).start().await;
    let server = server_of(&slapd, "disable_missing = true\nentries_max = 2").await;
    sync(&server).await;
    server.add_user("zoe", "trust", PASSWORD).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    replace(&mut slapd, &ldif(3, 0)).await;
    let (error, said) = call(&zoe, "system.sync", vec![]).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.limitexceeded");
    assert!(said.contains("ldap.entries_max"), "{said}");
    slapd.stop().await;
    let (error, _) = call(&zoe, "system.sync", vec![]).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.unavailable");
    let failed = server.cli(&["user", "sync"], "").await;
    assert_ne!(failed.code, Some(0));
    assert!(failed.stderr.contains("no server of the directory answers"), "{}", failed.stderr);
    assert_eq!(shown(&server, "user-001").await["enabled"], true);
    let rows = audit(&server, &["--operation", "directory.sync", "--outcome", "refused"]).await;
    assert_eq!((rows.len(), &rows[0]["reason"]), (3, &json!("directory_down")));
}

#[tokio::test]
async fn without_a_directory_the_command_says_so() {
    let server = server().start().await;
    let failed = server.cli(&["user", "sync"], "").await;
    assert!(failed.code != Some(0) && failed.stderr.contains("[ldap]"), "{}", failed.stderr);
}

#[tokio::test]
async fn users_are_there_after_the_start_if_that_is_set() {
    let slapd = directory(&ldif(2, 0)).start().await;
    let server = server_of(&slapd, "sync_at_start = true\nsync_minute = false").await;
    eventually("the users", SOON, async || {
        (server.cli(&["user", "show", "user-002"], "").await.code == Some(0)).then_some(())
    })
    .await;
    let run = eventually("its row", SOON, async || {
        audit(&server, &["--operation", "directory.sync"]).await.into_iter().next()
    })
    .await;
    assert_eq!((&run["actor"], &run["application"]), (&json!("%operator"), &json!("job")));
}

#[tokio::test]
async fn many_triggers_at_once_are_one_run() {
    let slapd = directory(&ldif(50, 0)).start().await;
    let server = server_of(&slapd, "").await;
    server.add_user("zoe", "trust", PASSWORD).await;
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let calls = (0..20).map(|_| call(&zoe, "system.sync", vec![]));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| *answer == Ok(Value::Null)), "{answers:?}");
    let runs = audit(&server, &["--operation", "directory.sync"]).await.len();
    assert!((1..20).contains(&runs), "{runs} runs for 20 calls");
    assert_eq!(audit(&server, &["--operation", "user.create", "--actor", "%directory"]).await.len(), 50);
}
