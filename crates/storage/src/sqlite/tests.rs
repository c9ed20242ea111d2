//! Groups, the queue, closing, and the file.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::pin::{Pin, pin};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use countersign_identity::audit::Operation as Audited;
use countersign_identity::repository::{FindUser, ListRoles, Operation, RecordAudit, RepositoryError, Run};
use futures_util::FutureExt;
use rusqlite::StatementStatus;

use super::connection::{self, Mode};
use super::create_private_file;
use crate::conformance::fixture::{event, login, people, race, user};
use crate::error::TxError;
use crate::tests::database::{Kind, Sql, TestDatabase, with_database};
use crate::tx::{Execute, Tx};
use crate::{OpenError, SqliteSettings, Store, StoreStats};

/// Holds the thread that writes, so that others gather behind it.
struct Gate {
    entered: Sender<()>,
    opened: Mutex<Receiver<()>>,
}

impl Operation for Gate {
    type Outcome = ();
}

impl Execute for Gate {
    async fn execute<T: Tx>(&self, _: &mut T) -> Result<(), TxError> {
        self.entered.send(()).unwrap();
        self.opened.lock().unwrap().recv().unwrap();
        Ok(())
    }
}

/// Lets the thread that writes go on.
struct Opener(Sender<()>);

impl Opener {
    fn open(self) {
        self.0.send(()).unwrap();
    }
}

/// Returns once the thread that writes is held.
fn hold(store: &Store) -> Opener {
    let (entered, is_held) = channel();
    let (release, opened) = channel();
    start(pin!(store.run(Gate { entered, opened: Mutex::new(opened) })));
    is_held.recv().unwrap();
    Opener(release)
}

/// Puts the operation into the queue, or to the door if the queue is full.
fn start<F: Future>(running: Pin<&mut F>) {
    assert!(running.now_or_never().is_none(), "the thread that writes is held");
}

async fn roles(store: &Store) -> Vec<String> {
    store.run(ListRoles).await.unwrap().into_iter().map(|role| role.name.as_str().to_owned()).collect()
}

const A: Sql = Sql(&["INSERT INTO roles (name) VALUES ('a')"]);
const C: Sql = Sql(&["INSERT INTO roles (name) VALUES ('c')"]);
/// Fails after it has written.
const FAILS: Sql = Sql(&["INSERT INTO roles (name) VALUES ('b')", "INSERT INTO roles (name) VALUES (NULL)"]);
/// Succeeds, but can't be committed.
const FAILS_LATE: Sql = Sql(&["PRAGMA defer_foreign_keys = ON", "INSERT INTO role_rules VALUES ('nobody', 'x', 'c')"]);

async fn with_store<F: Future<Output = ()> + Send + 'static>(
    group_max: usize,
    test: impl FnOnce(Store, Arc<TestDatabase>) -> F + Send + 'static,
) {
    with_database(Kind::Sqlite, async move |database: Arc<TestDatabase>| {
        let settings = SqliteSettings { group_max, readers: 1, ..database.sqlite_settings() };
        test(Store::open_sqlite(&settings).unwrap(), database).await;
    })
    .await;
}

fn is_group_failure(outcome: &Result<usize, RepositoryError>) -> bool {
    matches!(outcome, Err(RepositoryError::Unavailable(cause)) if cause.to_string().contains("group of operations"))
}

#[tokio::test]
async fn undoes_only_the_operation_that_fails() {
    with_store(512, async |store, _| {
        let opener = hold(&store);
        let (mut a, mut b, mut c) = (pin!(store.run(A)), pin!(store.run(FAILS)), pin!(store.run(C)));
        start(a.as_mut());
        start(b.as_mut());
        start(c.as_mut());
        opener.open();
        a.await.unwrap();
        b.await.unwrap_err();
        c.await.unwrap();
        assert_eq!(roles(&store).await, ["a", "c"]);
    })
    .await;
}

#[tokio::test]
async fn leaves_nothing_twice_where_another_of_the_group_fails() {
    with_store(512, async |store, _| {
        let opener = hold(&store);
        let row = RecordAudit { event: event(Audited::Login) };
        let (mut before, mut fails, mut after) = (pin!(store.run(row)), pin!(store.run(FAILS)), pin!(store.run(C)));
        start(before.as_mut());
        start(fails.as_mut());
        start(after.as_mut());
        opener.open();
        before.await.unwrap();
        fails.await.unwrap_err();
        after.await.unwrap();
        let StoreStats { failures, audit_rows, .. } = store.stats();
        assert_eq!((failures, audit_rows), (1, 1));
    })
    .await;
}

#[tokio::test]
async fn tells_everybody_of_a_group_that_its_commit_failed() {
    with_store(512, async |store, _| {
        let opener = hold(&store);
        let (mut a, mut b, mut c) = (pin!(store.run(A)), pin!(store.run(FAILS_LATE)), pin!(store.run(C)));
        start(a.as_mut());
        start(b.as_mut());
        start(c.as_mut());
        opener.open();
        for outcome in [a.await, b.await, c.await] {
            assert!(is_group_failure(&outcome), "{outcome:?}");
        }
        assert_eq!(roles(&store).await, [""; 0]);
        store.run(A).await.unwrap();
        assert_eq!(roles(&store).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn takes_no_more_into_a_group_than_the_limit() {
    with_store(2, async |store, _| {
        let opener = hold(&store);
        let (mut a, mut b, mut c) = (pin!(store.run(A)), pin!(store.run(FAILS_LATE)), pin!(store.run(C)));
        start(a.as_mut());
        start(b.as_mut());
        start(c.as_mut());
        opener.open();
        assert!(is_group_failure(&a.await));
        assert!(is_group_failure(&b.await));
        c.await.unwrap();
        assert_eq!(roles(&store).await, ["c"]);
    })
    .await;
}

#[tokio::test]
async fn commits_what_is_queued_though_its_caller_is_gone() {
    with_store(512, async |store, _| {
        let opener = hold(&store);
        start(Box::pin(store.run(A)).as_mut());
        opener.open();
        store.run(C).await.unwrap();
        assert_eq!(roles(&store).await, ["a", "c"]);
    })
    .await;
}

#[tokio::test]
async fn commits_what_is_queued_before_it_closes() {
    with_store(1, async |store, database| {
        let opener = hold(&store);
        start(Box::pin(store.run(A)).as_mut());
        opener.open();
        drop(store);
        let path = database.sqlite_settings().path;
        assert!(!path.with_extension("db-wal").exists(), "the log is emptied and removed");
        assert_eq!(roles(&database.open().await.unwrap()).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn goes_on_after_the_disk_was_full() {
    with_store(512, async |store, _| {
        store.run(Sql(&["PRAGMA max_page_count = 1"])).await.unwrap();
        let opener = hold(&store);
        let big = Sql(&["INSERT INTO roles (name) VALUES (hex(randomblob(100000)))"]);
        let (mut a, mut b, mut c) = (pin!(store.run(A)), pin!(store.run(big)), pin!(store.run(C)));
        start(a.as_mut());
        start(b.as_mut());
        start(c.as_mut());
        opener.open();
        let (a, b, c) = (a.await, b.await, c.await);
        b.unwrap_err();
        // Whether the neighbours went through is the engine's affair; that they were told the
        // truth is ours.
        let told: Vec<_> = [("a", a.is_ok()), ("c", c.is_ok())].into_iter().filter(|told| told.1).collect();
        assert_eq!(roles(&store).await, told.iter().map(|told| told.0).collect::<Vec<_>>());
        store.run(Sql(&["PRAGMA max_page_count = 1000000", "INSERT INTO roles (name) VALUES ('d')"])).await.unwrap();
        assert!(roles(&store).await.contains(&"d".to_owned()));
    })
    .await;
}

/// Waits for something that never comes.
struct Waits;

impl Operation for Waits {
    type Outcome = ();
}

impl Execute for Waits {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        tx.execute("INSERT INTO roles (name) VALUES ('b')", &[]).await?;
        std::future::pending().await
    }
}

#[tokio::test]
async fn reports_an_operation_that_waits_for_something_else() {
    with_store(512, async |store, _| {
        let error = store.run(Waits).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Unavailable(_)), "{error:?}");
        store.run(A).await.unwrap();
        assert_eq!(roles(&store).await, ["a"]);
    })
    .await;
}

#[tokio::test]
async fn a_statement_is_prepared_once_whatever_it_is_bound_to() {
    const SQL: &str = "SELECT login FROM users JOIN sign_on_sessions ON users.id = owner \
        WHERE digest = $1 AND expires_at >= $2";
    with_store(512, async |_, database| {
        let connection = connection::open(&database.sqlite_settings().path, Mode::Read).unwrap();
        for number in 0..3_u8 {
            let mut statement = connection.prepare_cached(SQL).unwrap();
            assert!(!statement.exists(([number; 32], i64::from(number))).unwrap());
        }
        let statement = connection.prepare_cached(SQL).unwrap();
        let status = |status| statement.get_status(status);
        assert_eq!((status(StatementStatus::Run), status(StatementStatus::RePrepare)), (3, 0));
    })
    .await;
}

#[tokio::test]
async fn two_programs_work_on_one_file() {
    with_store(512, async |one, database| {
        let two = database.open().await.unwrap();
        one.run(A).await.unwrap();
        assert_eq!(roles(&two).await, ["a"]);
        two.run(C).await.unwrap();
        assert_eq!(roles(&one).await, ["a", "c"]);
    })
    .await;
}

#[tokio::test]
async fn reads_wait_for_a_free_reader() {
    with_store(512, async |store, _| {
        people(&store, &["alice"]).await;
        let found = race(&Arc::new(store), 32, |_| FindUser::ByLogin(login("alice"))).await;
        assert!(found.iter().all(|found| *found == Some(user("alice"))));
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt;

    with_store(512, async |store, database| {
        store.run(A).await.unwrap();
        let path = database.sqlite_settings().path;
        for extension in ["db", "db-wal", "db-shm"] {
            let mode = path.with_extension(extension).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{extension}");
        }
    })
    .await;
}

#[tokio::test]
async fn refuses_settings_that_can_not_work() {
    with_store(512, async |_, database| {
        let usual = || database.sqlite_settings();
        let check = |settings: SqliteSettings, want: fn(&OpenError) -> bool| {
            let error = Store::open_sqlite(&settings).unwrap_err();
            assert!(want(&error), "{error:?}");
        };
        check(SqliteSettings { group_max: 0, ..usual() }, |error| matches!(error, OpenError::Zero("group_max")));
        check(SqliteSettings { readers: 0, ..usual() }, |error| matches!(error, OpenError::Zero("readers")));
        let nowhere = usual().path.with_file_name("missing").join("test.db");
        check(SqliteSettings { path: nowhere, ..usual() }, |error| matches!(error, OpenError::File { .. }));
        let text = usual().path.with_file_name("text");
        std::fs::write(&text, "this is no database, but long enough to look like one: ".repeat(40)).unwrap();
        check(SqliteSettings { path: text, ..usual() }, |error| matches!(error, OpenError::Database(_)));
    })
    .await;
}

/// Whoever reads keeps the log, and keeps nobody waiting; and what it reads stays what it was.
#[test]
fn the_log_is_emptied_when_nobody_reads() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    create_private_file(&path).unwrap();
    let (writer, reader) =
        (connection::open(&path, Mode::Write).unwrap(), connection::open(&path, Mode::Read).unwrap());
    let log_bytes = || std::fs::metadata(path.with_extension("db-wal")).unwrap().len();
    writer
        .execute_batch("CREATE TABLE notes (note TEXT); INSERT INTO notes VALUES ('a secret of 26 characters.')")
        .unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let read = || reader.query_row("SELECT note FROM notes", [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(read(), "a secret of 26 characters.");
    writer.execute_batch("UPDATE notes SET note = 'replaced'").unwrap();
    let began = std::time::Instant::now();
    connection::empty_log(&writer).unwrap();
    assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(log_bytes() > 0);
    assert_eq!(read(), "a secret of 26 characters.");
    reader.execute_batch("COMMIT").unwrap();
    connection::empty_log(&writer).unwrap();
    assert_eq!(log_bytes(), 0);
    assert_eq!(read(), "replaced");
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"secret"), "what was replaced is overwritten");
}
