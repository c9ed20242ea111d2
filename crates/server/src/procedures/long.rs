//! Calls with long arguments or long answers: few at a time, so that what they unfold to in memory stays bounded.
//!
//! **Invariants:** of all long arguments one call's are decoded at a time; few wait for that, and more are refused, because they
//! wait with their bytes. Long answers are made one at a time as well; who waits to read what is stored waits with nothing.

use std::sync::Arc;

use countersign_identity::repository::RepositoryError;
use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};

use super::errors::{Failure, FailureKind};
use crate::metrics::ServerLimit;

/// Texts and arguments of more bytes than this are long.
pub const BYTES_MIN: usize = 256 * 1024;
/// Calls with long arguments that are under way.
const CALLS_MAX: usize = 16;
/// Calls that read at a time what can be long.
const READERS_MAX: usize = 8;

/// The turns of all calls.
#[derive(Debug)]
pub struct LongCalls {
    places: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    turn: Arc<Mutex<()>>,
}

/// What a call with long arguments has: a place to its end, and the turn until it has made little of much.
#[derive(Debug)]
pub struct Entered {
    _place: OwnedSemaphorePermit,
    turn: Option<OwnedMutexGuard<()>>,
}

impl Entered {
    /// Lets the next one decode.
    pub fn pass_on(&mut self) {
        self.turn = None;
    }
}

impl Default for LongCalls {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(CALLS_MAX)),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            turn: Arc::default(),
        }
    }
}

impl LongCalls {
    /// Waits for the turn of a call with so many bytes of arguments; nothing for one that isn't long.
    ///
    /// # Errors
    ///
    /// Too many wait.
    pub async fn enter(&self, bytes: usize) -> Result<Option<Entered>, Failure> {
        if bytes <= BYTES_MIN {
            return Ok(None);
        }
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let text =
                format!("{CALLS_MAX} calls with more than {BYTES_MIN} bytes of arguments are under way; try again");
            return Err(Failure::new(FailureKind::LimitExceeded, text).at(ServerLimit::LongCalls));
        };
        Ok(Some(Entered { _place: place, turn: Some(Arc::clone(&self.turn).lock_owned().await) }))
    }

    /// Waits until what can be long may be read.
    pub async fn reading(&self) -> Option<OwnedSemaphorePermit> {
        // It is never closed.
        Arc::clone(&self.readers).acquire_owned().await.ok()
    }

    /// Does work that makes much of so many bytes, in turn if they are many. Not for who has entered.
    ///
    /// # Errors
    ///
    /// The work panicked.
    pub async fn unfold<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let _turn = if bytes > BYTES_MIN { Some(self.turn.lock().await) } else { None };
        apart(bytes, work).await
    }
}

/// Does work on so many bytes: on a thread of its own if they are many, so that nobody waits for it.
///
/// # Errors
///
/// The work panicked.
pub async fn apart<T: Send + 'static>(bytes: usize, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    if bytes <= BYTES_MIN {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|error| RepositoryError::Unavailable(Box::new(error)).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_has_the_turn_a_few_wait_and_more_are_refused() {
        let long = LongCalls::default();
        assert!(long.enter(BYTES_MIN).await.unwrap().is_none());
        let mut first = long.enter(BYTES_MIN + 1).await.unwrap().unwrap();
        let mut waiting: Vec<_> = (1..CALLS_MAX).map(|_| Box::pin(long.enter(BYTES_MIN + 1))).collect();
        for one in &mut waiting {
            assert!(futures_util::poll!(one).is_pending());
        }
        let failure = long.enter(BYTES_MIN + 1).await.unwrap_err();
        assert_eq!(failure.limit(), Some(ServerLimit::LongCalls));
        first.pass_on();
        let mut second = waiting.remove(0).await.unwrap().unwrap();
        assert!(long.enter(BYTES_MIN + 1).await.is_err(), "a place is kept to the end of the call");
        drop(first);
        second.pass_on();
        for one in waiting {
            one.await.unwrap().unwrap().pass_on();
        }
        assert!(long.enter(BYTES_MIN + 1).await.is_ok());
    }
}
