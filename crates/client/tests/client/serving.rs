//! Procedures that the client offers.

use std::sync::Arc;

use countersign_client::{Dict, HandlerError, Invocation, Message, Session, Value};
use countersign_wamp::rawsocket::FrameLimit;
use countersign_wamp::{MessageType, Payload};
use tokio::sync::Notify;

use super::peer::{Peer, id, joined, joined_with};

async fn invoke(peer: &mut Peer, request: u64, registration: u64, args: Vec<Value>) {
    let payload = Payload::new(args, Dict::new());
    let (request, registration) = (id(request), id(registration));
    peer.send(Message::Invocation { request, registration, details: Dict::new(), payload }).await;
}

/// The next message is an error that answers invocation `request`.
async fn fails(peer: &mut Peer, request: u64) -> String {
    let Some(Message::Error { request_type, request: got, error, .. }) = peer.recv().await else { panic!() };
    assert_eq!((request_type, got), (MessageType::Invocation, id(request)));
    error.as_str().to_owned()
}

async fn yields(peer: &mut Peer, request: u64) -> Payload {
    let Some(Message::Yield { request: got, payload, .. }) = peer.recv().await else { panic!() };
    assert_eq!(got, id(request));
    payload
}

/// Answers, refuses, panics or answers at length, as its argument says.
async fn procedure(invocation: Invocation) -> Result<(Vec<Value>, Dict), HandlerError> {
    match invocation.args.first().and_then(Value::as_str) {
        Some("refuse") => Err(HandlerError::new("a.error", "no")),
        Some("panic") => panic!("a procedure that fails"),
        Some("long") => Ok((vec![vec![0_u8; 600].into()], Dict::new())),
        _ => Ok((invocation.args, Dict::new().with("k", 1_i64))),
    }
}

async fn register(session: &Session, peer: &mut Peer) -> countersign_client::Registration {
    let (registered, ()) = tokio::join!(session.register("a", Dict::new(), procedure), peer.registered(3));
    registered.unwrap()
}

#[tokio::test]
async fn invocations_are_answered_by_the_procedure() {
    let (session, mut peer) = joined_with(FrameLimit::SMALLEST, |options| options).await;
    assert_eq!(register(&session, &mut peer).await.id(), id(3));
    invoke(&mut peer, 1, 3, vec!["x".into()]).await;
    let want = Payload::new(vec!["x".into()], Dict::new().with("k", 1_i64));
    assert_eq!(yields(&mut peer, 1).await, want);
    for (request, what, error) in [
        (2, "refuse", "a.error"),
        (3, "panic", "wamp.error.runtime_error"),
        (4, "long", "wamp.error.payload_size_exceeded"),
    ] {
        invoke(&mut peer, request, 3, vec![what.into()]).await;
        assert_eq!(fails(&mut peer, request).await, error);
    }
}

#[tokio::test]
async fn a_procedure_is_gone_after_unregistering_or_revocation() {
    let (session, mut peer) = joined(|options| options).await;
    let registration = register(&session, &mut peer).await;
    let serve = async {
        let Some(Message::Unregister { request, registration }) = peer.recv().await else { panic!() };
        assert_eq!(registration, id(3));
        peer.send(Message::Unregistered { request: Some(request), details: None }).await;
    };
    let (unregistered, ()) = tokio::join!(session.unregister(registration), serve);
    assert_eq!(unregistered, Ok(()));
    invoke(&mut peer, 1, 3, vec![]).await;
    assert_eq!(fails(&mut peer, 1).await, "wamp.error.no_such_registration");
    register(&session, &mut peer).await;
    let details = Dict::new().with("registration", 3_u32);
    peer.send(Message::Unregistered { request: None, details: Some(details) }).await;
    invoke(&mut peer, 2, 3, vec![]).await;
    assert_eq!(fails(&mut peer, 2).await, "wamp.error.no_such_registration");
}

#[tokio::test]
async fn invocations_beyond_the_limit_are_refused() {
    let (session, mut peer) = joined(|options| options.invocations_max(1)).await;
    let go_on = Arc::new(Notify::new());
    let waiting = Arc::clone(&go_on);
    let handler = move |_| {
        let waiting = Arc::clone(&waiting);
        async move {
            waiting.notified().await;
            Ok((vec![], Dict::new()))
        }
    };
    let (registered, ()) = tokio::join!(session.register("a", Dict::new(), handler), peer.registered(3));
    registered.unwrap();
    invoke(&mut peer, 1, 3, vec![]).await;
    invoke(&mut peer, 2, 3, vec![]).await;
    assert_eq!(fails(&mut peer, 2).await, "wamp.error.unavailable");
    go_on.notify_one();
    yields(&mut peer, 1).await;
}

#[tokio::test]
async fn a_procedure_may_call_through_its_own_session() {
    let (session, mut peer) = joined(|options| options).await;
    let inner = session.clone();
    let handler = move |invocation: Invocation| {
        let inner = inner.clone();
        async move {
            let called = inner.call("b", invocation.args, Dict::new()).await;
            called.map_err(|error| HandlerError::new("a.error", error.to_string()))
        }
    };
    let (registered, ()) = tokio::join!(session.register("a", Dict::new(), handler), peer.registered(3));
    registered.unwrap();
    invoke(&mut peer, 1, 3, vec!["x".into()]).await;
    assert_eq!(peer.echo().await, "b");
    assert_eq!(yields(&mut peer, 1).await, Payload::of("x"));
}
