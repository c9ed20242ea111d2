//! What was found for URIs before: in front of the trie, since the same few are asked for again and again.
//!
//! It belongs to one compiled set of rules and goes with it, so that no answer outlives a change of the rules.
//!
//! **Invariants:** bounded in URIs and in the bytes of each. Answers are found by the whole URI, not by a digest of it. The realm
//! asks under its own lock, so nobody waits for the one here.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Rights;

/// Longest URI that is remembered, in bytes.
const URI_BYTES_MAX: usize = 256;

/// What the rules say of one URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No rule matches.
    Nothing,
    /// Two match equally well.
    Tie,
    /// One counts, with these rights.
    Rights(Rights),
}

/// Answers for a number of URIs, without those that were not asked for lately.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// URIs in one generation; 0: nothing is remembered.
    uris_max: usize,
    generations: Mutex<Generations>,
}

/// When the young generation is full it becomes the old one, and the old one is forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Box<str>, Found>,
    old: HashMap<Box<str>, Found>,
}

impl Known {
    /// For at most twice so many URIs.
    pub fn new(uris_max: usize) -> Self {
        Self { uris_max, generations: Mutex::default() }
    }

    /// The answer for `uri`, looked for if it isn't known.
    pub fn get_or(&self, uri: &str, find: impl FnOnce() -> Found) -> Found {
        if self.uris_max == 0 || uri.len() > URI_BYTES_MAX {
            return find();
        }
        let mut generations = self.lock();
        let Generations { young, old } = &mut *generations;
        if let Some(found) = young.get(uri) {
            return *found;
        }
        let found = old.remove(uri).unwrap_or_else(find);
        if young.len() >= self.uris_max {
            *old = std::mem::take(young);
        }
        young.insert(uri.into(), found);
        found
    }

    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(known: &Known) -> usize {
        let generations = known.lock();
        generations.young.len() + generations.old.len()
    }

    /// Whether the answer had to be looked for.
    fn is_new(known: &Known, uri: &str) -> bool {
        let mut is_new = false;
        let found = known.get_or(uri, || {
            is_new = true;
            Found::Tie
        });
        assert_eq!(found, Found::Tie);
        is_new
    }

    #[test]
    fn an_answer_is_looked_for_once() {
        let known = Known::new(4);
        assert!(is_new(&known, "a.b"));
        assert!(!is_new(&known, "a.b"));
        assert!(is_new(&known, "a.B"));
    }

    #[test]
    fn the_number_of_uris_and_their_length_are_bounded() {
        let known = Known::new(4);
        for number in 0..1_000 {
            assert!(is_new(&known, &format!("a.{number}")));
            assert!(count(&known) <= 8);
        }
        let longest = "x".repeat(URI_BYTES_MAX);
        assert!(is_new(&known, &longest) && !is_new(&known, &longest));
        let longer = "x".repeat(URI_BYTES_MAX + 1);
        assert!(is_new(&known, &longer) && is_new(&known, &longer));
    }

    #[test]
    fn what_is_asked_for_stays_while_others_come_and_go() {
        let known = Known::new(4);
        is_new(&known, "often");
        for number in 0..100 {
            is_new(&known, &format!("once.{number}"));
            assert!(!is_new(&known, "often"), "{number}");
        }
    }

    #[test]
    fn a_set_without_room_remembers_nothing() {
        let known = Known::default();
        assert!(is_new(&known, "a") && is_new(&known, "a"));
        assert_eq!(count(&known), 0);
    }
}
