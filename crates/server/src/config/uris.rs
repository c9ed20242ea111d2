//! Settings of the records of URIs.

use countersign_identity::uris::{RECORDS_MAX, ZombieLifespan};
use serde::Deserialize;

use super::{COUNT_MAX, ConfigError, SECONDS_MAX};

/// Longest lifespan, in seconds.
const LIFESPAN_SECONDS_MAX: u32 = i32::MAX.unsigned_abs();

/// `[uris]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UrisConfig {
    /// Whether what was registered when the server ended counts as registered until it is known better.
    pub disable_startup_reset: bool,
    /// Time after the start in which nobody is told that a URI is gone.
    pub notification_startup_grace_seconds: u64,
    /// How long a record stays that nobody registers, unless it says so itself.
    pub zombie_lifespan: LifespanConfig,
    /// Records that there may be.
    pub records_max: u32,
    /// Changes of registrations that wait to be stored.
    pub queue_changes_max: usize,
}

/// `true` and `false`: for ever; a number: seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub enum LifespanConfig {
    /// For ever, whichever it is.
    Switch(bool),
    /// So many seconds.
    Seconds(u32),
}

impl From<LifespanConfig> for ZombieLifespan {
    fn from(config: LifespanConfig) -> Self {
        match config {
            LifespanConfig::Switch(_) => Self::Never,
            LifespanConfig::Seconds(seconds) => Self::Seconds(seconds),
        }
    }
}

impl Default for UrisConfig {
    fn default() -> Self {
        Self {
            disable_startup_reset: false,
            notification_startup_grace_seconds: 120,
            zombie_lifespan: LifespanConfig::Switch(false),
            records_max: RECORDS_MAX,
            queue_changes_max: 10_000,
        }
    }
}

impl UrisConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let bad = |name, problem: String| Err(ConfigError::Value { name, problem });
        if self.notification_startup_grace_seconds > SECONDS_MAX {
            return bad("uris.notification_startup_grace_seconds", format!("has to be from 0 to {SECONDS_MAX}"));
        }
        if matches!(self.zombie_lifespan, LifespanConfig::Seconds(seconds) if seconds > LIFESPAN_SECONDS_MAX) {
            return bad("uris.zombie_lifespan", format!("has to be false or from 0 to {LIFESPAN_SECONDS_MAX}"));
        }
        let queue_max = u64::try_from(self.queue_changes_max).unwrap_or(u64::MAX);
        for (name, value) in [("uris.records_max", self.records_max.into()), ("uris.queue_changes_max", queue_max)] {
            if !(1..=COUNT_MAX).contains(&value) {
                return bad(name, format!("has to be from 1 to {COUNT_MAX}"));
            }
        }
        Ok(())
    }

    /// Whether records that don't say it themselves have an end.
    pub fn reaps_all(&self) -> bool {
        ZombieLifespan::from(self.zombie_lifespan) != ZombieLifespan::Never
    }
}
