//! Public keys of users.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::repository::{
    AddUserKey, AddUserKeyOutcome, ChangeUser, FindKeyOwner, FindUser, ListUserKeys, RemoveUserKey,
    RemoveUserKeyOutcome, Repository, UserChange,
};
use countersign_identity::user::UserKey;

use super::fixture::{at, check, event, login, people, race, user, user_id, user_key};

/// A number whose key is another than that of the numbers below it.
fn add(name: &str, number: u8, keys_max: u32) -> AddUserKey {
    AddUserKey { login: login(name), key: user_key(number), keys_max, audit: event(Audited::UserKeyAdd) }
}

fn remove(name: &str, number: u8) -> RemoveUserKey {
    RemoveUserKey { login: login(name), key: user_key(number).key, audit: event(Audited::UserKeyRemove) }
}

fn list(name: &str) -> ListUserKeys {
    ListUserKeys { owner: user_id(name) }
}

/// With every field, oldest first; deleted with the user.
pub async fn adds_finds_lists_and_removes<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    let later = AddUserKey { key: UserKey { created: at(1), ..user_key(1) }, ..add("alice", 1, 9) };
    let added = AddUserKeyOutcome::Added(user("alice"));
    check(repository, later, added.clone(), &["user.pubkey.add accepted"]).await;
    check(repository, add("alice", 2, 9), added, &["user.pubkey.add accepted"]).await;
    let listed = vec![user_key(2), UserKey { created: at(1), ..user_key(1) }];
    check(repository, list("alice"), listed, &[]).await;
    check(repository, list("bob"), vec![], &[]).await;
    check(repository, FindKeyOwner { key: user_key(1).key }, Some(user("alice")), &[]).await;
    check(repository, FindKeyOwner { key: user_key(3).key }, None, &[]).await;
    let removed = RemoveUserKeyOutcome::Removed(user("alice"));
    check(repository, remove("alice", 1), removed, &["user.pubkey.remove accepted"]).await;
    check(repository, FindKeyOwner { key: user_key(1).key }, None, &[]).await;
    let audit = event(Audited::UserDelete);
    repository
        .run(ChangeUser {
            who: FindUser::ByLogin(login("alice")),
            by: "auto".into(),
            change: UserChange::Delete,
            audit,
        })
        .await
        .unwrap();
    check(repository, FindKeyOwner { key: user_key(2).key }, None, &[]).await;
}

/// Refusals leave what is there.
pub async fn refuses_what_is_taken_missing_or_too_much<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    repository.run(add("alice", 1, 2)).await.unwrap();
    let taken = &["user.pubkey.add refused exists"];
    check(repository, add("alice", 1, 2), AddUserKeyOutcome::Taken, taken).await;
    check(repository, add("bob", 1, 2), AddUserKeyOutcome::Taken, taken).await;
    let unknown = &["user.pubkey.add refused not_found"];
    check(repository, add("carol", 2, 2), AddUserKeyOutcome::NoSuchUser, unknown).await;
    repository.run(add("alice", 2, 2)).await.unwrap();
    check(repository, add("alice", 3, 2), AddUserKeyOutcome::TooMany, &["user.pubkey.add refused too_many"]).await;
    let missing = &["user.pubkey.remove refused not_found"];
    check(repository, remove("bob", 1), RemoveUserKeyOutcome::NotFound, missing).await;
    check(repository, remove("alice", 3), RemoveUserKeyOutcome::NotFound, missing).await;
    check(repository, remove("carol", 1), RemoveUserKeyOutcome::NoSuchUser, missing).await;
    check(repository, list("alice"), vec![user_key(1), user_key(2)], &[]).await;
    check(repository, list("bob"), vec![], &[]).await;
}

/// One gets it; the others are refused, not broken.
pub async fn gives_a_key_to_one_of_many<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    let outcomes = race(&repository, 16, |number| add(if number % 2 == 0 { "alice" } else { "bob" }, 1, 9)).await;
    let added = outcomes.iter().filter(|outcome| matches!(outcome, AddUserKeyOutcome::Added(_))).count();
    let taken = outcomes.iter().filter(|outcome| **outcome == AddUserKeyOutcome::Taken).count();
    assert_eq!((added, taken), (1, 15));
}

/// However many come at once.
pub async fn keeps_the_limit_under_concurrent_additions<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let outcomes = race(&repository, 16, |number| add("alice", u8::try_from(number).unwrap() + 1, 5)).await;
    let added = outcomes.iter().filter(|outcome| matches!(outcome, AddUserKeyOutcome::Added(_))).count();
    let refused = outcomes.iter().filter(|outcome| **outcome == AddUserKeyOutcome::TooMany).count();
    assert_eq!((added, refused), (5, 11));
    assert_eq!(repository.run(list("alice")).await.unwrap().len(), 5);
}
