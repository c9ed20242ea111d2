//! What a session is told when it may not.

use super::*;

/// The ERROR's URI and first argument.
fn refusal(world: &mut World, message: Message) -> (String, String) {
    match world.effects(1, message).as_slice() {
        [Effect::Send { to, message: Message::Error { error, payload, .. } }] => {
            assert_eq!(*to, id(1));
            let text = payload.values().unwrap().0[0].as_str().unwrap().to_owned();
            (error.as_str().to_owned(), text)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn denials_have_the_texts_that_clients_look_for() {
    let mut world = World::of_five();
    let mut check = |message, want: &str| {
        let got = refusal(&mut world, message);
        assert_eq!(got, ("wamp.error.not_authorized".to_owned(), want.to_owned()));
    };
    let who = r#"session (session_id=1, authid="user1", authrole="odd") is not authorized to"#;
    let realm = r#"on realm "izaber""#;
    check(call(1, none(), "denied.x"), &format!(r#"{who} call procedure "denied.x" {realm}"#));
    check(register(1, none(), "denied.x"), &format!(r#"{who} register procedure "denied.x" {realm}"#));
    check(subscribe(1, with("match", "prefix"), "denied."), &format!(r#"{who} subscribe to topic "denied." {realm}"#));
    check(publish(1, with("acknowledge", true), "denied.x"), "session not authorized to publish to topic 'denied.x'");
}

#[test]
fn a_denied_publication_without_acknowledgement_is_dropped() {
    let mut world = World::of_five();
    world.subscribe_with(2, with("match", "prefix"), "");
    for topic in ["denied.x", "broken.x", "undocumented.x"] {
        assert!(world.say(1, publish(1, none(), topic)).is_empty());
    }
}

#[test]
fn a_refusal_says_what_the_authorizer_says() {
    let mut world = World::of_five();
    assert_eq!(
        refusal(&mut world, register(1, none(), "undocumented.x")),
        ("test.error.undocumented".to_owned(), "needs documentation".to_owned())
    );
}

#[test]
fn a_broken_authorizer_is_named_without_internals() {
    let mut world = World::of_five();
    assert_eq!(
        refusal(&mut world, call(1, none(), "broken.x")),
        ("wamp.error.authorization_failed".to_owned(), "the permission could not be checked".to_owned())
    );
}

#[test]
fn a_denial_tells_nothing_about_what_exists() {
    let mut world = World::of_five();
    world.join_service();
    world.register(SERVICE, "denied.exists");
    let not_authorized = |lines: Vec<String>| {
        assert!(lines[0].ends_with("wamp.error.not_authorized"), "{lines:?}");
    };
    not_authorized(world.say(1, call(1, none(), "denied.exists")));
    not_authorized(world.say(1, call(2, none(), "denied.missing")));
    not_authorized(world.say(1, register(3, none(), "denied.exists")));
    not_authorized(world.say(1, register(4, none(), "denied.missing")));
}

#[test]
fn the_server_is_not_asked_for_its_own_session() {
    let mut world = World::of_five();
    world.join_service();
    world.register(SERVICE, "denied.x");
    world.subscribe(SERVICE, "denied.topic");
    assert_eq!(world.say(SERVICE, call(1, none(), "denied.x")), ["100 < INVOCATION 1 1"]);
}

#[test]
fn the_authorizer_is_asked_with_the_policy() {
    struct ExactOnly;
    impl Authorizer for ExactOnly {
        fn decide(&self, session: Id, _: &SessionDetails, _: Action, target: Target<'_>) -> Decision {
            assert_eq!(session, id(1));
            match target.policy() {
                countersign_wamp::MatchPolicy::Exact => Decision::Allow,
                _ => Decision::Deny { missing: String::new() },
            }
        }
    }
    let mut world = World::of_five();
    let mut check = |message, want: &str| {
        let mut out = Vec::new();
        world.realm.handle(world.now, id(1), message, &ExactOnly, &mut out);
        let lines = world.lines(out);
        assert!(lines[0].contains(want), "{lines:?}");
    };
    check(subscribe(1, none(), "app.a"), "SUBSCRIBED");
    check(subscribe(2, with("match", "prefix"), "app.a"), "not_authorized");
    check(register(3, none(), "app.a"), "REGISTERED");
    check(register(4, with("match", "wildcard"), "app."), "not_authorized");
}
