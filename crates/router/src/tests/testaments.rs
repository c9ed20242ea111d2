//! What a session leaves behind.

use super::*;

const ADD: &str = "wamp.session.add_testament";
const FLUSH: &str = "wamp.session.flush_testaments";

impl World {
    #[track_caller]
    fn bequeath(&mut self, session: u64, topic: &str, kwargs: Dict) {
        let arguments = args([topic.into(), Value::List(vec!["gone".into()]), with("who", session).into()]);
        assert_eq!(self.ask(session, ADD, arguments, kwargs), ("null".to_owned(), vec![]));
    }

    /// The topics that are published when `session` leaves.
    fn left(&mut self, session: u64) -> Vec<String> {
        let topic = |line: String| line.rsplit_once("{topic: ").unwrap().1.trim_end_matches('}').to_owned();
        self.leave(session).into_iter().map(topic).collect()
    }
}

/// Session 2 hears everything below `app.`, and what is denied.
fn world() -> World {
    let mut world = World::of_five();
    world.subscribe_with(2, with("match", "prefix"), "app.");
    world
}

#[test]
fn a_testament_is_published_as_from_the_session_that_left() {
    let mut world = world();
    world.subscribe(3, "app.bye");
    world.bequeath(1, "app.bye", none());
    let mut out = Vec::new();
    world.realm.leave(world.now, id(1), &ByName, &mut out);
    let [Effect::Send { message: Message::Event { details, payload, .. }, .. }, _] = out.as_slice() else {
        panic!("{out:?}")
    };
    let want = with("publisher", 1_u64).with("publisher_authid", "user1").with("publisher_authrole", "odd");
    assert_eq!(*details, want);
    assert_eq!(payload_text(payload), "gone {who: 1}");
    assert_eq!(world.lines(out), ["3 < EVENT 2 P0", "2 < EVENT 1 P0 {topic: app.bye}"]);
}

#[test]
fn detached_ones_go_before_destroyed_ones_each_in_order() {
    let mut world = world();
    for (topic, scope) in [("a", "destroyed"), ("b", "detached"), ("c", "destroyed"), ("d", "detached")] {
        world.bequeath(1, &format!("app.{topic}"), with("scope", scope));
    }
    world.bequeath(1, "app.e", none());
    assert_eq!(world.left(1), ["app.b", "app.d", "app.a", "app.c", "app.e"]);
}

#[test]
fn flushing_empties_one_scope() {
    let check = |kwargs: Dict, want: &[&str]| {
        let mut world = world();
        world.bequeath(1, "app.detached", with("scope", "detached"));
        world.bequeath(1, "app.destroyed", none());
        assert_eq!(world.ask(1, FLUSH, vec![], kwargs), ("null".to_owned(), vec![]));
        assert_eq!(world.left(1), want);
    };
    check(none(), &["app.detached"]);
    check(with("scope", "destroyed"), &["app.detached"]);
    check(with("scope", "detached"), &["app.destroyed"]);
    assert_eq!(world().asked(1, FLUSH, vec![]), "null");
}

#[test]
fn options_of_the_publication_are_obeyed() {
    let mut world = world();
    world.subscribe(3, "app.bye");
    let options = with("exclude", Value::List(vec![2_u64.into()])).with("acknowledge", true);
    world.bequeath(1, "app.bye", with("publish_options", options));
    assert_eq!(world.leave(1), ["3 < EVENT 2 P0"]);
}

#[test]
fn whoever_ends_the_session_the_testament_is_published() {
    let mut world = world();
    world.bequeath(1, "app.bye", none());
    let lines = world.say(1, yields(9, none()));
    assert_eq!(lines.last().unwrap(), "2 < EVENT 1 P0 {topic: app.bye}");
    let mut world = self::world();
    world.bequeath(1, "app.bye", none());
    let (_, others) = world.ask(3, "wamp.session.kill", args([1_u64.into()]), none());
    assert_eq!(others, ["1 killed wamp.close.killed", "2 < EVENT 1 P0 {topic: app.bye}"]);
    let mut world = self::world();
    world.bequeath(1, "app.bye", none());
    let (_, others) = world.ask(2, "wamp.session.kill_all", vec![], none());
    assert!(others.iter().all(|line| line.contains("killed")), "{others:?}");
}

#[test]
fn what_may_not_be_published_is_not_when_the_time_comes() {
    let mut world = world();
    world.subscribe_with(3, with("match", "wildcard"), ".bye");
    for topic in ["denied.bye", "broken.bye", "undocumented.bye", "app.bye"] {
        world.bequeath(1, topic, none());
    }
    assert_eq!(world.leave(1), ["2 < EVENT 1 P0 {topic: app.bye}", "3 < EVENT 2 P0 {topic: app.bye}"]);
}

#[test]
fn a_testament_that_could_never_be_published_is_refused_at_once() {
    let check = |arguments: Vec<Value>, kwargs: Dict, want: &str| {
        let mut world = world();
        assert_eq!(world.ask(1, ADD, arguments, kwargs).0, format!("wamp.error.{want}"));
        assert!(world.left(1).is_empty());
    };
    let topic = || args(["app.bye".into()]);
    check(vec![], none(), "invalid_argument");
    check(args(["app..bye".into()]), none(), "invalid_uri");
    check(args(["wamp.session.on_leave".into()]), none(), "invalid_uri");
    check(args(["app.bye".into(), "no list".into()]), none(), "invalid_argument");
    check(args(["app.bye".into(), Value::Null, "no dict".into()]), none(), "invalid_argument");
    check(topic(), with("scope", "forever"), "invalid_argument");
    check(topic(), with("scope", 1_u64), "invalid_argument");
    check(topic(), with("publish_options", "none"), "invalid_argument");
    check(topic(), with("publish_options", with("eligible", 3_u64)), "invalid_argument");
    assert_eq!(World::of_five().ask(1, FLUSH, vec![], with("scope", "all")).0, "wamp.error.invalid_argument");
}

#[test]
fn testaments_are_limited_in_number_and_size() {
    let refused = ("countersign.error.limit_exceeded".to_owned(), vec![]);
    let mut world = World::with(|settings| settings.testaments_max = 2);
    world.join(1, all_features());
    world.bequeath(1, "app.a", none());
    world.bequeath(1, "app.b", with("scope", "detached"));
    assert_eq!(world.ask(1, ADD, args(["app.c".into()]), none()), refused);
    world.ask(1, FLUSH, vec![], none());
    world.bequeath(1, "app.c", none());

    let mut world = World::with(|settings| settings.testament_bytes_max = 2_900);
    world.join(1, all_features());
    let long = || vec!["app.a".into(), Value::List(vec!["x".repeat(900).into()]), none().into()];
    for _ in 0..2 {
        assert_eq!(world.asked(1, ADD, long()), "null");
    }
    assert_eq!(world.ask(1, ADD, long(), none()), refused);
}

#[test]
fn where_none_may_be_every_testament_is_refused_and_nothing_is_published() {
    let mut world = World::with(|settings| settings.testaments_max = 0);
    world.join(1, all_features());
    world.join(2, all_features());
    world.subscribe_with(2, with("match", "prefix"), "app.");
    let refused = ("countersign.error.limit_exceeded".to_owned(), vec![]);
    let testament = || args(["app.a".into(), Value::List(vec!["gone".into()]), none().into()]);
    for scope in ["destroyed", "detached"] {
        assert_eq!(world.ask(1, ADD, testament(), with("scope", scope)), refused);
    }
    world.ask(1, FLUSH, vec![], none());
    assert_eq!(world.left(1), [""; 0]);
}
