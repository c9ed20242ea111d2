//! Event history.

use countersign_wamp::{MatchPolicy, UriPattern, UriRules};

use super::*;
use crate::{HistorySettings, PastEvent};

const GET: &str = "wamp.subscription.get_events";

fn history(policy: MatchPolicy, pattern: &str, events_max: usize) -> HistorySettings {
    let pattern = UriPattern::parse(pattern, policy, UriRules::default()).unwrap();
    HistorySettings { pattern, events_max, bytes_max: 1 << 20, is_stored: false }
}

/// Subscription 1 is `app.log` with everything below, 2 is `app.one`, of which one event is kept.
fn world() -> World {
    let mut world = World::with(|settings| {
        settings.history =
            vec![history(MatchPolicy::Prefix, "app.log", 100), history(MatchPolicy::Exact, "app.one", 1)];
    });
    world.realm.set_clock(world.now, 1_700_000_000_000_000);
    for session in 1..=4 {
        world.join(session, all_features());
    }
    world
}

impl World {
    fn log(&mut self, options: Dict, topic: &str, text: &str) -> Id {
        let options = options.with("acknowledge", true);
        let payload = Payload::of(text);
        let effects = self.effects(1, Message::Publish { request: id(1), options, topic: topic.into(), payload });
        match effects.last() {
            Some(Effect::Send { message: Message::Published { publication, .. }, .. }) => *publication,
            other => panic!("{other:?}"),
        }
    }

    /// The first arguments of the events, and whether there are more.
    fn past(&mut self, session: u64, subscription: u64, kwargs: Dict) -> (Vec<String>, bool) {
        let (events, about) = self.past_events(session, subscription, kwargs);
        assert_eq!(about.get("stored"), Some(&Value::Bool(true)));
        let text = |event: &Dict| show(&event.get("args").unwrap().as_list().unwrap()[0]);
        (events.iter().map(text).collect(), about.get("more").unwrap().as_bool().unwrap())
    }

    fn past_events(&mut self, session: u64, subscription: u64, kwargs: Dict) -> (Vec<Dict>, Dict) {
        let payload = Payload::new(args([subscription.into()]), kwargs);
        let message = Message::Call { request: id(77), options: none(), procedure: GET.into(), payload };
        let effects = self.effects(session, message);
        let [Effect::Send { message: Message::Result { payload, .. }, .. }] = effects.as_slice() else {
            panic!("{effects:?}")
        };
        let (list, about) = payload.values().unwrap();
        let events = list[0].as_list().unwrap().iter().map(|event| event.as_dict().unwrap().clone());
        (events.collect(), about)
    }
}

#[test]
fn events_are_kept_with_time_and_details_whether_anybody_subscribes_or_not() {
    let mut world = world();
    let publication = world.log(with("_trace_id", "x"), "app.log.auth", "a");
    let (events, about) = world.past_events(2, 1, none());
    let want = with("timestamp", "2023-11-14T22:13:20.000000Z")
        .with("subscription", 1_u64)
        .with("publication", publication)
        .with(
            "details",
            with("publisher", 1_u64)
                .with("publisher_authid", "user1")
                .with("publisher_authrole", "odd")
                .with("_trace_id", "x")
                .with("topic", "app.log.auth"),
        )
        .with("args", args(["a".into()]))
        .with("kwargs", none());
    assert_eq!(events, [want]);
    assert_eq!(about, with("stored", true).with("more", false));
}

#[test]
fn the_last_events_are_kept_in_their_order() {
    let mut world = world();
    for text in ["a", "b", "c"] {
        world.log(none(), "app.log.auth", text);
        world.log(none(), "app.one", text);
    }
    world.log(none(), "app.other", "d");
    let mut check = |subscription, kwargs: Dict, want: &[&str], more| {
        let want: Vec<_> = want.iter().map(ToString::to_string).collect();
        assert_eq!(world.past(2, subscription, kwargs.clone()), (want, more), "{kwargs:?}");
    };
    check(1, none(), &["a", "b", "c"], false);
    check(1, with("reverse", true), &["c", "b", "a"], false);
    check(1, with("limit", 2_u64), &["a", "b"], true);
    check(1, with("limit", 2_u64).with("reverse", true), &["c", "b"], true);
    check(1, with("limit", 3_u64), &["a", "b", "c"], false);
    check(2, none(), &["c"], false);
}

#[test]
fn all_bounds_hold_together() {
    let mut world = world();
    let mut publications = Vec::new();
    for (index, text) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let topic = if index % 2 == 0 { "app.log.even" } else { "app.log.odd" };
        publications.push(world.log(none(), topic, text));
        world.pass(1_000);
    }
    let publication = |key: &str, index: usize| with(key, publications[index]);
    let time = |key: &str, second: u64| with(key, format!("2023-11-14T22:13:2{second}Z"));
    let mut check = |kwargs: Dict, want: &[&str]| {
        let want: Vec<_> = want.iter().map(ToString::to_string).collect();
        assert_eq!(world.past(2, 1, kwargs.clone()), (want, false), "{kwargs:?}");
    };
    check(time("from_time", 1), &["b", "c", "d"]);
    check(time("after_time", 1), &["c", "d"]);
    check(time("before_time", 1), &["a"]);
    check(time("until_time", 1), &["a", "b"]);
    check(time("until_time", 9), &["a", "b", "c", "d"]);
    check(publication("from_publication", 1), &["b", "c", "d"]);
    check(publication("after_publication", 1), &["c", "d"]);
    check(publication("before_publication", 1), &["a"]);
    check(publication("until_publication", 1), &["a", "b"]);
    check(with("from_publication", 7_u64), &[]);
    check(with("topic", "app.log.odd"), &["b", "d"]);
    check(with("topic", "app.log"), &[]);
    let between = time("after_time", 0).with("before_publication", publications[3]);
    check(between.clone(), &["b", "c"]);
    check(between.clone().with("reverse", true), &["c", "b"]);
    check(between.with("topic", "app.log.even"), &["c"]);
    check(time("from_time", 2).with("until_publication", publications[1]), &[]);
}

#[test]
fn an_event_restricted_by_session_ids_is_never_kept() {
    let list = |value: Value| Value::List(vec![value]);
    let mut world = world();
    world.log(with("eligible", list(2_u64.into())), "app.log", "a");
    world.log(with("exclude", list(2_u64.into())), "app.log", "b");
    world.log(with("exclude", Value::List(vec![])), "app.log", "c");
    world.log(with("eligible_authrole", list("even".into())), "app.log", "d");
    world.log(with("exclude_authid", list("user3".into())), "app.log", "e");
    assert_eq!(world.past(2, 1, none()).0, ["d", "e"]);
    assert_eq!(world.past(3, 1, none()).0, [""; 0]);
    assert_eq!(world.past(1, 1, none()).0, ["e"], "the publisher is a reader as any other");
}

#[test]
fn other_subscriptions_see_what_a_history_covers() {
    let mut world = world();
    world.subscribe(2, "app.log.auth");
    world.subscribe_with(2, with("match", "prefix"), "app.log.a");
    world.subscribe_with(2, with("match", "prefix"), "app.");
    world.subscribe_with(2, with("match", "wildcard"), "app.log.");
    for topic in ["app.log.auth", "app.log.access", "app.log.basket"] {
        world.log(none(), topic, topic);
    }
    assert_eq!(world.past(3, 3, none()).0, ["app.log.auth"]);
    assert_eq!(world.past(3, 4, none()).0, ["app.log.auth", "app.log.access"]);
    for subscription in [5, 6] {
        let (events, about) = world.past_events(3, subscription, none());
        assert_eq!((events.len(), about), (0, with("stored", false).with("more", false)));
    }
}

#[test]
fn a_subscription_with_a_history_is_there_for_good() {
    let mut world = world();
    assert_eq!(world.realm.subscription_count(), 2);
    let lookup = args(["app.log".into(), with("match", "prefix").into()]);
    assert_eq!(world.asked(2, "wamp.subscription.lookup", lookup), "1");
    let created = "created: 2023-11-14T22:13:20.000000Z";
    assert_eq!(
        world.asked(2, "wamp.subscription.get", args([1_u64.into()])),
        format!("{{id: 1, {created}, uri: app.log, match: prefix}}")
    );
    world.subscribe(1, "wamp.subscription.on_create");
    world.subscribe(1, "wamp.subscription.on_delete");
    assert_eq!(world.say(2, subscribe(5, none(), "app.one")), ["2 < SUBSCRIBED 5 2"]);
    assert_eq!(world.say(2, unsubscribe(6, 2)), ["2 < UNSUBSCRIBED 6"]);
    world.log(none(), "app.one", "a");
    assert_eq!(world.past(2, 2, none()).0, ["a"]);
}

#[test]
fn the_history_is_limited_in_bytes_and_so_is_an_answer() {
    let mut world = World::with(|settings| {
        // An event of one argument counts 576 bytes.
        settings.history_answer_bytes_max = 2 * 576;
        let bytes_max = 3 * 576;
        settings.history = vec![HistorySettings { bytes_max, ..history(MatchPolicy::Exact, "app.log", 100) }];
    });
    world.join(1, all_features());
    for text in ["a", "b", "c", "d"] {
        world.log(none(), "app.log", text);
    }
    assert_eq!(world.past(1, 1, none()), (vec!["b".to_owned(), "c".to_owned()], true));
    assert_eq!(world.past(1, 1, with("reverse", true)), (vec!["d".to_owned(), "c".to_owned()], true));
}

#[test]
fn only_who_may_subscribe_sees_the_history() {
    struct OnlyCall;
    impl Authorizer for OnlyCall {
        fn decide(&self, _: Id, _: &SessionDetails, action: Action, _: Target<'_>) -> Decision {
            if action == Action::Call { Decision::Allow } else { Decision::Deny { missing: String::new() } }
        }
    }
    let mut world = world();
    let mut out = Vec::new();
    let payload = Payload::of(1_u64);
    let message = Message::Call { request: id(7), options: none(), procedure: GET.into(), payload };
    world.realm.handle(world.now, id(2), message, &OnlyCall, &mut out);
    assert_eq!(world.lines(out), ["2 < ERROR CALL 7 wamp.error.not_authorized"]);
}

#[test]
fn bad_arguments_are_refused() {
    let mut world = world();
    let mut check = |subscription: Value, kwargs: Dict, want: &str| {
        let (answer, _) = world.ask(2, GET, args([subscription]), kwargs.clone());
        assert_eq!(answer, format!("wamp.error.{want}"), "{kwargs:?}");
    };
    let one = || Value::from(1_u64);
    check(9_u64.into(), none(), "no_such_subscription");
    check("1".into(), none(), "invalid_argument");
    check(one(), with("limit", 0_u64), "invalid_argument");
    check(one(), with("limit", "3"), "invalid_argument");
    check(one(), with("reverse", 1_u64), "invalid_argument");
    check(one(), with("from_time", "yesterday"), "invalid_argument");
    check(one(), with("until_time", 1_700_000_000_u64), "invalid_argument");
    check(one(), with("from_publication", 0_u64), "invalid_argument");
    check(one(), with("topic", "app..x"), "invalid_uri");
    check(one(), with("topic", 1_u64), "invalid_argument");
}

/// Subscriptions 1 and 3 are of histories that are stored, 2 is not.
fn recording_world(events_max: usize) -> World {
    let mut world = World::with(|settings| {
        let stored = |policy, pattern| HistorySettings { is_stored: true, ..history(policy, pattern, events_max) };
        settings.history = vec![
            stored(MatchPolicy::Prefix, "app.log"),
            history(MatchPolicy::Exact, "app.log.b", 100),
            HistorySettings { bytes_max: 700, ..stored(MatchPolicy::Exact, "app.log.c") },
        ];
    });
    world.realm.set_clock(world.now, 1_700_000_000_000_000);
    world.join(1, all_features());
    world.join(2, all_features());
    world
}

impl World {
    /// What is recorded of a publication.
    fn recorded(&mut self, options: Dict, topic: &str, text: &str) -> Vec<(Vec<usize>, PastEvent)> {
        let message = Message::Publish { request: id(1), options, topic: topic.into(), payload: Payload::of(text) };
        let effects = self.effects(1, message).into_iter();
        let record = |effect| match effect {
            Effect::Record { histories, event } => Some((histories.to_vec(), (*event).clone())),
            _ => None,
        };
        effects.filter_map(record).collect()
    }
}

#[test]
fn the_events_of_stored_histories_are_recorded() {
    let mut world = recording_world(100);
    let mut check = |options: Dict, topic: &str, text: &str, want: &[&[usize]]| {
        let recorded = world.recorded(options, topic, text);
        let places: Vec<_> = recorded.iter().map(|(places, _)| places.as_slice()).collect();
        assert_eq!(places, want, "{topic}");
    };
    check(none(), "app.log", "a", &[&[0]]);
    check(none(), "app.log.b", "b", &[&[0]]);
    check(none(), "app.log.c", "c", &[&[2, 0]]);
    check(none(), "app.other", "d", &[]);
    check(with("exclude", Value::List(vec![2_u64.into()])), "app.log", "e", &[]);
    // Too long for its history, so not in memory either.
    check(none(), "app.log.c", &"x".repeat(200), &[&[0]]);
}

#[test]
fn what_was_recorded_can_be_given_back_to_another_realm() {
    let mut first = recording_world(100);
    let mut all = Vec::new();
    for (topic, text) in [("app.log", "a"), ("app.log.b", "b"), ("app.log.c", "c")] {
        first.pass(1_000);
        let options = with("_trace_id", text).with("exclude_authrole", Value::List(vec!["odd".into()]));
        all.extend(first.recorded(options, topic, text));
    }
    let of = |place: usize| all.iter().filter(move |(places, _)| places.contains(&place)).map(|(_, past)| past.clone());
    let want = first.past_events(2, 1, none());
    assert_eq!(want.0.len(), 3);

    let mut second = recording_world(100);
    for place in [0, 2, 9] {
        second.realm.restore_history(place, of(place));
    }
    assert_eq!(second.past_events(2, 1, none()), want);
    assert_eq!(second.past(1, 1, none()).0, [""; 0], "the lists of receivers still hold");
    assert_eq!(second.past(2, 3, none()).0, ["c"]);
    second.log(none(), "app.log", "d");
    assert_eq!(second.past(2, 1, none()).0, ["a", "b", "c", "d"]);

    let mut small = recording_world(2);
    small.realm.restore_history(0, of(0));
    assert_eq!(small.past(2, 1, none()).0, ["b", "c"]);
}
