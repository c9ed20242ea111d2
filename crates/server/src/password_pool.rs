//! Password hashing, a bounded number at a time.
//!
//! Each check takes tens of milliseconds and 19 MiB, so a flood of logins must not start as
//! many as it likes: what doesn't fit into the queue, or waits too long in it, is refused at
//! once, while everything that needs no password goes on.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use countersign_identity::login::{PasswordPool, PoolBusy};
use countersign_identity::old_digest::OldDigest;
use countersign_identity::password::{self, BLOCKS, Block, NewPassword, PasswordHash, PasswordSecrets};
use countersign_identity::proof::SecretSettings;
use countersign_identity::{LoginName, Secret};
use countersign_memory::HugeSlice;
use tokio::sync::oneshot;

use crate::clock::random;
use crate::config::PasswordConfig;
use crate::directory::Directory;
use crate::metrics::{Metrics, ServerLimit};

/// Checks that run or wait for their turn, unless set otherwise.
const QUEUE_MAX: usize = 256;
/// Longest wait for a turn in seconds, unless set otherwise.
const QUEUE_SECONDS_MAX: u64 = 2;

/// The pool.
#[derive(Debug)]
pub struct HashingPool {
    queue: Arc<Queue>,
    workers_max: usize,
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
            queue: Arc::default(),
            workers_max: config.workers.unwrap_or_else(cores).max(1),
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
        self.queue.lock().len()
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce(&mut Room) -> T + Send + 'static) -> Result<T, PoolBusy> {
        let (answer, mut answered) = oneshot::channel();
        let queue = Arc::clone(&self.queue);
        let work = Box::new(move |room: &mut Room| {
            let running = Running(&queue);
            let result = work(room);
            drop(running);
            // Nobody is there any more if the caller has gone away meanwhile.
            let _ = answer.send(result);
        });
        let (place, is_worker_free) = Place::take(&self.queue, work, self.queue_max, self.workers_max)
            .inspect_err(|_| self.metrics.limit_reached(ServerLimit::PasswordQueue))?;
        if is_worker_free {
            let queue = Arc::clone(&self.queue);
            tokio::task::spawn_blocking(move || queue.work_off());
        }
        if let Ok(answer) = tokio::time::timeout(self.deadline, &mut answered).await {
            return answer.map_err(|_| PoolBusy);
        }
        if place.give_up() {
            self.metrics.limit_reached(ServerLimit::PasswordQueueSeconds);
            return Err(PoolBusy);
        }
        // Its turn has come in time.
        answered.await.map_err(|_| PoolBusy)
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

/// What is done in the memory of a worker.
type Work = Box<dyn FnOnce(&mut Room) + Send>;

/// Who waits, first come first served. A worker goes from one to the next without anybody in between: each pause would be a
/// processor's that has nothing to do.
#[derive(Debug, Default)]
struct Queue(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    /// With their numbers.
    works: VecDeque<(u64, Work)>,
    /// The number of the last one.
    last: u64,
    /// Works that have been begun.
    running: usize,
    /// Workers that have been called, and have not gone.
    workers: usize,
}

impl Waiting {
    /// Checks that run or wait.
    fn len(&self) -> usize {
        self.works.len() + self.running
    }
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Waiting").field("len", &self.len()).field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl Queue {
    /// A worker's life: until nobody waits. Its memory goes with it.
    fn work_off(&self) {
        let mut room = Room::default();
        let mut waiting = self.lock();
        while let Some((_, work)) = waiting.works.pop_front() {
            waiting.running += 1;
            drop(waiting);
            // A fault of one check is not the next one's. Who waits for it hears that nothing came of it.
            if catch_unwind(AssertUnwindSafe(|| work(&mut room))).is_err() {
                room = Room::default();
            }
            waiting = self.lock();
        }
        waiting.workers -= 1;
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A work that has been begun; it is done, one way or the other, on drop.
struct Running<'a>(&'a Queue);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

/// A place in the queue, given up on drop.
struct Place<'a> {
    queue: &'a Queue,
    number: u64,
}

impl<'a> Place<'a> {
    /// Joins the queue; and whether a worker is to be called, who counts already.
    fn take(queue: &'a Queue, work: Work, queue_max: usize, workers_max: usize) -> Result<(Self, bool), PoolBusy> {
        let mut waiting = queue.lock();
        if waiting.len() >= queue_max {
            return Err(PoolBusy);
        }
        waiting.last += 1;
        let number = waiting.last;
        waiting.works.push_back((number, work));
        let is_worker_free = waiting.workers < workers_max;
        if is_worker_free {
            waiting.workers += 1;
        }
        Ok((Self { queue, number }, is_worker_free))
    }

    /// Leaves the queue; `false`: the turn has come already.
    fn give_up(&self) -> bool {
        let mut waiting = self.queue.lock();
        let place = waiting.works.iter().position(|(number, _)| *number == self.number);
        place.and_then(|place| waiting.works.remove(place)).is_some()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.give_up();
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
        // Whether there is memory from before.
        let enter = |room: &mut Room| {
            let had_memory = room.0.is_some();
            room.as_mut();
            had_memory
        };
        let (release, held) = std::sync::mpsc::channel::<()>();
        let mut first = Box::pin(pool.run(move |room| held.recv().is_err() && enter(room)));
        let mut second = Box::pin(pool.run(enter));
        assert!(futures_util::poll!(&mut first).is_pending() && futures_util::poll!(&mut second).is_pending());
        drop(release);
        assert_eq!(tokio::join!(first, second), (Ok(false), Ok(true)));
        assert_eq!(pool.queued(), 0);
        until(|| pool.queue.lock().workers == 0).await;
        assert_eq!(pool.run(enter).await, Ok(false));
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_queue_and_a_fault_is_nobody_else_s() {
        let pool = pool(3);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(move |_| held.recv().is_err()).await }
        });
        until(|| pool.queue.lock().running == 1).await;
        let mut gone = Box::pin(pool.run(|_| panic!("nobody waits for this")));
        assert!(futures_util::poll!(&mut gone).is_pending());
        assert_eq!(pool.queued(), 2);
        drop(gone);
        assert_eq!(pool.queued(), 1);
        let (fault, fine) = (pool.run(|_| panic!("a fault")), pool.run(|_| 5));
        let freed = async { drop(release) };
        assert_eq!(tokio::join!(fault, fine, freed), (Err::<(), _>(PoolBusy), Ok(5), ()));
        assert_eq!(busy.await.unwrap(), Ok(true));
        assert_eq!(pool.queued(), 0);
    }

    /// Waits for what another thread does.
    async fn until(is_so: impl Fn() -> bool) {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(std::time::Instant::now() < end, "it doesn't come");
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn refuses_at_once_what_does_not_fit_into_the_queue() {
        let pool = pool(1);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = tokio::spawn({
            let pool = Arc::clone(&pool);
            async move { pool.run(move |_| held.recv().is_err()).await }
        });
        until(|| pool.queued() == 1).await;
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
