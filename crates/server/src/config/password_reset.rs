//! Settings of forgotten passwords. The names are those of the contract of the sign-on API, section 6.1.

use std::time::Duration;

use countersign_identity::sign_on::password_reset::{PasswordResetSettings, SearchBy};
use serde::Deserialize;

use super::counts::check_counts;
use super::{ConfigError, SECONDS_MAX};

/// Seconds of a minute.
const MINUTE_SECONDS: u64 = 60;

/// `[password_reset]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordResetConfig {
    /// How long a token works, in minutes.
    pub valid_for: u64,
    /// How long a password may be set after the token was shown, in seconds.
    pub password_change_session_duration: u64,
    /// By what users are found.
    pub user_search_by: UserSearchBy,
    /// The subject of mails; `None`: that of their text.
    #[serde(rename = "email_title_en_GB")]
    pub email_title: Option<String>,
    /// Their sender; `None`: that of all mails.
    pub email_from: Option<String>,
}

/// By what users are found.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserSearchBy {
    /// By login name.
    Username,
    /// By e-mail address.
    Email,
    /// By either.
    UsernameOrEmail,
}

impl Default for PasswordResetConfig {
    fn default() -> Self {
        let rules = PasswordResetSettings::default();
        Self {
            valid_for: rules.token.as_secs() / MINUTE_SECONDS,
            password_change_session_duration: rules.key.as_secs(),
            user_search_by: UserSearchBy::Username,
            email_title: None,
            email_from: None,
        }
    }
}

impl PasswordResetConfig {
    /// What the rules need to know.
    pub fn settings(&self) -> PasswordResetSettings {
        PasswordResetSettings {
            search_by: match self.user_search_by {
                UserSearchBy::Username => SearchBy::Username,
                UserSearchBy::Email => SearchBy::Email,
                UserSearchBy::UsernameOrEmail => SearchBy::UsernameOrEmail,
            },
            token: Duration::from_secs(self.valid_for.saturating_mul(MINUTE_SECONDS)),
            key: Duration::from_secs(self.password_change_session_duration),
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let duration = self.password_change_session_duration;
        check_counts([
            ("password_reset.valid_for", self.valid_for, SECONDS_MAX / MINUTE_SECONDS),
            ("password_reset.password_change_session_duration", duration, SECONDS_MAX),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<PasswordResetConfig, String> {
        let config: PasswordResetConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.check().map(|()| config).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let text = "valid_for = 1440\npassword_change_session_duration = 1800\nuser_search_by = 'username'";
        assert_eq!(parse(text).unwrap().settings(), PasswordResetSettings::default());
        assert_eq!(parse("").unwrap().settings(), PasswordResetSettings::default());
    }

    #[test]
    fn refuses_what_makes_no_sense_and_names_it() {
        for name in ["valid_for", "password_change_session_duration"] {
            assert!(parse(&format!("{name} = 0")).unwrap_err().contains(name));
        }
        assert!(parse("user_search_by = 'phone'").unwrap_err().contains("phone"));
        assert!(matches!(
            parse("user_search_by = 'username_or_email'").unwrap().settings().search_by,
            SearchBy::UsernameOrEmail
        ));
    }
}
