//! When calls time out, in order of time.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::call_table::InvocationKey;

/// One entry per pending call that has a timeout. A call without one costs nothing here.
#[derive(Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Instant, InvocationKey)>);

impl Deadlines {
    pub fn insert(&mut self, deadline: Option<Instant>, key: InvocationKey) {
        self.0.extend(deadline.map(|deadline| (deadline, key)));
    }

    pub fn remove(&mut self, deadline: Option<Instant>, key: InvocationKey) {
        if let Some(deadline) = deadline {
            self.0.remove(&(deadline, key));
        }
    }

    pub fn first(&self) -> Option<Instant> {
        self.0.first().map(|(deadline, _)| *deadline)
    }

    /// Takes out the earliest call whose deadline is not after `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<InvocationKey> {
        self.first().filter(|deadline| *deadline <= now)?;
        self.0.pop_first().map(|(_, key)| key)
    }
}
