//! The first start.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::repository::{
    Bootstrap, BootstrapOutcome, FindCredential, FindUser, ListRoles, ListUsers, Repository,
};
use countersign_identity::role::{Role, RoleName, shipped};
use countersign_identity::user::User;

use super::fixture::{check, digest, event, otp, position, race, role, summary, trail_after, user, user_id};

/// The first start, with this number in its credential.
pub(super) fn bootstrap(number: u32) -> Bootstrap {
    Bootstrap {
        roles: shipped("com.example"),
        user: User { id: user_id("admin"), role: RoleName::trust(), ..user("admin") },
        credential: otp(number, "admin"),
        audit: event(Audited::Bootstrap),
    }
}

/// The second time nothing changes, not even the trail.
pub async fn fills_a_fresh_installation_once<R: Repository>(repository: Arc<R>) {
    check(&*repository, bootstrap(1), BootstrapOutcome::Done, &["bootstrap accepted"]).await;
    check(&*repository, FindUser::ById(user_id("admin")), Some(bootstrap(1).user), &[]).await;
    check(&*repository, FindCredential { digest: digest(1) }, Some(otp(1, "admin")), &[]).await;
    let sorted = |mut roles: Vec<Role>| {
        roles.sort_by(|a, b| a.name.cmp(&b.name));
        for role in &mut roles {
            role.rules.sort_by(|a, b| a.pattern.as_str().cmp(b.pattern.as_str()));
        }
        roles
    };
    check(&*repository, ListRoles, sorted(shipped("com.example")), &[]).await;
    check(&*repository, bootstrap(2), BootstrapOutcome::AlreadyDone, &[]).await;
    check(&*repository, FindCredential { digest: digest(2) }, None, &[]).await;
}

/// One does it, and everybody learns that it is done.
pub async fn is_done_by_one_of_several_nodes<R: Repository>(repository: Arc<R>) {
    let outcomes = race(&repository, 8, bootstrap).await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == BootstrapOutcome::Done).count(), 1);
    assert_eq!(summary(&trail_after(&*repository, 0).await), ["bootstrap accepted"]);
}

/// Half an installation would never be completed.
pub async fn changes_nothing_if_it_fails<R: Repository>(repository: Arc<R>) {
    let broken = Bootstrap { user: User { role: role("strange"), ..user("admin") }, ..bootstrap(1) };
    repository.run(broken).await.unwrap_err();
    check(&*repository, ListRoles, Vec::new(), &[]).await;
    check(&*repository, ListUsers { after: None, limit: 10 }, Vec::new(), &[]).await;
    assert_eq!(position(&*repository).await, 0);
    check(&*repository, bootstrap(1), BootstrapOutcome::Done, &["bootstrap accepted"]).await;
}
