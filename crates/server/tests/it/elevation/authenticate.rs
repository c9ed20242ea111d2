//! `auth.authenticate`: whether a credential is good, within the limits of a login.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use countersign_client::Value;
use countersign_testkit::{Door, Server};

use super::{
    LOGIN, PASSWORD, PREFIX, WRONG_ARGUMENT, auth, call, long, one_time_password, server, sign_in, with_users,
};
use crate::support::{self, Answer, audit, reach};

#[tokio::test]
async fn says_whether_a_password_is_good_and_not_why_it_is_not() {
    let server = with_users(server().start().await).await;
    server.add_user("locked", "frontend", PASSWORD).await;
    server.cli(&["user", "lock", "locked"], "").await.ok();
    for caller in [LOGIN, "bob", "zoe"] {
        let session = sign_in(&server, caller, PASSWORD).await.unwrap();
        for (login, password, want) in [
            ("bob", PASSWORD, true),
            ("Bob", PASSWORD, true),
            ("bob", "guess", false),
            ("bob", "", false),
            ("nobody", "guess", false),
            ("", PASSWORD, false),
            ("a b", PASSWORD, false),
            ("locked", PASSWORD, false),
            ("locked", "guess", false),
        ] {
            let answer = auth(&session, "authenticate", &[login, password]).await.unwrap();
            assert_eq!(answer, Value::Bool(want), "{login} {password}");
        }
        let uri = long("auth.authenticate");
        for wrong in [vec![], vec!["bob".into()], vec!["bob".into(), Value::Null], vec![Value::Int(5), "x".into()]] {
            assert_eq!(call(&session, &uri, wrong).await.unwrap_err().0, WRONG_ARGUMENT);
        }
    }
    let rows = audit(&server, &["--operation", "authenticate"]).await;
    assert_eq!(rows.len(), 27);
    assert!(rows.iter().all(|row| row["actor"] == "zoe" || row["actor"] == "bob" || row["actor"] == LOGIN));
    assert_eq!(rows.iter().filter(|row| row["outcome"] == "accepted").count(), 6);
    assert!(!format!("{rows:?}").contains(PASSWORD));
}

#[tokio::test]
async fn takes_every_credential_that_a_login_takes_and_uses_up_what_is_good_for_one() {
    let server = with_users(server().start().await).await;
    let session = sign_in(&server, "bob", PASSWORD).await.unwrap();
    let key = one_time_password(&server, LOGIN).await;
    let check = async |login: &str| auth(&session, "authenticate", &[login, &key]).await.unwrap();
    assert_eq!(check("bob").await, Value::Bool(false), "it is not bob's");
    assert_eq!(check(LOGIN).await, Value::Bool(true));
    assert_eq!(check(LOGIN).await, Value::Bool(false));
    support::aborted(sign_in(&server, LOGIN, &key).await);
    // Nobody is in by it, and who asked is as before.
    let me = auth(&session, "whoami", &[]).await.unwrap();
    assert_eq!(support::text(me.as_dict().unwrap(), "authid"), "bob");
}

/// The server forgets nothing during the test, and whoever waits does so beyond its end.
const UNFORGIVING: &str = "[throttle]\nforget_seconds = 100000\ndelay_seconds_max = 100000\n\
    address_failures_max = 20\npair_failures_max = 100\n";

async fn from(server: &Server, last: u8) -> countersign_client::Session {
    let options = reach(server, Door::Tcp).local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)));
    let auth = countersign_client::Auth::ticket("bob", PASSWORD);
    countersign_client::Client::connect(options.auth(auth)).await.unwrap()
}

#[tokio::test]
async fn w6_guesses_by_calls_count_as_failed_logins_of_the_address() {
    let server = Server::builder(env!("CARGO_BIN_EXE_countersign")).config(UNFORGIVING).start().await;
    with_users_of(&server).await;
    let (guessing, innocent) = (from(&server, 1).await, from(&server, 2).await);
    for number in 0..10 {
        let (name, arguments) = match number % 2 {
            0 => ("authenticate", vec![LOGIN, "guess"]),
            _ => ("reauthenticate", vec!["guess"]),
        };
        assert_eq!(auth(&guessing, name, &arguments).await.unwrap(), Value::Bool(false));
    }
    for number in 0..10 {
        let options = reach(&server, Door::Tcp).local_address(IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert_eq!(support::try_ticket(&options, LOGIN, &format!("guess {number}")).await, Answer::Denied);
    }
    // The budget of the address is used up: neither a call nor a login from there is looked at now.
    let mut slowed = tokio::task::JoinSet::new();
    let session = guessing.clone();
    slowed.spawn(async move { auth(&session, "authenticate", &[LOGIN, PASSWORD]).await.map(drop).map_err(drop) });
    let options = reach(&server, Door::Tcp).local_address(IpAddr::V4(Ipv4Addr::LOCALHOST));
    slowed.spawn(async move {
        support::try_ticket(&options, LOGIN, PASSWORD).await;
        Ok(())
    });
    assert_eq!(auth(&innocent, "authenticate", &[LOGIN, PASSWORD]).await.unwrap(), Value::Bool(true));
    assert_eq!(auth(&innocent, "reauthenticate", &[PASSWORD]).await.unwrap().as_u64(), Some(120));
    // Its other calls go on meanwhile.
    auth(&guessing, "whoami", &[]).await.unwrap();
    assert!(slowed.try_join_next().is_none());
}

async fn with_users_of(server: &Server) {
    for (login, role) in [(LOGIN, "frontend"), ("bob", "backend")] {
        server.add_user(login, role, PASSWORD).await;
    }
}

const GUESSES: usize = 200;

#[tokio::test]
async fn w6_a_flood_of_guesses_does_not_hold_up_the_bus() {
    let server = with_users(server().start().await).await;
    let guessing = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    let mut guesses = tokio::task::JoinSet::new();
    let answered = Arc::new(AtomicUsize::new(0));
    for number in 0..GUESSES {
        let (session, answered) = (guessing.clone(), Arc::clone(&answered));
        guesses.spawn(async move {
            let login = if number % 2 == 0 { "bob".to_owned() } else { format!("nobody{number}") };
            assert_eq!(auth(&session, "authenticate", &[&login, "guess"]).await, Ok(Value::Bool(false)));
            answered.fetch_add(1, Ordering::Relaxed);
        });
    }
    let innocent = sign_in(&server, "bob", PASSWORD).await.unwrap();
    for _ in 0..50 {
        call(&innocent, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
    }
    // They are made one after the other, so most of them still wait: where calls stand behind them, all are answered by now.
    let answered = answered.load(Ordering::Relaxed);
    assert!(answered < GUESSES / 2, "{answered} guesses were answered during 50 calls");
    drop(guesses);
    sign_in(&server, "zoe", PASSWORD).await.expect("others log in meanwhile");
}
