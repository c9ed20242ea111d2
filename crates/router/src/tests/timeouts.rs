//! Timeouts of calls.

use super::*;

const TIMED_OUT: [&str; 2] =
    ["2 < INTERRUPT 1 {mode: killnowait, reason: wamp.error.timeout}", "1 < ERROR CALL 7 wamp.error.timeout"];

fn timed(milliseconds: u64) -> World {
    let mut world = World::of_five();
    world.register(2, "app.wait");
    let options = with("timeout", milliseconds).with("receive_progress", true);
    world.say(1, call(7, options, "app.wait"));
    world
}

#[test]
fn a_call_ends_at_its_timeout_and_not_before() {
    let mut world = timed(1_000);
    assert!(world.pass(999).is_empty());
    assert_eq!(world.pass(1), TIMED_OUT);
    assert_eq!(world.realm.poll_timeout(), None);
    assert!(world.say(2, yields(1, none())).is_empty());
}

#[test]
fn a_callee_without_canceling_is_not_interrupted() {
    let mut world = World::of_five();
    world.register(5, "app.wait");
    world.say(1, call(7, with("timeout", 5_u64), "app.wait"));
    assert_eq!(world.pass(5), ["1 < ERROR CALL 7 wamp.error.timeout"]);
}

#[test]
fn a_final_answer_ends_the_timeout() {
    let mut world = timed(1_000);
    world.say(2, yields(1, none()));
    assert_eq!(world.realm.poll_timeout(), None);
    let mut world = timed(1_000);
    world.say(1, cancel(7, "skip"));
    assert_eq!(world.realm.poll_timeout(), None);
    let mut world = timed(1_000);
    world.leave(1);
    assert_eq!(world.realm.poll_timeout(), None);
    let mut world = timed(1_000);
    world.leave(2);
    assert_eq!(world.realm.poll_timeout(), None);
}

#[test]
fn each_partial_result_starts_the_timeout_anew() {
    let mut world = timed(1_000);
    for _ in 0..3 {
        assert!(world.pass(900).is_empty());
        world.say(2, yields(1, with("progress", true)));
    }
    assert!(world.pass(999).is_empty());
    assert_eq!(world.pass(1), TIMED_OUT);
}

#[test]
fn a_partial_result_that_the_caller_did_not_want_does_not_keep_it_waiting() {
    let mut world = World::of_five();
    world.register(2, "app.wait");
    world.say(1, call(7, with("timeout", 1_000_u64), "app.wait"));
    world.pass(900);
    assert!(world.say(2, yields(1, with("progress", true))).is_empty());
    assert!(world.pass(99).is_empty());
    assert_eq!(world.pass(1), TIMED_OUT);
}

#[test]
fn zero_means_no_timeout_and_so_does_more_than_the_clock_can_count() {
    assert_eq!(timed(0).realm.poll_timeout(), None);
    let mut world = timed(u64::MAX);
    assert_eq!(world.say(2, yields(1, none())), ["1 < RESULT 7"]);
}

#[test]
fn a_killed_call_times_out_without_a_second_interrupt() {
    let mut world = timed(1_000);
    world.say(1, cancel(7, "kill"));
    assert_eq!(world.pass(1_000), TIMED_OUT[1..]);
}

#[test]
fn timeouts_that_are_due_together_happen_in_order() {
    let mut world = World::of_five();
    world.register(5, "app.wait");
    world.say(1, call(8, with("timeout", 20_u64), "app.wait"));
    world.say(1, call(7, with("timeout", 10_u64), "app.wait"));
    world.say(1, call(9, with("timeout", 31_u64), "app.wait"));
    assert_eq!(world.pass(30), ["1 < ERROR CALL 7 wamp.error.timeout", "1 < ERROR CALL 8 wamp.error.timeout"]);
    assert_eq!(world.realm.poll_timeout(), Some(world.now + Duration::from_millis(1)));
}

#[test]
fn a_callee_that_can_keep_the_time_may_ask_for_the_duty() {
    let check = |session, want: &str, kept_by_router| {
        let mut world = World::of_five();
        world.register_with(session, with("forward_timeout", true), "app.wait");
        let lines = world.say(1, call(7, with("timeout", 50_u64), "app.wait"));
        assert_eq!(lines, [want]);
        assert_eq!(world.realm.poll_timeout().is_some(), kept_by_router);
    };
    check(2, "2 < INVOCATION 1 1 {timeout: 50}", false);
    check(5, "5 < INVOCATION 1 1", true);
}
