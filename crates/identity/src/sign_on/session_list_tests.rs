use std::time::Duration;

use super::*;
use crate::sign_on::{SignIn, SignedIn};
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, password_of, ready};

fn sign_in(fixture: &Fixture, login: &str) -> SignedIn {
    let (password, context) = (Secret::new(password_of(login)), context());
    let given = SignIn {
        username: login,
        password: &password,
        code: None,
        new_password: None,
        is_allowed_application: true,
        context: &context,
    };
    ready(fixture.identity.sign_in(&given, &fixture.pool, NOW, &mut fixture.rng())).unwrap()
}

fn caller(fixture: &Fixture, signed_in: &SignedIn) -> Caller {
    ready(fixture.identity.caller(&signed_in.token, NOW)).unwrap()
}

fn revoke(fixture: &Fixture, by: &Caller, id: &str) -> Result<(), SessionError> {
    ready(fixture.identity.revoke_session(by, id, &context(), NOW))
}

#[test]
fn a_list_has_each_session_with_its_newest_changes() {
    let fixture = Fixture::new();
    let one = sign_in(&fixture, KRISTEN);
    let _ = (sign_in(&fixture, KRISTEN), sign_in(&fixture, ZOE));
    let kristen = caller(&fixture, &one);
    let list = || ready(fixture.identity.sessions_of(&kristen, NOW)).unwrap();
    let short = |listed: &ListedSession| {
        let short = |change: &SessionChange| (change.index, change.source.name());
        (listed.changes.first().map(short), listed.changes.last().map(short), listed.changes.len())
    };
    let fresh = (Some((1, "login")), Some((1, "login")), 1);
    assert_eq!(list().iter().map(short).collect::<Vec<_>>(), [fresh, fresh]);
    for _ in 0..99 {
        ready(fixture.identity.renew_session(&kristen, &context(), NOW)).unwrap();
    }
    assert_eq!(short(&list()[0]), (Some((1, "login")), Some((100, "renew")), 100));
    ready(fixture.identity.renew_session(&kristen, &context(), NOW)).unwrap();
    assert_eq!(short(&list()[0]), (Some((2, "renew")), Some((101, "renew")), 100));
    assert_eq!(short(&list()[1]), fresh);
    let by_login = ready(fixture.identity.sessions_of_login(KRISTEN, NOW)).unwrap();
    assert_eq!(by_login, list());
    let unknown = ready(fixture.identity.sessions_of_login("nobody", NOW));
    assert!(matches!(unknown, Err(AdminError::NoSuchUser(_))));
}

#[test]
fn only_a_super_user_sees_a_session_by_its_token() {
    let fixture = Fixture::new();
    let (one, boss) = (sign_in(&fixture, KRISTEN), sign_in(&fixture, TRUST));
    let (kristen, boss) = (caller(&fixture, &one), caller(&fixture, &boss));
    let target = |by: &Caller, token: &Secret, now| ready(fixture.identity.target_session(by, token, now));
    assert_eq!(target(&boss, &one.token, NOW).unwrap().session(), &one.session);
    assert!(matches!(target(&kristen, &one.token, NOW), Err(TargetError::NotAllowed)));
    assert!(matches!(target(&boss, &Secret::new("zust1"), NOW), Err(TargetError::NoSuchSession)));
    let late = NOW.saturating_add(Duration::from_secs(3_601));
    assert!(matches!(target(&boss, &one.token, late), Err(TargetError::NoSuchSession)));
}

#[test]
fn a_session_is_revoked_by_its_owner_and_by_super_users() {
    let fixture = Fixture::new();
    let (one, two) = (sign_in(&fixture, KRISTEN), sign_in(&fixture, KRISTEN));
    let (zoe, boss) = (sign_in(&fixture, ZOE), sign_in(&fixture, TRUST));
    let kristen = caller(&fixture, &one);
    let id = |signed_in: &SignedIn| signed_in.session.id.to_bus();
    fixture.memory().forget();
    for foreign in [id(&zoe), SessionId::generate(NOW, &mut fixture.rng()).to_bus(), "x".to_owned(), String::new()] {
        assert!(matches!(revoke(&fixture, &kristen, &foreign), Err(SessionError::NoSuchSession)), "{foreign}");
        let row = ("session.end", KRISTEN.to_owned(), foreign, Some(Reason::NotFound));
        assert_eq!(fixture.take_rows(), [row]);
    }
    assert!(ready(fixture.identity.caller(&zoe.token, NOW)).is_ok());
    revoke(&fixture, &kristen, &id(&two)).unwrap();
    assert!(ready(fixture.identity.caller(&two.token, NOW)).is_err());
    assert!(matches!(revoke(&fixture, &kristen, &id(&two)), Err(SessionError::NoSuchSession)));
    revoke(&fixture, &caller(&fixture, &boss), &id(&zoe)).unwrap();
    assert!(ready(fixture.identity.caller(&zoe.token, NOW)).is_err());
    ready(fixture.identity.revoke_session_as_operator(&id(&one), &context(), NOW)).unwrap();
    assert!(ready(fixture.identity.caller(&one.token, NOW)).is_err());
    let again = ready(fixture.identity.revoke_session_as_operator(&id(&one), &context(), NOW));
    assert!(matches!(again, Err(SessionError::NoSuchSession)));
}
