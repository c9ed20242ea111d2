//! Queries on very many records, on both engines.

use std::sync::Arc;
use std::time::{Duration, Instant};

use countersign_identity::records::{
    Collection, Condition, Direction, Filter, FoundRecords, Gate, Node, Query, QueryRecords, Scalar, Sort, Test,
};
use countersign_identity::repository::Run as _;

use super::database::{Kind, Sql, TestDatabase, with_database};
use crate::Store;
use crate::conformance::fixture::{NOW, people};

/// Users 1 to 10,000, and 10,001 to 100,000.
const SQLITE: [&[&str]; 2] = [
    &["WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) \
       INSERT INTO users (id, login, enabled, role, created_at, display_name, display_name_folded) \
       SELECT CAST(printf('%016d', i) AS BLOB), printf('user%06d', i), 1, 'frontend', 0, 'Name ' || i % 977, 'name ' || i % 977 \
       FROM n RETURNING 1"],
    &[
        "WITH RECURSIVE n(i) AS (SELECT 10001 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) \
       INSERT INTO users (id, login, enabled, role, created_at, display_name, display_name_folded) \
       SELECT CAST(printf('%016d', i) AS BLOB), printf('user%06d', i), 1, 'backend', 0, 'Name ' || i % 977, 'name ' || i % 977 \
       FROM n RETURNING 1",
        "ANALYZE",
    ],
];
const POSTGRES: [&[&str]; 2] = [
    &["INSERT INTO users (id, login, enabled, role, created_at, display_name, display_name_folded) \
       SELECT convert_to(lpad(i::text, 16, '0'), 'UTF8'), 'user' || lpad(i::text, 6, '0'), true, 'frontend', 0, \
       'Name ' || i % 977, 'name ' || i % 977 FROM generate_series(1, 10000) AS i"],
    &[
        "INSERT INTO users (id, login, enabled, role, created_at, display_name, display_name_folded) \
       SELECT convert_to(lpad(i::text, 16, '0'), 'UTF8'), 'user' || lpad(i::text, 6, '0'), true, 'backend', 0, \
       'Name ' || i % 977, 'name ' || i % 977 FROM generate_series(10001, 100000) AS i",
        "ANALYZE users",
    ],
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_keeps_its_pace_with_many_users() {
    with_database(Kind::Sqlite, |database| keeps_its_pace(database, SQLITE)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_keeps_its_pace_with_many_users() {
    with_database(Kind::Postgres, |database| keeps_its_pace(database, POSTGRES)).await;
}

/// What the page of users asks for: the list in an order, and what is typed into its search.
fn queries() -> Vec<(&'static str, Query)> {
    let field = |name| Collection::Users.field(name).unwrap();
    let part = |name, part: &str| {
        Node::Test(Condition { field: field(name), test: Test::Contains { part: part.into(), is_ascii_folded: true } })
    };
    let plain = Query {
        collection: Collection::Users,
        filter: Filter::default(),
        sort: Vec::new(),
        limit: Some(20),
        page_index: 2,
    };
    let by = |name| vec![Sort { field: field(name), direction: Direction::Ascending }];
    let is = Test::OneOf { values: vec![Scalar::Text("user009999".into())], or_missing: false };
    let with = |root| Query { filter: Filter { root, is_unanswerable: false }, page_index: 0, ..plain.clone() };
    vec![
        ("by login", Query { sort: by("login"), ..plain.clone() }),
        ("by name", Query { sort: by("name"), ..plain.clone() }),
        ("by role", Query { sort: by("role"), ..plain.clone() }),
        ("search", with(Node::Any(vec![part("login", "r0099"), part("name", "r0099"), part("role", "r0099")]))),
        ("one login", with(Node::Test(Condition { field: field("login"), test: is }))),
    ]
}

/// The shortest of some times, so that what else the machine does counts little.
async fn fastest(store: &Store, query: &Query) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..7 {
        let operation = QueryRecords { query: query.clone(), gate: Gate::All, now: NOW };
        let begun = Instant::now();
        let found = store.run(operation).await.unwrap();
        best = best.min(begun.elapsed());
        assert!(matches!(found, FoundRecords::Page { hits: 1.., .. }), "{found:?}");
    }
    best
}

async fn keeps_its_pace(database: Arc<TestDatabase>, rows: [&'static [&'static str]; 2]) {
    // Ten times as many users take about ten times as long to be counted; what looks at each for each takes a hundred.
    const RATIO_MAX: u32 = 40;
    let store = database.open().await.unwrap();
    people(&store, &[]).await;
    store.run(Sql(rows[0])).await.unwrap();
    let mut before = Vec::new();
    for (_, query) in queries() {
        before.push(fastest(&store, &query).await);
    }
    store.run(Sql(rows[1])).await.unwrap();
    for ((name, query), before) in queries().into_iter().zip(before) {
        let after = fastest(&store, &query).await;
        println!("{name}: {before:?} with 10,000 users, {after:?} with 100,000");
        assert!(after < before.max(Duration::from_micros(200)) * RATIO_MAX, "{name}: {before:?} became {after:?}");
    }
}

/// What both engines are asked to compare and to order, they do by code points, whatever the database's own order is.
#[tokio::test]
async fn postgres_compares_every_text_of_a_record_by_code_points() {
    #[derive(Debug)]
    struct CollationOf(&'static str, &'static str);
    impl countersign_identity::repository::Operation for CollationOf {
        type Outcome = String;
    }
    impl crate::tx::Execute for CollationOf {
        async fn execute<T: crate::tx::Tx>(&self, tx: &mut T) -> Result<String, crate::error::TxError> {
            let Self(sql, table) = self;
            let sql =
                format!("SELECT pg_collation_for({sql}) FROM (SELECT 1) AS one LEFT JOIN {table} ON TRUE LIMIT 1");
            let row = tx.query_once(&sql, &[]).await?.into_iter().next().unwrap();
            Ok(crate::record::Record::new("collations", row).key_text()?.to_owned())
        }
    }
    with_database(Kind::Postgres, |database| async move {
        let store = database.open().await.unwrap();
        let mut texts = 0;
        for collection in Collection::ALL.iter().copied() {
            for field in collection.fields() {
                if field.kind() != countersign_identity::records::Kind::Text {
                    continue;
                }
                let (sql, table) = crate::ops::records::place(field).unwrap();
                let collation = store.run(CollationOf(sql, table)).await.unwrap();
                // Names that can only be ASCII, of which there are two, need none.
                let is_constant = sql.contains("$directory$");
                assert!(collation == "\"C\"" || is_constant, "{collection:?} {field:?}: {collation}");
                texts += 1;
            }
        }
        assert!(texts > 20);
    })
    .await;
}
