//! Work that anybody may ask for, any number of times: one run serves all who had asked when it began.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Runs one piece of work at a time, with a pause between two runs.
#[derive(Debug, Default)]
pub struct Coalesced {
    asked: AtomicU64,
    served: Mutex<Served>,
}

#[derive(Debug, Default)]
struct Served {
    /// Everybody up to this one.
    upto: u64,
    /// When the last run began.
    at: Option<Instant>,
}

impl Coalesced {
    /// Has the work done, unless a run that began after this was asked for did it. What fails is tried again by whoever waits.
    ///
    /// # Errors
    ///
    /// That of the work.
    pub async fn run<E>(&self, pause: Duration, work: impl Future<Output = Result<(), E>>) -> Result<(), E> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let mut served = self.served.lock().await;
        if served.upto >= number {
            return Ok(());
        }
        if let Some(at) = served.at {
            tokio::time::sleep_until(at + pause).await;
        }
        served.at = Some(Instant::now());
        let upto = self.asked.load(Ordering::SeqCst);
        work.await?;
        served.upto = upto;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    const PAUSE: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn one_run_serves_all_who_had_asked_when_it_began() {
        let (coalesced, runs) = (Arc::new(Coalesced::default()), Arc::new(AtomicUsize::new(0)));
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..10_000 {
            let (coalesced, runs) = (Arc::clone(&coalesced), Arc::clone(&runs));
            asking.spawn(async move {
                let work = async {
                    runs.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    Ok::<(), ()>(())
                };
                coalesced.run(PAUSE, work).await
            });
        }
        assert!(asking.join_all().await.into_iter().all(|done| done.is_ok()));
        let runs = runs.load(Ordering::Relaxed);
        assert!((1..=2).contains(&runs), "{runs} runs");
    }

    #[tokio::test]
    async fn who_asks_after_a_run_gets_another_after_the_pause() {
        let coalesced = Coalesced::default();
        let began = Instant::now();
        let mut runs = 0;
        for _ in 0..3 {
            let work = async {
                runs += 1;
                Ok::<(), ()>(())
            };
            coalesced.run(PAUSE, work).await.unwrap();
        }
        assert_eq!(runs, 3);
        assert!(began.elapsed() >= PAUSE * 2);
    }

    #[tokio::test]
    async fn a_run_that_fails_serves_nobody_else() {
        let coalesced = Coalesced::default();
        let first = coalesced.run(PAUSE, async { Err::<(), _>("broken") });
        let second = coalesced.run(PAUSE, async { Ok::<(), &str>(()) });
        assert_eq!(tokio::join!(first, second), (Err("broken"), Ok(())));
    }
}
