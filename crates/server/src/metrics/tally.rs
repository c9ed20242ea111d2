//! Counters whose labels come together only at run time: logins, sessions, connections. Counted
//! once per connection or login, not per message, so a lock does no harm.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::text::{Kind, Text};

/// Counts by `N` labels, each of them a text of the program.
#[derive(Debug)]
pub struct Tally<const N: usize>(Mutex<BTreeMap<[&'static str; N], u64>>);

impl<const N: usize> Default for Tally<N> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<const N: usize> Tally<N> {
    pub fn add(&self, labels: [&'static str; N]) {
        *self.lock().entry(labels).or_default() += 1;
    }

    pub fn add_many(&self, labels: [&'static str; N], count: u64) {
        *self.lock().entry(labels).or_default() += count;
    }

    pub fn subtract(&self, labels: [&'static str; N]) {
        if let Some(count) = self.lock().get_mut(&labels) {
            *count = count.saturating_sub(1);
        }
    }

    pub fn write(&self, text: &mut Text, family: &'static str, help: &str, kind: Kind, names: [&'static str; N]) {
        text.family(family, help, kind);
        for (values, count) in &*self.lock() {
            let labels: Vec<_> = names.into_iter().zip(values.iter().copied()).collect();
            text.sample(&labels, *count);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<[&'static str; N], u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
