//! Failed logins slow their sender down: one budget for all doors.
//!
//! Failures fill a bucket per address, per account and address, and per account; buckets leak
//! with time. A sender whose bucket is over the rim waits until it has leaked, at most
//! [`ThrottleSettings::delay_max`], and then has its ticket looked at; of those that wait at the
//! same time for one address only a few may. The account's bucket counts only for addresses
//! that have themselves failed at this account, so a stranger can't lock a user out: at the
//! user's own address the way stays free.
//!
//! Pure: the caller brings the time and does the waiting.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::PeerAddress;
use crate::audit::Reason;

/// How failures are counted. Counts are in guesses.
#[derive(Debug, Clone)]
pub struct ThrottleSettings {
    /// Failures that one address may have at once before it waits.
    pub address_burst: f64,
    /// Failures that one address may have at one account before it waits.
    pub pair_burst: f64,
    /// Failures at one account, from anywhere, after which addresses that take part wait.
    pub account_burst: f64,
    /// Time in which one failure is forgotten.
    pub leak: Duration,
    /// Longest wait.
    pub delay_max: Duration,
    /// Attempts of one address that may wait at the same time; others are refused at once.
    pub waiting_max: u32,
    /// Addresses, pairs and accounts that are remembered, each.
    pub entries_max: usize,
}

impl Default for ThrottleSettings {
    fn default() -> Self {
        Self {
            address_burst: 15.0,
            pair_burst: 5.0,
            account_burst: 50.0,
            leak: Duration::from_secs(1),
            delay_max: Duration::from_secs(5),
            waiting_max: 8,
            entries_max: 65_536,
        }
    }
}

/// Most failures whose leaking is worth computing; the longest wait is far shorter.
const LEAKS_MAX: f64 = 1e6;

/// What an attempt may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go on.
    Now,
    /// Go on after this time; then call [`Throttle::waited`].
    After(Duration),
    /// Not at all: too many wait already.
    Refused,
}

/// The share of a guess that a refusal counts as. Who holds an old one-time password had 192
/// random bits right: rather a slow program, or a race that was lost, than an attack.
pub fn weight(reason: Reason) -> f64 {
    match reason {
        Reason::OtpSpent | Reason::OtpExpired | Reason::ApiKeyExpired => 0.0002,
        // 192 random bits can't be guessed, nor can 160. A browser sends an old cookie by itself, and a program goes on with
        // its token when the session has ended.
        Reason::WrongCookie
        | Reason::CookieExpired
        | Reason::CookieMismatch
        | Reason::ForeignOrigin
        | Reason::WrongToken
        | Reason::TokenExpired
        | Reason::TokenMismatch => 0.1,
        // Nothing was looked at; or the password was right, and codes are counted apart (see `code_throttle`).
        Reason::Busy
        | Reason::Throttled
        | Reason::ApplicationNotAllowed
        | Reason::CodeMissing
        | Reason::WrongCode
        | Reason::CodeReused
        | Reason::CodeThrottled
        | Reason::FactorLocked => 0.0,
        _ => 1.0,
    }
}

/// The buckets of all doors.
#[derive(Debug)]
pub struct Throttle {
    settings: ThrottleSettings,
    addresses: Buckets<PeerAddress>,
    pairs: Buckets<(PeerAddress, String)>,
    accounts: Buckets<String>,
    waiting: HashMap<PeerAddress, u32>,
}

impl Throttle {
    /// Empty buckets.
    pub fn new(settings: ThrottleSettings) -> Self {
        let buckets = (settings.leak, settings.entries_max);
        Self {
            addresses: Buckets::new(buckets),
            pairs: Buckets::new(buckets),
            accounts: Buckets::new(buckets),
            waiting: HashMap::new(),
            settings,
        }
    }

    /// Asks before the ticket is looked at. `login` is in lower case.
    pub fn admit(&mut self, now: Instant, address: PeerAddress, login: &str) -> Admission {
        let source = address.sender();
        let delay = self.delay(now, source, login);
        if delay.is_zero() {
            return Admission::Now;
        }
        let waiting = self.waiting.entry(source).or_default();
        if *waiting >= self.settings.waiting_max {
            return Admission::Refused;
        }
        *waiting += 1;
        Admission::After(delay)
    }

    /// Says that a wait is over, or was given up.
    pub fn waited(&mut self, address: PeerAddress) {
        let source = address.sender();
        if let Some(waiting) = self.waiting.get_mut(&source) {
            *waiting -= 1;
            if *waiting == 0 {
                self.waiting.remove(&source);
            }
        }
    }

    /// Counts a refused attempt.
    pub fn failed(&mut self, now: Instant, address: PeerAddress, login: &str, reason: Reason) {
        let weight = weight(reason);
        if weight > 0.0 {
            let source = address.sender();
            self.addresses.add(now, source, weight);
            self.pairs.add(now, (source, login.to_owned()), weight);
            self.accounts.add(now, login.to_owned(), weight);
        }
    }

    /// How long until there is room for one more failure in each bucket.
    fn delay(&self, now: Instant, source: PeerAddress, login: &str) -> Duration {
        let pair = (source, login.to_owned());
        let at_pair = self.pairs.level(now, &pair);
        let mut over =
            (self.addresses.level(now, &source) - self.settings.address_burst).max(at_pair - self.settings.pair_burst);
        if at_pair > 0.0 {
            over = over.max(self.accounts.level(now, &pair.1) - self.settings.account_burst);
        }
        self.settings.leak.mul_f64((over + 1.0).clamp(0.0, LEAKS_MAX)).min(self.settings.delay_max)
    }
}

/// Leaky buckets, a bounded number of them.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    levels: HashMap<K, (Instant, f64)>,
    leak: Duration,
    entries_max: usize,
}

impl<K: Eq + Hash + Clone> Buckets<K> {
    pub(crate) fn new((leak, entries_max): (Duration, usize)) -> Self {
        Self { levels: HashMap::new(), leak, entries_max }
    }

    pub(crate) fn level(&self, now: Instant, key: &K) -> f64 {
        self.levels.get(key).map_or(0.0, |entry| self.leaked(now, *entry))
    }

    fn leaked(&self, now: Instant, (since, level): (Instant, f64)) -> f64 {
        let leaked = now.saturating_duration_since(since).div_duration_f64(self.leak);
        (level - leaked).max(0.0)
    }

    pub(crate) fn add(&mut self, now: Instant, key: K, weight: f64) {
        let level = self.level(now, &key) + weight;
        if !self.levels.contains_key(&key) && self.levels.len() >= self.entries_max {
            self.make_room(now);
        }
        self.levels.insert(key, (now, level));
    }

    /// Forgets what has leaked out; if that is not enough, the lower half. Costs a pass over
    /// all entries, at most once per `entries_max / 2` insertions.
    fn make_room(&mut self, now: Instant) {
        let leak = self.leak;
        let level =
            |&(since, level): &(Instant, f64)| level - now.saturating_duration_since(since).div_duration_f64(leak);
        self.levels.retain(|_, entry| level(entry) > 0.0);
        if self.levels.len() >= self.entries_max / 2 {
            let mut levels: Vec<f64> = self.levels.values().map(level).collect();
            levels.sort_by(f64::total_cmp);
            let median = levels.get(levels.len() / 2).copied().unwrap_or_default();
            self.levels.retain(|_, entry| level(entry) > median);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const LOGIN: &str = "kristen98";

    fn ip(last: u8) -> PeerAddress {
        PeerAddress::Ip(IpAddr::from([127, 0, 0, last]))
    }

    fn fail(throttle: &mut Throttle, now: Instant, address: PeerAddress, login: &str, times: u32) {
        for _ in 0..times {
            throttle.failed(now, address, login, Reason::WrongTicket);
        }
    }

    #[test]
    fn the_first_failures_are_free_and_the_next_waits() {
        let (mut throttle, now) = (Throttle::new(ThrottleSettings::default()), Instant::now());
        fail(&mut throttle, now, ip(1), LOGIN, 4);
        assert_eq!(throttle.admit(now, ip(1), LOGIN), Admission::Now);
        fail(&mut throttle, now, ip(1), LOGIN, 1);
        assert_eq!(throttle.admit(now, ip(1), LOGIN), Admission::After(Duration::from_secs(1)));
    }

    #[test]
    fn twenty_failures_slow_the_address_down_for_every_account_and_nobody_else() {
        let (mut throttle, now) = (Throttle::new(ThrottleSettings::default()), Instant::now());
        fail(&mut throttle, now, ip(1), LOGIN, 20);
        assert_eq!(throttle.admit(now, ip(1), LOGIN), Admission::After(Duration::from_secs(5)));
        assert_eq!(throttle.admit(now, ip(1), "zoe"), Admission::After(Duration::from_secs(5)));
        assert_eq!(throttle.admit(now, ip(2), LOGIN), Admission::Now);
        assert_eq!(throttle.admit(now, PeerAddress::Unix { uid: 0 }, LOGIN), Admission::Now);
    }

    #[test]
    fn an_account_under_attack_from_everywhere_stays_open_for_an_address_without_failures() {
        let (mut throttle, now) = (Throttle::new(ThrottleSettings::default()), Instant::now());
        for last in 0..60 {
            fail(&mut throttle, now, ip(last), LOGIN, 1);
        }
        assert!(matches!(throttle.admit(now, ip(3), LOGIN), Admission::After(_)));
        assert_eq!(throttle.admit(now, ip(200), LOGIN), Admission::Now);
    }

    #[test]
    fn failures_are_forgotten_with_time() {
        let (mut throttle, now) = (Throttle::new(ThrottleSettings::default()), Instant::now());
        fail(&mut throttle, now, ip(1), LOGIN, 20);
        assert_eq!(throttle.admit(now + Duration::from_secs(21), ip(1), LOGIN), Admission::Now);
    }

    #[test]
    fn only_so_many_wait_at_a_time() {
        let (mut throttle, now) = (Throttle::new(ThrottleSettings::default()), Instant::now());
        fail(&mut throttle, now, ip(1), LOGIN, 20);
        for _ in 0..8 {
            assert!(matches!(throttle.admit(now, ip(1), LOGIN), Admission::After(_)));
        }
        assert_eq!(throttle.admit(now, ip(1), LOGIN), Admission::Refused);
        throttle.waited(ip(1));
        assert!(matches!(throttle.admit(now, ip(1), LOGIN), Admission::After(_)));
    }

    #[test]
    fn a_spent_otp_counts_for_less_than_a_guess() {
        let (mut throttle, now) = (Throttle::new(ThrottleSettings::default()), Instant::now());
        for _ in 0..63 {
            throttle.failed(now, ip(1), LOGIN, Reason::OtpSpent);
        }
        assert_eq!(throttle.admit(now, ip(1), LOGIN), Admission::Now);
        assert!(weight(Reason::OtpExpired) < weight(Reason::WrongTicket));
    }

    #[test]
    fn an_ipv6_network_counts_as_one_sender() {
        let (mut throttle, now) = (Throttle::new(ThrottleSettings::default()), Instant::now());
        let v6 = |text: &str| PeerAddress::Ip(text.parse().unwrap());
        fail(&mut throttle, now, v6("2001:db8::1"), LOGIN, 20);
        assert!(matches!(throttle.admit(now, v6("2001:db8::2"), LOGIN), Admission::After(_)));
        assert_eq!(throttle.admit(now, v6("2001:db8:0:1::1"), LOGIN), Admission::Now);
    }

    #[test]
    fn memory_is_bounded() {
        let settings = ThrottleSettings { entries_max: 100, ..ThrottleSettings::default() };
        let (mut throttle, now) = (Throttle::new(settings), Instant::now());
        fail(&mut throttle, now, ip(1), LOGIN, 20);
        for number in 0..10_000 {
            throttle.failed(now, ip(2), &format!("user{number}"), Reason::UnknownUser);
        }
        assert!(throttle.pairs.levels.len() <= 100);
        assert!(throttle.accounts.levels.len() <= 100);
        assert!(matches!(throttle.admit(now, ip(1), LOGIN), Admission::After(_)), "the worst are kept");
    }
}
