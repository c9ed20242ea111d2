//! CALL, INVOCATION, YIELD, ERROR, RESULT; progressive results; who is disclosed.

use super::*;

#[test]
fn a_call_goes_to_its_callee_and_the_result_back() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    assert_eq!(world.say(1, call(7, none(), "app.add")), ["2 < INVOCATION 1 1"]);
    assert_eq!(world.realm.pending_call_count(), 1);
    assert_eq!(world.say(2, yields(1, none())), ["1 < RESULT 7"]);
    assert_eq!(world.realm.pending_call_count(), 0);
}

#[test]
fn an_error_of_the_callee_is_one_for_the_call() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    let effects = world.effects(2, fails(1));
    let [Effect::Send { message: Message::Error { request_type, payload, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!((*request_type, payload), (MessageType::Call, &Payload::of("what went wrong")));
    assert_eq!(world.lines(effects), ["1 < ERROR CALL 7 app.error"]);
}

#[test]
fn invocations_are_counted_per_callee() {
    let mut world = World::of_five();
    world.register(2, "app.two");
    world.register(3, "app.three");
    // Request ids of callers come in any order.
    assert_eq!(world.say(1, call(9_000_000, none(), "app.two")), ["2 < INVOCATION 1 1"]);
    assert_eq!(world.say(1, call(3, none(), "app.three")), ["3 < INVOCATION 1 2"]);
    assert_eq!(world.say(4, call(3, none(), "app.two")), ["2 < INVOCATION 2 1"]);
    // Answers may overtake each other.
    assert_eq!(world.say(2, yields(2, none())), ["4 < RESULT 3"]);
    assert_eq!(world.say(2, yields(1, none())), ["1 < RESULT 9000000"]);
}

#[test]
fn a_session_can_call_itself() {
    let mut world = World::of_five();
    world.register(1, "app.add");
    assert_eq!(world.say(1, call(7, none(), "app.add")), ["1 < INVOCATION 1 1"]);
    assert_eq!(world.say(1, yields(1, none())), ["1 < RESULT 7"]);
}

#[test]
fn payloads_are_passed_on_as_they_came() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    let effects = world.effects(1, call(7, none(), "app.add"));
    let [Effect::Send { message: Message::Invocation { payload, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(*payload, Payload::of("argument"));
}

#[test]
fn caller_and_callee_are_always_disclosed() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    let effects = world.effects(1, call(7, with("disclose_me", false), "app.add"));
    let [Effect::Send { message: Message::Invocation { details, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let want = with("caller", 1_u64).with("caller_authid", "user1").with("caller_authrole", "odd");
    assert_eq!(*details, want);

    let effects = world.effects(2, yields(1, none()));
    let [Effect::Send { message: Message::Result { details, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let want = with("callee", 2_u64).with("callee_authid", "user2").with("callee_authrole", "even");
    assert_eq!(*details, want);
}

#[test]
fn an_unknown_procedure_is_answered_by_name() {
    let mut world = World::of_five();
    let effects = world.effects(1, call(7, none(), "app.add"));
    let [Effect::Send { message: Message::Error { payload, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(*payload, Payload::of("no callee registered for procedure <app.add>"));
    assert_eq!(world.lines(effects), ["1 < ERROR CALL 7 wamp.error.no_such_procedure"]);
}

#[test]
fn an_invalid_uri_or_option_ends_the_call_not_the_session() {
    let check = |options, procedure, want: &str| {
        let mut world = World::of_five();
        world.register(2, "app.add");
        let want = format!("1 < ERROR CALL 7 wamp.error.{want}");
        assert_eq!(world.say(1, call(7, options, procedure)), [want]);
        assert!(world.realm.session(id(1)).is_some());
    };
    check(none(), "app..add", "invalid_uri");
    check(none(), "", "invalid_uri");
    check(none(), "app add", "invalid_uri");
    check(with("timeout", "soon"), "app.add", "invalid_argument");
    check(with("timeout", -1_i64), "app.add", "invalid_argument");
    check(with("receive_progress", 1_u64), "app.add", "invalid_argument");
}

#[test]
fn null_options_are_absent_ones() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    let options = with("timeout", Value::Null).with("receive_progress", Value::Null);
    assert_eq!(world.say(1, call(7, options, "app.add")), ["2 < INVOCATION 1 1"]);
}

#[test]
fn custom_keys_are_passed_on_and_others_are_not() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    let options = with("_trace_id", "abc").with("caller", 4_u64).with("x", 1_u64);
    let effects = world.effects(1, call(7, options, "app.add"));
    let [Effect::Send { message: Message::Invocation { details, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(details.get("caller"), Some(&Value::Int(1)));
    assert_eq!(world.lines(effects), ["2 < INVOCATION 1 1 {_trace_id: abc}"]);
    assert_eq!(world.say(2, yields(1, with("_trace_id", "def"))), ["1 < RESULT 7 {_trace_id: def}"]);
}

#[test]
fn progressive_results_go_to_a_caller_that_asked_for_them() {
    let mut world = World::of_five();
    world.register(2, "app.count");
    let options = with("receive_progress", true);
    assert_eq!(world.say(1, call(7, options, "app.count")), ["2 < INVOCATION 1 1 {receive_progress: true}"]);
    for _ in 0..2 {
        assert_eq!(world.say(2, yields(1, with("progress", true))), ["1 < RESULT 7 {progress: true}"]);
    }
    assert_eq!(world.say(2, yields(1, none())), ["1 < RESULT 7"]);
    assert!(world.say(2, yields(1, with("progress", true))).is_empty());
}

#[test]
fn progressive_results_that_nobody_asked_for_are_dropped() {
    let mut world = World::of_five();
    world.register(2, "app.count");
    world.say(1, call(7, none(), "app.count"));
    assert!(world.say(2, yields(1, with("progress", true))).is_empty());
    assert_eq!(world.say(2, yields(1, with("progress", false))), ["1 < RESULT 7"]);
}

#[test]
fn a_callee_without_progressive_results_is_not_asked_for_them() {
    let mut world = World::of_five();
    world.register(5, "app.count");
    let options = with("receive_progress", true);
    assert_eq!(world.say(1, call(7, options, "app.count")), ["5 < INVOCATION 1 1"]);
}

#[test]
fn a_callee_that_can_not_be_interrupted_may_still_send_partial_results() {
    let mut world = World::of_five();
    world.join(9, ClientFeatures::default().with(Feature::ProgressiveCallResults));
    world.register(9, "app.count");
    let options = with("receive_progress", true);
    assert_eq!(world.say(1, call(7, options, "app.count")), ["9 < INVOCATION 1 1 {receive_progress: true}"]);
    assert_eq!(world.say(9, yields(1, with("progress", true))), ["1 < RESULT 7 {progress: true}"]);
    assert_eq!(world.say(1, cancel(7, "kill")), ["1 < ERROR CALL 7 wamp.error.canceled"]);
}

#[test]
fn a_request_id_can_be_used_again_after_the_answer() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    world.say(2, yields(1, none()));
    assert_eq!(world.say(1, call(7, none(), "app.add")), ["2 < INVOCATION 2 1"]);
}

#[test]
fn the_server_s_trust_in_a_session_reaches_callees_and_subscribers() {
    let mut world = World::of_five();
    let details = SessionDetails { trustlevel: Some(3), ..SessionDetails::new(SessionKind::Client, "joe", "user") };
    world.realm.join(world.now, id(9), details, &mut Vec::new());
    world.register(2, "app.add");
    world.subscribe(2, "app.news");
    assert_eq!(world.say(9, call(7, none(), "app.add")), ["2 < INVOCATION 1 1 {trustlevel: 3}"]);
    assert_eq!(world.say(9, publish(8, none(), "app.news")), ["2 < EVENT 1 P0 {trustlevel: 3}"]);
}

#[test]
fn a_session_under_the_id_of_one_that_left_is_disclosed_as_itself() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    for authid in ["joe", "ann"] {
        let details = SessionDetails::new(SessionKind::Client, authid, "user");
        world.realm.join(world.now, id(9), details, &mut Vec::new());
        for request in 1..=2 {
            let effects = world.effects(9, call(request, none(), "app.add"));
            let [Effect::Send { message: Message::Invocation { details, .. }, .. }] = effects.as_slice() else {
                panic!("{effects:?}")
            };
            assert_eq!(*details, with("caller", 9_u64).with("caller_authid", authid).with("caller_authrole", "user"));
        }
    }
}
