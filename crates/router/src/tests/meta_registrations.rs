//! `wamp.registration.*`.

use super::*;

const NO_SUCH: &str = "wamp.error.no_such_registration";

fn world() -> World {
    let mut world = World::of_five();
    world.realm.set_clock(world.now, 1_700_000_000_000_000);
    world.join_service();
    world.register_with(2, with("invoke", "roundrobin"), "app.add");
    world.register_with(3, with("invoke", "roundrobin"), "app.add");
    world.pass(1_500);
    world.register_with(3, with("match", "prefix"), "app.");
    world.register_with(4, with("match", "wildcard"), "app..x");
    world.register_with(4, with("match", "exact"), "app.sub");
    world.register(SERVICE, "wamp.session.extra");
    world
}

#[test]
fn lists_by_match_policy_and_hides_the_router_s_own() {
    assert_eq!(world().asked(1, "wamp.registration.list", vec![]), "{exact: [1, 4], prefix: [2], wildcard: [3]}");
    assert_eq!(World::of_five().asked(1, "wamp.registration.list", vec![]), "{exact: [], prefix: [], wildcard: []}");
}

#[test]
fn looks_up_the_very_pattern() {
    let mut world = world();
    let mut check = |procedure: &str, options: Value, want: &str| {
        let answer = world.asked(1, "wamp.registration.lookup", args([procedure.into(), options]));
        assert_eq!(answer, want, "{procedure}");
    };
    check("app.add", Value::Null, "1");
    check("app.add", none().into(), "1");
    check("app.add", with("match", "exact").into(), "1");
    check("app.add", with("match", "prefix").into(), "null");
    check("app.", with("match", "prefix").into(), "2");
    check("app..x", with("match", "wildcard").into(), "3");
    check("app.other", Value::Null, "null");
    check("not a uri", Value::Null, "null");
    check("wamp.session.extra", Value::Null, "null");
    check("app.add", with("match", "regex").into(), "wamp.error.option_not_allowed");
    check("app.add", "exact".into(), "wamp.error.invalid_argument");
    assert_eq!(world.asked(1, "wamp.registration.lookup", vec![]), "wamp.error.invalid_argument");
}

#[test]
fn matches_as_a_call_would() {
    let mut world = world();
    let mut check = |procedure: &str, want: &str| {
        assert_eq!(world.asked(1, "wamp.registration.match", args([procedure.into()])), want, "{procedure}");
    };
    check("app.add", "1");
    check("app.add.more", "2");
    check("application", "null");
    check("", "null");
    check("wamp.session.extra", "null");
    check("wamp.session.count", "null");
}

#[test]
fn tells_what_a_registration_is() {
    let mut world = world();
    let mut check = |registration: u64, want: &str| {
        assert_eq!(world.asked(1, "wamp.registration.get", args([registration.into()])), want);
    };
    let early = "created: 2023-11-14T22:13:20.000000Z";
    let late = "created: 2023-11-14T22:13:21.500000Z";
    check(1, &format!("{{id: 1, {early}, uri: app.add, match: exact, invoke: roundrobin}}"));
    check(2, &format!("{{id: 2, {late}, uri: app., match: prefix, invoke: single}}"));
    check(5, NO_SUCH);
    check(6, NO_SUCH);
    check(0, NO_SUCH);
}

#[test]
fn tells_who_answers() {
    let mut world = world();
    let mut check = |procedure: &str, registration: u64, want: &str| {
        assert_eq!(world.asked(1, procedure, args([registration.into()])), want, "{procedure}");
    };
    check("wamp.registration.list_callees", 1, "[2, 3]");
    check("wamp.registration.count_callees", 1, "2");
    check("wamp.registration.list_callees", 4, "[4]");
    check("wamp.registration.list_callees", 6, NO_SUCH);
    check("wamp.registration.count_callees", 6, NO_SUCH);
    assert_eq!(world.asked(1, "wamp.registration.count_callees", vec![]), "wamp.error.invalid_argument");
}
