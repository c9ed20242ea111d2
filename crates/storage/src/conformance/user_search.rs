//! Searches for users.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::profile::{Email, Names, Profile, UserRecord};
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{ChangeUser, CreateUser, FindUser, Repository, UserChange};
use countersign_identity::sign_on::user_search::{FoundUsers, SearchUsers, UserCriteria, UserFilter};
use countersign_identity::standing::{ApprovalStatus, SignUpStatus, Standing};
use countersign_identity::user::User;
use countersign_identity::user_update::{Field, UserUpdate};

use super::fixture::{at, check, digest, event, login, people, user, user_id};

const NOTED: &[&str] = &["user.search accepted"];

fn display(name: &str) -> Names {
    Names { display: Some(name.to_owned()), ..Names::default() }
}

/// Five users; the last has no names.
async fn stored<R: Repository>(repository: &R) -> Vec<UserRecord> {
    people(repository, &[]).await;
    let email = |is_sealed| Some(Email { text: "one@x".into(), digest: digest(1), is_sealed });
    let waiting = Standing { approval: ApprovalStatus::BeforeDecision, ..Standing::GOOD };
    let unconfirmed = Standing { sign_up: SignUpStatus::BeforeConfirmation, ..Standing::GOOD };
    let full = Names {
        display: Some("Ann Lee".to_owned()),
        first: Some("Ann".to_owned()),
        middle: Some("M_".to_owned()),
        last: Some("Lee".to_owned()),
    };
    let records: Vec<_> = [
        ("zoe", Standing::GOOD, full, email(true)),
        ("adam", waiting, Names { first: Some("Adam".to_owned()), ..display("ann lee") }, email(false)),
        ("bob", unconfirmed, display("100%_!\\ Ö"), None),
        ("carol", Standing::GOOD, Names { last: Some("Lee".to_owned()), ..display("100x") }, None),
        ("dave", Standing::GOOD, Names::default(), None),
    ]
    .into_iter()
    .zip(0..)
    .map(|((name, standing, names, email), number)| UserRecord {
        user: User { standing, created: at(number), ..user(name) },
        profile: Profile { names, email, ..Profile::default() },
        factor: None,
    })
    .collect();
    for UserRecord { user, profile, .. } in records.clone() {
        let audit = event(Audited::UserCreate);
        repository.run(CreateUser { user, profile, proofs: Secrets::default(), factor: None, audit }).await.unwrap();
    }
    records
}

fn search(filter: UserFilter, skip: u64, limit: u32) -> SearchUsers {
    SearchUsers { filter, skip, limit, audit: event(Audited::UserSearch) }
}

fn names(found: &FoundUsers) -> Vec<&str> {
    found.page.iter().map(|record| record.user.login.as_str()).collect()
}

/// By each criterion and by several, whatever characters the names have.
pub async fn finds_users_by_what_they_are_like<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    stored(repository).await;
    let part = |names| UserCriteria { names, ..UserCriteria::default() };
    let exact = |names| UserCriteria { names, is_name_exact: true, ..UserCriteria::default() };
    let both = || Names { first: Some("ADAM".to_owned()), last: Some("lee".to_owned()), ..Names::default() };
    for (criteria, want) in [
        (part(display("NN L")), &["adam", "zoe"][..]),
        (exact(display("ANN LEE")), &["adam", "zoe"]),
        (exact(display("nn l")), &[]),
        (part(display("%")), &["bob"]),
        (part(display("_")), &["bob"]),
        (part(display("!")), &["bob"]),
        (part(display("\\")), &["bob"]),
        (part(display("100_")), &[]),
        (exact(display("100%_!\\ ö")), &["bob"]),
        (part(display("' OR 1=1 --")), &[]),
        (part(both()), &[]),
        (UserCriteria { is_any_name: true, ..part(both()) }, &["carol", "adam", "zoe"]),
        (UserCriteria { is_any_name: true, approval: Some(ApprovalStatus::BeforeDecision), ..part(both()) }, &["adam"]),
        (part(Names { middle: Some("m_".to_owned()), ..Names::default() }), &["zoe"]),
        (UserCriteria { email: Some(digest(1)), ..UserCriteria::default() }, &["adam", "zoe"]),
        (UserCriteria { email: Some(digest(2)), ..UserCriteria::default() }, &[]),
        (UserCriteria { sign_up: Some(SignUpStatus::BeforeConfirmation), ..UserCriteria::default() }, &["bob"]),
    ] {
        let found = repository.run(search(UserFilter::Fits(criteria.clone()), 0, 10)).await.unwrap();
        assert_eq!((names(&found), found.total), (want.to_vec(), want.len() as u64), "{criteria:?}");
    }
}

/// All fields of a row, the count of all beside every page, and the order.
pub async fn counts_all_and_gives_a_page_in_order<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    let [zoe, adam, bob, carol, dave] = stored(repository).await.try_into().unwrap();
    let all = || UserFilter::Fits(UserCriteria::default());
    let found = |page| FoundUsers { total: 5, page };
    let order = vec![dave, bob, carol.clone(), adam.clone(), zoe];
    check(repository, search(all(), 0, 10), found(order), NOTED).await;
    check(repository, search(all(), 2, 2), found(vec![carol, adam.clone()]), NOTED).await;
    check(repository, search(all(), 5, 2), found(vec![]), NOTED).await;
    check(repository, search(all(), u64::MAX, 2), found(vec![]), NOTED).await;
    for who in [FindUser::ById(user_id("adam")), FindUser::ByLogin(login("adam"))] {
        let one = FoundUsers { total: 1, page: vec![adam.clone()] };
        check(repository, search(UserFilter::Is(who), 0, 10), one, NOTED).await;
    }
    let nobody = UserFilter::Is(FindUser::ById(user_id("nobody")));
    check(repository, search(nobody, 0, 10), FoundUsers::default(), NOTED).await;
}

/// Neither by the name that was taken away nor by one that was replaced.
pub async fn finds_nobody_by_a_former_name<R: Repository>(repository: Arc<R>) {
    let repository = &*repository;
    stored(repository).await;
    let update = UserUpdate { display: Field::Clear, last: Field::Set("Öst".into()), ..UserUpdate::default() };
    let change = UserChange::Update(Box::new(update));
    let who = FindUser::ById(user_id("zoe"));
    repository.run(ChangeUser { who, change, by: "zusr1".into(), audit: event(Audited::UserUpdate) }).await.unwrap();
    for (criteria, want) in [
        (display("ann"), &["adam"][..]),
        (Names { last: Some("lee".to_owned()), ..Names::default() }, &["carol"]),
        (Names { last: Some("ÖS".to_owned()), ..Names::default() }, &["zoe"]),
    ] {
        let filter = UserFilter::Fits(UserCriteria { names: criteria.clone(), ..UserCriteria::default() });
        let found = repository.run(search(filter, 0, 10)).await.unwrap();
        assert_eq!(names(&found), want, "{criteria:?}");
    }
}
