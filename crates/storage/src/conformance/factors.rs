//! What becomes of second factors beside logins: wrong codes in a row, recovery codes, codes that are checked alone.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::repository::{ChangeUser, FindUser, Repository, UserChange};
use countersign_identity::sign_on::operations::{
    AcceptedCode, AcceptedStep, EndSessions, FindFactor, OpenSession, OpenSessionOutcome, RefuseCode, SetFactor,
    SetRecoveryCodes, SpendCode, SpendCodeOutcome,
};
use countersign_identity::user::User;

use super::fixture::{check, digest, event, login, race, user_id};
use super::sign_on::{alice, code, enable, not_opened, open, set, step};

async fn with_factor<R: Repository>(repository: &R) -> User {
    let alice = alice(repository).await;
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    enable(repository, true).await;
    alice
}

async fn failures<R: Repository>(repository: &R) -> u32 {
    let found = repository.run(FindFactor { login: login("alice") }).await.unwrap();
    found.unwrap().1.unwrap().failures
}

async fn fail<R: Repository>(repository: &R, times: u32) {
    for _ in 0..times {
        let audit = event(Audited::SessionOpen).refused(Reason::WrongCode);
        let line = &["session.open refused wrong_code"];
        check(repository, RefuseCode { owner: user_id("alice"), audit }, (), line).await;
    }
}

fn recovery(numbers: impl IntoIterator<Item = u32>) -> SetRecoveryCodes {
    let digests = numbers.into_iter().map(digest).collect();
    SetRecoveryCodes { owner: user_id("alice"), digests, audit: event(Audited::TotpRecovery) }
}

fn recover(number: u32, code: u32) -> OpenSession {
    open(number, Some(AcceptedCode::Recovery(digest(code))))
}

async fn opened<R: Repository>(repository: &R, operation: OpenSession) {
    let outcome = repository.run(operation).await.unwrap();
    assert!(matches!(outcome, OpenSessionOutcome::Opened(_)), "{outcome:?}");
}

/// Up to the limit; a right code or another key starts anew.
pub async fn locks_a_factor_after_wrong_codes_in_a_row<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    with_factor(repository).await;
    let limited = |number: u32| {
        let step = AcceptedStep { failures_max: 3, ..step(1, number.into()) };
        open(number, Some(AcceptedCode::Step(step)))
    };
    fail(repository, 2).await;
    opened(repository, limited(1)).await;
    assert_eq!(failures(repository).await, 0);
    fail(repository, 3).await;
    assert_eq!(failures(repository).await, 3);
    not_opened(repository, limited(2), Reason::FactorLocked).await;
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    assert_eq!(failures(repository).await, 0);
    opened(repository, limited(2)).await;
    // Nobody's wrong code is only a row.
    let audit = event(Audited::SessionOpen).refused(Reason::WrongCode);
    let line = &["session.open refused wrong_code"];
    check(repository, RefuseCode { owner: user_id("bob"), audit }, (), line).await;
}

/// Also where the factor is locked; wrong ones count, used ones don't; the password stays needed.
pub async fn spends_each_recovery_code_once<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    with_factor(repository).await;
    check(repository, recovery([101, 102, 103]), true, &["totp.recovery accepted"]).await;
    opened(repository, recover(1, 101)).await;
    not_opened(repository, recover(2, 101), Reason::CodeReused).await;
    assert_eq!(failures(repository).await, 0);
    not_opened(repository, recover(2, 104), Reason::WrongCode).await;
    assert_eq!(failures(repository).await, 1);
    fail(repository, 100).await;
    opened(repository, recover(2, 102)).await;
    assert_eq!(failures(repository).await, 101);
    let wrong = OpenSession { password: super::sign_on::hash("second"), ..recover(3, 103) };
    not_opened(repository, wrong, Reason::WrongTicket).await;
    opened(repository, recover(3, 103)).await;
}

/// By new ones, and by another's reset of the key; not by one's own.
pub async fn ends_recovery_codes_as_asked<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    with_factor(repository).await;
    repository.run(recovery([101])).await.unwrap();
    repository.run(recovery([102, 103])).await.unwrap();
    not_opened(repository, recover(1, 101), Reason::WrongCode).await;
    let reset = |keeps_recovery_codes| SetFactor { keeps_recovery_codes, ..set("alice", 2, EndSessions::None) };
    repository.run(reset(true)).await.unwrap();
    opened(repository, recover(1, 102)).await;
    repository.run(reset(false)).await.unwrap();
    not_opened(repository, recover(2, 103), Reason::WrongCode).await;
    repository.run(recovery([104])).await.unwrap();
    let (who, audit) = (FindUser::ByLogin(login("alice")), event(Audited::UserDelete));
    repository.run(ChangeUser { who, by: "auto".into(), change: UserChange::Delete, audit }).await.unwrap();
    assert_eq!(repository.run(FindUser::ById(user_id("alice"))).await.unwrap(), None);
}

/// Of nobody, and without a key.
pub async fn gives_recovery_codes_only_beside_a_key<R: Repository>(repository: Arc<R>) {
    alice(&*repository).await;
    let line = &["totp.recovery refused not_found"];
    check(&*repository, recovery([101]), false, line).await;
    check(&*repository, SetRecoveryCodes { owner: user_id("nobody"), ..recovery([101]) }, false, line).await;
}

/// Exactly one of many with the same recovery code.
pub async fn lets_one_of_many_in_with_a_recovery_code<R: Repository>(repository: Arc<R>) {
    with_factor(&*repository).await;
    repository.run(recovery([101])).await.unwrap();
    let outcomes = race(&repository, 16, |number| recover(number, 101)).await;
    let opened = outcomes.iter().filter(|outcome| matches!(outcome, OpenSessionOutcome::Opened(_))).count();
    let reused = OpenSessionOutcome::Refused(Reason::CodeReused);
    assert_eq!((opened, outcomes.iter().filter(|outcome| **outcome == reused).count()), (1, 15));
}

/// Be it turned on or off; used up for logins as well.
pub async fn spends_a_code_apart_from_a_login<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let spend = |name: &str, code| SpendCode { owner: user_id(name), code, audit: event(Audited::TotpValidate) };
    let refused = async |operation: SpendCode, reason: Reason| {
        let line = format!("totp.validate refused {}", reason.name());
        check(repository, operation, SpendCodeOutcome::Refused(reason), &[line.as_str()]).await;
    };
    let line = &["totp.validate accepted"];
    alice(repository).await;
    refused(spend("alice", code(1, 10)), Reason::WrongCode).await;
    refused(spend("nobody", code(1, 10)), Reason::WrongCode).await;
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    check(repository, spend("alice", code(1, 10)), SpendCodeOutcome::Spent, line).await;
    enable(repository, true).await;
    refused(spend("alice", code(1, 10)), Reason::CodeReused).await;
    refused(spend("alice", code(2, 11)), Reason::WrongCode).await;
    not_opened(repository, open(1, Some(code(1, 10))), Reason::CodeReused).await;
    fail(repository, 1).await;
    check(repository, spend("alice", code(1, 11)), SpendCodeOutcome::Spent, line).await;
    assert_eq!(failures(repository).await, 0);
}
