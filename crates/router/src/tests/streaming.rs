//! Progressive call invocations.

use super::*;

/// Sessions 1 to 3 announced them, 4 to 6 did not; 2 has registered `app.upload`.
fn world() -> World {
    let mut world = World::new();
    for session in 1..=3 {
        world.join(session, streaming());
    }
    world.join(4, all_features());
    world.join(5, ClientFeatures::default());
    world.join(6, ClientFeatures::default().with(Feature::ProgressiveCallsAsCallee));
    world.register(2, "app.upload");
    world
}

fn more() -> Dict {
    with("progress", true)
}

#[test]
fn all_parts_of_a_call_are_one_invocation() {
    let mut world = world();
    assert_eq!(world.say(1, call(7, more(), "app.upload")), ["2 < INVOCATION 1 1 {progress: true}"]);
    assert_eq!(world.say(1, call(7, more(), "app.upload")), ["2 < INVOCATION 1 1 {progress: true}"]);
    assert_eq!(world.say(1, call(8, none(), "app.upload")), ["2 < INVOCATION 2 1"]);
    assert_eq!(world.say(1, call(7, none(), "app.upload")), ["2 < INVOCATION 1 1"]);
    assert_eq!(world.realm.pending_call_count(), 2);
    assert_eq!(world.say(2, yields(1, none())), ["1 < RESULT 7"]);
}

#[test]
fn the_options_of_the_first_part_hold_for_all() {
    let mut world = world();
    world.register_with(2, with("match", "prefix"), "app.");
    let options = more().with("receive_progress", true).with("_trace_id", "x").with("timeout", 100_u64);
    let effects = world.effects(1, call(7, options, "app.other"));
    let [Effect::Send { message: Message::Invocation { details: first, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(first.get("procedure"), Some(&Value::from("app.other")));
    assert_eq!(first.get("caller"), Some(&Value::Int(1)));
    let effects = world.effects(1, call(7, more().with("_trace_id", "y").with("timeout", 0_u64), "app.other"));
    let [Effect::Send { message: Message::Invocation { details, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(details, first);
    assert_eq!(world.say(2, yields(1, more())), ["1 < RESULT 7 {progress: true}"]);
    assert_eq!(world.pass(100).last().unwrap(), "1 < ERROR CALL 7 wamp.error.timeout");
}

#[test]
fn who_did_not_announce_it_breaks_the_protocol() {
    let mut world = world();
    assert_eq!(
        world.say(4, call(7, more(), "app.upload")),
        ["4 closed wamp.error.protocol_violation: CALL 7 is progressive, which was not announced"]
    );
}

#[test]
fn a_callee_that_can_t_take_parts_is_not_called() {
    let check = |callee: u64| {
        let mut world = world();
        world.register(callee, "app.other");
        assert_eq!(world.say(1, call(7, more(), "app.other")), ["1 < ERROR CALL 7 wamp.error.feature_not_supported"]);
        assert_eq!(world.realm.pending_call_count(), 0);
        assert_eq!(world.say(1, call(8, none(), "app.other")), [format!("{callee} < INVOCATION 1 2")]);
    };
    check(4);
    check(5);
    // Parts without canceling are not enough.
    check(6);
    assert_eq!(
        world().say(1, call(7, more(), "wamp.registration.list")),
        ["1 < ERROR CALL 7 wamp.error.feature_not_supported"]
    );
}

#[test]
fn of_shared_callees_the_next_one_that_can_take_parts_is_called() {
    let check = |policy: &str, want: u64| {
        let mut world = world();
        for session in [6, 2, 3, 4, 5] {
            world.register_with(session, with("invoke", policy), "app.shared");
        }
        assert_eq!(
            world.say(1, call(7, more(), "app.shared")),
            [format!("{want} < INVOCATION 1 2 {{progress: true}}")]
        );
        assert_eq!(world.realm.pending_call_count(), 1);
    };
    check("first", 2);
    check("last", 3);
    check("roundrobin", 2);
}

#[test]
fn a_part_that_comes_late_is_dropped() {
    let mut world = world();
    world.say(1, call(7, more(), "app.upload"));
    assert_eq!(world.say(2, fails(1)), ["1 < ERROR CALL 7 app.error"]);
    assert!(world.say(1, call(7, more(), "app.upload")).is_empty());
    assert!(world.say(1, call(7, none(), "app.upload")).is_empty());
    assert!(world.realm.session(id(1)).is_some());
    assert_eq!(world.say(1, call(8, none(), "app.upload")), ["2 < INVOCATION 2 1"]);
}

#[test]
fn parts_after_the_last_one_or_for_another_procedure_break_the_protocol() {
    let mut world = world();
    world.say(1, call(7, more(), "app.upload"));
    world.say(1, call(7, none(), "app.upload"));
    let lines = world.say(1, call(7, none(), "app.upload"));
    assert_eq!(lines[0], "1 closed wamp.error.protocol_violation: CALL 7 still waits for its answer");
    world.say(3, call(7, more(), "app.upload"));
    let lines = world.say(3, call(7, more(), "app.other"));
    assert_eq!(lines[0], "3 closed wamp.error.protocol_violation: CALL 7 can't go on with another procedure");
}

#[test]
fn all_parts_go_to_the_callee_of_the_first() {
    let mut world = world();
    for session in [2, 3] {
        world.register_with(session, with("invoke", "roundrobin"), "app.shared");
    }
    assert_eq!(world.say(1, call(7, more(), "app.shared")), ["2 < INVOCATION 1 2 {progress: true}"]);
    assert_eq!(world.say(1, call(8, more(), "app.shared")), ["3 < INVOCATION 1 2 {progress: true}"]);
    assert_eq!(world.say(1, call(7, none(), "app.shared")), ["2 < INVOCATION 1 2"]);
    assert_eq!(world.say(1, call(8, none(), "app.shared")), ["3 < INVOCATION 1 2"]);
}

#[test]
fn only_the_first_part_can_move_to_another_callee() {
    let mut world = world();
    for session in [2, 3] {
        world.register_with(session, with("invoke", "first"), "app.shared");
    }
    world.say(1, call(7, more(), "app.shared"));
    assert_eq!(world.say(2, unavailable(1)), ["3 < INVOCATION 1 2 {progress: true}"]);
    assert_eq!(world.say(1, call(7, none(), "app.shared")), ["3 < INVOCATION 1 2"]);
    world.say(1, call(8, more(), "app.shared"));
    world.say(1, call(8, more(), "app.shared"));
    assert_eq!(world.say(2, unavailable(2)), ["1 < ERROR CALL 8 wamp.error.no_available_callee"]);
}

#[test]
fn cancel_and_leaving_end_the_call_as_any_other() {
    let mut world = world();
    world.say(1, call(7, more(), "app.upload"));
    assert_eq!(world.say(1, cancel(7, "kill")), ["2 < INTERRUPT 1 {mode: kill, reason: wamp.error.canceled}"]);
    assert!(world.say(1, call(7, more(), "app.upload")).is_empty(), "the callee was interrupted");
    assert_eq!(world.say(2, fails(1)), ["1 < ERROR CALL 7 app.error"]);
    world.say(1, call(8, more(), "app.upload"));
    assert_eq!(world.leave(1), ["2 < INTERRUPT 2 {mode: killnowait, reason: wamp.error.canceled}"]);
    world.say(3, call(1, more(), "app.upload"));
    assert_eq!(world.leave(2), ["3 < ERROR CALL 1 wamp.error.canceled"]);
    assert!(world.say(3, call(1, none(), "app.upload")).is_empty());
}
