//! The server is killed in the middle of its work, again and again, and keeps its word: what it has acknowledged
//! survives, what was spent stays spent.
//!
//! Workers mint one-time passwords and log in with earlier ones until the server dies under them. What they know of
//! each key is in the [`Ledger`]; after the restart the server is held to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use countersign_client::{CallError, ConnectOptions, Dict, Encoding, Session};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{self, Answer, PASSWORD};

const LOGIN: &str = "kristen98";
const DOORS: [Door; 3] = [Door::Http, Door::Tcp, Door::Unix];
const WORKERS: usize = 6;
/// Most acknowledged operations before a kill.
const OPERATIONS_MAX: u64 = 60;
/// Keys of each kind that are tried after a restart; all others are at the end.
const SAMPLE: usize = 3;
/// Generous: a start takes a fraction of a second on a machine that does nothing else.
const RESTART_DEADLINE: Duration = Duration::from_secs(15);
/// Generous: the operations before a kill take a fraction of a second.
const STREAM_DEADLINE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_its_word_over_50_kills_on_sqlite() {
    check(Storage::Sqlite, 50).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeps_its_word_over_10_kills_on_postgres() {
    let database = PostgresDatabase::create().await;
    check(Storage::Postgres(database.url()), 10).await;
}

/// What is known of the keys whose minting was acknowledged.
#[derive(Debug, Default)]
struct Ledger {
    /// Never tried: each logs in once.
    fresh: Vec<String>,
    /// Tried without an answer: each logs in at most once.
    tried: Vec<String>,
    /// Used up.
    spent: Vec<String>,
}

impl Ledger {
    /// Takes a few keys out, and all whose state is open.
    fn sample(&mut self, dice: &mut Dice) -> Self {
        let mut some = |keys: &mut Vec<String>| (0..SAMPLE).filter_map(|_| dice.pick(keys)).collect();
        Self { fresh: some(&mut self.fresh), tried: std::mem::take(&mut self.tried), spent: some(&mut self.spent) }
    }
}

/// Numbers that look random and are the same in each run (`SplitMix64`).
#[derive(Debug, Clone)]
struct Dice(u64);

impl Dice {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        let at = usize::try_from(self.below(from.len().max(1) as u64)).unwrap();
        (at < from.len()).then(|| from.swap_remove(at))
    }
}

async fn check(storage: Storage, kills: u64) {
    let toml = "[otp]\nlifetime_seconds = 3600\nlive_max = 10000\n";
    let mut server = support::server_with(toml).listen(DOORS).storage(storage).start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let mut dice = Dice(kills);
    for kill in 0..kills {
        kill_while_working(&mut server, &ledger, &mut dice).await;
        let restarted = tokio::time::timeout(RESTART_DEADLINE, server.restart()).await;
        restarted.unwrap_or_else(|_| panic!("no restart in time after kill {kill}; {}", server.output()));
        let sample = ledger.lock().unwrap().sample(&mut dice);
        let spent = verify(&server, sample).await;
        ledger.lock().unwrap().spent.extend(spent);
    }
    let all = std::mem::take(&mut *ledger.lock().unwrap());
    let spent = verify(&server, all).await;
    check_trail(&server, spent.len(), kills).await;
    // The chain holds over all kills, and so do the checkpoints that were made in between.
    server.cli(&["audit", "verify"], "").await.ok();
}

/// Lets the workers work, and kills the server when a random number of operations has been acknowledged.
async fn kill_while_working(server: &mut Server, ledger: &Arc<Mutex<Ledger>>, dice: &mut Dice) {
    let session = support::sign_in(server, LOGIN, PASSWORD).await.unwrap();
    let doors = Arc::new(DOORS.map(|door| support::reach(server, door)));
    let acknowledged = Arc::new(Semaphore::new(0));
    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let worker = Worker {
            session: session.clone(),
            doors: Arc::clone(&doors),
            ledger: Arc::clone(ledger),
            acknowledged: Arc::clone(&acknowledged),
            dice: Dice(dice.below(u64::MAX)),
        };
        workers.spawn(worker.run());
    }
    let operations = u32::try_from(1 + dice.below(OPERATIONS_MAX)).unwrap();
    let reached = tokio::time::timeout(STREAM_DEADLINE, acknowledged.acquire_many(operations)).await;
    reached.expect("operations go on").unwrap().forget();
    server.kill9().await;
    workers.join_all().await;
}

/// Mints and logs in until the server is gone.
struct Worker {
    session: Session,
    doors: Arc<[ConnectOptions; 3]>,
    ledger: Arc<Mutex<Ledger>>,
    acknowledged: Arc<Semaphore>,
    dice: Dice,
}

impl Worker {
    async fn run(mut self) {
        loop {
            // More are minted than used, so that some outlive the server.
            let goes_on = if self.dice.below(3) < 2 { self.mint().await } else { self.log_in().await };
            if !goes_on {
                return;
            }
            self.acknowledged.add_permits(1);
        }
    }

    /// Whether the server answered.
    async fn mint(&mut self) -> bool {
        match self.session.call("com.izaber.wamp.my.otp.create", Vec::new(), Dict::new()).await {
            Ok((minted, _)) => {
                self.ledger.lock().unwrap().fresh.push(support::plaintext_key(&minted[0]));
                true
            }
            Err(CallError::Ended(_)) => false,
            Err(other) => panic!("{other:?}"),
        }
    }

    /// Whether the server answered, or there was nothing to do.
    async fn log_in(&mut self) -> bool {
        let door = usize::try_from(self.dice.below(DOORS.len() as u64)).unwrap();
        let encoding = usize::try_from(self.dice.below(Encoding::ALL.len() as u64)).unwrap();
        let options = self.doors[door].clone().encoding(Encoding::ALL[encoding]);
        let Ok(mut connection) = support::challenged(&options, LOGIN).await else { return false };
        let key = {
            let mut known = self.ledger.lock().unwrap();
            let Some(key) = self.dice.pick(&mut known.fresh) else { return true };
            known.tried.push(key.clone());
            key
        };
        let Ok(answer) = support::authenticate(&mut connection, &key).await else { return false };
        assert!(matches!(answer, Answer::Welcome(_)), "a key that was never tried was refused");
        let mut known = self.ledger.lock().unwrap();
        known.tried.retain(|tried| *tried != key);
        known.spent.push(key);
        true
    }
}

/// Holds the server to what is known; gives all keys back, which are spent now.
async fn verify(server: &Server, known: Ledger) -> Vec<String> {
    let mut keys = Vec::new();
    for (number, key) in known.fresh.into_iter().enumerate() {
        let answer = try_key(server, number, &key).await;
        assert!(matches!(answer, Answer::Welcome(_)), "an acknowledged key that was never tried is lost");
        keys.push(key);
    }
    for (number, key) in known.tried.into_iter().enumerate() {
        // Both answers are right: the try may have arrived before the end, or not.
        try_key(server, number, &key).await;
        keys.push(key);
    }
    keys.extend(known.spent);
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(try_key(server, number, key).await, Answer::Denied, "a spent key was taken again");
    }
    keys
}

async fn try_key(server: &Server, number: usize, key: &str) -> Answer {
    let door = DOORS[number % DOORS.len()];
    support::try_ticket(&support::reach(server, door), LOGIN, key).await
}

/// The trail tells the same: each key was minted and spent, once, and who was refused came too late.
async fn check_trail(server: &Server, keys: usize, kills: u64) {
    let kills = usize::try_from(kills).unwrap();
    // The credential's id is the detail of the one row and the target of the other.
    let minted = accepted(server, "otp.mint", "detail").await;
    let spent = accepted(server, "otp.spend", "target").await;
    assert_eq!(spent.len(), keys);
    assert!(spent.is_subset(&minted));
    // What was minted and not acknowledged before the end is there, and nobody knows it.
    assert!(minted.len() <= keys + WORKERS * kills, "{} minted, {keys} known", minted.len());
    assert_eq!(accepted(server, "login", "detail").await.len(), keys + kills);
    let refused = support::audit(server, &["--actor", LOGIN, "--outcome", "refused"]).await;
    assert_eq!(refused.iter().find(|row| row["reason"] != "otp_spent"), None);
}

/// One field of the rows of an operation that was done; no two of them are the same.
async fn accepted(server: &Server, operation: &str, field: &str) -> BTreeSet<String> {
    let rows = support::audit(server, &["--actor", LOGIN, "--outcome", "accepted", "--operation", operation]).await;
    let values: BTreeSet<_> = rows.iter().map(|row| row[field].as_str().unwrap().to_owned()).collect();
    assert_eq!(values.len(), rows.len(), "{operation}");
    values
}
