//! Procedures that the client offers.

use std::sync::Arc;

use countersign_client::{
    Dict, Ended, HandlerError, Id, Invocation, Message, OnInterrupt, RegisterOptions, RegistrationEnd, Reply, Session,
    Value,
};
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
    match invocation.args().first().and_then(Value::as_str) {
        Some("refuse") => Err(HandlerError::new("a.error", "no")),
        Some("panic") => panic!("a procedure that fails"),
        Some("long") => Ok((vec![vec![0_u8; 1100].into()], Dict::new())),
        _ => Ok((invocation.args(), Dict::new().with("k", 1_i64))),
    }
}

async fn register(session: &Session, peer: &mut Peer) -> countersign_client::Registration {
    let (registered, ()) = tokio::join!(session.register("a", Dict::new(), procedure), peer.registered(3));
    registered.unwrap()
}

#[tokio::test]
async fn invocations_are_answered_by_the_procedure() {
    let (session, mut peer) = joined_with(FrameLimit::at_most(1024), |options| options).await;
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
            let called = inner.call("b", invocation.args(), Dict::new()).await;
            called.map_err(|error| HandlerError::new("a.error", error.to_string()))
        }
    };
    let (registered, ()) = tokio::join!(session.register("a", Dict::new(), handler), peer.registered(3));
    registered.unwrap();
    invoke(&mut peer, 1, 3, vec!["x".into()]).await;
    assert_eq!(peer.echo().await, "b");
    assert_eq!(yields(&mut peer, 1).await, Payload::of("x"));
}

async fn register_as<T: Into<Reply>, F: Future<Output = Result<T, HandlerError>> + Send + 'static>(
    session: &Session,
    peer: &mut Peer,
    options: RegisterOptions,
    handler: impl Fn(Invocation) -> F + Send + Sync + 'static,
) -> countersign_client::Registration {
    let (registered, ()) = tokio::join!(session.register("a", options, handler), peer.registered(3));
    registered.unwrap()
}

async fn invoke_with(peer: &mut Peer, request: u64, details: Dict, args: Vec<Value>) {
    let (request, registration) = (id(request), id(3));
    peer.send(Message::Invocation { request, registration, details, payload: args.into() }).await;
}

async fn interrupt(peer: &mut Peer, request: u64, reason: &str) {
    let options = Dict::new().with("mode", "kill").with("reason", reason);
    peer.send(Message::Interrupt { request: id(request), options }).await;
}

#[tokio::test]
async fn an_invocation_tells_who_calls_and_how() {
    let (session, mut peer) = joined(|options| options).await;
    let handler = |invocation: Invocation| async move {
        Ok(vec![
            invocation.caller().map(Id::get).into(),
            invocation.caller_authid().into(),
            invocation.caller_authrole().into(),
            invocation.trust_level().into(),
            invocation.procedure().into(),
            invocation.wants_progress().into(),
            invocation.has_parts().into(),
            invocation.timeout().map(|timeout| timeout.as_secs()).into(),
            invocation.passthru().map(|passthru| passthru.scheme).into(),
        ])
    };
    register_as(&session, &mut peer, RegisterOptions::new(), handler).await;
    let details = Dict::new()
        .with("caller", 9_u64)
        .with("caller_authid", "alice")
        .with("caller_authrole", "trust")
        .with("trustlevel", 2_u64)
        .with("procedure", "a.b")
        .with("receive_progress", true)
        .with("timeout", 5000_u64)
        .with("ppt_scheme", "x_own");
    invoke_with(&mut peer, 1, details, vec![]).await;
    let want: Vec<Value> = vec![
        9_u64.into(),
        "alice".into(),
        "trust".into(),
        2_u64.into(),
        "a.b".into(),
        true.into(),
        false.into(),
        5_u64.into(),
        "x_own".into(),
    ];
    assert_eq!(yields(&mut peer, 1).await, want.into());
    invoke_with(&mut peer, 2, Dict::new(), vec![]).await;
    let nothing = || Value::Null;
    let want =
        vec![nothing(), nothing(), nothing(), nothing(), nothing(), false.into(), false.into(), nothing(), nothing()];
    assert_eq!(yields(&mut peer, 2).await, want.into());
}

#[tokio::test]
async fn progress_goes_to_callers_that_want_it() {
    let (session, mut peer) = joined(|options| options).await;
    let handler = |invocation: Invocation| async move {
        for number in 0..2_i64 {
            invocation.progress(vec![number.into()]).await.unwrap();
        }
        Ok(vec![Value::from("done")])
    };
    register_as(&session, &mut peer, RegisterOptions::new(), handler).await;
    invoke_with(&mut peer, 1, Dict::new(), vec![]).await;
    assert_eq!(yields(&mut peer, 1).await, Payload::of("done"));
    invoke_with(&mut peer, 2, Dict::new().with("receive_progress", true), vec![]).await;
    for number in 0..2_i64 {
        let Some(Message::Yield { request, options, payload }) = peer.recv().await else { panic!() };
        assert_eq!((request, options), (id(2), Dict::new().with("progress", true)));
        assert_eq!(payload, Payload::of(number));
    }
    assert_eq!(yields(&mut peer, 2).await, Payload::of("done"));
}

#[tokio::test]
async fn parts_of_the_arguments_reach_the_same_handler() {
    let (session, mut peer) = joined(|options| options).await;
    let handler = |mut invocation: Invocation| async move {
        let mut all = invocation.args();
        while let Some(part) = invocation.next_part().await {
            all.extend(part.values().0);
        }
        Ok(all)
    };
    register_as(&session, &mut peer, RegisterOptions::new(), handler).await;
    let more = || Dict::new().with("progress", true);
    for (request, details, number) in
        [(1, more(), 1_i64), (2, more(), 10), (1, more(), 2), (1, Dict::new(), 3), (2, Dict::new(), 20)]
    {
        invoke_with(&mut peer, request, details, vec![number.into()]).await;
    }
    let mut answers = Vec::new();
    for _ in 0..2 {
        let Some(Message::Yield { request, payload, .. }) = peer.recv().await else { panic!() };
        answers.push((request.get(), payload));
    }
    answers.sort_by_key(|(request, _)| *request);
    let list = |numbers: &[i64]| Payload::from(numbers.iter().map(|number| Value::Int(*number)).collect::<Vec<_>>());
    assert_eq!(answers, [(1, list(&[1, 2, 3])), (2, list(&[10, 20]))]);
}

#[tokio::test]
async fn parts_that_come_after_the_answer_start_nothing() {
    let (session, mut peer) = joined(|options| options).await;
    let handler = |invocation: Invocation| async move { Ok(invocation.payload) };
    register_as(&session, &mut peer, RegisterOptions::new(), handler).await;
    invoke_with(&mut peer, 1, Dict::new().with("progress", true), vec!["first".into()]).await;
    assert_eq!(yields(&mut peer, 1).await, Payload::of("first"));
    invoke_with(&mut peer, 1, Dict::new(), vec!["late".into()]).await;
    invoke_with(&mut peer, 2, Dict::new(), vec!["second".into()]).await;
    assert_eq!(yields(&mut peer, 2).await, Payload::of("second"));
}

#[tokio::test]
async fn a_handler_that_takes_no_parts_is_stopped_when_too_many_wait() {
    for (parts, stopped) in [(256, false), (257, true)] {
        let (session, mut peer) = joined(|options| options).await;
        let go_on = Arc::new(Notify::new());
        let waiting = Arc::clone(&go_on);
        let handler = move |invocation: Invocation| {
            let waiting = Arc::clone(&waiting);
            async move {
                let _kept = invocation;
                waiting.notified().await;
                Ok(())
            }
        };
        let options = RegisterOptions::new().on_interrupt(OnInterrupt::Tell);
        register_as(&session, &mut peer, options, handler).await;
        for _ in 0..=parts {
            invoke_with(&mut peer, 1, Dict::new().with("progress", true), vec![]).await;
        }
        if stopped {
            assert_eq!(fails(&mut peer, 1).await, "wamp.error.canceled");
        } else {
            let (answer, _) = tokio::join!(session.call("b", vec![], Dict::new()), peer.echo());
            assert!(answer.is_ok());
            go_on.notify_one();
            yields(&mut peer, 1).await;
        }
    }
}

/// Says on drop that it was dropped.
struct Guard(tokio::sync::mpsc::Sender<()>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.try_send(()).unwrap();
    }
}

#[tokio::test]
async fn an_interrupt_stops_the_handler() {
    for (reason, error) in [
        ("wamp.error.canceled", "wamp.error.canceled"),
        ("wamp.error.timeout", "wamp.error.timeout"),
        ("a.reason", "wamp.error.canceled"),
    ] {
        let (session, mut peer) = joined(|options| options).await;
        let (sender, mut stopped) = tokio::sync::mpsc::channel(1);
        let handler = move |_| {
            let guard = Guard(sender.clone());
            async move {
                let _guard = guard;
                std::future::pending::<Result<(), _>>().await
            }
        };
        register_as(&session, &mut peer, RegisterOptions::new(), handler).await;
        invoke(&mut peer, 1, 3, vec![]).await;
        interrupt(&mut peer, 1, reason).await;
        assert_eq!(fails(&mut peer, 1).await, error);
        assert_eq!(stopped.recv().await, Some(()));
        // What is over already can't be interrupted.
        interrupt(&mut peer, 1, reason).await;
        interrupt(&mut peer, 9, reason).await;
        let (answer, _) = tokio::join!(session.call("b", vec![], Dict::new()), peer.echo());
        assert!(answer.is_ok());
    }
}

#[tokio::test]
async fn a_handler_that_wants_to_be_told_answers_itself() {
    let (session, mut peer) = joined(|options| options).await;
    let handler = |invocation: Invocation| async move {
        invocation.interrupted().await;
        let interrupt = invocation.interrupt().unwrap();
        Ok(vec![interrupt.mode.into(), interrupt.reason.into()])
    };
    let options = RegisterOptions::new().on_interrupt(OnInterrupt::Tell);
    register_as(&session, &mut peer, options, handler).await;
    invoke(&mut peer, 1, 3, vec![]).await;
    interrupt(&mut peer, 1, "a.reason").await;
    assert_eq!(yields(&mut peer, 1).await, vec!["kill".into(), "a.reason".into()].into());
}

#[tokio::test]
async fn a_timeout_that_is_the_callees_to_keep_is_kept() {
    let (session, mut peer) = joined(|options| options).await;
    let handler = |_| std::future::pending::<Result<(), _>>();
    register_as(&session, &mut peer, RegisterOptions::new().forward_timeout(), handler).await;
    let timeout = || Dict::new().with("timeout", 20_u64);
    invoke_with(&mut peer, 1, timeout(), vec![]).await;
    assert_eq!(fails(&mut peer, 1).await, "wamp.error.timeout");
    let told = |invocation: Invocation| async move {
        invocation.interrupted().await;
        Ok(vec![invocation.interrupt().unwrap().reason.into()])
    };
    let options = RegisterOptions::new().forward_timeout().on_interrupt(OnInterrupt::Tell);
    register_as(&session, &mut peer, options, told).await;
    invoke_with(&mut peer, 2, timeout(), vec![]).await;
    assert_eq!(yields(&mut peer, 2).await, Payload::of("wamp.error.timeout"));
}

#[tokio::test]
async fn a_procedure_has_a_limit_of_its_own() {
    let (session, mut peer) = joined(|options| options).await;
    let go_on = Arc::new(Notify::new());
    let waiting = Arc::clone(&go_on);
    let handler = move |_| {
        let waiting = Arc::clone(&waiting);
        async move {
            waiting.notified().await;
            Ok(())
        }
    };
    register_as(&session, &mut peer, RegisterOptions::new().concurrency_max(1), handler).await;
    invoke(&mut peer, 1, 3, vec![]).await;
    invoke(&mut peer, 2, 3, vec![]).await;
    assert_eq!(fails(&mut peer, 2).await, "wamp.error.unavailable");
    go_on.notify_one();
    yields(&mut peer, 1).await;
    go_on.notify_one();
    invoke(&mut peer, 3, 3, vec![]).await;
    yields(&mut peer, 3).await;
}

#[tokio::test]
async fn a_registration_tells_how_it_ended() {
    let (session, mut peer) = joined(|options| options).await;
    let ended = register(&session, &mut peer).await;
    let serve = async {
        let Some(Message::Unregister { request, .. }) = peer.recv().await else { panic!() };
        peer.send(Message::Unregistered { request: Some(request), details: None }).await;
    };
    assert_eq!(ended.end(), None);
    tokio::join!(session.unregister(&ended), serve).0.unwrap();
    assert_eq!((ended.end(), ended.ended().await), {
        (Some(RegistrationEnd::Unregistered), RegistrationEnd::Unregistered)
    });
    let revoked = register(&session, &mut peer).await;
    let details = Dict::new().with("registration", 3_u32).with("reason", "a.reason");
    peer.send(Message::Unregistered { request: None, details: Some(details) }).await;
    assert_eq!(revoked.ended().await, RegistrationEnd::Revoked { reason: Some("a.reason".into()) });
    let left = register(&session, &mut peer).await;
    drop(peer);
    assert_eq!(left.ended().await, RegistrationEnd::SessionEnded);
    assert_eq!(left.end(), Some(RegistrationEnd::SessionEnded));
}

#[tokio::test]
async fn a_registration_that_nobody_waited_for_is_taken_back() {
    let (session, mut peer) = joined(|options| options).await;
    let dropped = tokio::select! {
        _ = session.register("a", Dict::new(), procedure) => panic!("nobody answers"),
        message = peer.recv() => message,
    };
    let Some(Message::Register { request, .. }) = dropped else { panic!() };
    peer.send(Message::Registered { request, registration: id(3) }).await;
    let Some(Message::Unregister { registration, .. }) = peer.recv().await else { panic!() };
    assert_eq!(registration, id(3));
    invoke(&mut peer, 1, 3, vec![]).await;
    assert_eq!(fails(&mut peer, 1).await, "wamp.error.no_such_registration");
}

#[tokio::test]
async fn an_invocation_with_the_number_of_one_under_way_breaks_the_protocol() {
    let (session, mut peer) = joined(|options| options).await;
    let handler = |_| std::future::pending::<Result<(), _>>();
    register_as(&session, &mut peer, RegisterOptions::new(), handler).await;
    invoke(&mut peer, 1, 3, vec![]).await;
    invoke(&mut peer, 1, 3, vec![]).await;
    assert!(matches!(peer.recv().await, Some(Message::Abort { .. })));
    assert_eq!(session.ended().await, Ended::ProtocolViolation("an invocation that is under way already".into()));
}
