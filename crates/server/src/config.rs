//! Settings: from the configuration file, with a default for each.
//!
//! Unknown keys are errors, so that a typing mistake doesn't quietly mean the default. Every
//! limit has its unit in its name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_identity::permission::KeySessionDenials;
use countersign_identity::throttle::ThrottleSettings;
use countersign_identity::{IdentitySettings, Lifetimes, Pepper};
use countersign_wamp::{Uri, UriRules};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use serde::Deserialize;

/// The whole configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where to listen: `http://H:P`, `https://H:P`, `tcp://H:P`, `unix:PATH`. `None`: the defaults.
    pub listen: Option<Vec<String>>,
    /// The zone in which times are written, as `America/Vancouver`; `None`: the machine's.
    pub tz: Option<String>,
    /// The realm.
    pub realm: RealmConfig,
    /// The database.
    pub storage: StorageConfig,
    /// Who may come in.
    pub auth: AuthConfig,
    /// One-time passwords.
    pub otp: OtpConfig,
    /// Failed logins.
    pub throttle: ThrottleConfig,
    /// Password checks.
    pub password: PasswordConfig,
    /// Certificates.
    pub tls: TlsConfig,
    /// What a peer may ask of the server.
    pub limits: LimitsConfig,
}

/// `[realm]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RealmConfig {
    /// The realm's name.
    pub name: String,
    /// What the server's procedures start with, without a final dot.
    pub uri_prefix: String,
    /// Whether URIs are read by the strict rule.
    pub strict_uris: bool,
}

impl Default for RealmConfig {
    fn default() -> Self {
        Self { name: "izaber".into(), uri_prefix: "com.izaber.wamp".into(), strict_uris: false }
    }
}

/// `[storage]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// `postgres://…`; `None`: SQLite in the data directory.
    pub url: Option<String>,
    /// Connections to PostgreSQL.
    pub connections_max: Option<usize>,
}

/// `[auth]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuthConfig {
    /// Whether sessions without a login are admitted, with the role `public`.
    pub anonymous: bool,
}

/// `[otp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OtpConfig {
    /// Lifetime without a wish.
    pub lifetime_seconds: u64,
    /// Longest lifetime.
    pub lifetime_seconds_max: u64,
    /// Live one-time passwords that one user may have.
    pub live_max: u32,
    /// How long a spent or expired one is still recognised as such.
    pub spent_kept_seconds: u64,
    /// Longest life of a session that was opened with one.
    pub session_seconds_max: u64,
}

impl Default for OtpConfig {
    fn default() -> Self {
        Self {
            lifetime_seconds: IdentitySettings::OTP_LIFETIME_DEFAULT.as_secs(),
            lifetime_seconds_max: IdentitySettings::OTP_LIFETIME_LONGEST.as_secs(),
            live_max: IdentitySettings::OTPS_LIVE_MAX,
            spent_kept_seconds: IdentitySettings::SPENT_KEPT.as_secs(),
            session_seconds_max: 12 * 3_600,
        }
    }
}

/// `[throttle]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThrottleConfig {
    /// Networks whose addresses are not slowed, as `10.0.0.0/8`.
    pub exempt: Vec<IpNet>,
    /// Failures that one address may have at once before it waits.
    pub address_failures_max: Option<u32>,
    /// Failures that one address may have at one account before it waits.
    pub pair_failures_max: Option<u32>,
    /// Seconds in which one failure is forgotten.
    pub forget_seconds: Option<u64>,
    /// Longest wait.
    pub delay_seconds_max: Option<u64>,
}

/// `[password]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordConfig {
    /// Checks that run at the same time; `None`: one per core.
    pub workers: Option<usize>,
    /// Checks that wait for their turn.
    pub queue_max: Option<usize>,
    /// Longest wait for a turn.
    pub queue_seconds_max: Option<u64>,
}

/// `[tls]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Certificate chain, PEM; `None`: a self-signed one for development.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
}

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "every limit says by its name that it is one")]
pub struct LimitsConfig {
    /// Longest message.
    pub message_bytes_max: usize,
    /// Deepest nesting of a message.
    pub message_depth_max: usize,
    /// Longest URI.
    pub uri_bytes_max: usize,
    /// Messages that wait to be sent to one session.
    pub outbound_messages_max: usize,
    /// Bytes that wait to be sent to one session.
    pub outbound_bytes_max: usize,
    /// Subscriptions and registrations of one session.
    pub subscriptions_and_registrations_max: usize,
    /// Unanswered calls of one session.
    pub pending_calls_max: usize,
    /// From connecting to WELCOME.
    pub hello_seconds_max: u64,
    /// Connections of one address that are not signed in yet.
    pub unauthenticated_connections_max: usize,
    /// Login attempts on one connection.
    pub login_attempts_max: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            message_bytes_max: 16 * 1024 * 1024,
            message_depth_max: 128,
            uri_bytes_max: UriRules::BYTES_MAX_DEFAULT,
            outbound_messages_max: 16_384,
            outbound_bytes_max: 64 * 1024 * 1024,
            subscriptions_and_registrations_max: 10_000,
            pending_calls_max: 4_096,
            hello_seconds_max: 10,
            unauthenticated_connections_max: 256,
            login_attempts_max: 3,
        }
    }
}

/// Why the configuration can't be used. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration file {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown key or a value of the wrong kind.
    #[error("{path}: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A value makes no sense.
    #[error("setting {name}: {problem}")]
    Value {
        /// The key.
        name: &'static str,
        /// What is wrong.
        problem: String,
    },
}

impl Config {
    /// Reads a file; without one everything has its default.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], which names the file and the key.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = path else { return Ok(Self::default()) };
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let config: Self =
            toml::from_str(&text).map_err(|source| ConfigError::Parse { path: path.to_owned(), source })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let bad = |name, problem: String| Err(ConfigError::Value { name, problem });
        for (name, text) in [("realm.name", &self.realm.name), ("realm.uri_prefix", &self.realm.uri_prefix)] {
            if let Err(error) = Uri::parse(text, UriRules::default()) {
                return bad(name, error.to_string());
            }
        }
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return bad("tls", "certificate and key belong together: give both or neither".into());
        }
        if self.otp.lifetime_seconds > self.otp.lifetime_seconds_max {
            return bad("otp.lifetime_seconds", "is longer than otp.lifetime_seconds_max".into());
        }
        self.zone().map(|_| ())
    }

    /// The zone in which times are written.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for an unknown zone.
    pub fn zone(&self) -> Result<TimeZone, ConfigError> {
        match &self.tz {
            None => Ok(TimeZone::system()),
            Some(name) => {
                TimeZone::get(name).map_err(|error| ConfigError::Value { name: "tz", problem: error.to_string() })
            }
        }
    }

    /// What the identity rules need to know.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for an unknown zone.
    pub fn identity(&self, pepper: Pepper) -> Result<IdentitySettings, ConfigError> {
        Ok(IdentitySettings {
            pepper,
            otp_lifetimes: Lifetimes {
                default: Duration::from_secs(self.otp.lifetime_seconds),
                longest: Duration::from_secs(self.otp.lifetime_seconds_max),
                zone: self.zone()?,
            },
            otps_live_max: self.otp.live_max,
            spent_kept: Duration::from_secs(self.otp.spent_kept_seconds),
            denials: KeySessionDenials::new(&self.realm.uri_prefix),
        })
    }

    /// How failures are counted.
    pub fn throttle(&self) -> ThrottleSettings {
        let defaults = ThrottleSettings::default();
        let given = &self.throttle;
        ThrottleSettings {
            address_burst: given.address_failures_max.map_or(defaults.address_burst, f64::from),
            pair_burst: given.pair_failures_max.map_or(defaults.pair_burst, f64::from),
            leak: given.forget_seconds.map_or(defaults.leak, |seconds| Duration::from_secs(seconds.max(1))),
            delay_max: given.delay_seconds_max.map_or(defaults.delay_max, Duration::from_secs),
            ..defaults
        }
    }

    /// How the realm reads URIs.
    pub fn uri_rules(&self) -> UriRules {
        UriRules { strict: self.realm.strict_uris, bytes_max: self.limits.uri_bytes_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        let config: Config = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.realm.name, "izaber");
        assert_eq!(config.otp.lifetime_seconds, 600);
        assert!(!config.auth.anonymous);
        assert!(config.throttle.exempt.is_empty());
    }

    #[test]
    fn an_unknown_key_is_an_error_that_names_it() {
        assert!(parse("[otp]\nlife_seconds = 5").unwrap_err().contains("life_seconds"));
        assert!(parse("[otpp]").unwrap_err().contains("otpp"));
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        let check = |text: &str, name: &str| assert!(parse(text).unwrap_err().contains(name), "{text}");
        check("tz = 'Nowhere/Land'", "tz");
        check("[realm]\nuri_prefix = 'a..b'", "realm.uri_prefix");
        check("[tls]\nkey = 'k.pem'", "tls");
        check("[otp]\nlifetime_seconds = 90000", "otp.lifetime_seconds");
        check("[throttle]\nexempt = ['300.0.0.0/8']", "exempt");
    }
}
