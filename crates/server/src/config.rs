//! Settings: from the configuration file, with a default for each.
//!
//! Unknown keys are errors, so that a typing mistake doesn't quietly mean the default. Every
//! limit has its unit in its name.

mod addresses;
mod apikey;
mod audit;
mod counts;
mod dead;
mod ldap;
mod mail;
mod metadata;
mod password;
mod password_reset;
mod rosters;
mod sign_up;
mod sso;
mod totp;
mod uris;
mod websocket;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use countersign_identity::permission::KeySessionDenials;
use countersign_identity::proof::scram::{Kdf, KdfError};
use countersign_identity::proof::{SecretSettings, wampcra};
use countersign_identity::roster::NodeId;
use countersign_identity::throttle::ThrottleSettings;
use countersign_identity::{IdentitySettings, Lifetimes, Pepper};
use countersign_router::RealmSettings;
use countersign_wamp::rawsocket::FrameLimit;
use countersign_wamp::{DecodeLimits, MatchPolicy, Uri, UriRules};
use jiff::tz::TimeZone;
use serde::Deserialize;

pub use self::addresses::UserAddressList;
pub use self::apikey::ApiKeyConfig;
pub use self::audit::AuditConfig;
use self::counts::{check_counts, count};
pub use self::ldap::{LdapConfig, LdapServerConfig};
pub use self::mail::{MailConfig, SmtpConfig, SmtpTls, mailbox};
pub use self::metadata::MetadataConfig;
pub use self::password::PasswordConfig;
pub use self::password_reset::PasswordResetConfig;
pub use self::rosters::RostersConfig;
pub use self::sign_up::{SignupConfig, UserValidationConfig};
pub use self::sso::{AppsConfig, LoginConfig, MainConfig, SearchConfig, SessionConfig, SessionsConfig};
pub use self::totp::{CompatConfig, TotpConfig};
pub use self::uris::UrisConfig;
pub use self::websocket::{TestConfig, WebSocketConfig};
use crate::doors::parse_origin;
use crate::networks::Networks;
use crate::realm_settings::realm_settings;

/// Longest duration that can be set, in seconds: ten years.
const SECONDS_MAX: u64 = 10 * 365 * 24 * 3_600;
/// Highest count that can be set.
const COUNT_MAX: u64 = 10_000_000;
/// Longest URI that can be allowed, in bytes. Trees of URI patterns are as deep as a URI has
/// components.
const URI_BYTES_MAX: u64 = 8 * 1024;

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
    /// API keys.
    pub apikey: ApiKeyConfig,
    /// What users note.
    pub metadata: MetadataConfig,
    /// What sessions tell of themselves.
    pub rosters: RostersConfig,
    /// Failed logins.
    pub throttle: ThrottleConfig,
    /// Proxies in front of the server.
    pub proxies: ProxiesConfig,
    /// Password checks.
    pub password: PasswordConfig,
    /// Certificates.
    pub tls: TlsConfig,
    /// Requests over plain HTTP.
    pub http: HttpConfig,
    /// Sign-on: what is kept of users.
    pub main: MainConfig,
    /// Sign-on: applications.
    pub apps: AppsConfig,
    /// Sign-on: what is told at a login.
    pub login: LoginConfig,
    /// From where users may log in.
    pub user_address_list: UserAddressList,
    /// Sign-on: how long sessions live.
    pub session: SessionConfig,
    /// Sign-on: sessions and second factors.
    pub sessions: SessionsConfig,
    /// Sign-on: searches for users.
    pub search: SearchConfig,
    /// Outgoing mail.
    pub mail: MailConfig,
    /// Forgotten passwords.
    pub password_reset: PasswordResetConfig,
    /// Sign-ups.
    pub signup: SignupConfig,
    /// What new users may be called.
    pub user_validation: UserValidationConfig,
    /// Second factors.
    pub totp: TotpConfig,
    /// What old programs rely on.
    pub compat: CompatConfig,
    /// The audit trail.
    pub audit: AuditConfig,
    /// Records of URIs.
    pub uris: UrisConfig,
    /// What a peer may ask of the server.
    pub limits: LimitsConfig,
    /// The WebSocket.
    pub websocket: WebSocketConfig,
    /// For tests of the server alone.
    pub test: TestConfig,
    /// What the server tells of itself.
    pub metrics: MetricsConfig,
    /// The directory; `None`: there is none.
    pub ldap: Option<LdapConfig>,
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
    /// Whether request ids have to count from 1, one by one. Some clients' don't.
    pub strict_ids: bool,
    /// Topics whose last events are kept.
    pub history: Vec<HistoryConfig>,
}

/// `[[realm.history]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryConfig {
    /// The topic, or a pattern of topics.
    pub topic: String,
    /// How the pattern is compared; without it exactly.
    #[serde(rename = "match")]
    pub policy: Option<MatchConfig>,
    /// Events that are kept.
    pub events_max: Option<usize>,
    /// Bytes that they take together, about.
    pub bytes_max: Option<usize>,
    /// Whether they are stored in the database as well, so that a restart keeps them.
    #[serde(default)]
    pub store: bool,
}

/// How a pattern is compared.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MatchConfig {
    /// Equal.
    Exact,
    /// Starts with it.
    Prefix,
    /// Component by component.
    Wildcard,
}

impl From<MatchConfig> for MatchPolicy {
    fn from(policy: MatchConfig) -> Self {
        match policy {
            MatchConfig::Exact => Self::Exact,
            MatchConfig::Prefix => Self::Prefix,
            MatchConfig::Wildcard => Self::Wildcard,
        }
    }
}

impl Default for RealmConfig {
    fn default() -> Self {
        Self {
            name: "izaber".into(),
            uri_prefix: "com.izaber.wamp".into(),
            strict_uris: false,
            strict_ids: false,
            history: Vec::new(),
        }
    }
}

/// `[storage]`
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    /// `postgres://…`; `None`: SQLite in the data directory.
    pub url: Option<String>,
    /// Connections to PostgreSQL.
    pub connections_max: Option<usize>,
}

impl fmt::Debug for StorageConfig {
    /// Without the URL, which can hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageConfig").field("connections_max", &self.connections_max).finish_non_exhaustive()
    }
}

/// `[auth]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each method")]
pub struct AuthConfig {
    /// Whether sessions without a login are admitted, with the role `public`.
    pub anonymous: bool,
    /// Whether passwords and one-time passwords are taken as tickets.
    pub ticket: bool,
    /// Whether logins by SCRAM are taken, and verifiers kept of passwords.
    pub scram: bool,
    /// Whether logins by WAMP-CRA are taken, and keys kept of passwords that are as good as them.
    pub wampcra: bool,
    /// Whether logins by public key are taken.
    pub cryptosign: bool,
    /// How SCRAM derives keys from passwords.
    pub scram_kdf: ScramKdf,
    /// Its iterations; `None`: as the function's default.
    pub scram_iterations: Option<u32>,
    /// The memory of Argon2id in KiB.
    pub scram_memory_kib: u32,
    /// Rounds of PBKDF2 for WAMP-CRA.
    pub wampcra_iterations: u32,
    /// How long a session is elevated once its user has shown a credential.
    pub elevation_seconds: u64,
    /// Cookies of browsers.
    pub cookie: CookieConfig,
}

/// How SCRAM derives keys from passwords.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScramKdf {
    /// Argon2id, version 1.3.
    Argon2id13,
    /// PBKDF2 with HMAC-SHA-256.
    Pbkdf2,
}

impl Default for AuthConfig {
    fn default() -> Self {
        Self {
            anonymous: false,
            ticket: true,
            scram: true,
            wampcra: false,
            cryptosign: true,
            scram_kdf: ScramKdf::Argon2id13,
            scram_iterations: None,
            scram_memory_kib: Kdf::ARGON2_MEMORY_KIB_DEFAULT,
            wampcra_iterations: wampcra::ITERATIONS_DEFAULT,
            elevation_seconds: 120,
            cookie: CookieConfig::default(),
        }
    }
}

impl AuthConfig {
    /// Which secrets are kept of a password, beside its hash.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for costs out of range.
    pub fn secrets(&self) -> Result<SecretSettings, ConfigError> {
        let kdf = match self.scram_kdf {
            ScramKdf::Argon2id13 => {
                let iterations = self.scram_iterations.unwrap_or(Kdf::ARGON2_ITERATIONS_DEFAULT);
                Kdf::argon2id13(iterations, self.scram_memory_kib)
            }
            ScramKdf::Pbkdf2 => Kdf::pbkdf2(self.scram_iterations.unwrap_or(Kdf::PBKDF2_ITERATIONS_DEFAULT)),
        };
        let bad = |error: KdfError| ConfigError::Value { name: "auth.scram_kdf", problem: error.to_string() };
        let kdf = kdf.map_err(bad)?;
        if !(wampcra::ITERATIONS_MIN..=wampcra::ITERATIONS_MAX).contains(&self.wampcra_iterations) {
            let problem = format!("has to be from {} to {}", wampcra::ITERATIONS_MIN, wampcra::ITERATIONS_MAX);
            return Err(ConfigError::Value { name: "auth.wampcra_iterations", problem });
        }
        Ok(SecretSettings {
            scram: self.scram.then_some(kdf),
            wampcra_iterations: self.wampcra.then_some(self.wampcra_iterations),
        })
    }
}

/// `[auth.cookie]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CookieConfig {
    /// Whether a login by password leaves a cookie that opens further sessions.
    pub enabled: bool,
    /// How long it does.
    pub max_age_seconds: u64,
    /// The cookie's name.
    pub name: String,
    /// Pages from which it counts, besides those of the server's own host, as
    /// `https://app.example.com`.
    pub origins: Vec<String>,
}

impl Default for CookieConfig {
    fn default() -> Self {
        Self { enabled: false, max_age_seconds: 7 * 24 * 3_600, name: "countersign".into(), origins: Vec::new() }
    }
}

impl CookieConfig {
    /// Characters that a name can have besides letters and digits (RFC 6265, section 4.1.1).
    const NAME_SIGNS: &str = "!#$%&'*+-.^_`|~";

    fn check(&self) -> Result<(), ConfigError> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || Self::NAME_SIGNS.contains(c);
        if self.name.is_empty() || !self.name.chars().all(is_token) {
            let problem = "has letters, digits and signs such as - and _ only".into();
            return Err(ConfigError::Value { name: "auth.cookie.name", problem });
        }
        match self.origins.iter().find(|origin| parse_origin(origin).is_none()) {
            None => Ok(()),
            Some(origin) => {
                let problem = format!("{origin:?} is no origin; give scheme and host, as https://app.example.com");
                Err(ConfigError::Value { name: "auth.cookie.origins", problem })
            }
        }
    }
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
    /// Networks or single addresses that are not slowed, as `10.0.0.0/8` or `10.0.0.1`.
    pub exempt: Networks,
    /// Failures that one address may have at once before it waits.
    pub address_failures_max: Option<u32>,
    /// Failures that one address may have at one account before it waits.
    pub pair_failures_max: Option<u32>,
    /// Seconds in which one failure is forgotten.
    pub forget_seconds: Option<u64>,
    /// Longest wait.
    pub delay_seconds_max: Option<u64>,
}

/// `[proxies]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxiesConfig {
    /// Networks or single addresses of proxies that are believed whom they speak for.
    pub trusted: Networks,
    /// Whether they say it by a header of the PROXY protocol; otherwise by `X-Forwarded-For`.
    pub proxy_protocol: bool,
}

/// `[tls]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Certificate chain, PEM; `None`: a self-signed one for development.
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    pub key: Option<PathBuf>,
    /// Authorities whose certificates clients may log in with, PEM; `None`: clients aren't asked
    /// for one.
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is turned away.
    pub client_required: bool,
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Origins whose pages may use long-poll and the bridge, as `https://app.example`.
    pub origins: Vec<String>,
    /// Longest time for a request of the bridge, from its login on.
    pub call_seconds_max: u64,
    /// Long-poll transports that are open at the same time.
    pub longpoll_transports_max: usize,
    /// Longest wait of a long-poll request for a message.
    pub longpoll_receive_seconds_max: u64,
    /// Time without a request after which a long-poll transport is lost.
    pub longpoll_idle_seconds_max: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            call_seconds_max: 60,
            longpoll_transports_max: 10_000,
            // Browsers' clients give a request 12 seconds.
            longpoll_receive_seconds_max: 10,
            longpoll_idle_seconds_max: 30,
        }
    }
}

/// `[metrics]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// Networks or single addresses from which `/metrics` may be read.
    pub allow: Networks,
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self { allow: Networks::loopback() }
    }
}

/// `[limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_field_names, reason = "every limit says by its name that it is one")]
pub struct LimitsConfig {
    /// Longest message.
    pub message_bytes_max: usize,
    /// Bytes that a peer may send before it has a session.
    pub login_bytes_max: usize,
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
    /// Of these, those with a wildcard pattern.
    pub wildcards_max: usize,
    /// Unanswered calls of one session.
    pub pending_calls_max: usize,
    /// Testaments of one session.
    pub testaments_max: usize,
    /// Bytes of the testaments of one session together.
    pub testament_bytes_max: usize,
    /// Retained events of all topics together.
    pub retained_events_max: usize,
    /// Bytes of all retained events together.
    pub retained_bytes_max: usize,
    /// Bytes of one answer about past events.
    pub history_answer_bytes_max: usize,
    /// Past events that wait to be stored.
    pub history_queue_events_max: usize,
    /// Bytes of these together.
    pub history_queue_bytes_max: usize,
    /// From connecting to WELCOME.
    pub hello_seconds_max: u64,
    /// Longest time that writing one batch may take; a peer that takes nothing is cut off then.
    pub write_seconds_max: u64,
    /// Connections of one address that are not signed in yet.
    pub unauthenticated_connections_max: usize,
    /// Login attempts on one connection.
    pub login_attempts_max: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            message_bytes_max: 16 * 1024 * 1024,
            login_bytes_max: 64 * 1024,
            message_depth_max: 128,
            uri_bytes_max: UriRules::BYTES_MAX_DEFAULT,
            outbound_messages_max: 16_384,
            outbound_bytes_max: 64 * 1024 * 1024,
            subscriptions_and_registrations_max: 10_000,
            wildcards_max: RealmSettings::WILDCARDS_MAX_DEFAULT,
            pending_calls_max: 4_096,
            testaments_max: RealmSettings::TESTAMENTS_MAX_DEFAULT,
            testament_bytes_max: RealmSettings::TESTAMENT_BYTES_MAX_DEFAULT,
            retained_events_max: RealmSettings::RETAINED_EVENTS_MAX_DEFAULT,
            retained_bytes_max: RealmSettings::RETAINED_BYTES_MAX_DEFAULT,
            history_answer_bytes_max: RealmSettings::HISTORY_ANSWER_BYTES_MAX_DEFAULT,
            history_queue_events_max: 10_000,
            history_queue_bytes_max: 64 * 1024 * 1024,
            hello_seconds_max: 10,
            write_seconds_max: 120,
            unauthenticated_connections_max: 256,
            login_attempts_max: 3,
        }
    }
}

/// Why the configuration can't be used. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file can't be read.
    #[error("can't read the configuration file {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML, has an unknown key or a value of the wrong kind.
    #[error("the configuration file {path} can't be used")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: toml::de::Error,
    },
    /// A text is not TOML, has an unknown key or a value of the wrong kind.
    #[error(transparent)]
    Text(toml::de::Error),
    /// A key of Zato SSO that means nothing here.
    #[error("there is no setting {key}: {reason}")]
    Dead {
        /// The key.
        key: String,
        /// Why.
        reason: String,
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
        Self::parse(&text).map_err(|error| match error {
            ConfigError::Text(source) => ConfigError::Parse { path: path.to_owned(), source },
            other => other,
        })
    }

    fn parse(text: &str) -> Result<Self, ConfigError> {
        let file: toml::Table = text.parse().map_err(ConfigError::Text)?;
        dead::check(&file)?;
        let config: Self = toml::from_str(text).map_err(ConfigError::Text)?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let bad = |name, problem: String| Err(ConfigError::Value { name, problem });
        if let Err(error) = Uri::parse(&self.realm.name, UriRules::default()) {
            return bad("realm.name", error.to_string());
        }
        // Patterns of shipped rules start with it, so nothing in it may mean something there.
        if let Err(error) = Uri::parse(&self.realm.uri_prefix, UriRules { strict: true, ..UriRules::default() }) {
            return bad("realm.uri_prefix", error.to_string());
        }
        check_counts(self.counts())?;
        if self.tls.certificate.is_some() != self.tls.key.is_some() {
            return bad("tls", "certificate and key belong together: give both or neither".into());
        }
        if self.tls.client_required && self.tls.client_ca.is_none() {
            return bad("tls.client_required", "means nothing without tls.client_ca".into());
        }
        if self.proxies.proxy_protocol && self.proxies.trusted.is_empty() {
            return bad("proxies.proxy_protocol", "means nothing without proxies.trusted".into());
        }
        if let Some(origin) = self.http.origins.iter().find(|origin| !is_origin(origin)) {
            return bad("http.origins", format!("{origin:?} is no origin, as \"https://app.example\" is one"));
        }
        if self.otp.lifetime_seconds > self.otp.lifetime_seconds_max {
            return bad("otp.lifetime_seconds", "is longer than otp.lifetime_seconds_max".into());
        }
        self.websocket.check()?;
        self.check_sign_on()?;
        self.mail.check()?;
        self.metadata.check()?;
        self.rosters.check()?;
        self.password_reset.check()?;
        self.check_sign_up()?;
        self.totp.factor(&self.compat.zato)?;
        self.audit.check()?;
        self.uris.check()?;
        self.password.check()?;
        if let Some(ldap) = &self.ldap {
            ldap.check()?;
        }
        self.test.check()?;
        self.auth.secrets()?;
        self.auth.cookie.check()?;
        realm_settings(self)?;
        self.zone().map(|_| ())
    }

    /// What has to be a number from 1 to a highest one. Limits of what can be done without are not among them: there 0 says
    /// that there is to be none of it, as of testaments and retained events.
    fn counts(&self) -> [(&'static str, u64, u64); 33] {
        let (otp, limits, throttle, password) = (&self.otp, &self.limits, &self.throttle, &self.password);
        let (http, signup) = (&self.http, &self.signup);
        let message_bytes_max = count(FrameLimit::LARGEST.bytes());
        [
            ("otp.lifetime_seconds", otp.lifetime_seconds, SECONDS_MAX),
            ("otp.lifetime_seconds_max", otp.lifetime_seconds_max, SECONDS_MAX),
            ("otp.live_max", otp.live_max.into(), COUNT_MAX),
            ("apikey.lifetime_seconds_max", self.apikey.lifetime_seconds_max, SECONDS_MAX),
            ("apikey.live_max", self.apikey.live_max.into(), COUNT_MAX),
            ("otp.session_seconds_max", otp.session_seconds_max, SECONDS_MAX),
            ("auth.elevation_seconds", self.auth.elevation_seconds, SECONDS_MAX),
            ("auth.cookie.max_age_seconds", self.auth.cookie.max_age_seconds, SECONDS_MAX),
            ("throttle.address_failures_max", throttle.address_failures_max.unwrap_or(1).into(), COUNT_MAX),
            ("throttle.pair_failures_max", throttle.pair_failures_max.unwrap_or(1).into(), COUNT_MAX),
            ("throttle.forget_seconds", throttle.forget_seconds.unwrap_or(1), SECONDS_MAX),
            ("password.workers", count(password.workers.unwrap_or(1)), COUNT_MAX),
            ("password.queue_max", count(password.queue_max.unwrap_or(1)), COUNT_MAX),
            ("password.queue_seconds_max", password.queue_seconds_max.unwrap_or(1), SECONDS_MAX),
            ("storage.connections_max", count(self.storage.connections_max.unwrap_or(1)), COUNT_MAX),
            ("http.call_seconds_max", http.call_seconds_max, SECONDS_MAX),
            ("http.longpoll_transports_max", count(http.longpoll_transports_max), COUNT_MAX),
            ("http.longpoll_receive_seconds_max", http.longpoll_receive_seconds_max, SECONDS_MAX),
            ("http.longpoll_idle_seconds_max", http.longpoll_idle_seconds_max, SECONDS_MAX),
            ("limits.message_bytes_max", count(limits.message_bytes_max), message_bytes_max),
            ("limits.login_bytes_max", count(limits.login_bytes_max), message_bytes_max),
            ("limits.message_depth_max", count(limits.message_depth_max), count(DecodeLimits::DEPTH_MAX_CEILING)),
            ("limits.uri_bytes_max", count(limits.uri_bytes_max), URI_BYTES_MAX),
            ("limits.outbound_messages_max", count(limits.outbound_messages_max), COUNT_MAX),
            ("limits.outbound_bytes_max", count(limits.outbound_bytes_max), u64::MAX),
            (
                "limits.subscriptions_and_registrations_max",
                count(limits.subscriptions_and_registrations_max),
                COUNT_MAX,
            ),
            ("limits.pending_calls_max", count(limits.pending_calls_max), COUNT_MAX),
            ("limits.hello_seconds_max", limits.hello_seconds_max, SECONDS_MAX),
            ("limits.write_seconds_max", limits.write_seconds_max, SECONDS_MAX),
            ("limits.unauthenticated_connections_max", count(limits.unauthenticated_connections_max), COUNT_MAX),
            ("limits.login_attempts_max", limits.login_attempts_max.into(), COUNT_MAX),
            ("signup.max_length_username", count(signup.max_length_username), COUNT_MAX),
            ("signup.max_length_email", count(signup.max_length_email), COUNT_MAX),
        ]
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

    /// What the identity rules need to know. `node`: which of the servers on the database this one is.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for an unknown zone.
    pub fn identity(&self, pepper: Pepper, node: NodeId) -> Result<IdentitySettings, ConfigError> {
        Ok(IdentitySettings {
            pepper,
            otp_lifetimes: Lifetimes {
                default: Some(Duration::from_secs(self.otp.lifetime_seconds)),
                longest: Duration::from_secs(self.otp.lifetime_seconds_max),
                zone: self.zone()?,
            },
            otps_live_max: self.otp.live_max,
            api_key_lifetimes: Lifetimes {
                default: None,
                longest: Duration::from_secs(self.apikey.lifetime_seconds_max),
                zone: self.zone()?,
            },
            api_keys_live_max: self.apikey.live_max,
            spent_kept: Duration::from_secs(self.otp.spent_kept_seconds),
            passwords: self.password.rules(),
            secrets: self.auth.secrets()?,
            sign_on: self.sign_on()?,
            denials: KeySessionDenials::new(&self.realm.uri_prefix),
            metadata: self.metadata.limits(),
            rosters: self.rosters.limits(),
            node,
            uri_records_max: self.uris.records_max,
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

/// Whether this is how a browser names an origin: scheme, host, perhaps a port, and no more.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<axum::http::Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    text == format!("{scheme}://{authority}") && text == text.to_lowercase() && !text.contains(['@', '*'])
}

#[cfg(test)]
mod tests;
