//! Work that goes on after its request was answered, so that the answer tells nothing of it, not even by its time.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::metrics::{Metrics, ServerLimit};

/// Pieces of work that run at the same time.
const TASKS_MAX: usize = 256;
/// How long they may go on when the server stops.
const FINISH_SECONDS_MAX: Duration = Duration::from_secs(5);

/// What runs.
#[derive(Debug)]
pub struct Afterwards {
    tasks: TaskTracker,
    places: Arc<Semaphore>,
    metrics: Arc<Metrics>,
}

impl Afterwards {
    /// Nothing yet.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { tasks: TaskTracker::new(), places: Arc::new(Semaphore::new(TASKS_MAX)), metrics }
    }

    /// Starts a piece of work. Where there is no room it is left undone, and counted.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            self.metrics.limit_reached(ServerLimit::Afterwards);
            return tracing::warn!("work that a request has asked for is left undone: too much is going on");
        };
        self.tasks.spawn(async move {
            work.await;
            drop(place);
        });
    }

    /// Waits a while for what runs. Nothing may be started any more.
    pub async fn finish(&self) {
        self.tasks.close();
        if tokio::time::timeout(FINISH_SECONDS_MAX, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "work that requests have asked for did not end in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn leaves_undone_what_does_not_fit_and_waits_for_the_rest() {
        let afterwards = Afterwards::new(Arc::default());
        let (done, count) = tokio::sync::mpsc::unbounded_channel();
        let gate = Arc::new(Semaphore::new(0));
        for _ in 0..=TASKS_MAX {
            let (done, gate) = (done.clone(), Arc::clone(&gate));
            afterwards.spawn(async move {
                let _ = gate.acquire().await;
                let _ = done.send(());
            });
        }
        assert_eq!(afterwards.metrics.times_reached(ServerLimit::Afterwards), 1);
        gate.close();
        afterwards.finish().await;
        assert_eq!(count.len(), TASKS_MAX);
    }
}
