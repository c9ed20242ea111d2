//! `wamp.subscription.*`.

use super::*;

const NO_SUCH: &str = "wamp.error.no_such_subscription";

fn world() -> World {
    let mut world = World::of_five();
    world.realm.set_clock(world.now, 1_700_000_000_000_000);
    world.subscribe(2, "app.news");
    world.subscribe(3, "app.news");
    world.subscribe_with(3, with("match", "prefix"), "app.");
    world.subscribe_with(4, with("match", "wildcard"), "app.");
    world.subscribe(4, "wamp.session.on_join");
    world
}

#[test]
fn lists_by_match_policy_and_hides_the_router_s_own() {
    assert_eq!(world().asked(1, "wamp.subscription.list", vec![]), "{exact: [1], prefix: [2], wildcard: [3]}");
}

#[test]
fn looks_up_the_very_pattern() {
    let mut world = world();
    let mut check = |topic: &str, options: Value, want: &str| {
        let answer = world.asked(1, "wamp.subscription.lookup", args([topic.into(), options]));
        assert_eq!(answer, want, "{topic}");
    };
    check("app.news", Value::Null, "1");
    check("app.", with("match", "prefix").into(), "2");
    check("app.", with("match", "wildcard").into(), "3");
    check("app.", Value::Null, "null");
    check("wamp.session.on_join", Value::Null, "null");
}

#[test]
fn matches_as_a_publication_would() {
    let mut world = world();
    let mut check = |topic: &str, want: &str| {
        assert_eq!(world.asked(1, "wamp.subscription.match", args([topic.into()])), want, "{topic}");
    };
    check("app.news", "[1, 2, 3]");
    check("app.other.news", "[2]");
    check("other", "null");
    check("not a uri", "null");
    check("wamp.session.on_join", "null");
}

#[test]
fn tells_what_a_subscription_is_and_who_has_it() {
    let mut world = world();
    let mut check = |procedure: &str, subscription: u64, want: &str| {
        assert_eq!(world.asked(1, procedure, args([subscription.into()])), want, "{procedure}");
    };
    let created = "created: 2023-11-14T22:13:20.000000Z";
    check("wamp.subscription.get", 2, &format!("{{id: 2, {created}, uri: app., match: prefix}}"));
    check("wamp.subscription.list_subscribers", 1, "[2, 3]");
    check("wamp.subscription.count_subscribers", 1, "2");
    for procedure in ["get", "list_subscribers", "count_subscribers"] {
        let procedure = format!("wamp.subscription.{procedure}");
        check(&procedure, 4, NO_SUCH);
        check(&procedure, 9, NO_SUCH);
    }
}
