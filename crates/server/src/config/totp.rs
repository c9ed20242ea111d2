//! Settings of the second factor, and what keeps programs written for Zato SSO as they are.

use std::time::Duration;

use countersign_identity::code_throttle::CodeThrottleSettings;
use countersign_identity::sign_on::FactorSettings;
use countersign_identity::totp::{Algorithm, Digits};
use serde::Deserialize;

use super::{COUNT_MAX, ConfigError, SECONDS_MAX};

/// `[totp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TotpConfig {
    /// What authenticators show as the issuer of a key.
    pub issuer: String,
    /// The hash of new keys: `SHA1`, `SHA256` or `SHA512`.
    pub algorithm: String,
    /// The length of codes of new keys: 6 or 8.
    pub digits: u8,
    /// Wrong codes that one address may give for one account within the window.
    pub pair_failures_max: u32,
    /// How long such a wrong code counts.
    pub pair_window_seconds: u64,
    /// Wrong codes in a row for one account after which its key has to be reset.
    pub failures_max: u32,
    /// Whether a code is accepted more than once. For the old test-suite only.
    pub allow_reuse: bool,
}

impl Default for TotpConfig {
    fn default() -> Self {
        let throttle = CodeThrottleSettings::default();
        Self {
            pair_failures_max: throttle.pair_failures_max,
            pair_window_seconds: throttle.window.as_secs(),
            failures_max: throttle.account_failures_max,
            issuer: "Countersign".to_owned(),
            algorithm: Algorithm::default().name().to_owned(),
            digits: Digits::default().count(),
            allow_reuse: false,
        }
    }
}

/// `[compat]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompatConfig {
    /// As Zato SSO did it.
    pub zato: ZatoConfig,
}

/// `[compat.zato]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZatoConfig {
    /// Whether `reset_totp_key` answers a key that its caller gave.
    pub echo_totp_key: bool,
    /// Whether users turn the demand for a code on for themselves without showing one.
    pub enable_totp_without_code: bool,
}

impl TotpConfig {
    /// Longest issuer, in characters: more than that makes the QR code hard to read.
    const ISSUER_CHARACTERS_MAX: usize = 64;

    /// What the rules need to know.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`].
    pub(super) fn factor(&self, zato: &ZatoConfig) -> Result<FactorSettings, ConfigError> {
        let bad = |name, problem: &str| ConfigError::Value { name, problem: problem.to_owned() };
        if self.issuer.trim().is_empty() || self.issuer.chars().count() > Self::ISSUER_CHARACTERS_MAX {
            return Err(bad("totp.issuer", "has from 1 to 64 characters"));
        }
        let counts = [
            ("totp.pair_failures_max", self.pair_failures_max.into(), COUNT_MAX),
            ("totp.pair_window_seconds", self.pair_window_seconds, SECONDS_MAX),
            ("totp.failures_max", self.failures_max.into(), COUNT_MAX),
        ];
        for (name, value, max) in counts {
            if !(1..=max).contains(&value) {
                return Err(ConfigError::Value { name, problem: format!("has to be from 1 to {max}") });
            }
        }
        Ok(FactorSettings {
            algorithm: Algorithm::from_name(&self.algorithm)
                .ok_or_else(|| bad("totp.algorithm", "is SHA1, SHA256 or SHA512"))?,
            digits: Digits::from_count(self.digits).ok_or_else(|| bad("totp.digits", "is 6 or 8"))?,
            allows_code_reuse: self.allow_reuse,
            enables_without_code: zato.enable_totp_without_code,
            throttle: CodeThrottleSettings {
                pair_failures_max: self.pair_failures_max,
                window: Duration::from_secs(self.pair_window_seconds),
                account_failures_max: self.failures_max,
                ..CodeThrottleSettings::default()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_makes_no_sense_and_names_it() {
        let check = |text: &str, name: &str| {
            let config: TotpConfig = toml::from_str(text).unwrap();
            let error = config.factor(&ZatoConfig::default()).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        };
        check("issuer = ' '", "totp.issuer");
        check(&format!("issuer = '{}'", "x".repeat(65)), "totp.issuer");
        check("algorithm = 'MD5'", "totp.algorithm");
        check("digits = 7", "totp.digits");
        check("pair_failures_max = 0", "totp.pair_failures_max");
        check("pair_window_seconds = 0", "totp.pair_window_seconds");
        check("failures_max = 10000001", "totp.failures_max");
    }

    #[test]
    fn nothing_is_as_it_was_unless_asked_for() {
        let factor = |config: &TotpConfig, zato: &ZatoConfig| config.factor(zato).unwrap();
        assert_eq!(factor(&TotpConfig::default(), &ZatoConfig::default()), FactorSettings::default());
        let config: TotpConfig = toml::from_str("algorithm = 'SHA512'\ndigits = 8\nallow_reuse = true").unwrap();
        let zato: ZatoConfig = toml::from_str("enable_totp_without_code = true").unwrap();
        let all = FactorSettings {
            algorithm: Algorithm::Sha512,
            digits: Digits::Eight,
            allows_code_reuse: true,
            enables_without_code: true,
            throttle: CodeThrottleSettings::default(),
        };
        assert_eq!(factor(&config, &zato), all);
    }
}
