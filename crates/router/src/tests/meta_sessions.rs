//! `wamp.session.*`.

use super::*;

fn texts(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|&text| text.into()).collect())
}

fn world() -> World {
    let mut world = World::of_five();
    world.join_service();
    world
}

#[test]
fn counts_and_lists_the_sessions_of_clients() {
    let mut world = world();
    let mut check = |procedure: &str, args: Vec<Value>, want: &str| {
        assert_eq!(world.asked(1, procedure, args), want, "{procedure}");
    };
    check("wamp.session.count", vec![], "5");
    check("wamp.session.list", vec![], "[1, 2, 3, 4, 5]");
    check("wamp.session.count", args([texts(&["odd"])]), "3");
    check("wamp.session.list", args([texts(&["even", "nobody"])]), "[2, 4]");
    check("wamp.session.list", args([texts(&[])]), "[]");
    check("wamp.session.count", args([Value::Null]), "5");
    check("wamp.session.count", args(["odd".into()]), "wamp.error.invalid_argument");
    check("wamp.session.list", args([Value::List(vec![1_u64.into()])]), "wamp.error.invalid_argument");
}

#[test]
fn tells_what_the_server_said_of_a_session() {
    let mut world = world();
    let details = SessionDetails {
        authmethod: "ticket".into(),
        authprovider: "static".into(),
        transport: with("type", "websocket"),
        ..SessionDetails::new(SessionKind::Client, "joe", "user")
    };
    world.realm.join(world.now, id(9), details, &mut Vec::new());
    let mut check = |session: Value, want: &str| {
        assert_eq!(world.asked(1, "wamp.session.get", args([session])), want);
    };
    let full = "authmethod: ticket, authprovider: static, transport: {type: websocket}";
    check(9_u64.into(), &format!("{{session: 9, authid: joe, authrole: user, {full}}}"));
    check(2_u64.into(), "{session: 2, authid: user2, authrole: even, authmethod: , authprovider: }");
    check(7_u64.into(), "wamp.error.no_such_session");
    check(0_u64.into(), "wamp.error.no_such_session");
    check(SERVICE.into(), "wamp.error.no_such_session");
    check("2".into(), "wamp.error.invalid_argument");
    check(Value::Null, "wamp.error.invalid_argument");
}

#[test]
fn the_authorizer_is_asked_for_these_procedures_too() {
    struct NoKilling;
    impl Authorizer for NoKilling {
        fn decide(&self, _: Id, _: &SessionDetails, action: Action, target: Target<'_>) -> Decision {
            assert_eq!(action, Action::Call);
            if target.as_str() == "wamp.session.kill" {
                Decision::Deny { missing: String::new() }
            } else {
                Decision::Allow
            }
        }
    }
    let mut world = world();
    let mut out = Vec::new();
    for procedure in ["wamp.session.kill", "wamp.registration.list"] {
        world.realm.handle(world.now, id(1), call(1, none(), procedure), &NoKilling, &mut out);
    }
    assert_eq!(world.lines(out), ["1 < ERROR CALL 1 wamp.error.not_authorized", "1 < RESULT 1"]);
}

#[test]
fn a_killed_session_is_gone_for_all_others() {
    let mut world = world();
    world.register(2, "app.add");
    world.say(1, call(7, none(), "app.add"));
    let (answer, others) = world.ask(1, "wamp.session.kill", args([2_u64.into()]), none());
    assert_eq!(answer, "null");
    assert_eq!(others, ["2 killed wamp.close.killed", "1 < ERROR CALL 7 wamp.error.canceled"]);
    assert!(world.realm.session(id(2)).is_none());
    assert_eq!(world.say(1, call(8, none(), "app.add")), ["1 < ERROR CALL 8 wamp.error.no_such_procedure"]);
    assert!(world.say(2, call(1, none(), "app.add")).is_empty());
    assert!(world.leave(2).is_empty());
}

#[test]
fn kill_refuses_what_it_can_t_do() {
    let mut world = world();
    let mut check = |arguments: Vec<Value>, kwargs: Dict, want: &str| {
        let (answer, others) = world.ask(1, "wamp.session.kill", arguments, kwargs);
        assert_eq!((answer.as_str(), others.len()), (want, 0));
    };
    let two = || args([2_u64.into()]);
    check(args([1_u64.into()]), none(), "wamp.error.no_such_session");
    check(args([7_u64.into()]), none(), "wamp.error.no_such_session");
    check(args([0_u64.into()]), none(), "wamp.error.no_such_session");
    check(args([SERVICE.into()]), none(), "wamp.error.no_such_session");
    check(vec![], none(), "wamp.error.invalid_argument");
    check(two(), with("reason", ""), "wamp.error.invalid_uri");
    check(two(), with("reason", "not a uri"), "wamp.error.invalid_uri");
    check(two(), with("reason", 7_u64), "wamp.error.invalid_uri");
    check(two(), with("message", 7_u64), "wamp.error.invalid_argument");
    assert!(world.realm.session(id(2)).is_some());
}

#[test]
fn each_kind_of_kill_ends_its_sessions_but_never_the_caller() {
    let check = |procedure: &str, arguments: Vec<Value>, want: &str, killed: &[u64]| {
        let mut world = world();
        world.join_as(6, all_features(), SessionKind::Client);
        let kwargs = with("reason", "app.bye").with("message", "so long");
        let (answer, others) = world.ask(1, procedure, arguments, kwargs);
        assert_eq!(answer, want, "{procedure}");
        let lines: Vec<_> = killed.iter().map(|session| format!("{session} killed app.bye: so long")).collect();
        assert_eq!(others, lines, "{procedure}");
        assert_eq!(world.realm.session_count(), 7 - killed.len());
    };
    check("wamp.session.kill", args([3_u64.into()]), "null", &[3]);
    check("wamp.session.kill_by_authid", args(["user4".into()]), "[4]", &[4]);
    check("wamp.session.kill_by_authid", args(["user1".into()]), "[]", &[]);
    check("wamp.session.kill_by_authid", args(["nobody".into()]), "[]", &[]);
    check("wamp.session.kill_by_authrole", args(["odd".into()]), "2", &[3, 5]);
    check("wamp.session.kill_by_authrole", args(["even".into()]), "3", &[2, 4, 6]);
    check("wamp.session.kill_all", vec![], "5", &[2, 3, 4, 5, 6]);
}

#[test]
fn bad_arguments_kill_nobody() {
    let mut world = world();
    let mut check = |procedure: &str, arguments: Vec<Value>, kwargs: Dict, want: &str| {
        let (answer, others) = world.ask(1, procedure, arguments, kwargs);
        assert_eq!((answer.as_str(), others.len()), (want, 0));
    };
    let bad = || with("reason", "bad uri");
    check("wamp.session.kill_by_authid", vec![], none(), "wamp.error.invalid_argument");
    check("wamp.session.kill_by_authrole", args([1_u64.into()]), none(), "wamp.error.invalid_argument");
    check("wamp.session.kill_by_authid", args(["user2".into()]), bad(), "wamp.error.invalid_uri");
    check("wamp.session.kill_by_authrole", args(["even".into()]), bad(), "wamp.error.invalid_uri");
    check("wamp.session.kill_all", vec![], bad(), "wamp.error.invalid_uri");
    assert_eq!(world.realm.session_count(), 6);
}

#[test]
fn a_kill_says_whose_sessions_it_ends() {
    let check = |procedure: &str, arguments: Vec<Value>, want: &[&str]| {
        let mut world = world();
        let (request, payload) = (id(1), Payload::new(arguments, none()));
        let message = Message::Call { request, options: none(), procedure: procedure.into(), payload };
        let effects = world.effects(1, message);
        let killed: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Killed { by, authids } => Some((*by, authids.iter().map(|authid| &**authid).collect())),
                _ => None,
            })
            .collect();
        let want: Vec<(Id, Vec<&str>)> = if want.is_empty() { vec![] } else { vec![(id(1), want.to_vec())] };
        assert_eq!(killed, want, "{procedure}");
    };
    check("wamp.session.kill", args([3_u64.into()]), &["user3"]);
    check("wamp.session.kill", args([7_u64.into()]), &[]);
    check("wamp.session.kill_by_authid", args(["user4".into()]), &["user4"]);
    // Whoever has no session may still have another way back in.
    check("wamp.session.kill_by_authid", args(["nobody".into()]), &["nobody"]);
    check("wamp.session.kill_by_authrole", args(["odd".into()]), &["user3", "user5"]);
    check("wamp.session.kill_by_authrole", args(["none".into()]), &[]);
    check("wamp.session.kill_all", vec![], &["user2", "user3", "user4", "user5"]);
    check("wamp.session.count", vec![], &[]);
}
