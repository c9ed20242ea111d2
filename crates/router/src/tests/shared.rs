//! Shared registrations: which callee gets a call, and who is next if it is unavailable.

use super::*;

fn invoke(policy: &str) -> Dict {
    with("invoke", policy)
}

/// Sessions 2, 3 and 4 share `app.add`.
fn shared(policy: &str) -> World {
    let mut world = World::of_five();
    for session in 2..=4 {
        assert_eq!(world.say(session, register(9, invoke(policy), "app.add")), [format!("{session} < REGISTERED 9 1")]);
    }
    world
}

/// The callee that gets a call of session 1.
fn callee(world: &mut World, request: u64) -> u64 {
    invoked(&world.say(1, call(request, none(), "app.add")))
}

fn invoked(lines: &[String]) -> u64 {
    let [line] = lines else { panic!("{lines:?}") };
    let (callee, rest) = line.split_once(" < ").unwrap();
    assert!(rest.starts_with("INVOCATION"), "{line}");
    callee.parse().unwrap()
}

fn callees(world: &mut World, requests: std::ops::Range<u64>) -> Vec<u64> {
    requests.map(|request| callee(world, request)).collect()
}

const NO_ONE: &str = "1 < ERROR CALL 7 wamp.error.no_available_callee";

#[test]
fn the_policy_says_who_gets_a_call() {
    let check = |policy, want: &[u64]| {
        assert_eq!(callees(&mut shared(policy), 1..6), want, "{policy}");
    };
    check("first", &[2, 2, 2, 2, 2]);
    check("last", &[4, 4, 4, 4, 4]);
    check("roundrobin", &[2, 3, 4, 2, 3]);
}

#[test]
fn at_random_all_get_their_share() {
    let got = callees(&mut shared("random"), 1..301);
    for session in 2..=4 {
        let share = got.iter().filter(|callee| **callee == session).count();
        assert!((70..130).contains(&share), "{session} got {share} of 300");
    }
}

#[test]
fn all_callees_must_want_the_same_policy_and_none_twice() {
    let check = |first: Dict, second: Dict| {
        let mut world = World::of_five();
        world.register_with(2, first, "app.add");
        assert_eq!(
            world.say(3, register(5, second, "app.add")),
            ["3 < ERROR REGISTER 5 wamp.error.procedure_already_exists"]
        );
    };
    check(invoke("first"), invoke("last"));
    check(invoke("first"), none());
    check(none(), invoke("first"));
    check(invoke("single"), invoke("single"));
    let mut world = shared("first");
    assert_eq!(
        world.say(2, register(5, invoke("first"), "app.add")),
        ["2 < ERROR REGISTER 5 wamp.error.procedure_already_exists"]
    );
    assert_eq!(world.realm.registration_count(), 1);
}

#[test]
fn patterns_are_shared_as_well() {
    let mut world = World::of_five();
    for session in [2, 3] {
        world.register_with(session, invoke("roundrobin").with("match", "prefix"), "app.");
    }
    assert_eq!(world.say(1, call(1, none(), "app.a")), ["2 < INVOCATION 1 1 {procedure: app.a}"]);
    assert_eq!(world.say(1, call(2, none(), "app.b")), ["3 < INVOCATION 1 1 {procedure: app.b}"]);
}

#[test]
fn the_server_shares_with_no_client() {
    let mut world = shared("first");
    world.join_service();
    assert_eq!(
        world.say(SERVICE, register(5, invoke("first"), "app.add")),
        ["100 < ERROR REGISTER 5 wamp.error.procedure_already_exists"]
    );
}

#[test]
fn a_registration_lives_as_long_as_one_of_its_callees() {
    let mut world = shared("first");
    assert_eq!(world.say(2, unregister(5, 1)), ["2 < UNREGISTERED 5"]);
    assert_eq!(callee(&mut world, 1), 3);
    assert_eq!(world.say(2, unregister(5, 1)), ["2 < ERROR UNREGISTER 5 wamp.error.no_such_registration"]);
    world.leave(4);
    world.leave(3);
    assert_eq!(world.realm.registration_count(), 0);
    assert_eq!(world.say(2, register(5, none(), "app.add")), ["2 < REGISTERED 5 2"]);
}

#[test]
fn a_callee_that_goes_or_comes_keeps_the_turn_of_the_others() {
    let mut world = shared("roundrobin");
    assert_eq!(callees(&mut world, 1..3), [2, 3]);
    world.say(2, unregister(5, 1));
    assert_eq!(callees(&mut world, 3..5), [4, 3]);
    world.say(2, register(5, invoke("roundrobin"), "app.add"));
    assert_eq!(callees(&mut world, 5..8), [4, 2, 3]);
    world.say(4, unregister(5, 1));
    assert_eq!(callees(&mut world, 8..10), [2, 3]);
}

#[test]
fn force_takes_the_procedure_from_all_callees() {
    let mut world = shared("first");
    let revoked = "UNREGISTERED 0 {registration: 1, reason: countersign.revoked.replaced}";
    assert_eq!(
        world.say(3, register(5, invoke("first").with("force_reregister", true), "app.add")),
        [format!("2 < {revoked}"), format!("3 < {revoked}"), format!("4 < {revoked}"), "3 < REGISTERED 5 2".to_owned()]
    );
    assert_eq!(callee(&mut world, 1), 3);
    world.register_with(4, invoke("first"), "app.add");
}

#[test]
fn calls_of_a_callee_that_leaves_are_not_made_again() {
    let mut world = shared("first");
    callee(&mut world, 7);
    assert_eq!(world.leave(2), ["1 < ERROR CALL 7 wamp.error.canceled"]);
    assert_eq!(callee(&mut world, 8), 3);
}

#[test]
fn an_unavailable_callee_hands_the_call_to_the_next() {
    let check = |policy: &str, order: [u64; 3]| {
        let mut world = shared(policy);
        assert_eq!(callee(&mut world, 7), order[0]);
        assert_eq!(invoked(&world.say(order[0], unavailable(1))), order[1], "{policy}");
        assert_eq!(invoked(&world.say(order[1], unavailable(1))), order[2], "{policy}");
        assert_eq!(world.say(order[2], unavailable(1)), [NO_ONE], "{policy}");
        assert_eq!(world.realm.pending_call_count(), 0);
    };
    check("first", [2, 3, 4]);
    check("last", [4, 3, 2]);
    check("roundrobin", [2, 3, 4]);
}

#[test]
fn at_random_the_next_is_one_that_was_not_tried() {
    let mut world = shared("random");
    for request in 1..50 {
        let mut tried = Vec::new();
        let mut lines = world.say(1, call(request, none(), "app.add"));
        while lines[0].contains("INVOCATION") {
            let callee = invoked(&lines);
            let invocation = lines[0].split(' ').nth(3).unwrap().parse().unwrap();
            tried.push(callee);
            lines = world.say(callee, unavailable(invocation));
        }
        assert_eq!(lines, [format!("1 < ERROR CALL {request} wamp.error.no_available_callee")]);
        tried.sort_unstable();
        assert_eq!(tried, [2, 3, 4]);
    }
}

#[test]
fn a_single_callee_that_is_unavailable_has_nobody_after_it() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    assert_eq!(world.say(2, unavailable(1)), [NO_ONE]);
}

#[test]
fn the_next_callee_gets_the_whole_call() {
    let mut world = World::of_five();
    world.register_with(5, invoke("first"), "app.add");
    world.register_with(2, invoke("first"), "app.add");
    let options = with("receive_progress", true).with("_trace_id", "abc");
    assert_eq!(world.say(1, call(7, options, "app.add")), ["5 < INVOCATION 1 1 {_trace_id: abc}"]);
    let effects = world.effects(5, unavailable(1));
    let [Effect::Send { message: Message::Invocation { details, payload, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(details.get("caller"), Some(&Value::Int(1)));
    assert_eq!(*payload, Payload::of("argument"));
    assert_eq!(world.lines(effects), ["2 < INVOCATION 1 1 {_trace_id: abc, receive_progress: true}"]);
    assert_eq!(world.say(2, yields(1, with("progress", true))), ["1 < RESULT 7 {progress: true}"]);
    assert_eq!(world.say(2, yields(1, none())), ["1 < RESULT 7"]);
}

#[test]
fn who_left_meanwhile_is_not_tried() {
    let mut world = shared("first");
    callee(&mut world, 7);
    world.leave(3);
    assert_eq!(invoked(&world.say(2, unavailable(1))), 4);
    let mut world = shared("first");
    callee(&mut world, 7);
    world.leave(3);
    world.say(4, unregister(5, 1));
    assert_eq!(world.say(2, unavailable(1)), [NO_ONE]);
}

#[test]
fn the_time_runs_on_while_callees_are_tried() {
    let mut world = shared("first");
    world.say(1, call(7, with("timeout", 100_u64), "app.add"));
    world.pass(60);
    assert_eq!(invoked(&world.say(2, unavailable(1))), 3);
    assert!(world.pass(39).is_empty());
    assert_eq!(world.pass(1).last().unwrap(), "1 < ERROR CALL 7 wamp.error.timeout");
    assert!(world.say(3, unavailable(1)).is_empty());
}

#[test]
fn a_call_with_results_or_a_cancel_is_not_made_again() {
    let mut world = shared("first");
    world.say(1, call(7, with("receive_progress", true), "app.add"));
    world.say(2, yields(1, with("progress", true)));
    assert_eq!(world.say(2, unavailable(1)), [NO_ONE]);
    let mut world = shared("first");
    callee(&mut world, 7);
    world.say(1, cancel(7, "kill"));
    assert_eq!(world.say(2, unavailable(1)), [NO_ONE]);
}

#[test]
fn a_call_that_moved_on_can_be_canceled_there() {
    let mut world = shared("first");
    callee(&mut world, 7);
    world.say(2, unavailable(1));
    assert_eq!(
        world.say(1, cancel(7, "killnowait")),
        ["3 < INTERRUPT 1 {mode: killnowait, reason: wamp.error.canceled}", "1 < ERROR CALL 7 wamp.error.canceled"]
    );
}
