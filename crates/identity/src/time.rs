//! Points in time, as the rules and the database count them.

use std::time::Duration;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since the Unix epoch.
    pub const fn from_micros(microseconds: i64) -> Self {
        Self(microseconds)
    }

    /// Microseconds since the Unix epoch.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the Unix epoch; 0 for times before it.
    pub fn millis(self) -> u64 {
        u64::try_from(self.0.div_euclid(1_000)).unwrap_or(0)
    }

    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This time plus `duration`, at most the end of the range.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(micros))
    }

    /// This time minus `duration`, at least the start of the range.
    #[must_use]
    pub fn saturating_sub(self, duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(micros))
    }

    /// How long `earlier` was before this; zero if it wasn't.
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Reads a time of ISO 8601; one without an offset is in UTC, and a day alone begins at midnight.
    pub fn parse(text: &str) -> Option<Self> {
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let local = text.parse::<jiff::civil::DateTime>().ok()?;
            jiff::tz::Offset::UTC.to_timestamp(local).ok()
        })?;
        Some(Self(instant.as_microsecond()))
    }

    /// RFC 3339 text in UTC, for people and logs.
    pub fn to_rfc3339(self) -> String {
        jiff::Timestamp::from_microsecond(self.0)
            .map_or_else(|_| format!("{} µs", self.0), |instant| instant.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_times_with_an_offset_and_takes_others_for_utc() {
        let check =
            |text: &str, want: Option<i64>| assert_eq!(Timestamp::parse(text).map(Timestamp::micros), want, "{text}");
        for text in ["2023-10-17T17:17:30.8053Z", "2023-10-17T10:17:30.8053-07:00", "2023-10-17T17:17:30.8053"] {
            check(text, Some(1_697_563_050_805_300));
        }
        check("2023-10-17", Some(1_697_500_800_000_000));
        for text in ["", "yesterday", "2023-13-01", "1697563050"] {
            check(text, None);
        }
    }

    #[test]
    fn writes_rfc3339_in_utc() {
        assert_eq!(Timestamp::from_micros(1_697_563_050_805_300).to_rfc3339(), "2023-10-17T17:17:30.8053Z");
    }

    #[test]
    fn never_overflows() {
        let end = Timestamp::from_micros(i64::MAX);
        assert_eq!(end.saturating_add(Duration::MAX), end);
        assert_eq!(Timestamp::from_micros(5).duration_since(end), Duration::ZERO);
    }
}
