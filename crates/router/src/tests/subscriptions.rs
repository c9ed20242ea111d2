//! SUBSCRIBE and UNSUBSCRIBE.

use super::*;

#[test]
fn all_subscribers_of_a_pattern_share_an_id() {
    let mut world = World::of_five();
    assert_eq!(world.say(1, subscribe(1, none(), "app.news")), ["1 < SUBSCRIBED 1 1"]);
    assert_eq!(world.say(2, subscribe(1, none(), "app.news")), ["2 < SUBSCRIBED 1 1"]);
    let prefix = || with("match", "prefix");
    assert_eq!(world.say(1, subscribe(2, prefix(), "app.news")), ["1 < SUBSCRIBED 2 2"]);
    assert_eq!(world.say(2, subscribe(2, none(), "app.other")), ["2 < SUBSCRIBED 2 3"]);
    assert_eq!(world.realm.subscription_count(), 3);
}

#[test]
fn subscribing_again_gives_the_same_id_and_no_second_event() {
    let mut world = World::of_five();
    world.subscribe(1, "app.news");
    assert_eq!(world.say(1, subscribe(2, none(), "app.news")), ["1 < SUBSCRIBED 2 1"]);
    assert_eq!(world.say(2, publish(1, none(), "app.news")), ["1 < EVENT 1 P0"]);
    world.say(1, unsubscribe(3, 1));
    assert!(world.say(2, publish(1, none(), "app.news")).is_empty());
}

#[test]
fn a_subscription_ends_with_its_last_subscriber() {
    let mut world = World::of_five();
    world.subscribe(1, "app.news");
    world.subscribe(2, "app.news");
    assert_eq!(world.say(1, unsubscribe(5, 1)), ["1 < UNSUBSCRIBED 5"]);
    assert_eq!(world.realm.subscription_count(), 1);
    assert_eq!(world.say(2, unsubscribe(5, 1)), ["2 < UNSUBSCRIBED 5"]);
    assert_eq!(world.realm.subscription_count(), 0);
    assert_eq!(world.say(1, subscribe(6, none(), "app.news")), ["1 < SUBSCRIBED 6 2"]);
}

#[test]
fn unsubscribe_takes_only_what_is_the_session_s_own() {
    let mut world = World::of_five();
    world.subscribe(1, "app.news");
    let refused = "ERROR UNSUBSCRIBE 5 wamp.error.no_such_subscription";
    assert_eq!(world.say(2, unsubscribe(5, 1)), [format!("2 < {refused}")]);
    assert_eq!(world.say(1, unsubscribe(5, 2)), [format!("1 < {refused}")]);
    assert_eq!(world.say(1, unsubscribe(5, 1)), ["1 < UNSUBSCRIBED 5"]);
    assert_eq!(world.say(1, unsubscribe(5, 1)), [format!("1 < {refused}")]);
}

#[test]
fn refuses_invalid_uris_and_options() {
    let check = |options, topic, want: &str| {
        let mut world = World::of_five();
        let want = format!("1 < ERROR SUBSCRIBE 7 wamp.error.{want}");
        assert_eq!(world.say(1, subscribe(7, options, topic)), [want]);
        assert_eq!(world.realm.subscription_count(), 0);
    };
    check(none(), "app..news", "invalid_uri");
    check(none(), "", "invalid_uri");
    check(with("match", "prefix"), ".app", "invalid_uri");
    check(with("match", "wildcard"), "app. .x", "invalid_uri");
    check(with("match", "suffix"), "app", "option_not_allowed");
    check(with("match", true), "app", "invalid_argument");
}
