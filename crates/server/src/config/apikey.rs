//! `[apikey]`

use countersign_identity::IdentitySettings;
use serde::Deserialize;

/// `[apikey]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiKeyConfig {
    /// Longest lifetime of a key that names its end. One that names none has none.
    pub lifetime_seconds_max: u64,
    /// Live keys that one user may have.
    pub live_max: u32,
}

impl Default for ApiKeyConfig {
    fn default() -> Self {
        Self {
            lifetime_seconds_max: IdentitySettings::API_KEY_LIFETIME_LONGEST.as_secs(),
            live_max: IdentitySettings::API_KEYS_LIVE_MAX,
        }
    }
}
