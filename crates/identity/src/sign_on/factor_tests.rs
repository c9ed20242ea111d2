//! Wrong codes, recovery codes, and codes that are checked apart from a login.

use super::*;
use crate::admin::AdminError;
use crate::audit::Reason;
use crate::code_throttle::CodeThrottleSettings;
use crate::login::{Attempt, Claim, LoginError, Purpose};
use crate::sign_on::tests::{after, caller, id_of, refused, reset, sign_in_at, with_factor};
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, password_of, ready};
use crate::{Actor, PeerAddress, RequestContext, Secret};

fn attempt(fixture: &Fixture, code: &Secret, now: Timestamp) -> Result<SignedIn, LoginError> {
    sign_in_at(fixture, KRISTEN, &password_of(KRISTEN), Some(code), now)
}

fn wrong() -> Secret {
    Secret::new("no code")
}

fn recovery(fixture: &Fixture, caller: &Caller, user_id: Option<&str>) -> Result<Vec<Secret>, RecoveryCodesError> {
    ready(fixture.identity.reset_recovery_codes(caller, user_id, &context(), NOW, &mut fixture.rng()))
}

fn with_limits(throttle: CodeThrottleSettings) -> Fixture {
    let factor = FactorSettings { throttle, ..FactorSettings::default() };
    Fixture::with_sign_on(SignOnSettings { factor, ..SignOnSettings::default() })
}

#[test]
fn five_wrong_codes_from_one_address_shut_its_way_for_a_while_and_no_other() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN);
    for _ in 0..5 {
        assert_eq!(refused(attempt(&fixture, &wrong(), NOW)), Reason::WrongCode);
    }
    let code = totp.code(Step::at(NOW));
    assert_eq!(refused(attempt(&fixture, &code, NOW)), Reason::CodeThrottled);
    // Elsewhere the code counts; it wasn't looked at, so it isn't used up.
    let (password, elsewhere) =
        (Secret::new(password_of(KRISTEN)), RequestContext { address: PeerAddress::Local, ..context() });
    let given = SignIn {
        username: KRISTEN,
        password: &password,
        code: Some(&code),
        new_password: None,
        is_allowed_application: true,
        context: &elsewhere,
    };
    assert!(ready(fixture.identity.sign_in(&given, &fixture.pool, NOW, &mut fixture.rng())).is_ok());
    let later = after(900);
    assert!(attempt(&fixture, &totp.code(Step::at(later)), later).is_ok());
    // A missing or used code is no guess.
    for _ in 0..10 {
        assert_eq!(refused(attempt(&fixture, &Secret::new(""), later)), Reason::CodeMissing);
        assert_eq!(refused(attempt(&fixture, &totp.code(Step::at(later)), later)), Reason::CodeReused);
    }
    assert!(attempt(&fixture, &totp.code(Step::at(after(930))), later).is_ok());
}

#[test]
fn wrong_codes_in_a_row_end_the_key_until_it_is_reset() {
    let limits = CodeThrottleSettings { pair_failures_max: 1_000, ..CodeThrottleSettings::default() };
    let fixture = with_limits(limits);
    let totp = with_factor(&fixture, KRISTEN);
    let code = |seconds| totp.code(Step::at(after(seconds)));
    let fail =
        |times: u32| (0..times).for_each(|_| assert_eq!(refused(attempt(&fixture, &wrong(), NOW)), Reason::WrongCode));
    fail(99);
    let token = attempt(&fixture, &code(0), NOW).unwrap().token;
    let kristen = ready(fixture.identity.caller(&token, NOW)).unwrap();
    let codes = recovery(&fixture, &kristen, None).unwrap();
    fail(100);
    for code in [code(30), wrong()] {
        assert_eq!(refused(attempt(&fixture, &code, NOW)), Reason::FactorLocked);
    }
    // Who has a recovery code gets in, and resets the key.
    let token = attempt(&fixture, &codes[0], NOW).unwrap().token;
    assert_eq!(refused(attempt(&fixture, &code(30), NOW)), Reason::FactorLocked);
    let kristen = ready(fixture.identity.caller(&token, NOW)).unwrap();
    let new = reset(&fixture, &kristen, None, None, None).unwrap().totp;
    assert!(attempt(&fixture, &new.code(Step::at(NOW)), NOW).is_ok());
    // One's own reset leaves the recovery codes.
    assert!(attempt(&fixture, &codes[1], NOW).is_ok());
}

#[test]
fn each_of_ten_recovery_codes_opens_one_session_in_place_of_a_code() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    assert!(matches!(recovery(&fixture, &kristen, None), Err(RecoveryCodesError::NoFactor)));
    with_factor(&fixture, KRISTEN);
    let old = recovery(&fixture, &kristen, None).unwrap();
    let codes = recovery(&fixture, &kristen, None).unwrap();
    assert_eq!(codes.len(), 10);
    fixture.memory().forget();
    for code in &codes {
        assert!(attempt(&fixture, code, NOW).is_ok());
        assert!(fixture.take_trail()[0].detail.contains("recovery code"));
        assert_eq!(refused(attempt(&fixture, code, NOW)), Reason::CodeReused);
        assert!(!format!("{:?}", fixture.take_trail()).contains(code.expose()));
    }
    assert_eq!(refused(attempt(&fixture, &old[0], NOW)), Reason::WrongCode);
}

#[test]
fn only_super_users_and_the_operator_give_recovery_codes_to_others() {
    let fixture = Fixture::new();
    with_factor(&fixture, KRISTEN);
    let (boss, zoe) = (caller(&fixture, TRUST), caller(&fixture, ZOE));
    let id = id_of(&fixture, KRISTEN);
    fixture.memory().forget();
    assert!(matches!(recovery(&fixture, &zoe, Some(&id)), Err(RecoveryCodesError::NamedUser)));
    assert!(matches!(recovery(&fixture, &boss, Some("zusr")), Err(RecoveryCodesError::NoFactor)));
    let first = recovery(&fixture, &boss, Some(&id)).unwrap();
    let of = |login: &str, actor: &Actor| {
        ready(fixture.identity.reset_recovery_codes_of(login, actor, &context(), NOW, &mut fixture.rng()))
    };
    assert!(matches!(of(KRISTEN, &fixture.actor(ZOE)), Err(AdminError::NotTrusted)));
    assert!(matches!(of("nobody", &Actor::Operator), Err(AdminError::NoSuchUser(_))));
    assert!(matches!(of(ZOE, &Actor::Operator), Err(AdminError::NoFactor(_))));
    let second = of(KRISTEN, &Actor::Operator).unwrap();
    let rows = fixture.take_rows();
    assert_eq!(rows[2].2, KRISTEN, "the trail names whom the super-user meant by the id");
    let reasons: Vec<_> = rows.into_iter().map(|row| (row.0, row.3)).collect();
    let row = |reason| ("totp.recovery", reason);
    let (not_allowed, not_found) = (row(Some(Reason::NotAllowed)), row(Some(Reason::NotFound)));
    assert_eq!(reasons, [not_allowed, not_found, row(None), not_allowed, not_found, not_found, row(None)]);
    assert_eq!(refused(attempt(&fixture, &first[0], NOW)), Reason::WrongCode);
    assert!(attempt(&fixture, &second[0], NOW).is_ok());
    // A reset by somebody else ends them.
    reset(&fixture, &boss, Some(&id), None, None).unwrap();
    assert_eq!(refused(attempt(&fixture, &second[1], NOW)), Reason::WrongCode);
}

#[test]
fn a_code_is_validated_once_whether_logins_need_it_or_not() {
    let fixture = Fixture::new();
    let (kristen, boss) = (caller(&fixture, KRISTEN), caller(&fixture, TRUST));
    let validate = |caller: &Caller, username: Option<&str>, code: Option<&Secret>| {
        ready(fixture.identity.validate_code(caller, username, code, &context(), NOW))
    };
    assert!(matches!(validate(&kristen, None, Some(&wrong())), Err(ValidateCodeError::NoFactor)));
    let totp = reset(&fixture, &kristen, None, None, None).unwrap().totp;
    let recovery = recovery(&fixture, &kristen, None).unwrap();
    let code = |seconds| totp.code(Step::at(after(seconds)));
    let before = || totp.code(Step::at(NOW.saturating_sub(Duration::from_secs(30))));
    let reason = |result| match result {
        Err(ValidateCodeError::Code(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(validate(&kristen, None, None)), Reason::CodeMissing);
    assert_eq!(reason(validate(&kristen, None, Some(&wrong()))), Reason::WrongCode);
    assert_eq!(reason(validate(&kristen, None, Some(&recovery[0]))), Reason::WrongCode);
    fixture.memory().forget();
    validate(&kristen, None, Some(&before())).unwrap();
    assert_eq!(fixture.take_rows(), [("totp.validate", KRISTEN.to_owned(), KRISTEN.to_owned(), None)]);
    assert_eq!(reason(validate(&kristen, Some(KRISTEN), Some(&before()))), Reason::CodeReused);
    validate(&boss, Some("Kristen98"), Some(&code(0))).unwrap();
    assert!(matches!(validate(&kristen, Some(ZOE), Some(&code(30))), Err(ValidateCodeError::NotAllowed)));
    for unknown in ["nobody", "no name", ZOE] {
        assert!(matches!(validate(&boss, Some(unknown), Some(&code(30))), Err(ValidateCodeError::NoFactor)));
    }
    // The codes that were shown here open nothing any more.
    enable(&fixture, &boss);
    assert_eq!(refused(attempt(&fixture, &code(0), NOW)), Reason::CodeReused);
    assert!(attempt(&fixture, &code(30), NOW).is_ok());
}

fn enable(fixture: &Fixture, boss: &Caller) {
    let wish = EnableTotp { owner: fixture.user(KRISTEN).id, enabled: true, code: None };
    ready(fixture.identity.enable_totp(boss, wish, &context(), NOW)).unwrap();
}

#[test]
fn the_bus_and_sign_on_count_wrong_codes_together_and_take_the_same_recovery_codes() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN);
    let codes = recovery(&fixture, &caller(&fixture, TRUST), Some(&id_of(&fixture, KRISTEN))).unwrap();
    let (ticket, context) = (Secret::new(password_of(KRISTEN)), context());
    let on_the_bus = |code: &Secret| {
        let claim =
            Claim { login: KRISTEN, context: &context, session: "4711", code: Some(code), purpose: Purpose::Session };
        let attempt = Attempt { claim, ticket: &ticket, cookie: None };
        match ready(fixture.identity.login(&attempt, &fixture.pool, NOW)) {
            Ok(_) => None,
            Err(LoginError::Refused(reason)) => Some(reason),
            Err(other) => panic!("{other}"),
        }
    };
    for code in &codes {
        assert_eq!(on_the_bus(code), None);
    }
    assert_eq!(on_the_bus(&codes[0]), Some(Reason::CodeReused));
    for _ in 0..5 {
        assert_eq!(on_the_bus(&wrong()), Some(Reason::WrongCode));
    }
    let code = totp.code(Step::at(NOW));
    assert_eq!(on_the_bus(&code), Some(Reason::CodeThrottled));
    assert_eq!(refused(attempt(&fixture, &code, NOW)), Reason::CodeThrottled);
}
