//! A listing that many may ask for, and few times is read.
//!
//! **Invariant:** at most one reading at a time; whoever came while it went on gets what it brought, failures too.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{DirectoryError, Entry};

type Read = Result<Arc<Vec<Entry>>, DirectoryError>;

/// The listing.
#[derive(Debug)]
pub struct Listing {
    lifetime: Duration,
    last: Mutex<Option<(Instant, Read)>>,
}

impl Listing {
    /// A listing that gets this old.
    pub fn new(lifetime: Duration) -> Self {
        Self { lifetime, last: Mutex::default() }
    }

    /// The listing, read by `read` where it is too old.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub async fn get(&self, read: impl AsyncFnOnce() -> Result<Vec<Entry>, DirectoryError>) -> Read {
        let asked = Instant::now();
        let mut last = self.last.lock().await;
        if let Some((read_at, found)) = &*last {
            let is_fresh = found.is_ok() && read_at.elapsed() < self.lifetime;
            // Read while this one waited.
            if is_fresh || *read_at > asked {
                return found.clone();
            }
        }
        // If it is given up, nobody takes an older one for new.
        *last = None;
        let found = read().await.map(Arc::new);
        *last = Some((Instant::now(), found.clone()));
        found
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const LIFETIME: Duration = Duration::from_secs(30);

    async fn get(
        listing: &Listing,
        reads: &AtomicUsize,
        outcome: Result<(), DirectoryError>,
    ) -> Result<usize, DirectoryError> {
        let read = async || {
            let count = reads.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
            outcome.map(|()| Vec::with_capacity(count))
        };
        listing.get(read).await.map(|_| reads.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn is_read_again_when_it_is_old() {
        let (listing, reads) = (Listing::new(LIFETIME), AtomicUsize::new(0));
        assert_eq!(get(&listing, &reads, Ok(())).await, Ok(1));
        tokio::time::advance(Duration::from_millis(29_980)).await;
        assert_eq!(get(&listing, &reads, Ok(())).await, Ok(1));
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(get(&listing, &reads, Ok(())).await, Ok(2));
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_are_one_reading_also_where_it_fails() {
        let (listing, reads) = (Listing::new(Duration::ZERO), AtomicUsize::new(0));
        let failed = || get(&listing, &reads, Err(DirectoryError::Down));
        let (one, two, three) = tokio::join!(failed(), failed(), failed());
        assert_eq!([one, two, three], [const { Err(DirectoryError::Down) }; 3]);
        assert_eq!(reads.load(Ordering::Relaxed), 1);
        // A failure is not kept.
        assert_eq!(get(&listing, &reads, Ok(())).await, Ok(2));
    }
}
