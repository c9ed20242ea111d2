//! `[metadata]`: how much users may note.

use countersign_identity::metadata::{MetadataKey, MetadataLimits};
use serde::Deserialize;

use super::counts::{check_counts, count};
use super::{COUNT_MAX, ConfigError};

/// Longest value that can be allowed, in bytes: it has to fit into one message.
const VALUE_BYTES_MAX: u64 = 16 << 20;
/// Most bytes that the metadata of a user can be allowed: it has to fit into memory, all at once.
const BYTES_MAX: u64 = 1 << 30;

/// `[metadata]`
#[expect(clippy::struct_field_names, reason = "they are the keys of the file: every limit has its unit in its name")]
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetadataConfig {
    /// Bytes of a key.
    pub key_bytes_max: usize,
    /// Bytes of a value, as JSON and as YAML alike.
    pub value_bytes_max: usize,
    /// Entries of a user.
    pub entries_max: u32,
    /// Bytes of all values of a user.
    pub bytes_max: u64,
}

impl Default for MetadataConfig {
    fn default() -> Self {
        let MetadataLimits { key_bytes_max, value_bytes_max, entries_max, bytes_max } = MetadataLimits::default();
        Self { key_bytes_max, value_bytes_max, entries_max, bytes_max }
    }
}

impl MetadataConfig {
    /// The same for the rules.
    pub fn limits(&self) -> MetadataLimits {
        let Self { key_bytes_max, value_bytes_max, entries_max, bytes_max } = *self;
        MetadataLimits { key_bytes_max, value_bytes_max, entries_max, bytes_max }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_counts([
            ("metadata.key_bytes_max", count(self.key_bytes_max), count(MetadataKey::BYTES_MAX)),
            ("metadata.value_bytes_max", count(self.value_bytes_max), VALUE_BYTES_MAX),
            ("metadata.entries_max", self.entries_max.into(), COUNT_MAX),
            ("metadata.bytes_max", self.bytes_max, BYTES_MAX),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_to_what_can_be_set() {
        let check = |change: fn(&mut MetadataConfig), name: &str| {
            let mut config = MetadataConfig::default();
            assert!(config.check().is_ok());
            change(&mut config);
            assert!(config.check().unwrap_err().to_string().contains(name), "{name}");
        };
        check(|config| config.key_bytes_max = 0, "metadata.key_bytes_max");
        check(|config| config.key_bytes_max = MetadataKey::BYTES_MAX + 1, "metadata.key_bytes_max");
        check(|config| config.value_bytes_max = (16 << 20) + 1, "metadata.value_bytes_max");
        check(|config| config.entries_max = 0, "metadata.entries_max");
        check(|config| config.bytes_max = (1 << 30) + 1, "metadata.bytes_max");
    }
}
