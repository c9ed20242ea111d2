//! The order of request ids, where the settings want one.

use super::*;

fn strict() -> World {
    let mut world = World::with(|settings| settings.strict_ids = true);
    world.join(1, all_features());
    world.join(2, streaming());
    world.join_service();
    world
}

#[test]
fn any_order_will_do_unless_the_settings_say_otherwise() {
    let mut world = World::of_five();
    for request in [9, 3, 3, 1 << 53, 1] {
        assert_eq!(world.say(1, subscribe(request, none(), "app.a")), [format!("1 < SUBSCRIBED {request} 1")]);
        assert_eq!(
            world.say(1, call(request, none(), "app.a")),
            [format!("1 < ERROR CALL {request} wamp.error.no_such_procedure")]
        );
    }
}

#[test]
fn strict_ids_count_from_one_over_all_requests() {
    let mut world = strict();
    assert_eq!(world.say(1, subscribe(1, none(), "app.a")), ["1 < SUBSCRIBED 1 1"]);
    assert_eq!(world.say(1, register(2, none(), "app.a")), ["1 < REGISTERED 2 1"]);
    assert_eq!(world.say(1, call(3, none(), "app.a")), ["1 < INVOCATION 1 1"]);
    assert!(world.say(1, publish(4, none(), "app.b")).is_empty());
    // CANCEL names a CALL and is no request of its own.
    world.say(1, cancel(3, "skip"));
    assert_eq!(world.say(1, unsubscribe(5, 1)), ["1 < UNSUBSCRIBED 5"]);
    assert_eq!(world.say(1, unregister(6, 1)), ["1 < UNREGISTERED 6"]);
    assert_eq!(world.say(2, register(1, none(), "app.a")), ["2 < REGISTERED 1 2"], "each session counts for itself");
}

#[test]
fn a_gap_or_a_repetition_breaks_strict_rules() {
    let check = |first: Message, second: Message, text: &str| {
        let mut world = strict();
        world.say(1, first);
        let want = format!("1 closed wamp.error.protocol_violation: {text}");
        assert_eq!(world.say(1, second).first(), Some(&want));
    };
    let one = || publish(1, none(), "app.a");
    check(cancel(1, "skip"), publish(2, none(), "app.a"), "request 2 came where 1 was due");
    check(one(), one(), "request 1 came where 2 was due");
    check(one(), call(3, none(), "app.a"), "request 3 came where 2 was due");
    check(one(), call(1, none(), "app.a"), "request 1 came where 2 was due");
    check(one(), subscribe(3, none(), "app.a"), "request 3 came where 2 was due");
    check(one(), unsubscribe(3, 1), "request 3 came where 2 was due");
    check(one(), register(3, none(), "app.a"), "request 3 came where 2 was due");
    check(one(), unregister(3, 1), "request 3 came where 2 was due");
}

#[test]
fn parts_of_a_progressive_call_repeat_its_id() {
    let mut world = strict();
    let more = || with("progress", true);
    world.say(2, register(1, none(), "app.upload"));
    world.say(2, call(2, more(), "app.upload"));
    world.say(2, call(3, none(), "app.other"));
    assert_eq!(world.say(2, call(2, more(), "app.upload")), ["2 < INVOCATION 1 1 {progress: true}"]);
    world.say(2, yields(1, none()));
    assert!(world.say(2, call(2, none(), "app.upload")).is_empty());
    assert_eq!(
        world.say(2, call(5, none(), "app.upload")),
        ["2 closed wamp.error.protocol_violation: request 5 came where 4 was due"]
    );
}

#[test]
fn the_server_s_own_session_counts_as_it_likes() {
    let mut world = strict();
    assert_eq!(world.say(SERVICE, register(9, none(), "app.a")), ["100 < REGISTERED 9 1"]);
    assert_eq!(world.say(SERVICE, call(9, none(), "app.a")), ["100 < INVOCATION 1 1"]);
}
