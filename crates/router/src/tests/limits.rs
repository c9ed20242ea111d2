//! Limits per session: at the limit, and one past it.

use super::*;

fn limited() -> World {
    let mut world = World::with(|settings| {
        settings.subscriptions_and_registrations_max = 2;
        settings.pending_calls_max = 2;
    });
    world.join(1, all_features());
    world.join(2, all_features());
    world.join_service();
    world
}

const REFUSED: &str = "countersign.error.limit_exceeded";

#[test]
fn subscriptions_and_registrations_are_limited_together() {
    let mut world = limited();
    world.subscribe(1, "app.a");
    world.register(1, "app.a");
    assert_eq!(world.say(1, subscribe(5, none(), "app.b")), [format!("1 < ERROR SUBSCRIBE 5 {REFUSED}")]);
    assert_eq!(world.say(1, register(6, none(), "app.b")), [format!("1 < ERROR REGISTER 6 {REFUSED}")]);
    // What is there already is no new one.
    world.subscribe(1, "app.a");
    // Others have limits of their own.
    world.subscribe(2, "app.b");
    world.say(1, unregister(7, 1));
    world.subscribe(1, "app.b");
}

#[test]
fn wildcard_patterns_have_a_limit_of_their_own() {
    let mut world = World::with(|settings| settings.wildcards_max = 2);
    world.join(1, all_features());
    let wildcard = || with("match", "wildcard");
    world.say(1, subscribe(1, wildcard(), "app..a"));
    world.register_with(1, wildcard(), "app..b");
    assert_eq!(world.say(1, subscribe(5, wildcard(), "app..c")), [format!("1 < ERROR SUBSCRIBE 5 {REFUSED}")]);
    assert_eq!(world.say(1, register(6, wildcard(), "app..c")), [format!("1 < ERROR REGISTER 6 {REFUSED}")]);
    world.subscribe(1, "app.c");
    world.say(1, unregister(7, 1));
    assert_eq!(world.say(1, subscribe(8, wildcard(), "app..c")).len(), 1);
    assert_eq!(world.realm.subscription_count(), 3);
}

#[test]
fn a_refused_subscription_leaves_nothing_behind() {
    let mut world = limited();
    world.subscribe(1, "app.a");
    world.subscribe(1, "app.b");
    world.say(1, subscribe(5, none(), "app.c"));
    assert_eq!(world.realm.subscription_count(), 2);
    assert!(world.say(2, publish(1, none(), "app.c")).is_empty());
}

#[test]
fn pending_calls_are_limited() {
    let mut world = limited();
    world.register(2, "app.wait");
    world.say(1, call(1, none(), "app.wait"));
    world.say(1, call(2, none(), "app.wait"));
    assert_eq!(world.say(1, call(3, none(), "app.wait")), [format!("1 < ERROR CALL 3 {REFUSED}")]);
    world.say(2, yields(1, none()));
    assert_eq!(world.say(1, call(3, none(), "app.wait")), ["2 < INVOCATION 3 1"]);
}

#[test]
fn the_server_has_no_limits() {
    let mut world = limited();
    for topic in ["app.a", "app.b", "app.c"] {
        world.subscribe(SERVICE, topic);
        world.register(SERVICE, topic);
    }
    for request in 1..=3 {
        let lines = world.say(SERVICE, call(request, none(), "app.a"));
        assert!(lines[0].contains("INVOCATION"), "{lines:?}");
    }
}
