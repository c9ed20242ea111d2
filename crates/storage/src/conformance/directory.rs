//! Users of a directory.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::directory_sync::{DIRECTORY, SyncUser};
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::{Profile, Stamp};
use countersign_identity::proof::Secrets;
use countersign_identity::repository::{
    ChangeUser, ChangeUserOutcome, CreateUser, CreateUserOutcome, FindProfile, FindUser, Repository, UserChange,
};
use countersign_identity::standing::Standing;
use countersign_identity::user::User;
use countersign_identity::user_update::{Field, UserUpdate};

use super::fixture::{NOW, check, event, login, people, user, user_id};

fn of_directory(name: &str) -> User {
    User { password: Some(PasswordHash::in_directory(&login(name))), ..user(name) }
}

async fn created<R: Repository>(repository: &R) {
    people(repository, &["bob"]).await;
    let create = CreateUser {
        user: of_directory("alice"),
        profile: Profile::default(),
        proofs: Secrets::default(),
        factor: None,
        audit: event(Audited::UserCreate),
    };
    check(repository, create, CreateUserOutcome::Created, &["user.create accepted"]).await;
}

fn sync(name: &str, enabled: Option<bool>, display: &str) -> SyncUser {
    let update = UserUpdate { enabled, display: Field::Set(display.to_owned()), ..UserUpdate::default() };
    SyncUser { user: user_id(name), update, audit: event(Audited::UserUpdate) }
}

async fn shown<R: Repository>(repository: &R, name: &str) -> (bool, Option<String>, Option<Stamp>) {
    let record = repository.run(FindProfile { who: FindUser::ById(user_id(name)) }).await.unwrap().unwrap();
    (record.user.standing.enabled, record.profile.names.display, record.profile.locked)
}

/// Names and standing, under the directory's name.
pub async fn changes_a_user_of_the_directory<R: Repository>(repository: Arc<R>) {
    created(&*repository).await;
    let locked = User { standing: Standing { enabled: false, ..Standing::GOOD }, ..of_directory("alice") };
    check(&*repository, sync("alice", Some(false), "A"), Some(locked), &["user.update accepted"]).await;
    let by = Some(Stamp { at: NOW, by: DIRECTORY.to_owned() });
    assert_eq!(shown(&*repository, "alice").await, (false, Some("A".to_owned()), by));
    let back = Some(of_directory("alice"));
    check(&*repository, sync("alice", Some(true), "B"), back, &["user.update accepted"]).await;
    assert!(shown(&*repository, "alice").await.0);
}

/// Whoever isn't the directory's, or isn't there.
pub async fn leaves_users_alone_who_are_not_the_directorys<R: Repository>(repository: Arc<R>) {
    created(&*repository).await;
    for name in ["bob", "carol"] {
        check(&*repository, sync(name, Some(false), "X"), None, &[]).await;
    }
    assert_eq!(shown(&*repository, "bob").await, (true, None, None));
}

/// The rest of the change is made.
pub async fn does_not_unlock_whom_somebody_else_has_locked<R: Repository>(repository: Arc<R>) {
    created(&*repository).await;
    let lock = ChangeUser {
        who: FindUser::ById(user_id("alice")),
        change: UserChange::Enabled(false),
        by: "%operator".to_owned(),
        audit: event(Audited::UserLock),
    };
    let locked = User { standing: Standing { enabled: false, ..Standing::GOOD }, ..of_directory("alice") };
    let outcome = ChangeUserOutcome::Changed(locked.clone());
    check(&*repository, lock, outcome, &["user.lock accepted"]).await;
    check(&*repository, sync("alice", Some(true), "A"), Some(locked), &["user.update accepted"]).await;
    let (enabled, display, stamp) = shown(&*repository, "alice").await;
    assert_eq!((enabled, display.as_deref(), stamp.unwrap().by.as_str()), (false, Some("A"), "%operator"));
}
