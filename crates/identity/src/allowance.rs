//! So many things in an hour, and no more: mails, requests for them, wrong tokens.
//!
//! Like the throttle of logins (see [`crate::throttle`]) a bucket that leaks, but one that says yes or no: nobody waits.
//! Pure: the caller brings the time.

use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::throttle::Buckets;

/// Keys that are remembered.
const ENTRIES_MAX: usize = 65_536;
/// The time over which is counted.
const HOUR: Duration = Duration::from_hours(1);

/// An allowance for each key.
#[derive(Debug)]
pub struct Allowance<K> {
    buckets: Buckets<K>,
    per_hour: f64,
}

impl<K: Eq + Hash + Clone> Allowance<K> {
    /// So many in an hour, all at once or one after the other.
    pub fn new(per_hour: u32) -> Self {
        let leak = HOUR.checked_div(per_hour).unwrap_or(HOUR);
        Self { buckets: Buckets::new((leak, ENTRIES_MAX)), per_hour: f64::from(per_hour) }
    }

    /// Takes one, if there is one left.
    pub fn take(&mut self, now: Instant, key: K) -> bool {
        let is_left = self.is_left(now, &key);
        if is_left {
            self.buckets.add(now, key, 1.0);
        }
        is_left
    }

    /// Whether there is one left.
    pub fn is_left(&self, now: Instant, key: &K) -> bool {
        self.buckets.level(now, key) + 1.0 <= self.per_hour
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_so_many_at_once_and_then_one_after_the_other() {
        let (mut allowance, now) = (Allowance::new(4), Instant::now());
        for _ in 0..4 {
            assert!(allowance.take(now, "ann"));
        }
        assert!(!allowance.take(now, "ann") && !allowance.is_left(now, &"ann"));
        assert!(allowance.take(now, "bob"));
        let quarter = Duration::from_mins(15);
        assert!(!allowance.take(now + Duration::from_secs(14 * 60 + 59), "ann"));
        assert!(allowance.take(now + quarter, "ann"));
        assert!(!allowance.take(now + quarter, "ann"));
        assert!(allowance.take(now + HOUR + quarter, "ann"));
    }
}
