use super::*;
use crate::audit::{AuditEvent, Operation};
use crate::login::{Claim, Purpose};
use crate::repository::Run as _;
use crate::sign_on::operations::{EnableFactor, EndSessions, SetFactor};
use crate::testing::{Fixture, KRISTEN, LOCKED, NOW, TRUST, TestRng, ZOE, context, password_of, ready};
use crate::totp::{Step, Totp, TotpKey};
use crate::{CredentialId, Secret, SessionId};

fn reauthenticate(fixture: &Fixture, actor: &Actor, ticket: &str) -> Result<(), ElevationError> {
    let (ticket, context) = (Secret::new(ticket), context());
    let purpose = Purpose::Elevation { of: actor };
    let claim = Claim { login: actor.name(), context: &context, session: "4711", code: None, purpose };
    let attempt = Attempt { claim, ticket: &ticket, cookie: None };
    ready(fixture.identity.reauthenticate(&attempt, actor, &fixture.pool, NOW))
}

/// Whether `by` hears that the credential is good.
fn authenticate(fixture: &Fixture, by: &Actor, login: &str, ticket: &str) -> Result<(), LoginError> {
    let (ticket, context) = (Secret::new(ticket), context());
    let claim = Claim { login, context: &context, session: "4711", code: None, purpose: Purpose::Check { by } };
    let attempt = Attempt { claim, ticket: &ticket, cookie: None };
    ready(fixture.identity.authenticate(&attempt, &fixture.pool, NOW)).map(drop)
}

#[track_caller]
fn check(fixture: &Fixture, actor: &Actor, ticket: &str, want: Option<Reason>) {
    let reason = match reauthenticate(fixture, actor, ticket) {
        Ok(()) => None,
        Err(ElevationError::Login(LoginError::Refused(reason))) => Some(reason),
        Err(ElevationError::Anonymous | ElevationError::KeySession) => Some(Reason::NotElevatable),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(reason, want, "{actor:?}");
    let name = if *actor == Actor::Anonymous { Actor::Anonymous.name() } else { KRISTEN };
    assert_eq!(fixture.take_rows(), [("reauthenticate", name.to_owned(), name.to_owned(), want)]);
}

/// Sessions of a user that can be elevated by the password.
fn own_sessions(fixture: &Fixture) -> [Actor; 4] {
    let user = fixture.user(KRISTEN);
    let cookie = SessionKind::Cookie(CredentialId::generate(NOW, &mut fixture.rng()));
    let token = SessionKind::SignOn(SessionId::generate(NOW, &mut fixture.rng()));
    [SessionKind::Password, SessionKind::Certificate, cookie, token].map(|kind| Actor::of(&user, kind))
}

#[test]
fn the_password_elevates_and_nothing_else_does() {
    let fixture = Fixture::new();
    for actor in own_sessions(&fixture) {
        check(&fixture, &actor, &password_of(KRISTEN), None);
        check(&fixture, &actor, &password_of(ZOE), Some(Reason::WrongTicket));
        for blank in ["", " "] {
            check(&fixture, &actor, blank, Some(Reason::BlankTicket));
        }
        check(&fixture, &actor, &"x".repeat(PASSWORD_BYTES_MAX + 1), Some(Reason::WrongTicket));
    }
}

#[test]
fn w8_a_one_time_password_elevates_nothing_and_is_not_used_up() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    fixture.take_trail();
    for actor in own_sessions(&fixture) {
        check(&fixture, &actor, minted.plaintext_key.expose(), Some(Reason::WrongTicket));
    }
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), None, "it is still good");
}

#[test]
fn w8_a_session_of_a_one_time_password_is_not_elevated_by_the_password() {
    let fixture = Fixture::new();
    let checks = fixture.pool.checks();
    check(&fixture, &fixture.otp_actor(KRISTEN), &password_of(KRISTEN), Some(Reason::NotElevatable));
    check(&fixture, &Actor::Anonymous, &password_of(KRISTEN), Some(Reason::NotElevatable));
    assert_eq!(fixture.pool.checks(), checks, "the password was not looked at");
}

#[test]
fn a_user_who_may_not_come_in_is_not_elevated() {
    let fixture = Fixture::new();
    fixture.enable(KRISTEN, false);
    fixture.take_trail();
    check(&fixture, &fixture.actor(KRISTEN), &password_of(KRISTEN), Some(Reason::UserDisabled));
}

/// Turns the second factor of a user on.
fn with_factor(fixture: &Fixture, login: &str) -> Totp {
    let (owner, totp) = (fixture.user(login).id, Totp::new(TotpKey::generate(&mut TestRng(9))));
    let audit = |operation| AuditEvent::new(NOW, &context(), &Actor::Operator, operation);
    let (end_sessions, audit_set) = (EndSessions::None, audit(Operation::TotpReset));
    let keeps_recovery_codes = false;
    let set =
        SetFactor { owner, totp: totp.clone(), label: None, keeps_recovery_codes, end_sessions, audit: audit_set };
    ready(fixture.memory().run(set)).unwrap();
    let audit = audit(Operation::TotpEnable);
    let enable = EnableFactor { owner, enabled: true, needs_code: false, code: None, end_sessions, audit };
    ready(fixture.memory().run(enable)).unwrap();
    fixture.memory().forget();
    totp
}

fn with_code(totp: &Totp, steps: u64) -> String {
    let code = totp.code(Step::from_number(Step::at(NOW).number() + steps));
    format!("{}{}", password_of(KRISTEN), code.expose())
}

#[test]
fn where_the_second_factor_is_on_its_code_is_needed_behind_the_password() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN);
    let actor = fixture.actor(KRISTEN);
    check(&fixture, &actor, &password_of(KRISTEN), Some(Reason::CodeMissing));
    check(&fixture, &actor, &with_code(&totp, 0), None);
    check(&fixture, &actor, &with_code(&totp, 0), Some(Reason::CodeReused));
    check(&fixture, &actor, &with_code(&totp, 1), None);
    check(&fixture, &actor, &format!("{}000000", password_of(KRISTEN)), Some(Reason::WrongCode));
}

#[test]
fn a_check_says_the_same_of_whoever_it_is_and_names_who_asked() {
    let fixture = Fixture::new();
    let by = fixture.actor(ZOE);
    let check = |login: &str, ticket: &str, want: Option<Reason>| {
        let refused = match authenticate(&fixture, &by, login, ticket) {
            Ok(()) => None,
            Err(LoginError::Refused(reason)) => Some(reason),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(refused, want, "{login}");
        let row = fixture.take_rows().remove(0);
        assert_eq!(row, ("authenticate", ZOE.to_owned(), login.to_lowercase(), want));
    };
    check(KRISTEN, &password_of(KRISTEN), None);
    check("Kristen98", &password_of(KRISTEN), None);
    check(KRISTEN, "guess", Some(Reason::WrongTicket));
    check("nobody", "guess", Some(Reason::UnknownUser));
    check(LOCKED, &password_of(LOCKED), Some(Reason::UserDisabled));
    check("", "guess", Some(Reason::UnknownUser));
    check(TRUST, "", Some(Reason::BlankTicket));
    with_factor(&fixture, KRISTEN);
    check(KRISTEN, &password_of(KRISTEN), Some(Reason::CodeMissing));
}

#[test]
fn a_check_uses_a_one_time_password_up() {
    let fixture = Fixture::new();
    let (by, minted) = (fixture.actor(ZOE), fixture.mint(KRISTEN));
    fixture.take_trail();
    authenticate(&fixture, &by, KRISTEN, minted.plaintext_key.expose()).unwrap();
    let rows = fixture.take_rows();
    let (login, spend) = (&rows[0], &rows[1]);
    assert_eq!((login.0, login.1.as_str(), login.2.as_str()), ("authenticate", ZOE, KRISTEN));
    assert_eq!((spend.0, spend.1.as_str(), spend.2.clone()), ("otp.spend", ZOE, minted.credential.id.to_bus()));
    assert!(authenticate(&fixture, &by, KRISTEN, minted.plaintext_key.expose()).is_err());
}
