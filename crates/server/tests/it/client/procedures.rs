//! Calls and registrations.

use std::time::Duration;

use countersign_client::{
    CallError, CallOptions, CallResult, CancelMode, Dict, HandlerError, Invocation, InvokePolicy, MatchPolicy,
    OnInterrupt, Passthru, RegisterOptions, RegistrationEnd, Session, Value,
};
use tokio::sync::mpsc;

use super::bobs;
use crate::support::{PREFIX, SOON};

fn uri(name: &str) -> String {
    format!("{PREFIX}.client.{name}")
}

/// The URI of the error that ended a call.
fn error_of(result: Result<CallResult, CallError>) -> String {
    match result {
        Err(CallError::Remote { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn results_and_arguments_stream() {
    let (_server, [offering, caller]) = bobs().await;
    // A running sum, number by number.
    let sum = |mut invocation: Invocation| async move {
        let mut sum = 0;
        let mut args = invocation.args();
        loop {
            sum += args[0].as_u64().unwrap();
            invocation.progress(vec![sum.into()]).await.unwrap();
            match invocation.next_part().await {
                Some(part) => args = part.values().0,
                None => return Ok(vec![sum.into()]),
            }
        }
    };
    offering.register(&uri("sum"), RegisterOptions::new(), sum).await.unwrap();
    let options = CallOptions::new().receive_progress().more_follows();
    let mut call = caller.start_call(&uri("sum"), options, vec![1_u64.into()]).await.unwrap();
    assert_eq!(call.next().await.unwrap().args(), [Value::Int(1)]);
    call.send(vec![2_u64.into()]).await.unwrap();
    assert_eq!(call.next().await.unwrap().args(), [Value::Int(3)]);
    call.send_last(vec![3_u64.into()]).await.unwrap();
    assert_eq!(call.next().await.unwrap().args(), [Value::Int(6)]);
    assert_eq!(call.next().await, None);
    assert_eq!(call.result().await.unwrap().args(), [Value::Int(6)]);
}

/// Registers a procedure that says how it was interrupted, once it was.
async fn register_waiting(offering: &Session) -> (mpsc::Receiver<()>, mpsc::Receiver<String>) {
    let (started, starts) = mpsc::channel(8);
    let (interrupted, interrupts) = mpsc::channel(8);
    let wait = move |invocation: Invocation| {
        let (started, interrupted) = (started.clone(), interrupted.clone());
        async move {
            started.try_send(()).unwrap();
            invocation.interrupted().await;
            let mode = invocation.interrupt().and_then(|interrupt| interrupt.mode).unwrap_or_default();
            interrupted.try_send(mode).unwrap();
            Err::<(), _>(HandlerError::new("a.stopped", "stopped"))
        }
    };
    let options = RegisterOptions::new().on_interrupt(OnInterrupt::Tell);
    offering.register(&uri("wait"), options, wait).await.unwrap();
    (starts, interrupts)
}

async fn soon<T>(receiver: &mut mpsc::Receiver<T>) -> T {
    tokio::time::timeout(SOON, receiver.recv()).await.expect("soon").unwrap()
}

#[tokio::test]
async fn calls_are_canceled_as_the_mode_says() {
    let (_server, [offering, caller]) = bobs().await;
    let (mut starts, mut interrupts) = register_waiting(&offering).await;
    for (mode, error, interrupted) in [
        (CancelMode::Kill, "a.stopped", true),
        (CancelMode::KillNoWait, "wamp.error.canceled", true),
        (CancelMode::Skip, "wamp.error.canceled", false),
    ] {
        let call = caller.start_call(&uri("wait"), CallOptions::new(), ()).await.unwrap();
        soon(&mut starts).await;
        call.cancel(mode).await.unwrap();
        assert_eq!(error_of(call.result().await), error, "{mode:?}");
        if interrupted {
            assert_eq!(soon(&mut interrupts).await, mode.name());
        }
    }
    // One that was dropped is canceled as well.
    drop(caller.start_call(&uri("wait"), CallOptions::new(), ()).await.unwrap());
    assert_eq!(soon(&mut interrupts).await, "killnowait");
}

#[tokio::test]
async fn timeouts_are_kept_by_the_server_or_by_the_callee() {
    let (_server, [offering, caller]) = bobs().await;
    for (name, options) in [("slow", RegisterOptions::new()), ("forwarded", RegisterOptions::new().forward_timeout())] {
        let never = |_| std::future::pending::<Result<(), _>>();
        offering.register(&uri(name), options, never).await.unwrap();
        let options = CallOptions::new().timeout(Duration::from_millis(50));
        assert_eq!(error_of(caller.call_with(&uri(name), options, ()).await), "wamp.error.timeout", "{name}");
    }
    let options = CallOptions::new().deadline(Duration::from_millis(50));
    assert_eq!(caller.call_with(&uri("slow"), options, ()).await, Err(CallError::TimedOut));
}

#[tokio::test]
async fn a_handler_sees_who_calls_what_and_how() {
    let (_server, [offering, caller]) = bobs().await;
    let who = |invocation: Invocation| async move {
        let caller = invocation.caller().map(Value::from);
        let packed = invocation.passthru().map(|passthru| passthru.scheme);
        Ok(vec![
            caller.into(),
            invocation.caller_authid().into(),
            invocation.caller_authrole().into(),
            invocation.procedure().into(),
            invocation.wants_progress().into(),
            packed.into(),
        ])
    };
    let options = RegisterOptions::new().matching(MatchPolicy::Wildcard);
    offering.register(&format!("{PREFIX}..who"), options, who).await.unwrap();
    let packed = Passthru { scheme: "x_own".into(), ..Passthru::default() };
    let options = CallOptions::new().disclose_me().receive_progress().passthru(packed);
    let result = caller.call_with(&uri("who"), options, vec![vec![1_u8].into()]).await.unwrap();
    assert_eq!(result.callee(), Some(offering.session_id()));
    let want: Vec<Value> = vec![
        caller.session_id().into(),
        "bob".into(),
        "backend".into(),
        uri("who").into(),
        true.into(),
        "x_own".into(),
    ];
    assert_eq!(result.args(), want);
}

#[tokio::test]
async fn callees_share_a_procedure_and_hand_calls_on_when_busy() {
    let (_server, [first, second, caller]) = bobs().await;
    let (mut starts, _interrupts) = {
        let (started, starts) = mpsc::channel(1);
        let busy = move |_| {
            started.try_send(()).unwrap();
            std::future::pending::<Result<(), _>>()
        };
        let options = RegisterOptions::new().invoke(InvokePolicy::First).concurrency_max(1);
        first.register(&uri("shared"), options, busy).await.unwrap();
        (starts, ())
    };
    let options = RegisterOptions::new().invoke(InvokePolicy::First);
    second.register(&uri("shared"), options, |_| async { Ok(vec!["second".into()]) }).await.unwrap();
    let stuck = caller.start_call(&uri("shared"), CallOptions::new(), ()).await.unwrap();
    soon(&mut starts).await;
    let result = caller.call_with(&uri("shared"), CallOptions::new(), ()).await.unwrap();
    assert_eq!(result.args(), [Value::from("second")]);
    drop(stuck);
    let names = [(InvokePolicy::Last, "last"), (InvokePolicy::RoundRobin, "robin"), (InvokePolicy::Random, "random")];
    for (policy, name) in names {
        for (offering, answer) in [(&first, "a"), (&second, "b")] {
            let options = RegisterOptions::new().invoke(policy);
            let answers = move |_| async move { Ok(vec![answer.into()]) };
            offering.register(&uri(name), options, answers).await.unwrap();
        }
        let mut answers = Vec::new();
        for _ in 0..4 {
            let (args, _) = caller.call(&uri(name), vec![], Dict::new()).await.unwrap();
            answers.push(args[0].as_str().unwrap().to_owned());
        }
        match policy {
            InvokePolicy::Last => assert_eq!(answers, ["b"; 4]),
            InvokePolicy::RoundRobin => assert_eq!(answers.iter().filter(|answer| *answer == "a").count(), 2),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_key_finds_the_same_callee_again() {
    let (_server, [first, second, caller]) = bobs().await;
    for (offering, node) in [(&first, "a"), (&second, "b")] {
        let options = RegisterOptions::new().invoke(InvokePolicy::RoundRobin).nkey(node);
        let answers = move |_| async move { Ok(vec![node.into()]) };
        offering.register(&uri("sharded"), options, answers).await.unwrap();
    }
    let ask = async |key: u32| {
        let options = CallOptions::new().rkey(&format!("sn{key}"));
        caller.call_with(&uri("sharded"), options, ()).await.unwrap().args()[0].as_str().unwrap().to_owned()
    };
    let mut homes = Vec::new();
    for key in 0..20 {
        homes.push(ask(key).await);
        assert_eq!(ask(key).await, homes[homes.len() - 1]);
    }
    assert!(["a", "b"].into_iter().all(|node| homes.iter().any(|home| home == node)), "{homes:?}");
}

#[tokio::test]
async fn a_procedure_can_be_taken_over_and_its_first_callee_sees_it() {
    let (_server, [first, second]) = bobs().await;
    let answer = |text: &'static str| move |_| async move { Ok(vec![text.into()]) };
    let registration = first.register(&uri("taken"), RegisterOptions::new(), answer("first")).await.unwrap();
    let refused = second.register(&uri("taken"), RegisterOptions::new(), answer("second")).await;
    let refused = refused.map(|_| panic!("it is taken"));
    assert_eq!(error_of(refused), "wamp.error.procedure_already_exists");
    assert_eq!(registration.end(), None);
    let options = RegisterOptions::new().force_reregister();
    let second_registration = second.register(&uri("taken"), options, answer("second")).await.unwrap();
    let ended = tokio::time::timeout(SOON, registration.ended()).await.expect("soon");
    assert!(matches!(ended, RegistrationEnd::Revoked { .. }));
    assert_eq!(first.call(&uri("taken"), vec![], Dict::new()).await.unwrap().0, [Value::from("second")]);
    second.unregister(&second_registration).await.unwrap();
    assert_eq!(second_registration.end(), Some(RegistrationEnd::Unregistered));
    let gone = first.call_with(&uri("taken"), CallOptions::new(), ()).await;
    assert_eq!(error_of(gone), "wamp.error.no_such_procedure");
}

#[tokio::test]
async fn an_error_reaches_the_caller_with_its_uri_and_values() {
    let (_server, [offering, caller]) = bobs().await;
    let values = || (vec![Value::Int(1)], Dict::new().with("k", "v"));
    let fails = move |_| async move { Err::<(), _>(HandlerError::with_payload("a.error", values())) };
    offering.register(&uri("fails"), RegisterOptions::new(), fails).await.unwrap();
    let Err(CallError::Remote { error, args, kwargs, .. }) = caller.call(&uri("fails"), vec![], Dict::new()).await
    else {
        panic!("it fails")
    };
    assert_eq!((error.as_str(), (args, kwargs)), ("a.error", values()));
}
