use super::*;
use crate::profile::Email;
use crate::repository::Run as _;
use crate::testing::{Fixture, KRISTEN, NOW, TestRng, context, ready, secrets};

const ANN: &str = "ann";

fn ann() -> DirectoryUser {
    DirectoryUser {
        login: LoginName::parse(ANN).unwrap(),
        spelling: "Ann".into(),
        name: Some("Ann Lee".into()),
        email: Some("Ann@example.com".into()),
        upn: Some("ann@corp.example.com".into()),
        enabled: true,
    }
}

#[track_caller]
fn sync_as(fixture: &Fixture, given: &DirectoryUser, is_dry_run: bool) -> Synced {
    let rules = SyncRules { role: &RoleName::frontend(), is_dry_run };
    ready(fixture.identity.sync_user(given, rules, &context(), NOW, &mut TestRng(3))).unwrap()
}

#[track_caller]
fn sync(fixture: &Fixture, given: &DirectoryUser) -> Synced {
    sync_as(fixture, given, false)
}

fn record(fixture: &Fixture) -> UserRecord {
    ready(fixture.identity.user_record(ANN)).unwrap()
}

fn change(fixture: &Fixture, login: &str, change: UserChange) {
    ready(fixture.identity.change_user(login, change, &Actor::Operator, &context(), NOW)).unwrap();
    fixture.take_rows();
}

/// A fixture in which the directory has brought its user over.
fn with_ann() -> Fixture {
    let fixture = Fixture::new();
    assert_eq!(sync(&fixture, &ann()), Synced::Created);
    fixture
}

#[test]
fn makes_a_user_once_with_what_the_directory_says() {
    let fixture = with_ann();
    let created = record(&fixture);
    assert_eq!(created.user.source(), Source::Ldap);
    assert_eq!((created.user.standing, created.user.role.as_str()), (Standing::GOOD, "frontend"));
    assert_eq!(created.username(), "Ann");
    assert_eq!(created.profile.names.display.as_deref(), Some("Ann Lee"));
    assert_eq!(created.profile.email.as_ref().map(|email| email.text.as_str()), Some("Ann@example.com"));
    assert_eq!(created.profile.upn.as_deref(), Some("ann@corp.example.com"));
    assert_eq!(created.profile.locked, None);
    assert_eq!(fixture.take_rows(), [("user.create", DIRECTORY.to_owned(), ANN.to_owned(), None)]);
    assert_eq!(sync(&fixture, &ann()), Synced::Same);
    assert_eq!(fixture.take_rows(), [], "nothing was changed");
}

#[test]
fn a_user_who_is_locked_in_the_directory_is_made_so() {
    let fixture = Fixture::new();
    let locked = DirectoryUser { enabled: false, ..ann() };
    assert_eq!(sync(&fixture, &locked), Synced::Created);
    assert!(!record(&fixture).user.standing.enabled);
    assert!(matches!(sync(&fixture, &ann()), Synced::Changed(_)), "and unlocked with it");
    assert!(record(&fixture).user.standing.enabled);
}

#[test]
fn changes_what_is_different_and_nothing_else() {
    let fixture = with_ann();
    fixture.take_rows();
    let id = record(&fixture).user.id;
    let check = |given: &DirectoryUser, name: Option<&str>, email: Option<&str>| {
        assert_eq!(sync(&fixture, given), Synced::Changed(id), "{given:?}");
        let Profile { names, email: kept, .. } = record(&fixture).profile;
        assert_eq!((names.display.as_deref(), kept.as_ref().map(|email| email.text.as_str())), (name, email));
        assert_eq!(fixture.take_rows(), [("user.update", DIRECTORY.to_owned(), ANN.to_owned(), None)]);
    };
    let other_name = DirectoryUser { name: Some(" Ann Leigh ".into()), ..ann() };
    check(&other_name, Some("Ann Leigh"), Some("Ann@example.com"));
    let without = DirectoryUser { email: None, ..other_name.clone() };
    check(&without, Some("Ann Leigh"), None);
    check(&other_name, Some("Ann Leigh"), Some("Ann@example.com"));
    // What can't be kept counts as nothing.
    let long = Email::CHARACTERS_MAX + 1;
    let unusable = DirectoryUser { name: Some("a\nb".into()), email: Some("x".repeat(long)), ..ann() };
    check(&unusable, None, None);
    assert_eq!(sync(&fixture, &unusable), Synced::Same);
}

#[test]
fn a_local_user_of_the_same_name_stays_as_it_is() {
    let fixture = Fixture::new();
    let before = ready(fixture.identity.user_record(KRISTEN)).unwrap();
    let given = DirectoryUser { login: LoginName::parse(KRISTEN).unwrap(), enabled: false, ..ann() };
    assert_eq!(sync(&fixture, &given), Synced::Local);
    assert_eq!(ready(fixture.identity.user_record(KRISTEN)).unwrap(), before);
    assert_eq!(fixture.take_rows(), []);
    // Also one that the directory has had.
    let fixture = with_ann();
    change(&fixture, ANN, UserChange::Password(secrets("a horse of her own", &mut TestRng(9)).into()));
    assert_eq!(sync(&fixture, &DirectoryUser { enabled: false, ..ann() }), Synced::Local);
    assert!(record(&fixture).user.standing.enabled);
}

#[test]
fn the_directory_unlocks_only_whom_it_has_locked() {
    let fixture = with_ann();
    let id = record(&fixture).user.id;
    let locked = DirectoryUser { enabled: false, ..ann() };
    assert_eq!(sync(&fixture, &locked), Synced::Locked(id));
    assert_eq!(sync(&fixture, &locked), Synced::Same);
    assert_eq!(sync(&fixture, &ann()), Synced::Changed(id));
    assert!(record(&fixture).user.standing.enabled);
    change(&fixture, ANN, UserChange::Enabled(false));
    assert_eq!(sync(&fixture, &ann()), Synced::KeptLocked);
    assert_eq!(sync(&fixture, &locked), Synced::Same);
    assert!(!record(&fixture).user.standing.enabled);
}

#[test]
fn the_write_looks_again() {
    let fixture = with_ann();
    let id = record(&fixture).user.id;
    let unlock = |enabled| {
        let update = UserUpdate { enabled: Some(enabled), display: Field::Set("New".into()), ..UserUpdate::default() };
        let audit = AuditEvent::by_name(NOW, &context(), DIRECTORY, Operation::UserUpdate);
        ready(fixture.identity.repository().run(SyncUser { user: id, update, audit })).unwrap()
    };
    // The operator was quicker.
    change(&fixture, ANN, UserChange::Enabled(false));
    assert!(!unlock(true).unwrap().standing.enabled);
    change(&fixture, ANN, UserChange::Password(secrets("a horse of her own", &mut TestRng(9)).into()));
    assert_eq!(unlock(true), None);
    change(&fixture, ANN, UserChange::Delete);
    assert_eq!(unlock(true), None);
    assert_eq!(fixture.take_rows(), [], "nothing was written");
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let fixture = Fixture::new();
    assert_eq!(sync_as(&fixture, &ann(), true), Synced::Created);
    assert!(ready(fixture.identity.user_record(ANN)).is_err());
    let fixture = with_ann();
    fixture.take_rows();
    let id = record(&fixture).user.id;
    assert_eq!(sync_as(&fixture, &DirectoryUser { enabled: false, ..ann() }, true), Synced::Locked(id));
    assert!(record(&fixture).user.standing.enabled);
    assert_eq!(fixture.take_rows(), []);
}

#[test]
fn finds_who_is_of_the_directory_page_by_page() {
    let fixture = with_ann();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let (users, next) = ready(fixture.identity.users_of_directory(after, 2)).unwrap();
        found.extend(users.into_iter().map(|user| user.login.to_string()));
        after = next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, [ANN]);
}

#[test]
fn who_is_gone_is_locked_once() {
    let fixture = with_ann();
    let user = record(&fixture).user;
    let rules = SyncRules { role: &RoleName::frontend(), is_dry_run: false };
    let lock = |user: &User| ready(fixture.identity.lock_missing(user, rules, &context(), NOW)).unwrap();
    assert_eq!(lock(&user), Synced::Locked(user.id));
    assert_eq!(lock(&record(&fixture).user), Synced::Same);
    // Whoever comes back comes in again.
    assert_eq!(sync(&fixture, &ann()), Synced::Changed(user.id));
    assert!(record(&fixture).user.standing.enabled);
}

#[test]
fn a_role_that_is_not_there_is_named() {
    let fixture = Fixture::new();
    let role = RoleName::parse("strange").unwrap();
    let rules = SyncRules { role: &role, is_dry_run: false };
    let error = ready(fixture.identity.sync_user(&ann(), rules, &context(), NOW, &mut TestRng(3))).unwrap_err();
    assert!(error.to_string().contains("strange"), "{error}");
}
