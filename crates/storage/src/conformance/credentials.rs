//! Credentials: minting with its limit, listing, withdrawing, reaping.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::repository::{
    ChangeUser, DeleteCredential, DeleteCredentialOutcome, FindCredential, FindUser, ListCredentials, MintCredential,
    MintOutcome, ReapCredentials, Repository, SpendCredential, UpdateCredential, UserChange,
};
use countersign_identity::{Credential, CredentialKind, Expires, OffsetSeconds, Timestamp};

use super::fixture::{
    END, NOW, at, check, credential_id, digest, event, login, mint, minted, otp, people, race, rule, user_id,
};

fn with_limit(credential: Credential, live_max: u32, now: Timestamp) -> MintCredential {
    MintCredential { live_max, now, ..mint(credential) }
}

fn list(owner: &str, now: Timestamp) -> ListCredentials {
    ListCredentials { owner: user_id(owner), kind: CredentialKind::Otp, now }
}

fn delete(number: u32, owner: Option<&str>) -> DeleteCredential {
    DeleteCredential {
        id: credential_id(number),
        kind: CredentialKind::Otp,
        owner: owner.map(user_id),
        audit: event(Audited::OtpDelete),
    }
}

async fn spend<R: Repository>(repository: &R, number: u32, now: Timestamp) {
    let (login, spend) = (event(Audited::Login), event(Audited::OtpSpend));
    repository.run(SpendCredential { digest: digest(number), now, login, spend }).await.unwrap();
}

/// As many rules as a key may carry, offsets of both signs, times before the epoch.
pub async fn keeps_every_field<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let few = vec![rule("a.b", "crspoq"), rule("/ä\\.\"x.*/.*", ""), rule("*", "c!+")];
    let many: Vec<_> = (0..256).map(|number| rule(&format!("a.{number}.*"), "c+r!")).collect();
    for (number, permissions) in [(1, Vec::new()), (2, few), (3, many)] {
        let credential = Credential {
            permissions,
            origin: "%operator@unix \"ä\"".to_owned(),
            expires: Expires { at: END, offset: OffsetSeconds(20_700) },
            created: Timestamp::from_micros(-1),
            ..otp(number, "alice")
        };
        let minted = mint(credential.clone());
        check(&*repository, minted, MintOutcome::Minted, &["otp.mint accepted"]).await;
        check(&*repository, FindCredential { digest: digest(number) }, Some(credential), &[]).await;
    }
    check(&*repository, FindCredential { digest: digest(4) }, None, &[]).await;
}

/// One row in the trail each, and nothing else.
pub async fn refuses_to_mint_for_a_missing_or_locked_owner<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    check(&*repository, mint(otp(1, "bob")), MintOutcome::NoSuchUser, &["otp.mint refused not_found"]).await;
    let lock = ChangeUser {
        who: FindUser::ByLogin(login("alice")),
        by: "auto".into(),
        change: UserChange::Enabled(false),
        audit: event(Audited::UserLock),
    };
    repository.run(lock).await.unwrap();
    check(&*repository, mint(otp(1, "alice")), MintOutcome::UserDisabled, &["otp.mint refused user_disabled"]).await;
    check(&*repository, FindCredential { digest: digest(1) }, None, &[]).await;
}

/// A limit of nothing allows nothing.
pub async fn mints_up_to_the_limit_and_not_one_more<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let refused = &["otp.mint refused too_many"];
    check(&*repository, with_limit(otp(1, "alice"), 0, NOW), MintOutcome::TooMany, refused).await;
    for number in 1..=3 {
        let within = with_limit(otp(number, "alice"), 3, NOW);
        check(&*repository, within, MintOutcome::Minted, &["otp.mint accepted"]).await;
    }
    for _ in 0..2 {
        check(&*repository, with_limit(otp(4, "alice"), 3, NOW), MintOutcome::TooMany, refused).await;
    }
    check(&*repository, FindCredential { digest: digest(4) }, None, &[]).await;
}

/// Others' keys, spent ones and expired ones take no room; one at its very end does.
pub async fn counts_only_live_ones_of_the_owner<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    minted(&*repository, [otp(1, "alice"), otp(2, "bob")]).await;
    let late =
        |number| Credential { expires: Expires { at: at(900_000_000), ..otp(0, "").expires }, ..otp(number, "alice") };
    let refused = &["otp.mint refused too_many"];
    check(&*repository, with_limit(late(3), 1, END), MintOutcome::TooMany, refused).await;
    let after_end = Timestamp::from_micros(END.micros() + 1);
    check(&*repository, with_limit(late(3), 1, after_end), MintOutcome::Minted, &["otp.mint accepted"]).await;
    check(&*repository, with_limit(late(4), 1, after_end), MintOutcome::TooMany, refused).await;
    spend(&*repository, 3, after_end).await;
    check(&*repository, with_limit(late(4), 1, after_end), MintOutcome::Minted, &["otp.mint accepted"]).await;
}

/// Fifty at once for one owner with room for ten, beside another owner.
pub async fn keeps_the_limit_under_concurrent_mints<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    minted(&*repository, [otp(1_000, "bob")]).await;
    let outcomes = race(&repository, 50, |number| with_limit(otp(number, "alice"), 10, NOW)).await;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    assert_eq!((count(MintOutcome::Minted), count(MintOutcome::TooMany)), (10, 40));
    assert_eq!(repository.run(list("alice", NOW)).await.unwrap().len(), 10);
}

/// Neither spent nor expired nor foreign ones.
pub async fn lists_live_ones_oldest_first<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    let made = |number, micros| Credential { created: at(micros), ..otp(number, "alice") };
    let dead = Credential { expires: Expires { at: at(5), ..otp(0, "").expires }, ..otp(5, "alice") };
    minted(&*repository, [made(1, 30), made(2, 10), made(4, 20), made(3, 20), otp(6, "bob"), dead.clone()]).await;
    let live = vec![made(2, 10), made(3, 20), made(4, 20), made(1, 30)];
    check(&*repository, list("alice", at(6)), live, &[]).await;
    spend(&*repository, 2, at(5)).await;
    let live = vec![dead, made(3, 20), made(4, 20), made(1, 30)];
    check(&*repository, list("alice", at(5)), live, &[]).await;
    check(&*repository, list("nobody", NOW), Vec::new(), &[]).await;
}

/// Somebody else's stays; with no owner asked for, anybody's goes.
pub async fn deletes_once_and_only_for_the_owner<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    minted(&*repository, [otp(1, "alice"), otp(2, "alice"), otp(3, "alice")]).await;
    spend(&*repository, 3, NOW).await;
    let gone = &["otp.delete accepted"];
    let missing = &["otp.delete refused not_found"];
    let foreign = delete(1, Some("bob"));
    check(&*repository, foreign, DeleteCredentialOutcome::Foreign, &["otp.delete refused foreign"]).await;
    check(&*repository, delete(1, Some("alice")), DeleteCredentialOutcome::Deleted, gone).await;
    check(&*repository, delete(1, Some("alice")), DeleteCredentialOutcome::NotFound, missing).await;
    check(&*repository, delete(2, None), DeleteCredentialOutcome::Deleted, gone).await;
    check(&*repository, delete(2, None), DeleteCredentialOutcome::NotFound, missing).await;
    check(&*repository, delete(3, Some("alice")), DeleteCredentialOutcome::Deleted, gone).await;
    check(&*repository, list("alice", NOW), Vec::new(), &[]).await;
}

/// What was spent or expired at that very time is kept.
pub async fn reaps_what_ended_before_the_time<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, [otp(1, "alice"), otp(2, "alice"), otp(3, "alice")]).await;
    spend(&*repository, 1, at(5)).await;
    let reap = |before| ReapCredentials { before, limit: 100 };
    check(&*repository, reap(at(5)), 0, &[]).await;
    check(&*repository, reap(at(6)), 1, &[]).await;
    check(&*repository, FindCredential { digest: digest(1) }, None, &[]).await;
    check(&*repository, reap(END), 0, &[]).await;
    check(&*repository, list("alice", END), vec![otp(2, "alice"), otp(3, "alice")], &[]).await;
    check(&*repository, reap(Timestamp::from_micros(END.micros() + 1)), 2, &[]).await;
    // What is gone is unknown, not spent.
    let again =
        SpendCredential { digest: digest(1), now: NOW, login: event(Audited::Login), spend: event(Audited::OtpSpend) };
    let line = format!("login refused {}", Reason::WrongTicket.name());
    let outcome = countersign_identity::repository::SpendOutcome::Refused(Reason::WrongTicket);
    check(&*repository, again, outcome, &[line.as_str()]).await;
}

/// So that no transaction is long.
pub async fn reaps_at_most_the_limit<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, (0..5).map(|number| otp(number, "alice"))).await;
    let before = Timestamp::from_micros(END.micros() + 1);
    for (limit, want) in [(0, 0), (2, 2), (2, 2), (2, 1), (2, 0)] {
        check(&*repository, ReapCredentials { before, limit }, want, &[]).await;
    }
}

/// What is as it was read, and can still be used; the revision counts changes of the restrictions.
pub async fn changes_what_is_as_it_was_read<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    minted(repository, [otp(1, "alice")]).await;
    let update = |seen: &Credential, now| UpdateCredential {
        seen: seen.clone(),
        description: None,
        expires: None,
        permissions: None,
        now,
        audit: event(Audited::OtpUpdate),
    };
    let found = async || repository.run(FindCredential { digest: digest(1) }).await.unwrap().unwrap();
    let first = found().await;
    let (done, gone) = (&["otp.update accepted"], &["otp.update refused not_found"]);
    let described = UpdateCredential { description: Some("ä".into()), ..update(&first, END) };
    check(repository, described, true, done).await;
    assert_eq!(found().await, Credential { description: "ä".into(), ..first.clone() });
    let expires = Expires { at: at(5), offset: OffsetSeconds(3_600) };
    let narrowed =
        UpdateCredential { expires: Some(expires), permissions: Some(vec![rule("a.b", "c")]), ..update(&first, NOW) };
    check(repository, narrowed, true, done).await;
    let second = found().await;
    let want = Credential {
        description: "ä".into(),
        expires,
        permissions: vec![rule("a.b", "c")],
        revision: 1,
        ..first.clone()
    };
    assert_eq!(second, want);
    // As it was before, after its end, and when it is used up.
    check(repository, update(&first, NOW), false, gone).await;
    check(repository, update(&second, at(6)), false, gone).await;
    let (spend, entry) = (event(Audited::OtpSpend), event(Audited::Login));
    repository.run(SpendCredential { digest: digest(1), now: NOW, spend, login: entry }).await.unwrap();
    check(repository, update(&second, NOW), false, gone).await;
}
