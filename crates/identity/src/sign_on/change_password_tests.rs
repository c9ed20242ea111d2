//! Other passwords: whose, by whom, for how long.

use super::*;
use crate::audit::Reason;
use crate::login::PoolBusy;
use crate::password::PasswordHash;
use crate::password_policy::{PasswordPolicy, PasswordRefused};
use crate::repository::UserChange;
use crate::sign_on::tests::{after, caller, id_of, refused, sign_in_at};
use crate::source::Source;
use crate::testing::{Fixture, KRISTEN, NOW, TRUST, ZOE, context, password_of, ready};
use crate::user_update::UserUpdate;
use crate::{Actor, Secret};

const NEW: &str = "battery staple correct";
const UNKNOWN: &str = "zusrpdjpsqjqa8jdv533zh0pv8tcm";
const DAY: u64 = 86_400;

/// A wish, as simple as it can be.
struct Wish<'a> {
    user_id: Option<String>,
    old: Option<String>,
    new: &'a str,
    days: Option<i64>,
    must_change: Option<bool>,
}

impl Wish<'_> {
    fn own(login: &str) -> Self {
        Self { user_id: None, old: Some(password_of(login)), ..Self::of("") }
    }

    fn of(user_id: &str) -> Self {
        Self { user_id: Some(user_id.to_owned()), old: None, new: NEW, days: None, must_change: None }
    }
}

fn change(fixture: &Fixture, caller: &Caller, wish: &Wish<'_>) -> Result<User, UserError> {
    let (old, new) = (wish.old.clone().map(Secret::new), Secret::new(wish.new));
    let Wish { user_id, days, must_change, .. } = wish;
    let (days, must_change) = (*days, *must_change);
    let wish = ChangePassword { user_id: user_id.as_deref(), old: old.as_ref(), new: &new, days, must_change };
    ready(fixture.identity.change_password_by(caller, wish, &fixture.pool, &context(), NOW))
}

/// The password, and that the user has no other one.
#[track_caller]
fn has_password(fixture: &Fixture, login: &str, password: &str) {
    assert_eq!(fixture.user(login).password.unwrap().as_stored().trim_start_matches(crate::testing::CURRENT), password);
}

/// Refused with this error, which the trail has with this reason; nothing changed.
#[track_caller]
fn check_refused(fixture: &Fixture, by: &str, wish: &Wish<'_>, is_it: impl Fn(&UserError) -> bool, reason: Reason) {
    let caller = caller(fixture, by);
    let before = [KRISTEN, ZOE, TRUST].map(|login| fixture.user(login));
    fixture.memory().forget();
    let error = change(fixture, &caller, wish).unwrap_err();
    assert!(is_it(&error), "{error:?}");
    let target = wish.user_id.clone().unwrap_or_else(|| by.to_owned());
    assert_eq!(fixture.take_rows(), [("user.password", by.to_owned(), target, Some(reason))]);
    assert_eq!([KRISTEN, ZOE, TRUST].map(|login| fixture.user(login)), before);
}

#[test]
fn ones_own_is_changed_by_whoever_shows_the_old_one() {
    let fixture = Fixture::new();
    for (login, names_itself) in [(KRISTEN, false), (ZOE, true), (TRUST, false)] {
        let caller = caller(&fixture, login);
        let user_id = names_itself.then(|| id_of(&fixture, login));
        fixture.memory().forget();
        let changed = change(&fixture, &caller, &Wish { user_id: user_id.clone(), ..Wish::own(login) }).unwrap();
        assert_eq!(changed.login.as_str(), login);
        has_password(&fixture, login, NEW);
        let target = user_id.unwrap_or_else(|| login.to_owned());
        assert_eq!(fixture.take_rows(), [("user.password", login.to_owned(), target, None)]);
        assert_eq!(refused(sign_in_at(&fixture, login, &password_of(login), None, NOW)), Reason::WrongTicket);
        assert!(sign_in_at(&fixture, login, NEW, None, NOW).is_ok());
    }
}

#[test]
fn ones_own_is_not_changed_without_the_old_one_or_for_a_bad_one_and_nobody_hears_why() {
    let fixture = Fixture::new();
    let check = |wish: Wish<'_>, reason: Reason| {
        let is_it = |error: &UserError| matches!(error, UserError::OwnPassword(told) if *told == reason);
        check_refused(&fixture, KRISTEN, &wish, is_it, reason);
    };
    let own = || Wish::own(KRISTEN);
    check(Wish { old: None, ..own() }, Reason::WrongTicket);
    check(Wish { old: Some(String::new()), ..own() }, Reason::WrongTicket);
    check(Wish { old: Some("x".into()), ..own() }, Reason::WrongTicket);
    check(Wish { old: Some("x".repeat(1_025)), ..own() }, Reason::WrongTicket);
    check(Wish { new: "aaaaaaaaaaaa", ..own() }, Reason::PasswordTooSimple);
    check(Wish { new: &"x".repeat(1_025), ..own() }, Reason::PasswordTooLong);
    check(Wish { new: "Xk2 letmein 9vQ zu", ..own() }, Reason::PasswordRejected);
    // A super-user needs the own old one, too.
    let is_it = |error: &UserError| matches!(error, UserError::OwnPassword(Reason::WrongTicket));
    for user_id in [None, Some(id_of(&fixture, TRUST))] {
        check_refused(&fixture, TRUST, &Wish { user_id, old: None, ..own() }, is_it, Reason::WrongTicket);
    }
}

#[test]
fn anothers_is_set_by_super_users_only_who_hear_what_is_wrong() {
    let fixture = Fixture::new();
    let zoe = id_of(&fixture, ZOE);
    for user_id in [zoe.as_str(), UNKNOWN, "nonsense"] {
        let is_it = |error: &UserError| matches!(error, UserError::BadInput(_));
        check_refused(&fixture, KRISTEN, &Wish::of(user_id), is_it, Reason::BadRequest);
    }
    for user_id in [UNKNOWN, "nonsense"] {
        let is_it = |error: &UserError| matches!(error, UserError::NoSuchUser);
        check_refused(&fixture, TRUST, &Wish::of(user_id), is_it, Reason::NotFound);
    }
    let long = "x".repeat(1_025);
    for (new, refused) in [
        ("aaaaaaaaaaaa", PasswordRefused::TooSimple),
        (long.as_str(), PasswordRefused::TooLong),
        ("Xk2 letmein 9vQ zu", PasswordRefused::Rejected),
    ] {
        let is_it = |error: &UserError| matches!(error, UserError::Password(told) if *told == refused);
        check_refused(&fixture, TRUST, &Wish { new, ..Wish::of(&zoe) }, is_it, refused.reason());
    }
    change(&fixture, &caller(&fixture, TRUST), &Wish::of(&zoe)).unwrap();
    has_password(&fixture, ZOE, NEW);
}

#[test]
fn a_password_is_as_long_as_the_policy_says_and_not_one_character_more_or_less() {
    let mut fixture = Fixture::new();
    fixture.identity.settings.passwords.policy = PasswordPolicy { score_min: 0, ..PasswordPolicy::default() };
    let zoe = id_of(&fixture, ZOE);
    let boss = caller(&fixture, TRUST);
    for (count, wanted) in [
        (0, Some(PasswordRefused::TooShort)),
        (7, Some(PasswordRefused::TooShort)),
        (8, None),
        (256, None),
        (257, Some(PasswordRefused::TooLong)),
    ] {
        // Characters count, not bytes.
        let new = "é".repeat(count);
        let refused = match change(&fixture, &boss, &Wish { new: &new, ..Wish::of(&zoe) }) {
            Ok(_) => None,
            Err(UserError::Password(refused)) => Some(refused),
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(refused, wanted, "{count}");
    }
}

#[test]
fn a_super_user_decides_for_how_many_days_it_is_good_and_others_do_not() {
    let mut fixture = Fixture::new();
    fixture.identity.settings.passwords.lifetime = Some(Duration::from_secs(700 * DAY));
    let zoe = id_of(&fixture, ZOE);
    let boss = caller(&fixture, TRUST);
    let check = |days: Option<i64>, want: u64| {
        change(&fixture, &boss, &Wish { days, ..Wish::of(&zoe) }).unwrap();
        assert_eq!(fixture.user(ZOE).standing.password_expires, Some(after(want * DAY)), "{days:?}");
    };
    check(None, 700);
    check(Some(1), 1);
    check(Some(0), 700);
    check(Some(-1), 700);
    check(Some(i64::MIN), 700);
    // As far as time goes, and not beyond.
    change(&fixture, &boss, &Wish { days: Some(i64::MAX), ..Wish::of(&zoe) }).unwrap();
    assert!(fixture.user(ZOE).standing.password_expires.unwrap() > after(100_000 * DAY));
    change(&fixture, &caller(&fixture, KRISTEN), &Wish { days: Some(1), ..Wish::own(KRISTEN) }).unwrap();
    assert_eq!(fixture.user(KRISTEN).standing.password_expires, Some(after(700 * DAY)));
}

/// What is demanded of `login` afterwards, if `before` was and the caller asks for `wish`.
fn demanded(by: &str, login: &str, before: bool, wish: Option<bool>) -> bool {
    let fixture = Fixture::new();
    let caller = caller(&fixture, by);
    let update = UserUpdate { must_change: Some(before), ..UserUpdate::default() };
    let demand = UserChange::Update(Box::new(update));
    ready(fixture.identity.change_user(login, demand, &Actor::Operator, &context(), NOW)).unwrap();
    let own = by == login;
    let user_id = (!own).then(|| id_of(&fixture, login));
    let old = own.then(|| password_of(login));
    change(&fixture, &caller, &Wish { user_id, old, must_change: wish, ..Wish::of("") }).unwrap();
    fixture.user(login).standing.must_change
}

#[test]
fn that_it_has_to_be_changed_stays_unless_a_super_user_says_otherwise_or_it_was() {
    for before in [false, true] {
        // Who changed it did what was demanded.
        for by in [KRISTEN, TRUST] {
            assert!(!demanded(by, by, before, None), "{by} {before}");
            assert!(!demanded(by, by, before, Some(false)), "{by} {before}");
        }
        // Others don't decide it.
        assert!(!demanded(KRISTEN, KRISTEN, before, Some(true)));
        assert!(demanded(TRUST, TRUST, before, Some(true)));
        assert_eq!(demanded(TRUST, KRISTEN, before, None), before);
        assert!(demanded(TRUST, KRISTEN, before, Some(true)));
        assert!(!demanded(TRUST, KRISTEN, before, Some(false)));
    }
}

#[test]
fn the_session_it_was_changed_in_stays_and_every_other_one_ends() {
    let fixture = Fixture::new();
    let sign_in = || sign_in_at(&fixture, KRISTEN, &password_of(KRISTEN), None, NOW).unwrap().token;
    let (one, two) = (sign_in(), sign_in());
    let lives = |token: &Secret| ready(fixture.identity.caller(token, NOW)).is_ok();
    let kristen = ready(fixture.identity.caller(&one, NOW)).unwrap();
    let bad = Wish { old: Some("x".into()), ..Wish::own(KRISTEN) };
    assert!(change(&fixture, &kristen, &bad).is_err() && lives(&one) && lives(&two));
    change(&fixture, &kristen, &Wish::own(KRISTEN)).unwrap();
    assert!(lives(&one) && !lives(&two));
    change(&fixture, &caller(&fixture, TRUST), &Wish::of(&id_of(&fixture, KRISTEN))).unwrap();
    assert!(!lives(&one));
}

#[test]
fn a_password_of_the_directory_is_not_changed_here() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    let mark = PasswordHash::in_directory(&fixture.user(KRISTEN).login);
    let moved = UserChange::Password(mark.into());
    ready(fixture.identity.change_user(KRISTEN, moved, &Actor::Operator, &context(), NOW)).unwrap();
    let of_directory = Caller { user: fixture.user(KRISTEN), ..kristen };
    for (caller, wish) in
        [(of_directory, Wish::own(KRISTEN)), (caller(&fixture, TRUST), Wish::of(&id_of(&fixture, KRISTEN)))]
    {
        assert!(matches!(change(&fixture, &caller, &wish), Err(UserError::BadInput(_))));
    }
    assert_eq!(fixture.user(KRISTEN).source(), Source::Ldap);
}

#[test]
fn a_busy_pool_changes_nothing() {
    let mut fixture = Fixture::new();
    let (kristen, boss) = (caller(&fixture, KRISTEN), caller(&fixture, TRUST));
    fixture.memory().forget();
    fixture.pool.is_busy = true;
    for (caller, wish) in [(&kristen, Wish::own(KRISTEN)), (&boss, Wish::of(&id_of(&fixture, KRISTEN)))] {
        assert!(matches!(change(&fixture, caller, &wish), Err(UserError::Busy(PoolBusy))));
        assert_eq!(fixture.take_rows().first().unwrap().3, Some(Reason::Busy));
    }
    has_password(&fixture, KRISTEN, &password_of(KRISTEN));
}
