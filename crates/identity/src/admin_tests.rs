use super::*;
use crate::Credential;
use crate::password::PasswordHash;
use crate::testing::{Fault, Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, context, password_of, ready};

fn kind(error: &AdminError) -> &'static str {
    match error {
        AdminError::NotTrusted => "NotTrusted",
        AdminError::OtpSession => "OtpSession",
        AdminError::KeySession => "KeySession",
        AdminError::LoginName(_) => "LoginName",
        AdminError::RoleName(_) => "RoleName",
        AdminError::Rule(_) => "Rule",
        AdminError::LoginTaken(_) => "LoginTaken",
        AdminError::RoleTaken(_) => "RoleTaken",
        AdminError::NoSuchUser(_) => "NoSuchUser",
        AdminError::NoSuchRole(_) => "NoSuchRole",
        AdminError::NoSuchRule { .. } => "NoSuchRule",
        AdminError::PublicKey(_) => "PublicKey",
        AdminError::Label => "Label",
        AdminError::RoleInUse(_) => "RoleInUse",
        AdminError::RoleProtected(_) => "RoleProtected",
        AdminError::KeyTaken => "KeyTaken",
        AdminError::NoSuchKey(_) => "NoSuchKey",
        AdminError::TooManyKeys => "TooManyKeys",
        AdminError::NoFactor(_) => "NoFactor",
        AdminError::TotpKey(_) => "TotpKey",
        AdminError::TotpLabel(_) => "TotpLabel",
        AdminError::Storage(_) => "Storage",
    }
}

/// Something that a trusted actor may do.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a handful of them")]
enum Wish {
    CreateUser(&'static str, &'static str),
    ChangeUser(&'static str, UserChange),
    CreateRole(&'static str),
    SetRule(&'static str, &'static str, &'static str),
    RemoveRule(&'static str, &'static str),
}

/// The one place that calls the functions that change something.
fn run(fixture: &Fixture, actor: &Actor, wish: Wish) -> Result<(), AdminError> {
    let (identity, context) = (&fixture.identity, &context());
    match wish {
        Wish::CreateUser(login, role) => {
            let rng = &mut fixture.rng();
            ready(identity.create_user(login, role, None, actor, context, NOW, rng)).map(|_| ())
        }
        Wish::ChangeUser(login, change) => ready(identity.change_user(login, change, actor, context, NOW)).map(|_| ()),
        Wish::CreateRole(name) => ready(identity.create_role(name, &[], actor, context, NOW)).map(drop),
        Wish::SetRule(role, uri, letters) => ready(identity.set_rule(role, uri, letters, actor, context, NOW)),
        Wish::RemoveRule(role, uri) => ready(identity.remove_rule(role, uri, actor, context, NOW)),
    }
}

/// Everything that such a wish could change.
fn snapshot(fixture: &Fixture) -> (Vec<User>, Vec<Role>, Vec<Credential>) {
    let users = ready(fixture.identity.users(None, 100)).unwrap();
    (users, ready(fixture.identity.roles()).unwrap(), fixture.memory().credentials())
}

fn role(name: &str) -> UserChange {
    UserChange::Role(RoleName::parse(name).unwrap())
}

/// One wish of each kind that is granted, with its row: operation and target.
fn wishes() -> [(Wish, &'static str, &'static str); 12] {
    let hash = PasswordHash::from_stored("new".into());
    [
        (Wish::CreateUser("Ann", "backend"), "user.create", "ann"),
        (Wish::ChangeUser("KRISTEN98", UserChange::Enabled(false)), "user.lock", KRISTEN),
        (Wish::ChangeUser(LOCKED, UserChange::Enabled(true)), "user.unlock", LOCKED),
        (Wish::ChangeUser(KRISTEN, role("backend")), "user.role", KRISTEN),
        (Wish::ChangeUser(KRISTEN, UserChange::Approval(ApprovalStatus::Rejected)), "user.reject", KRISTEN),
        (Wish::ChangeUser(KRISTEN, UserChange::Password(hash.into())), "user.password", KRISTEN),
        (Wish::ChangeUser(KRISTEN, UserChange::Delete), "user.delete", KRISTEN),
        (Wish::CreateRole("auditor"), "role.create", "auditor"),
        (Wish::SetRule("frontend", "a.*", "cs"), "role.allow", "frontend"),
        (Wish::SetRule("frontend", "a.*", ""), "role.deny", "frontend"),
        (Wish::SetRule("trust", "*", "c"), "role.allow", "trust"),
        (Wish::RemoveRule("frontend", "my.*"), "role.deny", "frontend"),
    ]
}

#[test]
fn the_operator_and_trust_may_do_everything() {
    for (wish, operation, target) in wishes() {
        for actor in [Actor::Operator, Fixture::new().actor(TRUST)] {
            let fixture = Fixture::new();
            let before = snapshot(&fixture);
            assert!(run(&fixture, &actor, wish.clone()).is_ok(), "{wish:?}");
            assert!(snapshot(&fixture) != before, "{wish:?}");
            let row = (operation, actor.name().to_owned(), target.to_owned(), None);
            assert_eq!(fixture.take_rows(), [row], "{wish:?}");
        }
    }
}

#[test]
fn nobody_else_may_do_anything() {
    let wrong = [
        (Wish::CreateUser("no name", "backend"), "user.create", "no name"),
        (Wish::ChangeUser("nobody", UserChange::Delete), "user.delete", "nobody"),
        (Wish::SetRule("frontend", "a..b", "c"), "role.allow", "frontend"),
    ];
    for (wish, operation, target) in wishes().into_iter().chain(wrong) {
        let fixture = Fixture::new();
        let before = snapshot(&fixture);
        for actor in [Actor::Anonymous, fixture.actor(KRISTEN), fixture.actor(ZOE)] {
            let error = run(&fixture, &actor, wish.clone()).unwrap_err();
            assert_eq!(kind(&error), "NotTrusted", "{wish:?}");
            let row = (operation, actor.name().to_owned(), target.to_owned(), Some(Reason::NotAllowed));
            assert_eq!(fixture.take_rows(), [row], "{wish:?}");
        }
        assert_eq!(snapshot(&fixture), before, "{wish:?}");
    }
}

#[test]
fn a_session_of_a_one_time_password_may_not_even_with_the_role_trust() {
    for (wish, operation, target) in wishes() {
        let fixture = Fixture::new();
        let before = snapshot(&fixture);
        let actor = fixture.otp_actor(TRUST);
        let error = run(&fixture, &actor, wish.clone()).unwrap_err();
        assert_eq!(kind(&error), "OtpSession", "{wish:?}");
        let row = (operation, actor.name().to_owned(), target.to_owned(), Some(Reason::OtpSession));
        assert_eq!(fixture.take_rows(), [row], "{wish:?}");
        assert_eq!(snapshot(&fixture), before, "{wish:?}");
    }
}

#[test]
fn what_can_not_be_done_changes_nothing_and_is_in_the_trail() {
    #[track_caller]
    fn check(wish: Wish, want: &str, reason: Reason) {
        let fixture = Fixture::new();
        let before = snapshot(&fixture);
        assert_eq!(kind(&run(&fixture, &Actor::Operator, wish).unwrap_err()), want);
        assert_eq!(snapshot(&fixture), before);
        let rows = fixture.take_rows();
        assert_eq!(rows.iter().map(|row| row.3).collect::<Vec<_>>(), [Some(reason)]);
    }
    check(Wish::CreateUser(KRISTEN, "backend"), "LoginTaken", Reason::Exists);
    check(Wish::CreateUser("Kristen98", "backend"), "LoginTaken", Reason::Exists);
    check(Wish::CreateUser("ann", "nonsense"), "NoSuchRole", Reason::NotFound);
    for login in ["", "a b", "%operator"] {
        check(Wish::CreateUser(login, "backend"), "LoginName", Reason::BadRequest);
        check(Wish::ChangeUser(login, UserChange::Delete), "NoSuchUser", Reason::NotFound);
    }
    check(Wish::CreateUser("ann", "No Role"), "RoleName", Reason::BadRequest);
    check(Wish::ChangeUser("nobody", UserChange::Enabled(false)), "NoSuchUser", Reason::NotFound);
    check(Wish::ChangeUser(KRISTEN, role("nonsense")), "NoSuchRole", Reason::NotFound);
    check(Wish::CreateRole("frontend"), "RoleTaken", Reason::Exists);
    check(Wish::CreateRole("No Role"), "RoleName", Reason::BadRequest);
    check(Wish::SetRule("nonsense", "a.b", "c"), "NoSuchRole", Reason::NotFound);
    check(Wish::SetRule("No Role", "a.b", "c"), "NoSuchRole", Reason::NotFound);
    check(Wish::SetRule("frontend", "a..b", "c"), "Rule", Reason::BadRequest);
    check(Wish::SetRule("frontend", "a.b", "x"), "Rule", Reason::BadRequest);
    check(Wish::RemoveRule("nonsense", "a.b"), "NoSuchRole", Reason::NotFound);
    check(Wish::RemoveRule("frontend", "a.b"), "NoSuchRule", Reason::NotFound);
    check(Wish::RemoveRule("frontend", "a..b"), "Rule", Reason::BadRequest);
}

#[test]
fn a_new_user_is_enabled_and_found_by_its_name_in_any_case() {
    let fixture = Fixture::new();
    run(&fixture, &Actor::Operator, Wish::CreateUser("Ann", "backend")).unwrap();
    let user = ready(fixture.identity.user("aNN")).unwrap();
    assert_eq!((user.login.as_str(), user.role.as_str(), user.standing), ("ann", "backend", Standing::GOOD));
    assert_eq!((user.password, user.created), (None, NOW));
    for unknown in ["anna", "", "a b"] {
        assert_eq!(kind(&ready(fixture.identity.user(unknown)).unwrap_err()), "NoSuchUser", "{unknown:?}");
    }
}

#[test]
fn users_are_listed_in_pages_by_name() {
    let fixture = Fixture::new();
    let page = |after: Option<&str>, limit| -> Vec<String> {
        let after = after.map(|login| LoginName::parse(login).unwrap());
        let users = ready(fixture.identity.users(after, limit)).unwrap();
        users.into_iter().map(|user| user.login.to_string()).collect()
    };
    assert_eq!(page(None, 100), ["admin", TRUST, KRISTEN, LOCKED, ZOE]);
    assert_eq!(page(None, 2), ["admin", TRUST]);
    assert_eq!(page(Some(TRUST), 2), [KRISTEN, LOCKED]);
    assert_eq!(page(Some("b"), 1), [TRUST]);
    assert_eq!(page(Some(ZOE), 2), Vec::<String>::new());
}

#[test]
fn a_changed_user_is_answered_as_it_was_stored_last() {
    let fixture = Fixture::new();
    let change = |change| ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW));
    assert!(!change(UserChange::Enabled(false)).unwrap().standing.enabled);
    assert!(change(UserChange::Enabled(true)).unwrap().standing.enabled);
    assert_eq!(change(role("backend")).unwrap().role.as_str(), "backend");
    let before = fixture.user(KRISTEN);
    assert_eq!(change(UserChange::Delete).unwrap(), before);
    assert_eq!(kind(&change(UserChange::Delete).unwrap_err()), "NoSuchUser");
}

#[test]
fn a_changed_password_works_at_once_and_the_old_one_no_more() {
    let fixture = Fixture::new();
    let hash = PasswordHash::from_stored("new".into());
    run(&fixture, &Actor::Operator, Wish::ChangeUser(KRISTEN, UserChange::Password(hash.into()))).unwrap();
    assert!(!format!("{:?}", fixture.take_trail()).contains("new"));
    assert_eq!(fixture.refusal(KRISTEN, &password_of(KRISTEN), NOW), Some(Reason::WrongTicket));
    assert_eq!(fixture.refusal(KRISTEN, "new", NOW), None);
}

#[test]
fn one_pattern_has_one_rule_in_a_role() {
    let fixture = Fixture::new();
    let letters = || {
        let role = ready(fixture.identity.role("frontend")).unwrap();
        role.rules.into_iter().find(|rule| rule.pattern.as_str() == "a.*").map(|rule| rule.rights.to_string())
    };
    let set = |letters| run(&fixture, &Actor::Operator, Wish::SetRule("frontend", "a.*", letters)).unwrap();
    assert_eq!(letters(), None);
    set("cs");
    assert_eq!(letters().as_deref(), Some("cs"));
    set("");
    assert_eq!(letters().as_deref(), Some(""));
    run(&fixture, &Actor::Operator, Wish::RemoveRule("frontend", "a.*")).unwrap();
    assert_eq!(letters(), None);
}

#[test]
fn a_new_role_has_no_rules() {
    let fixture = Fixture::new();
    run(&fixture, &Actor::Operator, Wish::CreateRole("auditor")).unwrap();
    assert_eq!(ready(fixture.identity.role("auditor")).unwrap().rules, []);
    assert_eq!(kind(&ready(fixture.identity.role("Auditor")).unwrap_err()), "NoSuchRole");
}

#[test]
fn a_fault_of_storage_is_what_the_caller_hears_of() {
    for actor in [Actor::Operator, Actor::Anonymous] {
        for (wish, ..) in wishes() {
            let fixture = Fixture::new();
            let before = snapshot(&fixture);
            fixture.memory().fail(Some(Fault { at: 0, commits: false }));
            assert_eq!(kind(&run(&fixture, &actor, wish.clone()).unwrap_err()), "Storage", "{wish:?}");
            assert_eq!(fixture.memory().executed().len(), 1);
            fixture.memory().fail(None);
            assert_eq!(snapshot(&fixture), before);
            assert_eq!(fixture.take_rows(), []);
        }
    }
}
