//! What the router publishes about sessions, registrations and subscriptions.

use super::*;

/// Session 1 hears all meta events.
fn listening() -> World {
    let mut world = World::of_five();
    world.subscribe_with(1, with("match", "prefix"), "wamp.");
    world
}

impl World {
    /// `topic: payload` of each event that session 1 gets out of these effects.
    fn heard(effects: &[Effect]) -> Vec<String> {
        let event = |effect: &Effect| match effect {
            Effect::Send { to, message: Message::Event { details, payload, .. } } if *to == id(1) => {
                let topic = details.get("topic").unwrap().as_str().unwrap();
                Some(format!("{}: {}", topic.strip_prefix("wamp.").unwrap(), payload_text(payload)))
            }
            _ => None,
        };
        effects.iter().filter_map(event).collect()
    }

    fn hear(&mut self, session: u64, message: Message) -> Vec<String> {
        Self::heard(&self.effects(session, message))
    }

    fn hear_leave(&mut self, session: u64) -> Vec<String> {
        let mut out = Vec::new();
        self.realm.leave(self.now, id(session), &ByName, &mut out);
        Self::heard(&out)
    }
}

const EPOCH: &str = "created: 1970-01-01T00:00:00.000000Z";

#[test]
fn sessions_are_announced_when_they_come_and_go() {
    let mut world = listening();
    let mut out = Vec::new();
    let details = SessionDetails {
        authmethod: "ticket".into(),
        authprovider: "static".into(),
        transport: with("peer", "tcp"),
        ..SessionDetails::new(SessionKind::Client, "joe", "user")
    };
    world.realm.join(world.now, id(8), details, &mut out);
    assert_eq!(
        World::heard(&out),
        ["session.on_join: {session: 8, authid: joe, authrole: user, authmethod: ticket, authprovider: static, \
          transport: {peer: tcp}}"]
    );
    assert_eq!(world.hear_leave(8), ["session.on_leave: 8 joe user"]);
    assert!(world.hear_leave(8).is_empty());
}

#[test]
fn the_server_s_own_session_is_not_announced() {
    let mut world = listening();
    assert!(world.join_as(SERVICE, all_features(), SessionKind::Service).is_empty());
    assert!(world.leave(SERVICE).is_empty());
}

#[test]
fn a_registration_is_created_before_it_has_callees_and_deleted_after() {
    let mut world = listening();
    let shared = || with("invoke", "last").with("match", "prefix");
    assert_eq!(
        world.hear(2, register(5, shared(), "app.")),
        [
            format!("registration.on_create: 2 {{id: 1, {EPOCH}, uri: app., match: prefix, invoke: last}}"),
            "registration.on_register: 2 1".to_owned()
        ]
    );
    assert_eq!(world.hear(3, register(5, shared(), "app.")), ["registration.on_register: 3 1"]);
    assert!(world.hear(3, register(5, shared(), "app.")).is_empty());
    assert_eq!(world.hear(2, unregister(6, 1)), ["registration.on_unregister: 2 1"]);
    assert_eq!(world.hear(3, unregister(6, 1)), ["registration.on_unregister: 3 1", "registration.on_delete: 3 1"]);
}

#[test]
fn a_forced_registration_ends_one_and_creates_another() {
    let mut world = listening();
    world.register(2, "app.add");
    assert_eq!(
        world.hear(3, register(5, with("force_reregister", true), "app.add")),
        [
            "registration.on_unregister: 2 1".to_owned(),
            "registration.on_delete: 2 1".to_owned(),
            format!("registration.on_create: 3 {{id: 2, {EPOCH}, uri: app.add, match: exact, invoke: single}}"),
            "registration.on_register: 3 2".to_owned(),
        ]
    );
}

#[test]
fn a_subscription_is_created_before_it_has_subscribers_and_deleted_after() {
    let mut world = listening();
    assert_eq!(
        world.hear(2, subscribe(5, none(), "app.news")),
        [
            format!("subscription.on_create: 2 {{id: 2, {EPOCH}, uri: app.news, match: exact}}"),
            "subscription.on_subscribe: 2 2".to_owned()
        ]
    );
    assert!(world.hear(2, subscribe(6, none(), "app.news")).is_empty());
    assert_eq!(world.hear(3, subscribe(5, none(), "app.news")), ["subscription.on_subscribe: 3 2"]);
    assert_eq!(world.hear(2, unsubscribe(6, 2)), ["subscription.on_unsubscribe: 2 2"]);
    assert_eq!(world.hear(3, unsubscribe(6, 2)), ["subscription.on_unsubscribe: 3 2", "subscription.on_delete: 3 2"]);
}

#[test]
fn a_session_that_leaves_gives_back_all_it_had_first() {
    let mut world = listening();
    world.register(2, "app.add");
    world.subscribe(2, "app.news");
    world.subscribe(3, "app.news");
    assert_eq!(
        world.hear_leave(2),
        [
            "registration.on_unregister: 2 1",
            "registration.on_delete: 2 1",
            "subscription.on_unsubscribe: 2 2",
            "session.on_leave: 2 user2 even",
        ]
    );
}

#[test]
fn nothing_is_told_of_the_router_s_own_uris() {
    let mut world = listening();
    world.join_service();
    assert!(world.hear(2, subscribe(5, none(), "wamp.session.on_join")).is_empty());
    assert!(world.hear(2, unsubscribe(6, 2)).is_empty());
    assert!(world.hear(SERVICE, register(5, none(), "wamp.session.extra")).is_empty());
    assert!(world.hear(SERVICE, unregister(6, 1)).is_empty());
}

#[test]
fn events_follow_the_answer_and_reach_whoever_caused_them() {
    let mut world = World::of_five();
    assert_eq!(
        world.say(2, subscribe(5, with("match", "wildcard"), "..")),
        [
            "2 < SUBSCRIBED 5 1",
            "2 < EVENT 1 P0 {topic: wamp.subscription.on_create}",
            "2 < EVENT 1 P1 {topic: wamp.subscription.on_subscribe}",
        ]
    );
    world.subscribe(2, "wamp.registration.on_register");
    assert_eq!(
        world.say(2, register(5, none(), "app.add")),
        [
            "2 < REGISTERED 5 1",
            "2 < EVENT 1 P2 {topic: wamp.registration.on_create}",
            "2 < EVENT 2 P3",
            "2 < EVENT 1 P3 {topic: wamp.registration.on_register}",
        ]
    );
}

#[test]
fn killing_is_leaving_but_killing_all_says_nothing_of_sessions() {
    let mut world = listening();
    world.subscribe(2, "app.news");
    let (_, lines) = world.ask(1, "wamp.session.kill", args([2_u64.into()]), none());
    assert_eq!(
        lines,
        [
            "2 killed wamp.close.killed",
            "1 < EVENT 1 P2 {topic: wamp.subscription.on_unsubscribe}",
            "1 < EVENT 1 P3 {topic: wamp.subscription.on_delete}",
            "1 < EVENT 1 P4 {topic: wamp.session.on_leave}",
        ]
    );
    let (_, lines) = world.ask(1, "wamp.session.kill_all", vec![], none());
    assert_eq!(lines, ["3 killed wamp.close.killed", "4 killed wamp.close.killed", "5 killed wamp.close.killed"]);
}
