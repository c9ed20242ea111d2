//! Reopening, migrations and broken records, on both engines.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::repository::{
    FindCredential, FindUser, ListRoles, ListUsers, Operation, RecordAudit, RepositoryError, Run, SearchAudit,
    SpendCredential,
};
use tokio::task::JoinSet;

use super::database::{Kind, Sql, TestDatabase, with_database};
use crate::conformance::fixture::{NOW, digest, event, login, minted, otp, people, summary, trail_after, user};
use crate::{OpenError, Store};

macro_rules! on_both_engines {
    ($($case:ident)+) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::with_database(super::Kind::Sqlite, super::$case).await;
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::with_database(super::Kind::Postgres, super::$case).await;
            })+
        }
    };
}

on_both_engines! {
    keeps_everything_over_reopening
    migrates_once_where_many_open_at_once
    refuses_a_database_whose_migration_differs
    refuses_a_database_of_a_newer_program
    looks_at_a_database_and_makes_and_migrates_none
    undoes_everything_of_an_operation_that_fails
    names_table_and_id_of_a_corrupt_record
}

async fn keeps_everything_over_reopening(database: Arc<TestDatabase>) {
    let store = database.open().await.unwrap();
    people(&store, &["alice"]).await;
    minted(&store, [otp(1, "alice")]).await;
    drop(store);
    let store = database.open().await.unwrap();
    assert_eq!(store.run(FindUser::ByLogin(login("alice"))).await.unwrap(), Some(user("alice")));
    assert_eq!(store.run(FindCredential { digest: digest(1) }).await.unwrap(), Some(otp(1, "alice")));
    let trail = summary(&trail_after(&store, 0).await);
    let want = ["role.create accepted", "role.create accepted", "user.create accepted", "otp.mint accepted"];
    assert_eq!(trail, want);
}

async fn migrates_once_where_many_open_at_once(database: Arc<TestDatabase>) {
    let mut tasks = JoinSet::new();
    for _ in 0..6 {
        let database = Arc::clone(&database);
        tasks.spawn(async move { database.open().await.map(drop) });
    }
    for opened in tasks.join_all().await {
        opened.unwrap();
    }
    let store = database.open().await.unwrap();
    let applied = store.run(Sql(&["SELECT version FROM schema_migrations"])).await.unwrap();
    assert_eq!(store.run(Sql(&["SELECT DISTINCT version FROM schema_migrations"])).await.unwrap(), applied);
    assert!(applied > 0);
}

async fn refuses_a_database_whose_migration_differs(database: Arc<TestDatabase>) {
    let store = database.open().await.unwrap();
    store.run(Sql(&["UPDATE schema_migrations SET checksum = 'other'"])).await.unwrap();
    drop(store);
    for _ in 0..2 {
        let error = database.open().await.unwrap_err();
        assert!(matches!(&error, OpenError::MigrationChanged { version: 1, .. }), "{error:?}");
        assert!(error.to_string().contains("migration 1 (identity)"), "{error}");
    }
}

async fn refuses_a_database_of_a_newer_program(database: Arc<TestDatabase>) {
    const NEWER: &str = "INSERT INTO schema_migrations (version, name, checksum) VALUES (99, 'later', 'c')";
    let store = database.open().await.unwrap();
    store.run(Sql(&[NEWER])).await.unwrap();
    drop(store);
    let error = database.open().await.unwrap_err();
    assert!(matches!(&error, OpenError::Newer { found: 99, known: 1..99 }), "{error:?}");
    assert!(error.to_string().contains("schema version 99"), "{error}");
}

async fn looks_at_a_database_and_makes_and_migrates_none(database: Arc<TestDatabase>) {
    for _ in 0..2 {
        let error = database.look().await.unwrap_err();
        assert!(matches!(&error, OpenError::Empty), "{error:?}");
    }
    let store = database.open().await.unwrap();
    people(&store, &["alice"]).await;
    drop(store);
    let store = database.look().await.unwrap();
    assert_eq!(store.run(FindUser::ByLogin(login("alice"))).await.unwrap(), Some(user("alice")));
    // As if the steps since the first one had come later.
    store.run(Sql(&["DELETE FROM schema_migrations WHERE version > 1"])).await.unwrap();
    drop(store);
    for _ in 0..2 {
        let error = database.look().await.unwrap_err();
        assert!(matches!(&error, OpenError::Older { found: 1, known: 2.. }), "{error:?}");
    }
}

async fn undoes_everything_of_an_operation_that_fails(database: Arc<TestDatabase>) {
    let store = database.open().await.unwrap();
    let broken = Sql(&["INSERT INTO roles (name) VALUES ('a')", "INSERT INTO roles (name) VALUES (NULL)"]);
    let error = store.run(broken).await.unwrap_err();
    assert!(matches!(&error, RepositoryError::Unavailable(_)), "{error:?}");
    assert_eq!(store.run(ListRoles).await.unwrap(), Vec::new());
}

/// Breaks what is stored, then executes `operation`.
async fn check_corrupt<O: Operation>(store: &Store, broken: &'static [&'static str], operation: O, want: &str)
where
    Store: Run<O> + Run<Sql>,
    O::Outcome: std::fmt::Debug,
{
    store.run(Sql(broken)).await.unwrap();
    match store.run(operation).await {
        Err(RepositoryError::Corrupt(what)) => assert_eq!(what, want, "{broken:?}"),
        other => panic!("{broken:?}: {other:?}"),
    }
}

async fn names_table_and_id_of_a_corrupt_record(database: Arc<TestDatabase>) {
    let store = database.open().await.unwrap();
    people(&store, &["alice"]).await;
    minted(&store, [otp(1, "alice")]).await;
    store.run(RecordAudit { event: event(Audited::Login) }).await.unwrap();
    let find = || FindCredential { digest: digest(1) };
    let id = "credentials 00000000-0000-0000-0000-000000000001";
    let all = || SearchAudit { limit: 1, ..SearchAudit::default() };
    let users = || ListUsers { after: None, limit: 9 };

    let unknown_kind = format!("{id}: kind: unknown value \"key\"");
    check_corrupt(&store, &["UPDATE credentials SET kind = 'key'"], find(), &unknown_kind).await;
    let bad_json = &["UPDATE credentials SET kind = 'otp', permissions = '[[\"a..b\", \"c\"]]'"];
    let bad_pattern = format!("{id}: permissions: permissions: uri: a pattern has no empty elements");
    check_corrupt(&store, bad_json, find(), &bad_pattern).await;
    let spend =
        SpendCredential { digest: digest(1), now: NOW, login: event(Audited::Login), spend: event(Audited::OtpSpend) };
    check_corrupt(&store, &[], spend, &bad_pattern).await;
    let offset = format!("{id}: expires_offset: out of range integral type conversion attempted");
    let far = &["UPDATE credentials SET permissions = '[]', expires_offset = 9999999999"];
    check_corrupt(&store, far, find(), &offset).await;
    // What is corrupt isn't spent either.
    let unspent = Sql(&["SELECT id FROM credentials WHERE spent_at IS NULL"]);
    assert_eq!(store.run(unspent).await.unwrap(), 1);

    let fly = &["DELETE FROM audit WHERE sequence > 4", "UPDATE audit SET operation = 'fly'"];
    check_corrupt(&store, fly, all(), "audit 4: operation: unknown value \"fly\"").await;
    let mood = &["UPDATE audit SET operation = 'login', reason = 'mood'"];
    check_corrupt(&store, mood, all(), "audit 4: reason: unknown value \"mood\"").await;
    let login = "users 616c6963-6500-0000-0000-000000000000: login: a login name can't contain ' '";
    check_corrupt(&store, &["UPDATE users SET login = 'a b'"], users(), login).await;
    let pattern = "roles \"backend\": pattern: a pattern has no empty elements";
    check_corrupt(&store, &["INSERT INTO role_rules VALUES ('backend', 'a..b', 'c')"], ListRoles, pattern).await;
    let name = "roles \"A B\": name: a role name has 1 to 64 characters of a-z, 0-9, '_', '-' and '.'";
    check_corrupt(&store, &["INSERT INTO roles (name) VALUES ('A B')"], ListRoles, name).await;
}
