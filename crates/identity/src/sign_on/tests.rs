//! Signing in, sessions, and `reset_totp_key`, with time and randomness as values.

use std::time::Duration;

use super::*;
use crate::admin::AdminError;
use crate::audit::Reason;
use crate::login::LoginError;
use crate::repository::UserChange;
use crate::testing::{Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, context, password_of, ready, secrets};
use crate::totp::{TotpKey, TotpKeyError};
use crate::{Actor, Secret};

pub(super) fn sign_in_at(
    fixture: &Fixture,
    login: &str,
    password: &str,
    code: Option<&Secret>,
    now: Timestamp,
) -> Result<SignedIn, LoginError> {
    let (password, context) = (Secret::new(password), context());
    let given = SignIn {
        username: login,
        password: &password,
        code,
        new_password: None,
        is_allowed_application: true,
        context: &context,
    };
    ready(fixture.identity.sign_in(&given, &fixture.pool, now, &mut fixture.rng()))
}

fn sign_in(fixture: &Fixture, login: &str) -> SignedIn {
    sign_in_at(fixture, login, &password_of(login), None, NOW).unwrap()
}

fn caller_at(fixture: &Fixture, token: &Secret, now: Timestamp) -> Result<Caller, CallerError> {
    ready(fixture.identity.caller(token, now))
}

pub(super) fn caller(fixture: &Fixture, login: &str) -> Caller {
    caller_at(fixture, &sign_in(fixture, login).token, NOW).unwrap()
}

pub(super) fn reset(
    fixture: &Fixture,
    caller: &Caller,
    user_id: Option<&str>,
    key: Option<&str>,
    label: Option<&str>,
) -> Result<NewTotpKey, ResetTotpError> {
    let key = key.map(Secret::new);
    let wish = ResetTotp { user_id, key: key.as_ref(), label };
    ready(fixture.identity.reset_totp_key(caller, wish, &context(), NOW, &mut fixture.rng()))
}

/// Turns the second factor on; its codes are made with what comes back.
pub(super) fn with_factor(fixture: &Fixture, login: &str) -> Totp {
    let totp = reset(fixture, &caller(fixture, login), None, None, None).unwrap().totp;
    let boss = caller(fixture, TRUST);
    enable(fixture, &boss, login, true, None, NOW).unwrap();
    fixture.memory().forget();
    totp
}

fn enable(
    fixture: &Fixture,
    caller: &Caller,
    login: &str,
    enabled: bool,
    code: Option<&Secret>,
    now: Timestamp,
) -> Result<(), EnableTotpError> {
    let wish = EnableTotp { owner: fixture.user(login).id, enabled, code };
    ready(fixture.identity.enable_totp(caller, wish, &context(), now))
}

pub(super) fn id_of(fixture: &Fixture, login: &str) -> String {
    fixture.user(login).id.to_sign_on()
}

pub(super) fn after(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

#[track_caller]
pub(super) fn refused(result: Result<SignedIn, LoginError>) -> Reason {
    match result {
        Err(LoginError::Refused(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_password_opens_sessions_each_with_a_token_of_its_own() {
    let fixture = Fixture::new();
    let (one, two) = (sign_in(&fixture, KRISTEN), sign_in(&fixture, KRISTEN));
    assert_ne!(one.token, two.token);
    assert_eq!(caller_at(&fixture, &one.token, NOW).unwrap().user().login.as_str(), KRISTEN);
    let row = ("session.open", KRISTEN.to_owned(), KRISTEN.to_owned(), None);
    assert_eq!(fixture.take_rows(), [row.clone(), row]);
}

#[test]
fn strangers_are_refused_after_the_same_work() {
    let fixture = Fixture::new();
    let check = |login: &str, password: &str, reason| {
        let before = fixture.pool.checks();
        let told = refused(sign_in_at(&fixture, login, password, None, NOW));
        assert_eq!(told, if password == "x" && reason == Reason::UserDisabled { Reason::WrongTicket } else { reason });
        assert_eq!(fixture.pool.checks() - before, 1, "{login}");
        assert_eq!(fixture.take_rows(), [("session.open", login.to_owned(), login.to_owned(), Some(reason))]);
    };
    check("nobody", "x", Reason::UnknownUser);
    check(KRISTEN, "x", Reason::WrongTicket);
    check(LOCKED, "x", Reason::UserDisabled);
    check(LOCKED, &password_of(LOCKED), Reason::UserDisabled);
}

#[test]
fn what_can_be_no_password_or_name_costs_nothing() {
    let fixture = Fixture::new();
    let check = |login: &str, password: &str, reason| {
        assert_eq!(refused(sign_in_at(&fixture, login, password, None, NOW)), reason);
    };
    check(KRISTEN, "", Reason::WrongTicket);
    check(KRISTEN, &"x".repeat(1_025), Reason::WrongTicket);
    check("", "x", Reason::UnknownUser);
    assert_eq!(fixture.pool.checks(), 0);
}

#[test]
fn only_who_shows_password_and_code_hears_that_the_application_logs_nobody_in() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN);
    let context = context();
    let attempt = |password: &str, code: Option<&Secret>| {
        let password = Secret::new(password);
        let given = SignIn {
            username: KRISTEN,
            password: &password,
            code,
            new_password: None,
            is_allowed_application: false,
            context: &context,
        };
        refused(ready(fixture.identity.sign_in(&given, &fixture.pool, NOW, &mut fixture.rng())))
    };
    let (password, code) = (password_of(KRISTEN), totp.code(Step::at(NOW)));
    assert_eq!(attempt("x", Some(&code)), Reason::WrongTicket);
    assert_eq!(attempt(&password, None), Reason::CodeMissing);
    assert_eq!(attempt(&password, Some(&Secret::new("000000"))), Reason::WrongCode);
    fixture.memory().forget();
    assert_eq!(attempt(&password, Some(&code)), Reason::ApplicationNotAllowed);
    let row = ("session.open", KRISTEN.to_owned(), KRISTEN.to_owned(), Some(Reason::ApplicationNotAllowed));
    assert_eq!(fixture.take_rows(), [row]);
    // The code isn't used up by it.
    assert!(sign_in_at(&fixture, KRISTEN, &password, Some(&code), NOW).is_ok());
}

#[test]
fn a_code_is_needed_where_the_second_factor_is_on() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN);
    let password = password_of(KRISTEN);
    let attempt = |code: Option<&Secret>| sign_in_at(&fixture, KRISTEN, &password, code, NOW);
    assert!(matches!(attempt(None), Err(LoginError::Refused(Reason::CodeMissing))));
    assert!(matches!(attempt(Some(&Secret::new(" "))), Err(LoginError::Refused(Reason::CodeMissing))));
    assert_eq!(refused(attempt(Some(&Secret::new("000000")))), Reason::WrongCode);
    let code = totp.code(Step::at(NOW));
    assert!(attempt(Some(&code)).is_ok());
    // Without the password the code opens nothing, and isn't used up.
    let next = totp.code(Step::at(after(30)));
    assert_eq!(refused(sign_in_at(&fixture, KRISTEN, "x", Some(&next), NOW)), Reason::WrongTicket);
    assert!(attempt(Some(&next)).is_ok());
}

#[test]
fn refuses_replay_of_an_accepted_step() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN);
    let password = password_of(KRISTEN);
    let attempt = |seconds: u64, now| {
        let code = totp.code(Step::at(after(seconds)));
        sign_in_at(&fixture, KRISTEN, &password, Some(&code), now)
    };
    assert!(attempt(0, NOW).is_ok());
    assert_eq!(refused(attempt(0, NOW)), Reason::CodeReused);
    assert!(attempt(30, NOW).is_ok());
    // An older one that was never used is as good as used.
    assert_eq!(refused(attempt(0, after(30))), Reason::CodeReused);
    assert!(attempt(60, after(60)).is_ok());
}

#[test]
fn a_session_works_up_to_its_end_and_not_after() {
    let fixture = Fixture::new();
    let token = sign_in(&fixture, KRISTEN).token;
    assert!(caller_at(&fixture, &token, after(3_600)).is_ok());
    let past = caller_at(&fixture, &token, Timestamp::from_micros(after(3_600).micros() + 1));
    assert!(matches!(past, Err(CallerError::NoSuchSession)));
}

#[test]
fn renewing_extends_a_session_but_not_beyond_its_longest_life() {
    let fixture = Fixture::new();
    let token = sign_in(&fixture, KRISTEN).token;
    let day = 24 * 3_600;
    let mut now = NOW;
    let renew = |now| {
        let caller = caller_at(&fixture, &token, now).unwrap();
        ready(fixture.identity.renew_session(&caller, &context(), now)).unwrap()
    };
    assert_eq!(renew(now), after(3_600));
    while now < after(30 * day - 3_600) {
        now = renew(now);
    }
    assert_eq!(renew(now), after(30 * day));
    assert!(caller_at(&fixture, &token, after(30 * day + 1)).is_err());
}

#[test]
fn who_signs_out_is_out_and_only_there() {
    let fixture = Fixture::new();
    let (one, two) = (sign_in(&fixture, KRISTEN), sign_in(&fixture, KRISTEN));
    let caller = caller_at(&fixture, &one.token, NOW).unwrap();
    ready(fixture.identity.sign_out(&caller, &context(), NOW)).unwrap();
    assert!(matches!(caller_at(&fixture, &one.token, NOW), Err(CallerError::NoSuchSession)));
    assert!(matches!(ready(fixture.identity.sign_out(&caller, &context(), NOW)), Err(SessionError::NoSuchSession)));
    assert!(caller_at(&fixture, &two.token, NOW).is_ok());
    assert_eq!(ready(fixture.identity.sessions_of(&caller, NOW)).unwrap().len(), 1);
}

#[test]
fn sessions_end_with_a_lock_a_new_password_and_the_user() {
    let change = |fixture: &Fixture, change| {
        ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
    };
    for end in [
        |_: &Fixture| UserChange::Enabled(false),
        |fixture: &Fixture| UserChange::Password(secrets("another one", &mut fixture.rng()).into()),
        |_: &Fixture| UserChange::Delete,
    ] {
        let fixture = Fixture::new();
        let token = sign_in(&fixture, KRISTEN).token;
        let other = sign_in(&fixture, ZOE).token;
        let wish = end(&fixture);
        change(&fixture, wish);
        assert!(caller_at(&fixture, &token, NOW).is_err());
        assert!(caller_at(&fixture, &other, NOW).is_ok());
    }
}

#[test]
fn what_is_no_token_is_nobody() {
    let fixture = Fixture::new();
    let _ = sign_in(&fixture, KRISTEN);
    let made_up = crate::TokenKind::Session.generate(&mut fixture.rng());
    let other_kind = crate::TokenKind::PasswordReset.generate(&mut fixture.rng());
    for token in [Secret::new(""), Secret::new("gAAAAABalFycY50Budi"), made_up, other_kind] {
        assert!(matches!(caller_at(&fixture, &token, NOW), Err(CallerError::NoSuchSession)));
    }
}

#[test]
fn the_oldest_session_ends_for_one_too_many() {
    let fixture = Fixture::new();
    let tokens: Vec<Secret> = (0..=100).map(|_| sign_in(&fixture, KRISTEN).token).collect();
    assert!(caller_at(&fixture, &tokens[0], NOW).is_err());
    assert!(caller_at(&fixture, &tokens[1], NOW).is_ok());
    assert!(caller_at(&fixture, &tokens[100], NOW).is_ok());
}

#[test]
fn a_key_is_returned_only_if_it_was_made_here() {
    let fixture = Fixture::new();
    let caller = caller(&fixture, KRISTEN);
    let made = reset(&fixture, &caller, None, None, Some("My SSO key")).unwrap();
    let text = made.generated.unwrap();
    assert_eq!(TotpKey::parse(text.expose()).unwrap(), made.totp.key);
    assert_eq!(made.totp.key.expose().len() * 8, 160);
    for key in ["KMCLCWN4YPMD2WO3", "kmcl cwn4 ypmd 2wo3", "G7WSZQ3JKCM6D"] {
        assert!(reset(&fixture, &caller, None, Some(key), None).unwrap().generated.is_none());
    }
    // An empty key is none (contract, section 1.2).
    assert!(reset(&fixture, &caller, None, Some(""), None).unwrap().generated.is_some());
}

#[test]
fn regular_users_change_their_own_key_only_and_super_users_any() {
    let fixture = Fixture::new();
    let (kristen, boss) = (caller(&fixture, KRISTEN), caller(&fixture, TRUST));
    let zoe = id_of(&fixture, ZOE);
    assert!(matches!(reset(&fixture, &kristen, Some(&zoe), None, None), Err(ResetTotpError::NamedUser)));
    let own = id_of(&fixture, KRISTEN);
    assert!(matches!(reset(&fixture, &kristen, Some(&own), None, None), Err(ResetTotpError::NamedUser)));
    assert!(reset(&fixture, &kristen, Some(""), None, None).is_ok());
    assert_eq!(reset(&fixture, &boss, Some(&zoe), None, None).unwrap().user.login.as_str(), ZOE);
    let own = id_of(&fixture, TRUST);
    assert!(reset(&fixture, &boss, Some(&own), None, None).is_ok());
    let nobody = UserId::generate(NOW, &mut fixture.rng()).to_sign_on();
    for unknown in [nobody.as_str(), "zusr", "nonsense"] {
        assert!(matches!(reset(&fixture, &boss, Some(unknown), None, None), Err(ResetTotpError::NoSuchUser)));
    }
}

#[test]
fn refuses_what_is_no_key_and_too_long_a_label_and_changes_nothing() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, KRISTEN);
    let code = totp.code(Step::at(NOW));
    let token = sign_in_at(&fixture, KRISTEN, &password_of(KRISTEN), Some(&code), NOW).unwrap().token;
    let kristen = caller_at(&fixture, &token, NOW).unwrap();
    let refused = reset(&fixture, &kristen, None, Some("not base32 !!"), None);
    assert!(matches!(refused, Err(ResetTotpError::Key(TotpKeyError::NotBase32))));
    assert!(matches!(reset(&fixture, &kristen, None, None, Some(&"x".repeat(129))), Err(ResetTotpError::Label(_))));
    let next = totp.code(Step::at(after(30)));
    assert!(sign_in_at(&fixture, KRISTEN, &password_of(KRISTEN), Some(&next), NOW).is_ok());
    assert!(reset(&fixture, &kristen, None, None, Some(&"x".repeat(128))).is_ok());
}

#[test]
fn the_old_key_is_worth_nothing_and_the_new_one_is_demanded_at_once() {
    let fixture = Fixture::new();
    let old = with_factor(&fixture, KRISTEN);
    let new = reset(&fixture, &caller(&fixture, TRUST), Some(&id_of(&fixture, KRISTEN)), None, None).unwrap().totp;
    let attempt =
        |totp: &Totp| sign_in_at(&fixture, KRISTEN, &password_of(KRISTEN), Some(&totp.code(Step::at(NOW))), NOW);
    assert_eq!(refused(attempt(&old)), Reason::WrongCode);
    assert!(attempt(&new).is_ok());
}

#[test]
fn a_reset_ends_the_other_sessions_of_the_user_but_not_the_callers() {
    let fixture = Fixture::new();
    let (one, two) = (sign_in(&fixture, KRISTEN), sign_in(&fixture, KRISTEN));
    reset(&fixture, &caller_at(&fixture, &one.token, NOW).unwrap(), None, None, None).unwrap();
    assert!(caller_at(&fixture, &one.token, NOW).is_ok());
    assert!(caller_at(&fixture, &two.token, NOW).is_err());
    let boss = caller(&fixture, TRUST);
    reset(&fixture, &boss, Some(&id_of(&fixture, KRISTEN)), None, None).unwrap();
    assert!(caller_at(&fixture, &one.token, NOW).is_err());
    assert!(ready(fixture.identity.renew_session(&boss, &context(), NOW)).is_ok());
}

#[test]
fn every_reset_leaves_one_row_that_tells_refused_from_done() {
    let fixture = Fixture::new();
    let (kristen, boss) = (caller(&fixture, KRISTEN), caller(&fixture, TRUST));
    let zoe = id_of(&fixture, ZOE);
    fixture.memory().forget();
    reset(&fixture, &kristen, None, None, None).unwrap();
    let _ = reset(&fixture, &kristen, Some(&zoe), None, None);
    reset(&fixture, &boss, Some(&zoe), Some("KMCLCWN4YPMD2WO3"), None).unwrap();
    let trail = fixture.take_trail();
    let short: Vec<_> = trail.iter().map(|row| (row.actor.as_str(), row.target.as_str(), row.reason)).collect();
    let want = [(KRISTEN, KRISTEN, None), (KRISTEN, zoe.as_str(), Some(Reason::NotAllowed)), (TRUST, ZOE, None)];
    assert_eq!(short, want);
    assert!(trail.iter().all(|row| row.cid == "cid-1" && !format!("{row:?}").contains("KMCL")));
    assert!(trail[2].detail.contains("weak key"));
}

#[test]
fn a_stale_session_changes_no_factor_where_step_up_is_demanded() {
    let fixture =
        Fixture::with_sign_on(SignOnSettings { step_up: Duration::from_mins(5), ..SignOnSettings::default() });
    let token = sign_in(&fixture, KRISTEN).token;
    let try_at = |now| {
        let caller = caller_at(&fixture, &token, now).unwrap();
        let wish = ResetTotp { user_id: None, key: None, label: None };
        ready(fixture.identity.reset_totp_key(&caller, wish, &context(), now, &mut fixture.rng()))
    };
    assert!(try_at(after(300)).is_ok());
    assert!(matches!(try_at(after(301)), Err(ResetTotpError::StepUp)));
}

#[test]
fn who_turns_the_factor_on_shows_a_code_which_is_used_up() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    let turn_on = |code: Option<&Secret>| enable(&fixture, &kristen, KRISTEN, true, code, NOW);
    assert!(matches!(turn_on(None), Err(EnableTotpError::NoFactor)));
    let totp = reset(&fixture, &kristen, None, None, None).unwrap().totp;
    fixture.memory().forget();
    let code = totp.code(Step::at(NOW));
    for (given, reason) in [
        (None, Reason::CodeMissing),
        (Some(Secret::new(" ")), Reason::CodeMissing),
        (Some(Secret::new("000000")), Reason::WrongCode),
        (Some(totp.code(Step::at(after(90)))), Reason::WrongCode),
    ] {
        assert!(matches!(turn_on(given.as_ref()), Err(EnableTotpError::Code(found)) if found == reason));
        assert_eq!(fixture.take_rows(), [("totp.enable", KRISTEN.to_owned(), KRISTEN.to_owned(), Some(reason))]);
    }
    let _ = sign_in(&fixture, KRISTEN);
    turn_on(Some(&code)).unwrap();
    let attempt = |code: &Secret| sign_in_at(&fixture, KRISTEN, &password_of(KRISTEN), Some(code), NOW);
    assert_eq!(refused(attempt(&code)), Reason::CodeReused);
    assert!(attempt(&totp.code(Step::at(after(30)))).is_ok());
    // It is on already: nothing to show.
    turn_on(None).unwrap();
}

#[test]
fn a_compatible_installation_turns_the_factor_on_without_a_code() {
    let factor = FactorSettings { enables_without_code: true, ..FactorSettings::default() };
    let fixture = Fixture::with_sign_on(SignOnSettings { factor, ..SignOnSettings::default() });
    let kristen = caller(&fixture, KRISTEN);
    assert!(matches!(enable(&fixture, &kristen, KRISTEN, true, None, NOW), Err(EnableTotpError::NoFactor)));
    reset(&fixture, &kristen, None, None, None).unwrap();
    enable(&fixture, &kristen, KRISTEN, true, None, NOW).unwrap();
    assert_eq!(refused(sign_in_at(&fixture, KRISTEN, &password_of(KRISTEN), None, NOW)), Reason::CodeMissing);
}

#[test]
fn only_super_users_turn_the_factor_of_others_on_and_off() {
    let fixture = Fixture::new();
    let totp = with_factor(&fixture, ZOE);
    let boss = caller(&fixture, TRUST);
    let kristen = caller(&fixture, KRISTEN);
    fixture.memory().forget();
    for enabled in [true, false] {
        assert!(matches!(enable(&fixture, &kristen, ZOE, enabled, None, NOW), Err(EnableTotpError::NotAllowed)));
    }
    let rows = fixture.take_rows();
    assert!(rows.iter().all(|row| row.3 == Some(Reason::NotAllowed) && row.2 == id_of(&fixture, ZOE)), "{rows:?}");
    let code = totp.code(Step::at(NOW));
    let token = sign_in_at(&fixture, ZOE, &password_of(ZOE), Some(&code), NOW).unwrap().token;
    enable(&fixture, &boss, ZOE, false, None, NOW).unwrap();
    assert!(caller_at(&fixture, &token, NOW).is_err());
    let _ = sign_in(&fixture, ZOE);
    let nobody = EnableTotp { owner: UserId::generate(NOW, &mut fixture.rng()), enabled: true, code: None };
    let unknown = ready(fixture.identity.enable_totp(&boss, nobody, &context(), NOW));
    assert!(matches!(unknown, Err(EnableTotpError::NoSuchUser)));
    // For themselves they show a code as well.
    reset(&fixture, &boss, None, None, None).unwrap();
    let own = enable(&fixture, &boss, TRUST, true, None, NOW);
    assert!(matches!(own, Err(EnableTotpError::Code(Reason::CodeMissing))));
}

#[test]
fn turning_the_factor_off_demands_a_fresh_session_where_step_up_is_asked_for() {
    let fixture =
        Fixture::with_sign_on(SignOnSettings { step_up: Duration::from_mins(5), ..SignOnSettings::default() });
    let totp = with_factor(&fixture, KRISTEN);
    let code = totp.code(Step::at(NOW));
    let token = sign_in_at(&fixture, KRISTEN, &password_of(KRISTEN), Some(&code), NOW).unwrap().token;
    let try_at = |now| enable(&fixture, &caller_at(&fixture, &token, now).unwrap(), KRISTEN, false, None, now);
    assert!(matches!(try_at(after(301)), Err(EnableTotpError::StepUp)));
    try_at(after(300)).unwrap();
    let _ = sign_in(&fixture, KRISTEN);
}

#[test]
fn the_operator_resets_and_turns_off_the_factor_of_anybody() {
    let fixture = Fixture::new();
    let old = with_factor(&fixture, KRISTEN);
    let reset = |login: &str, key: Option<&str>, label: Option<&str>| {
        let key = key.map(Secret::new);
        let rng = &mut fixture.rng();
        let operator = &Actor::Operator;
        ready(fixture.identity.reset_totp_key_of(login, key.as_ref(), label, operator, &context(), NOW, rng))
    };
    assert!(matches!(reset("nobody", None, None), Err(AdminError::NoSuchUser(_))));
    assert!(matches!(reset(KRISTEN, Some("not base32 !!"), None), Err(AdminError::TotpKey(TotpKeyError::NotBase32))));
    assert!(matches!(reset(KRISTEN, None, Some(&"x".repeat(129))), Err(AdminError::TotpLabel(_))));
    assert!(reset(KRISTEN, Some("KMCLCWN4YPMD2WO3"), None).unwrap().generated.is_none());
    let new = reset(KRISTEN, None, Some("phone")).unwrap();
    assert!(new.generated.is_some() && new.totp != old);
    let code = new.totp.code(Step::at(NOW));
    let token = sign_in_at(&fixture, KRISTEN, &password_of(KRISTEN), Some(&code), NOW).unwrap().token;
    fixture.memory().forget();
    let turn = |login: &str, enabled: bool, actor: &Actor| {
        ready(fixture.identity.turn_totp_of(login, enabled, actor, &context(), NOW))
    };
    let disable = |login: &str, actor: &Actor| turn(login, false, actor);
    assert!(matches!(disable("nobody", &Actor::Operator), Err(AdminError::NoSuchUser(_))));
    assert!(matches!(disable(KRISTEN, &fixture.actor(ZOE)), Err(AdminError::NotTrusted)));
    assert!(matches!(turn(ZOE, true, &Actor::Operator), Err(AdminError::NoFactor(_))));
    disable(KRISTEN, &Actor::Operator).unwrap();
    let reasons: Vec<_> = fixture.take_rows().into_iter().map(|row| (row.0, row.3)).collect();
    let row = |reason| ("totp.disable", reason);
    let no_key = ("totp.enable", Some(Reason::NotFound));
    assert_eq!(reasons, [row(Some(Reason::NotFound)), row(Some(Reason::NotAllowed)), no_key, row(None)]);
    assert!(caller_at(&fixture, &token, NOW).is_err());
    let _ = sign_in(&fixture, KRISTEN);
}

#[test]
fn signing_in_replaces_a_hash_of_another_system() {
    let fixture = Fixture::new();
    let old = crate::password::PasswordHash::from_stored(password_of(KRISTEN));
    let change = UserChange::Password(old.clone().into());
    ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
    let token = sign_in(&fixture, KRISTEN).token;
    let renewed = fixture.user(KRISTEN).password.unwrap();
    assert!(renewed.is_current() && renewed != old);
    // The password is the same: nothing ends.
    assert!(caller_at(&fixture, &token, NOW).is_ok());
    let _ = sign_in(&fixture, KRISTEN);
    assert_eq!(fixture.user(KRISTEN).password.unwrap(), renewed);
}
