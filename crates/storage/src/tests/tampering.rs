//! Everything that somebody with access to the database can do to the audit trail, and where it is found.
//!
//! The edits are random, but the same at every run.

use std::sync::Arc;

use countersign_identity::audit_chain::{BrokenChain, Checkpoint, Link};
use countersign_identity::audit_trail::{Verified, verify};
use countersign_identity::repository::{Operation, Run as _, StoreCheckpoint};

use super::database::{Kind, TestDatabase, with_database};
use crate::Store;
use crate::conformance::audit_chain::{append, head, key, verified};
use crate::conformance::fixture::{NOW, trail_after};
use crate::error::TxError;
use crate::tx::{Execute, Tx};

/// Rows of the trail that is edited.
const ROWS: u64 = 40;
/// Its columns behind the position.
const COLUMNS: &str = "link, at, cid, request, actor, target, operation, application, address, agent, claimed_address, \
    claimed_agent, outcome, reason, detail";
/// Those of a row that hold text.
const TEXTS: [&str; 12] = [
    "cid",
    "request",
    "actor",
    "target",
    "operation",
    "application",
    "address",
    "agent",
    "claimed_address",
    "claimed_agent",
    "outcome",
    "detail",
];
/// The tables that are put back after each edit.
const TABLES: [&str; 3] = ["audit", "audit_head", "audit_checkpoints"];

/// Numbers that look random (`SplitMix64`).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 1 to `most`.
    fn up_to(&mut self, most: u64) -> u64 {
        self.next() % most + 1
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.up_to(u64::try_from(all.len()).unwrap())).unwrap() - 1]
    }
}

/// Statements, and what they break.
struct Edit {
    sql: String,
    breaks: BrokenChain,
}

fn edit(random: &mut Random, next_link: &str) -> Edit {
    let row = random.up_to(ROWS);
    let last = ROWS;
    let changed = |sql: String, sequence| Edit { sql, breaks: BrokenChain::Row { sequence } };
    let gap = |sql: String, sequence| Edit { sql, breaks: BrokenChain::Gap { sequence } };
    match random.up_to(16) {
        1..=4 => {
            let column = random.one_of(&TEXTS);
            let value = match random.up_to(3) {
                1 => format!("{column} || 'x'"),
                2 => "'login'".to_owned(),
                _ => "''".to_owned(),
            };
            // Only where that is another value; there are rows of every value.
            let other = format!("UPDATE audit SET {column} = {value} WHERE sequence = {row} AND {column} <> {value}");
            let or_more = format!("UPDATE audit SET detail = detail || 'y' WHERE sequence = {row}");
            changed(format!("{other}; {or_more}"), row)
        }
        5 => changed(format!("UPDATE audit SET at = at + 1 WHERE sequence = {row}"), row),
        6 => changed(format!("UPDATE audit SET reason = 'foreign' WHERE sequence = {row}"), row),
        7 => {
            let other = row % last + 1;
            let link = format!("(SELECT link FROM audit WHERE sequence = {other})");
            changed(format!("UPDATE audit SET link = {link} WHERE sequence = {row}"), row)
        }
        8 => gap(format!("DELETE FROM audit WHERE sequence = {row}"), row),
        9 => gap(format!("UPDATE audit SET sequence = {} WHERE sequence = {row}", last + random.up_to(9)), row),
        10 => {
            let (one, other) = (row.min(last - 1), row.max(2));
            let other = if one == other { one + 1 } else { other };
            let swap = format!(
                "UPDATE audit SET sequence = -1 WHERE sequence = {one}; \
                 UPDATE audit SET sequence = {one} WHERE sequence = {other}; \
                 UPDATE audit SET sequence = {other} WHERE sequence = -1"
            );
            changed(swap, one)
        }
        // A copy of a row behind the last one.
        11 => {
            let copy = format!("SELECT {}, {COLUMNS} FROM audit WHERE sequence = {row}", last + 1);
            changed(format!("INSERT INTO audit (sequence, {COLUMNS}) {copy}"), last + 1)
        }
        // A row behind the last one whose link is right: the server didn't append it.
        12 => {
            let columns = COLUMNS.replacen("link", next_link, 1);
            let copy = format!("SELECT {}, {columns} FROM audit WHERE sequence = {last}", last + 1);
            changed(format!("INSERT INTO audit (sequence, {COLUMNS}) {copy}"), last + 1)
        }
        // A row put in, or taken out, and all behind it numbered anew.
        13 => changed(format!("{}; {}", renumbered(row, "+ 1"), inserted(row)), row),
        14 if row < last => {
            let removed = format!("DELETE FROM audit WHERE sequence = {row}");
            changed(format!("{removed}; {}", renumbered(row, "- 1")), row)
        }
        14 | 15 => gap(format!("DELETE FROM audit WHERE sequence >= {row}"), row),
        // A cut tail whose head was cut as well: only the checkpoint tells.
        _ => {
            let kept = row - 1;
            let head = format!(
                "UPDATE audit_head SET sequence = {kept}, \
                 link = COALESCE((SELECT link FROM audit WHERE sequence = {kept}), link) WHERE one = 1"
            );
            let sql = format!("DELETE FROM audit WHERE sequence >= {row}; {head}");
            let breaks = if kept == 0 {
                // The link before the first row is known to nobody who only copies.
                BrokenChain::Head { sequence: 0 }
            } else {
                BrokenChain::Checkpoint { sequence: last }
            };
            Edit { sql, breaks }
        }
    }
}

fn renumbered(from: u64, by: &str) -> String {
    format!(
        "UPDATE audit SET sequence = -(sequence {by}) WHERE sequence >= {from}; \
         UPDATE audit SET sequence = -sequence WHERE sequence < 0"
    )
}

fn inserted(at: u64) -> String {
    let other = if at > 1 { at - 1 } else { at + 1 };
    format!("INSERT INTO audit (sequence, {COLUMNS}) SELECT {at}, {COLUMNS} FROM audit WHERE sequence = {other}")
}

fn pristine() -> String {
    let copies = TABLES.map(|table| format!("CREATE TABLE {table}_pristine AS SELECT * FROM {table};"));
    copies.concat()
}

fn restored() -> String {
    TABLES.map(|table| format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM {table}_pristine;")).concat()
}

/// Statements of somebody who has the database.
#[derive(Debug)]
struct Script(String);

impl Operation for Script {
    type Outcome = ();
}

impl Execute for Script {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        tx.script(&self.0).await
    }
}

/// A trail with a checkpoint at its last row; answers that.
async fn prepared(store: &Store) -> Checkpoint {
    append(store, i64::try_from(ROWS).unwrap()).await;
    let checkpoint = Checkpoint::sign(head(store).await, NOW, &key());
    store.run(StoreCheckpoint { checkpoint }).await.unwrap();
    store.run(Script(pristine())).await.unwrap();
    checkpoint
}

/// The right link of a row behind the last one that is like the last one, in SQL.
async fn next_link(store: &Store, kind: Kind) -> String {
    let rows = trail_after(store, ROWS - 1).await;
    let link = rows[0].link.next(ROWS + 1, &rows[0].event).to_hex();
    match kind {
        Kind::Sqlite => format!("x'{link}'"),
        Kind::Postgres => format!("decode('{link}', 'hex')"),
    }
}

#[tokio::test]
async fn locates_a_thousand_edits_of_the_file() {
    with_database(Kind::Sqlite, async |database: Arc<TestDatabase>| {
        let store = database.open().await.unwrap();
        prepared(&store).await;
        let next_link = next_link(&store, Kind::Sqlite).await;
        // As somebody would who has the file.
        let stranger = rusqlite::Connection::open(database.sqlite_settings().path).unwrap();
        stranger.pragma_update(None, "synchronous", "OFF").unwrap();
        let mut random = Random(1);
        for number in 0..1_000 {
            let Edit { sql, breaks } = edit(&mut random, &next_link);
            stranger.execute_batch(&format!("BEGIN; {sql}; COMMIT")).unwrap();
            assert_eq!(verified(&store).await, Verified::Broken(breaks), "edit {number}: {sql}");
            stranger.execute_batch(&format!("BEGIN; {} COMMIT", restored())).unwrap();
        }
        assert!(matches!(verified(&store).await, Verified::Intact(_)));
    })
    .await;
}

#[tokio::test]
async fn locates_edits_in_postgres() {
    with_database(Kind::Postgres, async |database: Arc<TestDatabase>| {
        let store = database.open().await.unwrap();
        prepared(&store).await;
        let next_link = next_link(&store, Kind::Postgres).await;
        let mut random = Random(2);
        for number in 0..100 {
            let Edit { sql, breaks } = edit(&mut random, &next_link);
            store.run(Script(sql.clone())).await.unwrap();
            assert_eq!(verified(&store).await, Verified::Broken(breaks), "edit {number}: {sql}");
            store.run(Script(restored())).await.unwrap();
        }
        assert!(matches!(verified(&store).await, Verified::Intact(_)));
    })
    .await;
}

/// Breaks what is prepared in each way, which has to be found.
async fn check(edits: &[(&'static str, BrokenChain)]) {
    for &(sql, breaks) in edits {
        with_database(Kind::Sqlite, async move |database: Arc<TestDatabase>| {
            let store = database.open().await.unwrap();
            prepared(&store).await;
            store.run(Script(sql.to_owned())).await.unwrap();
            assert_eq!(verified(&store).await, Verified::Broken(breaks), "{sql}");
        })
        .await;
    }
}

#[tokio::test]
async fn finds_what_is_no_row_any_more() {
    check(&[
        ("UPDATE audit SET actor = CAST(x'ff' AS TEXT) WHERE sequence = 7", BrokenChain::Row { sequence: 7 }),
        ("UPDATE audit SET operation = 'fly' WHERE sequence = 7", BrokenChain::Row { sequence: 7 }),
        ("UPDATE audit SET sequence = -7 WHERE sequence = 7", BrokenChain::Row { sequence: 0 }),
        ("UPDATE audit SET at = 9223372036854775807 WHERE sequence = 7", BrokenChain::Row { sequence: 7 }),
    ])
    .await;
}

#[tokio::test]
async fn finds_edits_of_head_and_checkpoints() {
    check(&[
        ("DELETE FROM audit_head", BrokenChain::Head { sequence: 0 }),
        ("UPDATE audit_head SET link = zeroblob(32)", BrokenChain::Head { sequence: 40 }),
        ("UPDATE audit_head SET sequence = 39", BrokenChain::Head { sequence: 39 }),
        ("UPDATE audit_head SET sequence = 41", BrokenChain::Gap { sequence: 41 }),
        ("UPDATE audit_checkpoints SET link = zeroblob(32)", BrokenChain::Signature { sequence: 40 }),
        ("UPDATE audit_checkpoints SET signature = zeroblob(32)", BrokenChain::Signature { sequence: 40 }),
        ("UPDATE audit_checkpoints SET at = at + 1", BrokenChain::Signature { sequence: 40 }),
        ("UPDATE audit_checkpoints SET sequence = 39", BrokenChain::Signature { sequence: 39 }),
        (
            "INSERT INTO audit_stub VALUES (1, 3, (SELECT link FROM audit WHERE sequence = 3), 0, zeroblob(32)); \
             DELETE FROM audit WHERE sequence <= 3",
            BrokenChain::Stub { sequence: 3 },
        ),
    ])
    .await;
}

/// Only a checkpoint that is kept elsewhere tells of a trail that was cut, with its head and its own checkpoints, and
/// grew again.
#[tokio::test]
async fn a_checkpoint_kept_elsewhere_tells_of_a_tail_that_was_cut_everywhere() {
    with_database(Kind::Sqlite, async |database: Arc<TestDatabase>| {
        let store = database.open().await.unwrap();
        let kept = prepared(&store).await;
        let cut = "DELETE FROM audit WHERE sequence > 30; DELETE FROM audit_checkpoints; \
            UPDATE audit_head SET sequence = 30, link = (SELECT link FROM audit WHERE sequence = 30)";
        store.run(Script(cut.to_owned())).await.unwrap();
        for _ in 0..2 {
            assert!(matches!(verified(&store).await, Verified::Intact(_)));
            let found = verify(&store, &key(), None, &[kept], u32::MAX).await.unwrap();
            assert_eq!(found, Verified::Broken(BrokenChain::Checkpoint { sequence: ROWS }));
            append(&store, 5).await;
        }
    })
    .await;
}

/// Rows of a database from before the chain are numbered without gaps and linked.
#[tokio::test]
async fn links_the_rows_that_are_there_when_the_chain_is_made() {
    with_database(Kind::Sqlite, async |database: Arc<TestDatabase>| {
        let path = database.sqlite_settings().path;
        let old = rusqlite::Connection::open(&path).unwrap();
        let steps = [
            include_str!("../../migrations/sqlite/0001_identity.sql"),
            include_str!("../../migrations/sqlite/0002_proofs.sql"),
            include_str!("../../migrations/sqlite/0003_history.sql"),
            include_str!("../../migrations/sqlite/0004_sign_on.sql"),
        ];
        old.execute_batch(include_str!("../../migrations/sqlite/applied.sql")).unwrap();
        let names = ["identity", "proofs", "history", "sign_on"];
        for (version, (name, sql)) in (1_i64..).zip(names.into_iter().zip(steps)) {
            old.execute_batch(sql).unwrap();
            let checksum = crate::migrate::checksum_of(sql);
            let insert = "INSERT INTO schema_migrations (version, name, checksum) VALUES (?1, ?2, ?3)";
            old.execute(insert, (version, name, checksum)).unwrap();
        }
        for sequence in [3, 4, 9] {
            let insert = "INSERT INTO audit VALUES (?1, 5, 'c', 'a', 't', 'login', 'wamp', '-', 'x', 'refused', \
                'wrong_ticket', '')";
            old.execute(insert, [sequence]).unwrap();
        }
        drop(old);
        let store = database.open().await.unwrap();
        let rows = trail_after(&store, 0).await;
        assert_eq!(rows.iter().map(|row| row.sequence).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(rows.iter().all(|row| row.event.request == "c" && row.link != Link::START));
        append(&store, 1).await;
        assert!(matches!(verified(&store).await, Verified::Intact(intact) if intact.last.sequence == 4));
    })
    .await;
}
