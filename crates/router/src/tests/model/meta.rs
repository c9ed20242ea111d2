//! What the meta API says, against the model.

use std::collections::BTreeSet;

use super::state::{Holding, Model};
use super::*;

/// A session that is there only to ask.
const OBSERVER: u64 = 9;

pub fn ask(world: &mut World, model: &Model) {
    let list = |ids: BTreeSet<u64>| {
        let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
        format!("[{}]", ids.join(", "))
    };
    world.join(OBSERVER, ClientFeatures::default());
    let sessions: BTreeSet<u64> = model.sessions.keys().copied().chain([OBSERVER]).collect();
    assert_eq!(world.asked(OBSERVER, "wamp.session.count", vec![]), sessions.len().to_string());
    assert_eq!(world.asked(OBSERVER, "wamp.session.list", vec![]), list(sessions));
    for (kind, members, holdings) in
        [("registration", "callees", &model.registrations), ("subscription", "subscribers", &model.subscribers)]
    {
        let of = |policy: &str| {
            let ids = holdings.iter().filter(|one| one.pattern.policy().name() == policy).map(|one| one.id);
            format!("{policy}: {}", list(ids.collect()))
        };
        let want = format!("{{{}, {}, {}}}", of("exact"), of("prefix"), of("wildcard"));
        assert_eq!(world.asked(OBSERVER, &format!("wamp.{kind}.list"), vec![]), want);
        for Holding { id, .. } in holdings {
            let sessions: BTreeSet<u64> = holdings.iter().filter(|one| one.id == *id).map(|one| one.session).collect();
            let mut ask =
                |what: &str| world.asked(OBSERVER, &format!("wamp.{kind}.{what}_{members}"), args([(*id).into()]));
            assert_eq!(ask("count"), sessions.len().to_string());
            assert_eq!(ask("list"), list(sessions));
        }
    }
    world.leave(OBSERVER);
}
