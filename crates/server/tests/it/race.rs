//! Many tries of one one-time password at the same time, over all transports and serializers: one gets in.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeSet;
use std::sync::Arc;

use countersign_client::{Encoding, Id, Value};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{self, Answer, PASSWORD};

const TRIES: usize = 64;
const ROUNDS: usize = 200;
const DOORS: [Door; 3] = [Door::Http, Door::Tcp, Door::Unix];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_64_simultaneous_tries_gets_in_on_sqlite() {
    check(Storage::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_64_simultaneous_tries_gets_in_on_postgres() {
    let database = PostgresDatabase::create().await;
    check(Storage::Postgres(database.url())).await;
}

async fn check(storage: Storage) {
    let server = support::server().listen(DOORS).storage(storage).start().await;
    server.add_user("operator", "trust", PASSWORD).await;
    server.add_user("racer", "frontend", PASSWORD).await;
    let operator = support::sign_in(&server, "operator", PASSWORD).await.unwrap();

    let mut welcomed = BTreeSet::new();
    for round in 0..ROUNDS {
        let minted = support::call(&operator, "com.izaber.wamp.system.otp.create", vec![Value::from("racer")]).await;
        let key = support::plaintext_key(&minted.unwrap());
        let sessions = race(&server, round, key.into()).await;
        assert_eq!(sessions.len(), 1, "round {round}: {sessions:?}");
        welcomed.extend(sessions.iter().map(|session| format!("otp session={session}")));
    }

    assert_eq!(welcomed.len(), ROUNDS);
    let accepted = ["--actor", "racer", "--outcome", "accepted"];
    let logins = support::audit(&server, &[&accepted[..], &["--operation", "login"]].concat()).await;
    let details: BTreeSet<_> = logins.iter().map(|row| row["detail"].as_str().unwrap().to_owned()).collect();
    assert_eq!((logins.len(), details), (ROUNDS, welcomed));
    let spent = support::audit(&server, &[&accepted[..], &["--operation", "otp.spend"]].concat()).await;
    let credentials: BTreeSet<_> = spent.iter().map(|row| row["target"].as_str().unwrap()).collect();
    assert_eq!((spent.len(), credentials.len()), (ROUNDS, ROUNDS));
    let refused = support::audit(&server, &["--actor", "racer", "--outcome", "refused"]).await;
    assert_eq!(refused.len(), ROUNDS * (TRIES - 1));
    let other = refused.iter().find(|row| row["operation"] != "login" || row["reason"] != "otp_spent");
    assert_eq!(other, None);
}

/// The sessions that were opened with one key. The tries set out together when all have been asked for their ticket.
async fn race(server: &Server, round: usize, key: Arc<str>) -> Vec<Id> {
    let start = Arc::new(Barrier::new(TRIES));
    let mut tries = JoinSet::new();
    for number in round..round + TRIES {
        let door = DOORS[number % DOORS.len()];
        let encoding = Encoding::ALL[number / DOORS.len() % Encoding::ALL.len()];
        let options = support::reach(server, door).encoding(encoding);
        let (start, key) = (Arc::clone(&start), Arc::clone(&key));
        tries.spawn(async move {
            let mut connection = support::challenged(&options, "racer").await.unwrap();
            start.wait().await;
            let answer = support::authenticate(&mut connection, &key).await;
            (connection, answer.unwrap())
        });
    }
    // Every connection is kept until the last answer.
    let finished = tries.join_all().await;
    let sessions = finished.iter().filter_map(|(_, answer)| match answer {
        Answer::Welcome(session) => Some(*session),
        Answer::Denied => None,
    });
    sessions.collect()
}
