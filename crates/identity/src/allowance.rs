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
    /// The time in which one comes back.
    leak: Duration,
    per_hour: f64,
}

impl<K: Eq + Hash + Clone> Allowance<K> {
    /// So many in an hour, all at once or one after the other.
    pub fn new(per_hour: u32) -> Self {
        let leak = HOUR.checked_div(per_hour).unwrap_or(HOUR);
        Self { buckets: Buckets::new((leak, ENTRIES_MAX)), leak, per_hour: f64::from(per_hour) }
    }

    /// Takes one, if there is one left.
    ///
    /// # Errors
    ///
    /// How long until there is one.
    pub fn take(&mut self, now: Instant, key: K) -> Result<(), Duration> {
        self.left(now, &key)?;
        self.buckets.add(now, key, 1.0);
        Ok(())
    }

    /// Whether there is one left.
    ///
    /// # Errors
    ///
    /// How long until there is one; at most an hour.
    pub fn left(&self, now: Instant, key: &K) -> Result<(), Duration> {
        let missing = self.buckets.level(now, key) + 1.0 - self.per_hour;
        if missing > 0.0 { Err(self.leak.mul_f64(missing.min(self.per_hour.max(1.0)))) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_so_many_at_once_and_then_one_after_the_other() {
        let (mut allowance, now) = (Allowance::new(4), Instant::now());
        let minutes = |minutes: u64| Duration::from_mins(minutes);
        for _ in 0..4 {
            assert_eq!(allowance.take(now, "ann"), Ok(()));
        }
        assert_eq!((allowance.take(now, "ann"), allowance.left(now, &"ann")), (Err(minutes(15)), Err(minutes(15))));
        assert_eq!(allowance.take(now, "bob"), Ok(()));
        let almost = now + minutes(14) + Duration::from_secs(59);
        let rest = allowance.take(almost, "ann").unwrap_err();
        assert!(rest > Duration::from_millis(999) && rest < Duration::from_millis(1_001), "{rest:?}");
        assert_eq!(allowance.take(now + minutes(15), "ann"), Ok(()));
        assert!(allowance.take(now + minutes(15), "ann").is_err());
        assert_eq!(allowance.take(now + HOUR + minutes(15), "ann"), Ok(()));
    }

    #[test]
    fn an_allowance_of_nothing_is_looked_at_again_after_an_hour() {
        assert_eq!(Allowance::new(0).take(Instant::now(), "ann"), Err(HOUR));
    }
}
