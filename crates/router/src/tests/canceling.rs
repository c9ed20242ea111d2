//! CANCEL in all modes, and its races with the callee's answer.

use super::*;

const CANCELED: &str = "1 < ERROR CALL 7 wamp.error.canceled";
const KILL: &str = "2 < INTERRUPT 1 {mode: kill, reason: wamp.error.canceled}";
const KILLNOWAIT: &str = "2 < INTERRUPT 1 {mode: killnowait, reason: wamp.error.canceled}";

/// A world in which call 7 of session 1 waits for session 2.
fn waiting() -> World {
    let mut world = World::of_five();
    world.register(2, "app.wait");
    world.say(1, call(7, none(), "app.wait"));
    world
}

#[test]
fn cancels_as_the_mode_says() {
    let check = |mode: Dict, want: &[&str]| {
        let mut world = waiting();
        assert_eq!(world.say(1, Message::Cancel { request: id(7), options: mode }), want);
    };
    check(with("mode", "skip"), &[CANCELED]);
    check(with("mode", "kill"), &[KILL]);
    check(with("mode", "killnowait"), &[KILLNOWAIT, CANCELED]);
    check(none(), &[KILLNOWAIT, CANCELED]);
    check(with("mode", "unheard-of"), &[KILLNOWAIT, CANCELED]);
}

#[test]
fn a_callee_without_canceling_makes_every_mode_a_skip() {
    for mode in ["skip", "kill", "killnowait"] {
        let mut world = World::of_five();
        world.register(5, "app.wait");
        world.say(1, call(7, none(), "app.wait"));
        assert_eq!(world.say(1, cancel(7, mode)), [CANCELED], "{mode}");
    }
}

#[test]
fn answers_after_the_end_of_the_call_are_dropped() {
    for mode in ["skip", "killnowait"] {
        let mut world = waiting();
        world.say(1, cancel(7, mode));
        assert!(world.say(2, yields(1, with("progress", true))).is_empty(), "{mode}");
        assert!(world.say(2, yields(1, none())).is_empty(), "{mode}");
        assert!(world.say(2, fails(1)).is_empty(), "{mode}");
        assert_eq!(world.realm.pending_call_count(), 0);
    }
}

#[test]
fn after_kill_the_callee_decides_how_the_call_ends() {
    let mut world = waiting();
    world.say(1, cancel(7, "kill"));
    assert_eq!(world.say(2, fails(1)), ["1 < ERROR CALL 7 app.error"]);

    let mut world = waiting();
    world.say(1, cancel(7, "kill"));
    assert_eq!(world.say(2, yields(1, none())), ["1 < RESULT 7"]);
}

#[test]
fn after_kill_a_callee_that_leaves_still_ends_the_call() {
    let mut world = waiting();
    world.say(1, cancel(7, "kill"));
    assert_eq!(world.leave(2), [CANCELED]);
}

#[test]
fn a_second_cancel_can_only_bring_the_answer_forward() {
    let check = |first, second, want: &[&str]| {
        let mut world = waiting();
        world.say(1, cancel(7, first));
        assert_eq!(world.say(1, cancel(7, second)), want, "{first}, then {second}");
    };
    check("kill", "kill", &[]);
    check("kill", "skip", &[]);
    check("kill", "killnowait", &[CANCELED]);
    check("skip", "killnowait", &[]);
    check("killnowait", "killnowait", &[]);
}

#[test]
fn a_cancel_after_the_answer_or_for_a_foreign_call_does_nothing() {
    let mut world = waiting();
    assert!(world.say(3, cancel(7, "killnowait")).is_empty());
    world.say(2, yields(1, none()));
    assert!(world.say(1, cancel(7, "killnowait")).is_empty());
    assert!(world.say(1, cancel(8, "killnowait")).is_empty());
}
