use super::*;
use crate::audit::Outcome;
use crate::keys::MintedKey;
use crate::repository::UserChange;
use crate::testing::{CURRENT, Fault, Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, context, password_of, ready};
use crate::{LoginName, UserId};

/// What one attempt costs: operations of storage, password checks.
fn costs(fixture: &Fixture, login: &str, ticket: &str) -> (Option<Reason>, Vec<&'static str>, usize) {
    let checks = fixture.pool.checks();
    fixture.memory().forget();
    let refused = fixture.refusal(login, ticket, NOW);
    (refused, fixture.memory().executed(), fixture.pool.checks() - checks)
}

#[track_caller]
fn check_row(fixture: &Fixture, login: &str, refused: Option<Reason>) {
    let login = login.to_lowercase();
    assert_eq!(fixture.take_rows(), [("login", login.clone(), login, refused)]);
}

#[test]
fn opens_a_session_with_the_password_as_often_as_one_likes() {
    let fixture = Fixture::new();
    for login in [KRISTEN, "Kristen98", "KRISTEN98"] {
        let session = fixture.login(login, &password_of(KRISTEN)).unwrap();
        assert_eq!(session.user(), &fixture.user(KRISTEN));
        assert_eq!(session.kind(), SessionKind::Password);
        assert!(session.restriction().is_none() && !session.has_restrictions());
        assert_eq!(session.actor(), fixture.actor(KRISTEN));
        check_row(&fixture, login, None);
    }
}

#[test]
fn a_password_is_taken_as_it_is() {
    let fixture = Fixture::new();
    let right = password_of(KRISTEN);
    for wrong in [right.to_uppercase(), format!("{right} "), format!(" {right}"), password_of(ZOE)] {
        assert_eq!(fixture.refusal(KRISTEN, &wrong, NOW), Some(Reason::WrongTicket), "{wrong:?}");
    }
}

#[test]
fn unknown_user_wrong_ticket_and_disabled_user_cost_the_same() {
    let fixture = Fixture::new();
    let check = |login: &str, ticket: &str, want: Reason| {
        let write = if ticket == password_of(login) { "AcceptLogin" } else { "RecordAudit" };
        let want_costs = (Some(want), vec!["FindCredential", "FindFactor", write], 1);
        assert_eq!(costs(&fixture, login, ticket), want_costs, "{login} {ticket}");
        check_row(&fixture, login, Some(want));
    };
    check("nobody", "guess", Reason::UnknownUser);
    check("Nobody", "guess", Reason::UnknownUser);
    check(KRISTEN, "guess", Reason::WrongTicket);
    check(LOCKED, "guess", Reason::UserDisabled);
    // The right password is found out about, too, only in the transaction that would accept it.
    check(LOCKED, &password_of(LOCKED), Reason::UserDisabled);
    // A user without a password is no quicker.
    check("admin", "guess", Reason::WrongTicket);
}

#[test]
fn what_can_not_be_a_ticket_or_a_login_name_costs_nothing_but_its_row() {
    let fixture = Fixture::new();
    let check = |login: &str, ticket: &str, want: Reason| {
        assert_eq!(costs(&fixture, login, ticket), (Some(want), vec!["RecordAudit"], 0), "{login:?}");
        assert_eq!(fixture.take_trail().len(), 1);
    };
    for blank in ["", " ", "\t\r\n", "\u{a0}"] {
        check(KRISTEN, blank, Reason::BlankTicket);
        check("", blank, Reason::BlankTicket);
    }
    check(KRISTEN, &"x".repeat(PASSWORD_BYTES_MAX + 1), Reason::WrongTicket);
    for login in ["", " ", "a b", "a\0b", "%operator", "%anonymous", &"x".repeat(LoginName::BYTES_MAX + 1)] {
        check(login, "guess", Reason::UnknownUser);
    }
}

#[test]
fn the_longest_ticket_and_the_longest_login_name_are_looked_at() {
    let fixture = Fixture::new();
    let longest_ticket = "x".repeat(PASSWORD_BYTES_MAX);
    assert_eq!(costs(&fixture, KRISTEN, &longest_ticket).2, 1);
    let longest_login = "x".repeat(LoginName::BYTES_MAX);
    assert_eq!(costs(&fixture, &longest_login, "guess").2, 1);
}

#[test]
fn a_one_time_password_costs_no_password_check_whatever_became_of_it() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    let check = |want: Option<Reason>| {
        let want_costs = (want, vec!["FindCredential", "SpendCredential"], 0);
        assert_eq!(costs(&fixture, KRISTEN, minted.plaintext_key.expose()), want_costs);
    };
    fixture.enable(KRISTEN, false);
    check(Some(Reason::UserDisabled));
    check_row(&fixture, KRISTEN, Some(Reason::UserDisabled));
    fixture.enable(KRISTEN, true);
    check(None);
    let id = minted.credential.id.to_bus();
    let spent = ("otp.spend", KRISTEN.to_owned(), id, None);
    assert_eq!(fixture.take_rows(), [("login", KRISTEN.to_owned(), KRISTEN.to_owned(), None), spent]);
    check(Some(Reason::OtpSpent));
    check_row(&fixture, KRISTEN, Some(Reason::OtpSpent));
}

#[test]
fn a_busy_pool_is_recorded_and_nothing_is_decided() {
    let mut fixture = Fixture::new();
    fixture.pool.is_busy = true;
    for (login, ticket) in [(KRISTEN, password_of(KRISTEN)), (KRISTEN, "guess".into()), ("nobody", "guess".into())] {
        assert_eq!(fixture.refusal(login, &ticket, NOW), Some(Reason::Busy));
        check_row(&fixture, login, Some(Reason::Busy));
    }
    let minted = fixture.mint(KRISTEN);
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), None, "needs no room in the pool");
}

#[test]
fn a_refusal_before_the_ticket_was_looked_at_is_recorded() {
    let fixture = Fixture::new();
    let context = context();
    let claim = Claim { login: "Kristen98", context: &context, session: "4711", code: None, purpose: Purpose::Session };
    ready(fixture.identity.record_refused_login(&claim, Reason::Throttled, NOW)).unwrap();
    check_row(&fixture, KRISTEN, Some(Reason::Throttled));
}

#[test]
fn a_strangers_text_can_not_flood_the_trail() {
    let fixture = Fixture::new();
    let long = format!("a\n{}", "x".repeat(100_000));
    assert_eq!(fixture.refusal(&long, "guess", NOW), Some(Reason::UnknownUser));
    let row = &fixture.take_trail()[0];
    assert!(row.actor.len() < 1024 && row.target.len() < 1024);
    assert!(!row.actor.contains('\n') && !row.target.contains('\n'));
}

/// Says yes to everything, and changes the user meanwhile.
struct Meddler<'a>(&'a Fixture, Option<UserChange>);

impl PasswordPool for Meddler<'_> {
    async fn verify(&self, _: Option<PasswordHash>, _: Secret) -> Result<bool, PoolBusy> {
        if let Some(change) = self.1.clone() {
            self.0.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW).await.unwrap();
        }
        Ok(true)
    }

    async fn old_digest(&self, login: LoginName, key: Secret) -> Result<OldDigest, PoolBusy> {
        Ok(OldDigest::of(login.as_str(), &key))
    }

    async fn renew(&self, _: Secret) -> Result<PasswordSecrets, PoolBusy> {
        Err(PoolBusy)
    }

    async fn derive(&self, _: NewPassword) -> Result<PasswordSecrets, PoolBusy> {
        Err(PoolBusy)
    }
}

#[test]
fn what_changes_while_the_password_is_checked_counts() {
    #[track_caller]
    fn check(login: &str, change: Option<UserChange>, want: Option<Reason>) {
        let fixture = Fixture::new();
        let (ticket, context) = (Secret::new("guess"), context());
        let attempt = Attempt {
            claim: Claim { login, context: &context, session: "4711", code: None, purpose: Purpose::Session },
            ticket: &ticket,
            cookie: None,
        };
        let refused = match ready(fixture.identity.login(&attempt, &Meddler(&fixture, change), NOW)) {
            Ok(_) => None,
            Err(LoginError::Refused(reason)) => Some(reason),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(refused, want);
    }
    let other = PasswordHash::from_stored("another".into());
    check(KRISTEN, None, None);
    check(KRISTEN, Some(UserChange::Enabled(false)), Some(Reason::UserDisabled));
    check(KRISTEN, Some(UserChange::Password(other.into())), Some(Reason::WrongTicket));
    check(KRISTEN, Some(UserChange::Delete), Some(Reason::UnknownUser));
    // Nobody gets in without a password of one's own, whatever the pool says.
    check("admin", None, Some(Reason::WrongTicket));
    check("nobody", None, Some(Reason::UnknownUser));
}

/// Lets each operation of a login fail in turn, before and after its execution, and tries
/// again afterwards. Answers how many operations a login has.
fn fail_each(login: &str, ticket: impl Fn(&Fixture) -> String, sessions_max: usize) -> usize {
    for at in 0.. {
        let mut was_reached = false;
        for commits in [false, true] {
            let fixture = Fixture::new();
            let ticket = ticket(&fixture);
            fixture.memory().forget();
            fixture.memory().fail(Some(Fault { at, commits }));
            let first = fixture.login(login, &ticket);
            was_reached |= fixture.memory().executed().len() > at;
            assert_eq!(matches!(first, Err(LoginError::Storage(_))), was_reached, "{first:?}");
            fixture.memory().fail(None);
            let second = fixture.login(login, &ticket);
            let opened = usize::from(first.is_ok()) + usize::from(second.is_ok());
            assert!(opened <= sessions_max, "fault {at}, {commits}: {first:?}, {second:?}");
            if !commits {
                assert!(opened > 0 || sessions_max == 0, "a fault that did nothing cost the credential");
            }
            check_trail(&fixture, opened, &[first, second]);
        }
        if !was_reached {
            return at;
        }
    }
    unreachable!("a login has an end")
}

/// No session without its rows; for one-time passwords none without the one that was spent.
#[track_caller]
fn check_trail(fixture: &Fixture, opened: usize, tried: &[Result<LoggedIn, LoginError>]) {
    let trail = fixture.take_trail();
    let accepted =
        |operation| trail.iter().filter(|row| row.operation == operation && row.outcome == Outcome::Accepted).count();
    assert!(accepted(Operation::Login) >= opened, "{trail:#?}");
    for session in tried.iter().flatten() {
        let SessionKind::Otp(id) = session.kind() else { continue };
        assert_eq!(accepted(Operation::OtpSpend), 1, "{trail:#?}");
        let credentials = fixture.memory().credentials();
        let spent = credentials.iter().find(|credential| credential.id == id).unwrap();
        assert_eq!(spent.spent, Some(NOW));
    }
}

#[test]
fn no_fault_of_storage_opens_a_session_without_a_recorded_spending() {
    let otp = |fixture: &Fixture| {
        let MintedKey { plaintext_key, .. } = fixture.mint(KRISTEN);
        plaintext_key.expose().to_owned()
    };
    assert_eq!(fail_each(KRISTEN, otp, 1), 2);
}

#[test]
fn no_fault_of_storage_opens_a_session_without_a_row() {
    assert_eq!(fail_each(KRISTEN, |_| password_of(KRISTEN), 2), 3);
    assert_eq!(fail_each(KRISTEN, |_| "guess".into(), 0), 3);
    assert_eq!(fail_each(LOCKED, |_| password_of(LOCKED), 0), 3);
    assert_eq!(fail_each("nobody", |_| "guess".into(), 0), 3);
    assert_eq!(fail_each(TRUST, |_| " ".into(), 0), 1);
}

#[test]
fn a_session_of_a_user_whose_id_is_another_is_not_opened() {
    let fixture = Fixture::new();
    let minted = fixture.mint(KRISTEN);
    ready(fixture.identity.change_user(KRISTEN, UserChange::Delete, &Actor::Operator, &context(), NOW)).unwrap();
    let rng = &mut fixture.rng();
    let new = ready(fixture.identity.create_user(KRISTEN, "frontend", None, &Actor::Operator, &context(), NOW, rng));
    let id: UserId = new.unwrap().id;
    assert_ne!(id, minted.credential.owner);
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), Some(Reason::WrongTicket));
}

#[test]
fn a_hash_of_another_system_is_replaced_at_the_first_login_and_only_then() {
    let fixture = Fixture::new();
    let set = |hash: &str| {
        let change = UserChange::Password(PasswordHash::from_stored(hash.to_owned()).into());
        ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
        fixture.memory().forget();
    };
    let stored = || fixture.user(KRISTEN).password.unwrap().as_stored().to_owned();
    set("old");
    assert_eq!(fixture.refusal(KRISTEN, "wrong", NOW), Some(Reason::WrongTicket));
    assert_eq!(stored(), "old");
    fixture.memory().forget();
    assert_eq!(fixture.refusal(KRISTEN, "old", NOW), None);
    assert_eq!(stored(), format!("{CURRENT}old"));
    let operations: Vec<_> = fixture.take_rows().into_iter().map(|(operation, actor, ..)| (operation, actor)).collect();
    assert_eq!(operations, [("login", KRISTEN.to_owned()), ("user.rehash", KRISTEN.to_owned())]);
    assert_eq!(fixture.refusal(KRISTEN, "old", NOW), None);
    assert_eq!(fixture.take_rows().len(), 1);
    // A one-time password tells nothing of the password.
    set("old");
    let minted = fixture.mint(KRISTEN);
    assert_eq!(fixture.refusal(KRISTEN, minted.plaintext_key.expose(), NOW), None);
    assert_eq!(stored(), "old");
}
