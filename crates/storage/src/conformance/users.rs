//! Users.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::Profile;
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{
    ChangeUser, ChangeUserOutcome, CreateUser, CreateUserOutcome, FindCredential, FindUser, ListUsers, Repository,
    UserChange,
};
use countersign_identity::standing::Standing;
use countersign_identity::user::User;

use super::fixture::{
    check, digest, event, login, minted, otp, people, position, race, role, summary, trail_after, user, user_id,
};

fn create(user: User) -> CreateUser {
    CreateUser {
        user,
        profile: Profile::default(),
        proofs: Secrets::default(),
        factor: None,
        audit: event(Audited::UserCreate),
    }
}

fn change(name: &str, change: UserChange) -> ChangeUser {
    ChangeUser { who: FindUser::ByLogin(login(name)), by: "auto".into(), change, audit: event(Audited::UserRole) }
}

/// Both ways of finding, with and without a password, and nobody.
pub async fn creates_a_user_and_finds_it<R: Repository>(repository: Arc<R>) {
    people(&*repository, &[]).await;
    let alice = user("alice");
    let password = Some(PasswordHash::from_stored("$argon2id$v=19$x".to_owned()));
    let bob = User {
        password,
        standing: Standing { enabled: false, ..Standing::GOOD },
        role: role("backend"),
        ..user("bob")
    };
    for user in [alice, bob] {
        let created = create(user.clone());
        check(&*repository, created, CreateUserOutcome::Created, &["user.create accepted"]).await;
        check(&*repository, FindUser::ByLogin(user.login.clone()), Some(user.clone()), &[]).await;
        check(&*repository, FindUser::ById(user.id), Some(user), &[]).await;
    }
    check(&*repository, FindUser::ByLogin(login("carol")), None, &[]).await;
    check(&*repository, FindUser::ById(user_id("carol")), None, &[]).await;
}

/// Refusals leave what is there.
pub async fn refuses_a_taken_name_and_an_unknown_role<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let other = User { id: user_id("other"), ..user("alice") };
    check(&*repository, create(other), CreateUserOutcome::LoginTaken, &["user.create refused exists"]).await;
    let strange = User { role: role("strange"), ..user("bob") };
    check(&*repository, create(strange), CreateUserOutcome::NoSuchRole, &["user.create refused bad_request"]).await;
    check(&*repository, ListUsers { after: None, limit: 10 }, vec![user("alice")], &[]).await;
}

/// One creator wins; the others are refused, not broken.
pub async fn gives_a_name_to_one_of_many<R: Repository>(repository: Arc<R>) {
    people(&*repository, &[]).await;
    let outcomes =
        race(&repository, 16, |number| create(User { id: user_id(&format!("id-{number}")), ..user("alice") })).await;
    let created = outcomes.iter().filter(|outcome| **outcome == CreateUserOutcome::Created).count();
    let taken = outcomes.iter().filter(|outcome| **outcome == CreateUserOutcome::LoginTaken).count();
    assert_eq!((created, taken), (1, 15));
}

/// In the order of code points, whatever the server's locale.
pub async fn lists_by_name_page_by_page<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["zoe", "änne", "a_b", "ab", "a-b", "b"]).await;
    let page = async |after: Option<&str>, limit| {
        let users = repository.run(ListUsers { after: after.map(login), limit }).await.unwrap();
        users.into_iter().map(|user| user.login.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 10).await, ["a-b", "a_b", "ab", "b", "zoe", "änne"]);
    assert_eq!(page(None, 2).await, ["a-b", "a_b"]);
    assert_eq!(page(Some("a_b"), 2).await, ["ab", "b"]);
    assert_eq!(page(Some("b"), 10).await, ["zoe", "änne"]);
    assert_eq!(page(Some("änne"), 10).await, [""; 0]);
    assert_eq!(page(None, 0).await, [""; 0]);
}

/// Each change shows in the outcome and stays.
pub async fn changes_each_property<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    let hash = PasswordHash::from_stored("$argon2id$v=19$y".to_owned());
    let locked = User { standing: Standing { enabled: false, ..Standing::GOOD }, ..user("alice") };
    let backend = User { role: role("backend"), ..user("alice") };
    let alice = User { password: Some(hash.clone()), ..backend.clone() };
    let changes = [
        (UserChange::Enabled(false), locked.clone()),
        (UserChange::Enabled(false), locked),
        (UserChange::Enabled(true), user("alice")),
        (UserChange::Role(role("backend")), backend),
        (UserChange::Password(hash.into()), alice.clone()),
    ];
    for (wanted, after) in changes {
        let outcome = ChangeUserOutcome::Changed(after);
        check(&*repository, change("alice", wanted), outcome, &["user.role accepted"]).await;
    }
    check(&*repository, ListUsers { after: None, limit: 10 }, vec![alice, user("bob")], &[]).await;
}

/// Unknown user, unknown role, and both.
pub async fn refuses_changes_of_what_is_not_there<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice"]).await;
    let hash = PasswordHash::from_stored("x".to_owned());
    let changes = [
        UserChange::Enabled(true),
        UserChange::Role(role("strange")),
        UserChange::Password(hash.into()),
        UserChange::Delete,
    ];
    for wanted in changes {
        let nobody = change("nobody", wanted);
        check(&*repository, nobody, ChangeUserOutcome::NoSuchUser, &["user.role refused not_found"]).await;
    }
    let strange = change("alice", UserChange::Role(role("strange")));
    check(&*repository, strange, ChangeUserOutcome::NoSuchRole, &["user.role refused bad_request"]).await;
    check(&*repository, FindUser::ById(user_id("alice")), Some(user("alice")), &[]).await;
}

/// Others keep theirs; the name is free again; a second delete is refused.
pub async fn deletes_a_user_with_its_credentials<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    minted(&*repository, [otp(1, "alice"), otp(2, "alice"), otp(3, "bob")]).await;
    let delete = || change("alice", UserChange::Delete);
    let before = position(&*repository).await;
    check(&*repository, delete(), ChangeUserOutcome::Changed(user("alice")), &["user.role accepted"]).await;
    for (number, left) in [(1, None), (2, None), (3, Some(otp(3, "bob")))] {
        check(&*repository, FindCredential { digest: digest(number) }, left, &[]).await;
    }
    check(&*repository, FindUser::ByLogin(login("alice")), None, &[]).await;
    check(&*repository, delete(), ChangeUserOutcome::NoSuchUser, &["user.role refused not_found"]).await;
    let trail = trail_after(&*repository, before).await;
    assert_eq!(summary(&trail), ["user.role accepted", "user.role refused not_found"]);
    check(&*repository, create(user("alice")), CreateUserOutcome::Created, &["user.create accepted"]).await;
}
