//! Cookies: left by a login by password, used, ended.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::Profile;
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{
    AcceptCookie, AcceptCredentialOutcome, AcceptLogin, AcceptLoginOutcome, COOKIES_PER_USER_MAX, ChangeUser,
    ChangeUserOutcome, CreateUser, EndCookies, Evidence, FindCredential, FindUser, Repository, SearchAudit, UserChange,
    WhichCookies,
};
use countersign_identity::user::User;
use countersign_identity::{Credential, CredentialKind, Timestamp};

use super::fixture::{END, NOW, check, digest, event, login, otp, people, role, user};

fn hash() -> PasswordHash {
    PasswordHash::from_stored("first".to_owned())
}

fn with_password(name: &str) -> User {
    User { password: Some(hash()), ..user(name) }
}

fn cookie(number: u32, owner: &str) -> Credential {
    Credential { kind: CredentialKind::Cookie, ..otp(number, owner) }
}

/// A login by password that leaves this cookie.
async fn leave<R: Repository>(repository: &R, cookie: Credential) -> AcceptLoginOutcome {
    let audit = event(Audited::Login);
    let by = Evidence::Password(hash());
    let accept = AcceptLogin { user: cookie.owner, by, code: None, cookie: Some(cookie), audit };
    repository.run(accept).await.unwrap()
}

/// Alice with the cookies 1 and 2, Bob with 3.
async fn three<R: Repository>(repository: &R) {
    people(repository, &[]).await;
    for name in ["alice", "bob"] {
        let audit = event(Audited::UserCreate);
        let create = CreateUser {
            user: with_password(name),
            profile: Profile::default(),
            proofs: Secrets::default(),
            factor: None,
            audit,
        };
        repository.run(create).await.unwrap();
    }
    for (number, owner) in [(1, "alice"), (2, "alice"), (3, "bob")] {
        assert_eq!(leave(repository, cookie(number, owner)).await, AcceptLoginOutcome::Accepted(with_password(owner)));
    }
}

fn accept(number: u32, name: Option<&str>, now: Timestamp) -> AcceptCookie {
    AcceptCookie { digest: digest(number), login: name.map(login), now, audit: event(Audited::Login) }
}

async fn works<R: Repository>(repository: &R, number: u32, user: User) {
    let outcome =
        AcceptCredentialOutcome::Accepted { credential: cookie(number, user.login.as_str()), user: user.clone() };
    check(repository, accept(number, None, NOW), outcome, &["login accepted"]).await;
    let newest = repository.run(SearchAudit { limit: 1, ..SearchAudit::default() }).await.unwrap();
    let named = newest.first().map(|row| (row.event.actor.clone(), row.event.target.clone()));
    assert_eq!(named, Some((user.login.to_string(), user.login.to_string())));
}

async fn refused<R: Repository>(repository: &R, accept: AcceptCookie, reason: Reason) {
    let line = format!("login refused {}", reason.name());
    check(repository, accept, AcceptCredentialOutcome::Refused(reason), &[line.as_str()]).await;
}

async fn change<R: Repository>(repository: &R, change: UserChange) {
    let change = ChangeUser {
        who: FindUser::ByLogin(login("alice")),
        by: "auto".into(),
        change,
        audit: event(Audited::UserLock),
    };
    assert!(matches!(repository.run(change).await.unwrap(), ChangeUserOutcome::Changed(_)));
}

/// Up to and including its end, as often as one likes.
pub async fn opens_sessions_until_its_end_and_not_after<R: Repository>(repository: Arc<R>) {
    three(&*repository).await;
    for _ in 0..2 {
        works(&*repository, 1, with_password("alice")).await;
    }
    works(&*repository, 3, with_password("bob")).await;
    let outcome = AcceptCredentialOutcome::Accepted { credential: cookie(1, "alice"), user: with_password("alice") };
    check(&*repository, accept(1, Some("alice"), END), outcome, &["login accepted"]).await;
    let after = Timestamp::from_micros(END.micros() + 1);
    refused(&*repository, accept(1, None, after), Reason::CookieExpired).await;
}

/// Each with its own reason.
pub async fn refuses_another_name_a_locked_owner_and_an_unknown_value<R: Repository>(repository: Arc<R>) {
    three(&*repository).await;
    refused(&*repository, accept(1, Some("bob"), NOW), Reason::CookieMismatch).await;
    refused(&*repository, accept(4, None, NOW), Reason::WrongCookie).await;
    // A key of another kind is no cookie.
    let mint = super::fixture::mint(otp(5, "bob"));
    repository.run(mint).await.unwrap();
    refused(&*repository, accept(5, None, NOW), Reason::WrongCookie).await;
}

/// Also after the user is unlocked again.
pub async fn ends_with_a_lock_a_new_password_and_its_user_but_not_with_a_new_role<R: Repository>(repository: Arc<R>) {
    three(&*repository).await;
    change(&*repository, UserChange::Role(role("backend"))).await;
    let alice = User { role: role("backend"), ..with_password("alice") };
    works(&*repository, 1, alice).await;
    change(&*repository, UserChange::Enabled(false)).await;
    refused(&*repository, accept(1, None, NOW), Reason::WrongCookie).await;
    change(&*repository, UserChange::Enabled(true)).await;
    refused(&*repository, accept(2, None, NOW), Reason::WrongCookie).await;
    leave(&*repository, cookie(6, "alice")).await;
    change(&*repository, UserChange::Password(PasswordHash::from_stored("second".to_owned()).into())).await;
    refused(&*repository, accept(6, None, NOW), Reason::WrongCookie).await;
    change(&*repository, UserChange::Delete).await;
    works(&*repository, 3, with_password("bob")).await;
}

/// The trail has a row only where there was a cookie.
pub async fn ends_one_or_all_of_a_user<R: Repository>(repository: Arc<R>) {
    three(&*repository).await;
    let end = |which| EndCookies { which, audit: event(Audited::CookieEnd) };
    let one = || end(WhichCookies::One(cookie(1, "alice").id));
    check(&*repository, one(), 1, &["cookie.end accepted"]).await;
    check(&*repository, one(), 0, &[]).await;
    refused(&*repository, accept(1, None, NOW), Reason::WrongCookie).await;
    works(&*repository, 2, with_password("alice")).await;
    leave(&*repository, cookie(1, "alice")).await;
    check(&*repository, end(WhichCookies::Of(login("alice"))), 2, &["cookie.end accepted"]).await;
    check(&*repository, end(WhichCookies::Of(login("nobody"))), 0, &[]).await;
    refused(&*repository, accept(2, None, NOW), Reason::WrongCookie).await;
    works(&*repository, 3, with_password("bob")).await;
}

/// One past the limit takes the place of the oldest.
pub async fn keeps_the_newest_of_a_user<R: Repository>(repository: Arc<R>) {
    three(&*repository).await;
    let last = COOKIES_PER_USER_MAX + 10;
    let lives = async |number| repository.run(FindCredential { digest: digest(number) }).await.unwrap().is_some();
    for number in 11..=last {
        let created = Timestamp::from_micros(NOW.micros() + i64::from(number));
        leave(&*repository, Credential { created, ..cookie(number, "alice") }).await;
    }
    assert!(!lives(1).await && !lives(2).await);
    assert!(lives(11).await && lives(last).await && lives(3).await);
    let created = Timestamp::from_micros(NOW.micros() + 10_000);
    leave(&*repository, Credential { created, ..cookie(last + 1, "alice") }).await;
    assert!(!lives(11).await && lives(12).await && lives(last + 1).await);
}

/// Nothing is stored with a refusal.
pub async fn is_left_by_an_accepted_login_only<R: Repository>(repository: Arc<R>) {
    three(&*repository).await;
    change(&*repository, UserChange::Enabled(false)).await;
    let outcome = leave(&*repository, cookie(7, "alice")).await;
    assert_eq!(outcome, AcceptLoginOutcome::Refused(Reason::UserDisabled));
    refused(&*repository, accept(7, None, NOW), Reason::WrongCookie).await;
}
