//! Sign-on sessions and second factors.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::Profile;
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{
    AcceptLogin, AcceptLoginOutcome, AddUserKey, ChangeUser, CreateUser, Evidence, FindUser, Repository, UserChange,
};
use countersign_identity::sign_on::operations::{
    AcceptedCode, AcceptedStep, EnableFactor, EnableFactorOutcome, EndSession, EndSessions, FindFactor, FindSession,
    ListSessions, OpenSession, OpenSessionOutcome, ReapSessions, RenewSession, SetFactor, SetFactorOutcome,
};
use countersign_identity::sign_on::{Factor, SignOnSession};
use countersign_identity::totp::{Algorithm, Digits, Step, Totp, TotpKey};
use countersign_identity::user::User;
use countersign_identity::{SessionId, Timestamp};
use uuid::Uuid;

use super::fixture::{NOW, at, check, digest, event, login, people, race, user, user_id, user_key};

pub(super) const HOUR: i64 = 3_600_000_000;

/// alice with a password, and bob without.
pub(super) async fn alice<R: Repository>(repository: &R) -> User {
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

pub(super) fn hash(text: &str) -> PasswordHash {
    PasswordHash::from_stored(text.to_owned())
}

pub(super) fn id(number: u32) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(number.into()))
}

/// A session of alice that works for an hour and ends after two.
pub(super) fn session(number: u32, created: Timestamp) -> SignOnSession {
    SignOnSession {
        id: id(number),
        owner: user_id("alice"),
        digest: digest(number),
        application: "CRM".to_owned(),
        created,
        expires: at(HOUR),
        ends: at(2 * HOUR),
        checked: at(-1),
        address: "192.0.2.7".to_owned(),
        agent: "conformance".to_owned(),
    }
}

pub(super) fn open(number: u32, code: Option<AcceptedCode>) -> OpenSession {
    OpenSession {
        session: session(number, at(number.into())),
        password: hash("first"),
        code,
        change: None,
        sessions_max: 100,
        audit: event(Audited::SessionOpen),
    }
}

fn totp(byte: u8) -> Totp {
    Totp { key: TotpKey::from_bytes(vec![byte; 20]).unwrap(), algorithm: Algorithm::Sha512, digits: Digits::Eight }
}

pub(super) fn step(byte: u8, step: u64) -> AcceptedStep {
    AcceptedStep { totp: totp(byte), step: Step::from_number(step), allows_reuse: false, failures_max: 100 }
}

pub(super) fn code(byte: u8, number: u64) -> AcceptedCode {
    AcceptedCode::Step(step(byte, number))
}

pub(crate) fn set(name: &str, byte: u8, end_sessions: EndSessions) -> SetFactor {
    let label = Some(format!("label {byte}"));
    SetFactor {
        owner: user_id(name),
        totp: totp(byte),
        label,
        keeps_recovery_codes: true,
        end_sessions,
        audit: event(Audited::TotpReset),
    }
}

pub(super) async fn enable<R: Repository>(repository: &R, enabled: bool) {
    assert_eq!(repository.run(turn("alice", enabled)).await.unwrap(), EnableFactorOutcome::Done);
}

/// Without a code.
fn turn(name: &str, enabled: bool) -> EnableFactor {
    EnableFactor {
        owner: user_id(name),
        enabled,
        needs_code: false,
        code: None,
        end_sessions: EndSessions::None,
        audit: event(Audited::TotpEnable),
    }
}

fn find(number: u32, now: Timestamp) -> FindSession {
    FindSession { digest: digest(number), now }
}

pub(super) async fn opened<R: Repository>(repository: &R, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        let outcome = repository.run(open(number, None)).await.unwrap();
        assert!(matches!(outcome, OpenSessionOutcome::Opened(_)), "{outcome:?}");
    }
}

async fn live<R: Repository>(repository: &R) -> Vec<SessionId> {
    let list = ListSessions { owner: user_id("alice"), now: NOW };
    repository.run(list).await.unwrap().iter().map(|session| session.id).collect()
}

pub(super) async fn not_opened<R: Repository>(repository: &R, operation: OpenSession, reason: Reason) {
    let line = format!("session.open refused {}", reason.name());
    check(repository, operation, OpenSessionOutcome::Refused(reason), &[line.as_str()]).await;
}

/// With every field; up to and including its end.
pub async fn opens_a_session_and_finds_it_until_its_end<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let alice = alice(repository).await;
    check(repository, open(1, None), OpenSessionOutcome::Opened(alice.clone()), &["session.open accepted"]).await;
    let found = Some((session(1, at(1)), alice));
    check(repository, find(1, NOW), found.clone(), &[]).await;
    check(repository, find(1, at(HOUR)), found, &[]).await;
    check(repository, find(1, at(HOUR + 1)), None, &[]).await;
    check(repository, find(2, NOW), None, &[]).await;
}

/// Another password, a lock, nobody.
pub async fn opens_none_for_what_changed_since_the_check<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    let of = |name: &str, number| {
        let planned = open(number, None);
        OpenSession { session: SignOnSession { owner: user_id(name), ..planned.session.clone() }, ..planned }
    };
    not_opened(repository, of("bob", 1), Reason::WrongTicket).await;
    not_opened(repository, of("nobody", 1), Reason::UnknownUser).await;
    not_opened(repository, OpenSession { password: hash("second"), ..open(1, None) }, Reason::WrongTicket).await;
    let change = ChangeUser {
        who: FindUser::ByLogin(login("alice")),
        by: "auto".into(),
        change: UserChange::Enabled(false),
        audit: event(Audited::UserLock),
    };
    repository.run(change).await.unwrap();
    not_opened(repository, open(1, None), Reason::UserDisabled).await;
    assert!(live(repository).await.is_empty());
}

/// Also where the clock says that it would last longer.
pub async fn renews_a_live_session_up_to_its_longest_life<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    opened(repository, [1]).await;
    let renew = |now, expires| RenewSession { id: id(1), now, expires, audit: event(Audited::SessionRenew) };
    let done = &["session.renew accepted"];
    check(repository, renew(at(HOUR), at(HOUR + 5)), Some(at(HOUR + 5)), done).await;
    check(repository, renew(at(HOUR + 5), at(3 * HOUR)), Some(at(2 * HOUR)), done).await;
    check(repository, renew(at(2 * HOUR + 1), at(4 * HOUR)), None, &["session.renew refused not_found"]).await;
}

/// Once; others stay.
pub async fn ends_one_session<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    opened(repository, [1, 2]).await;
    let end = || EndSession { id: id(1), owner: None, audit: event(Audited::SessionEnd) };
    check(repository, end(), true, &["session.end accepted"]).await;
    check(repository, end(), false, &["session.end refused not_found"]).await;
    assert_eq!(live(repository).await, [id(2)]);
}

/// The oldest go; other people's stay.
pub async fn keeps_the_newest_sessions_of_a_user<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    opened(repository, [1, 2, 3]).await;
    repository.run(OpenSession { sessions_max: 3, ..open(4, None) }).await.unwrap();
    assert_eq!(live(repository).await, [id(2), id(3), id(4)]);
}

/// At most the limit, and only those whose time is over.
pub async fn reaps_sessions_that_ended<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    opened(repository, [1, 2, 3]).await;
    let reap = |before, limit| ReapSessions { before, limit };
    check(repository, reap(at(HOUR), 10), 0, &[]).await;
    check(repository, reap(at(HOUR + 1), 2), 2, &[]).await;
    check(repository, reap(at(HOUR + 1), 2), 1, &[]).await;
}

/// A lock, a password, the end of the user; another role does not.
pub async fn ends_the_sessions_of_a_user_that_changes<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    let change = async |change| {
        let audit = event(Audited::UserPassword);
        repository
            .run(ChangeUser { who: FindUser::ByLogin(login("alice")), by: "auto".into(), change, audit })
            .await
            .unwrap();
    };
    opened(repository, [1]).await;
    change(UserChange::Role(super::fixture::role("backend"))).await;
    assert_eq!(live(repository).await, [id(1)]);
    change(UserChange::Enabled(false)).await;
    assert!(live(repository).await.is_empty());
    change(UserChange::Enabled(true)).await;
    opened(repository, [2]).await;
    change(UserChange::Password(hash("first").into())).await;
    assert!(live(repository).await.is_empty());
    opened(repository, [3]).await;
    change(UserChange::Delete).await;
    check(repository, find(3, NOW), None, &[]).await;
}

/// With every field; a new one takes the place of the old, and stays on or off as that was.
pub async fn sets_a_factor_and_finds_it<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let alice = alice(repository).await;
    let find = || FindFactor { login: login("alice") };
    check(repository, find(), Some((alice.clone(), None)), &[]).await;
    check(repository, FindFactor { login: login("nobody") }, None, &[]).await;
    let factor = |byte, is_enabled, last_step| Factor {
        totp: totp(byte),
        label: Some(format!("label {byte}")),
        is_enabled,
        last_step,
        failures: 0,
    };
    let done = |factor| SetFactorOutcome::Done { user: alice.clone(), factor };
    let line = &["totp.reset accepted"];
    check(repository, set("alice", 1, EndSessions::All), done(factor(1, false, None)), line).await;
    check(repository, find(), Some((alice.clone(), Some(factor(1, false, None)))), &[]).await;
    enable(repository, true).await;
    repository.run(open(1, Some(code(1, 7)))).await.unwrap();
    check(repository, find(), Some((alice.clone(), Some(factor(1, true, Some(Step::from_number(7)))))), &[]).await;
    check(repository, set("alice", 2, EndSessions::None), done(factor(2, true, None)), line).await;
    check(repository, find(), Some((alice.clone(), Some(factor(2, true, None)))), &[]).await;
    let unknown = &["totp.reset refused not_found"];
    check(repository, set("nobody", 1, EndSessions::All), SetFactorOutcome::NoSuchUser, unknown).await;
}

/// All, all but one, or none.
pub async fn ends_sessions_with_a_new_factor_as_asked<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    opened(repository, [1, 2, 3]).await;
    repository.run(set("alice", 1, EndSessions::None)).await.unwrap();
    assert_eq!(live(repository).await.len(), 3);
    repository.run(set("alice", 1, EndSessions::AllBut(id(2)))).await.unwrap();
    assert_eq!(live(repository).await, [id(2)]);
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    assert!(live(repository).await.is_empty());
}

/// None needed, missing, of another key, right, again, older, newer; with leave to use it again.
pub async fn accepts_each_step_of_a_factor_once<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let alice = alice(repository).await;
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    let accepted = OpenSessionOutcome::Opened(alice);
    let line = &["session.open accepted"];
    check(repository, open(1, None), accepted.clone(), line).await;
    enable(repository, true).await;
    not_opened(repository, open(2, None), Reason::CodeMissing).await;
    not_opened(repository, open(2, Some(code(2, 10))), Reason::WrongCode).await;
    check(repository, open(2, Some(code(1, 10))), accepted.clone(), line).await;
    not_opened(repository, open(3, Some(code(1, 10))), Reason::CodeReused).await;
    not_opened(repository, open(3, Some(code(1, 9))), Reason::CodeReused).await;
    check(repository, open(3, Some(code(1, 11))), accepted.clone(), line).await;
    let again = AcceptedCode::Step(AcceptedStep { allows_reuse: true, ..step(1, 11) });
    check(repository, open(4, Some(again)), accepted.clone(), line).await;
    not_opened(repository, open(5, Some(code(1, 11))), Reason::CodeReused).await;
    enable(repository, false).await;
    check(repository, open(5, None), accepted, line).await;
}

/// Exactly one of many with the same code.
pub async fn lets_one_of_many_in_with_a_code<R: Repository>(repository: Arc<R>) {
    alice(&*repository).await;
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    enable(&*repository, true).await;
    let outcomes = race(&repository, 16, |number| open(number, Some(code(1, 10)))).await;
    let opened = outcomes.iter().filter(|outcome| matches!(outcome, OpenSessionOutcome::Opened(_))).count();
    let reused = OpenSessionOutcome::Refused(Reason::CodeReused);
    assert_eq!((opened, outcomes.iter().filter(|outcome| **outcome == reused).count()), (1, outcomes.len() - 1));
    assert_eq!(live(&*repository).await.len(), 1);
}

/// Of nobody, and without a key; off is what is off.
pub async fn turns_on_only_what_is_there<R: Repository>(repository: Arc<R>) {
    alice(&*repository).await;
    let line = &["totp.enable refused not_found"];
    check(&*repository, turn("alice", true), EnableFactorOutcome::NoFactor, line).await;
    check(&*repository, turn("nobody", true), EnableFactorOutcome::NoFactor, line).await;
    check(&*repository, turn("nobody", false), EnableFactorOutcome::NoFactor, line).await;
    check(&*repository, turn("alice", false), EnableFactorOutcome::Done, &["totp.enable accepted"]).await;
}

/// Missing, of another key, used before, right; and none where it is on already.
pub async fn turns_on_with_a_code_that_is_used_up_by_it<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    let with = |code| EnableFactor { needs_code: true, code, ..turn("alice", true) };
    let refused = async |code, reason: Reason| {
        let line = format!("totp.enable refused {}", reason.name());
        check(repository, with(code), EnableFactorOutcome::Refused(reason), &[line.as_str()]).await;
    };
    refused(None, Reason::CodeMissing).await;
    refused(Some(code(2, 10)), Reason::WrongCode).await;
    check(
        repository,
        open(1, None),
        OpenSessionOutcome::Opened(alice_now(repository).await),
        &["session.open accepted"],
    )
    .await;
    let line = &["totp.enable accepted"];
    check(repository, with(Some(code(1, 10))), EnableFactorOutcome::Done, line).await;
    not_opened(repository, open(2, Some(code(1, 10))), Reason::CodeReused).await;
    check(repository, with(None), EnableFactorOutcome::Done, line).await;
    enable(repository, false).await;
    refused(Some(code(1, 10)), Reason::CodeReused).await;
    check(repository, with(Some(code(1, 11))), EnableFactorOutcome::Done, line).await;
}

async fn alice_now<R: Repository>(repository: &R) -> User {
    repository.run(FindUser::ById(user_id("alice"))).await.unwrap().unwrap()
}

/// Only where something changes.
pub async fn ends_sessions_with_a_turn_as_asked<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    alice(repository).await;
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    opened(repository, [1, 2]).await;
    let turned = async |enabled, end_sessions| {
        repository.run(EnableFactor { end_sessions, ..turn("alice", enabled) }).await.unwrap();
        live(repository).await
    };
    assert_eq!(turned(false, EndSessions::All).await, [id(1), id(2)]);
    assert_eq!(turned(true, EndSessions::AllBut(id(2))).await, [id(2)]);
    assert_eq!(turned(true, EndSessions::All).await, [id(2)]);
    assert_eq!(turned(false, EndSessions::All).await, []);
}

/// By password and by a proof of it, each step once, whichever kind of session it opens; by a public key without one.
pub async fn accepts_a_login_by_password_with_a_code_only<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let alice = alice(repository).await;
    repository.run(set("alice", 1, EndSessions::All)).await.unwrap();
    let log_in = |code| AcceptLogin {
        user: user_id("alice"),
        by: Evidence::Password(hash("first")),
        code,
        cookie: None,
        audit: event(Audited::Login),
    };
    let accepted = AcceptLoginOutcome::Accepted(alice);
    let line = &["login accepted"];
    check(repository, log_in(None), accepted.clone(), line).await;
    enable(repository, true).await;
    for (code, reason) in [(None, Reason::CodeMissing), (Some(code(2, 10)), Reason::WrongCode)] {
        let line = format!("login refused {}", reason.name());
        check(repository, log_in(code), AcceptLoginOutcome::Refused(reason), &[line.as_str()]).await;
    }
    check(repository, log_in(Some(code(1, 10))), accepted.clone(), line).await;
    let reused = AcceptLoginOutcome::Refused(Reason::CodeReused);
    check(repository, log_in(Some(code(1, 10))), reused.clone(), &["login refused code_reused"]).await;
    let again = OpenSessionOutcome::Refused(Reason::CodeReused);
    check(repository, open(2, Some(code(1, 10))), again, &["session.open refused code_reused"]).await;
    check(repository, open(2, Some(code(1, 11))), opened_outcome(&accepted), &["session.open accepted"]).await;
    check(repository, log_in(Some(code(1, 11))), reused, &["login refused code_reused"]).await;
    // The first factor is asked first.
    let other = AcceptLogin { by: Evidence::Password(hash("second")), ..log_in(Some(code(1, 12))) };
    let wrong = AcceptLoginOutcome::Refused(Reason::WrongTicket);
    check(repository, other, wrong, &["login refused wrong_ticket"]).await;
    check(repository, log_in(Some(code(1, 12))), accepted.clone(), line).await;
    // A public key is not the password.
    let key = user_key(1);
    let add = AddUserKey { login: login("alice"), key: key.clone(), keys_max: 9, audit: event(Audited::UserKeyAdd) };
    repository.run(add).await.unwrap();
    let by_key = AcceptLogin { by: Evidence::PublicKey(key.key), ..log_in(None) };
    check(repository, by_key, accepted, line).await;
}

fn opened_outcome(accepted: &AcceptLoginOutcome) -> OpenSessionOutcome {
    match accepted {
        AcceptLoginOutcome::Accepted(user) => OpenSessionOutcome::Opened(user.clone()),
        AcceptLoginOutcome::Refused(reason) => OpenSessionOutcome::Refused(*reason),
    }
}
