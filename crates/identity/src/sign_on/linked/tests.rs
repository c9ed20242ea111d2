//! Linked accounts.

use super::*;
use crate::Secret;
use crate::sign_on::SignIn;
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, password_of, ready};

fn caller(fixture: &Fixture, login: &str) -> Caller {
    let (password, context) = (Secret::new(password_of(login)), context());
    let given = SignIn {
        username: login,
        password: &password,
        code: None,
        new_password: None,
        is_allowed_application: true,
        context: &context,
    };
    let signed_in = ready(fixture.identity.sign_in(&given, &fixture.pool, NOW, &mut fixture.rng())).unwrap();
    ready(fixture.identity.caller(&signed_in.token, NOW)).unwrap()
}

fn id(fixture: &Fixture, login: &str) -> String {
    fixture.user(login).id.to_sign_on()
}

fn link(fixture: &Fixture, caller: &Caller, user_id: &str, of: (&str, &str), active: bool) -> Result<Link, LinkError> {
    let wish = LinkWish { user_id, auth_type: of.0, auth_username: of.1 };
    ready(fixture.identity.link_account(caller, wish, active, &context(), NOW, &mut fixture.rng()))
}

fn unlink(fixture: &Fixture, caller: &Caller, user_id: &str, of: (&str, &str)) -> Result<LinkId, LinkError> {
    let wish = LinkWish { user_id, auth_type: of.0, auth_username: of.1 };
    ready(fixture.identity.unlink_account(caller, wish, &context(), NOW))
}

fn linked(fixture: &Fixture, caller: &Caller, of: (&str, &str)) -> Result<String, LinkError> {
    let user = ready(fixture.identity.linked_user(caller, of.0, of.1))?;
    Ok(user.username().to_owned())
}

const API: (&str, &str) = ("basic_auth", "pubapi");

#[test]
fn an_account_belongs_to_one_user_who_is_found_by_it() {
    let fixture = Fixture::new();
    let (boss, kristen, zoe) = (caller(&fixture, TRUST), id(&fixture, KRISTEN), id(&fixture, ZOE));
    let made = link(&fixture, &boss, &kristen, API, true).unwrap();
    assert_eq!(linked(&fixture, &boss, API).unwrap(), KRISTEN);
    for owner in [&kristen, &zoe] {
        assert!(matches!(link(&fixture, &boss, owner, API, true), Err(LinkError::Taken)));
    }
    // Another type or spelling is another account.
    for other in [("jwt", "pubapi"), ("basic_auth", "PubApi"), ("basic_auth", "pubap"), ("basic_auth", "pubapi2")] {
        assert!(matches!(linked(&fixture, &boss, other), Err(LinkError::NoSuchUser)));
        link(&fixture, &boss, &zoe, other, true).unwrap();
    }
    assert!(matches!(unlink(&fixture, &boss, &zoe, API), Err(LinkError::NoSuchLink)));
    assert_eq!(unlink(&fixture, &boss, &kristen, API).unwrap(), made.id);
    assert!(matches!(unlink(&fixture, &boss, &kristen, API), Err(LinkError::NoSuchLink)));
    assert!(matches!(linked(&fixture, &boss, API), Err(LinkError::NoSuchUser)));
    assert_eq!(ready(fixture.identity.links(&boss, Some(&zoe))).unwrap().len(), 4);
}

#[test]
fn a_link_that_is_not_active_finds_nobody() {
    let fixture = Fixture::new();
    let boss = caller(&fixture, TRUST);
    assert!(!link(&fixture, &boss, &id(&fixture, KRISTEN), API, false).unwrap().is_active);
    assert!(matches!(linked(&fixture, &boss, API), Err(LinkError::NoSuchUser)));
}

#[test]
fn links_are_made_by_super_users_and_seen_by_their_owners() {
    let fixture = Fixture::new();
    let (boss, kristen, zoe) = (caller(&fixture, TRUST), caller(&fixture, KRISTEN), caller(&fixture, ZOE));
    let own = id(&fixture, KRISTEN);
    link(&fixture, &boss, &own, API, true).unwrap();
    let count = |who, of| ready(fixture.identity.links(who, of)).map(|links| links.len());
    assert_eq!(count(&kristen, None).unwrap(), 1);
    assert_eq!(count(&kristen, Some(&own)).unwrap(), 1);
    assert_eq!(count(&boss, Some(&own)).unwrap(), 1);
    assert_eq!((count(&zoe, None).unwrap(), count(&boss, Some("")).unwrap()), (0, 0));
    // Neither users nor links nor types are told to who may not know.
    for (user, of) in [(own.as_str(), API), ("zusr1", API), ("zusr1", ("ldap", "")), ("", ("jwt", "other"))] {
        assert!(matches!(link(&fixture, &zoe, user, of, true), Err(LinkError::NotAllowed)));
        assert!(matches!(unlink(&fixture, &zoe, user, of), Err(LinkError::NotAllowed)));
        assert!(matches!(linked(&fixture, &zoe, of), Err(LinkError::NotAllowed)));
    }
    assert!(matches!(count(&zoe, Some(&own)), Err(LinkError::NotAllowed)));
    assert!(matches!(count(&zoe, Some("zusr1")), Err(LinkError::NotAllowed)));
    for nobody in ["zusr1", "nonsense"] {
        assert!(matches!(count(&boss, Some(nobody)), Err(LinkError::NoSuchUser)));
        assert!(matches!(link(&fixture, &boss, nobody, ("jwt", "x"), true), Err(LinkError::NoSuchUser)));
    }
}

#[test]
fn refuses_what_is_beyond_a_limit_and_takes_what_is_at_it() {
    let fixture = Fixture::new();
    let (boss, own) = (caller(&fixture, TRUST), id(&fixture, KRISTEN));
    let attempt = |of| link(&fixture, &boss, &own, of, true);
    for of in [("zato.basic_auth", "a"), ("", "a"), ("BASIC_AUTH", "a")] {
        assert!(matches!(attempt(of), Err(LinkError::Principal(PrincipalError::AuthType))));
    }
    let (longest, longer) = ("é".repeat(191), "é".repeat(192));
    for name in ["", "a\nb", &longer] {
        assert!(matches!(attempt(("jwt", name)), Err(LinkError::Principal(PrincipalError::Name))));
    }
    attempt(("jwt", &longest)).unwrap();
    for number in 1..100 {
        link(&fixture, &boss, &own, ("jwt", &format!("{number}")), true).unwrap();
    }
    assert!(matches!(attempt(API), Err(LinkError::TooMany)));
}

#[test]
fn every_change_of_a_link_leaves_one_row() {
    let fixture = Fixture::new();
    let (boss, kristen, own) = (caller(&fixture, TRUST), caller(&fixture, KRISTEN), id(&fixture, KRISTEN));
    fixture.memory().forget();
    link(&fixture, &boss, &own, API, true).unwrap();
    let _ = link(&fixture, &boss, &own, API, true);
    let _ = link(&fixture, &kristen, &own, API, true);
    let _ = link(&fixture, &boss, &own, ("ldap", "x"), true);
    unlink(&fixture, &boss, &own, API).unwrap();
    let _ = unlink(&fixture, &boss, &own, API);
    let trail = fixture.take_trail();
    let short: Vec<_> = trail.iter().map(|row| (row.operation.name(), row.actor.as_str(), row.reason)).collect();
    let want = [
        ("link.create", TRUST, None),
        ("link.create", TRUST, Some(Reason::Exists)),
        ("link.create", KRISTEN, Some(Reason::NotAllowed)),
        ("link.create", TRUST, Some(Reason::BadRequest)),
        ("link.delete", TRUST, None),
        ("link.delete", TRUST, Some(Reason::NotFound)),
    ];
    assert_eq!(short, want);
    assert!(trail.iter().all(|row| row.target == own));
    assert!(trail[0].detail.starts_with("basic_auth:pubapi session="), "{}", trail[0].detail);
}
