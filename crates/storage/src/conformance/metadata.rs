//! Metadata of users.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::metadata::operations::{
    DeleteMetadata, DeleteMetadataOutcome, FindMetadata, ListMetadata, SetMetadata, SetMetadataOutcome as Outcome,
};
use countersign_identity::metadata::{MetadataEntry, MetadataKey, MetadataValue};
use countersign_identity::repository::{ChangeUser, FindUser, Repository, UserChange};
use countersign_identity::{MetadataId, Secret};
use uuid::Uuid;

use super::fixture::{NOW, at, check, event, people, race, user_id};

fn key(text: &str) -> MetadataKey {
    MetadataKey::parse(text).unwrap()
}

fn entry(number: u32, name: &str, json: &str) -> MetadataEntry {
    MetadataEntry {
        id: MetadataId::from_uuid(Uuid::from_u128(number.into())),
        key: key(name),
        value: MetadataValue { json: Secret::new(json), yaml: None },
        created: NOW,
        modified: NOW,
    }
}

fn set(owner: &str, entry: MetadataEntry) -> SetMetadata {
    let audit = event(Audited::MetadataSet);
    SetMetadata { owner: user_id(owner), entry, is_new: false, entries_max: 3, bytes_max: 1_000, audit }
}

async fn list<R: Repository>(repository: &R, owner: &str) -> Vec<MetadataEntry> {
    repository.run(ListMetadata { owner: user_id(owner) }).await.unwrap()
}

/// With every field; only of its owner.
pub async fn keeps_every_field_of_an_entry<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    let value =
        MetadataValue { json: Secret::new("{\"é\":\"\\u0000\"}"), yaml: Some(Secret::new("é: \"\\0\" # nul\n")) };
    let first = MetadataEntry { value, modified: at(7), ..entry(1, "B é /^", "") };
    let second = entry(2, "a", "null");
    for one in [&second, &first] {
        check(repository, set("alice", one.clone()), Outcome::Set(one.id), &["metadata.set accepted"]).await;
        let find = |owner| FindMetadata { owner: user_id(owner), key: one.key.clone() };
        check(repository, find("alice"), Some(one.clone()), &[]).await;
        check(repository, find("bob"), None, &[]).await;
    }
    let find = FindMetadata { owner: user_id("alice"), key: key("A") };
    check(repository, find, None, &[]).await;
    // By the bytes of the keys.
    assert_eq!(list(repository, "alice").await, [first, second]);
    assert_eq!(list(repository, "bob").await, []);
}

/// With another value, and nothing else new.
pub async fn sets_again_what_is_there<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    let before = MetadataEntry {
        value: MetadataValue { json: Secret::new("1"), yaml: Some(Secret::new("1 # one")) },
        ..entry(1, "a", "")
    };
    let after = MetadataEntry { created: at(5), modified: at(5), ..entry(2, "a", "2") };
    check(repository, set("alice", before.clone()), Outcome::Set(before.id), &["metadata.set accepted"]).await;
    check(repository, set("alice", after.clone()), Outcome::Set(before.id), &["metadata.set accepted"]).await;
    let kept = MetadataEntry { id: before.id, created: NOW, ..after };
    assert_eq!(list(repository, "alice").await, [kept]);
}

/// At the limit everything works, one past it nothing; what is replaced doesn't count.
pub async fn keeps_to_the_limits<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    let long = "1".repeat(500);
    let text = |bytes: usize| "1".repeat(bytes);
    let done = &["metadata.set accepted"];
    let refused = &["metadata.set refused too_many"];
    let id = |number: u32| Outcome::Set(MetadataId::from_uuid(Uuid::from_u128(number.into())));
    check(repository, set("alice", entry(1, "a", &long)), id(1), done).await;
    check(repository, set("alice", entry(2, "b", &text(501))), Outcome::TooMuch, refused).await;
    let both = MetadataValue { json: Secret::new(text(250)), yaml: Some(Secret::new(text(251))) };
    let both = MetadataEntry { value: both, ..entry(2, "b", "") };
    check(repository, set("alice", both), Outcome::TooMuch, refused).await;
    check(repository, set("alice", entry(2, "b", &text(500))), id(2), done).await;
    check(repository, set("alice", entry(9, "b", &text(499))), id(2), done).await;
    check(repository, set("alice", entry(3, "c", "1")), id(3), done).await;
    check(repository, set("alice", entry(4, "d", "")), Outcome::TooMany, refused).await;
    check(repository, set("alice", entry(9, "c", "2")), id(3), done).await;
    check(repository, set("bob", entry(5, "d", &long)), id(5), done).await;
    assert_eq!(list(repository, "alice").await.len(), 3);
}

/// Of many at once just as many get in as there is room for.
pub async fn keeps_the_limit_where_many_set_at_once<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let outcomes = race(&repository, 20, |number| set("alice", entry(number + 1, &format!("k{number}"), "1"))).await;
    let done = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Set(_))).count();
    assert_eq!((done, list(&*repository, "alice").await.len()), (3, 3));
}

/// The second time there is nothing to remove.
pub async fn removes_an_entry_once<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice", "bob"]).await;
    let delete = |owner| {
        let audit = event(Audited::MetadataDelete);
        DeleteMetadata { owner: user_id(owner), key: key("a"), audit }
    };
    let (gone, nothing) = (&["metadata.delete accepted"], &["metadata.delete refused not_found"]);
    repository.run(set("alice", entry(1, "a", "1"))).await.unwrap();
    check(repository, delete("bob"), DeleteMetadataOutcome::NotFound, nothing).await;
    check(repository, delete("alice"), DeleteMetadataOutcome::Deleted, gone).await;
    check(repository, delete("alice"), DeleteMetadataOutcome::NotFound, nothing).await;
    assert_eq!(list(repository, "alice").await, []);
}

/// Nothing stays, and nothing comes.
pub async fn goes_with_its_user<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    repository.run(set("alice", entry(1, "a", "1"))).await.unwrap();
    let who = FindUser::ById(user_id("alice"));
    let delete = ChangeUser { who, change: UserChange::Delete, by: String::new(), audit: event(Audited::UserDelete) };
    repository.run(delete).await.unwrap();
    assert_eq!(list(repository, "alice").await, []);
    let again = set("alice", entry(2, "a", "1"));
    check(repository, again, Outcome::NoSuchUser, &["metadata.set refused not_found"]).await;
}

/// One that has to be new is stored by one of many, and leaves what is there alone.
pub async fn creates_an_entry_once<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let new = |number: u32| SetMetadata { is_new: true, ..set("alice", entry(number, "a", "1")) };
    let outcomes = race(&repository, 8, new).await;
    let made = |outcome: &Outcome| matches!(outcome, Outcome::Set(_));
    let first = outcomes.iter().copied().find(made).unwrap();
    assert_eq!(outcomes.iter().filter(|one| made(one)).count(), 1);
    assert_eq!(outcomes.iter().filter(|one| **one == Outcome::Exists).count(), 7);
    let found = list(&*repository, "alice").await;
    assert_eq!(found.iter().map(|entry| Outcome::Set(entry.id)).collect::<Vec<_>>(), [first]);
}
