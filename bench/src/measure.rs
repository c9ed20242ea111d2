//! One measurement: a load runs, and what it and the server did in a window of time is counted.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use crate::metric::{Metric, Sample, float};
use crate::target::Target;
use crate::usage::Usage;

/// The load runs so long before anything is counted.
pub const WARM_UP: Duration = Duration::from_millis(500);
/// Latencies that are kept at most; more are counted, not kept.
const LATENCIES_MAX: usize = 4_000_000;

/// Fewer commits in the window are the server's own business.
const COMMITS_MIN: u64 = 10;

/// What the parts of a load write down.
#[derive(Debug, Default)]
pub struct Tally {
    operations: Cell<u64>,
    counts: Cell<bool>,
    over: Cell<bool>,
    latencies: RefCell<Vec<Duration>>,
}

impl Tally {
    /// One operation is done.
    pub fn done(&self) {
        self.operations.set(self.operations.get() + 1);
    }

    /// One operation that began then is done.
    pub fn done_since(&self, began: Instant) {
        self.done();
        if self.counts.get() && self.latencies.borrow().len() < LATENCIES_MAX {
            self.latencies.borrow_mut().push(began.elapsed());
        }
    }

    /// How many operations are done.
    pub fn operations(&self) -> u64 {
        self.operations.get()
    }

    /// Whether nothing more is to be begun.
    pub fn is_over(&self) -> bool {
        self.over.get()
    }
}

/// Runs the parts of a load, each a task, for `window` after a warm-up.
///
/// # Errors
///
/// The first part that fails ends the measurement with its error.
pub async fn run<F>(
    target: &Target,
    window: Duration,
    tally: Rc<Tally>,
    parts: impl IntoIterator<Item = F>,
) -> io::Result<Sample>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let local = LocalSet::new();
    let mut tasks = JoinSet::new();
    for part in parts {
        tasks.spawn_local_on(part, &local);
    }
    let watching = async {
        tokio::time::sleep(WARM_UP).await;
        let (before, operations, began) = (Usage::of(target).await?, tally.operations(), Instant::now());
        tally.counts.set(true);
        tokio::time::sleep(window).await;
        let (operations, elapsed) = (tally.operations() - operations, began.elapsed());
        let used = Usage::of(target).await?.since(&before);
        tally.over.set(true);
        Ok(figures(operations, elapsed, &used, &mut tally.latencies.borrow_mut()))
    };
    local
        .run_until(async {
            tokio::select! {
                figures = watching => figures,
                error = first_failure(&mut tasks) => Err(error),
            }
        })
        .await
}

async fn first_failure(tasks: &mut JoinSet<io::Result<()>>) -> io::Error {
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return error,
            Err(error) => return io::Error::other(error),
        }
    }
    std::future::pending().await
}

/// Figures of a load without latencies and without a target of its own: so many operations in this time.
pub fn plain(operations: u64, elapsed: Duration, processor_time: Duration) -> Sample {
    Sample::from([
        (Metric::Rate, float(operations) / elapsed.as_secs_f64()),
        (Metric::ServerNs, processor_time.as_secs_f64() * 1e9 / float(operations.max(1))),
    ])
}

/// The latency, in microseconds, that this share of them, in order, doesn't reach.
pub fn quantile_us(latencies: &[Duration], share: f64) -> Option<f64> {
    let count = float(u64::try_from(latencies.len()).unwrap_or(u64::MAX));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
    let index = (share * count) as usize;
    latencies.get(index).map(|latency| latency.as_secs_f64() * 1e6)
}

fn figures(operations: u64, elapsed: Duration, used: &Usage, latencies: &mut [Duration]) -> Sample {
    let mut sample = plain(operations, elapsed, used.processor_time);
    latencies.sort_unstable();
    sample.extend(quantile_us(latencies, 0.50).map(|latency| (Metric::P50Us, latency)));
    sample.extend(quantile_us(latencies, 0.99).map(|latency| (Metric::P99Us, latency)));
    if let Some(work) = used.storage.filter(|work| work.commits >= COMMITS_MIN) {
        let commits = float(work.commits);
        sample.insert(Metric::WritesPerCommit, float(work.writes) / commits);
        sample.extend(used.flushes.map(|flushes| (Metric::FlushesPerCommit, float(flushes) / commits)));
    }
    sample
}
