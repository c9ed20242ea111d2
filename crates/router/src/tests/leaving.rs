//! Joining and leaving.

use super::*;

#[test]
fn a_callee_that_leaves_ends_the_calls_that_wait_for_it() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    for (caller, request) in [(3, 30), (1, 10), (3, 31)] {
        world.say(caller, call(request, none(), "app.add"));
    }
    assert_eq!(
        world.leave(2),
        [
            "3 < ERROR CALL 30 wamp.error.canceled",
            "1 < ERROR CALL 10 wamp.error.canceled",
            "3 < ERROR CALL 31 wamp.error.canceled",
        ]
    );
    assert_eq!(world.realm.pending_call_count(), 0);
    assert_eq!(world.say(1, call(11, none(), "app.add")), ["1 < ERROR CALL 11 wamp.error.no_such_procedure"]);
}

#[test]
fn a_caller_that_leaves_interrupts_callees_that_understand() {
    let mut world = World::of_five();
    world.register(2, "app.two");
    world.register(5, "app.five");
    world.say(1, call(1, none(), "app.five"));
    world.say(1, call(2, none(), "app.two"));
    assert_eq!(world.leave(1), ["2 < INTERRUPT 1 {mode: killnowait, reason: wamp.error.canceled}"]);
    assert!(world.say(2, yields(1, none())).is_empty());
    assert!(world.say(5, fails(1)).is_empty());
    assert_eq!(world.realm.pending_call_count(), 0);
}

#[test]
fn a_caller_that_leaves_after_kill_interrupts_no_second_time() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    world.say(1, cancel(7, "kill"));
    assert!(world.leave(1).is_empty());
}

#[test]
fn a_session_that_called_itself_leaves_without_a_sound() {
    let mut world = World::of_five();
    world.register(1, "app.add");
    world.say(1, call(7, with("timeout", 5_u64), "app.add"));
    assert!(world.leave(1).is_empty());
    assert_eq!(world.realm.pending_call_count(), 0);
    assert_eq!(world.realm.poll_timeout(), None);
}

#[test]
fn nothing_of_a_session_stays() {
    let mut world = World::of_five();
    world.register(1, "app.add");
    world.register_with(1, with("match", "prefix"), "app");
    world.register_with(1, with("match", "wildcard"), "app.");
    world.subscribe(1, "app.news");
    world.subscribe(2, "app.news");
    world.subscribe_with(1, with("match", "prefix"), "app");
    world.leave(1);
    assert_eq!(world.realm.session_count(), 4);
    assert_eq!(world.realm.registration_count(), 0);
    assert_eq!(world.realm.subscription_count(), 1);
    assert_eq!(world.say(3, publish(1, none(), "app.news")), ["2 < EVENT 1 P0"]);
    assert_eq!(world.say(3, register(1, none(), "app.add")), ["3 < REGISTERED 1 4"]);
    assert!(world.leave(1).is_empty());
}

#[test]
fn joining_under_an_id_that_is_in_use_ends_the_old_session() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    assert_eq!(world.join(2, all_features()), ["1 < ERROR CALL 7 wamp.error.canceled"]);
    assert_eq!(world.realm.registration_count(), 0);
    assert_eq!(world.realm.session_count(), 5);
}

#[test]
fn a_stranger_is_not_heard() {
    let mut world = World::of_five();
    world.subscribe(2, "app.news");
    assert!(world.say(77, publish(1, with("acknowledge", true), "app.news")).is_empty());
}

#[test]
fn details_are_those_of_the_join() {
    let world = World::of_five();
    let details = world.realm.session(id(2)).unwrap();
    assert_eq!((&*details.authid, &*details.authrole), ("user2", "even"));
    assert!(world.realm.session(id(77)).is_none());
}
