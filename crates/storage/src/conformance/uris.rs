//! Records of URIs: what the router saw, what people say of them, and what the alerts decide.

use std::sync::Arc;

use countersign_identity::Timestamp;
use countersign_identity::audit::Operation as Audited;
use countersign_identity::repository::Run as _;
use countersign_identity::uris::import::{ImportUri, ImportUriOutcome, ImportedUri};
use countersign_identity::uris::operations::{
    BeginTracking, Begins, ClearUriHistory, CountUris, DeleteUri, DocumentsVersion, FindUri, ListConnections,
    ListDocumented, ListDueUris, ListOpen, ListUris, NewCallee, RegistrationChange, SetUri, SetUriOutcome, SettleUris,
    Settled, Settlement, TrackRegistrations, Tracked,
};
use countersign_identity::uris::{
    Connection, HISTORY_MAX, LastCallee, Schedule, UriKey, UriPolicy, UriRecord, UriUpdate, WarnSettings,
    ZombieLifespan,
};

use super::fixture::{NOW, at, check, event};
use crate::Store;

const SECOND: i64 = 1_000_000;

fn key(uri: &str) -> UriKey {
    UriKey::new(uri, UriPolicy::Exact).unwrap()
}

fn second(number: i64) -> Timestamp {
    at(number * SECOND)
}

fn callee() -> NewCallee {
    NewCallee { invoke: "last".into(), authid: "alice".into(), peer: "192.0.2.7".into(), is_system: false }
}

fn began(uri: &str, session: i64, at: i64) -> RegistrationChange {
    RegistrationChange { key: key(uri), at: second(at), session, callee: Some(callee()) }
}

fn ceased(uri: &str, session: i64, at: i64) -> RegistrationChange {
    RegistrationChange { key: key(uri), at: second(at), session, callee: None }
}

fn track(node: &str, changes: impl IntoIterator<Item = RegistrationChange>) -> TrackRegistrations {
    TrackRegistrations {
        node: node.into(),
        changes: changes.into_iter().collect(),
        records_max: 1_000,
        reaps_all: false,
    }
}

async fn tracked(store: &Store, changes: impl IntoIterator<Item = RegistrationChange>) {
    assert_eq!(store.run(track("one", changes)).await.unwrap(), Tracked::default());
}

async fn found(store: &Store, uri: &str) -> UriRecord {
    store.run(FindUri { key: key(uri) }).await.unwrap().unwrap()
}

async fn history(store: &Store, uri: &str) -> Vec<(i64, Option<i64>, i64)> {
    let connections: Vec<Connection> = store.run(ListConnections { key: key(uri) }).await.unwrap();
    let seconds = |time: Timestamp| (time.micros() - NOW.micros()) / SECOND;
    connections.iter().map(|one| (seconds(one.connected), one.disconnected.map(seconds), one.session)).collect()
}

fn set(uri: &str, update: UriUpdate, at: i64) -> SetUri {
    let schedule = update.schedule.as_deref().map(|text| Schedule::parse(text).unwrap());
    let mut audit = event(Audited::UriSet);
    audit.at = second(at);
    SetUri { key: key(uri), update, schedule, begins: Begins::IfMissing, records_max: 1_000, audit }
}

fn documentation() -> UriUpdate {
    UriUpdate { description: Some("what".into()), contact: Some("who".into()), ..UriUpdate::default() }
}

/// From the first registration to the end of the last one, of one session and of two.
pub async fn is_active_while_somebody_has_it_registered(store: Arc<Store>) {
    tracked(&store, [began("a.b", 1, 0)]).await;
    let first = found(&store, "a.b").await;
    let last = LastCallee { authid: Some("alice".into()), peer: Some("192.0.2.7".into()), session: Some(1) };
    let want = UriRecord {
        key: key("a.b"),
        is_active: true,
        is_system: false,
        invoke: Some("last".into()),
        description: String::new(),
        contact: String::new(),
        created: second(0),
        last: last.clone(),
        disconnected: None,
        warn: WarnSettings::default(),
        warned: None,
        count_warned: None,
        zombie_lifespan: None,
        schedule: Schedule::default(),
        due: None,
    };
    assert_eq!(first, want);
    tracked(&store, [began("a.b", 2, 1), ceased("a.b", 1, 2)]).await;
    let second_callee = LastCallee { session: Some(2), ..last };
    let shared = UriRecord { created: second(1), last: second_callee, ..want };
    assert_eq!(found(&store, "a.b").await, shared);
    tracked(&store, [ceased("a.b", 2, 3)]).await;
    let gone = UriRecord { is_active: false, disconnected: Some(second(3)), ..shared };
    assert_eq!(found(&store, "a.b").await, gone);
    assert_eq!(history(&store, "a.b").await, [(0, Some(2), 1), (1, Some(3), 2)]);
    tracked(&store, [began("a.b", 3, 4)]).await;
    assert_eq!(found(&store, "a.b").await.disconnected, None);
    let other = UriKey::new("a.b", UriPolicy::Prefix).unwrap();
    assert_eq!(store.run(FindUri { key: other }).await.unwrap(), None);
}

/// What is told twice, late, or of what isn't there changes nothing.
pub async fn writes_a_change_down_once(store: Arc<Store>) {
    let all = [began("a", 1, 0), began("a", 1, 1), ceased("a", 1, 2), ceased("a", 1, 3), ceased("none", 1, 4)];
    tracked(&store, all.clone()).await;
    assert_eq!(history(&store, "a").await, [(0, Some(2), 1)]);
    assert_eq!(found(&store, "a").await.disconnected, Some(second(2)));
    assert_eq!(store.run(FindUri { key: key("none") }).await.unwrap(), None);
    // The same session again is another connection.
    tracked(&store, [began("a", 1, 5)]).await;
    assert_eq!(history(&store, "a").await, [(0, Some(2), 1), (5, None, 1)]);
}

/// The newest, and all that are open.
pub async fn remembers_the_newest_connections(store: Arc<Store>) {
    tracked(&store, [began("a", 0, 0)]).await;
    let max = i64::from(HISTORY_MAX);
    for session in 1..=max {
        tracked(&store, [began("a", session, session), ceased("a", session, session)]).await;
    }
    // One was open from the start, and is not shown among so many newer ones; nor is it forgotten.
    let shown = history(&store, "a").await;
    assert_eq!((shown.len(), shown[0].2), (HISTORY_MAX as usize, 1));
    assert!(found(&store, "a").await.is_active);
    tracked(&store, [began("a", max + 1, max + 1), ceased("a", max + 1, max + 1), ceased("a", 0, max + 2)]).await;
    assert_eq!(history(&store, "a").await.first().map(|one| one.2), Some(2));
    assert!(!found(&store, "a").await.is_active);
}

/// Up to the limit, counted where a record is begun.
pub async fn begins_records_up_to_the_limit(store: Arc<Store>) {
    let limited = |changes: Vec<RegistrationChange>| TrackRegistrations { records_max: 2, ..track("one", changes) };
    let without = |without_record| Tracked { without_record };
    let three = vec![began("a", 1, 0), began("b", 1, 0), began("c", 1, 0), ceased("c", 1, 1)];
    assert_eq!(store.run(limited(three)).await.unwrap(), without(1));
    assert_eq!(store.run(limited(vec![began("a", 2, 2)])).await.unwrap(), without(0));
    assert_eq!(store.run(limited(vec![began("d", 2, 2)])).await.unwrap(), without(1));
    let too_many = SetUri { records_max: 2, ..set("e", documentation(), 0) };
    let store = &*store;
    check(store, too_many, SetUriOutcome::TooMany, &["uri.set refused too_many"]).await;
    assert_eq!(store.run(ListUris { after: None, with_system: true, limit: 10 }).await.unwrap().len(), 2);
}

/// Each server has its own connections, and its start ends no other's.
pub async fn keeps_the_connections_of_servers_apart(store: Arc<Store>) {
    tracked(&store, [began("a", 1, 0), began("b", 1, 0)]).await;
    store.run(track("two", [began("a", 1, 1)])).await.unwrap();
    let open = |node: &str, after| ListOpen { node: node.into(), after, limit: 1 };
    let page = store.run(open("one", 0)).await.unwrap();
    assert_eq!((page.len(), &page[0].key, page[0].session), (1, &key("a"), 1));
    let next = store.run(open("one", page[0].place)).await.unwrap();
    assert_eq!(next[0].key, key("b"));
    assert!(store.run(open("one", next[0].place)).await.unwrap().is_empty());
    let begin = |resets| BeginTracking { node: "one".into(), now: second(5), resets, reaps_all: false };
    assert_eq!(store.run(begin(false)).await.unwrap(), 0);
    assert!(found(&store, "b").await.is_active);
    assert_eq!(store.run(begin(true)).await.unwrap(), 2);
    assert!(found(&store, "a").await.is_active);
    let gone = found(&store, "b").await;
    assert_eq!((gone.is_active, gone.disconnected), (false, Some(second(5))));
    store.run(track("two", [ceased("a", 1, 6)])).await.unwrap();
    assert!(!found(&store, "a").await.is_active);
    assert_eq!(history(&store, "a").await, [(0, Some(5), 1), (1, Some(6), 1)]);
}

/// Every field, alone and taken away again.
pub async fn changes_what_is_said_of_a_uri(store: Arc<Store>) {
    let store = &*store;
    let done = &["uri.set accepted"];
    let none = UriUpdate::default();
    let missing = SetUri { begins: Begins::Never, ..set("a", documentation(), 0) };
    check(store, missing, SetUriOutcome::NotFound, &["uri.set refused not_found"]).await;
    check(store, set("a", documentation(), 1), SetUriOutcome::Done, done).await;
    let begun = found(store, "a").await;
    assert_eq!((begun.description.as_str(), begun.contact.as_str()), ("what", "who"));
    assert_eq!((begun.is_active, begun.disconnected, begun.due), (false, Some(second(1)), Some(second(1))));
    let all = UriUpdate {
        warn_after_seconds: Some(Some(1)),
        warn_reminder_after_seconds: Some(Some(2)),
        count_warn_after: Some(Some(3)),
        count_warn_reminder_after_seconds: Some(Some(4)),
        zombie_lifespan: Some(Some(ZombieLifespan::Seconds(5))),
        schedule: Some("* * * * * disconnect_warn_after:1".into()),
        disconnected: Some(second(-100)),
        ..none.clone()
    };
    check(store, set("a", all.clone(), 2), SetUriOutcome::Done, done).await;
    let warn = WarnSettings {
        after_seconds: Some(1),
        reminder_after_seconds: Some(2),
        count_after: Some(3),
        count_reminder_after_seconds: Some(4),
    };
    let changed = UriRecord {
        warn,
        zombie_lifespan: Some(ZombieLifespan::Seconds(5)),
        schedule: Schedule::parse("* * * * * disconnect_warn_after:1").unwrap(),
        disconnected: Some(second(-100)),
        due: Some(second(2)),
        ..begun
    };
    assert_eq!(found(store, "a").await, changed);
    check(store, set("a", none.clone(), 3), SetUriOutcome::Done, done).await;
    assert_eq!(found(store, "a").await, UriRecord { due: Some(second(3)), ..changed.clone() });
    let away = UriUpdate {
        warn_after_seconds: Some(None),
        warn_reminder_after_seconds: Some(None),
        count_warn_after: Some(None),
        count_warn_reminder_after_seconds: Some(None),
        zombie_lifespan: Some(None),
        schedule: Some(String::new()),
        ..none.clone()
    };
    check(store, set("a", away, 4), SetUriOutcome::Done, done).await;
    let (warn, schedule) = (WarnSettings::default(), Schedule::default());
    let plain = UriRecord { warn, schedule, zombie_lifespan: None, due: Some(second(4)), ..changed };
    assert_eq!(found(store, "a").await, plain);
    let never = UriUpdate { zombie_lifespan: Some(Some(ZombieLifespan::Never)), ..none };
    check(store, set("a", never, 5), SetUriOutcome::Done, done).await;
    assert_eq!(found(store, "a").await.zombie_lifespan, Some(ZombieLifespan::Never));
    // A URI that is registered was not disconnected, whatever is said.
    tracked(store, [began("a", 1, 6)]).await;
    check(store, set("a", all, 7), SetUriOutcome::Done, done).await;
    assert_eq!(found(store, "a").await.disconnected, None);
}

/// With what it counts; and only what nobody has registered goes.
pub async fn forgets_connections_and_records(store: Arc<Store>) {
    let store = &*store;
    let clear = |uri: &str| ClearUriHistory { key: key(uri), audit: event(Audited::UriClear) };
    let delete = |uri: &str| DeleteUri { key: key(uri), audit: event(Audited::UriDelete) };
    check(store, clear("a"), false, &["uri.clear refused not_found"]).await;
    tracked(store, [began("a", 1, 0), ceased("a", 1, 1), began("a", 2, 2)]).await;
    check(store, clear("a"), true, &["uri.clear accepted"]).await;
    assert_eq!(history(store, "a").await, [(2, None, 2)]);
    check(store, delete("a"), false, &["uri.delete refused not_found"]).await;
    tracked(store, [ceased("a", 2, 3)]).await;
    check(store, delete("a"), true, &["uri.delete accepted"]).await;
    check(store, delete("a"), false, &["uri.delete refused not_found"]).await;
    assert_eq!(history(store, "a").await, []);
}

/// In the order of their URIs, page by page, with and without the server's own.
pub async fn lists_records_page_by_page(store: Arc<Store>) {
    let own = NewCallee { is_system: true, ..callee() };
    tracked(&store, [RegistrationChange { callee: Some(own), ..began("b", 9, 0) }, began("c", 1, 0)]).await;
    tracked(&store, [began("B", 1, 0), began("a", 1, 0)]).await;
    let prefix = RegistrationChange { key: UriKey::new("a", UriPolicy::Prefix).unwrap(), ..began("a", 1, 0) };
    tracked(&store, [prefix]).await;
    for (with_system, want) in
        [(true, "B/exact a/exact a/prefix b/exact c/exact"), (false, "B/exact a/exact a/prefix c/exact")]
    {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = store.run(ListUris { after: after.clone(), with_system, limit: 2 }).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            names.extend(page.iter().map(|uri| format!("{}/{}", uri.key.uri(), uri.key.policy().name())));
        }
        assert_eq!(names.join(" "), want);
    }
}

/// With a version that changes with them.
pub async fn knows_what_is_documented(store: Arc<Store>) {
    let documented = async || {
        let keys: Vec<UriKey> = store.run(ListDocumented).await.unwrap();
        keys.iter().map(|key| key.uri().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let version = async || store.run(DocumentsVersion).await.unwrap();
    let mut last = version().await;
    tracked(&store, [began("a", 1, 0)]).await;
    assert_eq!((documented().await.as_str(), version().await), ("", last));
    let half = UriUpdate { contact: None, ..documentation() };
    let blank = UriUpdate { contact: Some(String::new()), ..UriUpdate::default() };
    for (update, want) in [(half, ""), (documentation(), "a"), (blank, "")] {
        store.run(set("a", update, 0)).await.unwrap();
        assert_eq!(documented().await, want);
        let now = version().await;
        assert_ne!(now, last);
        last = now;
    }
    let other = UriUpdate { warn_after_seconds: Some(Some(1)), ..UriUpdate::default() };
    store.run(set("a", other, 0)).await.unwrap();
    assert_eq!(version().await, last);
}

/// Only where something could be told.
pub async fn wakes_the_alerts_where_something_happens(store: Arc<Store>) {
    let due = async |now: i64| {
        let due: Vec<UriRecord> = store.run(ListDueUris { now: second(now), limit: 10 }).await.unwrap();
        due.iter().map(|uri| uri.key.uri().to_owned()).collect::<Vec<_>>().join(" ")
    };
    tracked(&store, [began("a", 1, 0), ceased("a", 1, 1), began("b", 1, 0)]).await;
    assert_eq!(due(100).await, "");
    let warned = UriUpdate { warn_after_seconds: Some(Some(1)), ..UriUpdate::default() };
    store.run(set("b", warned, 10)).await.unwrap();
    assert_eq!(due(9).await, "");
    assert_eq!(due(10).await, "b");
    tracked(&store, [ceased("b", 1, 20)]).await;
    assert_eq!((due(19).await.as_str(), due(20).await.as_str()), ("", "b"));
    let begin = |reaps_all| BeginTracking { node: "one".into(), now: second(30), resets: true, reaps_all };
    store.run(begin(false)).await.unwrap();
    assert_eq!(due(30).await, "b");
    store.run(begin(true)).await.unwrap();
    assert_eq!(due(30).await.len(), "a b".len());
    let all = TrackRegistrations { reaps_all: true, ..track("one", [began("c", 1, 40), ceased("c", 1, 41)]) };
    store.run(all).await.unwrap();
    assert!(due(41).await.ends_with('c'));
}

/// Only if nothing has happened since it was read.
pub async fn settles_what_is_still_as_it_was_read(store: Arc<Store>) {
    let warned = UriUpdate { warn_after_seconds: Some(Some(1)), ..documentation() };
    store.run(set("a", warned, 10)).await.unwrap();
    let settle = |due: i64, becomes: Settled| {
        let settlement = Settlement { key: key("a"), due: second(due), becomes };
        SettleUris { settlements: [settlement].into() }
    };
    let stays = |due: Option<i64>| Settled::Stays {
        warned: Some(second(11)),
        count_warned: Some(second(12)),
        due: due.map(second),
    };
    let store = &*store;
    check(store, settle(9, stays(None)), vec![false], &[]).await;
    check(store, settle(10, stays(Some(20))), vec![true], &[]).await;
    let settled = found(store, "a").await;
    assert_eq!(settled.warned, Some(second(11)));
    assert_eq!(settled.count_warned, Some(second(12)));
    assert_eq!(settled.due, Some(second(20)));
    let version = store.run(DocumentsVersion).await.unwrap();
    let goes = || Settled::Goes(event(Audited::UriReap));
    check(store, settle(10, goes()), vec![false], &[]).await;
    tracked(store, [began("a", 1, 15)]).await;
    check(store, settle(15, goes()), vec![false], &[]).await;
    tracked(store, [ceased("a", 1, 16)]).await;
    check(store, settle(16, goes()), vec![true], &["uri.reap accepted"]).await;
    assert_eq!(store.run(FindUri { key: key("a") }).await.unwrap(), None);
    assert_ne!(store.run(DocumentsVersion).await.unwrap(), version);
}

/// Two servers that end their connections at the same time: the record is not active in the end.
pub async fn is_inactive_when_the_last_of_many_servers_ends(store: Arc<Store>) {
    for round in 0..10 {
        let nodes = ["one", "two", "three", "four"];
        for node in nodes {
            store.run(track(node, [began("a", 1, round)])).await.unwrap();
        }
        let ends = nodes.map(|node| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.run(track(node, [ceased("a", 1, round)])).await.unwrap() })
        });
        for end in ends {
            end.await.unwrap();
        }
        assert!(!found(&store, "a").await.is_active, "round {round}");
    }
}

/// Whole, once, and as long as there is room; never active.
pub async fn brings_a_record_over_once(store: Arc<Store>) {
    let store = &*store;
    let last = LastCallee { authid: Some("ann".into()), peer: Some("192.0.2.9".into()), session: Some(7) };
    let connection = |from: i64, until: Option<i64>| Connection {
        connected: second(from),
        disconnected: until.map(second),
        authid: "ann".into(),
        peer: "192.0.2.9".into(),
        session: 7,
    };
    let long = i64::from(HISTORY_MAX);
    let imported = |uri: &str| ImportedUri {
        key: key(uri),
        update: UriUpdate {
            disconnected: Some(second(-5)),
            warn_after_seconds: Some(Some(60)),
            zombie_lifespan: Some(Some(ZombieLifespan::Never)),
            schedule: Some(String::new()),
            ..documentation()
        },
        created: second(-500),
        invoke: Some("single".into()),
        last: last.clone(),
        warned: Some(second(-2)),
        count_warned: Some(second(-1)),
        history: (0..=long).map(|place| connection(place - 400, (place < long).then_some(place - 399))).collect(),
    };
    let import = |uri: &str, records_max| {
        let schedule = Some(Schedule::default());
        ImportUri { imported: imported(uri), schedule, records_max, audit: event(Audited::UriImport) }
    };
    let version = store.run(DocumentsVersion).await.unwrap();
    check(store, import("a", 1), ImportUriOutcome::Imported, &["uri.import accepted"]).await;
    let want = UriRecord {
        key: key("a"),
        is_active: false,
        is_system: false,
        invoke: Some("single".into()),
        description: "what".into(),
        contact: "who".into(),
        created: second(-500),
        last: last.clone(),
        disconnected: Some(second(-5)),
        warn: WarnSettings { after_seconds: Some(60), ..WarnSettings::default() },
        warned: Some(second(-2)),
        count_warned: Some(second(-1)),
        zombie_lifespan: Some(ZombieLifespan::Never),
        schedule: Schedule::default(),
        due: Some(NOW),
    };
    assert_eq!(found(store, "a").await, want);
    let seen = history(store, "a").await;
    assert_eq!((seen.len(), seen.first(), seen.last()), (100, Some(&(-399, Some(-398), 7)), Some(&(-300, Some(0), 7))));
    assert!(store.run(DocumentsVersion).await.unwrap() > version);
    check(store, import("a", 1), ImportUriOutcome::Exists, &["uri.import refused exists"]).await;
    check(store, import("b", 1), ImportUriOutcome::TooMany, &["uri.import refused too_many"]).await;
    assert_eq!(store.run(FindUri { key: key("b") }).await.unwrap(), None);
    assert_eq!((store.run(CountUris).await.unwrap(), found(store, "a").await), (1, want));
}

/// One that has to be new changes none that is there.
pub async fn begins_a_record_that_has_to_be_new(store: Arc<Store>) {
    let store = &*store;
    let new = |records_max| SetUri { begins: Begins::Always, records_max, ..set("a", documentation(), 0) };
    check(store, new(0), SetUriOutcome::TooMany, &["uri.set refused too_many"]).await;
    check(store, new(1), SetUriOutcome::Done, &["uri.set accepted"]).await;
    let before = found(store, "a").await;
    check(store, new(1), SetUriOutcome::Exists, &["uri.set refused exists"]).await;
    assert_eq!(found(store, "a").await, before);
}
