//! Attributes of users and of sign-on sessions.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::Profile;
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{ChangeUser, CreateUser, FindUser, Repository, UserChange};
use countersign_identity::sign_on::SignOnSession;
use countersign_identity::sign_on::attributes::operations::{
    AttributeWrite, ChangeAttributes, ChangeAttributesOutcome as Outcome, FindAttributes, ListAttributeNames,
    ReapAttributes,
};
use countersign_identity::sign_on::attributes::{Attribute, AttributeName, AttributeOwner, AttributeVerb};
use countersign_identity::sign_on::operations::{EndSession, OpenSession};
use countersign_identity::{Secret, SessionId, Timestamp};
use uuid::Uuid;

use super::fixture::{NOW, at, check, digest, event, login, people, race, user, user_id};

const MINUTE: i64 = 60_000_000;

fn of(name: &str) -> AttributeOwner {
    AttributeOwner::User(user_id(name))
}

fn name(text: &str) -> AttributeName {
    AttributeName::parse(text).unwrap()
}

fn write(text: &str, value: &str) -> AttributeWrite {
    AttributeWrite { name: name(text), value: Some(Secret::new(value)), seals: false, expires: None }
}

fn change(owner: AttributeOwner, verb: AttributeVerb, writes: Vec<AttributeWrite>) -> ChangeAttributes {
    ChangeAttributes { owner, verb, writes, attributes_max: 100, now: NOW, audit: event(Audited::AttributeSet) }
}

fn set(owner: AttributeOwner, text: &str, value: &str) -> ChangeAttributes {
    change(owner, AttributeVerb::Set, vec![write(text, value)])
}

fn find(owner: AttributeOwner, names: &[&str], opens: bool, now: Timestamp) -> FindAttributes {
    FindAttributes { owner, names: names.iter().map(|text| name(text)).collect(), opens, now }
}

/// Name and value of what is there, by name.
async fn there<R: Repository>(repository: &R, owner: AttributeOwner, now: Timestamp) -> Vec<(String, String)> {
    let names = repository.run(ListAttributeNames { owner, now }).await.unwrap();
    let names: Vec<&str> = names.iter().map(AttributeName::as_str).collect();
    let found = repository.run(find(owner, &names, true, now)).await.unwrap();
    let short = |one: Attribute| (one.name.as_str().to_owned(), one.value.unwrap().expose().to_owned());
    let mut all: Vec<_> = found.into_iter().map(short).collect();
    all.sort();
    all
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// alice with a session that works for a minute.
async fn session<R: Repository>(repository: &R) -> SessionId {
    people(repository, &["bob"]).await;
    let password = PasswordHash::from_stored("first".to_owned());
    let alice = countersign_identity::user::User { password: Some(password.clone()), ..user("alice") };
    let create = CreateUser {
        user: alice,
        profile: Profile::default(),
        proofs: Secrets::default(),
        factor: None,
        audit: event(Audited::UserCreate),
    };
    repository.run(create).await.unwrap();
    let id = SessionId::from_uuid(Uuid::from_u128(7));
    let session = SignOnSession {
        id,
        owner: user_id("alice"),
        digest: digest(7),
        application: "CRM".to_owned(),
        created: NOW,
        expires: at(MINUTE),
        ends: at(MINUTE),
        checked: NOW,
        address: "192.0.2.7".to_owned(),
        agent: "conformance".to_owned(),
    };
    let audit = event(Audited::SessionOpen);
    repository
        .run(OpenSession { session, password, code: None, change: None, sessions_max: 100, audit })
        .await
        .unwrap();
    id
}

/// With every field, in the clear and sealed; only of its owner.
pub async fn keeps_every_field_of_an_attribute<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let id = session(repository).await;
    for owner in [of("alice"), AttributeOwner::Session(id)] {
        let clear = AttributeWrite { expires: Some(at(MINUTE)), ..write("clear", "{\"a\":\"\\u0000é\"}") };
        let sealed = AttributeWrite { seals: true, ..write("sealed", "\"hush\"") };
        let create = change(owner, AttributeVerb::Create, vec![clear, sealed]);
        check(repository, create, Outcome::Done, &["attr.set accepted"]).await;
        let clear = Attribute {
            name: name("clear"),
            value: Some(Secret::new("{\"a\":\"\\u0000é\"}")),
            is_sealed: false,
            created: NOW,
            modified: NOW,
            expires: Some(at(MINUTE)),
        };
        let sealed = Attribute {
            name: name("sealed"),
            value: Some(Secret::new("\"hush\"")),
            is_sealed: true,
            expires: None,
            ..clear.clone()
        };
        check(repository, find(owner, &["clear", "other"], false, NOW), vec![clear], &[]).await;
        check(repository, find(owner, &["sealed"], true, NOW), vec![sealed.clone()], &[]).await;
        let closed = Attribute { value: None, ..sealed };
        check(repository, find(owner, &["sealed"], false, NOW), vec![closed], &[]).await;
        check(repository, find(of("bob"), &["clear"], false, NOW), vec![], &[]).await;
        check(repository, find(owner, &[], false, NOW), vec![], &[]).await;
    }
}

/// A value and an end stay where nothing else is asked for, and a seal stays in any case.
pub async fn changes_of_an_attribute_what_is_asked_for<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    let one = async |verb, write: AttributeWrite, later| {
        let change = ChangeAttributes { now: at(later), ..change(of("alice"), verb, vec![write]) };
        assert_eq!(repository.run(change).await.unwrap(), Outcome::Done);
        let found = repository.run(find(of("alice"), &["a"], true, at(later))).await.unwrap().pop();
        found.map(|one| {
            let times = [one.created, one.modified].map(|time| time.micros() - NOW.micros());
            let expires = one.expires.map(|time| time.micros() - NOW.micros());
            (one.value.unwrap().expose().to_owned(), one.is_sealed, times, expires)
        })
    };
    let ending = |value, end| AttributeWrite { expires: Some(at(end)), ..write("a", value) };
    let sealing = |value, seals| AttributeWrite { seals, ..write("a", value) };
    let expire = |expires| AttributeWrite { value: None, expires, ..write("a", "") };
    let found = |value: &str, is_sealed, times, expires| Some((value.to_owned(), is_sealed, times, expires));
    assert_eq!(one(AttributeVerb::Update, write("a", "0"), 1).await, None);
    assert_eq!(one(AttributeVerb::Expire, expire(Some(at(9))), 1).await, None);
    assert_eq!(one(AttributeVerb::Set, ending("1", MINUTE), 1).await, found("1", false, [1, 1], Some(MINUTE)));
    assert_eq!(one(AttributeVerb::Update, write("a", "2"), 2).await, found("2", false, [1, 2], Some(MINUTE)));
    assert_eq!(one(AttributeVerb::Set, sealing("3", true), 3).await, found("3", true, [1, 3], Some(MINUTE)));
    assert_eq!(one(AttributeVerb::Set, write("a", "4"), 4).await, found("4", true, [1, 4], Some(MINUTE)));
    assert_eq!(one(AttributeVerb::Expire, expire(None), 5).await, found("4", true, [1, 5], None));
    assert_eq!(one(AttributeVerb::Expire, expire(Some(at(9))), 6).await, found("4", true, [1, 6], Some(9)));
    assert_eq!(one(AttributeVerb::Update, sealing("5", false), 7).await, found("5", true, [1, 7], Some(9)));
    assert_eq!(one(AttributeVerb::Delete, expire(None), 8).await, None);
}

/// All or none: one that is there, one too many, no owner.
pub async fn writes_attributes_all_or_none<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    let three = |owner, verb| change(owner, verb, vec![write("a", "1"), write("b", "1"), write("c", "1")]);
    repository.run(set(of("alice"), "b", "0")).await.unwrap();
    let taken = &["attr.set refused exists"];
    check(repository, three(of("alice"), AttributeVerb::Create), Outcome::Exists, taken).await;
    let many = &["attr.set refused too_many"];
    let limited = |max| ChangeAttributes { attributes_max: max, ..three(of("alice"), AttributeVerb::Set) };
    check(repository, limited(2), Outcome::TooMany, many).await;
    assert_eq!(there(repository, of("alice"), NOW).await, pairs(&[("b", "0")]));
    check(repository, limited(3), Outcome::Done, &["attr.set accepted"]).await;
    assert_eq!(there(repository, of("alice"), NOW).await, pairs(&[("a", "1"), ("b", "1"), ("c", "1")]));
    // What is there may be changed, however many there are.
    let change = ChangeAttributes { attributes_max: 0, ..set(of("alice"), "a", "2") };
    check(repository, change, Outcome::Done, &["attr.set accepted"]).await;
    let unknown = &["attr.set refused not_found"];
    for owner in [of("nobody"), AttributeOwner::Session(SessionId::from_uuid(Uuid::from_u128(9)))] {
        check(repository, three(owner, AttributeVerb::Set), Outcome::NoSuchOwner, unknown).await;
    }
}

/// Up to and including its end it is there and counts; after that it neither blocks nor counts, reaped or not.
pub async fn forgets_an_attribute_at_its_end<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    people(repository, &["alice"]).await;
    let short = || AttributeWrite { expires: Some(at(MINUTE)), ..write("a", "1") };
    let create = |later| ChangeAttributes {
        now: at(later),
        attributes_max: 1,
        ..change(of("alice"), AttributeVerb::Create, vec![short()])
    };
    repository.run(create(0)).await.unwrap();
    assert_eq!(there(repository, of("alice"), at(MINUTE)).await, pairs(&[("a", "1")]));
    check(repository, create(MINUTE), Outcome::Exists, &["attr.set refused exists"]).await;
    assert!(there(repository, of("alice"), at(MINUTE + 1)).await.is_empty());
    check(repository, create(MINUTE + 1), Outcome::Done, &["attr.set accepted"]).await;
}

/// At most the limit, and only those whose time is over.
pub async fn reaps_attributes_whose_time_is_over<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let id = session(repository).await;
    for owner in [of("alice"), AttributeOwner::Session(id)] {
        let short = |text| AttributeWrite { expires: Some(at(9)), ..write(text, "1") };
        let writes = vec![short("a"), short("b"), write("c", "1")];
        repository.run(change(owner, AttributeVerb::Create, writes)).await.unwrap();
    }
    let reap = |before, limit| ReapAttributes { before: at(before), limit };
    check(repository, reap(9, 10), 0, &[]).await;
    check(repository, reap(10, 1), 2, &[]).await;
    check(repository, reap(10, 10), 2, &[]).await;
    assert_eq!(there(repository, of("alice"), NOW).await, pairs(&[("c", "1")]));
}

/// Of an ended session, of one whose time is over, of a deleted user.
pub async fn removes_attributes_with_their_owner<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let id = session(repository).await;
    let session = AttributeOwner::Session(id);
    repository.run(set(session, "a", "1")).await.unwrap();
    repository.run(set(of("alice"), "a", "1")).await.unwrap();
    let late = ChangeAttributes { now: at(MINUTE + 1), ..set(session, "b", "1") };
    check(repository, late, Outcome::NoSuchOwner, &["attr.set refused not_found"]).await;
    repository.run(EndSession { id, owner: None, audit: event(Audited::SessionEnd) }).await.unwrap();
    assert!(there(repository, session, NOW).await.is_empty());
    assert_eq!(there(repository, of("alice"), NOW).await, pairs(&[("a", "1")]));
    let delete = ChangeUser {
        who: FindUser::ByLogin(login("alice")),
        by: "auto".into(),
        change: UserChange::Delete,
        audit: event(Audited::UserDelete),
    };
    repository.run(delete).await.unwrap();
    assert!(there(repository, of("alice"), NOW).await.is_empty());
}

/// One of many that create the same; and never more than the limit.
pub async fn lets_one_of_many_create_an_attribute<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let create = |_| change(of("alice"), AttributeVerb::Create, vec![write("a", "1")]);
    let outcomes = race(&repository, 8, create).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count(), 1, "{outcomes:?}");
    let different = |number| ChangeAttributes { attributes_max: 4, ..set(of("alice"), &format!("n{number}"), "1") };
    let outcomes = race(&repository, 8, different).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == Outcome::Done).count(), 3, "{outcomes:?}");
}
