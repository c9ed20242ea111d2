//! The roles, compiled: read at every message, replaced whole when a role changes.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use countersign_identity::permission::RuleSet;
use countersign_identity::role::Role;

/// The rules of every role.
#[derive(Debug, Clone, Default)]
pub struct RoleTable(Arc<ArcSwap<HashMap<String, Arc<RuleSet>>>>);

impl RoleTable {
    /// Replaces all roles.
    pub fn replace(&self, roles: Vec<Role>) {
        let compiled = roles.into_iter().map(|role| (role.name.to_string(), Arc::new(RuleSet::new(role.rules))));
        self.0.store(Arc::new(compiled.collect()));
    }

    /// The rules of a role. One that doesn't exist grants nothing.
    pub fn rules(&self, role: &str) -> Arc<RuleSet> {
        self.0.load().get(role).cloned().unwrap_or_default()
    }
}
