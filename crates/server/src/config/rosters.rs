//! `[rosters]`: how much sessions may tell of themselves.

use countersign_identity::roster::RosterLimits;
use serde::Deserialize;

use super::counts::{check_counts, count};
use super::{COUNT_MAX, ConfigError};

/// Longest entry that can be allowed, in bytes: it has to fit into one message.
const DATA_BYTES_MAX: u64 = 16 << 20;
/// Most bytes that all entries can be allowed: those of a roster have to fit into memory.
const BYTES_MAX: u64 = 1 << 30;

/// `[rosters]`
#[expect(clippy::struct_field_names, reason = "they are the keys of the file: every limit has its unit in its name")]
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RostersConfig {
    /// Bytes of what an entry says, as JSON.
    pub data_bytes_max: usize,
    /// Entries of a session.
    pub session_entries_max: u32,
    /// Entries in all.
    pub entries_max: u32,
    /// Bytes of all entries together.
    pub bytes_max: u64,
}

impl Default for RostersConfig {
    fn default() -> Self {
        let RosterLimits { data_bytes_max, session_entries_max, entries_max, bytes_max } = RosterLimits::default();
        Self { data_bytes_max, session_entries_max, entries_max, bytes_max }
    }
}

impl RostersConfig {
    /// The same for the rules.
    pub fn limits(&self) -> RosterLimits {
        let Self { data_bytes_max, session_entries_max, entries_max, bytes_max } = *self;
        RosterLimits { data_bytes_max, session_entries_max, entries_max, bytes_max }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_counts([
            ("rosters.data_bytes_max", count(self.data_bytes_max), DATA_BYTES_MAX),
            ("rosters.session_entries_max", self.session_entries_max.into(), COUNT_MAX),
            ("rosters.entries_max", self.entries_max.into(), COUNT_MAX),
            ("rosters.bytes_max", self.bytes_max, BYTES_MAX),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_to_what_can_be_set() {
        let check = |change: fn(&mut RostersConfig), name: &str| {
            let mut config = RostersConfig::default();
            assert!(config.check().is_ok());
            change(&mut config);
            assert!(config.check().unwrap_err().to_string().contains(name), "{name}");
        };
        check(|config| config.data_bytes_max = (16 << 20) + 1, "rosters.data_bytes_max");
        check(|config| config.session_entries_max = 0, "rosters.session_entries_max");
        check(|config| config.entries_max = 0, "rosters.entries_max");
        check(|config| config.bytes_max = (1 << 30) + 1, "rosters.bytes_max");
    }
}
