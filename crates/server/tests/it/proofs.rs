//! Logins by challenge and response: WAMP-CRA, SCRAM in both dialects, Cryptosign.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod channel;
mod client;

use std::net::{IpAddr, Ipv4Addr};

use countersign_client::{ConnectOptions, Dict, Encoding, Message, RawConnection, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};

use super::support::{self, Answer, DENIED, PASSWORD, audit, hello as ticket_hello, reach, server_with, text};
use client::{Method, Outcome, Prover, challenged, exchange, hello, log_in, outcome, public_key};

const LOGIN: &str = "kristen98";
/// All methods, as cheaply as they can be had.
pub const CHEAP: &str =
    "[auth]\nwampcra = true\nwampcra_iterations = 1000\nscram_iterations = 1\nscram_memory_kib = 8\n";

/// A server with all methods, and a user who can use them.
async fn started() -> Server {
    let server = server_with(CHEAP).start().await;
    set_up(&server, LOGIN, 1).await;
    server
}

/// A user with a password and the public key of this number.
async fn set_up(server: &Server, login: &str, key: u8) {
    server.add_user(login, "frontend", PASSWORD).await;
    server.cli(&["user", "pubkey", "add", login, &public_key(key)], "").await.ok();
}

async fn connected(server: &Server) -> RawConnection {
    RawConnection::connect(&reach(server, Door::Tcp)).await.unwrap()
}

/// One login on a connection of its own.
async fn try_once(server: &Server, prover: &Prover<'_>) -> Outcome {
    log_in(&mut connected(server).await, prover).await
}

fn denied() -> Outcome {
    Outcome::Aborted { reason: DENIED.into(), message: "Permission Denied".into() }
}

#[track_caller]
fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Aborted { reason, .. } => reason,
        Outcome::Welcome(..) => panic!("the session was opened"),
    }
}

/// The newest row of a login.
async fn last_login(server: &Server) -> serde_json::Value {
    audit(server, &["--operation", "login"]).await.remove(0)
}

async fn each_method_works(server: Server) {
    set_up(&server, LOGIN, 1).await;
    for (number, (method, door)) in
        Method::ALL.into_iter().flat_map(|method| Door::ALL.map(|door| (method, door))).enumerate()
    {
        let encoding = Encoding::ALL[number % Encoding::ALL.len()];
        let mut connection = RawConnection::connect(&reach(&server, door).encoding(encoding)).await.unwrap();
        match log_in(&mut connection, &Prover::new(method, LOGIN, PASSWORD)).await {
            Outcome::Welcome(session, details) => {
                assert_eq!((text(&details, "authid"), text(&details, "authrole")), (LOGIN.into(), "frontend".into()));
                let row = last_login(&server).await;
                assert_eq!((row["actor"].as_str(), row["outcome"].as_str()), (Some(LOGIN), Some("accepted")));
                let name = method.name().trim_start_matches("wamp-");
                assert_eq!(row["detail"], format!("{name} session={session}"));
            }
            refused @ Outcome::Aborted { .. } => panic!("{method:?} at {door:?}: {refused:?}"),
        }
        let whoami = Message::Call {
            request: countersign_client::Id::new(1).unwrap(),
            options: Dict::new(),
            procedure: "com.izaber.wamp.auth.whoami".into(),
            payload: countersign_wamp::Payload::absent(),
        };
        assert!(matches!(exchange(&mut connection, &whoami).await, Message::Result { .. }), "{method:?}");
    }
}

#[tokio::test]
async fn each_method_opens_a_session_at_each_door() {
    each_method_works(server_with(CHEAP).start().await).await;
}

#[tokio::test]
async fn each_method_opens_a_session_on_postgresql() {
    let database = PostgresDatabase::create().await;
    let storage = Storage::Postgres(database.url());
    each_method_works(server_with(CHEAP).storage(storage).start().await).await;
}

#[tokio::test]
async fn a_key_alone_is_enough_and_scram_takes_pbkdf2() {
    let server = server_with("[auth]\nscram_kdf = 'pbkdf2'\nscram_iterations = 4096\n").start().await;
    set_up(&server, LOGIN, 1).await;
    assert!(matches!(try_once(&server, &Prover::new(Method::WampScram, LOGIN, PASSWORD)).await, Outcome::Welcome(..)));
    match try_once(&server, &Prover::new(Method::Cryptosign, "", "")).await {
        Outcome::Welcome(_, details) => assert_eq!(text(&details, "authid"), LOGIN),
        refused @ Outcome::Aborted { .. } => panic!("{refused:?}"),
    }
}

#[tokio::test]
async fn a_stranger_hears_the_same_for_every_cause_and_the_trail_has_each() {
    let server = started().await;
    set_up(&server, "locked", 2).await;
    server.cli(&["user", "lock", "locked"], "").await.ok();
    server.cli(&["user", "add", "otponly", "--role", "frontend"], "").await.ok();
    for method in Method::ALL {
        let is_key = method == Method::Cryptosign;
        let cases = [
            ("nobody", PASSWORD, 3, if is_key { "unknown_key" } else { "unknown_user" }),
            ("otponly", PASSWORD, 3, if is_key { "unknown_key" } else { "no_secret" }),
            ("locked", PASSWORD, 2, "user_disabled"),
            (LOGIN, "guess", 2, if is_key { "foreign" } else { "wrong_proof" }),
            (&"x".repeat(200), PASSWORD, 3, if is_key { "unknown_key" } else { "unknown_user" }),
        ];
        for (login, password, key, want) in cases {
            let prover = Prover { key, ..Prover::new(method, login, password) };
            assert_eq!(try_once(&server, &prover).await, denied(), "{method:?} {login}");
            assert_eq!(last_login(&server).await["reason"], want, "{method:?} {login}");
        }
    }
}

#[tokio::test]
async fn a_challenge_is_answered_once_and_hello_begins_another() {
    let server = started().await;
    for method in Method::ALL {
        let (right, wrong) = (Prover::new(method, LOGIN, PASSWORD), Prover::new(method, LOGIN, "guess"));
        let wrong = Prover { key: 7, ..wrong };
        let challenge =
            async |connection: &mut RawConnection| challenged(connection, &right.hello(), method.name()).await.unwrap();
        // Another try with another HELLO on the same connection.
        let mut connection = connected(&server).await;
        assert_eq!(log_in(&mut connection, &wrong).await, denied());
        assert!(matches!(log_in(&mut connection, &right).await, Outcome::Welcome(..)), "{method:?}");
        // A second answer to a challenge, even the right one.
        let mut connection = connected(&server).await;
        let asked = challenge(&mut connection).await;
        let nonsense = Message::Authenticate { signature: countersign_wamp::Signature::new("x"), extra: Dict::new() };
        assert_eq!(outcome(exchange(&mut connection, &nonsense).await), denied());
        let answer = right.answer(&asked).0;
        let second = outcome(exchange(&mut connection, &answer).await);
        assert_eq!(reason(second), "wamp.error.protocol_violation", "{method:?}");
        // The answer to one challenge, given to another.
        let (mut one, mut other) = (connected(&server).await, connected(&server).await);
        let answer = right.answer(&challenge(&mut one).await).0;
        challenge(&mut other).await;
        assert_eq!(outcome(exchange(&mut other, &answer).await), denied(), "{method:?}");
        // HELLO in the place of the answer.
        let again = outcome(exchange(&mut one, &right.hello()).await);
        assert_eq!(reason(again), "wamp.error.protocol_violation", "{method:?}");
    }
}

#[tokio::test]
async fn challenges_do_not_tell_who_exists() {
    let server = started().await;
    server.cli(&["user", "add", "otponly", "--role", "frontend"], "").await.ok();
    let challenge = async |method: Method, login: &str| {
        let prover = Prover::new(method, login, "");
        challenged(&mut connected(&server).await, &prover.hello(), method.name()).await.unwrap()
    };
    for method in Method::ALL {
        let keys = |dict: &Dict| dict.iter().map(|(key, _)| key.to_owned()).collect::<Vec<_>>();
        let real = challenge(method, LOGIN).await;
        for login in ["nobody", "otponly"] {
            let (one, other) = (challenge(method, login).await, challenge(method, &login.to_uppercase()).await);
            assert_eq!(keys(&one), keys(&real), "{method:?}");
            for key in ["salt", "iterations", "memory", "kdf", "keylen", "channel_binding"] {
                assert_eq!(one.get(key), other.get(key), "{method:?} {login} {key}");
                if key != "salt" {
                    assert_eq!(one.get(key), real.get(key), "{method:?} {login} {key}");
                }
            }
            assert_eq!(text(&one, "salt").len(), text(&real, "salt").len());
        }
        if method == Method::Wampcra {
            let role = |extra: &Dict| {
                let signed: serde_json::Value = serde_json::from_str(&text(extra, "challenge")).unwrap();
                signed["authrole"].clone()
            };
            assert_eq!(role(&real), role(&challenge(method, "nobody").await));
        }
    }
}

#[tokio::test]
async fn methods_are_offered_as_configured() {
    let check = async |toml: &str, wants: [bool; 4]| {
        let server = server_with(toml).start().await;
        for (method, want) in Method::ALL.into_iter().zip(wants) {
            let prover = Prover::new(method, LOGIN, PASSWORD);
            let asked = challenged(&mut connected(&server).await, &prover.hello(), method.name()).await;
            match asked {
                Ok(_) => assert!(want, "{toml} {method:?}"),
                Err(refused) => {
                    assert!(!want, "{toml} {method:?}");
                    assert_eq!(reason(refused), "wamp.error.no_matching_auth_method");
                }
            }
        }
    };
    check("", [false, true, true, true]).await;
    check("[auth]\nwampcra = true\nscram = false\ncryptosign = false\nticket = false\n", [true, false, false, false])
        .await;
}

#[tokio::test]
async fn the_clients_order_decides_among_what_is_offered() {
    let server = server_with("").start().await;
    let methods = |names: &[&str]| {
        let list: Vec<Value> = names.iter().map(|name| Value::from(*name)).collect();
        let details = Dict::new()
            .with("roles", Dict::new().with("caller", Dict::new()))
            .with("authid", LOGIN)
            .with("authmethods", list)
            .with("authextra", Dict::new().with("nonce", "egVDf3DMJh0=").with("pubkey", public_key(1)));
        Message::Hello { realm: support::REALM.into(), details }
    };
    for (names, want) in [
        (&["wampcra", "cryptosign", "ticket"][..], "cryptosign"),
        (&["wamp-scram", "scram"], "wamp-scram"),
        (&["scram", "wamp-scram"], "scram"),
        (&["ticket", "scram"], "ticket"),
    ] {
        match exchange(&mut connected(&server).await, &methods(names)).await {
            Message::Challenge { method, .. } => assert_eq!(method, want),
            other => panic!("{names:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_hello_that_lacks_something_is_told_what() {
    let server = started().await;
    let nonce = || Dict::new().with("nonce", "egVDf3DMJh0=");
    let pubkey = || Dict::new().with("pubkey", public_key(1));
    let invalid = "wamp.error.invalid_argument";
    let unsupported = "wamp.error.feature_not_supported";
    let cases = [
        ("wamp-scram", Dict::new(), invalid, "nonce"),
        ("wamp-scram", Dict::new().with("nonce", "n,o"), invalid, "nonce"),
        ("scram", Dict::new().with("nonce", true), invalid, "nonce"),
        ("cryptosign", Dict::new(), invalid, "pubkey"),
        ("cryptosign", Dict::new().with("pubkey", "abc"), invalid, "pubkey"),
        ("cryptosign", Dict::new().with("pubkey", "00".repeat(32)), invalid, "pubkey"),
        ("cryptosign", pubkey().with("channel_binding", "tls-unique"), unsupported, "tls-exporter"),
        ("cryptosign", pubkey().with("channel_binding", "tls-exporter"), unsupported, "TLS 1.3"),
        ("cryptosign", pubkey().with("channel_binding", true), unsupported, "tls-exporter"),
        ("wamp-scram", nonce().with("channel_binding", "tls-unique"), unsupported, "tls-exporter"),
        ("wamp-scram", nonce().with("channel_binding", "tls-exporter"), unsupported, "TLS 1.3"),
    ];
    for (method, extra, want, says) in cases {
        let shown = format!("{method} {extra:?}");
        let mut connection = connected(&server).await;
        match outcome(exchange(&mut connection, &hello(method, LOGIN, extra)).await) {
            Outcome::Aborted { reason, message } => {
                assert_eq!(reason, want, "{shown}");
                assert!(message.contains(says), "{shown}: {message}");
            }
            Outcome::Welcome(..) => panic!("{shown}"),
        }
        // Another try is free to do better.
        let right = Prover::new(Method::Cryptosign, LOGIN, "");
        assert!(matches!(log_in(&mut connection, &right).await, Outcome::Welcome(..)), "{shown}");
    }
}

#[tokio::test]
async fn a_password_and_a_key_end_with_their_sessions() {
    let server = started().await;
    for method in Method::ALL {
        let mut connection = connected(&server).await;
        let prover = Prover::new(method, LOGIN, PASSWORD);
        assert!(matches!(log_in(&mut connection, &prover).await, Outcome::Welcome(..)));
        if method == Method::Cryptosign {
            server.cli(&["user", "pubkey", "remove", LOGIN, &public_key(1)], "").await.ok();
        } else {
            server.cli(&["user", "passwd", LOGIN, "--password-stdin"], "another horse battery\n").await.ok();
        }
        let last = tokio::time::timeout(support::SOON, connection.recv()).await.unwrap();
        assert!(matches!(last, Ok(Message::Goodbye { .. })), "{method:?}: {last:?}");
        assert_eq!(try_once(&server, &prover).await, denied(), "{method:?}");
        if method != Method::Cryptosign {
            let with_new = Prover { password: "another horse battery", ..prover };
            assert!(matches!(try_once(&server, &with_new).await, Outcome::Welcome(..)), "{method:?}");
            server.cli(&["user", "passwd", LOGIN, "--password-stdin"], &format!("{PASSWORD}\n")).await.ok();
        }
    }
}

#[tokio::test]
async fn a_password_that_was_set_without_a_method_is_set_again_for_it() {
    let data = tempfile::tempdir().unwrap();
    let mut first = server_with("[auth]\nscram = false\n").data(data.path()).start().await;
    first.add_user(LOGIN, "frontend", PASSWORD).await;
    first.stop().await;
    let server = server_with(CHEAP).data(data.path()).start().await;
    for method in [Method::Wampcra, Method::WampScram, Method::Scram] {
        assert_eq!(try_once(&server, &Prover::new(method, LOGIN, PASSWORD)).await, denied());
        assert_eq!(last_login(&server).await["reason"], "no_secret");
    }
    server.cli(&["user", "passwd", LOGIN, "--password-stdin"], &format!("{PASSWORD}\n")).await.ok();
    for method in [Method::Wampcra, Method::WampScram, Method::Scram] {
        let opened = try_once(&server, &Prover::new(method, LOGIN, PASSWORD)).await;
        assert!(matches!(opened, Outcome::Welcome(..)), "{method:?}");
    }
}

/// The second failure fills the bucket, and whoever waits does so beyond the test's end.
const UNFORGIVING: &str = "[throttle]\nforget_seconds = 100000\ndelay_seconds_max = 100000\npair_failures_max = 2\n";

#[tokio::test]
async fn failed_proofs_fill_the_same_buckets_as_failed_tickets() {
    let from = |server: &Server, last: u8| -> ConnectOptions {
        reach(server, Door::Tcp).local_address(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)))
    };
    for method in Method::ALL {
        let binary = env!("CARGO_BIN_EXE_countersign");
        let server = Server::builder(binary).config(format!("{CHEAP}{UNFORGIVING}")).start().await;
        set_up(&server, LOGIN, 1).await;
        let wrong = Prover { key: 7, ..Prover::new(method, LOGIN, "guess") };
        for _ in 0..2 {
            let mut connection = RawConnection::connect(&from(&server, 1)).await.unwrap();
            assert_eq!(log_in(&mut connection, &wrong).await, denied());
        }
        let options = from(&server, 1);
        let slowed = tokio::spawn(async move { support::try_ticket(&options, LOGIN, PASSWORD).await });
        let options = from(&server, 1);
        let proving = tokio::spawn(async move {
            let mut connection = RawConnection::connect(&options).await.unwrap();
            log_in(&mut connection, &Prover::new(method, LOGIN, PASSWORD)).await
        });
        let elsewhere = support::try_ticket(&from(&server, 2), LOGIN, PASSWORD).await;
        assert!(matches!(elsewhere, Answer::Welcome(_)));
        assert!(!slowed.is_finished() && !proving.is_finished(), "{method:?}");
        slowed.abort();
        proving.abort();
    }
}

#[tokio::test]
async fn tickets_can_be_switched_off() {
    let server = server_with("[auth]\nticket = false\n").start().await;
    let mut connection = connected(&server).await;
    let details = Dict::new()
        .with("roles", Dict::new().with("caller", Dict::new()))
        .with("authid", LOGIN)
        .with("authmethods", vec![Value::from("ticket")]);
    let refused = outcome(exchange(&mut connection, &Message::Hello { realm: support::REALM.into(), details }).await);
    assert_eq!(reason(refused), "wamp.error.no_matching_auth_method");
    let other = server_with("").start().await;
    ticket_hello(&mut connected(&other).await, LOGIN).await.unwrap();
}

#[tokio::test]
async fn public_keys_are_managed_on_the_command_line() {
    let server = server_with("").start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    server.add_user("zoe", "frontend", PASSWORD).await;
    let json = async |arguments: &[&str]| -> serde_json::Value {
        let all = [&["user", "pubkey"], arguments, &["--json"]].concat();
        serde_json::from_str(&server.cli(&all, "").await.ok()).unwrap()
    };
    let (one, two) = (public_key(1), public_key(2));
    let added = json(&["add", LOGIN, &one, "--label", "laptop"]).await;
    assert_eq!((added["public_key"].as_str(), added["label"].as_str()), (Some(&*one), Some("laptop")));
    json(&["add", LOGIN, &two.to_uppercase()]).await;
    let listed = json(&["list", LOGIN]).await;
    let keys: Vec<_> = listed.as_array().unwrap().iter().map(|key| key["public_key"].as_str().unwrap()).collect();
    assert_eq!(keys, [&one, &two]);
    let table = server.cli(&["user", "pubkey", "list", LOGIN], "").await.ok();
    assert!(table.contains(&one) && table.contains("laptop"), "{table}");
    for (arguments, says) in [
        (["add", "zoe", &*one], "belongs to a user already"),
        (["add", "zoe", "abc"], "64 hexadecimal digits"),
        (["add", "nobody", &*public_key(3)], "nobody"),
        (["remove", "zoe", &*one], "no such public key"),
    ] {
        let refused = server.cli(&[&["user", "pubkey"], &arguments[..]].concat(), "").await;
        assert_eq!(refused.code, Some(1), "{refused:?}");
        assert!(refused.stderr.contains(says), "{refused:?}");
    }
    assert_eq!(json(&["remove", LOGIN, &one]).await["login"], LOGIN);
    assert_eq!(json(&["list", LOGIN]).await.as_array().unwrap().len(), 1);
    let rows = audit(&server, &["--target", LOGIN, "--operation", "user.pubkey.add"]).await;
    assert_eq!(rows.len(), 2);
}

#[tokio::test]
async fn a_keyring_of_an_earlier_version_is_completed_and_a_poorer_one_refused() {
    let data = tempfile::tempdir().unwrap();
    let keyring = data.path().join("keyring.json");
    let read = || -> serde_json::Value { serde_json::from_slice(&std::fs::read(&keyring).unwrap()).unwrap() };
    let mut first = server_with(CHEAP).data(data.path()).start().await;
    first.add_user(LOGIN, "frontend", PASSWORD).await;
    let whole = read();
    assert_eq!(whole["seal_keys"].as_array().unwrap().len(), 1);
    first.stop().await;
    // What the database needs is gone: a new key would not open it.
    let mut poorer = whole.clone();
    poorer.as_object_mut().unwrap().remove("seal_keys");
    std::fs::write(&keyring, poorer.to_string()).unwrap();
    let refused = first.cli(&["user", "list"], "").await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("restore the keyring"), "{refused:?}");
    assert_eq!(read(), poorer);
    std::fs::write(&keyring, whole.to_string()).unwrap();
    let server = server_with(CHEAP).data(data.path()).start().await;
    let opened = try_once(&server, &Prover::new(Method::Wampcra, LOGIN, PASSWORD)).await;
    assert!(matches!(opened, Outcome::Welcome(..)));
    // The keyring of a server that knew no sealing, beside a database where nothing is sealed.
    let earlier = tempfile::tempdir().unwrap();
    let path = earlier.path().join("keyring.json");
    std::fs::write(&path, poorer.to_string()).unwrap();
    let _server = server_with(CHEAP).data(earlier.path()).start().await;
    let completed: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(completed["pepper"], whole["pepper"]);
    assert_eq!(completed["seal_keys"].as_array().unwrap().len(), 1);
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}
