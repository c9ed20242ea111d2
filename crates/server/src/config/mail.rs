//! Settings of outgoing mail.

use std::path::PathBuf;

use axum::http::Uri;
use lettre::message::Mailbox;
use serde::Deserialize;

use super::counts::{check_counts, count};
use super::{COUNT_MAX, ConfigError};

/// Where mails come from unless told otherwise: enough for a folder, not for a server.
const FROM_DEFAULT: &str = "countersign@localhost";

/// `[mail]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MailConfig {
    /// The sender, as `Example <no-reply@example.com>`.
    pub from: Option<String>,
    /// A folder into which mails are written instead of being sent, for development.
    pub outbox_dir: Option<PathBuf>,
    /// The server that takes mails.
    pub smtp: Option<SmtpConfig>,
    /// Where users reach the pages to which links lead, as `https://app.example.com`.
    pub public_url: Option<String>,
    /// A folder with other texts than those that are there.
    pub templates_dir: Option<PathBuf>,
    /// Mails that wait or are being sent.
    pub queue_messages_max: usize,
    /// How often a mail is tried.
    pub attempts_max: u32,
    /// Mails that a user gets in an hour because somebody asked for them.
    pub user_mails_per_hour_max: u32,
    /// Requests for mails that an address has in an hour.
    pub address_requests_per_hour_max: u32,
    /// Wrong tokens that an address has in an hour.
    pub address_wrong_tokens_per_hour_max: u32,
}

/// `[mail.smtp]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpConfig {
    /// Its name; the certificate has to be for it.
    pub host: String,
    /// Its port; `None`: as usual for `tls`.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Authorities that vouch for the server, PEM, besides those of the system.
    pub ca: Option<PathBuf>,
    /// The name to log in with.
    pub user: Option<String>,
    /// The environment variable that holds the password.
    pub password_env: Option<String>,
    /// The file whose first line is the password.
    pub password_file: Option<PathBuf>,
}

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Begins in the clear and has to change over to TLS (RFC 3207).
    #[default]
    Starttls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// Not at all.
    None,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            from: None,
            outbox_dir: None,
            smtp: None,
            public_url: None,
            templates_dir: None,
            queue_messages_max: 1_000,
            attempts_max: 12,
            user_mails_per_hour_max: 5,
            address_requests_per_hour_max: 30,
            address_wrong_tokens_per_hour_max: 60,
        }
    }
}

fn bad<T>(name: &'static str, problem: impl Into<String>) -> Result<T, ConfigError> {
    Err(ConfigError::Value { name, problem: problem.into() })
}

/// A sender, as a setting names it.
///
/// # Errors
///
/// [`ConfigError::Value`] for what is no address.
pub fn mailbox(name: &'static str, text: &str) -> Result<Mailbox, ConfigError> {
    match text.parse() {
        Ok(_) if text.contains(char::is_control) => bad(name, "contains a control character"),
        Ok(mailbox) => Ok(mailbox),
        Err(error) => bad(name, format!("{text:?} is no address: {error}")),
    }
}

impl MailConfig {
    /// The sender.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for what is no address.
    pub fn sender(&self) -> Result<Mailbox, ConfigError> {
        mailbox("mail.from", self.from.as_deref().unwrap_or(FROM_DEFAULT))
    }

    /// The start of links, without a final slash.
    pub fn public_url(&self) -> Option<&str> {
        self.public_url.as_deref().map(|url| url.trim_end_matches('/'))
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.sender()?;
        let counts = [
            ("mail.queue_messages_max", count(self.queue_messages_max)),
            ("mail.attempts_max", self.attempts_max.into()),
            ("mail.user_mails_per_hour_max", self.user_mails_per_hour_max.into()),
            ("mail.address_requests_per_hour_max", self.address_requests_per_hour_max.into()),
            ("mail.address_wrong_tokens_per_hour_max", self.address_wrong_tokens_per_hour_max.into()),
        ];
        check_counts(counts.map(|(name, value)| (name, value, COUNT_MAX)))?;
        if let Some(url) = self.public_url().filter(|url| !is_base(url)) {
            return bad(
                "mail.public_url",
                format!("{url:?} is no address to begin a link with, as https://app.example.com"),
            );
        }
        let Some(smtp) = &self.smtp else { return Ok(()) };
        if self.outbox_dir.is_some() {
            return bad("mail.outbox_dir", "means nothing beside mail.smtp: give one of them");
        }
        if self.from.is_none() {
            return bad("mail.from", "is missing: mail.smtp needs a sender");
        }
        smtp.check()
    }
}

impl SmtpConfig {
    /// The port.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        })
    }

    /// Whether the server is this machine, so that what goes to it can't be read on the way.
    fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.host.is_empty() || self.host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return bad("mail.smtp.host", "has to be a name or an address");
        }
        let passwords = usize::from(self.password_env.is_some()) + usize::from(self.password_file.is_some());
        match (self.user.is_some(), passwords) {
            (false, 0) => Ok(()),
            (false, _) => bad("mail.smtp.user", "is missing: there is a password"),
            (true, 1) if self.tls == SmtpTls::None && !self.is_loopback() => {
                bad("mail.smtp.tls", "\"none\" would send the password for everybody to read")
            }
            (true, 1) => Ok(()),
            (true, _) => bad("mail.smtp.user", "needs one of mail.smtp.password_env and mail.smtp.password_file"),
        }
    }
}

/// Scheme, host, perhaps a port and a path, and no more.
fn is_base(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    has_scheme && uri.query().is_none() && !text.contains(['@', '#', '{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMTP: &str = "from = 'a@example.com'\n[smtp]\nhost = 'mx.example.com'\n";

    fn parse(text: &str) -> Result<MailConfig, String> {
        let config: MailConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn refuses_what_makes_no_sense_and_names_it() {
        let check = |text: &str, name: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(name), "{text}: {error}");
        };
        check("from = 'nobody'", "mail.from");
        check("from = \"a@example.com\\nBcc: b@example.com\"", "mail.from");
        check("queue_messages_max = 0", "mail.queue_messages_max");
        check("attempts_max = 0", "mail.attempts_max");
        check("user_mails_per_hour_max = 0", "mail.user_mails_per_hour_max");
        for url in ["app.example.com", "ftp://a.example", "https://u@a.example", "https://a.example/?x", "https://a/#x"]
        {
            check(&format!("public_url = '{url}'"), "mail.public_url");
        }
        check("[smtp]\nhost = 'mx.example.com'", "mail.from");
        check(&format!("outbox_dir = 'x'\n{SMTP}"), "mail.outbox_dir");
        check("from = 'a@example.com'\n[smtp]\nhost = ''", "mail.smtp.host");
        check(&format!("{SMTP}user = 'u'"), "mail.smtp.user");
        check(&format!("{SMTP}password_env = 'P'"), "mail.smtp.user");
        check(&format!("{SMTP}user = 'u'\npassword_env = 'P'\npassword_file = 'f'"), "mail.smtp.user");
        check(&format!("{SMTP}user = 'u'\npassword_env = 'P'\ntls = 'none'"), "mail.smtp.tls");
        check(&format!("{SMTP}tls = 'ssl'"), "tls");
        check(&format!("{SMTP}password = 'p'"), "password");
    }

    #[test]
    fn the_port_follows_from_how_the_connection_is_protected() {
        let check = |rest: &str, port| assert_eq!(parse(&format!("{SMTP}{rest}")).unwrap().smtp.unwrap().port(), port);
        check("", 587);
        check("tls = 'implicit'", 465);
        check("tls = 'none'", 25);
        check("port = 2525", 2525);
    }

    #[test]
    fn a_password_may_go_to_this_machine_in_the_clear() {
        for host in ["localhost", "127.0.0.1", "::1"] {
            let text = format!("from = 'a@b.c'\n[smtp]\nhost = '{host}'\ntls = 'none'\nuser = 'u'\npassword_env = 'P'");
            assert!(parse(&text).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_folder_is_enough() {
        let config = parse("outbox_dir = 'x'\npublic_url = 'https://app.example.com/id/'").unwrap();
        assert_eq!(config.sender().unwrap().to_string(), FROM_DEFAULT);
        assert_eq!(config.public_url(), Some("https://app.example.com/id"));
    }
}
