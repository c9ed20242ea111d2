//! Sign-ups.

use std::sync::Arc;

use countersign_identity::Digest;
use countersign_identity::audit::Operation as Audited;
use countersign_identity::profile::{Email, Profile};
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{ChangeUser, FindProfile, FindUser, Repository, UserChange};
use countersign_identity::sign_on::sign_up::operations::{
    ConfirmSignUp, ConfirmSignUpOutcome, ReapSignUps, SignUpUser, SignUpUserOutcome,
};
use countersign_identity::standing::{SignUpStatus, Standing};
use countersign_identity::user::User;

use super::fixture::{at, check, digest, event, login, people, race, role, user, user_id};

fn newcomer(name: &str) -> User {
    User { standing: Standing { sign_up: SignUpStatus::BeforeConfirmation, ..Standing::GOOD }, ..user(name) }
}

/// Its token works to `at(10)`.
fn sign_up(name: &str, token: u32, email: Option<Digest>) -> SignUpUser {
    let email = email.map(|digest| Email { text: format!("{name}@example.com"), digest, is_sealed: true });
    SignUpUser {
        user: newcomer(name),
        profile: Profile { email, password_set: Some(at(0)), ..Profile::default() },
        proofs: Secrets::default(),
        token: digest(token),
        expires: at(10),
        audit: event(Audited::SignUp),
    }
}

fn confirm(token: u32, micros: i64) -> ConfirmSignUp {
    let mut audit = event(Audited::SignUpConfirm);
    audit.at = at(micros);
    ConfirmSignUp { token: digest(token), audit }
}

fn change(name: &str, change: UserChange) -> ChangeUser {
    ChangeUser { who: FindUser::ById(user_id(name)), change, by: "auto".into(), audit: event(Audited::UserUpdate) }
}

const SIGNED_UP: &[&str] = &["sign_up accepted"];

/// With all that is known of the user.
pub async fn stores_a_user_and_confirms_it_once<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["bob"]).await;
    let given = sign_up("alice", 1, Some(digest(50)));
    let profile = given.profile.clone();
    check(repository, given, SignUpUserOutcome::Created, SIGNED_UP).await;
    let found = repository.run(FindProfile { who: FindUser::ByLogin(login("alice")) }).await.unwrap().unwrap();
    assert_eq!((found.user, found.profile), (newcomer("alice"), profile));
    let confirmed = ConfirmSignUpOutcome::Confirmed(user("alice"));
    check(repository, confirm(1, 10), confirmed, &["sign_up.confirm accepted"]).await;
    let again = ["sign_up.confirm refused token_used"];
    check(repository, confirm(1, 10), ConfirmSignUpOutcome::AlreadyConfirmed, &again).await;
    check(repository, confirm(1, 11), ConfirmSignUpOutcome::AlreadyConfirmed, &again).await;
    let found = repository.run(FindProfile { who: FindUser::ById(user_id("alice")) }).await.unwrap().unwrap();
    assert_eq!((found.user, found.profile.confirmed), (user("alice"), Some(at(10))));
}

/// Unknown ones, and those after their end.
pub async fn refuses_a_wrong_token<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &[]).await;
    repository.run(sign_up("alice", 1, None)).await.unwrap();
    let wrong = ["sign_up.confirm refused wrong_token"];
    check(repository, confirm(2, 0), ConfirmSignUpOutcome::NoSuchToken, &wrong).await;
    let expired = ["sign_up.confirm refused token_expired"];
    check(repository, confirm(1, 11), ConfirmSignUpOutcome::NoSuchToken, &expired).await;
    check(repository, FindUser::ById(user_id("alice")), Some(newcomer("alice")), &[]).await;
    // Whom a super-user let in needs no token any more.
    repository.run(change("alice", UserChange::SignUp(SignUpStatus::Final))).await.unwrap();
    let used = ["sign_up.confirm refused token_used"];
    check(repository, confirm(1, 0), ConfirmSignUpOutcome::AlreadyConfirmed, &used).await;
}

/// Of users, and of sign-ups that wait; without an address there is nothing to take.
pub async fn refuses_a_taken_name_and_a_taken_address<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["bob"]).await;
    let refused = ["sign_up refused exists"];
    repository.run(sign_up("alice", 1, Some(digest(50)))).await.unwrap();
    check(repository, sign_up("bob", 2, None), SignUpUserOutcome::LoginTaken, &refused).await;
    check(repository, sign_up("carl", 2, Some(digest(50))), SignUpUserOutcome::EmailTaken, &refused).await;
    check(repository, FindUser::ById(user_id("carl")), None, &[]).await;
    let mut roleless = sign_up("carl", 2, None);
    roleless.user.role = role("nobody");
    check(repository, roleless, SignUpUserOutcome::NoSuchRole, &["sign_up refused bad_request"]).await;
    check(repository, sign_up("carl", 2, None), SignUpUserOutcome::Created, SIGNED_UP).await;
    check(repository, sign_up("dora", 3, None), SignUpUserOutcome::Created, SIGNED_UP).await;
}

/// Each with a name of its own.
pub async fn gives_an_address_to_one_of_many<R: Repository>(repository: Arc<R>) {
    people(&*repository, &[]).await;
    let outcomes = race(&repository, 16, |number| sign_up(&format!("u{number}"), number, Some(digest(50)))).await;
    let created = outcomes.iter().filter(|outcome| **outcome == SignUpUserOutcome::Created).count();
    let taken = outcomes.iter().filter(|outcome| **outcome == SignUpUserOutcome::EmailTaken).count();
    assert_eq!((created, taken), (1, 15));
    let mut users = 0;
    for number in 0..16 {
        let found = repository.run(FindUser::ByLogin(login(&format!("u{number}")))).await.unwrap();
        users += usize::from(found.is_some());
    }
    assert_eq!(users, 1);
}

/// One of many confirms.
pub async fn is_confirmed_by_one_of_many<R: Repository>(repository: Arc<R>) {
    people(&*repository, &[]).await;
    repository.run(sign_up("alice", 1, None)).await.unwrap();
    let outcomes = race(&repository, 16, |_| confirm(1, 0)).await;
    let confirmed = outcomes.iter().filter(|outcome| matches!(outcome, ConfirmSignUpOutcome::Confirmed(_))).count();
    assert_eq!(confirmed, 1);
}

/// Users who are confirmed, or were let in otherwise, stay.
pub async fn reaps_who_did_not_confirm_in_time<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &[]).await;
    for (number, name) in [(1, "alice"), (2, "bob"), (3, "carl"), (4, "dora")] {
        repository.run(sign_up(name, number, Some(digest(50 + number)))).await.unwrap();
    }
    repository.run(confirm(1, 0)).await.unwrap();
    repository.run(change("bob", UserChange::SignUp(SignUpStatus::Final))).await.unwrap();
    // Somebody who was confirmed and has to wait again is no newcomer.
    repository.run(change("alice", UserChange::SignUp(SignUpStatus::BeforeConfirmation))).await.unwrap();
    let reap = |micros, limit| ReapSignUps { before: at(micros), limit, audit: event(Audited::UserDelete) };
    check(repository, reap(10, 100), 0, &[]).await;
    check(repository, reap(11, 100), 4, &["user.delete accepted", "user.delete accepted"]).await;
    check(repository, reap(11, 100), 0, &[]).await;
    for (name, is_there) in [("alice", true), ("bob", true), ("carl", false), ("dora", false)] {
        assert_eq!(repository.run(FindUser::ById(user_id(name))).await.unwrap().is_some(), is_there, "{name}");
    }
    check(repository, sign_up("carl", 9, Some(digest(53))), SignUpUserOutcome::Created, SIGNED_UP).await;
}
