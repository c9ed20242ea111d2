//! Logins by the token of a sign-on session.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::repository::{ChangeUser, FindUser, Repository, SearchAudit, UserChange};
use countersign_identity::sign_on::operations::{
    AcceptToken, AcceptTokenOutcome, EndSession, FindLiving, RenewSession,
};
use countersign_identity::{SessionId, Timestamp};

use super::fixture::{NOW, at, check, digest, event, login};
use super::sign_on::{HOUR, alice, id, opened, session};

fn accept(number: u32, name: Option<&str>, now: Timestamp) -> AcceptToken {
    let audit = event(Audited::Login).detail("x");
    AcceptToken { digest: digest(number), login: name.map(login), now, audit }
}

async fn refused<R: Repository>(repository: &R, accept: AcceptToken, reason: Reason) {
    let line = format!("login refused {}", reason.name());
    check(repository, accept, AcceptTokenOutcome::Refused(reason), &[line.as_str()]).await;
}

/// Up to and including its end; the trail says whose it is and which session it was.
pub async fn opens_sessions_until_its_sign_on_session_ends<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let alice = alice(repository).await;
    opened(repository, [1]).await;
    let outcome = || AcceptTokenOutcome::Accepted { session: session(1, at(1)), user: alice.clone() };
    let line = &["login accepted"];
    check(repository, accept(1, None, NOW), outcome(), line).await;
    check(repository, accept(1, Some("alice"), at(HOUR)), outcome(), line).await;
    let newest = repository.run(SearchAudit { limit: 1, ..SearchAudit::default() }).await.unwrap().remove(0).event;
    let detail = format!("x sign_on={}", id(1).to_bus());
    assert_eq!((newest.actor.as_str(), newest.target.as_str(), newest.detail), ("alice", "alice", detail));
    refused(repository, accept(1, None, at(HOUR + 1)), Reason::TokenExpired).await;
}

/// Each with its own reason.
pub async fn refuses_another_name_an_unknown_token_and_what_ended<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    opened(repository, [1, 2]).await;
    refused(repository, accept(1, Some("bob"), NOW), Reason::TokenMismatch).await;
    refused(repository, accept(7, None, NOW), Reason::WrongToken).await;
    repository.run(EndSession { id: id(1), owner: None, audit: event(Audited::SessionEnd) }).await.unwrap();
    refused(repository, accept(1, None, NOW), Reason::WrongToken).await;
    let who = FindUser::ByLogin(login("alice"));
    let lock =
        ChangeUser { who, by: "auto".into(), change: UserChange::Enabled(false), audit: event(Audited::UserLock) };
    repository.run(lock).await.unwrap();
    refused(repository, accept(2, None, NOW), Reason::WrongToken).await;
}

/// With the end that each has now, however many are asked for.
pub async fn finds_those_that_live<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let alice = alice(repository).await;
    opened(repository, [1, 2, 3]).await;
    let find = |ids: Vec<SessionId>, now| FindLiving { ids, now };
    check(repository, find(Vec::new(), NOW), Vec::new(), &[]).await;
    check(repository, find(vec![id(2)], NOW), vec![(session(2, at(2)), alice)], &[]).await;
    let renew = RenewSession { id: id(3), now: NOW, expires: at(HOUR + 5), audit: event(Audited::SessionRenew) };
    repository.run(renew).await.unwrap();
    let living = async |ids, now| {
        let found = repository.run(find(ids, now)).await.unwrap();
        let mut found: Vec<_> = found.iter().map(|(session, _)| (session.id, session.expires)).collect();
        found.sort_unstable();
        found
    };
    let all: Vec<SessionId> = (1..=256).map(id).collect();
    let want = vec![(id(1), at(HOUR)), (id(2), at(HOUR)), (id(3), at(HOUR + 5))];
    assert_eq!(living(all, NOW).await, want);
    assert_eq!(living((1..=5).map(id).collect(), at(HOUR + 1)).await, [(id(3), at(HOUR + 5))]);
}
