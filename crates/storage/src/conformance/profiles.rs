//! What is known of users beyond logins, and what keeps a user out.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::{Email, Names, Profile, RateLimit, Stamp};
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{
    AcceptCookie, AcceptCookieOutcome, AcceptLogin, AcceptLoginOutcome, AcceptUser, ChangeUser, ChangeUserOutcome,
    CreateUser, CreateUserOutcome, Evidence, FindByEmail, FindCredential, FindProfile, FindUser, MintOutcome,
    PasswordChange, Repository, SpendCredential, SpendOutcome, UserChange,
};
use countersign_identity::sign_on::SignOnSession;
use countersign_identity::sign_on::operations::{OpenSession, OpenSessionOutcome};
use countersign_identity::standing::{ApprovalStatus, SignUpStatus, Standing};
use countersign_identity::user::User;
use countersign_identity::{Credential, CredentialKind, SessionId};
use uuid::Uuid;

use super::fixture::{NOW, at, check, digest, event, login, mint, otp, people, user, user_id};

fn email(address: &str, number: u32, is_sealed: bool) -> Email {
    Email { text: address.to_owned(), digest: digest(number), is_sealed }
}

fn create(user: User, profile: Profile) -> CreateUser {
    CreateUser { user, profile, proofs: Secrets::default(), audit: event(Audited::UserCreate) }
}

fn change(name: &str, change: UserChange) -> ChangeUser {
    ChangeUser { who: FindUser::ById(user_id(name)), change, by: "zusr1".into(), audit: event(Audited::UserUpdate) }
}

async fn profile_of<R: Repository>(repository: &R, name: &str) -> Profile {
    repository.run(FindProfile { who: FindUser::ById(user_id(name)) }).await.unwrap().unwrap().1
}

/// By either way of finding; with nothing, and with everything.
pub async fn keeps_every_field_of_a_profile<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["bob"]).await;
    let full = Profile {
        names: Names {
            display: Some("Ä %_\\".into()),
            first: Some("a".into()),
            middle: Some(String::new()),
            last: Some("c".into()),
        },
        email: Some(email("Alice@Example.com", 1, true)),
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
        check(repository, FindProfile { who }, Some((alice.clone(), full.clone())), &[]).await;
    }
    let bob = FindProfile { who: FindUser::ById(user_id("bob")) };
    check(repository, bob, Some((user("bob"), Profile::default())), &[]).await;
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

/// Locks, decisions and passwords each leave their stamp.
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
    let session = SignOnSession {
        id: SessionId::from_uuid(Uuid::from_u128(1)),
        owner: user_id("alice"),
        digest: digest(3),
        application: "CRM".to_owned(),
        created: NOW,
        expires: at(10),
        ends: at(10),
        checked: NOW,
        address: "192.0.2.7".to_owned(),
        agent: "conformance".to_owned(),
    };
    let audit = event(Audited::SessionOpen);
    let open = OpenSession { session, password: hash.clone(), code: None, sessions_max: 9, audit };
    let minted = repository.run(mint(otp(9, "alice"))).await.unwrap();
    vec![
        refused(repository.run(certificate).await.unwrap()),
        refused(repository.run(accept(Evidence::Password(hash))).await.unwrap()),
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
        let gone = AcceptCookieOutcome::Refused(Reason::WrongCookie);
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
    assert!(matches!(repository.run(accept(at(5))).await.unwrap(), AcceptCookieOutcome::Accepted { .. }));
    let expired = AcceptCookieOutcome::Refused(Reason::PasswordExpired);
    check(repository, accept(at(6)), expired, &["login refused password_expired"]).await;
}
