//! `expires`: when a credential stops to work, in all the ways in which clients say it.
//!
//! Source: contract of the bus, sections 3.3 and 9. The reference took a text without zone for
//! Vancouver local mean time and choked on numbers; here the first is an error and the second
//! is Unix time.

use std::time::Duration;

use jiff::civil::Time;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};

use crate::Timestamp;

/// What an error says of the forms that are taken.
const ACCEPTED_FORMS: &str = "give ISO 8601 text with an offset (2026-10-17T10:17:30-07:00), \
a CBOR or MessagePack time, or a Unix time in seconds";

/// Longest text that is looked at, in bytes.
const TEXT_BYTES_MAX: usize = 64;

/// Distance from UTC in seconds, positive to the east.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OffsetSeconds(pub i32);

/// The end of a credential's life, with the offset in which it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expires {
    /// The instant. The credential works up to and including it.
    pub at: Timestamp,
    /// The offset in which it is shown.
    pub offset: OffsetSeconds,
}

/// `expires` as a client gave it.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpiresInput {
    /// Nothing, or null: the default lifetime.
    Default,
    /// Text.
    Text(String),
    /// Time since the Unix epoch.
    Unix {
        /// Whole seconds, rounded towards the past.
        seconds: i64,
        /// Nanoseconds on top.
        nanoseconds: u32,
    },
    /// A number of seconds with a fraction since the Unix epoch.
    UnixFloat(f64),
    /// Something that is no time at all, as a list or a truth value.
    NotATime,
}

/// Why a value can't be `expires`. The client's to mend; the text names the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExpiresError {
    /// No time can be read from it.
    #[error("expires is no time: {ACCEPTED_FORMS}")]
    Unreadable,
    /// A text without zone or offset.
    #[error("expires has no zone or offset: {ACCEPTED_FORMS}")]
    NoZone,
    /// The time has passed.
    #[error("expires is in the past: it must lie ahead; {ACCEPTED_FORMS}")]
    Past,
    /// Later than the longest lifetime allows.
    #[error("expires is too far ahead: the longest lifetime is {} seconds; {ACCEPTED_FORMS}", .longest.as_secs())]
    TooFar {
        /// The longest lifetime.
        longest: Duration,
    },
}

/// The lifetimes that a kind of credential may have.
#[derive(Debug, Clone)]
pub struct Lifetimes {
    /// Without a wish; `None`: for ever.
    pub default: Option<Duration>,
    /// At most.
    pub longest: Duration,
    /// The zone in which answers are written where the client named none.
    pub zone: TimeZone,
}

impl Expires {
    /// Of what doesn't end by itself.
    pub const NEVER: Self = Self { at: Timestamp::from_micros(i64::MAX), offset: OffsetSeconds(0) };

    /// Reads and checks a client's wish. Times are taken to the nearest
    /// microsecond, texts to the last whole one.
    ///
    /// # Errors
    ///
    /// [`ExpiresError`]; nothing is created then.
    pub fn resolve(input: &ExpiresInput, now: Timestamp, lifetimes: &Lifetimes) -> Result<Self, ExpiresError> {
        let expires = match input {
            ExpiresInput::Default => {
                let in_zone = |lifetime| Self::in_zone(now.saturating_add(lifetime), &lifetimes.zone);
                return Ok(lifetimes.default.map_or(Self::NEVER, in_zone));
            }
            ExpiresInput::Text(text) => Self::from_text(text)?,
            ExpiresInput::Unix { seconds, nanoseconds } => {
                let micros = seconds
                    .checked_mul(1_000_000)
                    .and_then(|micros| micros.checked_add(i64::from((nanoseconds + 500) / 1_000)))
                    .ok_or(if *seconds < 0 {
                        ExpiresError::Past
                    } else {
                        ExpiresError::TooFar { longest: lifetimes.longest }
                    })?;
                Self::in_zone(Timestamp::from_micros(micros), &lifetimes.zone)
            }
            ExpiresInput::UnixFloat(seconds) => {
                Self::in_zone(Timestamp::from_micros(float_micros(*seconds)?), &lifetimes.zone)
            }
            ExpiresInput::NotATime => return Err(ExpiresError::Unreadable),
        };
        if expires.at <= now {
            return Err(ExpiresError::Past);
        }
        if expires.at > now.saturating_add(lifetimes.longest) {
            return Err(ExpiresError::TooFar { longest: lifetimes.longest });
        }
        Ok(expires)
    }

    /// The text of [`Self::to_iso8601`]; `None` for [`Self::NEVER`].
    pub fn shown(self) -> Option<String> {
        (self.at != Self::NEVER.at).then(|| self.to_iso8601())
    }

    /// ISO 8601 text with offset: `2023-10-17T10:17:30.805300-07:00`. The six digits of the
    /// fraction are left out where they are all zero, as Python's `isoformat` does.
    pub fn to_iso8601(self) -> String {
        let offset = Offset::from_seconds(self.offset.0).unwrap_or(Offset::UTC);
        let Ok(instant) = jiff::Timestamp::from_microsecond(self.at.micros()) else {
            // Out of the calendar's range (years −9999 to 9999); `resolve` lets none through.
            return self.at.to_rfc3339();
        };
        let local = offset.to_datetime(instant);
        let whole = local.strftime("%Y-%m-%dT%H:%M:%S");
        let micros = local.subsec_nanosecond() / 1_000;
        let fraction = if micros == 0 { String::new() } else { format!(".{micros:06}") };
        let seconds = offset.seconds();
        let sign = if seconds < 0 { '-' } else { '+' };
        let (hours, minutes, rest) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60, seconds.abs() % 60);
        // Seconds of an offset are rare, but without them the text would name another instant.
        let rest = if rest == 0 { String::new() } else { format!(":{rest:02}") };
        format!("{whole}{fraction}{sign}{hours:02}:{minutes:02}{rest}")
    }

    fn in_zone(at: Timestamp, zone: &TimeZone) -> Self {
        let offset =
            jiff::Timestamp::from_microsecond(at.micros()).map_or(0, |instant| zone.to_offset(instant).seconds());
        Self { at, offset: OffsetSeconds(offset) }
    }

    fn from_text(text: &str) -> Result<Self, ExpiresError> {
        let text = text.trim();
        if text.len() > TEXT_BYTES_MAX {
            return Err(ExpiresError::Unreadable);
        }
        let pieces = Pieces::parse(text).map_err(|_| ExpiresError::Unreadable)?;
        let Some(offset) = pieces.to_numeric_offset() else { return Err(ExpiresError::NoZone) };
        let local = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
        let instant = offset.to_timestamp(local).map_err(|_| ExpiresError::Unreadable)?;
        Ok(Self { at: Timestamp::from_micros(instant.as_microsecond()), offset: OffsetSeconds(offset.seconds()) })
    }
}

fn float_micros(seconds: f64) -> Result<i64, ExpiresError> {
    // Beyond 2^53 µs (the year 2255) a double no longer counts single microseconds, and no
    // lifetime reaches there.
    const SECONDS_MAX: f64 = 9_007_199_254.0;
    if !seconds.is_finite() || seconds.abs() > SECONDS_MAX {
        return Err(ExpiresError::Unreadable);
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded by SECONDS_MAX above")]
    let micros = (seconds * 1e6).round() as i64;
    Ok(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-10-17T10:07:30.805300-07:00, ten minutes before the seed's example.
    const NOW: Timestamp = Timestamp::from_micros(1_697_562_450_805_300);

    fn resolve(input: &ExpiresInput) -> Result<String, ExpiresError> {
        let lifetimes = Lifetimes {
            default: Some(Duration::from_mins(10)),
            longest: Duration::from_hours(24),
            zone: TimeZone::get("America/Vancouver").unwrap(),
        };
        Expires::resolve(input, NOW, &lifetimes).map(Expires::to_iso8601)
    }

    #[track_caller]
    fn text(input: &str, want: Result<&str, ExpiresError>) {
        assert_eq!(resolve(&ExpiresInput::Text(input.into())), want.map(str::to_owned), "{input:?}");
    }

    #[test]
    fn default_is_ten_minutes_written_as_in_the_seed() {
        assert_eq!(resolve(&ExpiresInput::Default).unwrap(), "2023-10-17T10:17:30.805300-07:00");
    }

    #[test]
    fn keeps_the_offset_and_the_microseconds_as_given() {
        text("2023-10-17T10:17:30.805300-07:00", Ok("2023-10-17T10:17:30.805300-07:00"));
        text("2023-10-17T19:17:30+02:00", Ok("2023-10-17T19:17:30+02:00"));
        text("2023-10-17T22:47:30.000001+05:30", Ok("2023-10-17T22:47:30.000001+05:30"));
        text("2023-10-17T17:17:30Z", Ok("2023-10-17T17:17:30+00:00"));
        text("2023-10-17 10:17:30.8053-07:00", Ok("2023-10-17T10:17:30.805300-07:00"));
        text("2023-10-17T10:17:30-07:00:15", Ok("2023-10-17T10:17:30-07:00:15"));
        text("2023-10-17T10:17:30.8053009-07", Ok("2023-10-17T10:17:30.805300-07:00"));
    }

    #[test]
    fn refuses_text_without_zone() {
        text("2023-10-17T10:17:30", Err(ExpiresError::NoZone));
        text("2023-10-18", Err(ExpiresError::NoZone));
    }

    #[test]
    fn refuses_text_that_is_no_time() {
        for junk in ["", "tomorrow", "1697563050", "2023-13-40T00:00:00Z", "2023-10-17T10:17:30-99:00"] {
            text(junk, Err(ExpiresError::Unreadable));
        }
        text(&"2".repeat(100_000), Err(ExpiresError::Unreadable));
        assert_eq!(resolve(&ExpiresInput::NotATime), Err(ExpiresError::Unreadable));
    }

    #[test]
    fn takes_unix_time_whole_and_with_fraction() {
        let want = "2023-10-17T10:17:30.805300-07:00";
        let exact = ExpiresInput::Unix { seconds: 1_697_563_050, nanoseconds: 805_300_000 };
        assert_eq!(resolve(&exact).unwrap(), want);
        assert_eq!(resolve(&ExpiresInput::UnixFloat(1_697_563_050.805_3)).unwrap(), want);
        for junk in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(resolve(&ExpiresInput::UnixFloat(junk)), Err(ExpiresError::Unreadable));
        }
        let far = ExpiresInput::Unix { seconds: i64::MAX, nanoseconds: 0 };
        assert!(matches!(resolve(&far), Err(ExpiresError::TooFar { .. })));
        let long_ago = ExpiresInput::Unix { seconds: i64::MIN, nanoseconds: 0 };
        assert_eq!(resolve(&long_ago), Err(ExpiresError::Past));
    }

    #[test]
    fn lifetime_is_checked_at_both_ends() {
        let at = |micros: i64| ExpiresInput::Unix {
            seconds: (NOW.micros() + micros).div_euclid(1_000_000),
            nanoseconds: u32::try_from((NOW.micros() + micros).rem_euclid(1_000_000) * 1_000).unwrap(),
        };
        assert_eq!(resolve(&at(0)), Err(ExpiresError::Past));
        assert_eq!(resolve(&at(-1)), Err(ExpiresError::Past));
        assert!(resolve(&at(1)).is_ok());
        assert!(resolve(&at(86_400_000_000)).is_ok());
        assert!(matches!(resolve(&at(86_400_000_001)), Err(ExpiresError::TooFar { .. })));
    }

    #[test]
    fn errors_name_the_field_and_the_accepted_forms() {
        for error in [ExpiresError::Unreadable, ExpiresError::NoZone, ExpiresError::Past] {
            let text = error.to_string();
            assert!(text.contains("expires") && text.contains("ISO 8601"), "{text}");
        }
    }
}

#[cfg(test)]
#[path = "expires_properties.rs"]
mod properties;
