//! What is to be told of a URI that nobody registers any more, or that comes and goes.
//!
//! [`decide`] is a pure function of the time, the record and what is set, so that every limit can be tested without a clock.
//!
//! Source: contract of the bus, sections 6.3 and 6.5.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{UriRecord, WarnSettings, ZombieLifespan};
use crate::Timestamp;
use crate::audit::names;

/// In which time the ends of registrations are counted.
pub const WINDOW: Duration = Duration::from_mins(10);

names! {
    /// What is told.
    AlertKind {
        /// Nobody has registered the URI for too long.
        Disconnect = "disconnect",
        /// Still.
        DisconnectReminder = "disconnect_reminder",
        /// Somebody has registered it again.
        DisconnectRecovery = "disconnect_recovery",
        /// Too many registrations ended in a short time.
        DisconnectCount = "disconnect_count",
        /// Still.
        DisconnectCountReminder = "disconnect_count_reminder",
        /// It has come to rest.
        DisconnectCountRecovery = "disconnect_count_recovery",
        /// The record was removed, because nobody has registered the URI for long.
        ZombieReap = "zombie_reap",
    }
}

/// One thing to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alert {
    /// What.
    pub kind: AlertKind,
    /// Seconds for which it has been gone; of a count the number of ends; of a recovery when it was, in seconds since 1970.
    pub number: i64,
}

/// What counts for every record.
#[derive(Debug, Clone)]
pub struct AlertRules {
    /// The zone of schedules.
    pub zone: TimeZone,
    /// Times before this count as this: whoever was connected when the server went down gets time to come back.
    pub grace_ends: Timestamp,
    /// For records that don't say it themselves.
    pub zombie_lifespan: ZombieLifespan,
}

/// What is to be done about a record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// What to tell, in order.
    pub alerts: Vec<Alert>,
    /// [`UriRecord::warned`] from now on.
    pub warned: Option<Timestamp>,
    /// [`UriRecord::count_warned`] from now on.
    pub count_warned: Option<Timestamp>,
    /// Whether the record goes.
    pub is_reaped: bool,
    /// When to look again, unless something happens before. Later than now.
    pub next: Option<Timestamp>,
}

/// Whether [`decide`] has to know when registrations ended.
pub fn counts(record: &UriRecord) -> bool {
    record.warn.count_after.is_some() || record.count_warned.is_some() || !record.schedule.is_empty()
}

/// What is to be told of a record at `now`. `ends`: when registrations ended within [`WINDOW`], in any order; nothing else
/// is needed of the history, and not even this where [`counts`] says so.
pub fn decide(now: Timestamp, record: &UriRecord, ends: &[Timestamp], rules: &AlertRules) -> Verdict {
    let settings = record.schedule.apply(record.warn, now, &rules.zone);
    let mut judging = Judging { now, next: Vec::new(), verdict: Verdict::default() };
    judging.verdict.warned = record.warned;
    if let Some(gone) = record.disconnected.filter(|_| !record.is_active) {
        let since = gone.max(rules.grace_ends);
        let lifespan = record.zombie_lifespan.unwrap_or(rules.zombie_lifespan);
        if judging.is_zombie(gone, since, lifespan) {
            return judging.verdict;
        }
        judging.gone(gone, since, settings);
    } else if judging.verdict.warned.take().is_some() {
        judging.tell(AlertKind::DisconnectRecovery, judging.now.seconds());
    }
    judging.count(record.count_warned, ends, settings);
    let is_waiting = !record.is_active || !ends.is_empty() || judging.verdict.count_warned.is_some();
    if is_waiting && !record.schedule.is_empty() {
        judging.next.push(next_minute(now));
    }
    let Judging { next, mut verdict, .. } = judging;
    verdict.next = next.into_iter().filter(|at| *at > now).min();
    verdict
}

struct Judging {
    now: Timestamp,
    /// When something may become due.
    next: Vec<Timestamp>,
    verdict: Verdict,
}

impl Judging {
    fn tell(&mut self, kind: AlertKind, number: i64) {
        self.verdict.alerts.push(Alert { kind, number });
    }

    /// Whether so many seconds have gone by; if not, that is when to look again.
    fn is_over(&mut self, since: Timestamp, seconds: u32) -> bool {
        let at = since.saturating_add(Duration::from_secs(seconds.into()));
        if self.now < at {
            self.next.push(at);
        }
        self.now >= at
    }

    fn is_zombie(&mut self, gone: Timestamp, since: Timestamp, lifespan: ZombieLifespan) -> bool {
        let ZombieLifespan::Seconds(seconds) = lifespan else { return false };
        if !self.is_over(since, seconds) {
            return false;
        }
        self.tell(AlertKind::ZombieReap, self.gone_for(gone));
        self.verdict.is_reaped = true;
        true
    }

    fn gone(&mut self, gone: Timestamp, since: Timestamp, settings: WarnSettings) {
        let Some(after) = wanted(settings.after_seconds) else { return };
        let reminder = wanted(settings.reminder_after_seconds);
        match (self.verdict.warned, reminder) {
            (None, _) => {
                if self.is_over(since, after) {
                    self.tell(AlertKind::Disconnect, self.gone_for(gone));
                    self.verdict.warned = Some(self.now);
                }
            }
            (Some(last), Some(reminder)) => {
                if self.is_over(last, reminder) {
                    self.tell(AlertKind::DisconnectReminder, self.gone_for(gone));
                    self.verdict.warned = Some(self.now);
                }
            }
            (Some(_), None) => {}
        }
        if let (Some(last), Some(reminder)) = (self.verdict.warned, reminder) {
            self.is_over(last, reminder);
        }
    }

    fn count(&mut self, warned: Option<Timestamp>, ends: &[Timestamp], settings: WarnSettings) {
        let Some(most) = wanted(settings.count_after).and_then(|count| usize::try_from(count).ok()) else { return };
        let mut recent: Vec<Timestamp> = ends.iter().copied().filter(|end| self.now <= leaves(*end)).collect();
        recent.sort_unstable();
        // What has to leave the window before there are too few.
        let Some(oldest) = recent.len().checked_sub(most).and_then(|place| recent.get(place)) else {
            if warned.is_some() {
                self.tell(AlertKind::DisconnectCountRecovery, self.now.seconds());
            }
            return;
        };
        self.next.push(leaves(*oldest).saturating_add(Duration::from_micros(1)));
        let number = i64::try_from(recent.len()).unwrap_or(i64::MAX);
        let reminder = wanted(settings.count_reminder_after_seconds);
        let told = match (warned, reminder) {
            (None, _) => Some(AlertKind::DisconnectCount),
            (Some(last), Some(reminder)) => self.is_over(last, reminder).then_some(AlertKind::DisconnectCountReminder),
            (Some(_), None) => None,
        };
        self.verdict.count_warned = if told.is_some() { Some(self.now) } else { warned };
        if let Some(kind) = told {
            self.tell(kind, number);
        }
        if let (Some(last), Some(reminder)) = (self.verdict.count_warned, reminder) {
            self.is_over(last, reminder);
        }
    }

    fn gone_for(&self, gone: Timestamp) -> i64 {
        i64::try_from(self.now.duration_since(gone).as_secs()).unwrap_or(i64::MAX)
    }
}

/// Nought seconds and none mean that it isn't wanted.
fn wanted(number: Option<u32>) -> Option<u32> {
    number.filter(|number| *number > 0)
}

fn leaves(end: Timestamp) -> Timestamp {
    end.saturating_add(WINDOW)
}

fn next_minute(now: Timestamp) -> Timestamp {
    const MINUTE_MICROS: i64 = 60_000_000;
    let into = now.micros().rem_euclid(MINUTE_MICROS);
    Timestamp::from_micros(now.micros().saturating_add(MINUTE_MICROS - into))
}

#[cfg(test)]
#[path = "alerts_tests.rs"]
mod tests;
