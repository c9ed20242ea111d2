use std::time::Duration;

use super::*;
use crate::audit::Operation;
use crate::repository::UserChange;
use crate::sign_on::{SignIn, SignedIn};
use crate::testing::{Fixture, KRISTEN, NOW, ZOE, context, password_of, ready, secrets};
use crate::{Actor, TokenKind};

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

fn after(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

fn change(fixture: &Fixture, change: UserChange) {
    ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
}

/// The reason of a refusal, and what it cost in password checks.
fn refusal(fixture: &Fixture, login: &str, token: &Secret, now: Timestamp) -> (Option<Reason>, usize) {
    let before = fixture.pool.checks();
    let reason = fixture.refusal(login, token.expose(), now);
    (reason, fixture.pool.checks() - before)
}

#[test]
fn a_token_opens_sessions_of_its_owner_as_often_as_one_likes() {
    let fixture = Fixture::new();
    let signed_in = sign_in(&fixture, KRISTEN);
    fixture.memory().forget();
    for login in [KRISTEN, "Kristen98", "", "  "] {
        let session = fixture.login(login, signed_in.token.expose()).unwrap();
        assert_eq!(session.user(), &fixture.user(KRISTEN));
        assert_eq!(session.kind(), SessionKind::SignOn(signed_in.session.id));
        assert_eq!(session.expires(), Some(signed_in.session.expires));
        assert!(session.restriction().is_none() && !session.has_restrictions());
        let row = fixture.take_trail().remove(0);
        let named = (row.operation, row.actor.as_str(), row.target.as_str(), row.reason);
        assert_eq!(named, (Operation::Login, KRISTEN, KRISTEN, None));
        let by = signed_in.session.id.to_bus();
        assert_eq!(row.detail, format!("session token session=4711 sign_on={by}"));
    }
    assert_eq!(fixture.pool.checks(), 1, "of the sign-on only");
}

#[test]
fn refuses_a_token_under_the_name_of_somebody_else() {
    let fixture = Fixture::new();
    let token = sign_in(&fixture, KRISTEN).token;
    fixture.memory().forget();
    for login in [ZOE, "nobody", "%operator", "kristen 98"] {
        assert_eq!(refusal(&fixture, login, &token, NOW), (Some(Reason::TokenMismatch), 0), "{login}");
    }
    assert_eq!(fixture.take_trail().len(), 4);
}

#[test]
fn a_token_works_up_to_the_end_of_its_session_and_not_after() {
    let fixture = Fixture::new();
    let token = sign_in(&fixture, KRISTEN).token;
    assert_eq!(refusal(&fixture, KRISTEN, &token, after(3_600)), (None, 0));
    let past = Timestamp::from_micros(after(3_600).micros() + 1);
    assert_eq!(refusal(&fixture, KRISTEN, &token, past), (Some(Reason::TokenExpired), 0));
}

#[test]
fn a_token_ends_with_a_logout_a_lock_a_new_password_and_the_user() {
    type End = fn(&Fixture, &Secret);
    let ends: [End; 4] = [
        |fixture, token| {
            let caller = ready(fixture.identity.caller(token, NOW)).unwrap();
            ready(fixture.identity.sign_out(&caller, &context(), NOW)).unwrap();
        },
        |fixture, _| change(fixture, UserChange::Enabled(false)),
        |fixture, _| change(fixture, UserChange::Password(secrets("another one", &mut fixture.rng()).into())),
        |fixture, _| change(fixture, UserChange::Delete),
    ];
    for end in ends {
        let fixture = Fixture::new();
        let token = sign_in(&fixture, KRISTEN).token;
        end(&fixture, &token);
        assert_eq!(refusal(&fixture, "", &token, NOW), (Some(Reason::WrongToken), 0));
    }
}

#[test]
fn what_is_no_session_token_is_tried_as_a_password() {
    let fixture = Fixture::new();
    let token = sign_in(&fixture, KRISTEN).token;
    let made_up = TokenKind::Session.generate(&mut fixture.rng());
    let other_kind = TokenKind::PasswordReset.generate(&mut fixture.rng());
    assert_eq!(refusal(&fixture, KRISTEN, &made_up, NOW), (Some(Reason::WrongToken), 0));
    assert_eq!(refusal(&fixture, KRISTEN, &other_kind, NOW), (Some(Reason::WrongTicket), 1));
    let mistyped = Secret::new(format!("{}a", token.expose()));
    assert_eq!(refusal(&fixture, KRISTEN, &mistyped, NOW), (Some(Reason::WrongTicket), 1));
}

#[test]
fn says_which_sessions_live_still() {
    let fixture = Fixture::new();
    let (one, two) = (sign_in(&fixture, KRISTEN), sign_in(&fixture, ZOE));
    let ids = [one.session.id, two.session.id];
    let living = |now| ready(fixture.identity.living_sessions(&ids, now)).unwrap();
    assert_eq!(living(NOW).len(), 2);
    let caller = ready(fixture.identity.caller(&one.token, after(60))).unwrap();
    let renewed = ready(fixture.identity.renew_session(&caller, &context(), after(60))).unwrap();
    assert_eq!(living(NOW).get(&one.session.id), Some(&renewed));
    assert_eq!(living(after(3_601)).keys().collect::<Vec<_>>(), [&one.session.id]);
    change(&fixture, UserChange::Enabled(false));
    assert!(!living(NOW).contains_key(&one.session.id));
    assert!(ready(fixture.identity.living_sessions(&[], NOW)).unwrap().is_empty());
}
