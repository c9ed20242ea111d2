//! What is known of users beyond logins, and what keeps a user out.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::{Email, Names, Profile, RateLimit, Stamp, UserRecord};
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{
    AcceptCookie, AcceptCredentialOutcome, AcceptLogin, AcceptLoginOutcome, AcceptUser, ChangeUser, ChangeUserOutcome,
    CreateUser, CreateUserOutcome, Evidence, FindByEmail, FindCredential, FindProfile, FindUser, MintOutcome,
    PasswordChange, Repository, SpendCredential, SpendOutcome, UserChange,
};
use countersign_identity::sign_on::operations::{
    FindFactor, FindSession, LabelFactor, OpenSession, OpenSessionOutcome,
};
use countersign_identity::sign_on::{Factor, SignOnSession};
use countersign_identity::standing::{ApprovalStatus, SignUpStatus, Standing};
use countersign_identity::totp::{Totp, TotpKey};
use countersign_identity::user::User;
use countersign_identity::user_update::{Field, UserUpdate};
use countersign_identity::{Credential, CredentialKind, SessionId};
use uuid::Uuid;

use super::fixture::{NOW, at, check, digest, event, login, mint, otp, people, race, user, user_id};

fn email(address: &str, number: u32, is_sealed: bool) -> Email {
    Email { text: address.to_owned(), digest: digest(number), is_sealed }
}

fn create(user: User, profile: Profile) -> CreateUser {
    CreateUser { user, profile, proofs: Secrets::default(), factor: None, audit: event(Audited::UserCreate) }
}

fn change(name: &str, change: UserChange) -> ChangeUser {
    ChangeUser { who: FindUser::ById(user_id(name)), change, by: "zusr1".into(), audit: event(Audited::UserUpdate) }
}

fn record(user: User, profile: Profile) -> UserRecord {
    UserRecord { user, profile, factor: None }
}

async fn profile_of<R: Repository>(repository: &R, name: &str) -> Profile {
    repository.run(FindProfile { who: FindUser::ById(user_id(name)) }).await.unwrap().unwrap().profile
}

/// By either way of finding; with nothing, and with everything.
pub async fn keeps_every_field_of_a_profile<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["bob"]).await;
    let full = Profile {
        spelling: Some("Alice".into()),
        names: Names {
            display: Some("Ä %_\\".into()),
            first: Some("a".into()),
            middle: Some(String::new()),
            last: Some("c".into()),
        },
        email: Some(email("Alice@Example.com", 1, true)),
        upn: Some("alice@corp.example".into()),
        locked: Some(Stamp { at: at(1), by: "auto".into() }),
        approval: Some(Stamp { at: at(2), by: "%operator".into() }),
        password_set: Some(at(3)),
        confirmed: Some(at(4)),
        rate_limit: RateLimit { is_active: true, definition: Some("* = 5/m".into()) },
    };
    let standing = Standing {
        enabled: false,
        sign_up: SignUpStatus::BeforeConfirmation,
        approval: ApprovalStatus::Rejected,
        password_expires: Some(at(5)),
        must_change: true,
    };
    let alice = User { standing, ..user("alice") };
    let outcome = CreateUserOutcome::Created;
    check(repository, create(alice.clone(), full.clone()), outcome, &["user.create accepted"]).await;
    for who in [FindUser::ById(user_id("alice")), FindUser::ByLogin(login("alice"))] {
        check(repository, FindProfile { who }, Some(record(alice.clone(), full.clone())), &[]).await;
    }
    let bob = FindProfile { who: FindUser::ById(user_id("bob")) };
    check(repository, bob, Some(record(user("bob"), Profile::default())), &[]).await;
    check(repository, FindProfile { who: FindUser::ById(user_id("nobody")) }, None, &[]).await;
}

/// Oldest first, and no more than asked for.
pub async fn finds_users_by_an_address_in_clear_or_sealed<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["dave"]).await;
    let person = |name: &str, micros| User { created: at(micros), ..user(name) };
    for (user, address) in [
        (person("alice", 2), email("one@x", 1, true)),
        (person("bob", 1), email("one@x", 1, false)),
        (person("carol", 0), email("two@x", 2, false)),
    ] {
        repository.run(create(user, Profile { email: Some(address), ..Profile::default() })).await.unwrap();
    }
    let find = |number, limit| FindByEmail { digest: digest(number), limit };
    check(repository, find(1, 10), vec![person("bob", 1), person("alice", 2)], &[]).await;
    check(repository, find(1, 1), vec![person("bob", 1)], &[]).await;
    check(repository, find(2, 10), vec![person("carol", 0)], &[]).await;
    check(repository, find(3, 10), vec![], &[]).await;
}

/// Sets all that an update can set.
fn everything() -> UserUpdate {
    let name = |text: &str| Field::Set(text.to_owned());
    UserUpdate {
        login: Some(login("alice2")),
        spelling: name("Alice2"),
        email: Field::Set(email("Alice@Example.com", 8, true)),
        upn: name("alice@corp"),
        display: name("Ä"),
        first: name("a"),
        middle: name("b"),
        last: name("c"),
        enabled: Some(true),
        sign_up: Some(SignUpStatus::Final),
        approval: Some(ApprovalStatus::BeforeDecision),
        password_expires: Some(at(9)),
        must_change: Some(false),
    }
}

/// Takes away what can be taken away.
fn nothing_left() -> UserUpdate {
    UserUpdate {
        spelling: Field::Clear,
        email: Field::Clear,
        upn: Field::Clear,
        display: Field::Clear,
        first: Field::Clear,
        middle: Field::Clear,
        last: Field::Clear,
        ..UserUpdate::default()
    }
}

/// A name that is taken, at the same moment or before, and one's own; one-time passwords of the old name go.
pub async fn renames_a_user_to_a_free_name<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    assert_eq!(repository.run(mint(otp(1, "alice"))).await.unwrap(), MintOutcome::Minted);
    assert_eq!(repository.run(mint(otp(2, "bob"))).await.unwrap(), MintOutcome::Minted);
    let rename = |name: &str, to: &str| {
        let update = UserUpdate { login: Some(login(to)), ..UserUpdate::default() };
        change(name, UserChange::Update(Box::new(update)))
    };
    let taken = ChangeUserOutcome::LoginTaken;
    check(&*repository, rename("alice", "bob"), taken, &["user.update refused exists"]).await;
    check(&*repository, FindUser::ById(user_id("alice")), Some(user("alice")), &[]).await;
    let own = ChangeUserOutcome::Changed(user("alice"));
    check(&*repository, rename("alice", "alice"), own, &["user.update accepted"]).await;
    assert!(repository.run(FindCredential { digest: digest(1) }).await.unwrap().is_some());
    let to = |number: u32| rename(if number.is_multiple_of(2) { "alice" } else { "bob" }, "carol");
    let outcomes = race(&repository, 2, to).await;
    let changed = outcomes.iter().filter(|outcome| matches!(outcome, ChangeUserOutcome::Changed(_))).count();
    assert_eq!((changed, outcomes.contains(&ChangeUserOutcome::LoginTaken)), (1, true));
    let left = [1, 2].map(|number| FindCredential { digest: digest(number) });
    let mut count = 0;
    for find in left {
        count += usize::from(repository.run(find).await.unwrap().is_some());
    }
    assert_eq!(count, 1);
}

/// One's own password leaves the session in which it was changed.
pub async fn keeps_the_session_in_which_the_password_was_changed<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &[]).await;
    let hash = PasswordHash::from_stored("first".to_owned());
    let standing = Standing { must_change: true, ..Standing::GOOD };
    let alice = User { password: Some(hash.clone()), standing, ..user("alice") };
    repository.run(create(alice, Profile::default())).await.unwrap();
    let second = PasswordHash::from_stored("second".to_owned());
    // A login with the password that has to be changed, and the one that takes its place.
    let opened = repository.run(open(1, &hash, Some(second.clone().into()))).await.unwrap();
    let OpenSessionOutcome::Opened(user) = opened else { panic!("{opened:?}") };
    assert_eq!((user.password, user.standing), (Some(second.clone()), Standing::GOOD));
    assert!(matches!(repository.run(open(2, &second, None)).await.unwrap(), OpenSessionOutcome::Opened(_)));
    let third = PasswordHash::from_stored("third".to_owned());
    let kept = PasswordChange { kept: Some(session_id(2)), ..third.clone().into() };
    repository.run(change("alice", UserChange::Password(kept))).await.unwrap();
    let found = async |number| repository.run(FindSession { digest: digest(number), now: NOW }).await.unwrap();
    assert!(found(1).await.is_none() && found(2).await.is_some());
    // All others end where the password is changed at login.
    let opened = repository.run(open(3, &third, Some(hash.into()))).await.unwrap();
    assert!(matches!(opened, OpenSessionOutcome::Opened(_)));
    assert!(found(2).await.is_none() && found(3).await.is_some());
}

fn session_id(number: u32) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number.into()))
}

fn open(number: u32, password: &PasswordHash, change: Option<PasswordChange>) -> OpenSession {
    let session = SignOnSession {
        id: session_id(number),
        owner: user_id("alice"),
        digest: digest(number),
        application: "CRM".to_owned(),
        created: NOW,
        expires: at(10),
        ends: at(10),
        checked: NOW,
        address: "192.0.2.7".to_owned(),
        agent: "conformance".to_owned(),
    };
    let audit = event(Audited::SessionOpen);
    OpenSession { session, password: password.clone(), code: None, change, sessions_max: 9, audit }
}

/// Of the factor that is there, or of a fresh one; of nobody.
pub async fn labels_a_factor_and_makes_one_where_there_is_none<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    let totp = |byte| Totp::new(TotpKey::from_bytes(vec![byte; 20]).unwrap());
    let label = |name: &str, byte, label: Option<&str>| LabelFactor {
        owner: user_id(name),
        label: label.map(str::to_owned),
        fresh: totp(byte),
        audit: event(Audited::UserUpdate),
    };
    let done = &["user.update accepted"];
    check(repository, label("nobody", 1, None), false, &["user.update refused not_found"]).await;
    check(repository, label("alice", 1, Some("one")), true, done).await;
    check(repository, label("alice", 2, Some("two")), true, done).await;
    let factor = |label: Option<&str>| {
        let label = label.map(str::to_owned);
        let factor = Factor { totp: totp(1), label, is_enabled: false, last_step: None, failures: 0 };
        Some((user("alice"), Some(factor)))
    };
    let find = || FindFactor { login: login("alice") };
    check(repository, find(), factor(Some("two")), &[]).await;
    check(repository, label("alice", 3, None), true, done).await;
    check(repository, find(), factor(None), &[]).await;
}

/// A second factor that a user begins with is there, and shows in the record.
pub async fn creates_a_user_with_a_second_factor<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &[]).await;
    let totp = Totp::new(TotpKey::from_bytes(vec![7; 20]).unwrap());
    let factor = Factor { totp, label: Some("phone".into()), is_enabled: true, last_step: None, failures: 0 };
    let state = Some(factor.state());
    let create = CreateUser { factor: Some(factor.clone()), ..create(user("alice"), Profile::default()) };
    repository.run(create).await.unwrap();
    let found = FindFactor { login: login("alice") };
    check(repository, found, Some((user("alice"), Some(factor))), &[]).await;
    let wanted = UserRecord { user: user("alice"), profile: Profile::default(), factor: state };
    check(repository, FindProfile { who: FindUser::ById(user_id("alice")) }, Some(wanted), &[]).await;
}

/// Locks, decisions, passwords and updates; each leaves its stamp.
pub async fn notes_who_decided_what_and_when<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    let stamp = Some(Stamp { at: NOW, by: "zusr1".into() });
    let hash = PasswordHash::from_stored("new".to_owned());
    let password = PasswordChange { expires: Some(at(7)), must_change: true, ..hash.clone().into() };
    let mut wanted = Profile::default();
    let mut alice = user("alice");
    let done = &["user.update accepted"];
    for made in [
        UserChange::Enabled(false),
        UserChange::Enabled(true),
        UserChange::Approval(ApprovalStatus::Rejected),
        UserChange::SignUp(SignUpStatus::BeforeConfirmation),
        UserChange::Password(password),
        UserChange::Update(Box::new(everything())),
        UserChange::Update(Box::new(nothing_left())),
    ] {
        match &made {
            UserChange::Enabled(enabled) => {
                alice.standing.enabled = *enabled;
                wanted.locked.clone_from(&stamp);
            }
            UserChange::Approval(status) => {
                alice.standing.approval = *status;
                wanted.approval.clone_from(&stamp);
            }
            UserChange::SignUp(status) => alice.standing.sign_up = *status,
            UserChange::Update(update) => {
                let stamp = Stamp { at: NOW, by: "zusr1".into() };
                update.apply(&mut alice, &mut wanted, &stamp);
            }
            _ => {
                alice.password = Some(hash.clone());
                alice.standing.password_expires = Some(at(7));
                alice.standing.must_change = true;
                wanted.password_set = Some(NOW);
            }
        }
        check(repository, change("alice", made), ChangeUserOutcome::Changed(alice.clone()), done).await;
        assert_eq!(profile_of(repository, "alice").await, wanted);
    }
}

/// What the writes say to a user in this standing: login by certificate, login by password, sign-on, and a one-time
/// password that is to be made.
async fn logins<R: Repository>(repository: &R, standing: Standing) -> Vec<Option<Reason>> {
    let hash = PasswordHash::from_stored("first".to_owned());
    let alice = User { password: Some(hash.clone()), standing, ..user("alice") };
    repository.run(create(alice, Profile::default())).await.unwrap();
    let refused = |outcome| match outcome {
        AcceptLoginOutcome::Accepted(_) => None,
        AcceptLoginOutcome::Refused(reason) => Some(reason),
    };
    let accept =
        |by| AcceptLogin { user: user_id("alice"), by, code: None, cookie: None, audit: event(Audited::Login) };
    let certificate = AcceptUser { login: login("alice"), audit: event(Audited::Login) };
    let open = open(1, &hash, None);
    let minted = repository.run(mint(otp(9, "alice"))).await.unwrap();
    vec![
        refused(repository.run(certificate).await.unwrap()),
        refused(repository.run(accept(Evidence::Password(hash.clone()))).await.unwrap()),
        match repository.run(open).await.unwrap() {
            OpenSessionOutcome::Opened(_) => None,
            OpenSessionOutcome::Refused(reason) => Some(reason),
        },
        (minted != MintOutcome::Minted).then_some(Reason::UserDisabled),
    ]
}

/// Each way in, for each reason against it; up to and including a password's end.
pub async fn lets_in_only_users_in_good_standing<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &[]).await;
    let good = Standing::GOOD;
    let by_password = |standing: Standing, reason| (standing, [None, Some(reason), Some(reason), None]);
    let all =
        |standing: Standing, reason| (standing, [Some(reason), Some(reason), Some(reason), Some(Reason::UserDisabled)]);
    for (standing, want) in [
        (good, [None; 4]),
        (Standing { password_expires: Some(NOW), ..good }, [None; 4]),
        by_password(Standing { password_expires: Some(at(-1)), ..good }, Reason::PasswordExpired),
        by_password(Standing { must_change: true, ..good }, Reason::PasswordMustChange),
        all(Standing { enabled: false, ..good }, Reason::UserDisabled),
        all(Standing { sign_up: SignUpStatus::BeforeConfirmation, ..good }, Reason::NotConfirmed),
        all(Standing { approval: ApprovalStatus::BeforeDecision, ..good }, Reason::NotApproved),
        all(Standing { approval: ApprovalStatus::Rejected, ..good }, Reason::NotApproved),
    ] {
        assert_eq!(logins(repository, standing).await, want, "{standing:?}");
        repository.run(change("alice", UserChange::Delete)).await.unwrap();
    }
}

/// One-time passwords stay, but open nothing until the user may come in again.
pub async fn ends_sessions_and_cookies_of_who_may_not_come_in<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    let cookie = |number| Credential { kind: CredentialKind::Cookie, ..otp(number, "alice") };
    let spend = |number| SpendCredential {
        digest: digest(number),
        now: NOW,
        login: event(Audited::Login),
        spend: event(Audited::OtpSpend),
    };
    let accept = |number| AcceptCookie { digest: digest(number), login: None, now: NOW, audit: event(Audited::Login) };
    for (number, bad, good, reason) in [
        (
            10,
            UserChange::Approval(ApprovalStatus::Rejected),
            UserChange::Approval(ApprovalStatus::Approved),
            Reason::NotApproved,
        ),
        (
            20,
            UserChange::SignUp(SignUpStatus::BeforeConfirmation),
            UserChange::SignUp(SignUpStatus::Final),
            Reason::NotConfirmed,
        ),
        (30, UserChange::Enabled(false), UserChange::Enabled(true), Reason::UserDisabled),
    ] {
        for credential in [otp(number, "alice"), cookie(number + 1)] {
            assert_eq!(repository.run(mint(credential)).await.unwrap(), MintOutcome::Minted);
        }
        repository.run(change("alice", bad)).await.unwrap();
        assert_eq!(repository.run(spend(number)).await.unwrap(), SpendOutcome::Refused(reason));
        assert_eq!(repository.run(FindCredential { digest: digest(number + 1) }).await.unwrap(), None);
        let gone = AcceptCredentialOutcome::Refused(Reason::WrongCookie);
        assert_eq!(repository.run(accept(number + 1)).await.unwrap(), gone);
        repository.run(change("alice", good)).await.unwrap();
        assert!(matches!(repository.run(spend(number)).await.unwrap(), SpendOutcome::Spent { .. }));
    }
}

/// Up to and including its end; the cookie came of the password.
pub async fn a_cookie_opens_nothing_once_the_password_expired<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &[]).await;
    let standing = Standing { password_expires: Some(at(5)), ..Standing::GOOD };
    repository.run(create(User { standing, ..user("alice") }, Profile::default())).await.unwrap();
    let cookie = Credential { kind: CredentialKind::Cookie, ..otp(1, "alice") };
    assert_eq!(repository.run(mint(cookie)).await.unwrap(), MintOutcome::Minted);
    let accept = |now| AcceptCookie { digest: digest(1), login: None, now, audit: event(Audited::Login) };
    assert!(matches!(repository.run(accept(at(5))).await.unwrap(), AcceptCredentialOutcome::Accepted { .. }));
    let expired = AcceptCredentialOutcome::Refused(Reason::PasswordExpired);
    check(repository, accept(at(6)), expired, &["login refused password_expired"]).await;
}
