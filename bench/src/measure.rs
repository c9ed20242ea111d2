//! One measurement: a load runs, and what it and the server did in a window of time is counted.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::{JoinSet, LocalSet};

use crate::usage;

/// The load runs so long before anything is counted.
const WARM_UP: Duration = Duration::from_millis(500);
/// Latencies that are kept at most; more are counted, not kept.
const LATENCIES_MAX: usize = 4_000_000;

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

/// What happened in the window.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Operations a second.
    pub rate: f64,
    /// Processor time of the server per operation, in nanoseconds.
    pub server_ns: f64,
    /// Median latency in microseconds, where the load takes latencies.
    pub p50_us: Option<f64>,
    /// The latency that one of a hundred exceeds.
    pub p99_us: Option<f64>,
}

/// Runs the parts of a load, each a task, for `window` after a warm-up.
///
/// # Errors
///
/// The first part that fails ends the measurement with its error.
pub async fn run<F>(
    pid: u32,
    window: Duration,
    tally: Rc<Tally>,
    parts: impl IntoIterator<Item = F>,
) -> io::Result<Figures>
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
        let (operations, time, began) = (tally.operations(), usage::processor_time(pid)?, Instant::now());
        tally.counts.set(true);
        tokio::time::sleep(window).await;
        let (operations, elapsed) = (tally.operations() - operations, began.elapsed());
        let time = usage::processor_time(pid)?.saturating_sub(time);
        tally.over.set(true);
        Ok(figures(operations, elapsed, time, &mut tally.latencies.borrow_mut()))
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

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn figures(operations: u64, elapsed: Duration, time: Duration, latencies: &mut [Duration]) -> Figures {
    latencies.sort_unstable();
    let quantile = |share: f64| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index below the length")]
        let index = (share * latencies.len() as f64) as usize;
        latencies.get(index).map(|latency| latency.as_secs_f64() * 1e6)
    };
    let count = (operations as f64).max(1.0);
    Figures {
        rate: operations as f64 / elapsed.as_secs_f64(),
        server_ns: time.as_secs_f64() * 1e9 / count,
        p50_us: quantile(0.50),
        p99_us: quantile(0.99),
    }
}
