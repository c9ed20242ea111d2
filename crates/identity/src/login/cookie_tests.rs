use std::time::Duration;

use super::*;
use crate::login::{Attempt, Purpose};
use crate::repository::UserChange;
use crate::testing::{Fixture, KRISTEN, NOW, ZOE, context, password_of, ready};

const LIFETIME: Duration = Duration::from_secs(100);

fn new_cookie(fixture: &Fixture) -> NewCookie {
    let mut rng = fixture.rng();
    NewCookie {
        id: CredentialId::generate(NOW, &mut rng),
        value: CookieValue::generate(&mut rng),
        expires: NOW.saturating_add(LIFETIME),
    }
}

/// A login with a ticket that may leave this cookie.
fn leave(fixture: &Fixture, login: &str, ticket: &str, cookie: &NewCookie) -> SessionKind {
    let (context, ticket) = (context(), Secret::new(ticket));
    let claim = Claim { login, context: &context, session: "4711", code: None, purpose: Purpose::Session };
    let attempt = Attempt { claim, ticket: &ticket, cookie: Some(cookie) };
    ready(fixture.identity.login(&attempt, &fixture.pool, NOW)).unwrap().kind()
}

#[track_caller]
fn check(fixture: &Fixture, login: &str, cookie: &NewCookie, at: Timestamp, want: Result<&str, Reason>) {
    fixture.memory().forget();
    let context = context();
    let claim = Claim { login, context: &context, session: "4712", code: None, purpose: Purpose::Session };
    let got = match ready(fixture.identity.login_by_cookie(&claim, &cookie.value, at)) {
        Ok(entered) => {
            assert_eq!((entered.cookie, entered.expires), (cookie.id, cookie.expires));
            assert_eq!(entered.login.kind(), SessionKind::Cookie(cookie.id));
            Ok(entered.login.user().login.to_string())
        }
        Err(LoginError::Refused(reason)) => Err(reason),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(got, want.map(str::to_owned), "{login:?}");
    let rows = fixture.memory().trail();
    assert_eq!(rows.iter().map(|row| row.reason).collect::<Vec<_>>(), [want.err()]);
    if let Ok(login) = want {
        assert_eq!((rows[0].actor.as_str(), rows[0].target.as_str()), (login, login));
    }
}

#[test]
fn a_cookie_of_a_login_by_password_opens_sessions_until_its_end_and_not_after() {
    let fixture = Fixture::new();
    let cookie = new_cookie(&fixture);
    assert_eq!(leave(&fixture, KRISTEN, &password_of(KRISTEN), &cookie), SessionKind::Password);
    for login in ["", KRISTEN, "KRISTEN98"] {
        check(&fixture, login, &cookie, NOW, Ok(KRISTEN));
    }
    check(&fixture, "", &cookie, cookie.expires, Ok(KRISTEN));
    let after = Timestamp::from_micros(cookie.expires.micros() + 1);
    check(&fixture, "", &cookie, after, Err(Reason::CookieExpired));
}

#[test]
fn refuses_another_name_and_an_unknown_value() {
    let fixture = Fixture::new();
    let cookie = new_cookie(&fixture);
    check(&fixture, "", &cookie, NOW, Err(Reason::WrongCookie));
    leave(&fixture, KRISTEN, &password_of(KRISTEN), &cookie);
    check(&fixture, ZOE, &cookie, NOW, Err(Reason::CookieMismatch));
    check(&fixture, "%operator", &cookie, NOW, Err(Reason::CookieMismatch));
    let other = NewCookie { value: CookieValue::generate(&mut fixture.rng()), ..cookie };
    check(&fixture, "", &other, NOW, Err(Reason::WrongCookie));
}

#[test]
fn a_one_time_password_leaves_no_cookie() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    let cookie = new_cookie(&fixture);
    assert!(matches!(leave(&fixture, KRISTEN, minted.plaintext_key.expose(), &cookie), SessionKind::Otp(_)));
    check(&fixture, "", &cookie, NOW, Err(Reason::WrongCookie));
}

#[test]
fn a_refused_login_leaves_no_cookie() {
    let fixture = Fixture::new();
    let cookie = new_cookie(&fixture);
    let (context, ticket) = (context(), Secret::new("guess"));
    let claim = Claim { login: KRISTEN, context: &context, session: "4711", code: None, purpose: Purpose::Session };
    let attempt = Attempt { claim, ticket: &ticket, cookie: Some(&cookie) };
    assert!(ready(fixture.identity.login(&attempt, &fixture.pool, NOW)).is_err());
    check(&fixture, "", &cookie, NOW, Err(Reason::WrongCookie));
}

#[test]
fn a_cookie_is_no_ticket() {
    let fixture = Fixture::new();
    let cookie = new_cookie(&fixture);
    leave(&fixture, KRISTEN, &password_of(KRISTEN), &cookie);
    assert_eq!(fixture.refusal(KRISTEN, cookie.value.expose(), NOW), Some(Reason::WrongTicket));
}

#[test]
fn a_lock_and_a_new_password_end_cookies_and_a_new_role_does_not() {
    let changes = [
        (vec![UserChange::Enabled(false)], Some(Reason::WrongCookie)),
        (vec![UserChange::Enabled(false), UserChange::Enabled(true)], Some(Reason::WrongCookie)),
        (vec![UserChange::Password(fixture_hash().into())], Some(Reason::WrongCookie)),
        (vec![UserChange::Delete], Some(Reason::WrongCookie)),
        (vec![UserChange::Role(crate::role::RoleName::parse("frontend").unwrap())], None),
        (vec![UserChange::Enabled(true)], None),
    ];
    for (changes, want) in changes {
        let fixture = Fixture::new();
        let cookie = new_cookie(&fixture);
        leave(&fixture, KRISTEN, &password_of(KRISTEN), &cookie);
        for change in changes {
            ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
        }
        check(&fixture, "", &cookie, NOW, want.map_or(Ok(KRISTEN), Err));
    }
}

fn fixture_hash() -> crate::password::PasswordHash {
    crate::password::PasswordHash::from_stored("another".into())
}

#[test]
fn ends_one_or_all_of_a_user() {
    let fixture = Fixture::new();
    let (one, two, zoes) = (new_cookie(&fixture), new_cookie(&fixture), new_cookie(&fixture));
    for (login, cookie) in [(KRISTEN, &one), (KRISTEN, &two), (ZOE, &zoes)] {
        leave(&fixture, login, &password_of(login), cookie);
    }
    let end = |which, want| {
        fixture.memory().forget();
        let ended = ready(fixture.identity.end_cookies(which, "logout", &Actor::Operator, &context(), NOW)).unwrap();
        assert_eq!(ended, want);
        assert_eq!(fixture.memory().trail().len(), usize::from(want > 0));
    };
    end(WhichCookies::One(one.id), 1);
    end(WhichCookies::One(one.id), 0);
    check(&fixture, "", &one, NOW, Err(Reason::WrongCookie));
    check(&fixture, "", &two, NOW, Ok(KRISTEN));
    end(WhichCookies::Of(LoginName::parse(KRISTEN).unwrap()), 1);
    check(&fixture, "", &two, NOW, Err(Reason::WrongCookie));
    check(&fixture, "", &zoes, NOW, Ok(ZOE));
}

#[test]
fn only_what_has_the_shape_is_a_value() {
    let value = CookieValue::generate(&mut Fixture::new().rng());
    assert_eq!(CookieValue::parse(value.expose()), Some(value.clone()));
    assert_eq!(format!("{value:?}"), "CookieValue(redacted)");
    for text in ["", "x", &value.expose()[1..], &format!("{}x", value.expose()), &"!".repeat(VALUE_CHARACTERS)] {
        assert_eq!(CookieValue::parse(text), None, "{text:?}");
    }
}
