//! Sessions that outlive silence and restarts of the server.

use std::time::Duration;

use countersign_client::{Auth, Backoff, Client, Dict, LastingSession, Session};
use countersign_testkit::Door;
use tokio::sync::mpsc;

use super::bobs;
use crate::support::{PASSWORD, PREFIX, SOON, reach};

#[tokio::test]
async fn a_quiet_session_is_kept_alive_at_every_door() {
    let (server, _sessions) = bobs::<0>().await;
    for door in Door::ALL {
        let options = reach(&server, door).auth(Auth::ticket("bob", PASSWORD)).keep_alive(SOON / 100);
        let session = Client::connect(options).await.unwrap();
        // Long enough for a few pings, of which each has to be answered.
        assert!(tokio::time::timeout(SOON / 10, session.ended()).await.is_err(), "{door:?}");
        session.leave().await.unwrap();
    }
}

#[tokio::test]
async fn registrations_and_subscriptions_are_made_again_after_a_restart() {
    let (mut server, _sessions) = bobs::<0>().await;
    let (uri, topic) = (format!("{PREFIX}.client.lasting"), format!("{PREFIX}.client.news"));
    let (sender, mut events) = mpsc::channel(8);
    let (named, news) = (uri.clone(), topic.clone());
    let set_up = move |session: Session| {
        let (named, news, sender) = (named.clone(), news.clone(), sender.clone());
        async move {
            session.register(&named, Dict::new(), |_| async { Ok(()) }).await?;
            let keep = move |event| sender.try_send(event).unwrap();
            session.subscribe_with(&news, Dict::new(), keep).await.map(drop)
        }
    };
    // The one door whose address is the same after a restart.
    let options = reach(&server, Door::Unix).auth(Auth::ticket("bob", PASSWORD));
    let backoff = Backoff { first: Duration::from_millis(10), max: Duration::from_millis(100) };
    let lasting = LastingSession::open(options.clone(), backoff, set_up);
    for _ in 0..2 {
        let session = lasting.session().await.unwrap();
        let other = Client::connect(options.clone()).await.unwrap();
        other.call(&uri, vec![], Dict::new()).await.unwrap();
        other.publish(&topic, vec!["x".into()], Dict::new(), Dict::new()).await.unwrap();
        tokio::time::timeout(SOON, events.recv()).await.expect("soon").unwrap();
        server.restart().await;
        session.ended().await;
    }
    lasting.session().await.unwrap();
    lasting.close().await;
}
