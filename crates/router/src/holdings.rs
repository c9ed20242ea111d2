//! What a session holds of one kind: its subscriptions, or its registrations.

use std::collections::BTreeSet;

use countersign_wamp::{Id, MatchPolicy};

/// The ids of subscriptions or of registrations, with those of wildcard patterns counted: each
/// of them costs a branch in the walk of every message that could match.
#[derive(Debug, Clone, Default)]
pub(crate) struct Holdings {
    ids: BTreeSet<Id>,
    wildcards: BTreeSet<Id>,
}

impl Holdings {
    pub fn insert(&mut self, id: Id, policy: MatchPolicy) {
        self.ids.insert(id);
        if policy == MatchPolicy::Wildcard {
            self.wildcards.insert(id);
        }
    }

    /// Whether it was there.
    pub fn remove(&mut self, id: Id) -> bool {
        self.wildcards.remove(&id);
        self.ids.remove(&id)
    }

    pub fn contains(&self, id: Id) -> bool {
        self.ids.contains(&id)
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn wildcards_len(&self) -> usize {
        self.wildcards.len()
    }

    /// In order, so that effects go out in the same order on every run.
    pub fn ids(&self) -> &BTreeSet<Id> {
        &self.ids
    }
}
