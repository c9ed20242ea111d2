use super::*;
use crate::audit::{AuditEvent, Operation};
use crate::login::{Attempt, Purpose};
use crate::repository::{Run as _, UserChange};
use crate::sign_on::operations::{EnableFactor, EndSessions, SetFactor};
use crate::testing::{Fixture, KRISTEN, LOCKED, NOW, TestRng, ZOE, context, password_of, prover, ready};
use crate::totp::{Digits, Step, Totp, TotpKey};
use crate::{Actor, SessionKind};

/// Turns a second factor of so many digits on.
fn with_factor(fixture: &Fixture, login: &str, digits: Digits) -> Totp {
    let owner = fixture.user(login).id;
    let totp = Totp { digits, ..Totp::new(TotpKey::generate(&mut TestRng(9))) };
    let audit = |operation| AuditEvent::new(NOW, &context(), &Actor::Operator, operation);
    let end_sessions = EndSessions::None;
    let set = SetFactor {
        owner,
        totp: totp.clone(),
        label: None,
        keeps_recovery_codes: false,
        end_sessions,
        audit: audit(Operation::TotpReset),
    };
    ready(fixture.memory().run(set)).unwrap();
    let audit = audit(Operation::TotpEnable);
    let enable = EnableFactor { owner, enabled: true, needs_code: false, code: None, end_sessions, audit };
    ready(fixture.memory().run(enable)).unwrap();
    fixture.memory().forget();
    totp
}

/// The code of so many steps after now.
fn code(totp: &Totp, steps: u64) -> Secret {
    totp.code(Step::from_number(Step::at(NOW).number() + steps))
}

fn ticket(fixture: &Fixture, login: &str, ticket: &str, code: Option<&Secret>) -> Result<LoggedIn, LoginError> {
    let (ticket, context) = (Secret::new(ticket), context());
    let claim = Claim { login, context: &context, session: "4711", code, purpose: Purpose::Session };
    ready(fixture.identity.login(&Attempt { claim, ticket: &ticket, cookie: None }, &fixture.pool, NOW))
}

fn second_round(fixture: &Fixture, needed: CodeNeeded, code: &Secret) -> Result<LoggedIn, LoginError> {
    let context = context();
    let claim = Claim { login: KRISTEN, context: &context, session: "4711", code: None, purpose: Purpose::Session };
    ready(fixture.identity.login_by_code(needed, code, &claim, NOW))
}

#[track_caller]
fn needed(result: Result<LoggedIn, LoginError>) -> CodeNeeded {
    match result {
        Err(LoginError::CodeNeeded(needed)) => *needed,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(result: Result<LoggedIn, LoginError>) -> Reason {
    match result {
        Err(LoginError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Reasons and details of the trail since the last call.
fn trail(fixture: &Fixture) -> Vec<(Option<Reason>, String)> {
    fixture.take_trail().into_iter().map(|row| (row.reason, row.detail)).collect()
}

#[test]
fn the_code_comes_along_or_in_a_second_round() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN, Digits::Six);
    let password = password_of(KRISTEN);
    let session = ticket(&fixture, KRISTEN, &password, Some(&code(&totp, 0))).unwrap();
    assert_eq!((session.kind(), session.user()), (SessionKind::Password, &fixture.user(KRISTEN)));
    assert_eq!(trail(&fixture), [(None, "password and code session=4711".to_owned())]);
    for none in [None, Some(&Secret::new("")), Some(&Secret::new("  "))] {
        let waiting = needed(ticket(&fixture, KRISTEN, &password, none));
        assert!(trail(&fixture).is_empty(), "the login is under way");
        let context = context();
        let claim = Claim { login: KRISTEN, context: &context, session: "4711", code: None, purpose: Purpose::Session };
        let given_up = ready(fixture.identity.give_up_code(&waiting, &claim, NOW));
        assert_eq!(refused(Err(given_up)), Reason::CodeMissing);
        assert_eq!(trail(&fixture), [(Some(Reason::CodeMissing), "password session=4711".to_owned())]);
    }
    let waiting = needed(ticket(&fixture, KRISTEN, &password, None));
    assert!(second_round(&fixture, waiting, &code(&totp, 1)).is_ok());
    assert_eq!(trail(&fixture), [(None, "password and code session=4711".to_owned())]);
}

#[test]
fn a_wrong_code_is_refused_in_whichever_way_it_comes() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN, Digits::Six);
    let (password, wrong) = (password_of(KRISTEN), code(&totp, 9));
    assert_eq!(refused(ticket(&fixture, KRISTEN, &password, Some(&wrong))), Reason::WrongCode);
    let appended = format!("{password}{}", wrong.expose());
    assert_eq!(refused(ticket(&fixture, KRISTEN, &appended, None)), Reason::WrongCode);
    let waiting = needed(ticket(&fixture, KRISTEN, &password, None));
    assert_eq!(refused(second_round(&fixture, waiting, &wrong)), Reason::WrongCode);
    let waiting = needed(ticket(&fixture, KRISTEN, &password, None));
    assert_eq!(refused(second_round(&fixture, waiting, &Secret::new(" "))), Reason::CodeMissing);
    let reasons: Vec<_> = trail(&fixture).into_iter().map(|(reason, _)| reason.unwrap()).collect();
    let wrong = Reason::WrongCode;
    assert_eq!(reasons, [wrong, wrong, wrong, Reason::CodeMissing]);
}

#[test]
fn a_code_stands_behind_the_password_where_nothing_else_can_be_sent() {
    for digits in [Digits::Six, Digits::Eight] {
        let fixture = Fixture::new();
        let totp = with_factor(&fixture, KRISTEN, digits);
        let appended = |steps| format!("{}{}", password_of(KRISTEN), code(&totp, steps).expose());
        assert!(ticket(&fixture, KRISTEN, &appended(0), None).is_ok());
        assert_eq!(refused(ticket(&fixture, KRISTEN, &appended(0), None)), Reason::CodeReused);
        assert!(ticket(&fixture, KRISTEN, &appended(1), None).is_ok());
        // Where the code came elsewhere the ticket is the password.
        let elsewhere = Some(code(&totp, 1));
        assert_eq!(refused(ticket(&fixture, KRISTEN, &appended(1), elsewhere.as_ref())), Reason::WrongTicket);
    }
}

#[test]
fn a_password_that_ends_like_a_code_is_still_a_password() {
    let fixture = Fixture::new();
    let password = "correct horse 123456";
    let change = UserChange::Password(crate::testing::secrets(password, &mut fixture.rng()).into());
    ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
    assert!(ticket(&fixture, KRISTEN, password, None).is_ok());
    let totp = with_factor(&fixture, KRISTEN, Digits::Six);
    let waiting = needed(ticket(&fixture, KRISTEN, password, None));
    assert!(second_round(&fixture, waiting, &code(&totp, 0)).is_ok());
    assert!(ticket(&fixture, KRISTEN, &format!("{password}{}", code(&totp, 1).expose()), None).is_ok());
}

#[test]
fn strangers_hear_and_wait_the_same_whether_the_factor_is_on_or_not() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN, Digits::Six);
    let right = code(&totp, 0);
    let check = |given: &str, code: Option<&Secret>, checks| {
        for login in [KRISTEN, ZOE, LOCKED, "nobody"] {
            let before = fixture.pool.checks();
            let _ = refused(ticket(&fixture, login, given, code));
            assert_eq!(fixture.pool.checks() - before, checks, "{login} {given}");
        }
    };
    check("guess", None, 1);
    check("guess", Some(&right), 1);
    check("guess123456", None, 2);
    check("guess12345678", None, 2);
    check(&format!("guess{}", right.expose()), None, 2);
    check("guess123456", Some(&right), 1);
    // Nothing of it used the code up.
    assert!(ticket(&fixture, KRISTEN, &password_of(KRISTEN), Some(&right)).is_ok());
}

#[test]
fn whom_nothing_lets_in_is_not_asked_for_a_code() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, LOCKED, Digits::Six);
    for given in [None, Some(code(&totp, 0))] {
        let refusal = refused(ticket(&fixture, LOCKED, &password_of(LOCKED), given.as_ref()));
        assert_eq!(refusal, Reason::UserDisabled);
    }
}

#[test]
fn a_code_is_looked_at_only_where_one_is_needed() {
    let fixture = Fixture::new();
    let given = Secret::new("000000");
    assert!(ticket(&fixture, ZOE, &password_of(ZOE), Some(&given)).is_ok());
    with_factor(&fixture, KRISTEN, Digits::Six);
    let minted = fixture.mint(KRISTEN);
    assert!(ticket(&fixture, KRISTEN, minted.plaintext_key.expose(), Some(&given)).is_ok());
}

#[test]
fn what_changes_between_the_rounds_counts() {
    let changes: [fn(&Fixture) -> UserChange; 2] = [
        |_| UserChange::Enabled(false),
        |fixture| UserChange::Password(crate::testing::secrets("another one", &mut fixture.rng()).into()),
    ];
    for (change, reason) in changes.into_iter().zip([Reason::UserDisabled, Reason::WrongTicket]) {
        let fixture = Fixture::new();
        let totp = with_factor(&fixture, KRISTEN, Digits::Six);
        let waiting = needed(ticket(&fixture, KRISTEN, &password_of(KRISTEN), None));
        let change = change(&fixture);
        ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
        assert_eq!(refused(second_round(&fixture, waiting, &code(&totp, 0))), reason);
    }
}

#[test]
fn proofs_of_the_password_need_a_code_and_those_of_a_key_do_not() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN, Digits::Six);
    let (context, text) = (context(), "{}");
    let wampcra = |code: Option<&Secret>| {
        let challenge = ready(fixture.identity.challenge_wampcra(KRISTEN)).unwrap();
        let signature = prover::wampcra(&password_of(KRISTEN), challenge.salt(), challenge.iterations(), text);
        let claim = Claim { login: KRISTEN, context: &context, session: "4711", code, purpose: Purpose::Session };
        ready(fixture.identity.login_by_wampcra(challenge, text, &signature, &claim, NOW))
    };
    let waiting = needed(wampcra(None));
    assert!(second_round(&fixture, waiting, &code(&totp, 0)).is_ok());
    assert_eq!(refused(wampcra(Some(&code(&totp, 0)))), Reason::CodeReused);
    assert!(wampcra(Some(&code(&totp, 1))).is_ok());
    let details: Vec<_> = trail(&fixture).into_iter().map(|(_, detail)| detail).collect();
    assert!(details.iter().all(|detail| detail == "wampcra and code session=4711"), "{details:?}");

    let key = prover::public_key(1);
    ready(fixture.identity.add_user_key(KRISTEN, &key.to_hex(), "", &Actor::Operator, &context, NOW)).unwrap();
    let challenge = ready(fixture.identity.challenge_cryptosign(KRISTEN, key, None, &mut fixture.rng())).unwrap();
    let answer = prover::cryptosign(1, &challenge.to_hex(), None);
    let claim = Claim { login: KRISTEN, context: &context, session: "4711", code: None, purpose: Purpose::Session };
    assert!(ready(fixture.identity.login_by_cryptosign(challenge, &answer, &claim, NOW)).is_ok());
}
