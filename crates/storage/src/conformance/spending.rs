//! Single use: of all that try, exactly one spends.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::repository::{
    ChangeUser, FindCredential, FindUser, Repository, SpendCredential, SpendOutcome, UserChange,
};
use countersign_identity::{Credential, Timestamp};

use super::fixture::{
    END, NOW, at, check, digest, event, login, minted, otp, people, position, race, summary, trail_after, user,
};

/// How many try at once, and how often that is repeated.
const RACERS: u32 = 64;
const ROUNDS: u32 = 5;

fn spend(number: u32, now: Timestamp) -> SpendCredential {
    SpendCredential { digest: digest(number), now, login: event(Audited::Login), spend: event(Audited::OtpSpend) }
}

fn spent(number: u32) -> SpendOutcome {
    SpendOutcome::Spent { credential: otp(number, "alice"), user: user("alice") }
}

async fn check_refused<R: Repository>(repository: &R, operation: SpendCredential, reason: Reason) {
    let line = format!("login refused {}", reason.name());
    check(repository, operation, SpendOutcome::Refused(reason), &[line.as_str()]).await;
}

/// A replay is told from an end that has passed, also after the end.
pub async fn spends_once_and_refuses_a_replay<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, [otp(1, "alice"), otp(2, "alice")]).await;
    check(&*repository, spend(1, at(5)), spent(1), &["otp.spend accepted", "login accepted"]).await;
    for now in [at(5), NOW, END, at(700_000_000)] {
        check_refused(&*repository, spend(1, now), Reason::OtpSpent).await;
    }
    let used = Credential { spent: Some(at(5)), ..otp(1, "alice") };
    check(&*repository, FindCredential { digest: digest(1) }, Some(used), &[]).await;
    check(&*repository, FindCredential { digest: digest(2) }, Some(otp(2, "alice")), &[]).await;
}

/// The instant of the end is the last one at which it works.
pub async fn works_up_to_and_including_its_end<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, [otp(1, "alice"), otp(2, "alice")]).await;
    check(&*repository, spend(1, END), spent(1), &["otp.spend accepted", "login accepted"]).await;
    let late = Timestamp::from_micros(END.micros() + 1);
    check_refused(&*repository, spend(2, late), Reason::OtpExpired).await;
    check(&*repository, FindCredential { digest: digest(2) }, Some(otp(2, "alice")), &[]).await;
    check(&*repository, spend(2, END), spent(2), &["otp.spend accepted", "login accepted"]).await;
}

/// Also where others have keys.
pub async fn refuses_an_unknown_key<R: Repository>(repository: Arc<R>) {
    check_refused(&*repository, spend(1, NOW), Reason::WrongTicket).await;
    people(&*repository, &["alice"]).await;
    minted(&*repository, [otp(1, "alice")]).await;
    check_refused(&*repository, spend(2, NOW), Reason::WrongTicket).await;
}

/// A locked user's key isn't used up by trying; with the user it goes.
pub async fn leaves_the_credential_of_a_locked_owner<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, [otp(1, "alice"), otp(2, "alice")]).await;
    let change = async |change| {
        let audit = event(Audited::UserLock);
        repository
            .run(ChangeUser { who: FindUser::ByLogin(login("alice")), by: "auto".into(), change, audit })
            .await
            .unwrap();
    };
    change(UserChange::Enabled(false)).await;
    check_refused(&*repository, spend(1, NOW), Reason::UserDisabled).await;
    change(UserChange::Enabled(true)).await;
    check(&*repository, spend(1, NOW), spent(1), &["otp.spend accepted", "login accepted"]).await;
    change(UserChange::Delete).await;
    check_refused(&*repository, spend(2, NOW), Reason::WrongTicket).await;
}

/// And every one of them is in the trail.
pub async fn lets_exactly_one_of_many_spend<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    for round in 0..ROUNDS {
        minted(&*repository, [otp(round, "alice")]).await;
        let before = position(&*repository).await;
        let outcomes = race(&repository, RACERS, |_| spend(round, NOW)).await;
        let losers = outcomes.iter().filter(|outcome| **outcome == SpendOutcome::Refused(Reason::OtpSpent)).count();
        let winners = outcomes.iter().filter(|outcome| **outcome == spent(round)).count();
        assert_eq!((winners, losers), (1, 63));
        let mut trail = summary(&trail_after(&*repository, before).await);
        trail.sort_unstable();
        trail.dedup_by(|a, b| a == b && a.as_str() == "login refused otp_spent");
        assert_eq!(trail, ["login accepted", "login refused otp_spent", "otp.spend accepted"]);
    }
}
