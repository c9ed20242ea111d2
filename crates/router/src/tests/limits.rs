//! Limits per session: at the limit, and one past it.

use super::*;
use crate::{HistorySettings, Limit};
use countersign_wamp::{MatchPolicy, UriPattern, UriRules};

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

#[test]
fn a_uri_of_the_longest_length_is_taken_and_one_byte_more_refused() {
    let mut world = World::with(|settings| settings.uri_rules.bytes_max = 8);
    world.join(1, all_features());
    world.subscribe(1, "app.four");
    world.register(1, "app.four");
    let invalid = |kind| format!("1 < ERROR {kind} 9 wamp.error.invalid_uri");
    assert_eq!(world.say(1, subscribe(9, none(), "app.fives")), [invalid("SUBSCRIBE")]);
    assert_eq!(world.say(1, register(9, none(), "app.fives")), [invalid("REGISTER")]);
    assert_eq!(world.say(1, call(9, none(), "app.fives")), [invalid("CALL")]);
    assert_eq!(world.say(1, publish(9, with("acknowledge", true), "app.fives")), [invalid("PUBLISH")]);
    assert!(world.say(1, publish(10, none(), "app.fives")).is_empty());
    assert_eq!(world.realm.limit_count(Limit::UriBytes), 5);
}

/// What is done twice within each limit and once beyond it.
type Step<'a> = &'a dyn Fn(&mut World, u64);

#[test]
fn each_limit_has_a_counter_of_its_own() {
    let ask = |world: &mut World, procedure: &'static str, values: Vec<Value>| {
        world.ask(1, procedure, values, none());
    };
    let retain = |world: &mut World, number: u64| {
        world.say(1, publish(number, with("retain", true), &format!("app.{number}")));
    };
    let testament = |world: &mut World, _| {
        let values = vec!["app.bye".into(), Value::List(vec!["x".repeat(1_000).into()]), Value::Dict(none())];
        ask(world, "wamp.session.add_testament", values);
    };
    let log = |world: &mut World, number: u64| {
        world.say(1, publish(number, none(), "app.log"));
        if number > 1 {
            ask(world, "wamp.subscription.get_events", vec![1_u64.into()]);
        }
    };
    let steps: [(Limit, Step<'_>); 10] = [
        (Limit::SubscriptionsAndRegistrations, &|world, number| {
            world.say(1, subscribe(number, none(), &format!("app.{number}")));
        }),
        (Limit::Wildcards, &|world, number| {
            world.say(1, subscribe(number, with("match", "wildcard"), &format!("app..{number}")));
        }),
        (Limit::WildcardComponents, &|world, number| {
            let components = if number > 2 { 33 } else { 32 };
            let pattern = vec!["a"; components].join(".");
            world.say(1, subscribe(number, with("match", "wildcard"), &pattern));
        }),
        (Limit::ShardKeyBytes, &|world, number| {
            let bytes = if number > 2 { 257 } else { 256 };
            world.say(1, publish(number, with("rkey", "x".repeat(bytes)), "app.log"));
        }),
        (Limit::PendingCalls, &|world, number| {
            world.say(1, call(number, none(), "app.wait"));
        }),
        (Limit::Testaments, &testament),
        (Limit::TestamentBytes, &testament),
        (Limit::RetainedEvents, &retain),
        (Limit::RetainedBytes, &retain),
        (Limit::HistoryAnswerBytes, &log),
    ];
    for (limit, step) in steps {
        let mut world = World::with(|settings| {
            let pattern = UriPattern::parse("app.log", MatchPolicy::Exact, UriRules::default()).unwrap();
            settings.history = vec![HistorySettings { pattern, events_max: 9, bytes_max: 1 << 20, is_stored: false }];
            match limit {
                Limit::UriBytes | Limit::WildcardComponents | Limit::ShardKeyBytes => {}
                Limit::SubscriptionsAndRegistrations => settings.subscriptions_and_registrations_max = 2,
                Limit::Wildcards => settings.wildcards_max = 2,
                Limit::PendingCalls => settings.pending_calls_max = 2,
                Limit::Testaments => settings.testaments_max = 2,
                Limit::TestamentBytes => settings.testament_bytes_max = 2_900,
                Limit::RetainedEvents => settings.retained_events_max = 2,
                // An event counts 512 bytes and its payload.
                Limit::RetainedBytes => settings.retained_bytes_max = 2 * 600,
                Limit::HistoryAnswerBytes => settings.history_answer_bytes_max = 2 * 600,
            }
        });
        world.join(1, all_features());
        world.join(2, all_features());
        world.register(2, "app.wait");
        let count = |world: &World| Limit::ALL.map(|one| (one, world.realm.limit_count(one)));
        step(&mut world, 1);
        step(&mut world, 2);
        assert_eq!(count(&world), Limit::ALL.map(|one| (one, 0)), "at {limit:?}");
        step(&mut world, 3);
        assert_eq!(count(&world), Limit::ALL.map(|one| (one, u64::from(one == limit))), "past {limit:?}");
    }
}
