//! `auth.refresh_authorizer`: for everybody with a login, and so to be cheap.

use std::time::{Duration, Instant};

use super::{PASSWORD, PREFIX, call, server, sign_in, with_users};
use countersign_client::Value;

#[tokio::test]
async fn answers_null_in_both_spellings_and_takes_no_arguments() {
    let server = with_users(server().start().await).await;
    for (login, uri, want) in [
        ("kristen98", "com.izaber.wamp.auth.refresh_authorizer", Ok(())),
        ("bob", "com.izaber.wamp.auth.refresh_authorizer", Ok(())),
        ("zoe", "com.izaber.wamp.auth.refresh_authorizer", Ok(())),
        ("zoe", "auth.refresh_authorizer", Ok(())),
        ("kristen98", "auth.refresh_authorizer", Err("wamp.error.not_authorized")),
    ] {
        let session = sign_in(&server, login, PASSWORD).await.unwrap();
        match (call(&session, uri, vec![]).await, want) {
            (Ok(answer), Ok(())) => assert_eq!(answer, Value::Null),
            (Err((error, _)), Err(want)) => assert_eq!(error, want),
            other => panic!("{login} {uri}: {other:?}"),
        }
    }
    let zoe = sign_in(&server, "zoe", PASSWORD).await.unwrap();
    let (error, _) = call(&zoe, "auth.refresh_authorizer", vec![Value::Int(1)]).await.unwrap_err();
    assert_eq!(error, "com.izaber.wamp.error.invalidargument");
}

#[tokio::test]
async fn w15_a_flood_of_refreshes_is_answered_by_few_readings() {
    let server = with_users(server().start().await).await;
    let (flooding, innocent) =
        (sign_in(&server, "kristen98", PASSWORD).await.unwrap(), sign_in(&server, "bob", PASSWORD).await.unwrap());
    let began = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..3_000 {
        let session = flooding.clone();
        calls.spawn(async move { call(&session, &format!("{PREFIX}.auth.refresh_authorizer"), vec![]).await });
    }
    for _ in 0..20 {
        let asked = Instant::now();
        call(&innocent, &format!("{PREFIX}.auth.whoami"), vec![]).await.unwrap();
        // Behind 3,000 readings it would stand for the minute that they take.
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    }
    assert!(calls.join_all().await.into_iter().all(|answer| answer == Ok(Value::Null)));
    // One after the other, with the pause between, they would take five minutes.
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
}
