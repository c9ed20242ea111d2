//! Settings of the audit trail.

use std::time::Duration;

use serde::Deserialize;

use super::{COUNT_MAX, ConfigError};

/// Longest time between two checkpoints, in seconds: a day.
const CHECKPOINT_SECONDS_MAX: u64 = 24 * 3_600;
/// Longest retention, in days: a hundred years.
const RETENTION_DAYS_MAX: u64 = 36_500;

/// `[audit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditConfig {
    /// Days after which rows are removed; `None`: never.
    pub retention_days: Option<u64>,
    /// Longest time from a row to the checkpoint that covers it.
    pub checkpoint_seconds: u64,
    /// Most rows between two checkpoints, about.
    pub checkpoint_rows: u64,
}

impl Default for AuditConfig {
    fn default() -> Self {
        Self { retention_days: None, checkpoint_seconds: 300, checkpoint_rows: 10_000 }
    }
}

impl AuditConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (name, value, most) in [
            ("audit.retention_days", self.retention_days.unwrap_or(1), RETENTION_DAYS_MAX),
            ("audit.checkpoint_seconds", self.checkpoint_seconds, CHECKPOINT_SECONDS_MAX),
            ("audit.checkpoint_rows", self.checkpoint_rows, COUNT_MAX),
        ] {
            if !(1..=most).contains(&value) {
                return Err(ConfigError::Value { name, problem: format!("must be from 1 to {most}") });
            }
        }
        Ok(())
    }

    /// How long rows are kept.
    pub fn retention(&self) -> Option<Duration> {
        self.retention_days.map(|days| Duration::from_secs(days.saturating_mul(24 * 3_600)))
    }
}
