//! Failed logins slow their address down, on every door, and nobody else.
//!
//! Clocks are compared from below only ("took at least"), or by who is first while the other has a long wait before
//! it: the machine may be busy.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use countersign_client::{Closed, ConnectOptions, Encoding, RawConnection, RecvError};
use countersign_testkit::{Door, Server, eventually};
use tokio::task::{JoinHandle, JoinSet};

use crate::support::{self, Answer, PASSWORD};

const LOGIN: &str = "kristen98";
const OTHER: &str = "zoe";
/// Five, so that none of them has more than four of twenty guesses: the address is slowed, not the account.
const GUESSED: [&str; 5] = [LOGIN, OTHER, "stranger1", "stranger2", "stranger3"];
const TCP_DOORS: [Door; 3] = [Door::Http, Door::Https, Door::Tcp];
/// The time in which a server that is told no other forgets one failure.
const DEFAULT_LEAK: Duration = Duration::from_secs(1);
/// The twentieth guess is the last free one, nothing is forgotten during a test, and whoever waits does so beyond its
/// end.
const UNFORGIVING: &str = "[throttle]\nforget_seconds = 100000\ndelay_seconds_max = 100000\n\
    address_failures_max = 20\npair_failures_max = 100\n";
/// Attempts of one address that may wait at the same time.
const WAITING_MAX: usize = 8;

async fn started(config: &str) -> Server {
    let server = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(config).start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    server.add_user(OTHER, "frontend", PASSWORD).await;
    server
}

/// How to reach a door from 127.0.0.`last`.
fn from(server: &Server, door: Door, last: u8) -> ConnectOptions {
    support::reach(server, door).local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)))
}

/// Wrong tickets from 127.0.0.`last` at the same time, over all doors and serializers, for users that exist and such
/// that don't.
async fn guess(server: &Server, last: u8, times: usize) {
    let mut guesses = JoinSet::new();
    for number in 0..times {
        let encoding = Encoding::ALL[number % Encoding::ALL.len()];
        let options = from(server, TCP_DOORS[number % TCP_DOORS.len()], last).encoding(encoding);
        let login = GUESSED[number % GUESSED.len()];
        guesses.spawn(async move { support::try_ticket(&options, login, &format!("guess {number}")).await });
    }
    assert_eq!(guesses.join_all().await, vec![Answer::Denied; times]);
}

/// A try with the right password in the background, and the time that it took.
fn enter(options: ConnectOptions, login: &'static str) -> JoinHandle<(Answer, Duration)> {
    tokio::spawn(async move {
        let began = Instant::now();
        (support::try_ticket(&options, login, PASSWORD).await, began.elapsed())
    })
}

/// The reasons of the refused logins in the trail.
async fn reasons(server: &Server) -> Vec<String> {
    let rows = support::audit(server, &["--operation", "login", "--outcome", "refused"]).await;
    rows.iter().map(|row| row["reason"].as_str().unwrap().to_owned()).collect()
}

fn is_welcome(answer: &Answer) -> bool {
    matches!(answer, Answer::Welcome(_))
}

#[tokio::test]
async fn twenty_wrong_tickets_slow_their_address_down_on_every_door_and_nobody_else() {
    let server = started("").await;
    guess(&server, 1, 20).await;
    let slowed: Vec<_> = TCP_DOORS
        .iter()
        .flat_map(|door| [LOGIN, OTHER].map(|login| (door, login)))
        .map(|(door, login)| (door, login, enter(from(&server, *door, 1), login)))
        .collect();
    for door in TCP_DOORS {
        assert!(is_welcome(&support::try_ticket(&from(&server, door, 2), LOGIN, PASSWORD).await), "{door:?}");
    }
    // The rightful user was faster than the one who came from the slowed address before.
    assert!(slowed.iter().all(|(_, _, slowed)| !slowed.is_finished()));
    for (door, login, slowed) in slowed {
        let (answer, took) = slowed.await.unwrap();
        assert!(is_welcome(&answer), "{door:?} {login}");
        assert!(took >= DEFAULT_LEAK, "{door:?} {login}: {took:?}");
    }
    let mut reasons = reasons(&server).await;
    reasons.sort();
    assert_eq!(reasons, [vec!["unknown_user"; 12], vec!["wrong_ticket"; 8]].concat());
}

#[tokio::test]
async fn an_exempt_network_is_not_slowed_and_its_neighbours_are() {
    let server = started(&format!("{UNFORGIVING}exempt = [\"127.0.0.0/30\", \"2001:db8::/32\"]\n")).await;
    // 127.0.0.3 is the last address of the network, 127.0.0.4 the first behind it.
    guess(&server, 3, 20).await;
    guess(&server, 4, 20).await;
    let slowed = enter(from(&server, Door::Tcp, 4), LOGIN);
    for door in TCP_DOORS {
        assert!(is_welcome(&support::try_ticket(&from(&server, door, 3), LOGIN, PASSWORD).await), "{door:?}");
    }
    assert!(!slowed.is_finished());
}

#[tokio::test]
async fn attempts_at_one_account_are_slowed_before_those_at_others() {
    let server = started(&UNFORGIVING.replace("pair_failures_max = 100", "pair_failures_max = 2")).await;
    let options = from(&server, Door::Tcp, 1);
    for number in 0..2 {
        assert_eq!(support::try_ticket(&options, LOGIN, &format!("guess {number}")).await, Answer::Denied);
    }
    let slowed = enter(options.clone(), LOGIN);
    assert!(is_welcome(&support::try_ticket(&options, OTHER, PASSWORD).await));
    assert!(is_welcome(&support::try_ticket(&from(&server, Door::Http, 2), LOGIN, PASSWORD).await));
    assert!(!slowed.is_finished());
}

#[tokio::test]
async fn spent_and_expired_one_time_passwords_are_refused_and_do_not_slow() {
    let tries = 200;
    let server = started(UNFORGIVING).await;
    let options = from(&server, Door::Tcp, 1);
    let spent = mint(&server, &[]).await;
    assert!(is_welcome(&support::try_ticket(&options, LOGIN, &spent).await));
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(2);
    let expired = mint(&server, &["--expires", &soon.as_secs_f64().to_string()]).await;
    eventually("the end of a one-time password", Duration::from_secs(20), async || {
        let live = server.cli(&["otp", "list", LOGIN, "--json"], "").await.ok();
        (live.trim() == "[]").then_some(())
    })
    .await;
    for number in 0..tries {
        let key = if number % 2 == 0 { &spent } else { &expired };
        assert_eq!(support::try_ticket(&options, LOGIN, key).await, Answer::Denied);
    }
    assert!(is_welcome(&support::try_ticket(&options, LOGIN, PASSWORD).await));
    let reasons = reasons(&server).await;
    let count = |reason: &str| reasons.iter().filter(|other| *other == reason).count();
    assert_eq!((count("otp_spent"), count("otp_expired"), reasons.len()), (tries / 2, tries / 2, tries));
    // They count for something: this many guesses alone would leave one free.
    guess(&server, 1, 19).await;
    let slowed = enter(options, LOGIN);
    assert!(is_welcome(&support::try_ticket(&from(&server, Door::Tcp, 2), LOGIN, PASSWORD).await));
    assert!(!slowed.is_finished());
}

#[tokio::test]
async fn refuses_at_once_who_comes_when_the_most_are_waiting() {
    let more = 4;
    let server = started(UNFORGIVING).await;
    guess(&server, 1, 20).await;
    let mut tries = JoinSet::new();
    for number in 0..WAITING_MAX + more {
        let options = from(&server, TCP_DOORS[number % TCP_DOORS.len()], 1);
        tries.spawn(async move { support::try_ticket(&options, LOGIN, PASSWORD).await });
    }
    for _ in 0..more {
        assert_eq!(tries.join_next().await.unwrap().unwrap(), Answer::Denied);
    }
    assert!(is_welcome(&support::try_ticket(&from(&server, Door::Tcp, 2), LOGIN, PASSWORD).await));
    assert!(tries.try_join_next().is_none(), "{WAITING_MAX} may wait");
    let reasons = reasons(&server).await;
    assert_eq!(reasons.iter().filter(|reason| *reason == "throttled").count(), more);
    assert_eq!(reasons.len(), 20 + more);
}

#[tokio::test]
async fn the_third_refused_try_ends_the_connection() {
    let server = started("").await;
    let policy = Closed::WebSocket { code: 1008, reason: String::new() };
    let doors = [(1, Door::Http, policy.clone()), (2, Door::Https, policy), (3, Door::Tcp, Closed::EndOfStream)];
    for (last, door, want) in doors {
        let options = from(&server, door, last);
        let mut connection = support::challenged(&options, LOGIN).await.unwrap();
        assert_eq!(support::authenticate(&mut connection, "guess 1").await, Ok(Answer::Denied));
        // Another ticket for the same login, or all over again.
        assert_eq!(support::authenticate(&mut connection, "guess 2").await, Ok(Answer::Denied));
        support::hello(&mut connection, OTHER).await.unwrap();
        assert_eq!(support::authenticate(&mut connection, "guess 3").await, Ok(Answer::Denied));
        assert_eq!(closed(&mut connection).await, want, "{door:?}");
    }
}

#[tokio::test]
async fn the_second_try_on_a_connection_can_be_the_right_one() {
    let server = started("").await;
    let mut connection = support::challenged(&from(&server, Door::Tcp, 1), LOGIN).await.unwrap();
    assert_eq!(support::authenticate(&mut connection, "guess").await, Ok(Answer::Denied));
    assert!(is_welcome(&support::authenticate(&mut connection, PASSWORD).await.unwrap()));
}

async fn closed(connection: &mut RawConnection) -> Closed {
    match tokio::time::timeout(support::SOON, connection.recv()).await.expect("the end") {
        Err(RecvError::Closed(closed)) => closed,
        other => panic!("{other:?}"),
    }
}

/// The plaintext of a one-time password that the operator makes.
async fn mint(server: &Server, further: &[&str]) -> String {
    let minted = server.cli(&[&["otp", "create", LOGIN, "--json"], further].concat(), "").await.ok();
    let minted: serde_json::Value = serde_json::from_str(&minted).unwrap();
    minted["plaintext_key"].as_str().unwrap().to_owned()
}
