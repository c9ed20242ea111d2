//! Wrong codes of the second factor, counted apart from passwords: few per account and address within a while.
//!
//! Only who has shown the password gets here, so that a stranger can neither guess codes nor shut a user out. Codes are
//! looked at under the lock that counts them, so that no number of simultaneous guesses gets past the limit. How many are
//! wrong in a row for an account, from anywhere, is counted in storage (see [`crate::sign_on::operations::RefuseCode`]).
//!
//! Source: contract of the sign-on API, section 11 (attempts); NIST SP 800-63B, section 3.2.2.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::{PeerAddress, Timestamp, UserId};

/// How wrong codes are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeThrottleSettings {
    /// Wrong codes that one address may give for one account within [`Self::window`]; then none is looked at.
    pub pair_failures_max: u32,
    /// How long a wrong code counts for its pair.
    pub window: Duration,
    /// Wrong codes in a row for one account, from anywhere, after which none of that key counts any more.
    pub account_failures_max: u32,
    /// Pairs that are remembered.
    pub entries_max: usize,
}

impl Default for CodeThrottleSettings {
    fn default() -> Self {
        Self { pair_failures_max: 5, window: Duration::from_mins(15), account_failures_max: 100, entries_max: 65_536 }
    }
}

/// An account and from where somebody tries to get into it.
pub type Pair = (PeerAddress, UserId);

/// The wrong codes of the last while.
#[derive(Debug, Default)]
pub struct CodeThrottle {
    /// When they were given, oldest first; as many as count, no more.
    failures: HashMap<Pair, VecDeque<Timestamp>>,
}

impl CodeThrottle {
    /// How long it takes until a code of this pair is looked at; zero: it is now.
    pub fn wait(&self, settings: &CodeThrottleSettings, now: Timestamp, pair: Pair) -> Duration {
        let mut recent = self
            .failures
            .get(&sender(pair))
            .into_iter()
            .flatten()
            .map(|at| now.duration_since(*at))
            .filter(|age| *age < settings.window);
        let oldest = recent.next().unwrap_or_default();
        let count = u32::try_from(recent.count()).unwrap_or(u32::MAX).saturating_add(1);
        if count < settings.pair_failures_max { Duration::ZERO } else { settings.window.saturating_sub(oldest) }
    }

    /// Counts a wrong code, or one that isn't known to be right yet.
    pub fn failed(&mut self, settings: &CodeThrottleSettings, now: Timestamp, pair: Pair) {
        let pair = sender(pair);
        if !self.failures.contains_key(&pair) && self.failures.len() >= settings.entries_max {
            self.make_room(settings, now);
        }
        let failures = self.failures.entry(pair).or_default();
        failures.push_back(now);
        while u32::try_from(failures.len()).is_ok_and(|count| count > settings.pair_failures_max) {
            failures.pop_front();
        }
    }

    /// Takes the last count of a pair back: the code was right.
    pub fn was_right(&mut self, pair: Pair) {
        let pair = sender(pair);
        if let Some(failures) = self.failures.get_mut(&pair) {
            failures.pop_back();
            if failures.is_empty() {
                self.failures.remove(&pair);
            }
        }
    }

    /// Forgets what counts no more; if that is not enough, the pairs with the fewest failures.
    fn make_room(&mut self, settings: &CodeThrottleSettings, now: Timestamp) {
        let counts = |at: Option<&Timestamp>| at.is_some_and(|at| now.duration_since(*at) < settings.window);
        self.failures.retain(|_, failures| counts(failures.back()));
        if self.failures.len() >= settings.entries_max / 2 {
            let mut lengths: Vec<usize> = self.failures.values().map(VecDeque::len).collect();
            lengths.sort_unstable();
            let median = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
            self.failures.retain(|_, failures| failures.len() > median);
        }
    }
}

fn sender((address, owner): Pair) -> Pair {
    (address.sender(), owner)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::testing::{NOW, TestRng};

    fn pair(address: &str, owner: u64) -> Pair {
        let address: IpAddr = address.parse().unwrap();
        (PeerAddress::Ip(address), UserId::generate(NOW, &mut TestRng(owner)))
    }

    fn after(seconds: u64) -> Timestamp {
        NOW.saturating_add(Duration::from_secs(seconds))
    }

    #[test]
    fn the_fifth_wrong_code_is_the_last_for_fifteen_minutes_after_the_first() {
        let (mut throttle, settings) = (CodeThrottle::default(), CodeThrottleSettings::default());
        let one = pair("192.0.2.1", 1);
        for number in 0..5 {
            let now = after(60 * number);
            assert!(throttle.wait(&settings, now, one).is_zero(), "{number}");
            throttle.failed(&settings, now, one);
        }
        assert_eq!(throttle.wait(&settings, after(240), one), Duration::from_mins(11));
        assert_eq!(throttle.wait(&settings, after(899), one), Duration::from_secs(1));
        assert!(throttle.wait(&settings, after(900), one).is_zero());
        throttle.failed(&settings, after(900), one);
        assert_eq!(throttle.wait(&settings, after(900), one), Duration::from_mins(1));
    }

    #[test]
    fn other_accounts_and_other_addresses_are_not_concerned() {
        let (mut throttle, settings) = (CodeThrottle::default(), CodeThrottleSettings::default());
        for _ in 0..5 {
            throttle.failed(&settings, NOW, pair("2001:db8::1", 1));
        }
        let waits = |pair| !throttle.wait(&settings, NOW, pair).is_zero();
        assert!(waits(pair("2001:db8::1", 1)) && waits(pair("2001:db8::2", 1)), "one network is one sender");
        assert!(!waits(pair("2001:db8::1", 2)));
        assert!(!waits(pair("2001:db8:0:1::1", 1)));
    }

    #[test]
    fn a_code_that_was_right_after_all_does_not_count() {
        let (mut throttle, settings) = (CodeThrottle::default(), CodeThrottleSettings::default());
        let one = pair("192.0.2.1", 1);
        for _ in 0..10 {
            throttle.failed(&settings, NOW, one);
            throttle.was_right(one);
        }
        assert!(throttle.wait(&settings, NOW, one).is_zero() && throttle.failures.is_empty());
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_kept() {
        let settings = CodeThrottleSettings { entries_max: 100, ..CodeThrottleSettings::default() };
        let mut throttle = CodeThrottle::default();
        let worst = pair("192.0.2.1", 0);
        for _ in 0..5 {
            throttle.failed(&settings, NOW, worst);
        }
        for number in 1..1_000 {
            throttle.failed(&settings, NOW, pair("192.0.2.2", number << 8));
        }
        assert!(throttle.failures.len() <= 100);
        assert!(!throttle.wait(&settings, NOW, worst).is_zero());
    }
}
