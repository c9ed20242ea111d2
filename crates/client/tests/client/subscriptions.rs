//! Subscriptions: what an event says, and the ways in which a subscription ends.

use countersign_client::{
    Dict, Event, MatchPolicy, Message, Passthru, PublishOptions, SubscribeOptions, SubscriptionEnd, Value,
};
use countersign_wamp::Payload;

use super::peer::{Peer, id, joined};

async fn unsubscribed(peer: &mut Peer, subscription: u64) {
    let Some(Message::Unsubscribe { request, subscription: got }) = peer.recv().await else { panic!() };
    assert_eq!(got, id(subscription));
    peer.send(Message::Unsubscribed { request: Some(request), details: None }).await;
}

#[tokio::test]
async fn options_reach_the_server() {
    let (session, mut peer) = joined(|options| options).await;
    let options = SubscribeOptions::new().matching(MatchPolicy::Wildcard).get_retained();
    let serve = async {
        let Some(Message::Subscribe { request, options, topic }) = peer.recv().await else { panic!() };
        assert_eq!(options, Dict::new().with("match", "wildcard").with("get_retained", true));
        assert_eq!(topic.as_str(), "a..c");
        peer.send(Message::Subscribed { request, subscription: id(5) }).await;
    };
    let (subscription, ()) = tokio::join!(session.subscribe("a..c", options), serve);
    assert_eq!(subscription.unwrap().id(), id(5));
    let options = PublishOptions::new()
        .exclude_me(false)
        .exclude(&[id(1)])
        .eligible_authid(&["alice", "bob"])
        .eligible_authrole(&[])
        .retain()
        .passthru(Passthru { scheme: "x_own".into(), ..Passthru::default() });
    session.publish_with("a.b", options, vec![vec![0_u8].into()]).await.unwrap();
    let Some(Message::Publish { options, payload, .. }) = peer.recv().await else { panic!() };
    let list = |items: &[Value]| items.to_vec();
    let want = Dict::new()
        .with("exclude_me", false)
        .with("exclude", list(&[1_u64.into()]))
        .with("eligible_authid", list(&["alice".into(), "bob".into()]))
        .with("eligible_authrole", list(&[]))
        .with("retain", true)
        .with("ppt_scheme", "x_own");
    assert_eq!((options, payload), (want, Payload::of(vec![0_u8])));
}

#[tokio::test]
async fn an_event_tells_where_it_comes_from() {
    let (session, mut peer) = joined(|options| options).await;
    let (subscription, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    let mut subscription = subscription.unwrap();
    let details = Dict::new()
        .with("topic", "a.b")
        .with("publisher", 9_u64)
        .with("publisher_authid", "alice")
        .with("publisher_authrole", "trust")
        .with("retained", true)
        .with("ppt_scheme", "x_own");
    for details in [details, Dict::new()] {
        let payload = Payload::new(vec!["x".into()], Dict::new().with("k", 1_i64));
        peer.send(Message::Event { subscription: id(5), publication: id(1), details, payload }).await;
    }
    let event = subscription.next().await.unwrap();
    assert_eq!((event.topic(), event.publisher()), (Some("a.b"), Some(id(9))));
    assert_eq!((event.publisher_authid(), event.publisher_authrole()), (Some("alice"), Some("trust")));
    assert!(event.is_retained());
    assert_eq!(event.passthru(), Some(Passthru { scheme: "x_own".into(), ..Passthru::default() }));
    assert_eq!((event.args(), event.kwargs()), (vec!["x".into()], Dict::new().with("k", 1_i64)));
    let bare = subscription.next().await.unwrap();
    assert_eq!((bare.topic(), bare.publisher(), bare.publisher_authid()), (None, None, None));
    assert_eq!((bare.publisher_authrole(), bare.is_retained(), bare.passthru()), (None, false, None));
}

#[tokio::test]
async fn each_subscription_has_a_bound_of_its_own() {
    let (session, mut peer) = joined(|options| options.events_max(1)).await;
    let wide = session.subscribe("a", SubscribeOptions::new().events_max(3));
    let (wide, ()) = tokio::join!(wide, peer.subscribed(5));
    let (narrow, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    for number in 0..4 {
        peer.event(5, number).await;
    }
    let (answer, _) = tokio::join!(session.call("b", vec![], Dict::new()), peer.echo());
    assert!(answer.is_ok());
    for (mut subscription, taken) in [(wide.unwrap(), 3), (narrow.unwrap(), 1)] {
        assert_eq!(subscription.missed(), 4 - taken);
        for _ in 0..taken {
            assert!(subscription.try_next().is_some());
        }
        assert_eq!((subscription.try_next(), subscription.end()), (None, None));
    }
}

#[tokio::test]
async fn tells_how_it_ended() {
    let (session, mut peer) = joined(|options| options).await;
    let mut ends = Vec::new();
    for number in [5, 6, 7] {
        let topic = format!("a.n{number}");
        let (subscription, ()) = tokio::join!(session.subscribe(&topic, Dict::new()), peer.subscribed(number));
        ends.push(subscription.unwrap());
    }
    assert!(ends.iter().all(|subscription| subscription.end().is_none()));
    let unsubscribe = session.unsubscribe(&ends[0]);
    let (unsubscribe, ()) = tokio::join!(unsubscribe, unsubscribed(&mut peer, 5));
    unsubscribe.unwrap();
    let details = Dict::new().with("subscription", 6_u32).with("reason", "a.reason");
    peer.send(Message::Unsubscribed { request: None, details: Some(details) }).await;
    assert_eq!(ends[1].next().await, None);
    drop(peer);
    for (subscription, want) in ends.iter_mut().zip([
        SubscriptionEnd::Unsubscribed,
        SubscriptionEnd::Revoked { reason: Some("a.reason".into()) },
        SubscriptionEnd::SessionEnded,
    ]) {
        assert_eq!(subscription.next().await, None::<Event>);
        assert_eq!(subscription.end(), Some(want));
    }
}

#[tokio::test]
async fn the_server_stops_sending_what_nobody_takes() {
    let (session, mut peer) = joined(|options| options).await;
    let (subscription, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    drop(subscription.unwrap());
    peer.event(5, 1).await;
    unsubscribed(&mut peer, 5).await;
    // The same with one whose answer nobody waited for.
    let dropped = tokio::select! {
        _ = session.subscribe("a", Dict::new()) => panic!("nobody answers"),
        message = peer.recv() => message,
    };
    let Some(Message::Subscribe { request, .. }) = dropped else { panic!() };
    peer.send(Message::Subscribed { request, subscription: id(6) }).await;
    unsubscribed(&mut peer, 6).await;
    let (answer, _) = tokio::join!(session.call("b", vec![], Dict::new()), peer.echo());
    assert!(answer.is_ok());
}

#[tokio::test]
async fn a_subscription_that_is_being_made_again_is_not_ended_at_the_server() {
    let (session, mut peer) = joined(|options| options).await;
    let (first, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    let first = first.unwrap();
    let serve = async {
        let Some(Message::Subscribe { request, .. }) = peer.recv().await else { panic!() };
        session.unsubscribe(&first).await.unwrap();
        peer.send(Message::Subscribed { request, subscription: id(5) }).await;
        peer.event(5, 1).await;
    };
    let (second, ()) = tokio::join!(session.subscribe("a", Dict::new()), serve);
    assert!(second.unwrap().next().await.is_some());
    let (answer, _) = tokio::join!(session.call("b", vec![], Dict::new()), peer.echo());
    assert!(answer.is_ok());
}
