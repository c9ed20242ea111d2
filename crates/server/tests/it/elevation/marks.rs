//! What the mark `+` asks for, for each letter.

use countersign_client::{CallError, Dict, Session};

use super::{LOGIN, NOT_AUTHORIZED, PASSWORD, auth, call, long, rule, server, sign_in, with_users};

/// The text of a denial, without the part that names the session; `None` if it was granted.
fn denial<T>(result: Result<T, CallError>) -> Option<String> {
    match result {
        Ok(_) => None,
        Err(CallError::Remote { error, args, .. }) => {
            assert_eq!(error, NOT_AUTHORIZED);
            Some(args[0].as_str().unwrap().to_owned())
        }
        Err(other) => panic!("{other}"),
    }
}

async fn expire(session: &Session) {
    auth(session, "reauthenticate_expire", &[]).await.unwrap();
}

async fn elevate(session: &Session) {
    assert_eq!(auth(session, "reauthenticate", &[PASSWORD]).await.unwrap().as_u64(), Some(120));
}

#[tokio::test]
async fn each_letter_with_the_mark_asks_for_an_elevated_session() {
    let server = with_users(server().start().await).await;
    // The shipped rule for calls and registrations, and one of our own for topics.
    let (procedure, topic) = (long("reauth"), "desk.news");
    rule(&server, "frontend", topic, "s+p+").await;
    let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    let acknowledged = || Dict::new().with("acknowledge", true);
    let all = async || {
        [
            denial(session.register(&procedure, Dict::new(), async |_| Ok(())).await.map(drop)),
            denial(session.call(&procedure, vec![], Dict::new()).await),
            denial(session.subscribe(topic, Dict::new()).await.map(drop)),
            denial(session.publish(topic, vec![], Dict::new(), acknowledged()).await.map(drop)),
        ]
    };
    expire(&session).await;
    for (text, what) in all().await.into_iter().zip(["register procedure", "call procedure", "subscribe", "publish"]) {
        let text = text.unwrap_or_else(|| panic!("{what} was granted"));
        assert!(text.contains(what) && text.contains("authorized to"), "{text}");
        assert!(text.contains("reauthenticate") && text.contains("120 seconds"), "{text}");
    }
    elevate(&session).await;
    assert_eq!(all().await, [const { None }; 4]);
    expire(&session).await;
    assert!(denial(session.call(&procedure, vec![], Dict::new()).await).is_some());
    // Without the mark nothing is asked.
    call(&session, &long("auth.whoami"), vec![]).await.unwrap();
}

#[tokio::test]
async fn a_fresh_login_passes_the_mark() {
    let server = with_users(server().start().await).await;
    let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    session.register(&long("reauth"), Dict::new(), async |_| Ok(())).await.unwrap();
    session.call(&long("reauth"), vec![], Dict::new()).await.unwrap();
}

#[tokio::test]
async fn what_was_registered_in_time_stays_when_roles_are_edited_later() {
    let server = with_users(server().start().await).await;
    let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    let uri = long("reauth");
    session.register(&uri, Dict::new(), async |_| Ok(())).await.unwrap();
    expire(&session).await;
    rule(&server, "frontend", "other.uri", "c").await;
    let bob = sign_in(&server, "bob", PASSWORD).await.unwrap();
    bob.call(&uri, vec![], Dict::new()).await.unwrap();
    // Taken away with the letter.
    rule(&server, "frontend", &uri, "c+").await;
    assert_eq!(call(&bob, &uri, vec![]).await.unwrap_err().0, "wamp.error.no_such_procedure");
}

#[tokio::test]
async fn a_pattern_asks_for_it_if_any_rule_below_does() {
    let server = with_users(server().start().await).await;
    for (uri, letters) in [("desk.*", "s"), ("desk.safe", "s+")] {
        rule(&server, "frontend", uri, letters).await;
    }
    let session = sign_in(&server, LOGIN, PASSWORD).await.unwrap();
    let prefix = |text: &'static str| session.subscribe(text, Dict::new().with("match", "prefix"));
    expire(&session).await;
    assert_eq!(denial(prefix("desk.open").await.map(drop)), None);
    assert!(denial(prefix("desk.").await.map(drop)).unwrap().contains("reauthenticate"));
    elevate(&session).await;
    assert_eq!(denial(prefix("desk.").await.map(drop)), None);
}
