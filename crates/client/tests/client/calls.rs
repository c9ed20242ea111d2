//! Calls that are more than one question and one answer, and calls that end early.

use std::time::Duration;

use countersign_client::{CallError, CallOptions, CancelMode, Dict, Ended, Message, Payload, Value};
use countersign_wamp::MessageType;

use super::peer::{Peer, id, joined};

/// The next message is a CALL; its request and options.
async fn called(peer: &mut Peer) -> (u64, Dict) {
    let Some(Message::Call { request, options, .. }) = peer.recv().await else { panic!() };
    (request.get(), options)
}

/// The next message is a CANCEL; its request and mode.
async fn canceled(peer: &mut Peer) -> (u64, String) {
    let Some(Message::Cancel { request, options }) = peer.recv().await else { panic!() };
    (request.get(), options.get("mode").and_then(Value::as_str).unwrap_or_default().to_owned())
}

async fn answer(peer: &mut Peer, request: u64, progress: bool, number: i64) {
    let details = if progress { Dict::new().with("progress", true) } else { Dict::new() };
    peer.send(Message::Result { request: id(request), details, payload: Payload::of(number) }).await;
}

async fn fail(peer: &mut Peer, request: u64, error: &str) {
    peer.send(Message::error(MessageType::Call, id(request), error, Payload::absent())).await;
}

fn remote(error: &str) -> CallError {
    CallError::Remote { error: error.into(), args: vec![], kwargs: Dict::new(), details: Dict::new() }
}

#[tokio::test]
async fn progressive_results_come_in_order_before_the_final_one() {
    let (session, mut peer) = joined(|options| options).await;
    let mut call = session.start_call("a", CallOptions::new().receive_progress(), ()).await.unwrap();
    assert_eq!(called(&mut peer).await, (1, Dict::new().with("receive_progress", true)));
    for number in 0..3 {
        answer(&mut peer, 1, true, number).await;
    }
    answer(&mut peer, 1, false, 3).await;
    for number in 0..3_i64 {
        assert_eq!(call.next().await.unwrap().args(), [Value::Int(number)]);
    }
    assert_eq!(call.next().await, None);
    assert_eq!(call.result().await.unwrap().args(), [Value::Int(3)]);
    // Canceling what is over says nothing to the server.
    session.publish("b", vec![], Dict::new(), Dict::new()).await.unwrap();
    assert!(matches!(peer.recv().await, Some(Message::Publish { .. })));
}

#[tokio::test]
async fn progress_that_was_not_asked_for_is_not_the_answer() {
    let (session, mut peer) = joined(|options| options).await;
    let serve = async {
        let (request, options) = called(&mut peer).await;
        assert_eq!(options, Dict::new());
        answer(&mut peer, request, true, 1).await;
        answer(&mut peer, request, false, 2).await;
    };
    let (result, ()) = tokio::join!(session.call("a", vec![], Dict::new()), serve);
    assert_eq!(result.unwrap().0, [Value::Int(2)]);
}

#[tokio::test]
async fn a_call_whose_results_are_not_taken_is_canceled() {
    for (results, want) in [(2, None), (3, Some(CallError::Overflow))] {
        let (session, mut peer) = joined(|options| options).await;
        let options = CallOptions::new().receive_progress().progress_max(2);
        let call = session.start_call("a", options, ()).await.unwrap();
        called(&mut peer).await;
        for number in 0..results {
            answer(&mut peer, 1, true, number).await;
        }
        if want.is_some() {
            assert_eq!(canceled(&mut peer).await, (1, "killnowait".into()));
        } else {
            answer(&mut peer, 1, false, 9).await;
        }
        assert_eq!(call.result().await.err(), want, "{results}");
    }
}

#[tokio::test]
async fn arguments_go_out_in_parts_of_one_call() {
    let (session, mut peer) = joined(|options| options).await;
    let options = CallOptions::new().more_follows();
    let call = session.start_call("a", options, vec![1_i64.into()]).await.unwrap();
    call.send(vec![2_i64.into()]).await.unwrap();
    call.send_last(vec![3_i64.into()]).await.unwrap();
    for (number, more) in [(1_i64, true), (2, true), (3, false)] {
        let Some(Message::Call { request, options, procedure, payload }) = peer.recv().await else { panic!() };
        assert_eq!((request, procedure.as_str(), payload), (id(1), "a", Payload::of(number)));
        assert_eq!(options, Dict::new().with("progress", more));
    }
    answer(&mut peer, 1, false, 4).await;
    assert_eq!(call.result().await.unwrap().args(), [Value::Int(4)]);
}

#[tokio::test]
async fn nothing_more_is_sent_of_a_call_that_is_over() {
    let (session, mut peer) = joined(|options| options).await;
    let options = CallOptions::new().more_follows().receive_progress();
    let mut call = session.start_call("a", options, ()).await.unwrap();
    called(&mut peer).await;
    fail(&mut peer, 1, "a.error").await;
    assert_eq!(call.next().await, None);
    assert_eq!(call.send(()).await, Ok(()));
    assert_eq!(call.cancel(CancelMode::Kill).await, Ok(()));
    session.publish("b", vec![], Dict::new(), Dict::new()).await.unwrap();
    assert!(matches!(peer.recv().await, Some(Message::Publish { .. })));
    assert_eq!(call.result().await, Err(remote("a.error")));
}

#[tokio::test]
async fn a_call_is_canceled_in_each_mode() {
    for mode in [CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait] {
        let (session, mut peer) = joined(|options| options).await;
        let call = session.start_call("a", CallOptions::new(), ()).await.unwrap();
        called(&mut peer).await;
        call.cancel(mode).await.unwrap();
        assert_eq!(canceled(&mut peer).await, (1, mode.name().into()));
        fail(&mut peer, 1, "wamp.error.canceled").await;
        assert_eq!(call.result().await, Err(remote("wamp.error.canceled")));
    }
}

#[tokio::test]
async fn a_call_without_progress_is_canceled_while_it_is_waited_for() {
    for mode in [CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait] {
        let (session, mut peer) = joined(|options| options).await;
        let mut call = session.start_call("a", CallOptions::new(), ()).await.unwrap();
        tokio::select! {
            _ = call.next() => panic!("nobody answers"),
            (_, options) = called(&mut peer) => assert_eq!(options, Dict::new()),
        }
        call.cancel(mode).await.unwrap();
        assert_eq!(canceled(&mut peer).await, (1, mode.name().into()));
        answer(&mut peer, 1, false, 7).await;
        // As often as one likes.
        assert_eq!((call.next().await, call.next().await), (None, None));
        assert_eq!(call.result().await.unwrap().args(), [Value::Int(7)]);
    }
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_canceled_after_it_was_sent() {
    let (session, mut peer) = joined(|options| options).await;
    drop(session.start_call("a", CallOptions::new(), ()).await.unwrap());
    assert_eq!(called(&mut peer).await.0, 1);
    assert_eq!(canceled(&mut peer).await, (1, "killnowait".into()));
    // The future of a plain call as well.
    let call = session.call("a", vec![], Dict::new());
    let dropped = tokio::select! {
        _ = call => panic!("nobody answers"),
        call = called(&mut peer) => call.0,
    };
    assert_eq!(canceled(&mut peer).await, (dropped, "killnowait".into()));
    // The late answer does no harm.
    answer(&mut peer, dropped, false, 1).await;
    let (answer, _) = tokio::join!(session.call("b", vec![], Dict::new()), peer.echo());
    assert!(answer.is_ok());
}

#[tokio::test]
async fn deadlines_and_timeouts_end_a_call_here_and_there() {
    let (session, mut peer) = joined(|options| options).await;
    let options = CallOptions::new().receive_progress().deadline(Duration::from_millis(50));
    let mut call = session.start_call("a", options, ()).await.unwrap();
    called(&mut peer).await;
    answer(&mut peer, 1, true, 1).await;
    assert!(call.next().await.is_some());
    // Results do not put a deadline off.
    assert_eq!(call.next().await, None);
    assert_eq!(canceled(&mut peer).await, (1, "killnowait".into()));
    assert_eq!(call.result().await, Err(CallError::TimedOut));
    let options = CallOptions::new().timeout(Duration::from_millis(1500));
    let serve = async {
        assert_eq!(called(&mut peer).await, (2, Dict::new().with("timeout", 1500_u64)));
        fail(&mut peer, 2, "wamp.error.timeout").await;
    };
    let (result, ()) = tokio::join!(session.call_with("a", options, ()), serve);
    assert_eq!(result, Err(remote("wamp.error.timeout")));
}

#[tokio::test]
async fn a_server_without_a_feature_is_not_asked_for_it() {
    let (session, mut peer) = super::peer::joined_as(Dict::new(), |options| options).await;
    let streamed = session.start_call("a", CallOptions::new().more_follows(), ()).await;
    assert_eq!(streamed.err(), Some(CallError::NotSupported("progressive_call_invocations")));
    let call = session.start_call("a", CallOptions::new(), ()).await.unwrap();
    assert_eq!(call.cancel(CancelMode::Kill).await, Err(CallError::NotSupported("call_canceling")));
    drop(call);
    session.publish("b", vec![], Dict::new(), Dict::new()).await.unwrap();
    called(&mut peer).await;
    assert!(matches!(peer.recv().await, Some(Message::Publish { .. })));
}

#[tokio::test]
async fn answers_to_what_was_never_asked_break_the_protocol() {
    let result = Message::Result { request: id(2), details: Dict::new(), payload: Payload::absent() };
    let progress =
        Message::Result { request: id(2), details: Dict::new().with("progress", true), payload: Payload::absent() };
    let error = Message::error(MessageType::Call, id(2), "a.error", Payload::absent());
    let other_kind = Message::error(MessageType::Publish, id(1), "a.error", Payload::absent());
    let never = "an answer to a request that was never made";
    for (message, why) in
        [(result, never), (progress, never), (error, never), (other_kind, "an answer to a request of another kind")]
    {
        let (session, mut peer) = joined(|options| options).await;
        let call = session.start_call("a", CallOptions::new(), ()).await.unwrap();
        called(&mut peer).await;
        peer.send(message).await;
        assert_eq!(call.result().await, Err(CallError::Ended(Ended::ProtocolViolation(why.into()))));
        assert!(matches!(peer.recv().await, Some(Message::Abort { .. })));
    }
}

#[tokio::test]
async fn payloads_of_the_same_serializer_pass_as_they_are() {
    let (session, mut peer) = joined(|options| options).await;
    let call = session.call_with("a", CallOptions::new(), vec![1_i64.into()]);
    let (first, _) = tokio::join!(call, peer.echo());
    let first = first.unwrap();
    let (second, _) = tokio::join!(session.call_with("a", CallOptions::new(), first.payload.clone()), peer.echo());
    let second = second.unwrap();
    assert_eq!(format!("{:?}", second.payload), format!("{:?}", first.payload));
    assert_eq!(second.args(), [Value::Int(1)]);
}
