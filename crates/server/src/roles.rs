//! The roles, compiled: read at every join and every edit, replaced whole when a role changes.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_identity::permission::RuleSet;
use countersign_identity::role::Role;

/// The rules of every role.
#[derive(Debug, Clone, Default)]
pub struct RoleTable {
    roles: Arc<ArcSwap<HashMap<String, Arc<RuleSet>>>>,
    /// Of a role that doesn't exist.
    none: Arc<RuleSet>,
}

impl RoleTable {
    /// Replaces all roles; whether that makes a difference. A role that is as it was keeps what was compiled of it.
    pub fn replace(&self, roles: Vec<Role>) -> bool {
        let known = self.roles.load();
        let (count, mut kept) = (roles.len(), 0);
        let mut compiled = HashMap::with_capacity(count);
        for role in roles {
            let old = known.get(role.name.as_str()).filter(|old| old.rules() == role.rules);
            kept += usize::from(old.is_some());
            let made = old.cloned().unwrap_or_else(|| Arc::new(RuleSet::of_role(role.rules)));
            compiled.insert(role.name.to_string(), made);
        }
        let is_different = kept < count || known.len() != count;
        if is_different {
            self.roles.store(Arc::new(compiled));
        }
        is_different
    }

    /// The rules of a role. One that doesn't exist grants nothing.
    pub fn rules(&self, role: &str) -> Arc<RuleSet> {
        self.roles.load().get(role).unwrap_or(&self.none).clone()
    }
}

#[cfg(test)]
mod tests {
    use countersign_identity::permission::parse_rules;
    use countersign_identity::role::RoleName;

    use super::*;

    fn role(name: &str, rules: &[(&str, &str)]) -> Role {
        Role { name: RoleName::parse(name).unwrap(), rules: parse_rules(rules.iter().copied()).unwrap() }
    }

    #[test]
    fn only_what_changed_is_compiled_again() {
        let table = RoleTable::default();
        let (one, other) = (|letters| role("one", &[("a./b/", letters)]), || role("other", &[("*", "c")]));
        assert!(table.replace(vec![one("c"), other()]));
        let (first, second) = (table.rules("one"), table.rules("other"));
        assert!(!table.replace(vec![one("c"), other()]));
        assert!(Arc::ptr_eq(&first, &table.rules("one")));
        assert!(table.replace(vec![one("cs"), other()]));
        assert!(!Arc::ptr_eq(&first, &table.rules("one")));
        assert!(Arc::ptr_eq(&second, &table.rules("other")));
        assert!(table.replace(vec![one("cs")]));
        assert!(Arc::ptr_eq(&table.rules("other"), &table.rules("nobody")), "it grants nothing now");
        assert!(table.replace(vec![one("cs"), role("new", &[])]));
    }
}
