//! The time of day, reckoned from the monotonic clock that every call of the realm brings along.

use std::fmt;
use std::time::Instant;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WallTime(i64);

impl WallTime {
    pub(crate) const EPOCH: Self = Self(0);

    /// The time of so many microseconds.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Its microseconds.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// Reads RFC 3339 text. What is finer than a microsecond is cut off.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self(text.parse::<jiff::Timestamp>().ok()?.as_microsecond()))
    }
}

/// RFC 3339 in UTC with six decimals, so that it reads back as the same time.
impl fmt::Display for WallTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_microsecond(self.0);
        write!(f, "{:.6}", time.unwrap_or(jiff::Timestamp::UNIX_EPOCH))
    }
}

/// One instant at which the time of day is known.
#[derive(Debug, Default)]
pub(crate) struct WallClock(Option<(Instant, i64)>);

impl WallClock {
    pub fn is_set(&self) -> bool {
        self.0.is_some()
    }

    pub fn set(&mut self, now: Instant, unix_microseconds: i64) {
        self.0 = Some((now, unix_microseconds));
    }

    /// The time of day at `now`. A clock that nobody set starts in 1970 when it is first asked.
    pub fn at(&mut self, now: Instant) -> WallTime {
        let (base, microseconds) = *self.0.get_or_insert((now, 0));
        let since = i64::try_from(now.saturating_duration_since(base).as_micros()).unwrap_or(i64::MAX);
        let before = i64::try_from(base.saturating_duration_since(now).as_micros()).unwrap_or(i64::MAX);
        WallTime(microseconds.saturating_add(since).saturating_sub(before))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_time_reads_back_as_itself() {
        let check = |text: &str, want: &str| {
            let time = WallTime::parse(text).unwrap();
            assert_eq!(time.to_string(), want);
            assert_eq!(WallTime::parse(want), Some(time));
        };
        check("2023-10-17T17:17:30.8053Z", "2023-10-17T17:17:30.805300Z");
        check("2023-10-17T19:17:30+02:00", "2023-10-17T17:17:30.000000Z");
        check("1969-12-31T23:59:59.999999999Z", "1970-01-01T00:00:00.000000Z");
        assert_eq!(WallTime::parse("yesterday"), None);
        assert_eq!(WallTime::parse("2023-10-17"), None);
    }

    #[test]
    fn the_clock_goes_on_from_where_it_was_set() {
        let start = Instant::now() + Duration::from_mins(1);
        let mut clock = WallClock::default();
        assert_eq!(clock.at(start), WallTime(0));
        clock.set(start, 1_000_000);
        assert_eq!(clock.at(start + Duration::from_micros(5)), WallTime(1_000_005));
        assert_eq!(clock.at(start.checked_sub(Duration::from_micros(5)).unwrap()), WallTime(999_995));
    }
}
