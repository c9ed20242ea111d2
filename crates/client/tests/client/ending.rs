//! The ways in which a session ends, and what those see who wait.

use std::time::Duration;

use countersign_client::{CallError, Closed, Dict, Ended, Message};
use countersign_wamp::rawsocket::FrameKind;

use super::peer::{Peer, joined};

/// A call is under way and a subscription is open while the server does as `script` says.
async fn check<Script: Future<Output = Option<Peer>>>(script: impl FnOnce(Peer) -> Script, want: Ended) {
    let (session, mut peer) = joined(|options| options).await;
    let (subscription, ()) = tokio::join!(session.subscribe("a", Dict::new()), peer.subscribed(5));
    let serve = async {
        assert!(matches!(peer.recv().await, Some(Message::Call { .. })));
        script(peer).await
    };
    let (called, _peer) = tokio::join!(session.call("a", vec![], Dict::new()), serve);
    let over = CallError::Ended(want.clone());
    assert_eq!(called, Err(over.clone()));
    assert_eq!(session.ended().await, want);
    assert_eq!(subscription.unwrap().next().await, None);
    assert_eq!(session.call("a", vec![], Dict::new()).await, Err(over.clone()));
    assert_eq!(session.publish("a", vec![], Dict::new(), Dict::new()).await, Err(over));
}

#[tokio::test]
async fn the_server_says_goodbye() {
    let details = Dict::new().with("message", "bye");
    let goodbye = Message::Goodbye { details: details.clone(), reason: "wamp.close.killed".into() };
    let script = |mut peer: Peer| async move {
        peer.send(goodbye).await;
        let Some(Message::Goodbye { reason, .. }) = peer.recv().await else { panic!() };
        assert_eq!(reason.as_str(), "wamp.close.goodbye_and_out");
        assert_eq!(peer.recv().await, None);
        Some(peer)
    };
    check(script, Ended::Goodbye { reason: "wamp.close.killed".into(), details }).await;
}

#[tokio::test]
async fn the_server_aborts() {
    let abort = Message::Abort { details: Dict::new(), reason: "a.b".into() };
    let script = |mut peer: Peer| async move {
        peer.send(abort).await;
        assert_eq!(peer.recv().await, None);
        Some(peer)
    };
    check(script, Ended::Aborted { reason: "a.b".into(), details: Dict::new() }).await;
}

#[tokio::test]
async fn the_server_closes_without_a_word() {
    check(|_| async { None }, Ended::Closed(Closed::EndOfStream)).await;
}

#[tokio::test]
async fn the_server_breaks_the_protocol() {
    for (frame, why) in [
        (&b"\x80"[..], "a message can't be an empty list"),
        (b"\x83\x01\x61r\xA0", "HELLO is not for a client with a session"),
        (b"\x83\x18\x41\x02\x01", "an answer to a request of another kind"),
    ] {
        let script = |mut peer: Peer| async move {
            peer.send_frame(FrameKind::Message, frame).await;
            let Some(Message::Abort { reason, .. }) = peer.recv().await else { panic!() };
            assert_eq!(reason.as_str(), "wamp.error.protocol_violation");
            Some(peer)
        };
        check(script, Ended::ProtocolViolation(why.into())).await;
    }
}

#[tokio::test]
async fn leaving_says_goodbye_and_waits_for_the_answer() {
    let (session, mut peer) = joined(|options| options).await;
    let serve = async {
        let Some(Message::Goodbye { reason, .. }) = peer.recv().await else { panic!() };
        assert_eq!(reason.as_str(), "wamp.close.close_realm");
        let reason = "wamp.close.goodbye_and_out".into();
        peer.send(Message::Goodbye { details: Dict::new(), reason }).await;
        assert_eq!(peer.recv().await, None);
    };
    let (left, ()) = tokio::join!(session.leave(), serve);
    assert_eq!(left, Ok(()));
    assert_eq!(session.leave().await, Err(CallError::Ended(Ended::Left)));
}

#[tokio::test]
async fn leaving_gives_the_reason_it_was_told() {
    let (session, mut peer) = joined(|options| options).await;
    let message = || Dict::new().with("message", "bye");
    let serve = async {
        let Some(Message::Goodbye { reason, details }) = peer.recv().await else { panic!() };
        assert_eq!((reason.as_str(), details), ("a.reason", message()));
        let reason = "wamp.close.goodbye_and_out".into();
        peer.send(Message::Goodbye { details: Dict::new(), reason }).await;
    };
    let (left, ()) = tokio::join!(session.leave_with("a.reason", message()), serve);
    assert_eq!(left, Ok(()));
}

#[tokio::test]
async fn leaving_does_not_wait_for_a_silent_server() {
    let (session, mut peer) = joined(|options| options.leave_timeout(Duration::from_millis(50))).await;
    assert_eq!(session.leave().await, Err(CallError::TimedOut));
    assert!(matches!(peer.recv().await, Some(Message::Goodbye { .. })));
    assert_eq!(peer.recv().await, None);
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_connection() {
    let (session, mut peer) = joined(|options| options).await;
    let other = session.clone();
    drop(session);
    let (answer, _) = tokio::join!(other.call("a", vec![], Dict::new()), peer.echo());
    assert!(answer.is_ok());
    drop(other);
    assert_eq!(peer.recv().await, None);
}
