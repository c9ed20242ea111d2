//! Sharded registrations and subscriptions: a key stays with one of the callees, or one of the subscribers.

use std::collections::BTreeMap;

use super::*;

fn keyed(number: u64) -> Dict {
    with("rkey", format!("sn{number}"))
}

fn on(node: &str) -> Dict {
    with("nkey", node)
}

/// Keys enough that each of three has some.
const KEYS: std::ops::Range<u64> = 0..60;

/// Sessions 2, 3 and 4 share `app.add`.
fn callees(policy: &str) -> World {
    let mut world = World::of_five();
    for session in 2..=4 {
        world.register_with(session, with("invoke", policy), "app.add");
    }
    world
}

/// To whom each key's message goes.
fn homes(world: &mut World, message: impl Fn(u64) -> Message) -> BTreeMap<u64, String> {
    let receiver = |lines: Vec<String>| lines.join(", ").split_once(" < ").unwrap().0.to_owned();
    KEYS.map(|key| (key, receiver(world.say(1, message(key))))).collect()
}

fn of_calls(world: &mut World, first: u64) -> BTreeMap<u64, String> {
    homes(world, |key| call(first + key, keyed(key), "app.add"))
}

fn of_events(world: &mut World) -> BTreeMap<u64, String> {
    homes(world, |key| publish(1, keyed(key), "app.news"))
}

/// What moved was at `gone`; what was there has moved, and each of the others has some.
fn check_moved(before: &BTreeMap<u64, String>, after: &BTreeMap<u64, String>, gone: &str, left: [&str; 2]) {
    for (key, home) in before {
        assert_eq!(home != gone, after[key] == *home, "key {key}");
    }
    for other in left {
        assert!(before.iter().any(|(key, home)| home == gone && after[key] == other), "{other} got nothing");
    }
}

#[test]
fn a_key_stays_with_its_callee_and_only_those_of_one_that_leaves_move() {
    for policy in ["roundrobin", "random"] {
        let mut world = callees(policy);
        let before = of_calls(&mut world, 100);
        assert_eq!(of_calls(&mut world, 200), before, "{policy}");
        world.leave(3);
        let after = of_calls(&mut world, 300);
        check_moved(&before, &after, "3", ["2", "4"]);
        world.join(3, all_features());
        world.register_with(3, with("invoke", policy), "app.add");
        assert_eq!(of_calls(&mut world, 400), before, "{policy}");
    }
}

#[test]
fn a_callee_that_names_its_node_finds_its_keys_again_in_another_session() {
    let mut world = World::of_five();
    for (session, node) in [(2, "a"), (3, "b")] {
        world.register_with(session, with("invoke", "roundrobin").with("nkey", node), "app.add");
    }
    let before = of_calls(&mut world, 100);
    // As after a connection that broke: the old session is not gone yet.
    world.register_with(4, with("invoke", "roundrobin").with("nkey", "b"), "app.add");
    let renamed: BTreeMap<u64, String> = before.iter().map(|(key, home)| (*key, home.replace('3', "4"))).collect();
    assert_eq!(of_calls(&mut world, 200), renamed);
    world.leave(3);
    assert_eq!(of_calls(&mut world, 300), renamed);
}

#[test]
fn a_key_takes_no_turn_and_calls_without_one_are_spread_as_ever() {
    let mut world = callees("roundrobin");
    let mut callee = |request: u64, options| world.say(1, call(request, options, "app.add"))[0][..1].to_owned();
    assert_eq!(callee(1, none()), "2");
    let home = callee(2, keyed(1));
    assert_eq!([callee(3, none()), callee(4, none()), callee(5, none())], ["3", "4", "2"]);
    assert_eq!(callee(6, keyed(1)), home);
}

#[test]
fn where_callees_stand_by_for_each_other_a_key_decides_nothing() {
    let check = |policy, want: &str| {
        assert!(of_calls(&mut callees(policy), 100).values().all(|callee| callee == want), "{policy}");
    };
    check("first", "2");
    check("last", "4");
    let mut world = World::of_five();
    world.register(2, "app.add");
    assert!(of_calls(&mut world, 100).values().all(|callee| callee == "2"));
}

#[test]
fn a_key_whose_callee_is_unavailable_goes_where_it_would_go_without_it() {
    let mut world = callees("roundrobin");
    let first = world.say(1, call(1, keyed(1), "app.add"))[0][..1].parse().unwrap();
    let second: u64 = world.say(first, unavailable(1))[0][..1].parse().unwrap();
    world.leave(first);
    let without = world.say(1, call(2, keyed(1), "app.add")).pop().unwrap();
    assert!(without.starts_with(&format!("{second} < INVOCATION")), "{without}");
}

#[test]
fn a_run_mode_other_than_partition_or_without_a_key_is_refused() {
    let check = |options: Dict, want: &str| {
        assert_eq!(callees("roundrobin").say(1, call(7, options, "app.add")), [format!("1 < ERROR CALL 7 {want}")]);
    };
    check(with("runmode", "partition"), "wamp.error.invalid_argument");
    check(keyed(1).with("runmode", "all"), "wamp.error.option_not_allowed");
    check(keyed(1).with("runmode", 1_u64), "wamp.error.invalid_argument");
    let lines = callees("roundrobin").say(1, call(7, keyed(1).with("runmode", "partition"), "app.add"));
    assert!(lines[0].contains("INVOCATION"), "{lines:?}");
}

#[test]
fn keys_are_texts_of_at_most_256_bytes() {
    let check = |message: &dyn Fn(Value) -> Message, kind: &str| {
        for (value, error) in [
            ("x".repeat(256).into(), None),
            (Value::Null, None),
            ("x".repeat(257).into(), Some("countersign.error.limit_exceeded")),
            ("".into(), Some("wamp.error.invalid_argument")),
            (7_u64.into(), Some("wamp.error.invalid_argument")),
        ] {
            let mut world = callees("roundrobin");
            let lines = world.say(1, message(value.clone()));
            let want = error.map(|error| format!("1 < ERROR {kind} 7 {error}"));
            let got = lines.iter().find(|line| line.contains("ERROR")).cloned();
            assert_eq!(got, want, "{kind} {value:?}");
        }
    };
    check(&|key| call(7, with("rkey", key), "app.add"), "CALL");
    check(&|key| publish(7, with("acknowledge", true).with("rkey", key), "app.news"), "PUBLISH");
    check(&|key| subscribe(7, with("nkey", key), "app.news"), "SUBSCRIBE");
    check(&|key| register(7, with("nkey", key), "app.other"), "REGISTER");
}

/// Sessions 2, 3 and 4 share the keys of `app.news`.
fn subscribers() -> World {
    let mut world = World::of_five();
    for (session, node) in [(2, "node2"), (3, "node3"), (4, "node4")] {
        world.subscribe_with(session, on(node), "app.news");
    }
    world
}

#[test]
fn of_sharded_subscribers_one_gets_the_events_of_a_key() {
    let mut world = subscribers();
    let before = of_events(&mut world);
    assert!(before.values().all(|home| home.len() == 1), "{before:?}");
    assert_eq!(of_events(&mut world), before);
    world.leave(3);
    let after = of_events(&mut world);
    check_moved(&before, &after, "3", ["2", "4"]);
    // Back in another session, with its old name.
    world.join(6, all_features());
    world.subscribe_with(6, on("node3"), "app.news");
    let renamed: BTreeMap<u64, String> = before.iter().map(|(key, home)| (*key, home.replace('3', "6"))).collect();
    assert_eq!(of_events(&mut world), renamed);
}

#[test]
fn others_get_all_events_and_without_a_key_everybody_does() {
    let mut world = subscribers();
    world.subscribe(5, "app.news");
    assert!(of_events(&mut world).values().all(|homes| homes.len() == 3 && homes.ends_with("+5")));
    assert_eq!(world.say(1, publish(1, none(), "app.news"))[0][..7], *"2+3+4+5");
    // Each subscription has its own.
    world.subscribe_with(5, on("node3").with("match", "prefix"), "app.");
    let lines = model::expand(world.say(1, publish(1, keyed(1), "app.news")));
    assert_eq!(lines.iter().filter(|line| line.contains("EVENT 2")).count(), 1);
    assert_eq!(lines.iter().filter(|line| line.contains("EVENT 1")).count(), 2);
}

#[test]
fn a_key_goes_to_one_that_may_get_the_event() {
    let mut world = subscribers();
    let home: u64 = of_events(&mut world)[&1].parse().unwrap();
    let excluded = keyed(1).with("exclude", vec![Value::from(home)]);
    let next = world.say(1, publish(1, excluded, "app.news")).pop().unwrap();
    world.leave(home);
    let after = world.say(1, publish(1, keyed(1), "app.news")).pop().unwrap();
    assert_eq!(next[..1], after[..1]);
    // A publisher does not get its own event, and it is not lost.
    let mut world = subscribers();
    let lines = world.say(home, publish(1, keyed(1), "app.news"));
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].starts_with(&home.to_string()), "{lines:?}");
}

#[test]
fn who_subscribes_again_takes_the_node_that_it_names_then() {
    let mut world = World::of_five();
    world.subscribe_with(2, on("a"), "app.news");
    world.subscribe_with(3, on("a"), "app.news");
    assert!(of_events(&mut world).values().all(|home| home == "3"));
    world.subscribe_with(2, on("a"), "app.news");
    assert!(of_events(&mut world).values().all(|home| home == "2"));
    world.subscribe(2, "app.news");
    assert!(of_events(&mut world).values().all(|home| home == "2+3"));
    world.say(3, unsubscribe(5, 1));
    assert!(of_events(&mut world).values().all(|home| home == "2"));
}

#[test]
fn a_retained_event_reaches_the_subscriber_of_its_key() {
    let mut world = subscribers();
    let homes = of_events(&mut world);
    world.say(1, publish(1, keyed(1).with("retain", true), "app.news"));
    for session in 2..=4 {
        let lines =
            world.say(session, subscribe(1, on(&format!("node{session}")).with("get_retained", true), "app.news"));
        assert_eq!(lines.len() == 2, homes[&1] == session.to_string(), "{lines:?}");
    }
    assert_eq!(world.say(5, subscribe(1, with("get_retained", true), "app.news")).len(), 2);
}
