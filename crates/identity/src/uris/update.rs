//! What may be changed in a record.

use super::{Schedule, ScheduleError, ZombieLifespan};
use crate::Timestamp;

/// Longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 16 * 1024;
/// Longest contact, author or peer, in bytes.
const NAME_BYTES_MAX: usize = 1024;
/// Highest number of seconds.
const SECONDS_MAX: u32 = i32::MAX.unsigned_abs();

/// What is to be told when a URI is gone. Nothing in a field: that isn't told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WarnSettings {
    /// It is told so many seconds after its last registration ended.
    pub after_seconds: Option<u32>,
    /// It is told again whenever so many seconds have gone by.
    pub reminder_after_seconds: Option<u32>,
    /// It is told when so many registrations ended within [`WINDOW`](super::alerts::WINDOW).
    pub count_after: Option<u32>,
    /// It is told again whenever so many seconds have gone by.
    pub count_reminder_after_seconds: Option<u32>,
}

/// What becomes of a value that can be missing: `None`: it is as it was; `Some(None)`: it is taken away.
pub type Change<T> = Option<Option<T>>;

/// Changes of a record; `None`: as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UriUpdate {
    /// See [`UriRecord::description`](super::UriRecord::description).
    pub description: Option<String>,
    /// See [`UriRecord::contact`](super::UriRecord::contact).
    pub contact: Option<String>,
    /// See [`WarnSettings::after_seconds`].
    pub warn_after_seconds: Change<u32>,
    /// See [`WarnSettings::reminder_after_seconds`].
    pub warn_reminder_after_seconds: Change<u32>,
    /// See [`WarnSettings::count_after`].
    pub count_warn_after: Change<u32>,
    /// See [`WarnSettings::count_reminder_after_seconds`].
    pub count_warn_reminder_after_seconds: Change<u32>,
    /// See [`UriRecord::zombie_lifespan`](super::UriRecord::zombie_lifespan).
    pub zombie_lifespan: Change<ZombieLifespan>,
    /// See [`UriRecord::schedule`](super::UriRecord::schedule).
    pub schedule: Option<String>,
    /// Since when nobody has it registered. Counts only for a record that is not active.
    pub disconnected: Option<Timestamp>,
}

/// A value makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriUpdateError {
    /// Too long, or with NUL in it.
    #[error("{field} has at most {bytes_max} bytes, and no NUL")]
    Text {
        /// The field on the bus.
        field: &'static str,
        /// The limit, in bytes.
        bytes_max: usize,
    },
    /// Out of range.
    #[error("{0} is a number from 0 to {SECONDS_MAX}")]
    Number(&'static str),
    /// More than a record can count.
    #[error("disconnect_count_warn_after is at most {}: a record remembers no more connections", super::HISTORY_MAX)]
    Count,
    /// The schedule is none.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
}

impl UriUpdate {
    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The schedule, checked with all the rest.
    ///
    /// # Errors
    ///
    /// [`UriUpdateError`].
    pub fn check(&self) -> Result<Option<Schedule>, UriUpdateError> {
        let texts =
            [("description", &self.description, DESCRIPTION_BYTES_MAX), ("contact", &self.contact, NAME_BYTES_MAX)];
        for (field, text, bytes_max) in texts {
            if text.as_ref().is_some_and(|text| text.len() > bytes_max || text.contains('\0')) {
                return Err(UriUpdateError::Text { field, bytes_max });
            }
        }
        let lifespan = match self.zombie_lifespan {
            Some(Some(ZombieLifespan::Seconds(seconds))) => Some(Some(seconds)),
            _ => None,
        };
        let numbers = [
            ("disconnect_warn_after", self.warn_after_seconds),
            ("disconnect_warn_reminder_after", self.warn_reminder_after_seconds),
            ("disconnect_count_warn_reminder_after", self.count_warn_reminder_after_seconds),
            ("zombie_lifespan", lifespan),
        ];
        for (field, number) in numbers {
            if number.flatten().is_some_and(|number| number > SECONDS_MAX) {
                return Err(UriUpdateError::Number(field));
            }
        }
        if self.count_warn_after.flatten().is_some_and(|count| count > super::HISTORY_MAX) {
            return Err(UriUpdateError::Count);
        }
        Ok(self.schedule.as_deref().map(Schedule::parse).transpose()?)
    }

    /// This and, where it says nothing, what `other` says.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            description: self.description.or(other.description),
            contact: self.contact.or(other.contact),
            warn_after_seconds: self.warn_after_seconds.or(other.warn_after_seconds),
            warn_reminder_after_seconds: self.warn_reminder_after_seconds.or(other.warn_reminder_after_seconds),
            count_warn_after: self.count_warn_after.or(other.count_warn_after),
            count_warn_reminder_after_seconds: self
                .count_warn_reminder_after_seconds
                .or(other.count_warn_reminder_after_seconds),
            zombie_lifespan: self.zombie_lifespan.or(other.zombie_lifespan),
            schedule: self.schedule.or(other.schedule),
            disconnected: self.disconnected.or(other.disconnected),
        }
    }

    /// Whether it says something about the documentation.
    pub fn documents(&self) -> bool {
        self.description.is_some() || self.contact.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Borrow;

    use super::*;

    #[track_caller]
    fn check(update: impl Borrow<UriUpdate>, want: impl Borrow<Result<(), UriUpdateError>>) {
        assert_eq!(update.borrow().check().map(|_| ()), *want.borrow());
    }

    #[test]
    fn takes_values_up_to_their_limits_and_not_one_more() {
        let none = UriUpdate::default();
        let description = |bytes: usize| UriUpdate { description: Some("x".repeat(bytes)), ..none.clone() };
        let contact = |bytes: usize| UriUpdate { contact: Some("x".repeat(bytes)), ..none.clone() };
        check(description(DESCRIPTION_BYTES_MAX), Ok(()));
        let too_long = UriUpdateError::Text { field: "description", bytes_max: DESCRIPTION_BYTES_MAX };
        check(description(DESCRIPTION_BYTES_MAX + 1), Err(too_long));
        check(contact(NAME_BYTES_MAX), Ok(()));
        check(contact(NAME_BYTES_MAX + 1), Err(UriUpdateError::Text { field: "contact", bytes_max: NAME_BYTES_MAX }));
        let after = |seconds| UriUpdate { warn_after_seconds: Some(Some(seconds)), ..none.clone() };
        check(after(SECONDS_MAX), Ok(()));
        check(after(SECONDS_MAX + 1), Err(UriUpdateError::Number("disconnect_warn_after")));
        let lifespan = |seconds| {
            let lifespan = ZombieLifespan::Seconds(seconds);
            UriUpdate { zombie_lifespan: Some(Some(lifespan)), ..none.clone() }
        };
        check(lifespan(SECONDS_MAX), Ok(()));
        check(lifespan(SECONDS_MAX + 1), Err(UriUpdateError::Number("zombie_lifespan")));
        let count = |count| UriUpdate { count_warn_after: Some(Some(count)), ..none.clone() };
        check(count(super::super::HISTORY_MAX), Ok(()));
        check(count(super::super::HISTORY_MAX + 1), Err(UriUpdateError::Count));
        check(UriUpdate { schedule: Some("x".into()), ..none.clone() }, Err(ScheduleError::Shape(1).into()));
        check(none, Ok(()));
    }
}
