//! Payload passthru mode.

use super::*;

/// Sessions 1 to 3 understand it in every role, 4 does not.
fn world() -> World {
    let features = all_features()
        .with(Feature::PassthruAsCaller)
        .with(Feature::PassthruAsCallee)
        .with(Feature::PassthruAsPublisher)
        .with(Feature::PassthruAsSubscriber);
    let mut world = World::new();
    for session in 1..=3 {
        world.join(session, features);
    }
    world.join(4, all_features());
    world
}

fn opaque() -> Dict {
    with("ppt_scheme", "mqtt").with("ppt_serializer", "native").with("ppt_cipher", "x").with("ppt_keyid", "k")
}

const DETAILS: &str = "{ppt_scheme: mqtt, ppt_serializer: native, ppt_cipher: x, ppt_keyid: k}";

#[test]
fn its_options_reach_the_other_end_untouched() {
    let mut world = world();
    world.register(2, "app.add");
    world.subscribe(2, "app.news");
    assert_eq!(world.say(1, call(7, opaque(), "app.add")), [format!("2 < INVOCATION 1 1 {DETAILS}")]);
    assert_eq!(world.say(2, yields(1, opaque())), [format!("1 < RESULT 7 {DETAILS}")]);
    assert_eq!(world.say(1, publish(8, opaque(), "app.news")), [format!("2 < EVENT 1 P0 {DETAILS}")]);
    world.say(1, call(9, opaque(), "app.add"));
    let error = Message::Error {
        request_type: MessageType::Invocation,
        request: id(2),
        details: opaque(),
        error: "app.error".into(),
        payload: Payload::absent(),
    };
    assert_eq!(world.say(2, error), [format!("1 < ERROR CALL 9 {DETAILS} app.error")]);
}

#[test]
fn who_did_not_announce_it_breaks_the_protocol() {
    let check = |message: Message, what: &str| {
        let mut world = world();
        world.register(4, "app.add");
        world.say(1, call(7, none(), "app.add"));
        let want = format!(
            "4 closed wamp.error.protocol_violation: {what} uses payload passthru mode, which was not announced"
        );
        assert_eq!(world.say(4, message)[0], want);
    };
    check(call(7, opaque(), "app.other"), "CALL 7");
    check(publish(7, opaque(), "app.news"), "PUBLISH 7");
    check(yields(1, opaque()), "YIELD 1");
}

#[test]
fn without_a_scheme_it_is_not_in_use() {
    let mut world = world();
    world.register(2, "app.add");
    assert_eq!(world.say(4, call(7, with("ppt_scheme", ""), "app.add")), ["2 < INVOCATION 1 1 {ppt_scheme: }"]);
}

#[test]
fn a_callee_that_does_not_understand_it_is_not_called() {
    let mut world = world();
    world.register(4, "app.add");
    for procedure in ["app.add", "wamp.registration.list"] {
        let lines = world.say(1, call(7, opaque(), procedure));
        assert_eq!(lines, ["1 < ERROR CALL 7 wamp.error.feature_not_supported"]);
    }
}

#[test]
fn of_shared_callees_the_next_one_that_understands_it_is_called() {
    let mut world = world();
    for session in [4, 3, 2] {
        world.register_with(session, with("invoke", "roundrobin"), "app.add");
    }
    let mut callee = |request, options| world.say(1, call(request, options, "app.add")).remove(0);
    assert_eq!(callee(7, opaque()), format!("3 < INVOCATION 1 1 {DETAILS}"));
    assert_eq!(callee(8, none()), "2 < INVOCATION 1 1");
    assert_eq!(callee(9, opaque()), format!("3 < INVOCATION 2 1 {DETAILS}"));
    assert_eq!(callee(10, none()), "2 < INVOCATION 2 1");
    assert_eq!(callee(11, none()), "4 < INVOCATION 1 1");
    // When those that understand it are unavailable, nobody is left.
    callee(12, opaque());
    assert_eq!(world.say(3, unavailable(3)), [format!("2 < INVOCATION 3 1 {DETAILS}")]);
    assert_eq!(world.say(2, unavailable(3)), ["1 < ERROR CALL 12 wamp.error.no_available_callee"]);
    for session in [2, 3] {
        world.say(session, unregister(5, 1));
    }
    assert_eq!(world.say(1, call(13, opaque(), "app.add")), ["1 < ERROR CALL 13 wamp.error.feature_not_supported"]);
}

#[test]
fn a_caller_that_does_not_understand_it_gets_an_error() {
    let refused = "4 < ERROR CALL 7 wamp.error.feature_not_supported";
    let mut world = world();
    world.register(2, "app.add");
    world.say(4, call(7, none(), "app.add"));
    assert_eq!(world.say(2, yields(1, opaque())), [refused]);
    world.say(4, call(7, with("receive_progress", true), "app.add"));
    assert_eq!(
        world.say(2, yields(2, opaque().with("progress", true))),
        ["2 < INTERRUPT 2 {mode: killnowait, reason: wamp.error.feature_not_supported}", refused]
    );
    assert_eq!(world.realm.pending_call_count(), 0);
}

#[test]
fn subscribers_that_do_not_understand_it_are_left_out() {
    let mut world = world();
    world.say(1, publish(7, with("retain", true), "app.news"));
    for session in [2, 3, 4] {
        world.subscribe(session, "app.news");
    }
    let lines = world.say(1, publish(7, opaque().with("retain", true), "app.news"));
    assert_eq!(lines, [format!("2+3 < EVENT 1 P0 {DETAILS}")]);
    // Of retained events each gets the newest that it understands.
    let mut kept = |session| world.say(session, subscribe(1, with("get_retained", true), "app.news")).remove(1);
    assert_eq!(kept(4), "4 < EVENT 1 P1 {retained: true}");
    assert!(kept(2).starts_with("2 < EVENT 1 P0 {ppt_scheme"));
}

#[test]
fn a_testament_needs_it_announced_as_well() {
    let mut world = world();
    let mut add = |session| {
        let kwargs = with("publish_options", opaque());
        world.ask(session, "wamp.session.add_testament", args(["app.bye".into()]), kwargs).0
    };
    assert_eq!(add(1), "null");
    assert_eq!(add(4), "wamp.error.feature_not_supported");
}
