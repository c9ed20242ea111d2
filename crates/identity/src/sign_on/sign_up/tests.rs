//! Sign-ups, with time and randomness as values.

use super::*;
use crate::password::PasswordHash;
use crate::repository::{FindProfile, Run as _, UserChange};
use crate::testing::{Fixture, KRISTEN, NOW, context, ready};

const PASSWORD: &str = "correct horse battery";

fn settings() -> SignUpSettings {
    let rejected = || vec!["admin".to_owned(), "zato".to_owned()];
    SignUpSettings {
        username_characters_max: 12,
        email_characters_max: 20,
        is_email_required: true,
        rejected_in_username: rejected(),
        rejected_in_email: rejected(),
        is_address: |text| text.contains('@'),
        token: Duration::from_secs(100),
        passwords: PasswordPolicy::default(),
        role: RoleName::parse("frontend").unwrap(),
        needs_approval: true,
        seals_email: true,
    }
}

fn sign_up_with(
    fixture: &Fixture,
    settings: &SignUpSettings,
    username: &str,
    email: Option<&str>,
    password: &str,
) -> Result<SignedUp, SignUpError> {
    let password = Secret::new(password);
    let applications = ["CRM".to_owned(), "ERP".to_owned()];
    let context = context();
    let given = SignUp { username, password: &password, email, applications: &applications, context: &context };
    let derive = |_| std::future::ready(Ok(PasswordHash::from_stored(password.expose().to_owned()).into()));
    ready(fixture.identity.sign_up(&given, settings, derive, NOW, &mut fixture.rng()))
}

fn sign_up(fixture: &Fixture, username: &str, email: &str) -> Result<SignedUp, SignUpError> {
    sign_up_with(fixture, &settings(), username, Some(email), PASSWORD)
}

fn confirm(fixture: &Fixture, token: &Secret, seconds: u64) -> Result<User, ConfirmError> {
    let now = NOW.saturating_add(Duration::from_secs(seconds));
    ready(fixture.identity.confirm_sign_up(token, &context(), now))
}

#[test]
fn a_user_comes_in_once_it_is_confirmed_and_approved() {
    let fixture = Fixture::new();
    let signed_up = sign_up(&fixture, "Ann", "Ann@Example.com").unwrap();
    assert_eq!((signed_up.user.login.as_str(), signed_up.email.as_deref()), ("ann", Some("Ann@Example.com")));
    assert_eq!(signed_up.user.role.as_str(), "frontend");
    assert_eq!(fixture.refusal("ann", PASSWORD, NOW), Some(Reason::NotConfirmed));
    confirm(&fixture, &signed_up.token, 0).unwrap();
    assert_eq!(fixture.refusal("ann", PASSWORD, NOW), Some(Reason::NotApproved));
    let approve = UserChange::Approval(ApprovalStatus::Approved);
    ready(fixture.identity.change_user("ann", approve, &Actor::Operator, &context(), NOW)).unwrap();
    assert_eq!(fixture.refusal("ann", PASSWORD, NOW), None);
    let find = FindProfile { who: FindUser::ById(signed_up.user.id) };
    let profile = ready(fixture.memory().run(find)).unwrap().unwrap().profile;
    assert_eq!((profile.confirmed, profile.password_set), (Some(NOW), Some(NOW)));
    let rows: Vec<_> = fixture.take_rows().into_iter().filter(|row| row.0.starts_with("sign_up")).collect();
    let row = |operation, target: &str| (operation, "%anonymous".to_owned(), target.to_owned(), None);
    assert_eq!(rows, [row("sign_up", "ann"), row("sign_up.confirm", "ann")]);
}

#[test]
fn where_nobody_has_to_approve_the_token_is_enough() {
    let fixture = Fixture::new();
    let free = SignUpSettings { needs_approval: false, ..settings() };
    let signed_up = sign_up_with(&fixture, &free, "ann", Some("ann@example.com"), PASSWORD).unwrap();
    assert_eq!(fixture.refusal("ann", PASSWORD, NOW), Some(Reason::NotConfirmed));
    let user = confirm(&fixture, &signed_up.token, 0).unwrap();
    assert_eq!(user.standing.sign_up, SignUpStatus::Final);
    assert_eq!(fixture.refusal("ann", PASSWORD, NOW), None);
}

#[test]
fn a_token_confirms_once_and_up_to_its_end() {
    let fixture = Fixture::new();
    let ann = sign_up(&fixture, "ann", "ann@example.com").unwrap().token;
    let bob = sign_up(&fixture, "bob", "bob@example.com").unwrap().token;
    assert!(confirm(&fixture, &ann, 100).is_ok());
    assert!(matches!(confirm(&fixture, &ann, 100), Err(ConfirmError::AlreadyConfirmed)));
    assert!(matches!(confirm(&fixture, &bob, 101), Err(ConfirmError::NoSuchToken)));
    let made_up = TokenKind::SignUp.generate(&mut fixture.rng());
    for wrong in ["", "cssup_", "gAAAAABalFycY50Budi...", made_up.expose()] {
        assert!(matches!(confirm(&fixture, &Secret::new(wrong), 0), Err(ConfirmError::NoSuchToken)), "{wrong}");
    }
    assert_eq!(fixture.refusal("bob", bob.expose(), NOW), Some(Reason::NotConfirmed), "no token is a ticket");
}

#[test]
fn names_and_addresses_are_checked() {
    let fixture = Fixture::new();
    assert!(sign_up(&fixture, "ann", "ann@example.com").is_ok());
    fixture.memory().forget();
    let check = |username: &str, email: Option<&str>, want: &str, reason| {
        let error = sign_up_with(&fixture, &settings(), username, email, PASSWORD).unwrap_err();
        assert_eq!(format!("{error:?}"), want, "{username} {email:?}");
        let row = ("sign_up", "%anonymous".to_owned(), username.to_lowercase(), Some(reason));
        assert_eq!(fixture.take_rows(), [row], "{username} {email:?}");
    };
    let email = Some("new@example.com");
    check("", email, "Username(Invalid)", Reason::BadRequest);
    check("a b", email, "Username(Whitespace)", Reason::BadRequest);
    check("a234567890123", email, "Username(TooLong)", Reason::BadRequest);
    check("xADMINx", email, "Username(Invalid)", Reason::BadRequest);
    check("%x", email, "Username(Invalid)", Reason::BadRequest);
    check("ANN", email, "Username(Exists)", Reason::Exists);
    check(KRISTEN, email, "Username(Exists)", Reason::Exists);
    check("new", None, "EmailMissing", Reason::BadRequest);
    check("new", Some(""), "EmailMissing", Reason::BadRequest);
    check("new", Some("a b@example.com"), "Email(Whitespace)", Reason::BadRequest);
    check("new", Some("a23456789@example.com"), "Email(TooLong)", Reason::BadRequest);
    check("new", Some("Zato@example.com"), "Email(Invalid)", Reason::BadRequest);
    check("new", Some("example.com"), "Email(Invalid)", Reason::BadRequest);
    check("new", Some("ANN@example.com"), "Email(Exists)", Reason::Exists);
    // At the limit.
    assert!(sign_up(&fixture, "a23456789012", "a2345678@example.com").is_ok());
    let optional = SignUpSettings { is_email_required: false, ..settings() };
    assert_eq!(sign_up_with(&fixture, &optional, "new", None, PASSWORD).unwrap().email, None);
}

#[test]
fn the_password_is_one_that_may_be_set() {
    let fixture = Fixture::new();
    let check = |password: &str, want| {
        let error = sign_up_with(&fixture, &settings(), "ann", Some("ann@example.com"), password).unwrap_err();
        assert!(matches!(error, SignUpError::Password(refused) if refused == want), "{password}: {error:?}");
        assert_eq!(fixture.take_rows().pop().unwrap().3, Some(SignUpError::from(want).reason()));
    };
    check("", PasswordRefused::TooSimple);
    check("x", PasswordRefused::TooSimple);
    check("my-PassWord-is-long", PasswordRefused::Rejected);
    check(&"x".repeat(1_025), PasswordRefused::TooLong);
}

#[test]
fn who_does_not_confirm_in_time_goes_and_the_name_is_free_again() {
    let fixture = Fixture::new();
    let ann = sign_up(&fixture, "ann", "ann@example.com").unwrap();
    assert!(sign_up(&fixture, "bob", "bob@example.com").is_ok());
    confirm(&fixture, &ann.token, 0).unwrap();
    fixture.memory().forget();
    let reap = |seconds| {
        let now = NOW.saturating_add(Duration::from_secs(seconds));
        ready(fixture.identity.reap_sign_ups(now, "cid-2")).unwrap()
    };
    assert_eq!(reap(100), 0);
    assert_eq!(reap(101), 2);
    assert_eq!(fixture.take_rows(), [("user.delete", "%operator".to_owned(), "bob".to_owned(), None)]);
    assert!(sign_up(&fixture, "bob", "bob@example.com").is_ok());
    assert!(sign_up(&fixture, "ann", "other@example.com").is_err(), "ann is there still");
}
