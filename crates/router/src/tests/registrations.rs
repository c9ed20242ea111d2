//! REGISTER and UNREGISTER, patterns, forced registration, and what is the server's own.

use super::*;

fn matching(policy: &str) -> Dict {
    with("match", policy)
}

fn forced() -> Dict {
    with("force_reregister", true)
}

#[test]
fn a_procedure_has_one_callee() {
    let mut world = World::of_five();
    assert_eq!(world.say(2, register(1, none(), "app.add")), ["2 < REGISTERED 1 1"]);
    for session in [2, 3] {
        assert_eq!(
            world.say(session, register(2, none(), "app.add")),
            [format!("{session} < ERROR REGISTER 2 wamp.error.procedure_already_exists")]
        );
    }
    assert_eq!(world.realm.registration_count(), 1);
}

#[test]
fn refuses_invalid_uris_and_options() {
    let check = |options, procedure, want: &str| {
        let mut world = World::of_five();
        let want = format!("1 < ERROR REGISTER 7 wamp.error.{want}");
        assert_eq!(world.say(1, register(7, options, procedure)), [want]);
    };
    check(none(), "app..add", "invalid_uri");
    check(matching("prefix"), "app..add", "invalid_uri");
    check(matching("regex"), "app.add", "option_not_allowed");
    check(with("invoke", "fastest"), "app.add", "option_not_allowed");
    check(with("match", 1_u64), "app.add", "invalid_argument");
    check(with("force_reregister", "yes"), "app.add", "invalid_argument");
}

#[test]
fn unregister_takes_only_what_is_the_session_s_own() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    let refused = "ERROR UNREGISTER 5 wamp.error.no_such_registration";
    assert_eq!(world.say(3, unregister(5, 1)), [format!("3 < {refused}")]);
    assert_eq!(world.say(2, unregister(5, 2)), [format!("2 < {refused}")]);
    assert_eq!(world.say(2, unregister(5, 1)), ["2 < UNREGISTERED 5"]);
    assert_eq!(world.say(2, unregister(5, 1)), [format!("2 < {refused}")]);
    assert_eq!(world.say(1, call(7, none(), "app.add")), ["1 < ERROR CALL 7 wamp.error.no_such_procedure"]);
    assert_eq!(world.say(3, register(1, none(), "app.add")), ["3 < REGISTERED 1 2"]);
}

#[test]
fn calls_under_way_outlive_the_registration() {
    let mut world = World::of_five();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    world.say(2, unregister(5, 1));
    assert_eq!(world.say(2, yields(1, none())), ["1 < RESULT 7"]);
}

#[test]
fn force_takes_the_procedure_and_tells_a_callee_that_understands() {
    let revoked = "UNREGISTERED 0 {registration: 1, reason: countersign.revoked.replaced}";
    let check = |holder: u64, by: u64, want: &[String]| {
        let mut world = World::of_five();
        world.register(holder, "app.add");
        assert_eq!(world.say(by, register(5, forced(), "app.add")), want);
        assert_eq!(world.say(1, call(7, none(), "app.add")), [format!("{by} < INVOCATION 1 2")]);
        assert_eq!(world.realm.registration_count(), 1);
        let refused = format!("{holder} < ERROR UNREGISTER 6 wamp.error.no_such_registration");
        assert_eq!(world.say(holder, unregister(6, 1)), [refused]);
    };
    check(2, 3, &[format!("2 < {revoked}"), "3 < REGISTERED 5 2".into()]);
    check(5, 3, &["3 < REGISTERED 5 2".into()]);
    check(2, 2, &[format!("2 < {revoked}"), "2 < REGISTERED 5 2".into()]);
    check(5, 5, &["5 < REGISTERED 5 2".into()]);
}

#[test]
fn a_plain_client_is_told_when_it_replaces_its_own_registration() {
    let revoked = "UNREGISTERED 0 {registration: 1, reason: countersign.revoked.replaced}";
    let check = |by: u64, want: &[String]| {
        let mut world = World::of_five();
        world.join(6, ClientFeatures::PLAIN);
        world.register(6, "app.add");
        assert_eq!(world.say(by, register(5, forced(), "app.add")), want);
    };
    check(6, &[format!("6 < {revoked}"), "6 < REGISTERED 5 2".into()]);
    check(2, &["2 < REGISTERED 5 2".into()]);
}

#[test]
fn force_on_a_free_procedure_is_a_plain_registration() {
    let mut world = World::of_five();
    assert_eq!(world.say(2, register(1, forced(), "app.add")), ["2 < REGISTERED 1 1"]);
}

#[test]
fn a_call_goes_to_the_best_of_the_patterns_that_match() {
    let mut world = World::of_five();
    // The example of the specification, with a dot behind its first prefix: prefixes are texts.
    for (policy, pattern) in [
        ("exact", "a1.b2.c3.d4.e55"),
        ("prefix", "a1.b2.c3."),
        ("prefix", "a1.b2.c3.d4"),
        ("wildcard", "a1.b2..d4.e5"),
        ("wildcard", "a1.b2.c33..e5"),
        ("wildcard", "a1.b2..d4.e5..g7"),
        ("wildcard", "a1.b2..d4..f6.g7"),
    ] {
        world.register_with(2, matching(policy), pattern);
    }
    let mut request = 0;
    let mut check = |procedure: &str, want: Option<u64>| {
        request += 1;
        let line = world.say(1, call(request, none(), procedure)).remove(0);
        let want = want.map_or("wamp.error.no_such_procedure".to_owned(), |registration| {
            let exact = registration == 1;
            let details = if exact { String::new() } else { format!(" {{procedure: {procedure}}}") };
            format!(" {registration}{details}")
        });
        assert!(line.ends_with(&want), "{procedure}: {line}");
    };
    check("a1.b2.c3.d4.e55", Some(1));
    check("a1.b2.c3.d98.e74", Some(2));
    check("a1.b2.c3.d4.e325", Some(3));
    check("a1.b2.c3.d4x", Some(3));
    check("a1.b2.c55.d4.e5", Some(4));
    check("a1.b2.c33.d4.e5", Some(5));
    check("a1.b2.c88.d4.e5.f6.g7", Some(6));
    check("a2.b2.c2.d2.e2", None);
}

#[test]
fn the_same_text_can_be_registered_under_each_policy() {
    let mut world = World::of_five();
    for policy in ["exact", "prefix", "wildcard"] {
        world.register_with(2, matching(policy), "app.add");
        assert_eq!(
            world.say(3, register(5, matching(policy), "app.add")),
            ["3 < ERROR REGISTER 5 wamp.error.procedure_already_exists"]
        );
    }
    // Each one that goes uncovers the next.
    for (registration, details) in [(1, ""), (2, " {procedure: app.add}"), (3, " {procedure: app.add}")] {
        assert_eq!(
            world.say(1, call(registration, none(), "app.add")),
            [format!("2 < INVOCATION {registration} {registration}{details}")]
        );
        world.say(2, unregister(9, registration));
    }
}

#[test]
fn nobody_registers_what_is_the_server_s_own() {
    let mut world = World::of_five();
    world.join_service();
    world.register(SERVICE, "app.server");
    world.register_with(SERVICE, matching("prefix"), "app.under.");
    let exists = "procedure_already_exists";
    let mut check = |options: Dict, procedure: &str, want: &str| {
        let want = format!("1 < ERROR REGISTER 7 wamp.error.{want}");
        let options = options.with("force_reregister", true);
        assert_eq!(world.say(1, register(7, options, procedure)), [want], "{procedure}");
    };
    check(none(), "wamp.session.count", "invalid_uri");
    check(matching("prefix"), "wamp.", "invalid_uri");
    check(matching("wildcard"), "wamp..count", "invalid_uri");
    check(none(), "system.reserved", exists);
    check(none(), "system.all.of.it", exists);
    check(none(), "app.server", exists);
    check(none(), "app.under.anything", exists);
    check(matching("prefix"), "app.under.", exists);
    assert_eq!(world.say(1, call(8, none(), "app.server")), ["100 < INVOCATION 1 1"]);
}

#[test]
fn patterns_of_clients_never_get_the_server_s_calls() {
    let mut world = World::of_five();
    world.register_with(1, matching("prefix"), "");
    world.register_with(1, matching("prefix"), "app.under.more");
    world.register_with(1, matching("wildcard"), "app.");
    world.join_service();
    world.register(SERVICE, "app.server");
    world.register_with(SERVICE, matching("prefix"), "app.under.");
    let mut request = 0;
    let mut check = |procedure: &str, want: &str| {
        request += 1;
        let line = world.say(2, call(request, none(), procedure)).remove(0);
        assert!(line.starts_with(want), "{procedure}: {line}");
    };
    check("app.server", "100 < INVOCATION");
    check("app.under.more.still", "100 < INVOCATION");
    check("system.reserved", "2 < ERROR");
    check("system.all.of.it", "2 < ERROR");
    check("wamp.registration.list", "2 < RESULT");
    check("wamp.session.unheard_of", "2 < ERROR");
    check("app.other", "1 < INVOCATION");
}

#[test]
fn the_server_can_take_a_procedure_from_a_client_by_force_only() {
    let mut world = World::of_five();
    world.join_service();
    world.register(1, "app.add");
    assert_eq!(
        world.say(SERVICE, register(5, none(), "app.add")),
        ["100 < ERROR REGISTER 5 wamp.error.procedure_already_exists"]
    );
    assert_eq!(world.say(SERVICE, register(5, forced(), "app.add")).last().unwrap(), "100 < REGISTERED 5 2");
    assert_eq!(world.say(2, call(7, none(), "app.add")), ["100 < INVOCATION 1 2"]);
}

#[test]
fn the_server_registers_below_wamp() {
    let mut world = World::of_five();
    world.join_service();
    world.register(SERVICE, "wamp.session.count");
    assert_eq!(world.say(1, call(7, none(), "wamp.session.count")), ["100 < INVOCATION 1 1"]);
    assert_eq!(world.say(SERVICE, yields(1, none())), ["1 < RESULT 7"]);
}
