//! Forgotten passwords, with time and randomness as values.

use super::*;
use crate::password::PasswordHash;
use crate::profile::{Email, Profile};
use crate::proof::Secrets;
use crate::repository::{CreateUser, CreateUserOutcome, Run as _, UserChange};
use crate::role::RoleName;
use crate::standing::Standing;
use crate::testing::{Fixture, KRISTEN, NOW, context, password_of, ready};
use crate::{LoginName, UserId};

const SETTINGS: PasswordResetSettings = PasswordResetSettings {
    search_by: SearchBy::Username,
    token: Duration::from_secs(100),
    key: Duration::from_secs(10),
};

/// A user with an address; the fixture's have none.
fn add(fixture: &Fixture, login: &str, email: Option<&str>) {
    let pepper = &fixture.identity.settings().pepper;
    let email = email.map(|text| Email { text: text.to_owned(), digest: pepper.digest_email(text), is_sealed: false });
    let user = User {
        id: UserId::generate(NOW, &mut fixture.rng()),
        login: LoginName::parse(login).unwrap(),
        standing: Standing { must_change: true, ..Standing::GOOD },
        role: RoleName::parse("frontend").unwrap(),
        password: Some(PasswordHash::from_stored(password_of(login))),
        created: NOW,
    };
    let audit = row(Operation::UserCreate, &context(), NOW);
    let profile = Profile { email, ..Profile::default() };
    let create = CreateUser { user, profile, proofs: Secrets::default(), factor: None, audit };
    assert_eq!(ready(fixture.memory().run(create)).unwrap(), CreateUserOutcome::Created);
    fixture.memory().forget();
}

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    add(&fixture, "ann", Some("Ann@Example.com"));
    fixture
}

fn after(seconds: u64) -> Timestamp {
    NOW.saturating_add(Duration::from_secs(seconds))
}

fn request_by(fixture: &Fixture, search_by: SearchBy, credential: &str) -> Vec<ResetMail> {
    let settings = PasswordResetSettings { search_by, ..SETTINGS };
    let rng = &mut fixture.rng();
    ready(fixture.identity.request_password_reset(credential, settings, &context(), NOW, rng, |_| true)).unwrap()
}

fn token_of(fixture: &Fixture) -> Secret {
    request_by(fixture, SearchBy::Username, "ann").pop().unwrap().token
}

fn access(fixture: &Fixture, token: &Secret, now: Timestamp) -> Result<Secret, Reason> {
    reason(ready(fixture.identity.access_password_reset(token, SETTINGS, &context(), now, &mut fixture.rng())))
}

fn find(fixture: &Fixture, token: &Secret, key: &Secret, now: Timestamp) -> Result<PendingReset, Reason> {
    reason(ready(fixture.identity.find_password_reset(token, key, &context(), now)))
}

fn finish(fixture: &Fixture, pending: PendingReset, now: Timestamp) -> Result<User, Reason> {
    let secrets = PasswordHash::from_stored("new".into()).into();
    reason(ready(fixture.identity.finish_password_reset(pending, secrets, &context(), now)))
}

fn reason<T>(result: Result<T, ResetError>) -> Result<T, Reason> {
    result.map_err(|error| match error {
        ResetError::Refused(reason) => reason,
        ResetError::Storage(fault) => panic!("{fault}"),
    })
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Reason>) -> Reason {
    result.unwrap_err()
}

#[test]
fn token_then_key_then_password_each_once() {
    let fixture = fixture();
    let mail = request_by(&fixture, SearchBy::Username, "Ann").pop().unwrap();
    assert_eq!((mail.user.login.as_str(), mail.email.as_str()), ("ann", "Ann@Example.com"));
    let key = access(&fixture, &mail.token, NOW).unwrap();
    assert_eq!(refusal(access(&fixture, &mail.token, NOW)), Reason::TokenUsed);
    let pending = find(&fixture, &mail.token, &key, NOW).unwrap();
    let user = finish(&fixture, pending.clone(), NOW).unwrap();
    assert_eq!(user.password.map(|hash| hash.as_stored().to_owned()).as_deref(), Some("new"));
    assert!(!user.standing.must_change);
    assert_eq!(refusal(finish(&fixture, pending, NOW)), Reason::WrongToken);
    assert_eq!(refusal(find(&fixture, &mail.token, &key, NOW)), Reason::WrongToken);
    let row = |operation, target: &str, reason| (operation, "%anonymous".to_owned(), target.to_owned(), reason);
    let rows = fixture.take_rows();
    let want = [
        row("password_reset.request", "ann", None),
        row("password_reset.access", "ann", None),
        row("password_reset.access", "ann", Some(Reason::TokenUsed)),
        row("password_reset.use", "ann", None),
        row("password_reset.use", "ann", Some(Reason::WrongToken)),
        row("password_reset.use", "", Some(Reason::WrongToken)),
    ];
    assert_eq!(rows, want);
}

#[test]
fn a_new_password_ends_the_users_sessions() {
    let fixture = Fixture::new();
    add(&fixture, "ann", Some("a@example.com"));
    let token = token_of(&fixture);
    let key = access(&fixture, &token, NOW).unwrap();
    let pending = find(&fixture, &token, &key, NOW).unwrap();
    // By the old password nobody comes in any more.
    finish(&fixture, pending, NOW).unwrap();
    assert_eq!(fixture.refusal("ann", &password_of("ann"), NOW), Some(Reason::WrongTicket));
    assert_eq!(fixture.refusal("ann", "new", NOW), None);
}

#[test]
fn users_are_found_as_the_settings_say() {
    let fixture = fixture();
    add(&fixture, "bob", Some("ann@example.com"));
    add(&fixture, "carl@example.com", None);
    let check = |by, credential: &str, want: &[&str]| {
        let mails = request_by(&fixture, by, credential);
        let mut found: Vec<&str> = mails.iter().map(|mail| mail.user.login.as_str()).collect();
        found.sort_unstable();
        assert_eq!(found, want, "{by:?} {credential}");
    };
    check(SearchBy::Username, "ANN", &["ann"]);
    check(SearchBy::Username, "ann@example.com", &[]);
    check(SearchBy::Email, "ANN@example.com", &["ann", "bob"]);
    check(SearchBy::Email, "ann", &[]);
    check(SearchBy::UsernameOrEmail, "ann", &["ann"]);
    check(SearchBy::UsernameOrEmail, "ann@example.com", &["ann", "bob"]);
    // Without an address there is nowhere to send it.
    check(SearchBy::UsernameOrEmail, "carl@example.com", &[]);
    for by in [SearchBy::Username, SearchBy::Email, SearchBy::UsernameOrEmail] {
        for credential in ["", " ", "nobody", "nobody@example.com"] {
            check(by, credential, &[]);
        }
    }
}

#[test]
fn nobody_gets_a_mail_who_may_not_come_in_or_had_enough() {
    let fixture = fixture();
    add(&fixture, "bob", None);
    let check = |credential: &str, allowed: bool, target: &str, reason| {
        let rng = &mut fixture.rng();
        let (context, may) = (context(), |_: &User| allowed);
        let asked = fixture.identity.request_password_reset(credential, SETTINGS, &context, NOW, rng, may);
        assert!(ready(asked).unwrap().is_empty(), "{credential}");
        let row = ("password_reset.request", "%anonymous".to_owned(), target.to_owned(), Some(reason));
        assert_eq!(fixture.take_rows(), [row]);
    };
    check("nobody", true, "nobody", Reason::UnknownUser);
    check("somebody@example.com", true, "", Reason::UnknownUser);
    check("bob", true, "bob", Reason::NoEmail);
    check("ann", false, "ann", Reason::TooManyMails);
    fixture.enable("ann", false);
    fixture.memory().forget();
    check("ann", true, "ann", Reason::UserDisabled);
}

#[test]
fn token_and_key_work_up_to_and_including_their_end() {
    let fixture = fixture();
    let token = token_of(&fixture);
    assert_eq!(refusal(access(&fixture, &token, after(101))), Reason::TokenExpired);
    let key = access(&fixture, &token, after(100)).unwrap();
    let pending = find(&fixture, &token, &key, after(110)).unwrap();
    assert_eq!(refusal(find(&fixture, &token, &key, after(111))), Reason::WrongToken);
    assert_eq!(refusal(finish(&fixture, pending.clone(), after(111))), Reason::WrongToken);
    finish(&fixture, pending, after(110)).unwrap();
}

#[test]
fn a_newer_token_ends_the_older_one_and_its_key() {
    let fixture = fixture();
    let old = token_of(&fixture);
    let key = access(&fixture, &old, NOW).unwrap();
    let pending = find(&fixture, &old, &key, NOW).unwrap();
    let new = token_of(&fixture);
    assert_eq!(refusal(access(&fixture, &old, NOW)), Reason::WrongToken);
    assert_eq!(refusal(finish(&fixture, pending, NOW)), Reason::WrongToken);
    assert!(access(&fixture, &new, NOW).is_ok());
}

#[test]
fn a_password_that_was_set_otherwise_ends_the_token() {
    let fixture = fixture();
    let token = token_of(&fixture);
    let secrets = PasswordHash::from_stored("other".into()).into();
    let change = UserChange::Password(PasswordChange { secrets, expires: None, must_change: false, kept: None });
    ready(fixture.identity.change_user("ann", change, &Actor::Operator, &context(), NOW)).unwrap();
    assert_eq!(refusal(access(&fixture, &token, NOW)), Reason::WrongToken);
}

#[test]
fn a_lock_stops_every_step() {
    let fixture = fixture();
    let token = token_of(&fixture);
    fixture.enable("ann", false);
    assert_eq!(refusal(access(&fixture, &token, NOW)), Reason::UserDisabled);
    fixture.enable("ann", true);
    let key = access(&fixture, &token, NOW).unwrap();
    let pending = find(&fixture, &token, &key, NOW).unwrap();
    fixture.enable("ann", false);
    assert_eq!(refusal(find(&fixture, &token, &key, NOW)), Reason::UserDisabled);
    assert_eq!(refusal(finish(&fixture, pending, NOW)), Reason::UserDisabled);
}

#[test]
fn what_is_no_token_or_belongs_to_another_gets_nobody_anywhere() {
    let fixture = fixture();
    add(&fixture, "bob", Some("bob@example.com"));
    let token = token_of(&fixture);
    let other = request_by(&fixture, SearchBy::Username, "bob").pop().unwrap().token;
    let (key, other_key) = (access(&fixture, &token, NOW).unwrap(), access(&fixture, &other, NOW).unwrap());
    let made_up = TokenKind::PasswordReset.generate(&mut fixture.rng());
    for wrong in ["", "csprt_", "gAAAAABalFycY50Budi...", key.expose(), made_up.expose()] {
        assert_eq!(refusal(access(&fixture, &Secret::new(wrong), NOW)), Reason::WrongToken, "{wrong}");
    }
    for (token, key) in [(&token, &other_key), (&other, &key), (&key, &token), (&token, &token), (&key, &key)] {
        assert_eq!(refusal(find(&fixture, token, key, NOW)), Reason::WrongToken);
    }
    assert!(find(&fixture, &token, &key, NOW).is_ok());
    assert_eq!(fixture.refusal(KRISTEN, token.expose(), NOW), Some(Reason::WrongTicket), "no token is a ticket");
}
