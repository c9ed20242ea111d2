//! The audit trail of an installation: checkpoints at their times, retention, and the checkpoints' file.
//!
//! **Invariant:** a checkpoint is in the database before it is in the file, so that after a crash the file speaks of no
//! row that was lost.

mod file;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, mem};

use countersign_identity::audit_chain::Checkpoint;
use countersign_identity::audit_trail::CheckpointError;
use countersign_identity::{PeerAddress, RequestContext, Timestamp};
use tokio_util::sync::CancellationToken;

pub use self::file::{CheckpointFileError, read};
use crate::app::App;
use crate::cid;
use crate::clock::now;

/// How often it is looked whether a checkpoint is due.
const CHECKPOINT_TICK: Duration = Duration::from_secs(1);
/// How often it is looked whether rows are too old.
const RETENTION_TICK: Duration = Duration::from_hours(1);
/// A day, in microseconds.
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;
/// Application of the rows about retention.
const RETENTION: &str = "retention";

/// Where checkpoints are written beside the database.
#[derive(Debug)]
pub struct Trail {
    path: PathBuf,
    /// The one that was written last.
    written: tokio::sync::Mutex<Option<Checkpoint>>,
}

/// Why there is no checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointFailed {
    /// The chain is broken, or storage failed.
    #[error(transparent)]
    Trail(#[from] CheckpointError),
    /// It is in the database, but not in the file.
    #[error("can't write the checkpoints' file")]
    File(#[from] io::Error),
}

impl Trail {
    /// With this file, which is made where it isn't there.
    pub fn new(path: PathBuf) -> Self {
        Self { path, written: tokio::sync::Mutex::default() }
    }

    /// The checkpoints of the file, oldest first.
    ///
    /// # Errors
    ///
    /// [`CheckpointFileError`].
    pub async fn kept(&self) -> Result<Vec<Checkpoint>, CheckpointFileError> {
        let path = self.path.clone();
        blocking(move || read_if_there(&path)).await?
    }

    /// Writes a checkpoint to the end of the file, unless it stands there.
    async fn write(&self, checkpoint: Checkpoint) -> io::Result<()> {
        let mut written = self.written.lock().await;
        if written.is_none() {
            // What can't be read is told by whoever verifies.
            *written = self.kept().await.ok().and_then(|mut kept| kept.pop());
        }
        if *written != Some(checkpoint) {
            let path = self.path.clone();
            blocking(move || file::append(&path, checkpoint)).await??;
            *written = Some(checkpoint);
        }
        Ok(())
    }
}

async fn blocking<V: Send + 'static>(work: impl FnOnce() -> V + Send + 'static) -> io::Result<V> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)
}

fn read_if_there(path: &Path) -> Result<Vec<Checkpoint>, CheckpointFileError> {
    match read(path) {
        Err(error) if error.is_missing() => Ok(Vec::new()),
        other => other,
    }
}

impl App {
    /// Signs the trail's last row, in the database and in the file, if it isn't signed yet.
    ///
    /// # Errors
    ///
    /// [`CheckpointFailed`].
    pub async fn checkpoint_audit(&self) -> Result<(), CheckpointFailed> {
        if let Some(checkpoint) = self.identity.checkpoint_audit(now()).await? {
            self.trail.write(checkpoint).await?;
        }
        Ok(())
    }

    /// Removes rows that are too old; whole days, in UTC.
    async fn trim_audit(&self, retention: Duration) -> Result<u64, CheckpointError> {
        let end = now().saturating_sub(retention).micros();
        let before = Timestamp::from_micros(end - end.rem_euclid(DAY_MICROS));
        let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", RETENTION);
        let mut removed = 0;
        loop {
            match self.identity.trim_audit(before, &context, now()).await? {
                0 => return Ok(removed),
                count => removed += count,
            }
        }
    }
}

/// Makes checkpoints and removes old rows until `stop`; the last checkpoint is the caller's, when all work is done.
pub async fn keep(app: Arc<App>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(CHECKPOINT_TICK);
    let mut due = Due::new(app.config.audit.checkpoint_rows, app.config.audit.checkpoint_seconds);
    let mut trimmed: Option<Instant> = None;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if due.now(app.identity.repository().stats().audit_rows, Instant::now()) {
            report(app.checkpoint_audit().await);
        }
        let Some(retention) = app.config.audit.retention() else { continue };
        if trimmed.is_none_or(|at| at.elapsed() >= RETENTION_TICK) {
            trimmed = Some(Instant::now());
            match app.trim_audit(retention).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "removed rows of the audit trail, as old as retention says"),
                Err(error) => tracing::error!(%error, "can't remove old rows of the audit trail"),
            }
        }
    }
}

/// Says in the log why there is no checkpoint.
pub fn report(checkpointed: Result<(), CheckpointFailed>) {
    if let Err(error) = checkpointed {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "no checkpoint of the audit trail was made; see `countersign audit verify`"
        );
    }
}

/// When a checkpoint is due: at the start, and after so many rows or so long after one.
struct Due {
    rows_max: u64,
    pause: Duration,
    rows: u64,
    /// Since when there are rows without a checkpoint.
    since: Option<Instant>,
    is_first: bool,
}

impl Due {
    fn new(rows_max: u64, seconds: u64) -> Self {
        Self { rows_max, pause: Duration::from_secs(seconds), rows: 0, since: None, is_first: true }
    }

    /// Whether it is due, if so many rows were added in all.
    fn now(&mut self, rows: u64, now: Instant) -> bool {
        let added = rows.saturating_sub(self.rows);
        if added > 0 && self.since.is_none() {
            self.since = Some(now);
        }
        let waited = self.since.is_some_and(|since| now.duration_since(since) >= self.pause);
        let is_due = mem::take(&mut self.is_first) || added >= self.rows_max || waited;
        if is_due {
            (self.rows, self.since) = (rows, None);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_after_so_many_rows_or_so_long_after_one() {
        let (start, mut due) = (Instant::now(), Due::new(10, 60));
        let mut check = |rows, seconds, want| {
            assert_eq!(due.now(rows, start + Duration::from_secs(seconds)), want, "{rows} rows after {seconds} s");
        };
        check(0, 0, true);
        check(0, 600, false);
        check(9, 601, false);
        check(10, 602, true);
        check(11, 700, false);
        check(11, 759, false);
        check(11, 760, true);
        check(11, 900, false);
    }
}
