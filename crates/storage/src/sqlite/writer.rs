//! The thread that writes: takes all operations that wait, executes them in one transaction,
//! commits, and answers.
//!
//! One sync of the disk serves the whole group. An operation that fails is undone alone: if there is one, which is rare, the
//! whole group is rolled back and executed again with a mark before each. The rows of the audit trail are stored behind all
//! operations of the group, so that the chain's head is read and written once.
//!
//! The log holds pages as they were, with what was replaced and deleted since. It is emptied behind a group when that hasn't been
//! done for a while; the server writes something every minute.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use countersign_identity::repository::RepositoryError;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::connection::{SqliteTx, empty_log};
use crate::error::TxError;
use crate::ops::append_linked;
use crate::seal::{Keyring, SharedKeyring};
use crate::stats::Counts;
use crate::tx::Execute;

/// Shortest time between two times at which the log is emptied.
const EMPTYING_INTERVAL: Duration = Duration::from_secs(5);

/// The way to the thread. Dropping it commits what waits and closes the connection.
#[derive(Debug)]
pub struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(
        connection: Connection,
        group_max: usize,
        keyring: SharedKeyring,
        counts: Counts,
    ) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(group_max);
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || write(connection, jobs, group_max, &keyring, &counts))?;
        Ok(Self { queue: Some(queue), thread: Some(thread) })
    }

    /// Executes an operation in the next group. Once it is in the queue it is executed, even
    /// if the caller doesn't wait for the answer.
    pub async fn run<O: Execute>(&self, operation: O) -> Result<O::Outcome, RepositoryError> {
        let (answer, outcome) = oneshot::channel();
        let job = Box::new(Waiting { operation, result: None, answer });
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.send(job).await.map_err(|_| gone())?;
        outcome.await.map_err(|_| gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that writes has panicked");
        }
    }
}

fn gone() -> RepositoryError {
    RepositoryError::Unavailable("the thread that writes has ended".into())
}

/// Why no operation of a group was done.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the group of operations was not committed")]
struct GroupFailed(#[source] Arc<TxError>);

/// An operation in the queue, whatever its kind.
trait Job: Send {
    /// Executes it, maybe not for the first time; whether its writes shall be kept.
    fn execute(&mut self, tx: &mut SqliteTx<'_>) -> bool;
    /// Tells the caller.
    fn answer(self: Box<Self>, group: Result<(), GroupFailed>);
}

struct Waiting<O: Execute> {
    operation: O,
    result: Option<Result<O::Outcome, TxError>>,
    answer: oneshot::Sender<Result<O::Outcome, RepositoryError>>,
}

impl<O: Execute> Job for Waiting<O> {
    fn execute(&mut self, tx: &mut SqliteTx<'_>) -> bool {
        let result = super::execute(&self.operation, tx);
        self.result.insert(result).is_ok()
    }

    fn answer(self: Box<Self>, group: Result<(), GroupFailed>) {
        let outcome = match (group, self.result) {
            (Ok(()), Some(result)) => result.map_err(RepositoryError::from),
            (Ok(()), None) => Err(gone()),
            (Err(failed), _) => Err(RepositoryError::Unavailable(Box::new(failed))),
        };
        // A caller that is gone doesn't mind.
        let _ = self.answer.send(outcome);
    }
}

fn write(
    mut connection: Connection,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    group_max: usize,
    keyring: &SharedKeyring,
    counts: &Counts,
) {
    let mut group = Vec::with_capacity(group_max);
    let mut emptied = Instant::now();
    while jobs.blocking_recv_many(&mut group, group_max) > 0 {
        let done = commit(&mut connection, &mut group, keyring.get(), counts);
        let done = done.map_err(|error| GroupFailed(Arc::new(error)));
        if let Err(error) = &done {
            counts.failed();
            tracing::error!(error = %error.0, operations = group.len(), "a group was not committed");
        }
        for job in group.drain(..) {
            job.answer(done.clone());
        }
        if emptied.elapsed() >= EMPTYING_INTERVAL {
            if let Err(error) = empty_log(&connection) {
                tracing::warn!(%error, "the log of the database can't be emptied");
            }
            emptied = Instant::now();
        }
    }
}

fn commit(
    connection: &mut Connection,
    group: &mut [Box<dyn Job>],
    keyring: &Keyring,
    counts: &Counts,
) -> Result<(), TxError> {
    let operations = group.len();
    let mut tx = SqliteTx::begin(connection, keyring)?;
    // Without marks: behind one SQLite keeps a copy of every page that changes.
    let executed = if group.iter_mut().all(|job| job.execute(&mut tx)) {
        Ok(())
    } else {
        tx.end(false)?;
        tx = SqliteTx::begin(connection, keyring)?;
        execute_marked(&mut tx, group, counts)
    };
    let appended = tx.take_appended();
    let executed = executed.and_then(|()| super::finish(append_linked(&mut tx, &appended)));
    let ended = tx.end(executed.is_ok());
    executed.and(ended)?;
    counts.committed(operations, appended.len());
    Ok(())
}

/// Executes each operation, and undoes those that fail.
fn execute_marked(tx: &mut SqliteTx<'_>, group: &mut [Box<dyn Job>], counts: &Counts) -> Result<(), TxError> {
    group.iter_mut().try_for_each(|job| {
        tx.mark()?;
        // If the failure has rolled back the whole transaction (a full disk), this fails too.
        if job.execute(tx) {
            return tx.keep();
        }
        counts.failed();
        tx.undo()
    })
}
