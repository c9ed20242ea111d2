//! A flood of wrong passwords: the excess is refused at once, and everybody else is served meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use countersign_testkit::Server;
use serde_json::json;
use tokio::task::JoinSet;

use super::{LOGIN, SUPER, send, ust};
use crate::http_client::Http;
use crate::support::{PASSWORD, SOON, passed, server_with};

/// What runs and what waits at a time.
const CAPACITY: usize = 8;
/// Who asks at a time: ten times the capacity.
const FLOOD: usize = 10 * CAPACITY;
/// How often each of them asks.
const ROUNDS: usize = 10;
/// Sessions that are asked about meanwhile, at least.
const CHECKS_MIN: usize = 20;
/// A hash takes 19 MiB while it is made, and there is one worker.
const GROWTH_BYTES_MAX: u64 = 64 << 20;

/// Counts of a flood.
#[derive(Debug, Default)]
struct Seen {
    refused: AtomicUsize,
    excess: AtomicUsize,
}

/// One stranger's wrong passwords, on one connection.
async fn guess(server: &Server, number: usize, seen: &Seen) {
    let mut http = Http::connect(server).await;
    let name = if number.is_multiple_of(2) { LOGIN.to_owned() } else { format!("nobody{number}") };
    let body = json!({ "username": name, "password": "wrong", "current_app": "CRM" }).to_string();
    for _ in 0..ROUNDS {
        http.send("POST", "/sso/user/login", "", body.as_bytes()).await;
        let reply = http.recv().await.expect("an answer");
        let code = &reply.json()["sub_status"];
        assert_eq!(*code, json!(["E005001"]), "{reply:?}");
        match reply.status {
            403 => seen.refused.fetch_add(1, Ordering::Relaxed),
            429 => {
                assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds >= 1), "{reply:?}");
                seen.excess.fetch_add(1, Ordering::Relaxed)
            }
            other => panic!("{other}: {reply:?}"),
        };
    }
}

async fn flood(server: &Arc<Server>) -> Seen {
    let seen = Arc::new(Seen::default());
    let mut guests = JoinSet::new();
    for number in 0..FLOOD {
        let (server, seen) = (Arc::clone(server), Arc::clone(&seen));
        guests.spawn(async move { guess(&server, number, &seen).await });
    }
    guests.join_all().await;
    Arc::into_inner(seen).unwrap()
}

/// Those who found no place in the queue, or waited too long in it.
async fn turned_away(server: &Server) -> u64 {
    passed(server, "password.queue_max").await + passed(server, "password.queue_seconds_max").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_wrong_passwords_is_refused_at_once_and_holds_nobody_up() {
    let toml = format!("[password]\nworkers = 1\nqueue_max = {CAPACITY}\n");
    let server = server_with(&toml).start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    server.add_user(SUPER, "trust", PASSWORD).await;
    let token = ust(&server, SUPER).await;
    let server = Arc::new(server);
    // Pools, caches and connections fill once.
    flood(&server).await;
    let (before, counted) = (server.resident_bytes(), turned_away(&server).await);

    let is_over = Arc::new(AtomicBool::new(false));
    let asking = tokio::spawn({
        let (server, is_over) = (Arc::clone(&server), Arc::clone(&is_over));
        async move {
            let mut waits = Vec::new();
            while waits.len() < CHECKS_MIN || !is_over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let fields = json!({ "current_ust": token, "target_ust": token });
                let reply = tokio::time::timeout(SOON, send(&server, "POST", "/user/session", fields)).await;
                assert_eq!(reply.expect("an answer soon").json()["is_valid"], true);
                waits.push(asked.elapsed());
            }
            waits
        }
    });
    let begun = Instant::now();
    let seen = flood(&server).await;
    let took = begun.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let mut waits = asking.await.unwrap();
    waits.sort();

    let (refused, excess) = (seen.refused.into_inner(), seen.excess.into_inner());
    assert_eq!(refused + excess, FLOOD * ROUNDS);
    let more = turned_away(&server).await - counted;
    assert_eq!(u64::try_from(excess).unwrap(), more, "each that didn't fit is counted");
    // Of those who come at once, no more than the capacity fit.
    assert!(excess >= FLOOD - 2 * CAPACITY, "{excess} of {} were refused at once", FLOOD * ROUNDS);
    let grown = server.resident_bytes().saturating_sub(before);
    assert!(grown < GROWTH_BYTES_MAX, "{grown} bytes more than {before}");
    let (median, longest) = (waits[waits.len() / 2], waits[waits.len() - 1]);
    eprintln!(
        "{} logins in {took:?}: {refused} checked, {excess} refused at once; {} sessions validated meanwhile, \
         median {median:?}, longest {longest:?}; {} KiB more",
        FLOOD * ROUNDS,
        waits.len(),
        grown / 1024
    );
    // The pool is as good as before.
    let login = json!({ "username": LOGIN, "password": PASSWORD });
    assert_eq!(send(&server, "POST", "/user/login", login).await.status, 200);
}
