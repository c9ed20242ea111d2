//! Logins by a password that was found right, and of users who were recognised otherwise.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::Profile;
use countersign_identity::proof::Secrets;
use countersign_identity::renewal::RenewHash;
use countersign_identity::repository::{
    AcceptLogin, AcceptLoginOutcome, AcceptUser, ChangeUser, CreateUser, Evidence, FindUser, FindVerifier, Repository,
    UserChange,
};
use countersign_identity::user::User;

use super::fixture::{check, event, login, people, secrets, user, user_id};

fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text.to_owned())
}

fn accept(name: &str, checked: &str) -> AcceptLogin {
    let by = Evidence::Password(hash(checked));
    AcceptLogin { user: user_id(name), by, code: None, cookie: None, audit: event(Audited::Login) }
}

async fn alice_with_password<R: Repository>(repository: &R) -> User {
    people(repository, &["bob"]).await;
    let alice = User { password: Some(hash("first")), ..user("alice") };
    let create = CreateUser {
        user: alice.clone(),
        profile: Profile::default(),
        proofs: Secrets::default(),
        factor: None,
        audit: event(Audited::UserCreate),
    };
    repository.run(create).await.unwrap();
    alice
}

/// As often as one likes.
pub async fn accepts_the_password_that_is_set<R: Repository>(repository: Arc<R>) {
    let alice = alice_with_password(&*repository).await;
    for _ in 0..2 {
        let outcome = AcceptLoginOutcome::Accepted(alice.clone());
        check(&*repository, accept("alice", "first"), outcome, &["login accepted"]).await;
    }
}

/// Another password, a lock, no password, and nobody.
pub async fn refuses_what_changed_since_the_check<R: Repository>(repository: Arc<R>) {
    alice_with_password(&*repository).await;
    let refused = async |name: &str, reason: Reason| {
        let line = format!("login refused {}", reason.name());
        let outcome = AcceptLoginOutcome::Refused(reason);
        check(&*repository, accept(name, "first"), outcome, &[line.as_str()]).await;
    };
    let change = async |change| {
        let audit = event(Audited::UserPassword);
        repository
            .run(ChangeUser { who: FindUser::ByLogin(login("alice")), by: "auto".into(), change, audit })
            .await
            .unwrap();
    };
    refused("nobody", Reason::UnknownUser).await;
    refused("bob", Reason::WrongTicket).await;
    change(UserChange::Password(hash("second").into())).await;
    refused("alice", Reason::WrongTicket).await;
    change(UserChange::Enabled(false)).await;
    refused("alice", Reason::UserDisabled).await;
    change(UserChange::Delete).await;
    refused("alice", Reason::UnknownUser).await;
}

/// As often as one likes, until the user is locked or gone.
pub async fn accepts_a_recognised_user_that_is_enabled<R: Repository>(repository: Arc<R>) {
    let alice = alice_with_password(&*repository).await;
    let accept = |name: &str| AcceptUser { login: login(name), audit: event(Audited::Login) };
    let refused = async |name: &str, reason: Reason| {
        let line = format!("login refused {}", reason.name());
        check(&*repository, accept(name), AcceptLoginOutcome::Refused(reason), &[line.as_str()]).await;
    };
    let change = async |change| {
        let audit = event(Audited::UserLock);
        repository
            .run(ChangeUser { who: FindUser::ByLogin(login("alice")), by: "auto".into(), change, audit })
            .await
            .unwrap();
    };
    refused("nobody", Reason::UnknownUser).await;
    for _ in 0..2 {
        check(&*repository, accept("alice"), AcceptLoginOutcome::Accepted(alice.clone()), &["login accepted"]).await;
    }
    change(UserChange::Enabled(false)).await;
    refused("alice", Reason::UserDisabled).await;
    change(UserChange::Enabled(true)).await;
    check(&*repository, accept("alice"), AcceptLoginOutcome::Accepted(alice), &["login accepted"]).await;
    change(UserChange::Delete).await;
    refused("alice", Reason::UnknownUser).await;
}

/// Once, with what proofs are checked against; the password stays and nothing ends.
pub async fn renews_a_hash_that_is_still_the_old_one<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let alice = alice_with_password(repository).await;
    let renew = |old: &str| RenewHash {
        user: user_id("alice"),
        old: hash(old),
        new: secrets(2),
        audit: event(Audited::UserRehash),
    };
    check(repository, renew("second"), false, &[]).await;
    check(repository, RenewHash { user: user_id("bob"), ..renew("first") }, false, &[]).await;
    check(repository, renew("first"), true, &["user.rehash accepted"]).await;
    check(repository, renew("first"), false, &[]).await;
    let renewed = User { password: Some(secrets(2).hash), ..alice };
    let find = || FindUser::ByLogin(login("alice"));
    check(repository, find(), Some(renewed.clone()), &[]).await;
    let verifier = FindVerifier { login: login("alice") };
    check(repository, verifier, Some((renewed, secrets(2).proofs.scram)), &[]).await;
}
