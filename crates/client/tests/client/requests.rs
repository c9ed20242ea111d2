//! Calls, publications and subscriptions: what is asked and how it is answered.

use std::time::Duration;

use countersign_client::{CallError, Dict, Message, Value};
use countersign_wamp::rawsocket::FrameLimit;
use countersign_wamp::{MessageType, Payload};
use tokio::sync::mpsc;

use super::peer::{Peer, id, joined, joined_with};

/// Answers the next request, of whatever kind, with an error.
async fn refuse(peer: &mut Peer) {
    let (request_type, request) = match peer.recv().await.unwrap() {
        Message::Call { request, .. } => (MessageType::Call, request),
        Message::Publish { request, .. } => (MessageType::Publish, request),
        Message::Subscribe { request, .. } => (MessageType::Subscribe, request),
        Message::Register { request, .. } => (MessageType::Register, request),
        Message::Unsubscribe { request, .. } => (MessageType::Unsubscribe, request),
        other => panic!("{other:?}"),
    };
    let (details, error) = (Dict::new(), "a.error".into());
    let payload = Payload::new(vec!["no".into()], Dict::new().with("k", true));
    peer.send(Message::Error { request_type, request, details, error, payload }).await;
}

fn refused<T>() -> Result<T, CallError> {
    let (args, kwargs) = (vec!["no".into()], Dict::new().with("k", true));
    Err(CallError::Remote { error: "a.error".into(), args, kwargs, details: Dict::new() })
}

#[tokio::test]
async fn every_request_reports_the_error_that_answers_it() {
    let (session, mut peer) = joined(|options| options).await;
    let (answer, ()) = tokio::join!(session.call("a", vec![], Dict::new()), refuse(&mut peer));
    assert_eq!(answer, refused());
    let acknowledge = Dict::new().with("acknowledge", true);
    let publish = session.publish("a", vec![], Dict::new(), acknowledge);
    assert_eq!(tokio::join!(publish, refuse(&mut peer)).0, refused());
    let (answer, ()) = tokio::join!(session.subscribe("a", Dict::new()), refuse(&mut peer));
    assert_eq!(answer.map(|_| ()), refused());
    let register = session.register("a", Dict::new(), |_| async { Ok((vec![], Dict::new())) });
    assert_eq!(tokio::join!(register, refuse(&mut peer)).0.map(drop), refused());
}

#[tokio::test]
async fn answers_find_their_calls_in_any_order() {
    let (session, mut peer) = joined(|options| options).await;
    let call = |number: i64| session.call("a", vec![number.into()], Dict::new());
    let serve = async {
        let mut calls = Vec::new();
        for _ in 0..3 {
            calls.push(peer.recv().await.unwrap());
        }
        let mut requests = Vec::new();
        for call in calls.into_iter().rev() {
            let Message::Call { request, payload, .. } = call else { panic!() };
            requests.push(request.get());
            peer.send(Message::Result { request, details: Dict::new(), payload }).await;
        }
        // Numbered one by one, in the order of sending.
        assert_eq!(requests, [3, 2, 1]);
    };
    let (a, b, c, ()) = tokio::join!(call(1), call(2), call(3), serve);
    let want = |number: i64| Ok((vec![number.into()], Dict::new()));
    assert_eq!((a, b, c), (want(1), want(2), want(3)));
}

#[tokio::test]
async fn a_call_waits_no_longer_than_told() {
    let (session, mut peer) = joined(|options| options.request_timeout(Duration::from_millis(50))).await;
    assert_eq!(session.call("a", vec![], Dict::new()).await, Err(CallError::TimedOut));
    // The late answer belongs to nobody, and does no harm.
    peer.echo().await;
    assert_eq!(session.publish("b", vec![], Dict::new(), Dict::new()).await, Ok(None));
    assert!(matches!(peer.recv().await, Some(Message::Publish { .. })));
}

#[tokio::test]
async fn a_request_longer_than_the_server_accepts_is_not_sent() {
    let (session, mut peer) = joined_with(FrameLimit::at_most(1024), |options| options).await;
    let call = |len| session.call("a", vec![vec![0_u8; len].into()], Dict::new());
    assert_eq!(call(1100).await, Err(CallError::TooLong));
    // The number that it would have had goes to the next.
    let serve = async {
        let Some(Message::Call { request, payload, .. }) = peer.recv().await else { panic!() };
        assert_eq!(request, id(1));
        peer.send(Message::Result { request, details: Dict::new(), payload }).await;
    };
    let (answer, ()) = tokio::join!(call(900), serve);
    assert!(answer.is_ok());
}

#[tokio::test]
async fn publications_are_acknowledged_if_asked_for() {
    let (session, mut peer) = joined(|options| options).await;
    let publish = |options| session.publish("a", vec![1_i64.into()], Dict::new(), options);
    assert_eq!(publish(Dict::new().with("exclude_me", false)).await, Ok(None));
    let Some(Message::Publish { options, topic, payload, .. }) = peer.recv().await else { panic!() };
    assert_eq!(options, Dict::new().with("exclude_me", false));
    assert_eq!((topic.as_str(), payload), ("a", Payload::of(1_i64)));
    let serve = async {
        let Some(Message::Publish { request, .. }) = peer.recv().await else { panic!() };
        peer.send(Message::Published { request, publication: id(99) }).await;
    };
    let (published, ()) = tokio::join!(publish(Dict::new().with("acknowledge", true)), serve);
    assert_eq!(published, Ok(Some(id(99))));
}

#[tokio::test]
async fn events_arrive_in_order_from_the_first_on() {
    let (session, mut peer) = joined(|options| options).await;
    let serve = async {
        peer.subscribed(5).await;
        for number in 0..3 {
            peer.event(5, number).await;
        }
        peer.event(6, 99).await; // of no subscription of ours
    };
    let (subscription, ()) = tokio::join!(session.subscribe("a", Dict::new()), serve);
    let mut subscription = subscription.unwrap();
    assert_eq!(subscription.id(), id(5));
    for number in 0..3_i64 {
        let event = subscription.next().await.unwrap();
        assert_eq!((event.publication, event.args()), (id(1), vec![Value::Int(number)]));
    }
    let (sender, mut received) = mpsc::channel(1);
    let callback = move |event| sender.try_send(event).unwrap();
    let (subscribed, ()) = tokio::join!(session.subscribe_with("b", Dict::new(), callback), peer.subscribed(6));
    assert_eq!(subscribed.unwrap().id(), id(6));
    peer.event(6, 4).await;
    assert_eq!(received.recv().await.unwrap().args(), [Value::Int(4)]);
}

#[tokio::test]
async fn events_that_nobody_takes_are_counted_and_hold_up_nothing() {
    let (session, mut peer) = joined(|options| options.events_max(2)).await;
    let (subscription, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    let mut subscription = subscription.unwrap();
    for number in 0..5 {
        peer.event(5, number).await;
    }
    let (answer, _) = tokio::join!(session.call("b", vec![], Dict::new()), peer.echo());
    assert!(answer.is_ok());
    assert_eq!(subscription.missed(), 3);
    assert_eq!(subscription.next().await.unwrap().args(), [Value::Int(0)]);
}

#[tokio::test]
async fn the_server_hears_when_the_last_subscriber_goes() {
    let (session, mut peer) = joined(|options| options).await;
    let (first, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    let (second, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    let mut second = second.unwrap();
    assert_eq!(session.unsubscribe(first.unwrap()).await, Ok(()));
    peer.event(5, 1).await;
    assert!(second.next().await.is_some());
    let serve = async {
        let Some(Message::Unsubscribe { request, subscription }) = peer.recv().await else { panic!() };
        assert_eq!(subscription, id(5));
        peer.send(Message::Unsubscribed { request: Some(request), details: None }).await;
    };
    let (unsubscribed, ()) = tokio::join!(session.unsubscribe(&second), serve);
    assert_eq!(unsubscribed, Ok(()));
    assert!(second.next().await.is_none());
    // A second time there is nothing to end.
    assert_eq!(session.unsubscribe(second).await, Ok(()));
}

#[tokio::test]
async fn a_subscription_that_the_server_revokes_ends() {
    let (session, mut peer) = joined(|options| options).await;
    let (subscription, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    let details = Dict::new().with("subscription", 5_u32).with("reason", "a.b");
    peer.send(Message::Unsubscribed { request: None, details: Some(details) }).await;
    assert!(subscription.unwrap().next().await.is_none());
}
