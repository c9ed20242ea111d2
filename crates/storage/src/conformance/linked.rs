//! Linked accounts.

use std::sync::Arc;

use countersign_identity::LinkId;
use countersign_identity::audit::Operation as Audited;
use countersign_identity::repository::{ChangeUser, FindUser, Repository, UserChange};
use countersign_identity::sign_on::linked::operations::{
    FindLinked, LinkAccount, LinkOutcome as Outcome, ListLinks, UnlinkAccount,
};
use countersign_identity::sign_on::linked::{AuthType, Link, Principal, PrincipalName};
use uuid::Uuid;

use super::fixture::{at, check, event, login, people, race, user, user_id};

fn principal(auth_type: AuthType, name: &str) -> Principal {
    Principal { auth_type, name: PrincipalName::parse(name).unwrap() }
}

fn api() -> Principal {
    principal(AuthType::BasicAuth, "pubapi")
}

fn link(number: u32, owner: &str, principal: Principal) -> Link {
    let id = LinkId::from_uuid(Uuid::from_u128(number.into()));
    Link { id, owner: user_id(owner), principal, created: at(number.into()), is_active: true }
}

fn make(link: Link) -> LinkAccount {
    LinkAccount { link, links_max: 3, audit: event(Audited::LinkCreate) }
}

fn unlink(owner: &str, principal: Principal) -> UnlinkAccount {
    UnlinkAccount { owner: user_id(owner), principal, audit: event(Audited::LinkDelete) }
}

fn list(owner: &str) -> ListLinks {
    ListLinks { owner: user_id(owner) }
}

/// With every field; an account of another type or spelling is another one.
pub async fn links_an_account_and_finds_its_user<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    let one = link(2, "alice", api());
    let two = Link { is_active: false, ..link(1, "alice", principal(AuthType::Jwt, "pubapi")) };
    let done = &["link.create accepted"];
    check(repository, make(one.clone()), Outcome::Linked, done).await;
    check(repository, make(two.clone()), Outcome::Linked, done).await;
    check(repository, make(link(3, "bob", principal(AuthType::BasicAuth, "PubApi"))), Outcome::Linked, done).await;
    check(repository, list("alice"), vec![two, one], &[]).await;
    let find = |principal| FindLinked { principal };
    check(repository, find(api()), Some(user("alice")), &[]).await;
    check(repository, find(principal(AuthType::BasicAuth, "PubApi")), Some(user("bob")), &[]).await;
    check(repository, find(principal(AuthType::BasicAuth, "pubap")), None, &[]).await;
    // Not active.
    check(repository, find(principal(AuthType::Jwt, "pubapi")), None, &[]).await;
}

/// Taken, by oneself or another; too many; nobody's.
pub async fn refuses_a_link_that_can_not_be<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    repository.run(make(link(1, "alice", api()))).await.unwrap();
    let taken = &["link.create refused exists"];
    check(repository, make(link(2, "alice", api())), Outcome::Taken, taken).await;
    check(repository, make(link(2, "bob", api())), Outcome::Taken, taken).await;
    for number in [2, 3] {
        repository.run(make(link(number, "alice", principal(AuthType::Jwt, &number.to_string())))).await.unwrap();
    }
    let more = || principal(AuthType::Jwt, "more");
    check(repository, make(link(4, "alice", more())), Outcome::TooMany, &["link.create refused too_many"]).await;
    check(repository, make(link(4, "nobody", more())), Outcome::NoSuchUser, &["link.create refused not_found"]).await;
    check(repository, make(link(4, "bob", more())), Outcome::Linked, &["link.create accepted"]).await;
}

/// Exactly the one that is meant, of the user that is meant; and all of a user that goes.
pub async fn removes_one_link_and_all_with_their_user<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    for (number, name) in [(1, "link7"), (2, "link70"), (3, "link71")] {
        repository.run(make(link(number, "alice", principal(AuthType::BasicAuth, name)))).await.unwrap();
    }
    let seven = || principal(AuthType::BasicAuth, "link7");
    let unknown = &["link.delete refused not_found"];
    check(repository, unlink("bob", seven()), None, unknown).await;
    check(repository, unlink("alice", principal(AuthType::Jwt, "link7")), None, unknown).await;
    let id = LinkId::from_uuid(Uuid::from_u128(1));
    check(repository, unlink("alice", seven()), Some(id), &["link.delete accepted"]).await;
    check(repository, unlink("alice", seven()), None, unknown).await;
    assert_eq!(repository.run(list("alice")).await.unwrap().len(), 2);
    let delete = ChangeUser {
        who: FindUser::ByLogin(login("alice")),
        by: "auto".into(),
        change: UserChange::Delete,
        audit: event(Audited::UserDelete),
    };
    repository.run(delete).await.unwrap();
    check(repository, list("alice"), vec![], &[]).await;
    check(repository, FindLinked { principal: principal(AuthType::BasicAuth, "link70") }, None, &[]).await;
}

/// One of many, and never more than the limit.
pub async fn gives_an_account_to_one_of_many<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    let owner = |number: u32| if number.is_multiple_of(2) { "alice" } else { "bob" };
    let outcomes = race(&repository, 8, |number| make(link(number + 1, owner(number), api()))).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Linked).count(), 1, "{outcomes:?}");
    let different = |number: u32| make(link(number + 20, "bob", principal(AuthType::Jwt, &number.to_string())));
    race(&repository, 8, different).await;
    assert_eq!(repository.run(list("bob")).await.unwrap().len(), 3);
}
