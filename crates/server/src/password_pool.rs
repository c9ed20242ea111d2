//! Password hashing, a bounded number at a time.
//!
//! Each check takes tens of milliseconds and 19 MiB, so a flood of logins must not start as
//! many as it likes: what doesn't fit into the queue, or waits too long in it, is refused at
//! once, while everything that needs no password goes on.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_identity::login::{PasswordPool, PoolBusy};
use countersign_identity::old_digest::OldDigest;
use countersign_identity::password::{self, BLOCKS, Block, NewPassword, PasswordHash, PasswordSecrets};
use countersign_identity::proof::SecretSettings;
use countersign_identity::{LoginName, Secret};
use countersign_memory::HugeSlice;
use tokio::sync::Semaphore;

use crate::clock::random;
use crate::config::PasswordConfig;
use crate::directory::Directory;
use crate::metrics::{Metrics, ServerLimit};

/// Checks that wait for their turn, unless set otherwise.
const QUEUE_MAX: usize = 256;
/// Longest wait for a turn in seconds, unless set otherwise.
const QUEUE_SECONDS_MAX: u64 = 2;

/// The pool.
#[derive(Debug)]
pub struct HashingPool {
    workers: Arc<Semaphore>,
    rooms: Arc<Rooms>,
    queue_max: usize,
    deadline: Duration,
    secrets: SecretSettings,
    metrics: Arc<Metrics>,
    directory: Option<Arc<Directory>>,
}

impl HashingPool {
    /// A pool as configured, which derives these secrets and counts those whom it refuses.
    pub fn new(config: &PasswordConfig, secrets: SecretSettings, metrics: Arc<Metrics>) -> Self {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            workers: Arc::new(Semaphore::new(config.workers.unwrap_or_else(cores).max(1))),
            rooms: Arc::default(),
            queue_max: config.queue_max.unwrap_or(QUEUE_MAX),
            deadline: Duration::from_secs(config.queue_seconds_max.unwrap_or(QUEUE_SECONDS_MAX)),
            secrets,
            metrics,
            directory: None,
        }
    }

    /// The same with the directory that knows the passwords of its users.
    #[must_use]
    pub fn with_directory(self, directory: Option<Arc<Directory>>) -> Self {
        Self { directory, ..self }
    }

    /// Checks that run or wait.
    pub fn queued(&self) -> usize {
        self.rooms.waiting.load(Ordering::Relaxed)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Room) -> T + Send + 'static) -> Result<T, PoolBusy> {
        let _place = Place::take(&self.rooms, self.queue_max)
            .inspect_err(|_| self.metrics.limit_reached(ServerLimit::PasswordQueue))?;
        let turn = Arc::clone(&self.workers).acquire_owned();
        let Ok(turn) = tokio::time::timeout(self.deadline, turn).await else {
            self.metrics.limit_reached(ServerLimit::PasswordQueueSeconds);
            return Err(PoolBusy);
        };
        let permit = turn.map_err(|_| PoolBusy)?;
        let rooms = Arc::clone(&self.rooms);
        let work = move || {
            let mut room = rooms.enter();
            let result = work(&mut room);
            rooms.leave(room);
            drop(permit);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| PoolBusy)
    }
}

impl PasswordPool for HashingPool {
    async fn verify(&self, hash: Option<PasswordHash>, password: Secret) -> Result<bool, PoolBusy> {
        let Some(login) = hash.as_ref().and_then(PasswordHash::directory_login) else {
            return self.run(move |room| password::verify(hash.as_ref(), &password, room)).await;
        };
        let (given, directory) = (password.clone(), self.directory.as_deref());
        // A stranger's wrong password takes as long as anybody's, unless the directory is slower.
        let stand_in = self.run(move |room| password::verify(None, &given, room));
        let asked = async {
            match directory {
                Some(directory) => directory.lets_in(login, &password).await.map_err(|_| PoolBusy),
                None => Ok(false),
            }
        };
        let (waited, is_right) = tokio::join!(stand_in, asked);
        waited.and(is_right)
    }

    async fn old_digest(&self, login: LoginName, key: Secret) -> Result<OldDigest, PoolBusy> {
        self.run(move |_| OldDigest::of(login.as_str(), &key)).await
    }

    async fn renew(&self, password: Secret) -> Result<PasswordSecrets, PoolBusy> {
        self.derive(NewPassword::in_use(password)).await
    }

    async fn derive(&self, password: NewPassword) -> Result<PasswordSecrets, PoolBusy> {
        let settings = self.secrets;
        self.run(move |_| password.derive(settings, &mut random())).await
    }
}

/// The memory in which one password after the other is checked; none before the first.
#[derive(Default)]
struct Room(Option<HugeSlice<Block>>);

impl AsMut<[Block]> for Room {
    fn as_mut(&mut self) -> &mut [Block] {
        self.0.get_or_insert_with(|| HugeSlice::filled(Block::default(), BLOCKS))
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Room(redacted)")
    }
}

/// The queue, and the memory that those in it use one after the other.
#[derive(Debug, Default)]
struct Rooms {
    /// Checks that run or wait.
    waiting: AtomicUsize,
    /// What nobody uses at the moment, no more than there are workers; empty while nobody is in the queue.
    idle: Mutex<Vec<Room>>,
}

impl Rooms {
    fn enter(&self) -> Room {
        self.idle().pop().unwrap_or_default()
    }

    fn leave(&self, room: Room) {
        // Nobody is there where the caller has gone away meanwhile.
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.idle().push(room);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Room>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the queue, given back on drop.
struct Place<'a>(&'a Rooms);

impl<'a> Place<'a> {
    fn take(rooms: &'a Rooms, max: usize) -> Result<Self, PoolBusy> {
        if rooms.waiting.fetch_add(1, Ordering::Relaxed) >= max {
            rooms.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(PoolBusy);
        }
        Ok(Self(rooms))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.idle().clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_identity::password_policy::PasswordPolicy;

    use super::*;

    fn pool(queue_max: usize) -> Arc<HashingPool> {
        let config = PasswordConfig {
            workers: Some(1),
            queue_max: Some(queue_max),
            queue_seconds_max: Some(1),
            ..PasswordConfig::default()
        };
        Arc::new(HashingPool::new(&config, SecretSettings::default(), Arc::default()))
    }

    #[tokio::test]
    async fn checks_what_it_hashed() {
        let pool = pool(4);
        let hash = pool
            .derive(NewPassword::check(Secret::new("correct horse"), &[], &PasswordPolicy::default()).unwrap())
            .await
            .unwrap()
            .hash;
        assert_eq!(pool.verify(Some(hash.clone()), Secret::new("correct horse")).await, Ok(true));
        assert_eq!(pool.verify(Some(hash), Secret::new("wrong horse")).await, Ok(false));
    }

    #[tokio::test]
    async fn keeps_memory_for_those_who_wait_and_none_beyond_the_last() {
        let pool = pool(4);
        let (a, b) = tokio::join!(pool.verify(None, Secret::new("x")), pool.verify(None, Secret::new("y")));
        assert_eq!((a, b), (Ok(false), Ok(false)));
        assert_eq!((pool.queued(), pool.rooms.idle().len()), (0, 0));
        let place = Place::take(&pool.rooms, 4).unwrap();
        assert_eq!(pool.verify(None, Secret::new("x")).await, Ok(false));
        assert_eq!(pool.rooms.idle().len(), 1);
        drop(place);
        assert_eq!(pool.rooms.idle().len(), 0);
    }

    #[tokio::test]
    async fn refuses_at_once_what_does_not_fit_into_the_queue() {
        let pool = pool(1);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(move |_| held.recv().is_err()).await }
        });
        while pool.rooms.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.verify(None, Secret::new("x")).await, Err(PoolBusy));
        assert_eq!(pool.metrics.times_reached(ServerLimit::PasswordQueue), 1);
        drop(release);
        assert_eq!(busy.await.unwrap(), Ok(true));
        assert_eq!(pool.verify(None, Secret::new("x")).await, Ok(false));
    }

    #[tokio::test]
    async fn refuses_what_waits_too_long() {
        let pool = pool(2);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = pool.run(move |_| held.recv().is_err());
        let waiting = async {
            assert_eq!(pool.verify(None, Secret::new("x")).await, Err(PoolBusy));
            assert_eq!(pool.metrics.times_reached(ServerLimit::PasswordQueueSeconds), 1);
            drop(release);
        };
        assert_eq!(tokio::join!(busy, waiting), (Ok(true), ()));
    }
}
