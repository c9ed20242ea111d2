//! Registrations and subscriptions that are taken from their sessions.

use super::*;

fn world() -> World {
    let mut world = World::of_five();
    for session in [2, 5] {
        world.register_with(session, with("invoke", "first"), "app.add");
        world.subscribe(session, "app.news");
    }
    world
}

#[test]
fn a_callee_that_is_removed_is_told_if_it_understands() {
    let mut world = world();
    let remove = |world: &mut World, callee: u64, kwargs: Dict| {
        world.ask(1, "wamp.registration.remove_callee", args([1_u64.into(), callee.into()]), kwargs)
    };
    let (answer, others) = remove(&mut world, 2, with("reason", "maintenance"));
    assert_eq!(answer, "null");
    assert_eq!(others, ["2 < UNREGISTERED 0 {registration: 1, reason: maintenance}"]);
    assert_eq!(world.say(1, call(7, none(), "app.add")), ["5 < INVOCATION 1 1"]);
    assert_eq!(remove(&mut world, 2, none()).0, "wamp.error.no_such_callee");
    assert_eq!(remove(&mut world, 5, none()), ("null".to_owned(), vec![]));
    assert_eq!(remove(&mut world, 5, none()).0, "wamp.error.no_such_registration");
    assert_eq!(world.say(2, unregister(5, 1)), ["2 < ERROR UNREGISTER 5 wamp.error.no_such_registration"]);
}

#[test]
fn a_subscriber_that_is_removed_is_told_if_it_understands() {
    let mut world = world();
    let remove = |world: &mut World, subscriber: u64| {
        world.ask(1, "wamp.subscription.remove_subscriber", args([1_u64.into(), subscriber.into()]), none())
    };
    let told = "2 < UNSUBSCRIBED 0 {subscription: 1, reason: countersign.revoked.removed}";
    assert_eq!(remove(&mut world, 2), ("null".to_owned(), vec![told.to_owned()]));
    assert_eq!(world.say(1, publish(7, none(), "app.news")), ["5 < EVENT 1 P0"]);
    assert_eq!(remove(&mut world, 2).0, "wamp.error.no_such_subscriber");
    assert_eq!(remove(&mut world, 5), ("null".to_owned(), vec![]));
    assert_eq!(remove(&mut world, 5).0, "wamp.error.no_such_subscription");
    assert_eq!(world.say(2, unsubscribe(5, 1)), ["2 < ERROR UNSUBSCRIBE 5 wamp.error.no_such_subscription"]);
}

#[test]
fn nobody_takes_anything_from_the_server() {
    let mut world = World::of_five();
    world.join_service();
    world.register(SERVICE, "app.add");
    world.subscribe(SERVICE, "app.news");
    let both = || args([1_u64.into(), SERVICE.into()]);
    assert_eq!(world.asked(1, "wamp.registration.remove_callee", both()), "wamp.error.no_such_callee");
    assert_eq!(world.asked(1, "wamp.subscription.remove_subscriber", both()), "wamp.error.no_such_subscriber");
}

#[test]
fn rights_that_are_gone_take_with_them_what_they_allowed() {
    struct OnlySubscribe;
    impl Authorizer for OnlySubscribe {
        fn decide(&self, _: Id, _: &SessionDetails, action: Action, target: Target<'_>) -> Decision {
            match (action, target.as_str()) {
                (Action::Subscribe, "app.news") => Decision::Allow,
                (Action::Subscribe, _) => Decision::Failed,
                _ => Decision::Deny { missing: String::new() },
            }
        }
    }
    let mut world = world();
    world.subscribe_with(2, with("match", "prefix"), "app.");
    let mut recheck = |session, authorizer: &dyn Authorizer| {
        let mut out = Vec::new();
        world.realm.recheck(world.now, id(session), authorizer, &mut out);
        world.lines(out)
    };
    assert!(recheck(2, &ByName).is_empty());
    assert_eq!(
        recheck(2, &OnlySubscribe),
        [
            "2 < UNSUBSCRIBED 0 {subscription: 2, reason: wamp.error.not_authorized}",
            "2 < UNREGISTERED 0 {registration: 1, reason: wamp.error.not_authorized}",
        ]
    );
    assert!(recheck(2, &OnlySubscribe).is_empty());
    assert!(recheck(5, &OnlySubscribe).is_empty());
    assert!(recheck(77, &OnlySubscribe).is_empty());
    assert_eq!((world.realm.registration_count(), world.realm.subscription_count()), (0, 1));
}
