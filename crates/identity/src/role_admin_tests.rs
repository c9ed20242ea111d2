use super::*;
use crate::audit::Reason;
use crate::repository::UserChange;
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, ready};

/// What may be wished of whole roles.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Create(&'static str, &'static [(&'static str, &'static str)]),
    Copy(&'static str, &'static str),
    Replace(&'static str, &'static [(&'static str, &'static str)]),
    Rename(&'static str, &'static str),
    Remove(&'static str),
}

fn run(fixture: &Fixture, actor: &Actor, wish: Wish) -> Result<(), AdminError> {
    let (identity, context) = (&fixture.identity, &context());
    let owned = |rules: &[(&str, &str)]| -> Vec<(String, String)> {
        rules.iter().map(|(uri, perms)| ((*uri).to_owned(), (*perms).to_owned())).collect()
    };
    match wish {
        Wish::Create(name, rules) => ready(identity.create_role(name, &owned(rules), actor, context, NOW)).map(drop),
        Wish::Copy(from, to) => ready(identity.copy_role(from, to, actor, context, NOW)).map(drop),
        Wish::Replace(name, rules) => ready(identity.replace_rules(name, &owned(rules), actor, context, NOW)).map(drop),
        Wish::Rename(name, to) => ready(identity.rename_role(name, to, actor, context, NOW)),
        Wish::Remove(name) => ready(identity.remove_role(name, actor, context, NOW)),
    }
}

fn roles(fixture: &Fixture) -> Vec<Role> {
    ready(fixture.identity.roles()).unwrap()
}

/// The rules of a role, as text; `None` if there is none.
fn rules_of(fixture: &Fixture, name: &str) -> Option<Vec<(String, String)>> {
    let role = roles(fixture).into_iter().find(|role| role.name.as_str() == name)?;
    Some(role.rules.iter().map(|rule| (rule.pattern.to_string(), rule.rights.to_string())).collect())
}

const WISHES: [(Wish, &str, &str); 5] = [
    (Wish::Create("desk", &[("b.*", "sc"), ("a.b", "")]), "role.create", "desk"),
    (Wish::Copy("frontend", "desk"), "role.create", "desk"),
    (Wish::Replace("frontend", &[("a.b", "c+")]), "role.replace", "frontend"),
    (Wish::Rename("frontend", "desk"), "role.rename", "frontend"),
    (Wish::Remove("public"), "role.delete", "public"),
];

#[test]
fn the_operator_and_trust_may_and_the_trail_has_it() {
    for (wish, operation, target) in WISHES {
        for actor in [Actor::Operator, Fixture::new().actor(TRUST)] {
            let fixture = Fixture::new();
            let before = roles(&fixture);
            run(&fixture, &actor, wish).unwrap();
            assert_ne!(roles(&fixture), before, "{wish:?}");
            assert_eq!(fixture.take_rows(), [(operation, actor.name().to_owned(), target.to_owned(), None)]);
        }
    }
}

#[test]
fn nobody_else_may() {
    for (wish, operation, target) in WISHES {
        let fixture = Fixture::new();
        let before = roles(&fixture);
        for (actor, reason) in [
            (Actor::Anonymous, Reason::NotAllowed),
            (fixture.actor(KRISTEN), Reason::NotAllowed),
            (fixture.actor(ZOE), Reason::NotAllowed),
            (fixture.otp_actor(TRUST), Reason::OtpSession),
        ] {
            run(&fixture, &actor, wish).unwrap_err();
            let row = (operation, actor.name().to_owned(), target.to_owned(), Some(reason));
            assert_eq!(fixture.take_rows(), [row], "{wish:?}");
        }
        assert_eq!(roles(&fixture), before);
    }
}

#[test]
fn what_can_not_be_done_changes_nothing_and_is_in_the_trail() {
    #[track_caller]
    fn check(wish: Wish, is_right: fn(&AdminError) -> bool, reason: Reason) {
        let fixture = Fixture::new();
        let before = roles(&fixture);
        let error = run(&fixture, &Actor::Operator, wish).unwrap_err();
        assert!(is_right(&error), "{error}");
        assert_eq!(roles(&fixture), before);
        assert_eq!(fixture.take_rows().into_iter().map(|row| row.3).collect::<Vec<_>>(), [Some(reason)]);
    }
    let is_name = |error: &AdminError| matches!(error, AdminError::RoleName(_));
    let is_taken = |error: &AdminError| matches!(error, AdminError::RoleTaken(_));
    let is_missing = |error: &AdminError| matches!(error, AdminError::NoSuchRole(_));
    let is_rule = |error: &AdminError| matches!(error, AdminError::Rule(_));
    let is_protected = |error: &AdminError| matches!(error, AdminError::RoleProtected(_));
    let is_in_use = |error: &AdminError| matches!(error, AdminError::RoleInUse(_));
    check(Wish::Create("frontend", &[]), is_taken, Reason::Exists);
    check(Wish::Create("No Role", &[]), is_name, Reason::BadRequest);
    check(Wish::Create("desk", &[("a..b", "c")]), is_rule, Reason::BadRequest);
    check(Wish::Create("desk", &[("a.b", "x")]), is_rule, Reason::BadRequest);
    check(Wish::Create("desk", &[("a.b", "c"), ("a.b", "s")]), is_rule, Reason::BadRequest);
    check(Wish::Copy("frontend", "backend"), is_taken, Reason::Exists);
    check(Wish::Copy("nobody", "desk"), is_missing, Reason::NotFound);
    check(Wish::Copy("frontend", "No Role"), is_name, Reason::BadRequest);
    check(Wish::Replace("nobody", &[]), is_missing, Reason::NotFound);
    check(Wish::Replace("No Role", &[]), is_missing, Reason::NotFound);
    check(Wish::Replace("frontend", &[("a.", "c")]), is_rule, Reason::BadRequest);
    check(Wish::Rename("frontend", "backend"), is_taken, Reason::Exists);
    check(Wish::Rename("frontend", "frontend"), is_taken, Reason::Exists);
    check(Wish::Rename("nobody", "desk"), is_missing, Reason::NotFound);
    check(Wish::Rename("frontend", "No Role"), is_name, Reason::BadRequest);
    check(Wish::Rename("trust", "desk"), is_protected, Reason::BadRequest);
    check(Wish::Remove("trust"), is_protected, Reason::BadRequest);
    check(Wish::Remove("frontend"), is_in_use, Reason::InUse);
    check(Wish::Remove("nobody"), is_missing, Reason::NotFound);
}

#[test]
fn a_role_is_made_copied_and_replaced_with_all_its_rules() {
    let fixture = Fixture::new();
    let pair = |uri: &str, perms: &str| (uri.to_owned(), perms.to_owned());
    run(&fixture, &Actor::Operator, Wish::Create("desk", &[("b.*", "sc"), ("a.b", "")])).unwrap();
    assert_eq!(rules_of(&fixture, "desk").unwrap(), [pair("a.b", ""), pair("b.*", "cs")]);
    run(&fixture, &Actor::Operator, Wish::Copy("desk", "other")).unwrap();
    assert_eq!(rules_of(&fixture, "other"), rules_of(&fixture, "desk"));
    run(&fixture, &Actor::Operator, Wish::Replace("desk", &[("c", "c!+")])).unwrap();
    assert_eq!(rules_of(&fixture, "desk").unwrap(), [pair("c", "c!+")]);
    run(&fixture, &Actor::Operator, Wish::Replace("desk", &[])).unwrap();
    assert_eq!(rules_of(&fixture, "desk").unwrap(), []);
    assert_eq!(rules_of(&fixture, "other").unwrap().len(), 2);
}

#[test]
fn a_role_keeps_rules_and_users_under_another_name() {
    let fixture = Fixture::new();
    let rules = rules_of(&fixture, "frontend");
    run(&fixture, &Actor::Operator, Wish::Rename("frontend", "desk")).unwrap();
    assert_eq!((rules_of(&fixture, "desk"), rules_of(&fixture, "frontend")), (rules, None));
    assert_eq!(fixture.user(KRISTEN).role.as_str(), "desk");
    assert_eq!(fixture.user(ZOE).role.as_str(), "backend");
}

#[test]
fn a_role_can_be_removed_when_its_last_user_has_another() {
    let fixture = Fixture::new();
    let operator = &Actor::Operator;
    run(&fixture, operator, Wish::Remove("backend")).unwrap_err();
    let change = UserChange::Role(RoleName::frontend());
    ready(fixture.identity.change_user(ZOE, change, operator, &context(), NOW)).unwrap();
    run(&fixture, operator, Wish::Remove("backend")).unwrap();
    assert_eq!(rules_of(&fixture, "backend"), None);
}

#[test]
fn roles_are_read_by_those_who_may_manage_them() {
    let fixture = Fixture::new();
    let read = |actor: &Actor, name| ready(fixture.identity.read_roles(name, actor, &context(), NOW));
    for actor in [Actor::Operator, fixture.actor(TRUST)] {
        assert_eq!(read(&actor, None).unwrap(), roles(&fixture));
        assert_eq!(read(&actor, Some("public")).unwrap()[0].name.as_str(), "public");
        assert!(matches!(read(&actor, Some("nobody")), Err(AdminError::NoSuchRole(_))));
    }
    assert_eq!(fixture.take_rows(), []);
    assert!(matches!(read(&fixture.actor(ZOE), None), Err(AdminError::NotTrusted)));
    assert_eq!(fixture.take_rows(), [("role.get", ZOE.to_owned(), String::new(), Some(Reason::NotAllowed))]);
}
