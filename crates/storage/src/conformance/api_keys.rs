//! API keys: minting, logins, what lives, what ends them.

use std::sync::Arc;

use countersign_identity::audit::{Operation as Audited, Reason};
use countersign_identity::repository::{
    AcceptCredentialOutcome, AcceptKey, ChangeUser, DeleteCredential, DeleteCredentialOutcome, FindCredential,
    FindLivingKeys, FindUser, HasImportedKeys, ListCredentials, MintCredential, MintOutcome, ReapCredentials,
    Repository, SpendCredential, SpendOutcome, UserChange,
};
use countersign_identity::user_update::UserUpdate;
use countersign_identity::{Credential, CredentialKind, Expires, LastUse, Timestamp};

use super::fixture::{
    END, NOW, api_key, at, check, credential_id, digest, event, login, mint, minted, otp, people, race, user, user_id,
};

const AFTER_END: Timestamp = Timestamp::from_micros(END.micros() + 1);

fn accept(number: u32, now: Timestamp) -> AcceptKey {
    AcceptKey { digest: digest(number), becomes: None, now, audit: event(Audited::Login) }
}

fn used(credential: Credential, now: Timestamp) -> Credential {
    Credential { last_used: Some(LastUse { at: now, address: "192.0.2.7".to_owned() }), ..credential }
}

fn list(owner: &str, now: Timestamp) -> ListCredentials {
    ListCredentials { owner: user_id(owner), kind: CredentialKind::ApiKey, now }
}

fn change(owner: &str, change: UserChange) -> ChangeUser {
    let who = FindUser::ByLogin(login(owner));
    ChangeUser { who, change, by: "auto".into(), audit: event(Audited::UserUpdate) }
}

async fn living<R: Repository>(repository: &R, numbers: &[u32], now: Timestamp) -> Vec<(u32, Timestamp)> {
    let ids = numbers.iter().map(|number| credential_id(*number)).collect();
    let found = repository.run(FindLivingKeys { ids, now }).await.unwrap();
    let mut found: Vec<_> = found
        .into_iter()
        .map(|key| (numbers.iter().copied().find(|number| credential_id(*number) == key.id).unwrap(), key.expires))
        .collect();
    found.sort_unstable();
    found
}

/// Also one that never ends, which no time passes and no reaping takes.
pub async fn keeps_every_field_and_no_end<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let lasting = Credential { expires: Expires::NEVER, description: "ä \"x\"".repeat(80), ..api_key(1, "alice") };
    check(&*repository, mint(lasting.clone()), MintOutcome::Minted, &["otp.mint accepted"]).await;
    check(&*repository, FindCredential { digest: digest(1) }, Some(lasting.clone()), &[]).await;
    let late = Timestamp::from_micros(i64::MAX - 1);
    check(&*repository, ReapCredentials { before: late, limit: 10 }, 0, &[]).await;
    let outcome = AcceptCredentialOutcome::Accepted { credential: used(lasting, late), user: user("alice") };
    check(&*repository, accept(1, late), outcome, &["login accepted"]).await;
    assert_eq!(living(&*repository, &[1], late).await, [(1, Expires::NEVER.at)]);
}

/// As often as asked, up to and including its end.
pub async fn opens_sessions_until_its_end_and_notes_its_use<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, [api_key(1, "alice")]).await;
    for now in [at(1), at(2), END] {
        let credential = used(api_key(1, "alice"), now);
        let outcome = AcceptCredentialOutcome::Accepted { credential: credential.clone(), user: user("alice") };
        check(&*repository, accept(1, now), outcome, &["login accepted"]).await;
        check(&*repository, list("alice", now), vec![credential], &[]).await;
    }
    let expired = AcceptCredentialOutcome::Refused(Reason::ApiKeyExpired);
    check(&*repository, accept(1, AFTER_END), expired, &["login refused api_key_expired"]).await;
    check(&*repository, FindCredential { digest: digest(1) }, Some(used(api_key(1, "alice"), END)), &[]).await;
    check(&*repository, list("alice", AFTER_END), Vec::new(), &[]).await;
}

/// Neither is a one-time password a key, nor a key spent.
pub async fn refuses_a_locked_owner_another_kind_and_what_is_gone<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, [api_key(1, "alice"), otp(2, "alice")]).await;
    let refused = AcceptCredentialOutcome::Refused;
    let wrong = &["login refused wrong_ticket"];
    check(&*repository, accept(2, NOW), refused(Reason::WrongTicket), wrong).await;
    check(&*repository, accept(3, NOW), refused(Reason::WrongTicket), wrong).await;
    let spend =
        SpendCredential { digest: digest(1), now: NOW, login: event(Audited::Login), spend: event(Audited::OtpSpend) };
    check(&*repository, spend, SpendOutcome::Refused(Reason::WrongTicket), wrong).await;
    repository.run(change("alice", UserChange::Enabled(false))).await.unwrap();
    let locked = &["login refused user_disabled"];
    check(&*repository, accept(1, NOW), refused(Reason::UserDisabled), locked).await;
    repository.run(change("alice", UserChange::Enabled(true))).await.unwrap();
    let delete =
        |kind| DeleteCredential { id: credential_id(1), kind, owner: None, audit: event(Audited::ApiKeyDelete) };
    let missing = &["apikey.delete refused not_found"];
    check(&*repository, delete(CredentialKind::Otp), DeleteCredentialOutcome::NotFound, missing).await;
    let gone = &["apikey.delete accepted"];
    check(&*repository, delete(CredentialKind::ApiKey), DeleteCredentialOutcome::Deleted, gone).await;
    check(&*repository, accept(1, NOW), refused(Reason::WrongTicket), wrong).await;
}

/// One that came from elsewhere is under its own digest from the first login on; a one-time password is spent as it is.
pub async fn gives_an_imported_key_its_own_digest<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    let old = |credential| Credential { is_imported: true, ..credential };
    minted(&*repository, [old(api_key(1, "alice")), old(otp(2, "alice")), api_key(3, "bob")]).await;
    let has = async |name: &str| repository.run(HasImportedKeys { login: login(name) }).await.unwrap();
    assert!(has("alice").await && !has("bob").await && !has("nobody").await);
    let accept = AcceptKey { becomes: Some(digest(9)), ..accept(1, NOW) };
    let credential = Credential { digest: digest(9), ..used(api_key(1, "alice"), NOW) };
    let outcome = AcceptCredentialOutcome::Accepted { credential: credential.clone(), user: user("alice") };
    check(&*repository, accept, outcome, &["login accepted"]).await;
    check(&*repository, FindCredential { digest: digest(9) }, Some(credential), &[]).await;
    check(&*repository, FindCredential { digest: digest(1) }, None, &[]).await;
    assert!(has("alice").await);
    let spend =
        SpendCredential { digest: digest(2), now: NOW, login: event(Audited::Login), spend: event(Audited::OtpSpend) };
    assert!(matches!(repository.run(spend).await.unwrap(), SpendOutcome::Spent { .. }));
    assert!(!has("alice").await);
}

/// Sixty-four at once with one key.
pub async fn lets_all_of_many_in<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, [api_key(1, "alice")]).await;
    let outcomes = race(&repository, 64, |_| accept(1, NOW)).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, AcceptCredentialOutcome::Accepted { .. })));
}

/// Those that are there, whose time isn't over, and whose owner may come in; of as many as one may ask for.
pub async fn finds_keys_that_live<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    let early = Credential { expires: Expires { at: at(5), ..otp(0, "").expires }, ..api_key(2, "alice") };
    minted(&*repository, [api_key(1, "alice"), early, api_key(3, "bob"), otp(4, "alice")]).await;
    let all: Vec<u32> = (1..=u32::try_from(FindLivingKeys::IDS_MAX).unwrap()).collect();
    assert_eq!(living(&*repository, &all, at(5)).await, [(1, END), (2, at(5)), (3, END)]);
    assert_eq!(living(&*repository, &[1, 2, 3], at(6)).await, [(1, END), (3, END)]);
    repository.run(change("alice", UserChange::Enabled(false))).await.unwrap();
    assert_eq!(living(&*repository, &[1, 2, 3], at(5)).await, [(3, END)]);
    assert_eq!(living(&*repository, &[], at(5)).await, []);
    assert_eq!(living(&*repository, &[3], AFTER_END).await, []);
}

/// One-time passwords take none of their room.
pub async fn have_a_limit_of_their_own<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    minted(&*repository, [otp(1, "alice"), api_key(2, "alice")]).await;
    let within = |credential, live_max| MintCredential { live_max, ..mint(credential) };
    let refused = &["otp.mint refused too_many"];
    check(&*repository, within(api_key(3, "alice"), 1), MintOutcome::TooMany, refused).await;
    check(&*repository, within(api_key(3, "alice"), 2), MintOutcome::Minted, &["otp.mint accepted"]).await;
    check(&*repository, within(otp(4, "alice"), 1), MintOutcome::TooMany, refused).await;
}

/// Their digest is bound to the name.
pub async fn go_with_a_new_name_and_with_their_user<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    minted(&*repository, [api_key(1, "alice"), api_key(2, "bob")]).await;
    let update = UserUpdate { login: Some(login("eve")), ..UserUpdate::default() };
    repository.run(change("alice", UserChange::Update(Box::new(update)))).await.unwrap();
    check(&*repository, FindCredential { digest: digest(1) }, None, &[]).await;
    repository.run(change("bob", UserChange::Delete)).await.unwrap();
    check(&*repository, FindCredential { digest: digest(2) }, None, &[]).await;
}
