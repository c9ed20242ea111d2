//! What was done with sign-on sessions.

use std::sync::Arc;

use countersign_identity::SessionId;
use countersign_identity::audit::Operation as Audited;
use countersign_identity::repository::Repository;
use countersign_identity::sign_on::operations::{EndSession, ListSessionChanges, RenewSession};
use countersign_identity::sign_on::{ChangeSource, SESSION_CHANGES_MAX, SessionChange};

use super::fixture::{NOW, at, check, event, user_id};
use super::sign_on::{HOUR, alice, id, opened};

fn list(name: &str) -> ListSessionChanges {
    ListSessionChanges { owner: user_id(name) }
}

fn change(index: u64, source: ChangeSource) -> SessionChange {
    SessionChange { index, at: NOW, address: "192.0.2.7".to_owned(), agent: "conformance".to_owned(), source }
}

async fn renew<R: Repository>(repository: &R, number: u32) {
    let renew = RenewSession { id: id(number), now: NOW, expires: at(HOUR), audit: event(Audited::SessionRenew) };
    assert!(repository.run(renew).await.unwrap().is_some());
}

/// Each with its own number, and nobody else's.
pub async fn keeps_every_field_of_a_change<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    check(repository, list("alice"), Vec::new(), &[]).await;
    opened(repository, [1, 2]).await;
    renew(repository, 1).await;
    let (login, renewed) = (change(1, ChangeSource::Login), change(2, ChangeSource::Renew));
    let want = vec![(id(1), login.clone()), (id(1), renewed), (id(2), login.clone())];
    check(repository, list("alice"), want, &[]).await;
    check(repository, list("bob"), Vec::new(), &[]).await;
    let end = EndSession { id: id(1), owner: Some(user_id("alice")), audit: event(Audited::SessionEnd) };
    check(repository, end, true, &["session.end accepted"]).await;
    check(repository, list("alice"), vec![(id(2), login)], &[]).await;
}

/// The numbers count on.
pub async fn keeps_the_newest_changes_of_a_session<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    opened(repository, [1, 2]).await;
    let max = u64::from(SESSION_CHANGES_MAX);
    let numbers = async || {
        let all: Vec<(SessionId, SessionChange)> = repository.run(list("alice")).await.unwrap();
        let of_one = all.iter().filter(|(session, _)| *session == id(1));
        of_one.map(|(_, change)| change.index).collect::<Vec<_>>()
    };
    for _ in 1..max {
        renew(repository, 1).await;
    }
    assert_eq!(numbers().await, (1..=max).collect::<Vec<_>>());
    renew(repository, 1).await;
    assert_eq!(numbers().await, (2..=max + 1).collect::<Vec<_>>());
}

/// By its owner, or where no owner is asked for.
pub async fn ends_a_session_of_the_owner_only<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    opened(repository, [1, 2]).await;
    let end = |number, owner: Option<&str>| EndSession {
        id: id(number),
        owner: owner.map(user_id),
        audit: event(Audited::SessionEnd),
    };
    let refused = &["session.end refused not_found"];
    check(repository, end(1, Some("bob")), false, refused).await;
    check(repository, end(1, Some("alice")), true, &["session.end accepted"]).await;
    check(repository, end(1, Some("alice")), false, refused).await;
    check(repository, end(2, None), true, &["session.end accepted"]).await;
}
