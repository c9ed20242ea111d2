//! Repetition, lost connections, and the URL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use countersign_identity::repository::{ListRoles, Operation, RepositoryError, Run};
use tokio::sync::Barrier;

use super::RETRIES_MAX;
use crate::error::TxError;
use crate::tests::database::{Kind, Sql, TestDatabase, with_database};
use crate::tx::{Execute, Tx};
use crate::{OpenError, PostgresSettings, Store};

async fn with_store<F>(test: impl FnOnce(Store, Arc<TestDatabase>) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    with_database(Kind::Postgres, async move |database: Arc<TestDatabase>| {
        test(database.open().await.unwrap(), database).await;
    })
    .await;
}

/// Writes two rows; on the first attempt it waits in between for another one of its kind.
struct Crossing {
    statements: [&'static str; 2],
    meeting: Arc<Barrier>,
    attempts: Arc<AtomicU32>,
}

impl Operation for Crossing {
    type Outcome = ();
}

impl Execute for Crossing {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        tx.execute(self.statements[0], &[]).await?;
        if self.attempts.fetch_add(1, Ordering::SeqCst) < 2 {
            self.meeting.wait().await;
        }
        tx.execute(self.statements[1], &[]).await.map(drop)
    }
}

#[tokio::test]
async fn repeats_an_operation_after_a_deadlock() {
    const A: &str = "UPDATE roles SET name = name WHERE name = 'a'";
    const B: &str = "UPDATE roles SET name = name WHERE name = 'b'";
    with_store(async |store, _| {
        store.run(Sql(&["INSERT INTO roles (name) VALUES ('a'), ('b')"])).await.unwrap();
        let (meeting, attempts) = (Arc::new(Barrier::new(2)), Arc::new(AtomicU32::new(0)));
        let crossing =
            |statements| Crossing { statements, meeting: Arc::clone(&meeting), attempts: Arc::clone(&attempts) };
        let (one, two) = tokio::join!(store.run(crossing([A, B])), store.run(crossing([B, A])));
        one.unwrap();
        two.unwrap();
        assert_eq!(attempts.load(Ordering::SeqCst), 3);
    })
    .await;
}

/// Loses its connection on the first attempt, after it has written.
struct LosesConnection(AtomicU32);

impl Operation for LosesConnection {
    type Outcome = ();
}

impl Execute for LosesConnection {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        tx.execute("INSERT INTO roles (name) VALUES ('a')", &[]).await?;
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            tx.query("SELECT pg_terminate_backend(pg_backend_pid())", &[]).await?;
        }
        Ok(())
    }
}

#[tokio::test]
async fn repeats_an_operation_whose_connection_was_lost_before_the_commit() {
    with_store(async |store, _| {
        store.run(LosesConnection(AtomicU32::new(0))).await.unwrap();
        assert_eq!(store.run(ListRoles).await.unwrap().len(), 1);
    })
    .await;
}

/// Is interrupted each time, and counts.
struct NeverSucceeds(Arc<AtomicU32>);

impl Operation for NeverSucceeds {
    type Outcome = ();
}

impl Execute for NeverSucceeds {
    async fn execute<T: Tx>(&self, _: &mut T) -> Result<(), TxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Err(TxError::Interrupted("again".into()))
    }
}

#[tokio::test]
async fn gives_up_after_so_many_repetitions() {
    with_store(async |store, _| {
        let attempts = Arc::new(AtomicU32::new(0));
        let error = store.run(NeverSucceeds(Arc::clone(&attempts))).await.unwrap_err();
        assert!(matches!(error, RepositoryError::Unavailable(_)), "{error:?}");
        assert_eq!(attempts.load(Ordering::SeqCst), 1 + RETRIES_MAX);
    })
    .await;
}

#[tokio::test]
async fn says_unavailable_where_the_database_is_gone() {
    with_store(async |store, database| {
        database.remove().await;
        for _ in 0..2 {
            let error = store.run(ListRoles).await.unwrap_err();
            assert!(matches!(error, RepositoryError::Unavailable(_)), "{error:?}");
        }
        let error = database.open().await.unwrap_err();
        assert!(matches!(error, OpenError::Database(_)), "{error:?}");
    })
    .await;
}

#[tokio::test]
async fn refuses_settings_that_can_not_work() {
    let check = async |url: &str, pool_size: usize, want: fn(&OpenError) -> bool| {
        let settings = PostgresSettings { url: url.to_owned(), pool_size };
        let error = Store::connect_postgres(&settings).await.unwrap_err();
        assert!(want(&error), "{error:?}");
        for text in [format!("{error:?}"), error.to_string(), format!("{settings:?}")] {
            assert!(!text.contains("hunter2"), "{text}");
        }
    };
    let with_tls = "postgres://u:hunter2@localhost/db?sslmode=require";
    check(with_tls, 1, |error| matches!(error, OpenError::TlsUnsupported)).await;
    check("postgres://u:hunter2@localhost/db", 0, |error| matches!(error, OpenError::Zero("pool_size"))).await;
    check("postgres://u:hunter2@localhost:port/db", 1, |error| matches!(error, OpenError::Url(_))).await;
    check("no url hunter2", 1, |error| matches!(error, OpenError::Url(_))).await;
}
