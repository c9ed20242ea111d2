//! What proofs are checked against, and logins by them.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Outcome, Reason};
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::Profile;
use countersign_identity::proof::Secrets;
use countersign_identity::proof::scram::{Kdf, Verifier};
use countersign_identity::repository::{
    AcceptLogin, AcceptLoginOutcome, AddUserKey, ChangeUser, CreateUser, Evidence, FindSharedKey, FindUser,
    FindVerifier, RemoveUserKey, Repository, UserChange,
};
use countersign_identity::user::User;
use tokio::task::JoinSet;

use super::fixture::{check, event, login, people, position, secrets, trail_after, user, user_id, user_key};

/// A user with the secrets of this number, and the public key of the same.
async fn alice<R: Repository>(repository: &R, number: u8) -> User {
    people(repository, &["bob"]).await;
    let secrets = secrets(number);
    let alice = User { password: Some(secrets.hash), ..user("alice") };
    let create = CreateUser {
        user: alice.clone(),
        profile: Profile::default(),
        proofs: secrets.proofs,
        factor: None,
        audit: event(Audited::UserCreate),
    };
    repository.run(create).await.unwrap();
    let add =
        AddUserKey { login: login("alice"), key: user_key(number), keys_max: 9, audit: event(Audited::UserKeyAdd) };
    repository.run(add).await.unwrap();
    alice
}

async fn change<R: Repository>(repository: &R, change: UserChange) {
    let audit = event(Audited::UserPassword);
    repository
        .run(ChangeUser { who: FindUser::ByLogin(login("alice")), by: "auto".into(), change, audit })
        .await
        .unwrap();
}

async fn has<R: Repository>(repository: &R, user: &User, proofs: &Secrets) {
    let name = || user.login.clone();
    check(repository, FindVerifier { login: name() }, Some((user.clone(), proofs.scram.clone())), &[]).await;
    check(repository, FindSharedKey { login: name() }, Some((user.clone(), proofs.wampcra.clone())), &[]).await;
}

/// At creation and with each change of the password, also such that bring less.
pub async fn keeps_every_field_and_replaces_all_with_the_password<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let mut user = alice(repository, 1).await;
    has(repository, &user, &secrets(1).proofs).await;
    let pbkdf2 = Verifier { kdf: Kdf::pbkdf2(600_000).unwrap(), text_keys: None, ..secrets(3).proofs.scram.unwrap() };
    for proofs in [
        secrets(2).proofs,
        Secrets { scram: Some(pbkdf2), wampcra: None },
        Secrets { scram: None, ..secrets(4).proofs },
        Secrets::default(),
        secrets(5).proofs,
    ] {
        let changed = countersign_identity::password::PasswordSecrets { proofs: proofs.clone(), ..secrets(6) };
        user.password = Some(changed.hash.clone());
        change(repository, UserChange::Password(changed.into())).await;
        has(repository, &user, &proofs).await;
    }
    change(repository, UserChange::Enabled(false)).await;
    user.standing.enabled = false;
    has(repository, &user, &secrets(5).proofs).await;
    change(repository, UserChange::Delete).await;
    check(repository, FindVerifier { login: login("alice") }, None, &[]).await;
    check(repository, FindSharedKey { login: login("alice") }, None, &[]).await;
    // Another user of the same name inherits nothing.
    let create = CreateUser {
        user: user.clone(),
        profile: Profile::default(),
        proofs: Secrets::default(),
        factor: None,
        audit: event(Audited::UserCreate),
    };
    repository.run(create).await.unwrap();
    has(repository, &user, &Secrets::default()).await;
}

/// And tells them from nobody.
pub async fn finds_users_without_secrets<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["bob"]).await;
    has(&*repository, &user("bob"), &Secrets::default()).await;
    check(&*repository, FindVerifier { login: login("carol") }, None, &[]).await;
    check(&*repository, FindSharedKey { login: login("carol") }, None, &[]).await;
}

/// One of each kind, of the user of [`alice`] with this number.
fn evidence(number: u8) -> [Evidence; 4] {
    let secrets = secrets(number);
    [
        Evidence::Password(secrets.hash),
        Evidence::Verifier(secrets.proofs.scram.unwrap().salt),
        Evidence::SharedKey(secrets.proofs.wampcra.unwrap().salt),
        Evidence::PublicKey(user_key(number).key),
    ]
}

fn accept(name: &str, by: Evidence) -> AcceptLogin {
    AcceptLogin { user: user_id(name), by, code: None, cookie: None, audit: event(Audited::Login) }
}

async fn refused<R: Repository>(repository: &R, name: &str, by: Evidence, reason: Reason) {
    let line = format!("login refused {}", reason.name());
    check(repository, accept(name, by), AcceptLoginOutcome::Refused(reason), &[line.as_str()]).await;
}

/// As often as one likes.
pub async fn accepts_what_the_user_still_has<R: Repository>(repository: Arc<R>) {
    let alice = alice(&*repository, 1).await;
    for by in evidence(1).into_iter().chain(evidence(1)) {
        let outcome = AcceptLoginOutcome::Accepted(alice.clone());
        check(&*repository, accept("alice", by), outcome, &["login accepted"]).await;
    }
}

/// What others have, what was replaced or taken; a lock, and nobody.
pub async fn refuses_what_changed_since_the_proof<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository, 1).await;
    for by in evidence(1) {
        refused(repository, "bob", by.clone(), by.missing()).await;
        refused(repository, "nobody", by, Reason::UnknownUser).await;
    }
    for by in evidence(2) {
        refused(repository, "alice", by.clone(), by.missing()).await;
    }
    change(repository, UserChange::Password(secrets(3).into())).await;
    let remove = RemoveUserKey { login: login("alice"), key: user_key(1).key, audit: event(Audited::UserKeyRemove) };
    repository.run(remove).await.unwrap();
    for by in evidence(1) {
        refused(repository, "alice", by.clone(), by.missing()).await;
    }
    change(repository, UserChange::Password(PasswordHash::from_stored("ticket".into()).into())).await;
    let [_, verifier, shared, _] = evidence(3);
    refused(repository, "alice", verifier, Reason::WrongProof).await;
    refused(repository, "alice", shared, Reason::WrongProof).await;
    change(repository, UserChange::Enabled(false)).await;
    for by in evidence(1) {
        refused(repository, "alice", by, Reason::UserDisabled).await;
    }
}

/// Many logins and one change of the password at once: behind the row of the change there is no login by what was
/// there before.
pub async fn lets_no_old_secret_in_after_the_password_changed<R: Repository>(repository: Arc<R>) {
    alice(&*repository, 1).await;
    let before = position(&*repository).await;
    let mut tasks = JoinSet::new();
    for number in 0..24_usize {
        let repository = Arc::clone(&repository);
        tasks.spawn(async move {
            if number == 8 {
                change(&*repository, UserChange::Password(secrets(2).into())).await;
            } else {
                let [_, verifier, shared, _] = evidence(1);
                let by = if number % 2 == 0 { verifier } else { shared };
                repository.run(accept("alice", by)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let rows = trail_after(&*repository, before).await;
    let changed = rows.iter().position(|row| row.event.operation == Audited::UserPassword).unwrap();
    assert_eq!(rows.len(), 24);
    assert!(rows.iter().skip(changed + 1).all(|row| row.event.outcome == Outcome::Refused), "{rows:#?}");
    assert!(rows.iter().take(changed).all(|row| row.event.outcome == Outcome::Accepted), "{rows:#?}");
}
