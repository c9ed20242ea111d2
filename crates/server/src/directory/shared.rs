//! Work that many may ask for, and that is done for all of them at once.
//!
//! **Invariant:** it is done at most once at a time; whoever came while it went on gets what it brought, failures too.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// The work, and what it brought.
#[derive(Debug)]
pub struct Shared<T, E> {
    lifetime: Duration,
    last: Mutex<Option<Done<T, E>>>,
}

/// When it was done, and what came of it.
type Done<T, E> = (Instant, Result<Arc<T>, E>);

impl<T, E: Clone> Shared<T, E> {
    /// Work whose results are good for so long.
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, last: Mutex::default() }
    }

    /// What the work brought, done by `work` where that is too old.
    ///
    /// # Errors
    ///
    /// Those of `work`. They are kept for nobody who comes later.
    pub async fn get(&self, work: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E> {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((done_at, brought)) = &*last {
            let is_fresh = brought.is_ok() && done_at.elapsed() < self.lifetime;
            // Done while this one waited.
            if is_fresh || *done_at > asked {
                return brought.clone();
            }
        }
        // If it is given up, nobody takes an older one for new.
        *last = None;
        let brought = work.await.map(Arc::new);
        *last = Some((Instant::now(), brought.clone()));
        brought
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(30);

    /// How often the work was done by then.
    async fn get(
        shared: &Shared<usize, &'static str>,
        times: &AtomicUsize,
        fails: bool,
    ) -> Result<usize, &'static str> {
        let work = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let times = times.fetch_add(1, Ordering::Relaxed) + 1;
            if fails { Err("down") } else { Ok(times) }
        };
        shared.get(work).await.map(|times| *times)
    }

    #[tokio::test(start_paused = true)]
    async fn is_done_again_when_it_is_old() {
        let (shared, times) = (Shared::new(LIFETIME), AtomicUsize::new(0));
        assert_eq!(get(&shared, &times, false).await, Ok(1));
        tokio::time::advance(Duration::from_millis(29_980)).await;
        assert_eq!(get(&shared, &times, false).await, Ok(1));
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(get(&shared, &times, false).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_are_served_by_one_also_where_it_fails() {
        let (shared, times) = (Shared::new(Duration::ZERO), AtomicUsize::new(0));
        let failed = || get(&shared, &times, true);
        assert_eq!(tokio::join!(failed(), failed(), failed()), (Err("down"), Err("down"), Err("down")));
        assert_eq!(times.load(Ordering::Relaxed), 1);
        // A failure is not kept.
        assert_eq!(get(&shared, &times, false).await, Ok(2));
    }
}
