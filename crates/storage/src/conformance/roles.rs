//! Roles and rules.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::permission::{Pattern, Rule};
use countersign_identity::repository::{FindUser, ListRoles, Repository, RuleChange, SetRule, SetRuleOutcome};
use countersign_identity::role::Role;
use countersign_identity::role_admin::{
    Put, PutRole, PutRoleOutcome, RemoveRole, RemoveRoleOutcome, RenameRole, RenameRoleOutcome,
};

use super::fixture::{check, event, new_role, people, role, rule, user};

fn create(name: &str) -> PutRole {
    new_role(name)
}

fn set(name: &str, uri: &str, perms: &str) -> SetRule {
    SetRule { role: role(name), change: RuleChange::Set(rule(uri, perms)), audit: event(Audited::RoleAllow) }
}

fn remove(name: &str, uri: &str) -> SetRule {
    let change = RuleChange::Remove(Pattern::parse(uri).unwrap());
    SetRule { role: role(name), change, audit: event(Audited::RoleDeny) }
}

fn roles<const N: usize>(list: [(&str, &[Rule]); N]) -> Vec<Role> {
    list.into_iter().map(|(name, rules)| Role { name: role(name), rules: rules.to_vec() }).collect()
}

/// The second time it is refused, and its rules stay.
pub async fn creates_a_role_once<R: Repository>(repository: Arc<R>) {
    check(&*repository, ListRoles, Vec::new(), &[]).await;
    check(&*repository, create("b"), PutRoleOutcome::Done, &["role.create accepted"]).await;
    check(&*repository, create("a"), PutRoleOutcome::Done, &["role.create accepted"]).await;
    check(&*repository, set("a", "x.*", "c"), SetRuleOutcome::Done, &["role.allow accepted"]).await;
    check(&*repository, create("a"), PutRoleOutcome::Exists, &["role.create refused exists"]).await;
    check(&*repository, ListRoles, roles([("a", &[rule("x.*", "c")]), ("b", &[])]), &[]).await;
}

/// A rule belongs to one role; a denial is a rule without rights.
pub async fn sets_replaces_and_removes_rules<R: Repository>(repository: Arc<R>) {
    for name in ["a", "b"] {
        check(&*repository, create(name), PutRoleOutcome::Done, &["role.create accepted"]).await;
    }
    for perms in ["c", "crs+!", "", "p"] {
        check(&*repository, set("a", "x.y", perms), SetRuleOutcome::Done, &["role.allow accepted"]).await;
        check(&*repository, ListRoles, roles([("a", &[rule("x.y", perms)]), ("b", &[])]), &[]).await;
    }
    check(&*repository, set("b", "x.y", "q"), SetRuleOutcome::Done, &["role.allow accepted"]).await;
    check(&*repository, set("c", "x.y", "q"), SetRuleOutcome::NoSuchRole, &["role.allow refused not_found"]).await;
    check(&*repository, remove("a", "x.*"), SetRuleOutcome::NoSuchRule, &["role.deny refused not_found"]).await;
    check(&*repository, remove("c", "x.y"), SetRuleOutcome::NoSuchRole, &["role.deny refused not_found"]).await;
    check(&*repository, remove("a", "x.y"), SetRuleOutcome::Done, &["role.deny accepted"]).await;
    check(&*repository, remove("a", "x.y"), SetRuleOutcome::NoSuchRule, &["role.deny refused not_found"]).await;
    check(&*repository, ListRoles, roles([("a", &[]), ("b", &[rule("x.y", "q")])]), &[]).await;
}

/// In the order of code points, whatever the server's locale.
pub async fn lists_rules_in_the_order_of_their_patterns<R: Repository>(repository: Arc<R>) {
    check(&*repository, create("a"), PutRoleOutcome::Done, &["role.create accepted"]).await;
    for uri in ["ä.b", "a.b", "/x.*/.*", "a_.b", "B.*", "*"] {
        check(&*repository, set("a", uri, "c"), SetRuleOutcome::Done, &["role.allow accepted"]).await;
    }
    let sorted = ["*", "/x.*/.*", "B.*", "a.b", "a_.b", "ä.b"].map(|uri| rule(uri, "c"));
    check(&*repository, ListRoles, roles([("a", &sorted)]), &[]).await;
}

fn put(name: &str, rules: &[Rule], put: Put) -> PutRole {
    let operation = if put == Put::New { Audited::RoleCreate } else { Audited::RoleReplace };
    PutRole { role: Role { name: role(name), rules: rules.to_vec() }, put, audit: event(operation) }
}

fn rename(name: &str, to: &str) -> RenameRole {
    RenameRole { role: role(name), to: role(to), audit: event(Audited::RoleRename) }
}

fn remove_role(name: &str) -> RemoveRole {
    RemoveRole { role: role(name), audit: event(Audited::RoleRemove) }
}

/// A role is stored with its rules, all or none.
pub async fn stores_a_role_with_all_its_rules<R: Repository + 'static>(repository: Arc<R>) {
    let (one, two) = ([rule("x.*", "c"), rule("y.z", "")], [rule("x.*", "s+!")]);
    let new = |rules: &[Rule]| put("a", rules, Put::New);
    let existing = |rules: &[Rule]| put("a", rules, Put::Existing);
    check(&*repository, existing(&one), PutRoleOutcome::NoSuchRole, &["role.replace refused not_found"]).await;
    check(&*repository, new(&one), PutRoleOutcome::Done, &["role.create accepted"]).await;
    check(&*repository, new(&two), PutRoleOutcome::Exists, &["role.create refused exists"]).await;
    check(&*repository, ListRoles, roles([("a", &one)]), &[]).await;
    check(&*repository, existing(&two), PutRoleOutcome::Done, &["role.replace accepted"]).await;
    check(&*repository, ListRoles, roles([("a", &two)]), &[]).await;
    check(&*repository, existing(&[]), PutRoleOutcome::Done, &["role.replace accepted"]).await;
    check(&*repository, ListRoles, roles([("a", &[])]), &[]).await;
}

/// Another name is also that of its users' role.
pub async fn renames_a_role_with_its_rules_and_users<R: Repository + 'static>(repository: Arc<R>) {
    people(&*repository, &["jane"]).await;
    check(&*repository, set("frontend", "x.*", "c"), SetRuleOutcome::Done, &["role.allow accepted"]).await;
    let refused = "role.rename refused";
    let missing = [format!("{refused} not_found")];
    check(&*repository, rename("desk", "more"), RenameRoleOutcome::NoSuchRole, &[&missing[0]]).await;
    let taken = [format!("{refused} exists")];
    check(&*repository, rename("frontend", "backend"), RenameRoleOutcome::Exists, &[&taken[0]]).await;
    check(&*repository, rename("frontend", "desk"), RenameRoleOutcome::Done, &["role.rename accepted"]).await;
    check(&*repository, ListRoles, roles([("backend", &[]), ("desk", &[rule("x.*", "c")])]), &[]).await;
    let jane = repository.run(FindUser::ByLogin(user("jane").login)).await.unwrap().unwrap();
    assert_eq!(jane.role, role("desk"));
}

/// A role that a user has stays.
pub async fn removes_a_role_that_nobody_has<R: Repository + 'static>(repository: Arc<R>) {
    people(&*repository, &["jane"]).await;
    check(&*repository, set("backend", "x.*", "c"), SetRuleOutcome::Done, &["role.allow accepted"]).await;
    let in_use = &["role.delete refused in_use"];
    check(&*repository, remove_role("frontend"), RemoveRoleOutcome::InUse, in_use).await;
    check(&*repository, remove_role("backend"), RemoveRoleOutcome::Done, &["role.delete accepted"]).await;
    let missing = &["role.delete refused not_found"];
    check(&*repository, remove_role("backend"), RemoveRoleOutcome::NoSuchRole, missing).await;
    check(&*repository, ListRoles, roles([("frontend", &[])]), &[]).await;
}
