//! Settings of a directory (LDAP): where it is, how it is asked, and what becomes of its users.
//!
//! The names of the keys are those of the contract of the bus, section 6.3, as far as they are there.

use std::fmt;
use std::path::PathBuf;

use countersign_identity::Secret;
use countersign_identity::role::RoleName;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::counts::{check_counts, count};
use super::{COUNT_MAX, ConfigError, SECONDS_MAX};
use crate::directory::{LoginTemplate, is_filter};

/// Most entries that can be asked for at once: what a message of LDAP can carry.
const PAGE_ENTRIES_MAX: u64 = 100_000;

/// `[ldap]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each case")]
pub struct LdapConfig {
    /// The servers, which hold the same; one table or a list of them.
    #[serde(deserialize_with = "one_or_more")]
    pub server: Vec<LdapServerConfig>,
    /// Whether connections begin in the clear and have to change over to TLS (RFC 4511, section 4.14).
    pub starttls: bool,
    /// Authorities that vouch for the servers, PEM, in the place of the system's.
    pub ca: Option<PathBuf>,
    /// Whether passwords may go to other machines without TLS, for everybody on the way to read.
    pub plaintext_passwords: bool,
    /// As whom a user binds, as `{}@example.com` or `uid={},ou=people,dc=example,dc=com`; `None`: the user's entry is
    /// looked up by `login_attribute`.
    pub login_template: Option<String>,
    /// The attribute that holds the login name.
    pub login_attribute: String,
    /// As whom searches are made; `None`: as nobody.
    pub db_login: Option<String>,
    /// The password to it.
    #[serde(deserialize_with = "secret")]
    pub db_password: Option<Secret>,
    /// The file whose first line is the password.
    pub db_password_file: Option<PathBuf>,
    /// Below which everything is searched for.
    pub basedn: String,
    /// Below which users are searched for; `None`: `basedn`.
    pub user_base: Option<String>,
    /// Which entries are users (RFC 4515).
    pub user_filter: String,
    /// Below which groups are searched for; `None`: `basedn`.
    pub group_base: Option<String>,
    /// Which entries are groups.
    pub group_filter: String,
    /// The role of new users.
    pub role: String,
    /// At which minute of each hour users are brought over; `None`: never by itself.
    #[serde(deserialize_with = "minute")]
    pub sync_minute: Option<u8>,
    /// Whether users are brought over when the server starts.
    pub sync_at_start: bool,
    /// Whether users are locked who are not in the directory any more.
    pub disable_missing: bool,
    /// Attributes that listings show, `*` for all.
    pub listing_attributes: Vec<String>,
    /// How old a listing may be.
    pub listing_seconds_max: u64,
    /// Bytes of a listing, about.
    pub listing_bytes_max: usize,
    /// Longest time to connect to a server.
    pub connect_seconds_max: u64,
    /// Longest wait for a login, or for the first answer to a search.
    pub answer_seconds_max: u64,
    /// Longest time for a whole search.
    pub search_seconds_max: u64,
    /// How long a server is left alone that didn't answer.
    pub retry_seconds: u64,
    /// Connections at a time, to all servers together.
    pub connections_max: usize,
    /// Logins and searches that wait for a connection.
    pub queue_max: usize,
    /// Longest wait for a connection.
    pub queue_seconds_max: u64,
    /// Entries that are asked for at once.
    pub page_entries: u32,
    /// Entries of a search.
    pub entries_max: usize,
    /// Bytes of all entries of a search.
    pub search_bytes_max: usize,
}

/// One server of `[ldap]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapServerConfig {
    /// Its name, for which its certificate has to be, or address.
    pub host: String,
    /// Its port; `None`: 636 with `use_ssl`, else 389.
    pub port: Option<u16>,
    /// TLS from the first byte.
    #[serde(default)]
    pub use_ssl: bool,
}

impl Default for LdapConfig {
    fn default() -> Self {
        Self {
            server: Vec::new(),
            starttls: false,
            ca: None,
            plaintext_passwords: false,
            login_template: None,
            login_attribute: "sAMAccountName".into(),
            db_login: None,
            db_password: None,
            db_password_file: None,
            basedn: String::new(),
            user_base: None,
            user_filter: "(&(objectCategory=person)(objectClass=user))".into(),
            group_base: None,
            group_filter: "(objectClass=group)".into(),
            role: RoleName::FRONTEND.into(),
            sync_minute: Some(30),
            sync_at_start: false,
            disable_missing: false,
            listing_attributes: vec!["*".into()],
            listing_seconds_max: 30,
            listing_bytes_max: 8 * 1024 * 1024,
            connect_seconds_max: 3,
            answer_seconds_max: 5,
            search_seconds_max: 60,
            retry_seconds: 10,
            connections_max: 16,
            queue_max: 256,
            queue_seconds_max: 2,
            page_entries: 500,
            entries_max: 100_000,
            search_bytes_max: 256 * 1024 * 1024,
        }
    }
}

/// One table, or a list of tables. By hand, so that a wrong key in it is named.
fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LdapServerConfig>, D::Error> {
    let list = match toml::Value::deserialize(deserializer)? {
        toml::Value::Array(list) => list,
        one => vec![one],
    };
    list.into_iter().map(|one| one.try_into().map_err(D::Error::custom)).collect()
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Some(Secret::new(String::deserialize(deserializer)?)))
}

/// A minute of an hour, or `false`.
fn minute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    match toml::Value::deserialize(deserializer)? {
        toml::Value::Boolean(false) => Ok(None),
        toml::Value::Integer(minute @ 0..60) => Ok(u8::try_from(minute).ok()),
        _ => Err(D::Error::custom("sync_minute has to be from 0 to 59, or false")),
    }
}

fn bad<T>(name: &'static str, problem: impl fmt::Display) -> Result<T, ConfigError> {
    Err(ConfigError::Value { name, problem: problem.to_string() })
}

impl LdapServerConfig {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.use_ssl { 636 } else { 389 })
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        let scheme = if self.use_ssl { "ldaps" } else { "ldap" };
        let host = self.host.trim_matches(['[', ']']);
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        format!("{scheme}://{host}:{}", self.port())
    }

    /// Whether the server is this machine, so that what goes to it can't be read on the way.
    fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    fn check(&self) -> Result<(), ConfigError> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
        if self.host.is_empty() || !self.host.chars().all(is_plain) {
            return bad("ldap.server", format!("host {:?} has to be a name or an address", self.host));
        }
        if self.port == Some(0) {
            return bad("ldap.server", "port has to be from 1 to 65535");
        }
        Ok(())
    }
}

impl LdapConfig {
    /// Below which users are searched for.
    pub fn user_base(&self) -> &str {
        self.user_base.as_deref().unwrap_or(&self.basedn)
    }

    /// Below which groups are searched for.
    pub fn group_base(&self) -> &str {
        self.group_base.as_deref().unwrap_or(&self.basedn)
    }

    /// As whom a user binds.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a template that can't be used.
    pub fn template(&self) -> Result<Option<LoginTemplate>, ConfigError> {
        match self.login_template.as_deref().map(LoginTemplate::parse).transpose() {
            Ok(template) => Ok(template),
            Err(error) => bad("ldap.login_template", error),
        }
    }

    /// The role of new users.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for what is no role, or one that may do everything.
    pub fn role(&self) -> Result<RoleName, ConfigError> {
        match RoleName::parse(&self.role) {
            Ok(role) if role.is_trust() => bad("ldap.role", "may not be trust: give that to single users"),
            Ok(role) => Ok(role),
            Err(error) => bad("ldap.role", error),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.role()?;
        if self.server.is_empty() {
            return bad("ldap.server", "is missing: give host, and port and use_ssl where they are not the usual ones");
        }
        for server in &self.server {
            server.check()?;
            if self.starttls && server.use_ssl {
                return bad(
                    "ldap.starttls",
                    format!("means nothing for {}, which has TLS from the first byte", server.host),
                );
            }
            let is_open = !self.starttls && !server.use_ssl && !server.is_loopback();
            if is_open && !self.plaintext_passwords {
                let problem = format!(
                    "{} would get passwords for everybody to read: set use_ssl or ldap.starttls, or, if you know \
                     better, ldap.plaintext_passwords",
                    server.host
                );
                return bad("ldap.server", problem);
            }
        }
        self.template()?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        if self.login_attribute.is_empty() || !self.login_attribute.chars().all(is_name) {
            return bad("ldap.login_attribute", "has to be the name of an attribute");
        }
        match (
            self.db_login.as_deref(),
            usize::from(self.db_password.is_some()) + usize::from(self.db_password_file.is_some()),
        ) {
            (None, 0) => {}
            (None, _) => return bad("ldap.db_login", "is missing: there is a password"),
            (Some(""), _) => return bad("ldap.db_login", "is empty: leave it out to search as nobody"),
            (Some(_), 1) => {}
            (Some(_), _) => return bad("ldap.db_login", "needs one of ldap.db_password and ldap.db_password_file"),
        }
        // A login without a password is no login (RFC 4513, section 5.1.2).
        if self.db_password.as_ref().is_some_and(|password| password.expose().is_empty()) {
            return bad("ldap.db_password", "is empty");
        }
        if self.basedn.is_empty() && (self.user_base.is_none() || self.group_base.is_none()) {
            return bad("ldap.basedn", "is missing");
        }
        for (name, filter) in [("ldap.user_filter", &self.user_filter), ("ldap.group_filter", &self.group_filter)] {
            if !is_filter(filter) {
                return bad(name, format!("{filter:?} is no filter; one begins and ends with parentheses"));
            }
        }
        self.check_counts()
    }

    fn check_counts(&self) -> Result<(), ConfigError> {
        check_counts([
            ("ldap.listing_bytes_max", count(self.listing_bytes_max), u64::MAX),
            ("ldap.connect_seconds_max", self.connect_seconds_max, SECONDS_MAX),
            ("ldap.answer_seconds_max", self.answer_seconds_max, SECONDS_MAX),
            ("ldap.search_seconds_max", self.search_seconds_max, SECONDS_MAX),
            ("ldap.retry_seconds", self.retry_seconds, SECONDS_MAX),
            ("ldap.connections_max", count(self.connections_max), COUNT_MAX),
            ("ldap.queue_max", count(self.queue_max), COUNT_MAX),
            ("ldap.queue_seconds_max", self.queue_seconds_max, SECONDS_MAX),
            ("ldap.page_entries", self.page_entries.into(), PAGE_ENTRIES_MAX),
            ("ldap.entries_max", count(self.entries_max), COUNT_MAX),
            ("ldap.search_bytes_max", count(self.search_bytes_max), u64::MAX),
        ])?;
        if self.listing_seconds_max > SECONDS_MAX {
            return bad("ldap.listing_seconds_max", format!("has to be from 0 to {SECONDS_MAX}"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const REST: &str = "basedn = 'dc=example,dc=com'\nserver = { host = 'localhost' }\n";

    fn parse(text: &str) -> Result<LdapConfig, String> {
        let error = |error: ConfigError| {
            std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)
        };
        Ok(Config::parse(&format!("[ldap]\n{text}")).map_err(error)?.ldap.unwrap())
    }

    #[test]
    fn there_is_none_unless_it_is_set() {
        assert!(Config::parse("").unwrap().ldap.is_none());
    }

    #[test]
    fn takes_one_server_or_a_list() {
        let one = parse(REST).unwrap();
        assert_eq!(one.server.iter().map(LdapServerConfig::url).collect::<Vec<_>>(), ["ldap://localhost:389"]);
        let list = "basedn = 'dc=x'\nserver = [{ host = 'a.example', use_ssl = true }, \
                    { host = '::1', port = 3389 }, { host = 'b.example', port = 1636, use_ssl = true }]";
        let urls: Vec<String> = parse(list).unwrap().server.iter().map(LdapServerConfig::url).collect();
        assert_eq!(urls, ["ldaps://a.example:636", "ldap://[::1]:3389", "ldaps://b.example:1636"]);
    }

    #[test]
    fn refuses_what_makes_no_sense_and_names_it() {
        let check = |text: &str, name: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(name), "{text}: {error}");
        };
        check("", "ldap.server");
        check("server = []", "ldap.server");
        check("server = { host = '' }", "ldap.server");
        check("server = { host = 'file://users.yaml' }", "ldap.server");
        check("server = { host = 'a', hots = 'b' }", "hots");
        check("server = [{ port = 1 }]", "host");
        check("server = { host = 'localhost' }", "ldap.basedn");
        check("server = { host = 'ad.example.com' }\nbasedn = 'dc=x'", "ldap.plaintext_passwords");
        check("server = { host = 'a', use_ssl = true }\nstarttls = true\nbasedn = 'dc=x'", "ldap.starttls");
        for (line, name) in [
            ("user_filtre = '(a=b)'", "user_filtre"),
            ("login_template = 'uid=x'", "ldap.login_template"),
            ("login_attribute = 'a=b'", "ldap.login_attribute"),
            ("db_login = 'cn=x'", "ldap.db_login"),
            ("db_login = ''\ndb_password = 'p'", "ldap.db_login"),
            ("db_password = 'p'", "ldap.db_login"),
            ("db_login = 'cn=x'\ndb_password = ''", "ldap.db_password"),
            ("db_login = 'cn=x'\ndb_password = 'p'\ndb_password_file = 'f'", "ldap.db_login"),
            ("user_filter = 'objectClass=user'", "ldap.user_filter"),
            ("group_filter = '(a=b'", "ldap.group_filter"),
            ("role = 'trust'", "ldap.role"),
            ("role = 'a b'", "ldap.role"),
            ("sync_minute = 60", "sync_minute"),
            ("sync_minute = -1", "sync_minute"),
            ("sync_minute = true", "sync_minute"),
            ("page_entries = 0", "ldap.page_entries"),
            ("connections_max = 0", "ldap.connections_max"),
            ("retry_seconds = 0", "ldap.retry_seconds"),
            ("entries_max = 10000001", "ldap.entries_max"),
        ] {
            check(&format!("{REST}{line}"), name);
        }
    }

    #[test]
    fn users_are_brought_over_hourly_unless_told_otherwise() {
        assert_eq!(parse(REST).unwrap().sync_minute, Some(30));
        assert_eq!(parse(&format!("{REST}sync_minute = 0")).unwrap().sync_minute, Some(0));
        assert_eq!(parse(&format!("{REST}sync_minute = false")).unwrap().sync_minute, None);
    }

    #[test]
    fn the_password_is_not_printed() {
        let config = parse(&format!("{REST}db_login = 'cn=x'\ndb_password = 'sesame-7'")).unwrap();
        assert!(!format!("{config:?}").contains("sesame-7"));
        assert_eq!(config.db_password.unwrap().expose(), "sesame-7");
    }

    #[test]
    fn other_machines_are_fine_with_tls_or_knowingly_without() {
        for more in
            ["use_ssl = true }", "use_ssl = false }\nstarttls = true", "use_ssl = false }\nplaintext_passwords = true"]
        {
            let text = format!("basedn = 'dc=x'\nserver = {{ host = 'ad.example.com', {more}");
            assert!(parse(&text).is_ok(), "{text}");
        }
    }
}
