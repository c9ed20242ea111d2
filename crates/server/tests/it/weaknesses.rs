//! Weaknesses of the bus that this replaces, where no other scenario is about them: what is logged (W5), poison in a stored
//! `expires` (W13), what a crash leaves (W16). `docs/nexus.md` lists all of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod floods;
mod guesses;
mod remains;

use countersign_client::{Auth, Client, Dict, Encoding, Session, Time, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};
use jiff::Timestamp;

use super::secrets::logging;
use super::support::{
    Answer, EXEMPT, PASSWORD, PREFIX, aborted, call, reach, server, sign_in, sign_in_at, text, try_ticket,
};

const LOGIN: &str = "kristen98";

/// What nobody may find in a log: as a password, a key, a value, a part of what a failing call was given.
const HUSH: [&str; 8] =
    ["hush-one", "hush-two", "hush-three", "hush-four", "hush-five", "hush-six", "hush-seven", "hush-eight"];

#[tokio::test]
async fn w5_no_argument_of_a_call_is_logged_and_names_forge_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let (program, log) = logging(directory.path());
    let mut server = Server::builder(program).config(EXEMPT).start().await;
    server.add_user(LOGIN, "trust", PASSWORD).await;
    let forged = "x\n2026-01-01T00:00:00Z  INFO forged: all is well\u{1b}[2J";
    let options = || reach(&server, Door::Http).agent(forged.into());
    aborted(Client::connect(options().auth(Auth::ticket(forged, HUSH[0]))).await);
    let session = Client::connect(options().auth(Auth::ticket(LOGIN, PASSWORD))).await.unwrap();
    let record = Dict::new().with("expires", HUSH[1]);
    for (uri, args) in [
        ("auth.authenticate", vec![LOGIN.into(), HUSH[2].into()]),
        ("auth.reauthenticate", vec![HUSH[3].into()]),
        ("auth.whoami", vec![HUSH[4].into()]),
        ("system.otp.create", vec![LOGIN.into(), record.into()]),
        ("my.metadata.set", vec!["k".into(), HUSH[5].into()]),
        ("my.metadata.set", vec!["k".into(), format!("[{}", HUSH[5]).into(), true.into()]),
        ("my.metadata.get", vec![forged.into()]),
        ("system.roster.register", vec!["roster.a".into(), HUSH[6].into()]),
        ("system.roster.register", vec!["roster..a".into(), HUSH[6].into()]),
        ("there.is.none", vec![HUSH[7].into()]),
    ] {
        for uri in [format!("{PREFIX}.{uri}"), uri.to_owned()] {
            // Some succeed, most are refused: neither is the log's business.
            drop(call(&session, &uri, args.clone()).await);
        }
    }
    drop(session);
    server.stop().await;
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("INFO countersign"), "{log}");
    for secret in HUSH.into_iter().chain([PASSWORD]) {
        let line = log.lines().find(|line| line.contains(secret));
        assert!(line.is_none(), "{line:?}");
    }
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01T00:00:00Z")), "{log}");
    assert!(!log.contains("\u{1b}[2J"));
}

async fn create(session: &Session, expires: Value) -> Result<Value, (String, String)> {
    let record = Dict::new().with("expires", expires);
    call(session, "system.otp.create", vec![LOGIN.into(), record.into()]).await
}

async fn expires_keeps_its_meaning(storage: Storage) {
    let mut server = server().storage(storage).start().await;
    for (login, role) in [(LOGIN, "frontend"), ("zoe", "trust")] {
        server.add_user(login, role, PASSWORD).await;
    }
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let later = Timestamp::now() + jiff::SignedDuration::from_mins(5);
    for poison in [
        Value::Time(Time::Text("2099-10-18".into())),
        Value::Time(Time::Text("no time".into())),
        Value::Time(Time::Unix { seconds: i64::MAX, nanoseconds: 999_999_999 }),
        Value::Int(5),
        Value::Float(f64::NAN),
        Value::Float(f64::INFINITY),
        Value::Bool(false),
        Value::Bytes(later.to_string().into_bytes()),
        Value::List(vec![later.to_string().into()]),
        Dict::new().with("expires", later.to_string()).into(),
        "".into(),
        "2099-10-18".into(),
        later.to_string().trim_end_matches('Z').into(),
        later.as_second().to_string().into(),
    ] {
        let shown = format!("{poison:?}");
        let (error, text) = create(&zoe, poison).await.expect_err(&shown);
        assert_eq!(error, "com.izaber.wamp.error.invalidargument", "{shown}: {text}");
    }
    // An instant in another zone than the server's stays that instant, whatever happens to the server.
    let given =
        later.to_zoned(jiff::tz::TimeZone::fixed(jiff::tz::offset(-7))).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    let otp = create(&zoe, Value::Time(Time::Text(given.clone()))).await.unwrap();
    let key = text(otp.as_dict().unwrap(), "plaintext_key");
    for _ in 0..2 {
        for encoding in Encoding::ALL {
            let zoe = sign_in_at(&server, Door::Http, encoding, "zoe", PASSWORD).await.unwrap();
            let list = call(&zoe, "system.otp.list", vec![LOGIN.into()]).await.unwrap();
            let [listed] = list.as_list().unwrap() else { panic!("{list:?}") };
            assert_eq!(text(listed.as_dict().unwrap(), "expires"), given, "{encoding}");
        }
        server.restart().await;
    }
    assert!(matches!(try_ticket(&reach(&server, Door::Http), LOGIN, &key).await, Answer::Welcome(_)));
}

#[tokio::test]
async fn w13_poison_in_expires_is_refused_and_a_restart_changes_no_instant() {
    expires_keeps_its_meaning(Storage::Sqlite).await;
}

#[tokio::test]
async fn w13_poison_in_expires_is_refused_and_a_restart_changes_no_instant_on_postgresql() {
    let database = PostgresDatabase::create().await;
    expires_keeps_its_meaning(Storage::Postgres(database.url())).await;
}

async fn survives(storage: Storage) {
    /// Names that a tree of files would stumble over.
    const KEYS: [&str; 6] = ["..", "../../etc/passwd", "a/b", "^20 :é", ".hidden", "con.yaml"];
    let mut server = server().storage(storage).start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    for round in 0..3_u32 {
        let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
        for key in KEYS {
            let set = call(&session, "my.metadata.set", vec![key.into(), round.into()]).await;
            assert_eq!(set, Ok(round.into()), "{key}");
        }
        let otp = call(&session, "my.otp.create", vec![]).await.unwrap();
        // Without a moment in between: what was answered is stored.
        server.kill9().await;
        server.restart().await;
        let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
        let all = call(&session, "my.metadata.list", vec![]).await.unwrap();
        assert_eq!(all.as_dict().unwrap().len(), KEYS.len());
        for key in KEYS {
            assert_eq!(call(&session, "my.metadata.get", vec![key.into()]).await, Ok(round.into()), "{key}");
        }
        let key = text(otp.as_dict().unwrap(), "plaintext_key");
        assert!(matches!(try_ticket(&reach(&server, Door::Tcp), LOGIN, &key).await, Answer::Welcome(_)));
        assert_eq!(try_ticket(&reach(&server, Door::Tcp), LOGIN, &key).await, Answer::Denied);
    }
    for login in ["..", "a/b", "a\nb", ".", "-"] {
        let stdin = format!("{PASSWORD}\n");
        let added = server.cli(&["user", "add", "--role", "frontend", "--password-stdin", "--", login], &stdin).await;
        // Taken or refused, as the rule for names says: never something else than that name.
        if added.code == Some(0) {
            sign_in(&server, login, PASSWORD).await.unwrap();
        } else {
            aborted(sign_in(&server, login, PASSWORD).await);
        }
    }
    server.cli(&["audit", "verify"], "").await.ok();
}

#[tokio::test]
async fn w16_what_was_answered_is_there_after_a_kill_whatever_its_name() {
    survives(Storage::Sqlite).await;
}

#[tokio::test]
async fn w16_what_was_answered_is_there_after_a_kill_whatever_its_name_on_postgresql() {
    let database = PostgresDatabase::create().await;
    survives(Storage::Postgres(database.url())).await;
}
