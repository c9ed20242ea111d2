//! Retained events.

use super::*;

fn retain() -> Dict {
    with("retain", true)
}

fn wanted() -> Dict {
    with("get_retained", true)
}

fn ids(ids: &[u64]) -> Value {
    Value::List(ids.iter().map(|&id| id.into()).collect())
}

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|&text| text.into()).collect())
}

impl World {
    /// Publishes `text`, to be retained.
    fn keep(&mut self, session: u64, options: Dict, topic: &str, text: &str) {
        self.effects(
            session,
            Message::Publish {
                request: id(1),
                options: options.with("retain", true),
                topic: topic.into(),
                payload: Payload::of(text),
            },
        );
    }

    /// What a subscriber gets at once.
    fn kept(&mut self, session: u64, options: Dict, topic: &str) -> Vec<String> {
        let effects = self.effects(session, subscribe(1, options.with("get_retained", true), topic));
        let text = |effect: &Effect| match effect {
            Effect::Send { message: Message::Event { details, payload, .. }, .. } => {
                details.get("retained").map(|_| payload_text(payload))
            }
            _ => None,
        };
        effects.iter().filter_map(text).collect()
    }
}

#[test]
fn a_subscriber_that_asks_gets_the_last_event_after_its_answer() {
    let mut world = World::of_five();
    world.say(1, publish(1, retain(), "app.news"));
    world.say(1, publish(2, retain().with("_trace_id", "x"), "app.news"));
    // This one is not retained.
    world.say(1, publish(3, none(), "app.news"));
    assert_eq!(
        world.say(2, subscribe(1, wanted(), "app.news")),
        ["2 < SUBSCRIBED 1 1", "2 < EVENT 1 P0 {_trace_id: x, retained: true}"]
    );
    assert_eq!(world.say(3, subscribe(1, none(), "app.news")), ["3 < SUBSCRIBED 1 1"]);
    assert_eq!(world.kept(2, none(), "app.news"), ["argument"], "asking again is no fault");
    assert_eq!(world.kept(4, none(), "app.news.more"), [""; 0]);
}

#[test]
fn the_publication_is_the_one_that_was_acknowledged() {
    let mut world = World::of_five();
    assert_eq!(world.say(1, publish(1, retain().with("acknowledge", true), "app.news")), ["1 < PUBLISHED 1 P0"]);
    let lines = world.say(2, subscribe(1, wanted(), "app.news"));
    assert_eq!(lines, ["2 < SUBSCRIBED 1 1", "2 < EVENT 1 P0 {retained: true}"]);
}

#[test]
fn patterns_get_the_last_event_of_each_topic_in_the_order_of_publication() {
    let mut world = World::of_five();
    for topic in ["app.b.news", "app.a.news", "application", "app.c.other", "other", "app.a.news"] {
        world.keep(1, none(), topic, topic);
    }
    let mut check = |policy: &str, pattern: &str, want: &[&str]| {
        assert_eq!(world.kept(2, with("match", policy), pattern), want, "{pattern}");
    };
    check("prefix", "app.", &["app.b.news", "app.c.other", "app.a.news"]);
    check("prefix", "", &["app.b.news", "application", "app.c.other", "other", "app.a.news"]);
    check("prefix", "x", &[]);
    check("wildcard", "app..news", &["app.b.news", "app.a.news"]);
    check("wildcard", "..news", &["app.b.news", "app.a.news"]);
    check("wildcard", "app.a.", &["app.a.news"]);
    check("exact", "app.a.news", &["app.a.news"]);
    let lines = world.say(3, subscribe(1, wanted().with("match", "wildcard"), "app.c."));
    assert!(lines[1].ends_with("{topic: app.c.other, retained: true}"), "{lines:?}");
}

#[test]
fn a_subscriber_gets_only_what_it_would_have_got() {
    let check = |options: Dict, subscriber: u64, want: &[&str]| {
        let mut world = World::of_five();
        world.keep(3, none(), "app.news", "for all");
        world.keep(1, options.clone(), "app.news", "for some");
        assert_eq!(world.kept(subscriber, none(), "app.news"), want, "{options:?}");
    };
    check(none(), 2, &["for some"]);
    // The publisher is left out of its own event, so the one before is its newest.
    check(none(), 1, &["for all"]);
    check(with("exclude_me", false), 1, &["for some"]);
    check(with("exclude", ids(&[2])), 2, &["for all"]);
    check(with("eligible", ids(&[2])), 2, &["for some"]);
    check(with("eligible", ids(&[2])), 4, &["for all"]);
    check(with("eligible", ids(&[])), 4, &["for all"]);
    check(with("eligible_authid", texts(&["user4"])), 4, &["for some"]);
    check(with("exclude_authrole", texts(&["even"])), 4, &["for all"]);
    check(with("exclude_authrole", texts(&["even"])), 5, &["for some"]);
}

#[test]
fn an_event_for_all_takes_the_place_of_everything_before() {
    let mut world = World::of_five();
    world.keep(3, none(), "app.news", "old");
    world.keep(1, with("eligible_authrole", texts(&["odd"])), "app.news", "for some");
    world.keep(1, with("exclude_me", false), "app.news", "new");
    assert_eq!(world.realm.retained_event_count(), 1);
    for session in 1..=5 {
        assert_eq!(world.kept(session, none(), "app.news"), ["new"]);
    }
    world.keep(1, none(), "app.news", "newer");
    world.keep(3, none(), "app.news", "newest");
    assert_eq!(world.realm.retained_event_count(), 2);
    assert_eq!(world.kept(3, none(), "app.news"), ["newer"]);
    assert_eq!(world.kept(1, none(), "app.news"), ["newest"]);
}

#[test]
fn restricted_events_of_a_topic_are_limited_and_leave_the_one_for_all() {
    let mut world = World::of_five();
    world.keep(3, with("exclude_me", false), "app.news", "for all");
    for number in 0..20 {
        world.keep(1, with("eligible", ids(&[2])), "app.news", &number.to_string());
    }
    assert_eq!(world.realm.retained_event_count(), 8);
    assert_eq!(world.kept(2, none(), "app.news"), ["19"]);
    assert_eq!(world.kept(4, none(), "app.news"), ["for all"]);
}

#[test]
fn what_has_no_room_is_forgotten_with_all_that_is_older() {
    let mut world = World::with(|settings| settings.retained_events_max = 2);
    world.join(1, all_features());
    world.join(2, all_features());
    world.keep(1, none(), "app.a", "a");
    world.keep(1, none(), "app.b", "b");
    world.keep(1, none(), "app.c", "c");
    assert_eq!(world.kept(2, with("match", "prefix"), "app."), ["a", "b"]);
    world.keep(1, with("exclude_me", false), "app.a", "a2");
    assert_eq!(world.kept(2, with("match", "prefix"), "app."), ["b", "a2"]);

    let mut world = World::with(|settings| settings.retained_bytes_max = 600);
    world.join(1, all_features());
    world.join(2, all_features());
    world.keep(1, none(), "app.a", "a");
    let message = Message::Publish {
        request: id(1),
        options: retain(),
        topic: "app.a".into(),
        payload: Payload::of("x".repeat(600)),
    };
    world.effects(1, message);
    assert_eq!(world.kept(2, none(), "app.a"), [""; 0]);
    assert_eq!(world.realm.retained_event_count(), 0);
}

#[test]
fn what_may_not_be_published_or_subscribed_is_not_retained_or_told() {
    let mut world = World::of_five();
    world.keep(1, none(), "denied.x", "x");
    assert_eq!(world.realm.retained_event_count(), 0);
    world.keep(1, none(), "app.a", "a");
    let refused = world.say(2, subscribe(1, wanted().with("match", "prefix"), "denied."));
    assert_eq!(refused, ["2 < ERROR SUBSCRIBE 1 wamp.error.not_authorized"]);
    assert_eq!(
        world.say(2, subscribe(1, with("get_retained", 1_u64), "app.a")),
        ["2 < ERROR SUBSCRIBE 1 wamp.error.invalid_argument"]
    );
    assert_eq!(
        world.say(2, publish(1, with("retain", 1_u64).with("acknowledge", true), "app.a")),
        ["2 < ERROR PUBLISH 1 wamp.error.invalid_argument"]
    );
}

#[test]
fn where_none_may_be_retained_events_are_delivered_and_forgotten() {
    let mut world = World::with(|settings| settings.retained_events_max = 0);
    world.join(1, all_features());
    world.join(2, all_features());
    world.join(3, all_features());
    world.subscribe(2, "app.news");
    assert_eq!(world.say(1, publish(1, retain(), "app.news")), ["2 < EVENT 1 P0"]);
    assert_eq!(world.kept(3, none(), "app.news"), [""; 0]);
    assert_eq!(world.realm.retained_event_count(), 0);
}
