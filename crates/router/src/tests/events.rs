//! PUBLISH and EVENT: who gets it, what is in it.

use super::*;

fn ids(ids: &[u64]) -> Value {
    Value::List(ids.iter().map(|&id| id.into()).collect())
}

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|&text| text.into()).collect())
}

#[test]
fn all_subscribers_but_the_publisher_get_the_event() {
    let mut world = World::of_five();
    for session in 1..=4 {
        world.subscribe(session, "app.news");
    }
    assert_eq!(world.say(1, publish(7, none(), "app.news")), ["2+3+4 < EVENT 1 P0"]);
    assert_eq!(world.say(1, publish(7, with("exclude_me", false), "app.news")), ["1+2+3+4 < EVENT 1 P1"]);
    assert_eq!(world.say(5, publish(7, none(), "app.news")), ["1+2+3+4 < EVENT 1 P2"]);
}

#[test]
fn a_publication_is_acknowledged_only_when_asked() {
    let mut world = World::of_five();
    world.subscribe(2, "app.news");
    assert_eq!(
        world.say(1, publish(7, with("acknowledge", true), "app.news")),
        ["2 < EVENT 1 P0", "1 < PUBLISHED 7 P0"]
    );
    assert_eq!(world.say(1, publish(8, with("acknowledge", true), "app.nobody")), ["1 < PUBLISHED 8 P1"]);
    assert!(world.say(1, publish(9, none(), "app.nobody")).is_empty());
}

#[test]
fn each_matching_subscription_gets_an_event_with_the_same_publication_id() {
    let mut world = World::of_five();
    for (policy, topic) in [
        ("exact", "app.a.news"),
        ("prefix", "app."),
        ("prefix", "app.a.ne"),
        ("prefix", "app.b"),
        ("wildcard", "app..news"),
        ("wildcard", "..news"),
        ("wildcard", "app."),
    ] {
        world.subscribe_with(2, with("match", policy), topic);
    }
    assert_eq!(
        world.say(1, publish(7, none(), "app.a.news")),
        [
            "2 < EVENT 1 P0",
            "2 < EVENT 2 P0 {topic: app.a.news}",
            "2 < EVENT 3 P0 {topic: app.a.news}",
            "2 < EVENT 5 P0 {topic: app.a.news}",
            "2 < EVENT 6 P0 {topic: app.a.news}",
        ]
    );
}

#[test]
fn the_publisher_is_always_disclosed() {
    let mut world = World::of_five();
    world.subscribe(2, "app.news");
    let effects = world.effects(1, publish(7, with("disclose_me", false), "app.news"));
    let [Effect::Send { message: Message::Event { details, payload, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    let want = with("publisher", 1_u64).with("publisher_authid", "user1").with("publisher_authrole", "odd");
    assert_eq!((details, payload), (&want, &Payload::of("argument")));
}

#[test]
fn lists_of_receivers_are_all_obeyed() {
    let check = |options: Dict, want: &str| {
        let mut world = World::of_five();
        for session in 1..=5 {
            world.subscribe(session, "app.news");
        }
        let lines = world.say(1, publish(7, options.clone(), "app.news"));
        let want: Vec<_> = (!want.is_empty()).then(|| format!("{want} < EVENT 1 P0")).into_iter().collect();
        assert_eq!(lines, want, "{options:?}");
    };
    check(with("exclude", ids(&[2, 3])), "4+5");
    check(with("exclude", ids(&[])), "2+3+4+5");
    check(with("eligible", ids(&[2, 1, 77])), "2");
    check(with("eligible", ids(&[5, 4, 3, 2, 1, 6])), "2+3+4+5");
    check(with("eligible", ids(&[])), "");
    check(with("eligible", ids(&[0])), "");
    check(with("exclude_authid", texts(&["user2"])), "3+4+5");
    check(with("eligible_authid", texts(&["user2", "user5"])), "2+5");
    check(with("eligible_authid", texts(&[])), "");
    check(with("exclude_authrole", texts(&["odd"])), "2+4");
    check(with("eligible_authrole", texts(&["odd"])), "3+5");
    check(with("eligible_authrole", texts(&[])), "");
    check(with("eligible", ids(&[2, 3])).with("exclude", ids(&[3])), "2");
    check(with("eligible", ids(&[2, 3])).with("eligible_authrole", texts(&["odd"])), "3");
    check(with("eligible_authid", texts(&["user4"])).with("exclude_authrole", texts(&["even"])), "");
    check(with("eligible", ids(&[1, 2])).with("exclude_me", false), "1+2");
    check(with("eligible", Value::Null), "2+3+4+5");
}

#[test]
fn a_malformed_list_never_widens_the_audience() {
    let check = |options: Dict| {
        let mut world = World::of_five();
        world.subscribe(2, "app.news");
        assert!(world.say(1, publish(7, options.clone(), "app.news")).is_empty(), "{options:?}");
        assert_eq!(
            world.say(1, publish(7, options.with("acknowledge", true), "app.news")),
            ["1 < ERROR PUBLISH 7 wamp.error.invalid_argument"]
        );
    };
    check(with("exclude", 2_u64));
    check(with("exclude", texts(&["2"])));
    check(with("eligible", "3"));
    check(with("eligible_authid", ids(&[3])));
    check(with("exclude_authrole", "even"));
    check(with("exclude_me", "no"));
}

#[test]
fn an_invalid_topic_is_refused_if_acknowledged_and_dropped_if_not() {
    for topic in ["app..news", "", "app news"] {
        let mut world = World::of_five();
        assert!(world.say(1, publish(7, none(), topic)).is_empty());
        assert_eq!(
            world.say(1, publish(7, with("acknowledge", true), topic)),
            ["1 < ERROR PUBLISH 7 wamp.error.invalid_uri"]
        );
        assert!(world.realm.session(id(1)).is_some());
    }
}

#[test]
fn only_the_server_publishes_below_wamp() {
    let mut world = World::of_five();
    world.join_service();
    world.subscribe(2, "wamp.session.on_join");
    assert!(world.say(1, publish(7, none(), "wamp.session.on_join")).is_empty());
    assert_eq!(
        world.say(1, publish(7, with("acknowledge", true), "wamp.session.on_join")),
        ["1 < ERROR PUBLISH 7 wamp.error.invalid_uri"]
    );
    let effects = world.effects(SERVICE, publish(7, none(), "wamp.session.on_join"));
    let [Effect::Send { message: Message::Event { details, .. }, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert!(details.is_empty(), "the router itself is the publisher: {details:?}");
}

#[test]
fn custom_keys_reach_the_subscribers() {
    let mut world = World::of_five();
    world.subscribe(2, "app.news");
    world.subscribe_with(3, with("match", "prefix"), "app");
    assert_eq!(
        world.say(1, publish(7, with("_trace_id", "abc").with("publisher", 4_u64), "app.news")),
        ["2 < EVENT 1 P0 {_trace_id: abc}", "3 < EVENT 2 P0 {_trace_id: abc, topic: app.news}"]
    );
}

#[test]
fn the_seed_decides_the_publication_ids() {
    let ids_of = |seed| {
        let mut realm = Realm::new(RealmSettings::new("izaber"), seed);
        let mut out = Vec::new();
        let details = SessionDetails::new(SessionKind::Client, "a", "b");
        let now = Instant::now();
        realm.join(now, id(1), details, &mut out);
        for request in 1..=3 {
            let message = publish(request, with("acknowledge", true), "app.news");
            realm.handle(now, id(1), message, &ByName, &mut out);
        }
        out
    };
    assert_eq!(ids_of(1), ids_of(1));
    assert_ne!(ids_of(1), ids_of(2));
}
