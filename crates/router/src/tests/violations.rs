//! What ends a session, and what does not.

use super::*;
use countersign_wamp::Signature;

#[track_caller]
fn check_closes(world: &mut World, session: u64, message: Message, text: &str) {
    let lines = world.say(session, message);
    let want = format!("{session} closed wamp.error.protocol_violation: {text}");
    assert_eq!(lines.first(), Some(&want));
    assert!(world.realm.session(id(session)).is_none());
}

#[test]
fn what_only_a_router_sends_ends_the_session() {
    let (request, details, payload) = (id(1), Dict::new(), Payload::absent());
    let messages = [
        Message::Hello { realm: "r".into(), details: none() },
        Message::Welcome { session: id(1), details: none() },
        Message::Abort { details: none(), reason: "r".into() },
        Message::Challenge { method: "ticket".into(), extra: none() },
        Message::Authenticate { signature: Signature::new("s"), extra: none() },
        Message::Goodbye { details: none(), reason: "r".into() },
        Message::Published { request, publication: request },
        Message::Subscribed { request, subscription: request },
        Message::Unsubscribed { request: Some(request), details: None },
        Message::Event {
            subscription: request,
            publication: request,
            details: details.clone(),
            payload: payload.clone(),
        },
        Message::Result { request, details: details.clone(), payload: payload.clone() },
        Message::Registered { request, registration: request },
        Message::Unregistered { request: Some(request), details: None },
        Message::Invocation { request, registration: request, details, payload },
        Message::Interrupt { request, options: none() },
    ];
    for message in messages {
        let name = message.message_type().name();
        let mut world = World::of_five();
        let text = format!("{name} is not for a client in a session to send");
        check_closes(&mut world, 1, message, &text);
    }
}

#[test]
fn an_error_can_only_answer_an_invocation() {
    for request_type in MessageType::ALL {
        if request_type == MessageType::Invocation {
            continue;
        }
        let mut world = World::of_five();
        let message = Message::Error {
            request_type,
            request: id(1),
            details: none(),
            error: "app.error".into(),
            payload: Payload::absent(),
        };
        let text = format!("a client's ERROR can't answer {}", request_type.name());
        check_closes(&mut world, 1, message, &text);
    }
}

#[test]
fn an_answer_to_an_invocation_that_never_was_ends_the_session() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    check_closes(&mut world, 3, yields(1, none()), "YIELD for invocation 1, which was never made");
    check_closes(&mut world, 4, fails(9), "ERROR for invocation 9, which was never made");
    check_closes(&mut world, 2, yields(2, none()), "YIELD for invocation 2, which was never made");
}

#[test]
fn a_plain_client_may_answer_an_invocation_that_never_was() {
    let mut world = World::of_five();
    world.join(6, ClientFeatures::PLAIN);
    world.register(6, "app.add");
    assert!(world.say(6, yields(1, none())).is_empty());
    assert!(world.say(6, fails(9)).is_empty());
    assert_eq!(world.say(1, call(7, none(), "app.add")), ["6 < INVOCATION 1 1"]);
    assert!(world.say(6, yields(2, none())).is_empty());
    assert_eq!(world.say(6, yields(1, none())), ["1 < RESULT 7"]);
}

#[test]
fn a_second_answer_to_an_invocation_is_late_not_wrong() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    world.say(2, yields(1, none()));
    assert!(world.say(2, yields(1, none())).is_empty());
    assert!(world.say(2, fails(1)).is_empty());
    assert!(world.realm.session(id(2)).is_some());
}

#[test]
fn a_call_with_the_id_of_a_pending_one_ends_the_session() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    // Another session's ids are its own.
    assert_eq!(world.say(3, call(7, none(), "app.add")), ["2 < INVOCATION 2 1"]);
    assert_eq!(
        world.say(1, call(7, none(), "app.add")),
        [
            "1 closed wamp.error.protocol_violation: CALL 7 still waits for its answer",
            "2 < INTERRUPT 1 {mode: killnowait, reason: wamp.error.canceled}",
        ]
    );
}

#[test]
fn a_closed_session_leaves_as_any_other_and_is_heard_no_more() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.subscribe(2, "app.news");
    world.say(1, call(7, none(), "app.add"));
    assert_eq!(
        world.say(2, yields(9, none())),
        [
            "2 closed wamp.error.protocol_violation: YIELD for invocation 9, which was never made",
            "1 < ERROR CALL 7 wamp.error.canceled",
        ]
    );
    assert_eq!(world.realm.registration_count(), 0);
    assert_eq!(world.realm.subscription_count(), 0);
    assert!(world.say(2, call(1, none(), "app.add")).is_empty());
    assert!(world.leave(2).is_empty());
}
