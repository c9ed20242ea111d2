//! What ends a key ends its sessions: withdrawal, its time, its user; here, at the command line, or at another node.

use std::time::{Duration, Instant};

use countersign_client::{Dict, Encoding, Session};
use countersign_testkit::{Door, PostgresDatabase, Server, Storage, eventually};
use jiff::{SignedDuration, Timestamp};

use super::{aborted, check_denied, denied, key_of, mint, started, whoami, with_users};
use crate::support::{PASSWORD, PREFIX, call, ends, server, sign_in, sign_in_at};

/// A second is what is promised; this machine may do other things at the same time.
const WITHIN: Duration = Duration::from_secs(3);

/// Sessions of a key at every door end with this within the time, and nobody else's; the key opens no other.
async fn ends_by(server: &Server, what: &str, end: impl AsyncFnOnce(String)) {
    let (uuid, key) = key_of(server, "kristen98", Dict::new()).await;
    let other_key = key_of(server, "jsmith1234", Dict::new()).await.1;
    let other = sign_in(server, "jsmith1234", &other_key).await.unwrap();
    let mut sessions = Vec::new();
    for door in Door::ALL {
        sessions.push(sign_in_at(server, door, Encoding::Cbor, "kristen98", &key).await.unwrap());
    }
    end(uuid).await;
    let began = Instant::now();
    for session in &sessions {
        ends(session).await;
    }
    let took = began.elapsed();
    assert!(took < WITHIN, "{what}: {took:?}");
    assert_eq!(aborted(sign_in(server, "kristen98", &key).await), denied(), "{what}");
    assert!(whoami(&other).await.is_ok(), "{what}");
}

async fn delete_by(session: &Session, uri: &str, uuid: String) {
    call(session, uri, vec![uuid.into()]).await.unwrap();
}

#[tokio::test]
async fn sessions_at_every_door_end_with_their_key() {
    let server = started().await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    ends_by(&server, "its user", async |uuid| delete_by(&kristen, "my.apikeys.delete", uuid).await).await;
    ends_by(&server, "trust", async |uuid| delete_by(&zoe, "system.apikeys.delete", uuid).await).await;
    ends_by(&server, "the operator", async |uuid| {
        server.cli(&["key", "revoke", &uuid], "").await.ok();
    })
    .await;
    ends_by(&server, "a lock", async |_| {
        server.cli(&["user", "lock", "kristen98"], "").await.ok();
    })
    .await;
    server.cli(&["user", "unlock", "kristen98"], "").await.ok();
    ends_by(&server, "deletion", async |_| {
        server.cli(&["user", "delete", "kristen98"], "").await.ok();
    })
    .await;
    assert!(whoami(&zoe).await.is_ok());
}

/// What another node commits, this one sees in the database only.
#[tokio::test]
async fn what_another_node_withdraws_ends_here_too() {
    let database = PostgresDatabase::create().await;
    let server = with_users(server().storage(Storage::Postgres(database.url())).start().await).await;
    ends_by(&server, "another node", async |_| {
        let whose = "(SELECT id FROM users WHERE login = 'kristen98')";
        database.execute(&format!("DELETE FROM credentials WHERE kind = 'apikey' AND owner = {whose}")).await;
    })
    .await;
    ends_by(&server, "a lock by another node", async |_| {
        database.execute("UPDATE users SET enabled = false WHERE login = 'kristen98'").await;
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_at_the_end_of_its_key_and_does_nothing_afterwards() {
    let server = started().await;
    let kristen = sign_in(&server, "kristen98", PASSWORD).await.unwrap();
    let end = Timestamp::now() + SignedDuration::from_secs(3);
    let (_, key) = mint(&kristen, Dict::new().with("expires", end.to_string())).await;
    let session = sign_in(&server, "kristen98", &key).await.unwrap();
    assert!(whoami(&session).await.is_ok());
    // Every answer is from before the end, or a denial, whether the session still lasts or not.
    eventually("its end", Duration::from_secs(10), async || {
        if session.end().is_some() {
            return Some(());
        }
        let asked = Timestamp::now();
        if asked > end
            && let Ok(called) = tokio::time::timeout(Duration::from_secs(1), attempt(&session)).await
        {
            let uri = format!("{PREFIX}.auth.whoami");
            if let Some(denied) = called {
                check_denied(denied, &uri);
            }
        }
        None
    })
    .await;
    let late = Timestamp::now().duration_since(end);
    assert!(late < SignedDuration::try_from(WITHIN).unwrap(), "{late}");
    assert_eq!(aborted(sign_in(&server, "kristen98", &key).await), denied());
}

/// The answer to a call; `None` if the session ended instead.
async fn attempt(session: &Session) -> Option<Result<countersign_client::Value, (String, String)>> {
    use countersign_client::{CallError, Value};
    match session.call(&format!("{PREFIX}.auth.whoami"), vec![], Dict::new()).await {
        Ok(_) => Some(Ok(Value::Null)),
        Err(CallError::Remote { error, args, .. }) => {
            Some(Err((error, args.first().and_then(Value::as_str).unwrap_or_default().to_owned())))
        }
        Err(_) => None,
    }
}
