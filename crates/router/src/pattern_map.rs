//! From patterns to ids, found by URI. The index of both dealer and broker.
//!
//! Exact patterns are one hash look-up, prefixes one walk down a tree of bytes, wildcards a walk
//! down a tree of components; nothing scans all entries.
//!
//! Source: WAMP specification, "Pattern-based Registrations", "Calls matching multiple
//! registrations".

mod prefix_tree;
mod wildcard_tree;

use std::collections::HashMap;

use countersign_wamp::{Dict, Id, MatchPolicy, UriPattern, Value};
use smallvec::SmallVec;

use crate::hash::FastHash;
use prefix_tree::PrefixTree;
use wildcard_tree::WildcardTree;

/// The ids that match one URI.
pub(crate) type Matches = SmallVec<[Id; 4]>;

/// At most one id per pattern (text and policy).
#[derive(Debug, Default)]
pub(crate) struct PatternMap {
    exact: HashMap<Box<str>, Id, FastHash>,
    prefix: PrefixTree,
    wildcard: WildcardTree,
}

impl PatternMap {
    /// The id of exactly this pattern.
    pub fn get(&self, pattern: &UriPattern) -> Option<Id> {
        let text = pattern.as_str();
        match pattern.policy() {
            MatchPolicy::Exact => self.exact.get(text).copied(),
            MatchPolicy::Prefix => self.prefix.get(text),
            MatchPolicy::Wildcard => self.wildcard.get(text),
        }
    }

    /// Sets the id of a pattern.
    pub fn insert(&mut self, pattern: &UriPattern, id: Id) {
        let text = pattern.as_str();
        match pattern.policy() {
            MatchPolicy::Exact => {
                self.exact.insert(text.into(), id);
            }
            MatchPolicy::Prefix => self.prefix.insert(text, id),
            MatchPolicy::Wildcard => self.wildcard.insert(text, id),
        }
    }

    /// Forgets a pattern.
    pub fn remove(&mut self, pattern: &UriPattern) {
        let text = pattern.as_str();
        match pattern.policy() {
            MatchPolicy::Exact => {
                self.exact.remove(text);
            }
            MatchPolicy::Prefix => self.prefix.remove(text),
            MatchPolicy::Wildcard => self.wildcard.remove(text),
        }
    }

    /// The one pattern that a call goes to: exact before the longest prefix before the wildcard
    /// pattern with the longest portions of components.
    pub fn best(&self, text: &str) -> Option<Id> {
        self.exact.get(text).copied().or_else(|| self.prefix.longest(text)).or_else(|| self.wildcard.best(text))
    }

    /// All patterns that match: exact, prefixes from the shortest, wildcards.
    pub fn all(&self, text: &str) -> Matches {
        let mut matches: Matches = self.exact.get(text).copied().into_iter().collect();
        self.prefix.each(text, |id| matches.push(id));
        self.wildcard.each(text, |id| matches.push(id));
        matches
    }
}

#[cfg(test)]
thread_local! {
    /// Nodes that look-ups of this thread have come to.
    static VISITED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts a node that a look-up comes to, for the test that nothing is scanned.
fn visit() {
    #[cfg(test)]
    VISITED.set(VISITED.get() + 1);
}

/// Ids by match policy, ascending, as the meta API lists them.
pub(crate) fn list_by_policy(entries: impl Iterator<Item = (Id, MatchPolicy)>) -> Dict {
    let mut entries: Vec<_> = entries.collect();
    entries.sort_unstable_by_key(|(id, _)| *id);
    let list = |wanted| {
        let of_policy = entries.iter().filter(|(_, policy)| *policy == wanted);
        Value::List(of_policy.map(|(id, _)| (*id).into()).collect())
    };
    [MatchPolicy::Exact, MatchPolicy::Prefix, MatchPolicy::Wildcard]
        .into_iter()
        .map(|policy| (policy.name().to_owned(), list(policy)))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests;
