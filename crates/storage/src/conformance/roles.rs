//! Roles and rules.

use std::sync::Arc;

use countersign_identity::audit::Operation as Audited;
use countersign_identity::permission::{Pattern, Rule};
use countersign_identity::repository::{
    CreateRole, CreateRoleOutcome, ListRoles, Repository, RuleChange, SetRule, SetRuleOutcome,
};
use countersign_identity::role::Role;

use super::fixture::{check, event, role, rule};

fn create(name: &str) -> CreateRole {
    CreateRole { role: role(name), audit: event(Audited::RoleCreate) }
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
    check(&*repository, create("b"), CreateRoleOutcome::Created, &["role.create accepted"]).await;
    check(&*repository, create("a"), CreateRoleOutcome::Created, &["role.create accepted"]).await;
    check(&*repository, set("a", "x.*", "c"), SetRuleOutcome::Done, &["role.allow accepted"]).await;
    check(&*repository, create("a"), CreateRoleOutcome::Exists, &["role.create refused exists"]).await;
    check(&*repository, ListRoles, roles([("a", &[rule("x.*", "c")]), ("b", &[])]), &[]).await;
}

/// A rule belongs to one role; a denial is a rule without rights.
pub async fn sets_replaces_and_removes_rules<R: Repository>(repository: Arc<R>) {
    for name in ["a", "b"] {
        check(&*repository, create(name), CreateRoleOutcome::Created, &["role.create accepted"]).await;
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
    check(&*repository, create("a"), CreateRoleOutcome::Created, &["role.create accepted"]).await;
    for uri in ["ä.b", "a.b", "/x.*/.*", "a_.b", "B.*", "*"] {
        check(&*repository, set("a", uri, "c"), SetRuleOutcome::Done, &["role.allow accepted"]).await;
    }
    let sorted = ["*", "/x.*/.*", "B.*", "a.b", "a_.b", "ä.b"].map(|uri| rule(uri, "c"));
    check(&*repository, ListRoles, roles([("a", &sorted)]), &[]).await;
}
