//! Rosters.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::repository::Repository;
use countersign_identity::roster::operations::{
    ClearRosters, FindRoster, RegisterInRoster, RegisterInRosterOutcome as Outcome, UnregisterFromRoster,
};
use countersign_identity::roster::{NodeId, RosterEntry, RosterName, Visibility};
use countersign_identity::{RosterEntryId, Secret};
use uuid::Uuid;

use super::bootstrap::bootstrap;
use super::fixture::{NOW, at, check, event, race};

const NODE: NodeId = NodeId(Uuid::from_u128(1));
const OTHER: NodeId = NodeId(Uuid::from_u128(2));
const DONE: &[&str] = &["roster.register accepted"];
const REFUSED: &[&str] = &["roster.register refused too_many"];

fn name(text: &str) -> RosterName {
    RosterName::parse(text).unwrap()
}

fn entry(number: u32, node: NodeId, session: u64, roster: &str, data: &str) -> RosterEntry {
    RosterEntry {
        id: RosterEntryId::from_uuid(Uuid::from_u128(number.into())),
        node,
        session,
        name: name(roster),
        visibility: Visibility::everybody(),
        data: Secret::new(data),
        created: at(number.into()),
        modified: NOW,
    }
}

fn register(entry: RosterEntry) -> RegisterInRoster {
    let audit = event(Audited::RosterRegister);
    RegisterInRoster { entry, session_entries_max: 2, entries_max: 4, bytes_max: 100, audit }
}

fn find(roster: &str) -> FindRoster {
    FindRoster { name: name(roster) }
}

/// With every field, in the order in which they were created; of one roster.
pub async fn keeps_every_field_of_a_roster_entry<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let roles = Visibility::Many(vec!["frontend".to_owned(), "\"é\\".to_owned()]);
    let second = RosterEntry { visibility: roles, ..entry(2, NODE, (1 << 53) - 1, "roster.é", "{\"a\":\"\\u0000\"}") };
    let first = RosterEntry {
        visibility: Visibility::One("backend".to_owned()),
        modified: at(9),
        ..entry(1, OTHER, 7, "roster.é", "null")
    };
    for one in [&second, &first] {
        check(repository, register(one.clone()), Outcome::Registered(one.clone()), DONE).await;
    }
    check(repository, find("roster.é"), vec![first, second], &[]).await;
    check(repository, find("roster"), vec![], &[]).await;
}

/// With other data for others to see, and nothing else new.
pub async fn registers_again_what_is_there<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let before = entry(1, NODE, 7, "a", "1");
    check(repository, register(before.clone()), Outcome::Registered(before.clone()), DONE).await;
    let visibility = Visibility::One("backend".to_owned());
    let after = RosterEntry { visibility, modified: at(5), ..entry(2, NODE, 7, "a", "2") };
    let kept = RosterEntry { id: before.id, created: before.created, ..after.clone() };
    check(repository, register(after), Outcome::Registered(kept.clone()), DONE).await;
    check(repository, find("a"), vec![kept], &[]).await;
}

/// At the limit everything works, one past it nothing; what is replaced doesn't count.
pub async fn keeps_to_the_limits_of_rosters<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let done = |one: &RosterEntry| Outcome::Registered(one.clone());
    let own = [entry(1, NODE, 7, "a", "1"), entry(2, NODE, 7, "b", "1")];
    for one in &own {
        check(repository, register(one.clone()), done(one), DONE).await;
    }
    let third = entry(3, NODE, 7, "c", "1");
    check(repository, register(third), Outcome::TooManyOfSession, REFUSED).await;
    check(repository, register(own[1].clone()), done(&own[1]), DONE).await;
    let others = [entry(4, NODE, 8, "a", "1"), entry(5, OTHER, 7, "a", "1")];
    for one in &others {
        check(repository, register(one.clone()), done(one), DONE).await;
    }
    check(repository, register(entry(6, OTHER, 9, "a", "1")), Outcome::TooMany, REFUSED).await;
    // Four times two bytes so far: one for the data, one for the visibility.
    let long = |bytes: usize| entry(4, NODE, 8, "a", &"1".repeat(bytes));
    check(repository, register(long(94)), Outcome::TooMuch, REFUSED).await;
    check(repository, register(long(93)), done(&long(93)), DONE).await;
    check(repository, register(long(93)), done(&long(93)), DONE).await;
}

/// Of many at once just as many get in as there is room for.
pub async fn keeps_the_limit_where_many_register_at_once<R: Repository>(repository: Arc<R>) {
    repository.run(bootstrap(1)).await.unwrap();
    let sessions = |number: u32| register(entry(number + 1, NODE, number.into(), "a", "1"));
    let outcomes = race(&repository, 20, sessions).await;
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Registered(_))).count();
    let found = repository.run(find("a")).await.unwrap().len();
    assert_eq!((done, found), (4, 4));
}

/// Only a session itself takes its entry back.
pub async fn unregisters_an_entry_once<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let one = entry(1, NODE, 7, "a", "1");
    repository.run(register(one.clone())).await.unwrap();
    let unregister = |node, session, roster| {
        let audit = event(Audited::RosterUnregister);
        UnregisterFromRoster { node, session, name: name(roster), audit }
    };
    let nothing = &["roster.unregister refused not_found"];
    for (node, session, roster) in [(OTHER, 7, "a"), (NODE, 8, "a"), (NODE, 7, "A")] {
        check(repository, unregister(node, session, roster), false, nothing).await;
    }
    check(repository, find("a"), vec![one], &[]).await;
    check(repository, unregister(NODE, 7, "a"), true, &["roster.unregister accepted"]).await;
    check(repository, unregister(NODE, 7, "a"), false, nothing).await;
    check(repository, find("a"), vec![], &[]).await;
}

/// Those of a server, or of some of its sessions; others stay.
pub async fn clears_rosters_of_what_is_gone<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let all = [(NODE, 7, "a"), (NODE, 8, "a"), (NODE, 7, "b"), (OTHER, 7, "a")];
    for (number, (node, session, roster)) in (1..).zip(all) {
        repository.run(register(entry(number, node, session, roster, "1"))).await.unwrap();
    }
    let clear = |sessions| ClearRosters { node: NODE, sessions };
    check(repository, clear(Some(vec![])), 0, &[]).await;
    check(repository, clear(Some(vec![7, 99])), 2, &[]).await;
    let left: Vec<_> = repository.run(find("a")).await.unwrap().iter().map(|one| (one.node, one.session)).collect();
    assert_eq!(left, [(NODE, 8), (OTHER, 7)]);
    check(repository, clear(None), 1, &[]).await;
    check(repository, clear(None), 0, &[]).await;
    assert_eq!(repository.run(find("a")).await.unwrap().len(), 1);
}
