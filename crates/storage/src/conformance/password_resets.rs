//! Forgotten passwords.

use std::sync::Arc;

use countersign_identity::SessionId;
use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::password::PasswordHash;
use countersign_identity::repository::{
    ChangeUser, ChangeUserOutcome, FindUser, PasswordChange, Repository, UserChange,
};
use countersign_identity::sign_on::SignOnSession;
use countersign_identity::sign_on::operations::{FindSession, OpenSession, OpenSessionOutcome};
use countersign_identity::sign_on::password_reset::operations::{
    AccessReset, FindReset, FinishReset, ReapResets, ResetOutcome, StartReset,
};
use countersign_identity::standing::Standing;
use countersign_identity::user::User;
use uuid::Uuid;

use super::fixture::{at, check, digest, event, people, race, user, user_id};

/// The token works from [`super::fixture::NOW`] to `at(10)`.
fn start(name: &str, token: u32) -> StartReset {
    let audit = event(Audited::PasswordResetRequest);
    StartReset { owner: user_id(name), token: digest(token), expires: at(10), audit }
}

/// The key works to `at(20)`.
fn access(token: u32, key: u32, micros: i64) -> AccessReset {
    let mut audit = event(Audited::PasswordResetAccess);
    audit.at = at(micros);
    AccessReset { token: digest(token), key: digest(key), key_expires: at(20), audit }
}

fn find(token: u32, key: u32, micros: i64) -> FindReset {
    FindReset { token: digest(token), key: digest(key), now: at(micros) }
}

fn password(text: &str) -> PasswordChange {
    let secrets = PasswordHash::from_stored(text.to_owned()).into();
    PasswordChange { secrets, expires: Some(at(99)), must_change: false, kept: None }
}

fn finish(token: u32, key: u32, micros: i64) -> FinishReset {
    let mut audit = event(Audited::PasswordResetUse);
    audit.at = at(micros);
    FinishReset { token: digest(token), key: digest(key), password: password("new"), audit }
}

fn change(name: &str, change: UserChange) -> ChangeUser {
    ChangeUser { who: FindUser::ById(user_id(name)), change, by: "auto".into(), audit: event(Audited::UserUpdate) }
}

fn with_new_password(name: &str) -> User {
    let standing = Standing { password_expires: Some(at(99)), ..Standing::GOOD };
    User { password: Some(PasswordHash::from_stored("new".into())), standing, ..user(name) }
}

/// alice with a password, and a session.
async fn with_session<R: Repository>(repository: &R) -> User {
    let secrets = PasswordHash::from_stored("old".to_owned()).into();
    let set = UserChange::Password(PasswordChange { secrets, expires: None, must_change: false, kept: None });
    let ChangeUserOutcome::Changed(alice) = repository.run(change("alice", set)).await.unwrap() else {
        panic!("alice is there")
    };
    let session = SignOnSession {
        id: SessionId::from_uuid(Uuid::from_u128(7)),
        owner: alice.id,
        digest: digest(7),
        application: "CRM".to_owned(),
        created: at(0),
        expires: at(100),
        ends: at(100),
        checked: at(0),
        address: "192.0.2.7".to_owned(),
        agent: "conformance".to_owned(),
    };
    let audit = event(Audited::SessionOpen);
    let password = PasswordHash::from_stored("old".to_owned());
    let open = OpenSession { session, password, code: None, change: None, sessions_max: 9, audit };
    assert!(matches!(repository.run(open).await.unwrap(), OpenSessionOutcome::Opened(_)));
    alice
}

const STARTED: &[&str] = &["password_reset.request accepted"];
const ACCESSED: &[&str] = &["password_reset.access accepted"];

/// With the sessions that were open, and what else the old password has left.
pub async fn sets_a_password_by_token_and_key_once<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    let alice = with_session(repository).await;
    let find_session = || FindSession { digest: digest(7), now: at(0) };
    check(repository, start("alice", 1), ResetOutcome::Done(alice.clone()), STARTED).await;
    check(repository, access(1, 2, 10), ResetOutcome::Done(alice.clone()), ACCESSED).await;
    let used = ResetOutcome::Refused(Reason::TokenUsed);
    check(repository, access(1, 3, 10), used, &["password_reset.access refused token_used"]).await;
    check(repository, find(1, 2, 20), Some(alice.clone()), &[]).await;
    for wrong in [find(1, 3, 20), find(2, 1, 20), find(9, 2, 20), find(1, 2, 21)] {
        check(repository, wrong, None, &[]).await;
    }
    let refused = ["password_reset.use refused wrong_token"];
    for wrong in [finish(1, 3, 20), finish(2, 1, 20), finish(9, 2, 20), finish(1, 2, 21)] {
        check(repository, wrong, ResetOutcome::Refused(Reason::WrongToken), &refused).await;
    }
    assert!(repository.run(find_session()).await.unwrap().is_some());
    let done = ResetOutcome::Done(with_new_password("alice"));
    check(repository, finish(1, 2, 20), done, &["password_reset.use accepted"]).await;
    check(repository, finish(1, 2, 20), ResetOutcome::Refused(Reason::WrongToken), &refused).await;
    check(repository, FindUser::ById(user_id("alice")), Some(with_new_password("alice")), &[]).await;
    check(repository, find_session(), None, &[]).await;
    check(repository, FindUser::ById(user_id("bob")), Some(user("bob")), &[]).await;
}

/// Also with the key that the older one was spent for.
pub async fn keeps_one_token_for_each_user<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    check(repository, start("alice", 1), ResetOutcome::Done(user("alice")), STARTED).await;
    check(repository, start("bob", 2), ResetOutcome::Done(user("bob")), STARTED).await;
    check(repository, access(1, 3, 0), ResetOutcome::Done(user("alice")), ACCESSED).await;
    check(repository, start("alice", 4), ResetOutcome::Done(user("alice")), STARTED).await;
    let wrong = || ResetOutcome::Refused(Reason::WrongToken);
    check(repository, access(1, 5, 0), wrong(), &["password_reset.access refused wrong_token"]).await;
    check(repository, finish(1, 3, 0), wrong(), &["password_reset.use refused wrong_token"]).await;
    check(repository, access(4, 5, 0), ResetOutcome::Done(user("alice")), ACCESSED).await;
    check(repository, access(2, 6, 0), ResetOutcome::Done(user("bob")), ACCESSED).await;
}

/// Unknown tokens, those after their time, and users who may not come in.
pub async fn refuses_what_may_not_be_reset<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    let refused = |reason| ResetOutcome::Refused(reason);
    let unknown = ["password_reset.request refused unknown_user"];
    check(repository, start("nobody", 1), refused(Reason::UnknownUser), &unknown).await;
    check(repository, access(1, 2, 0), refused(Reason::WrongToken), &["password_reset.access refused wrong_token"])
        .await;
    repository.run(start("alice", 1)).await.unwrap();
    let expired = ["password_reset.access refused token_expired"];
    check(repository, access(1, 2, 11), refused(Reason::TokenExpired), &expired).await;
    repository.run(change("alice", UserChange::Enabled(false))).await.unwrap();
    let locked = refused(Reason::UserDisabled);
    check(repository, start("alice", 3), locked.clone(), &["password_reset.request refused user_disabled"]).await;
    check(repository, access(1, 2, 0), locked.clone(), &["password_reset.access refused user_disabled"]).await;
    repository.run(change("alice", UserChange::Enabled(true))).await.unwrap();
    check(repository, access(1, 2, 0), ResetOutcome::Done(user("alice")), ACCESSED).await;
    repository.run(change("alice", UserChange::Enabled(false))).await.unwrap();
    check(repository, finish(1, 2, 0), locked, &["password_reset.use refused user_disabled"]).await;
    repository.run(change("alice", UserChange::Delete)).await.unwrap();
    check(repository, find(1, 2, 0), None, &[]).await;
}

/// What a stranger may have got hold of ends as well.
pub async fn ends_with_a_password_that_is_set_otherwise<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    repository.run(start("alice", 1)).await.unwrap();
    repository.run(access(1, 2, 0)).await.unwrap();
    repository.run(change("alice", UserChange::Password(password("other")))).await.unwrap();
    let refused = ["password_reset.use refused wrong_token"];
    check(repository, finish(1, 2, 0), ResetOutcome::Refused(Reason::WrongToken), &refused).await;
}

/// One key for one token, one password for one key.
pub async fn lets_one_of_many_through_each_step<R: Repository>(repository: Arc<R>) {
    const MANY: u32 = 16;
    people(&*repository, &["alice"]).await;
    repository.run(start("alice", 1)).await.unwrap();
    let is_done = |outcome: &ResetOutcome| matches!(outcome, ResetOutcome::Done(_));
    let accessed = race(&repository, MANY, |number| access(1, 100 + number, 0)).await;
    assert_eq!(accessed.iter().filter(|outcome| is_done(outcome)).count(), 1);
    let mut key = None;
    for number in 0..MANY {
        if repository.run(find(1, 100 + number, 0)).await.unwrap().is_some() {
            key = Some(100 + number);
        }
    }
    let key = key.unwrap();
    let finished = race(&repository, MANY, |_| finish(1, key, 0)).await;
    assert_eq!(finished.iter().filter(|outcome| is_done(outcome)).count(), 1);
}

/// A token that was spent lives as long as its key.
pub async fn reaps_what_ended<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob", "carl"]).await;
    for (name, token) in [("alice", 1), ("bob", 2), ("carl", 3)] {
        repository.run(start(name, token)).await.unwrap();
    }
    repository.run(access(3, 4, 0)).await.unwrap();
    let reap = |micros, limit| ReapResets { before: at(micros), limit };
    check(repository, reap(10, 100), 0, &[]).await;
    check(repository, reap(11, 1), 1, &[]).await;
    check(repository, reap(11, 100), 1, &[]).await;
    check(repository, find(3, 4, 20), Some(user("carl")), &[]).await;
    check(repository, reap(21, 100), 1, &[]).await;
}
