//! W6: one connection gets three tries.

use countersign_client::{Message, RawConnection};
use countersign_testkit::Door;
use countersign_wamp::{Dict, Signature};

use super::LOGIN;
use crate::support::{ANSWER_DEADLINE, Answer, PASSWORD, authenticate, challenged, hello, reach, server};

/// Guesses so often, each time behind another HELLO if `with_hello`: old clients send a ticket right behind the ABORT.
async fn guess(connection: &mut RawConnection, login: &str, times: usize, with_hello: bool) {
    for number in 1..=times {
        assert_eq!(authenticate(connection, &format!("guess {number}")).await.unwrap(), Answer::Denied);
        if with_hello && number < 3 {
            hello(connection, login).await.unwrap();
        }
    }
}

#[tokio::test]
async fn w6_a_connection_gets_three_tries_with_another_hello_and_without() {
    let server = server().start().await;
    server.add_user(LOGIN, "frontend", PASSWORD).await;
    for (door, with_hello) in Door::ALL.into_iter().flat_map(|door| [(door, true), (door, false)]) {
        for login in [LOGIN, "nobody"] {
            let mut connection = challenged(&reach(&server, door), login).await.unwrap();
            guess(&mut connection, login, 3, with_hello).await;
            // Neither a HELLO nor the right ticket is heard any more.
            let details = Dict::new().with("roles", Dict::new().with("caller", Dict::new()));
            let right = Message::Authenticate { signature: Signature::new(PASSWORD), extra: Dict::new() };
            for late in [Message::Hello { realm: crate::support::REALM.into(), details }, right] {
                let _ = connection.send(&late).await;
            }
            let end = tokio::time::timeout(ANSWER_DEADLINE, connection.recv()).await.expect("an end in time");
            assert!(end.is_err(), "{door:?} {login} {with_hello}: {end:?}");
        }
        let mut connection = challenged(&reach(&server, door), LOGIN).await.unwrap();
        guess(&mut connection, LOGIN, 2, with_hello).await;
        let third = authenticate(&mut connection, PASSWORD).await.unwrap();
        assert!(matches!(third, Answer::Welcome(_)), "{door:?} {with_hello}");
    }
}
