//! Users: who may see, create, change and decide about whom.

use super::*;
use crate::audit::Reason;
use crate::login::PoolBusy;
use crate::login_name::LoginNameError;
use crate::password_policy::PasswordRefused;
use crate::profile::{Email, Names, RateLimit, Stamp, UserRecord};
use crate::repository::UserChange;
use crate::sign_on::tests::{caller, id_of};
use crate::standing::{ApprovalStatus, SignUpStatus, Standing};
use crate::testing::{Fault, Fixture, KRISTEN, LOCKED, NOW, TRUST, ZOE, context, ready};
use crate::user_update::{Field, UserUpdate};
use crate::{Actor, LoginName, Secret};

const UNKNOWN: &str = "zusrpdjpsqjqa8jdv533zh0pv8tcm";
const PASSWORD: &str = "battery staple correct";
const KEY: &str = "KMCLCWN4YPMD2WO3";

/// A wish for a user of this name, with nothing else in it.
fn named(username: &str) -> NewUser<'_> {
    NewUser {
        username,
        password: None,
        must_change: false,
        email: None,
        names: Names::default(),
        is_super_user: false,
        is_locked: false,
        sign_up: SignUpStatus::Final,
        is_approved: false,
        is_totp_enabled: false,
        totp_key: None,
        totp_label: None,
        rate_limit: RateLimit::default(),
    }
}

fn create(fixture: &Fixture, caller: &Caller, new: NewUser<'_>) -> Result<UserRecord, UserError> {
    ready(fixture.identity.create_user_by(caller, new, &fixture.pool, &context(), NOW, &mut fixture.rng()))
}

fn read(fixture: &Fixture, caller: &Caller, user_id: &str) -> Result<UserRecord, UserError> {
    ready(fixture.identity.record_of(caller, user_id, &context(), NOW))
}

fn update(fixture: &Fixture, caller: &Caller, user_id: Option<&str>, update: UserUpdate) -> Result<User, UserError> {
    ready(fixture.identity.update_user_by(caller, user_id, update, &context(), NOW))
}

fn delete(fixture: &Fixture, caller: &Caller, user_id: &str) -> Result<User, UserError> {
    ready(fixture.identity.delete_user_by(caller, user_id, &context(), NOW))
}

fn lock(fixture: &Fixture, caller: &Caller, user_id: &str, is_locked: bool) -> Result<User, UserError> {
    ready(fixture.identity.lock_user_by(caller, user_id, is_locked, &context(), NOW))
}

fn decide(fixture: &Fixture, caller: &Caller, user_id: &str, approval: ApprovalStatus) -> Result<User, UserError> {
    ready(fixture.identity.decide_on_user_by(caller, user_id, approval, &context(), NOW))
}

fn record(fixture: &Fixture, login: &str) -> UserRecord {
    read(fixture, &caller(fixture, TRUST), &id_of(fixture, login)).unwrap()
}

fn text(length: usize) -> String {
    "x".repeat(length)
}

/// The one row of the trail since it was forgotten last: operation, target, reason.
#[track_caller]
fn row(fixture: &Fixture) -> (&'static str, String, Option<Reason>) {
    let [(operation, _, target, reason)] = <[_; 1]>::try_from(fixture.take_rows()).unwrap();
    (operation, target, reason)
}

#[test]
fn a_super_user_sees_anybody_and_the_trail_says_whom() {
    let fixture = Fixture::new();
    let (boss, kristen) = (caller(&fixture, TRUST), id_of(&fixture, KRISTEN));
    fixture.memory().forget();
    assert_eq!(read(&fixture, &boss, &kristen).unwrap().user, fixture.user(KRISTEN));
    assert_eq!(row(&fixture), ("user.get", kristen, None));
    for unknown in [UNKNOWN, "nonsense", ""] {
        assert!(matches!(read(&fixture, &boss, unknown), Err(UserError::NoSuchUser)));
        assert_eq!(row(&fixture), ("user.get", unknown.to_owned(), Some(Reason::NotFound)));
    }
}

#[test]
fn others_see_nobody_by_an_id_not_even_themselves() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    for id in [id_of(&fixture, KRISTEN), id_of(&fixture, ZOE), UNKNOWN.to_owned()] {
        fixture.memory().forget();
        assert!(matches!(read(&fixture, &kristen, &id), Err(UserError::SuperUserOnly)));
        assert_eq!(row(&fixture), ("user.get", id, Some(Reason::NotAllowed)));
    }
    // What is one's own is read without an id, and leaves no row.
    assert_eq!(ready(fixture.identity.own_record(&kristen)).unwrap().user, fixture.user(KRISTEN));
    assert!(fixture.take_rows().is_empty());
}

#[test]
fn who_was_deleted_meanwhile_is_nobody() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    delete(&fixture, &caller(&fixture, TRUST), &id_of(&fixture, KRISTEN)).unwrap();
    assert!(matches!(ready(fixture.identity.own_record(&kristen)), Err(UserError::NoSuchUser)));
}

#[test]
fn a_created_user_is_what_was_asked_for() {
    let fixture = Fixture::new();
    let boss = caller(&fixture, TRUST);
    let (password, key) = (Secret::new(PASSWORD), Secret::new(KEY));
    fixture.memory().forget();
    let made = create(
        &fixture,
        &boss,
        NewUser {
            password: Some(&password),
            must_change: true,
            email: Some(" rand.not an email "),
            names: Names {
                first: Some(" Ann ".into()),
                middle: Some(" ".into()),
                last: Some("Lee".into()),
                display: None,
            },
            is_locked: true,
            sign_up: SignUpStatus::BeforeConfirmation,
            is_totp_enabled: true,
            totp_key: Some(&key),
            totp_label: Some("My label"),
            rate_limit: RateLimit { is_active: true, definition: Some("* = 5/m".into()) },
            ..named("Ann.Lee")
        },
    )
    .unwrap();
    assert_eq!(row(&fixture), ("user.create", "ann.lee".to_owned(), None));
    assert_eq!(
        (made.username(), made.user.login.as_str(), made.user.role.as_str()),
        ("Ann.Lee", "ann.lee", "frontend")
    );
    assert_eq!(made.user.password.as_ref().unwrap().as_stored(), PASSWORD);
    let standing = Standing {
        enabled: false,
        sign_up: SignUpStatus::BeforeConfirmation,
        approval: ApprovalStatus::BeforeDecision,
        password_expires: None,
        must_change: true,
    };
    assert_eq!(made.user.standing, standing);
    let names =
        Names { display: Some("Ann Lee".into()), first: Some("Ann".into()), middle: None, last: Some("Lee".into()) };
    assert_eq!(made.profile.names, names);
    assert_eq!(made.profile.email.as_ref().unwrap().text, "rand.not an email");
    let by_boss = Stamp { at: NOW, by: id_of(&fixture, TRUST) };
    assert_eq!(made.profile.locked, Some(by_boss));
    assert_eq!(made.profile.approval, Some(Stamp { at: NOW, by: "auto".to_owned() }));
    assert_eq!((made.profile.password_set, made.user.created), (Some(NOW), NOW));
    assert_eq!(made.profile.rate_limit, RateLimit { is_active: true, definition: Some("* = 5/m".into()) });
    let factor = made.factor.clone().unwrap();
    assert_eq!((factor.is_enabled, factor.label), (true, Some("My label".into())));
    assert_eq!(read(&fixture, &boss, &made.user.id.to_sign_on()).unwrap(), made);
}

#[test]
fn a_created_user_with_nothing_but_a_name_has_a_password_that_nobody_knows() {
    let fixture = Fixture::new();
    let boss = caller(&fixture, TRUST);
    let [one, other] = ["ann", "bob"].map(|name| create(&fixture, &boss, named(name)).unwrap());
    let password = |record: &UserRecord| record.user.password.clone().unwrap().as_stored().to_owned();
    assert_eq!((password(&one).len(), password(&other).len()), (32, 32));
    assert_ne!(password(&one), password(&other));
    assert_eq!((one.username(), &one.profile.names, &one.profile.email), ("ann", &Names::default(), &None));
    assert_eq!((one.profile.locked, one.factor), (None, None));
    let standing = Standing { approval: ApprovalStatus::BeforeDecision, ..Standing::GOOD };
    assert_eq!(one.user.standing, standing);
}

#[test]
fn a_created_user_waits_for_approval_unless_it_comes_with_it_or_none_is_needed() {
    let check = |needs_approval: bool, is_approved: bool, approval: ApprovalStatus, is_by_boss: bool| {
        let mut fixture = Fixture::new();
        fixture.identity.settings.sign_on.users.needs_approval = needs_approval;
        let made = create(&fixture, &caller(&fixture, TRUST), NewUser { is_approved, ..named("ann") }).unwrap();
        let by = if is_by_boss { id_of(&fixture, TRUST) } else { "auto".to_owned() };
        assert_eq!((made.user.standing.approval, made.profile.approval.unwrap().by), (approval, by));
    };
    check(true, false, ApprovalStatus::BeforeDecision, false);
    check(true, true, ApprovalStatus::Approved, true);
    check(false, false, ApprovalStatus::Approved, false);
    check(false, true, ApprovalStatus::Approved, true);
}

#[test]
fn a_created_user_has_the_role_of_the_settings_or_that_of_super_users() {
    let mut fixture = Fixture::new();
    let boss = caller(&fixture, TRUST);
    let role = |fixture: &Fixture, name: &str, is_super_user: bool| {
        let made = create(fixture, &boss, NewUser { is_super_user, ..named(name) })?;
        Ok::<_, UserError>(made.user.role.to_string())
    };
    assert_eq!(role(&fixture, "ann", false).unwrap(), "frontend");
    assert_eq!(role(&fixture, "bob", true).unwrap(), "trust");
    fixture.identity.settings.sign_on.users.role = RoleName::parse("nothing").unwrap();
    assert!(matches!(role(&fixture, "cid", false), Err(UserError::NoSuchRole(name)) if name == "nothing"));
    assert_eq!(role(&fixture, "dot", true).unwrap(), "trust");
}

#[test]
fn only_super_users_create_users() {
    let fixture = Fixture::new();
    for login in [KRISTEN, ZOE] {
        let caller = caller(&fixture, login);
        fixture.memory().forget();
        // What else is wrong is not looked at.
        for name in ["ann", "", KRISTEN] {
            assert!(matches!(create(&fixture, &caller, named(name)), Err(UserError::SuperUserOnly)));
            assert_eq!(row(&fixture), ("user.create", name.to_owned(), Some(Reason::NotAllowed)));
        }
    }
}

/// Creating a user like this is refused with this error, which the trail has; nobody was created.
#[track_caller]
fn check_no_user(new: NewUser<'_>, is_it: impl Fn(&UserError) -> bool, reason: Reason) {
    let fixture = Fixture::new();
    let boss = caller(&fixture, TRUST);
    fixture.memory().forget();
    let error = create(&fixture, &boss, new).unwrap_err();
    assert!(is_it(&error), "{error:?}");
    assert_eq!(row(&fixture).2, Some(reason));
    assert!(create(&fixture, &boss, named("ann")).is_ok());
}

#[test]
fn what_can_be_no_user_is_refused() {
    let is_name = |error: &UserError| matches!(error, UserError::LoginName(_));
    for name in ["", " ", "a b", "a\u{0}", "%operator", &text(LoginName::BYTES_MAX + 1)] {
        check_no_user(named(name), is_name, Reason::BadRequest);
    }
    check_no_user(named(&KRISTEN.to_uppercase()), |error| matches!(error, UserError::LoginTaken), Reason::Exists);
    let too_long = text(Email::CHARACTERS_MAX + 1);
    let email = |text| NewUser { email: Some(text), ..named("ann") };
    check_no_user(email("a\nb"), |error| matches!(error, UserError::Email), Reason::BadRequest);
    check_no_user(email(&too_long), |error| matches!(error, UserError::EmailTooLong), Reason::BadRequest);
    let is_bad = |error: &UserError| matches!(error, UserError::BadInput(_));
    for name in [text(Names::CHARACTERS_MAX + 1), "a\u{7}b".to_owned()] {
        for names in [
            Names { display: Some(name.clone()), ..Names::default() },
            Names { first: Some(name.clone()), ..Names::default() },
            Names { middle: Some(name.clone()), ..Names::default() },
            Names { last: Some(name.clone()), ..Names::default() },
        ] {
            check_no_user(NewUser { names, ..named("ann") }, is_bad, Reason::BadRequest);
        }
    }
    for definition in [text(4_097), "a\u{0}".to_owned()] {
        let rate_limit = RateLimit { is_active: false, definition: Some(definition) };
        check_no_user(NewUser { rate_limit, ..named("ann") }, is_bad, Reason::BadRequest);
    }
    let (key, label) = (Secret::new("not base32 !!"), text(LABEL_CHARACTERS_MAX + 1));
    check_no_user(NewUser { totp_key: Some(&key), ..named("ann") }, is_bad, Reason::BadRequest);
    check_no_user(NewUser { totp_label: Some(&label), ..named("ann") }, is_bad, Reason::BadRequest);
    let weak = Secret::new("aaaaaaaaaaaa");
    let is_weak = |error: &UserError| matches!(error, UserError::Password(PasswordRefused::TooSimple));
    check_no_user(NewUser { password: Some(&weak), ..named("ann") }, is_weak, Reason::PasswordTooSimple);
}

#[test]
fn what_is_just_short_enough_is_kept() {
    let fixture = Fixture::new();
    let (name, text_191) = (text(LoginName::BYTES_MAX), "é".repeat(191));
    let (label, definition) = ("é".repeat(LABEL_CHARACTERS_MAX), format!("{}\r\n", text(4_094)));
    let names = || [Some(text_191.clone()), Some(text_191.clone()), Some(text_191.clone()), Some(text_191.clone())];
    let [display, first, middle, last] = names();
    let made = create(
        &fixture,
        &caller(&fixture, TRUST),
        NewUser {
            email: Some(&text_191),
            names: Names { display, first, middle, last },
            totp_label: Some(&label),
            rate_limit: RateLimit { is_active: true, definition: Some(definition.clone()) },
            ..named(&name)
        },
    )
    .unwrap();
    assert_eq!((made.user.login.as_str(), made.profile.names.last), (name.as_str(), Some(text_191.clone())));
    assert_eq!((made.profile.email.unwrap().text, made.profile.rate_limit.definition), (text_191, Some(definition)));
    assert_eq!(made.factor.unwrap().label, Some(label));
}

#[test]
fn a_label_or_a_blank_key_makes_a_key_that_is_not_demanded_yet() {
    let fixture = Fixture::new();
    let boss = caller(&fixture, TRUST);
    let blank = Secret::new(" ");
    let label = create(&fixture, &boss, NewUser { totp_label: Some("phone"), ..named("ann") }).unwrap();
    assert_eq!(label.factor, Some(FactorState { is_enabled: false, label: Some("phone".into()) }));
    let none = NewUser { totp_key: Some(&blank), totp_label: Some(""), ..named("bob") };
    assert_eq!(create(&fixture, &boss, none).unwrap().factor, None);
    let enabled = create(&fixture, &boss, NewUser { is_totp_enabled: true, ..named("cid") }).unwrap();
    assert_eq!(enabled.factor, Some(FactorState { is_enabled: true, label: None }));
}

#[test]
fn a_busy_pool_and_a_storage_that_fails_create_nobody() {
    let mut fixture = Fixture::new();
    let boss = caller(&fixture, TRUST);
    let password = Secret::new(PASSWORD);
    fixture.memory().forget();
    fixture.pool.is_busy = true;
    for password in [None, Some(&password)] {
        let busy = create(&fixture, &boss, NewUser { password, ..named("ann") });
        assert!(matches!(busy, Err(UserError::Busy(PoolBusy))));
        assert_eq!(row(&fixture).2, Some(Reason::Busy));
    }
    fixture.pool.is_busy = false;
    fixture.memory().fail(Some(Fault { at: 0, commits: false }));
    assert!(matches!(create(&fixture, &boss, named("ann")), Err(UserError::Storage(_))));
    fixture.memory().fail(None);
    assert!(create(&fixture, &boss, named("ann")).is_ok());
}

#[test]
fn owners_change_what_is_theirs_with_or_without_their_id() {
    let fixture = Fixture::new();
    let (kristen, id) = (caller(&fixture, KRISTEN), id_of(&fixture, KRISTEN));
    fixture.memory().forget();
    let first = |name: &str| UserUpdate { first: Field::Set(name.to_owned()), ..UserUpdate::default() };
    for (user_id, name, target) in [(None, "A", KRISTEN), (Some(""), "B", ""), (Some(id.as_str()), "C", id.as_str())] {
        update(&fixture, &kristen, user_id, first(name)).unwrap();
        assert_eq!(row(&fixture), ("user.update", target.to_owned(), None));
        assert_eq!(ready(fixture.identity.own_record(&kristen)).unwrap().profile.names.first, Some(name.into()));
    }
    update(&fixture, &kristen, None, UserUpdate { first: Field::Clear, ..UserUpdate::default() }).unwrap();
    assert_eq!(ready(fixture.identity.own_record(&kristen)).unwrap().profile.names.first, None);
}

/// Everything that only super-users change, one by one.
fn for_super_users() -> [UserUpdate; 5] {
    let none = UserUpdate::default;
    [
        UserUpdate { enabled: Some(true), ..none() },
        UserUpdate { sign_up: Some(SignUpStatus::Final), ..none() },
        UserUpdate { approval: Some(ApprovalStatus::Approved), ..none() },
        UserUpdate { password_expires: Some(NOW), ..none() },
        UserUpdate { must_change: Some(false), ..none() },
    ]
}

#[test]
fn owners_change_neither_others_nor_what_is_a_super_users() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    let before = record(&fixture, KRISTEN);
    let check = |user_id: Option<&str>, wish: UserUpdate| {
        fixture.memory().forget();
        assert!(matches!(update(&fixture, &kristen, user_id, wish), Err(UserError::BadInput(_))));
        assert_eq!(row(&fixture).2, Some(Reason::BadRequest));
    };
    for wish in for_super_users() {
        check(None, wish.clone());
        // Not even beside what is theirs.
        check(None, UserUpdate { first: Field::Set("x".to_owned()), ..wish });
    }
    let first = UserUpdate { first: Field::Set("x".to_owned()), ..UserUpdate::default() };
    for other in [id_of(&fixture, ZOE).as_str(), UNKNOWN, "nonsense"] {
        check(Some(other), first.clone());
    }
    assert_eq!(record(&fixture, KRISTEN), before);
    assert_eq!(record(&fixture, ZOE).profile.names.first, None);
}

#[test]
fn super_users_change_everything_of_anybody() {
    let fixture = Fixture::new();
    let (boss, kristen) = (caller(&fixture, TRUST), id_of(&fixture, KRISTEN));
    for wish in for_super_users() {
        update(&fixture, &boss, Some(&kristen), wish.clone()).unwrap();
        update(&fixture, &boss, None, wish).unwrap();
    }
    let stamp = Some(Stamp { at: NOW, by: id_of(&fixture, TRUST) });
    let changed = ready(fixture.identity.own_record(&boss)).unwrap();
    assert_eq!((changed.profile.locked, changed.profile.approval), (stamp.clone(), stamp));
    assert_eq!(changed.user.standing, Standing { password_expires: Some(NOW), ..Standing::GOOD });
    for unknown in [UNKNOWN, "nonsense"] {
        fixture.memory().forget();
        let [wish, ..] = for_super_users();
        assert!(matches!(update(&fixture, &boss, Some(unknown), wish), Err(UserError::NoSuchUser)));
        assert_eq!(row(&fixture), ("user.update", unknown.to_owned(), Some(Reason::NotFound)));
    }
}

#[test]
fn nothing_to_change_and_a_taken_name_are_refused() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    fixture.memory().forget();
    assert!(matches!(update(&fixture, &kristen, None, UserUpdate::default()), Err(UserError::Nothing)));
    assert_eq!(row(&fixture), ("user.update", KRISTEN.to_owned(), Some(Reason::BadRequest)));
    let login = |name: &str| UserUpdate { login: Some(LoginName::parse(name).unwrap()), ..UserUpdate::default() };
    let both = UserUpdate { first: Field::Set("x".to_owned()), ..login("ZOE") };
    assert!(matches!(update(&fixture, &kristen, None, both), Err(UserError::LoginTaken)));
    assert_eq!(row(&fixture), ("user.update", KRISTEN.to_owned(), Some(Reason::Exists)));
    assert_eq!(ready(fixture.identity.own_record(&kristen)).unwrap().profile.names.first, None);
    // The own name is no other's.
    assert!(update(&fixture, &kristen, None, login(KRISTEN)).is_ok());
}

#[test]
fn super_users_delete_others_and_not_themselves() {
    let fixture = Fixture::new();
    let (boss, zoe) = (caller(&fixture, TRUST), id_of(&fixture, ZOE));
    let own = id_of(&fixture, TRUST);
    fixture.memory().forget();
    assert!(matches!(delete(&fixture, &boss, &own), Err(UserError::Oneself)));
    assert_eq!(row(&fixture), ("user.delete", own, Some(Reason::NotAllowed)));
    delete(&fixture, &boss, &zoe).unwrap();
    assert_eq!(row(&fixture), ("user.delete", zoe.clone(), None));
    for unknown in [zoe.as_str(), UNKNOWN, "nonsense", ""] {
        assert!(matches!(delete(&fixture, &boss, unknown), Err(UserError::NoSuchUser)));
        assert_eq!(row(&fixture), ("user.delete", unknown.to_owned(), Some(Reason::NotFound)));
    }
    let kristen = caller(&fixture, KRISTEN);
    for id in [id_of(&fixture, KRISTEN), id_of(&fixture, LOCKED)] {
        assert!(matches!(delete(&fixture, &kristen, &id), Err(UserError::SuperUserOnly)));
    }
    assert!([KRISTEN, LOCKED, TRUST].iter().all(|login| fixture.user(login).login.as_str() == *login));
}

#[test]
fn super_users_lock_and_unlock_which_is_noted_each_time() {
    let fixture = Fixture::new();
    let (boss, id) = (caller(&fixture, TRUST), id_of(&fixture, KRISTEN));
    let kristen = caller(&fixture, KRISTEN);
    fixture.memory().forget();
    let stamp = Some(Stamp { at: NOW, by: id_of(&fixture, TRUST) });
    for (is_locked, operation) in
        [(true, "user.lock"), (true, "user.lock"), (false, "user.unlock"), (false, "user.unlock")]
    {
        assert!(matches!(lock(&fixture, &kristen, &id, is_locked), Err(UserError::SuperUserOnly)));
        assert_eq!(row(&fixture), (operation, id.clone(), Some(Reason::NotAllowed)));
        assert_eq!(lock(&fixture, &boss, &id, is_locked).unwrap().standing.enabled, !is_locked);
        assert_eq!(row(&fixture), (operation, id.clone(), None));
        assert_eq!(read(&fixture, &boss, &id).unwrap().profile.locked, stamp);
        assert!(matches!(lock(&fixture, &boss, UNKNOWN, is_locked), Err(UserError::NoSuchUser)));
        fixture.memory().forget();
    }
    // Oneself, too.
    assert!(!lock(&fixture, &boss, &id_of(&fixture, TRUST), true).unwrap().standing.enabled);
}

#[test]
fn super_users_decide_about_users_and_others_hear_that_their_input_is_wrong() {
    let fixture = Fixture::new();
    let (boss, id) = (caller(&fixture, TRUST), id_of(&fixture, KRISTEN));
    let kristen = caller(&fixture, KRISTEN);
    fixture.memory().forget();
    for (approval, operation) in [
        (ApprovalStatus::Approved, "user.approve"),
        (ApprovalStatus::Rejected, "user.reject"),
        (ApprovalStatus::Rejected, "user.reject"),
        (ApprovalStatus::Approved, "user.approve"),
    ] {
        assert!(matches!(decide(&fixture, &kristen, &id, approval), Err(UserError::BadInput(_))));
        assert_eq!(row(&fixture), (operation, id.clone(), Some(Reason::BadRequest)));
        assert_eq!(decide(&fixture, &boss, &id, approval).unwrap().standing.approval, approval);
        assert_eq!(row(&fixture), (operation, id.clone(), None));
        for unknown in [UNKNOWN, "nonsense"] {
            assert!(matches!(decide(&fixture, &boss, unknown, approval), Err(UserError::NoSuchUser)));
            assert_eq!(row(&fixture), (operation, unknown.to_owned(), Some(Reason::NotFound)));
        }
    }
    assert_eq!(record(&fixture, KRISTEN).profile.approval, Some(Stamp { at: NOW, by: id_of(&fixture, TRUST) }));
}

#[test]
fn a_label_is_given_and_taken_and_one_that_is_too_long_is_neither() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    let label = |owner, label: &str| {
        let rng = &mut fixture.rng();
        ready(fixture.identity.label_factor_by(&kristen, owner, label, &context(), NOW, rng))
    };
    let own = kristen.user().id;
    let shown = || ready(fixture.identity.own_record(&kristen)).unwrap().factor.and_then(|factor| factor.label);
    for (given, want) in [("phone", Some("phone".into())), (&text(128), Some(text(128))), ("", None)] {
        label(own, given).unwrap();
        assert_eq!(shown(), want);
    }
    label(own, "phone").unwrap();
    assert!(matches!(label(own, &text(129)), Err(UserError::BadInput(_))));
    assert_eq!(shown(), Some("phone".into()));
    let nobody = UserId::parse_sign_on(UNKNOWN).unwrap();
    assert!(matches!(label(nobody, "phone"), Err(UserError::NoSuchUser)));
}

#[test]
fn an_email_is_any_text_without_blanks_around_it_and_found_in_any_case() {
    let mut fixture = Fixture::new();
    let one = fixture.identity.email(" Rand.Not an Email ").unwrap();
    assert_eq!((one.text.as_str(), one.is_sealed), ("Rand.Not an Email", true));
    assert_eq!(one.digest, fixture.identity.email("rand.not an email").unwrap().digest);
    assert!(fixture.identity.email(&format!(" {} ", text(191))).is_ok());
    assert!(matches!(fixture.identity.email(&text(192)), Err(UserError::EmailTooLong)));
    assert!(matches!(fixture.identity.email("a\u{0}b"), Err(UserError::Email)));
    fixture.identity.settings.sign_on.users.seals_email = false;
    assert!(!fixture.identity.email("a").unwrap().is_sealed);
}

#[test]
fn a_name_is_any_text_without_blanks_around_it() {
    let check = |given: &str, want: Option<&str>| assert_eq!(checked_name(given).ok().as_deref(), want, "{given:.10}");
    check(" Ann ", Some("Ann"));
    check("", Some(""));
    check(&format!(" {} ", text(191)), Some(&text(191)));
    check(&text(192), None);
    check("a\nb", None);
    let login = LoginName::parse("Ann").unwrap();
    assert_eq!((spelling("Ann", &login), spelling("ann", &login)), (Some("Ann".into()), None));
}

#[test]
fn errors_of_names_are_told_apart() {
    let fixture = Fixture::new();
    let boss = caller(&fixture, TRUST);
    let error = |name: &str| match create(&fixture, &boss, named(name)) {
        Err(UserError::LoginName(error)) => error,
        other => panic!("{other:?}"),
    };
    assert_eq!(error(&text(LoginName::BYTES_MAX + 1)), LoginNameError::TooLong);
    assert_eq!(error("a b"), LoginNameError::Character(' '));
}

#[test]
fn a_session_of_somebody_who_was_made_a_super_user_meanwhile_is_as_it_was() {
    let fixture = Fixture::new();
    let kristen = caller(&fixture, KRISTEN);
    let trust = UserChange::Role(RoleName::trust());
    ready(fixture.identity.change_user(KRISTEN, trust, &Actor::Operator, &context(), NOW)).unwrap();
    // The proof is of the moment it was made; the next request makes another.
    assert!(matches!(create(&fixture, &kristen, named("ann")), Err(UserError::SuperUserOnly)));
    assert!(create(&fixture, &caller(&fixture, KRISTEN), named("ann")).is_ok());
}
