//! What the realm tells its owner of registrations, whatever clients are told.

use super::*;
use crate::RegistrationChange;

/// What was told, as `+ session procedure policy invoke`.
fn told(effects: &[Effect]) -> Vec<String> {
    let change = |effect: &Effect| match effect {
        Effect::Registration(RegistrationChange { procedure, invoke, session, is_added }) => {
            let sign = if *is_added { '+' } else { '-' };
            Some(format!("{sign} {session} {} {} {invoke}", procedure.as_str(), procedure.policy().name()))
        }
        _ => None,
    };
    effects.iter().filter_map(change).collect()
}

fn shared(policy: &str) -> Dict {
    Dict::new().with("match", policy).with("invoke", "roundrobin")
}

#[test]
fn beginnings_and_ends_are_told_in_order() {
    let mut world = World::of_five();
    assert_eq!(told(&world.effects(2, register(1, none(), "app.add"))), ["+ 2 app.add exact single"]);
    assert_eq!(told(&world.effects(3, register(1, none(), "app.add"))), [""; 0]);
    let forced = Dict::new().with("force_reregister", true).with("invoke", "last");
    assert_eq!(
        told(&world.effects(3, register(2, forced, "app.add"))),
        ["- 2 app.add exact single", "+ 3 app.add exact last"]
    );
    assert_eq!(told(&world.effects(3, unregister(3, 2))), ["- 3 app.add exact last"]);
    assert_eq!(told(&world.effects(3, unregister(4, 2))), [""; 0]);
}

#[test]
fn each_callee_of_a_shared_registration_is_told() {
    let mut world = World::of_five();
    for session in [2, 3] {
        let want = format!("+ {session} app. prefix roundrobin");
        assert_eq!(told(&world.effects(session, register(1, shared("prefix"), "app."))), [want]);
    }
    let mut out = Vec::new();
    world.realm.leave(world.now, id(2), &ByName, &mut out);
    assert_eq!(told(&out), ["- 2 app. prefix roundrobin"]);
    // A breach of the protocol ends the session as well.
    let effects = world.effects(3, Message::Hello { realm: "r".into(), details: none() });
    assert_eq!(told(&effects), ["- 3 app. prefix roundrobin"]);
}

#[test]
fn the_lists_of_the_server_show_what_is_there() {
    let mut world = World::of_five();
    world.effects(2, register(1, shared("prefix"), "app."));
    world.effects(3, register(1, shared("prefix"), "app."));
    world.effects(3, register(2, none(), "app.add"));
    let shown = |world: &World, ids: Vec<Id>| {
        let one = |id| {
            let info = world.realm.registration(id).unwrap();
            let callees: Vec<u64> = info.callees.iter().map(|id| id.get()).collect();
            format!(
                "{} {} {} {} {callees:?}",
                info.id,
                info.procedure.as_str(),
                info.procedure.policy().name(),
                info.invoke
            )
        };
        ids.into_iter().map(one).collect::<Vec<_>>()
    };
    let all = ["1 app. prefix roundrobin [2, 3]", "2 app.add exact single [3]"];
    assert_eq!(shown(&world, world.realm.registration_ids()), all);
    assert_eq!(shown(&world, world.realm.registration_ids_of(id(2))), all[..1]);
    assert_eq!(shown(&world, world.realm.registration_ids_of(id(77))), [""; 0]);
    world.effects(4, subscribe(1, none(), "app.log"));
    world.effects(5, subscribe(1, none(), "wamp.session.on_join"));
    let ids = world.realm.subscription_ids();
    assert_eq!(ids.len(), 1);
    let info = world.realm.subscription(ids[0]).unwrap();
    assert_eq!((info.topic.as_str(), info.subscribers), ("app.log", vec![id(4)]));
    assert_eq!(world.realm.registration(id(3)), None);
}
