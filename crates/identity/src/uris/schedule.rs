//! Other settings at certain times.
//!
//! A line is five fields of cron and, behind them, `key:number` pairs with commas between them. Of the lines that match the
//! minute every later one overrides those before it. `#` begins a comment; an empty line is nothing.
//!
//! Source: contract of the bus, section 6.5; crontab(5).

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::tz::TimeZone;

use super::WarnSettings;
use crate::Timestamp;

/// Longest text, in bytes.
const BYTES_MAX: usize = 4 * 1024;
/// Most lines that say something.
const ENTRIES_MAX: usize = 64;
/// Fields of cron in a line.
const FIELDS: usize = 5;
/// Highest number of a pair.
const NUMBER_MAX: u32 = i32::MAX.unsigned_abs();

/// The lines, checked.
#[derive(Debug, Clone, Default)]
pub struct Schedule {
    text: String,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    when: Cron,
    /// What it sets; pairs with other keys mean nothing here.
    sets: Vec<(Setting, u32)>,
}

#[derive(Debug, Clone, Copy)]
enum Setting {
    After,
    ReminderAfter,
    CountAfter,
    CountReminderAfter,
}

/// The text is no schedule. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Too much of it.
    #[error("a schedule has at most {BYTES_MAX} bytes and {ENTRIES_MAX} lines")]
    TooLong,
    /// Not five fields and pairs.
    #[error("schedule, line {0}: give five fields of cron and then key:number, with commas between several")]
    Shape(usize),
    /// The fields are wrong.
    #[error("schedule, line {line}: {problem}")]
    Cron {
        /// The line.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

impl Schedule {
    /// Reads a schedule.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`], by the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        if text.len() > BYTES_MAX || text.contains('\0') {
            return Err(ScheduleError::TooLong);
        }
        let mut entries = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if entries.len() == ENTRIES_MAX {
                return Err(ScheduleError::TooLong);
            }
            entries.push(entry(line, index + 1)?);
        }
        Ok(Self { text: text.to_owned(), entries })
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it never changes anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What counts at a time, in a zone: the settings with what the matching lines say.
    pub fn apply(&self, settings: WarnSettings, now: Timestamp, zone: &TimeZone) -> WarnSettings {
        let mut settings = settings;
        let Ok(instant) = jiff::Timestamp::from_microsecond(now.micros()) else { return settings };
        let minute = instant.to_zoned(zone.clone());
        let Ok(minute) = minute.with().second(0).subsec_nanosecond(0).build() else { return settings };
        for entry in &self.entries {
            if entry.when.is_time_matching(&minute).unwrap_or(false) {
                for (setting, number) in &entry.sets {
                    *setting.of(&mut settings) = Some(*number).filter(|number| *number > 0);
                }
            }
        }
        settings
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schedule {}

impl Setting {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "disconnect_warn_after" => Some(Self::After),
            "disconnect_warn_reminder_after" => Some(Self::ReminderAfter),
            "disconnect_count_warn_after" => Some(Self::CountAfter),
            "disconnect_count_warn_reminder_after" => Some(Self::CountReminderAfter),
            _ => None,
        }
    }

    fn of(self, settings: &mut WarnSettings) -> &mut Option<u32> {
        match self {
            Self::After => &mut settings.after_seconds,
            Self::ReminderAfter => &mut settings.reminder_after_seconds,
            Self::CountAfter => &mut settings.count_after,
            Self::CountReminderAfter => &mut settings.count_reminder_after_seconds,
        }
    }
}

fn entry(line: &str, number: usize) -> Result<Entry, ScheduleError> {
    let shape = || ScheduleError::Shape(number);
    let mut rest = line;
    for _ in 0..FIELDS {
        rest = rest.split_once(char::is_whitespace).ok_or_else(shape)?.1.trim_start();
    }
    let fields = line.get(..line.len() - rest.len()).unwrap_or_default().trim_end();
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    let when =
        parser.parse(fields).map_err(|error| ScheduleError::Cron { line: number, problem: error.to_string() })?;
    let mut sets = Vec::new();
    for pair in rest.split(',') {
        let (key, value) = pair.trim().split_once(':').ok_or_else(shape)?;
        let (key, value) = (key.trim(), value.trim().parse::<u32>().map_err(|_| shape())?);
        if key.is_empty() || key.contains(char::is_whitespace) || value > NUMBER_MAX {
            return Err(shape());
        }
        // The bus that this replaces took any key, and so do schedules that were written for it.
        sets.extend(Setting::from_name(key).map(|setting| (setting, value)));
    }
    Ok(Entry { when, sets })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: WarnSettings = WarnSettings {
        after_seconds: Some(1),
        reminder_after_seconds: Some(2),
        count_after: Some(5),
        count_reminder_after_seconds: None,
    };

    /// The settings at a local time in Vancouver.
    #[track_caller]
    fn check(schedule: &str, at: &str, after: Option<u32>, reminder: Option<u32>) {
        let zone = TimeZone::get("America/Vancouver").unwrap();
        let local: jiff::civil::DateTime = at.parse().unwrap();
        let now = Timestamp::from_micros(local.to_zoned(zone.clone()).unwrap().timestamp().as_microsecond());
        let found = Schedule::parse(schedule).unwrap().apply(SETTINGS, now, &zone);
        assert_eq!((found.after_seconds, found.reminder_after_seconds), (after, reminder), "{schedule:?} at {at}");
        assert_eq!(found.count_after, Some(5));
    }

    #[test]
    fn a_line_counts_in_the_minutes_that_it_names() {
        let morning = "* 8 * * * disconnect_warn_after:10";
        check(morning, "2026-11-02T07:59:59.999", Some(1), Some(2));
        check(morning, "2026-11-02T08:00:00", Some(10), Some(2));
        check(morning, "2026-11-02T08:59:59.999", Some(10), Some(2));
        check(morning, "2026-11-02T09:00:00", Some(1), Some(2));
        let weekend = "* * * * sat,sun disconnect_warn_after:0";
        check(weekend, "2026-11-01T12:00:30", None, Some(2));
        check(weekend, "2026-11-02T12:00:30", Some(1), Some(2));
    }

    #[test]
    fn later_lines_override_and_comments_say_nothing() {
        let lines = "\n# nights\n* * * * * disconnect_warn_after:10, disconnect_warn_reminder_after : 20\n\
            0 1 * * * disconnect_warn_after:30\n   # end";
        check(lines, "2026-11-02T12:00:00", Some(10), Some(20));
        check(lines, "2026-11-02T01:00:59", Some(30), Some(20));
        check("", "2026-11-02T12:00:00", Some(1), Some(2));
        // As the test suite of the bus that this replaces has it.
        check("* * * * * disconnect_warn_after:10\n0 1 * * * OTHER:12\n", "2022-03-06T01:00:00", Some(10), Some(2));
    }

    #[test]
    fn refuses_what_is_no_schedule() {
        let refused = |text: &str| Schedule::parse(text).unwrap_err();
        for text in [
            "x",
            "* * * * *",
            "* * * * disconnect_warn_after:1",
            "* * * * * a",
            "* * * * * a:",
            "* * * * * a:x",
            "* * * * * a:-1",
            "* * * * * :1",
            "* * * * * a:1,",
            "* * * * * a:1 b:2",
            "* * * * * a:2147483648",
        ] {
            assert_eq!(refused(&format!("\n{text}")), ScheduleError::Shape(2), "{text:?}");
        }
        for text in ["60 * * * * a:1", "* 24 * * * a:1", "x * * * * a:1", "* * 0 * * a:1", "* * * 13 * a:1"] {
            assert!(matches!(refused(text), ScheduleError::Cron { line: 1, .. }), "{text:?}");
        }
    }

    #[test]
    fn takes_as_many_lines_and_bytes_as_allowed_and_not_one_more() {
        let lines = |count: usize| "* * * * * a:1\n".repeat(count);
        assert!(Schedule::parse(&lines(ENTRIES_MAX)).is_ok());
        assert_eq!(Schedule::parse(&lines(ENTRIES_MAX + 1)), Err(ScheduleError::TooLong));
        let comment = |bytes: usize| format!("#{}", "x".repeat(bytes - 1));
        assert!(Schedule::parse(&comment(BYTES_MAX)).is_ok());
        assert_eq!(Schedule::parse(&comment(BYTES_MAX + 1)), Err(ScheduleError::TooLong));
    }
}
