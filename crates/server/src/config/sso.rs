//! Settings of the sign-on API, under the tables and keys that Zato SSO has for them.
//!
//! Source: contract of the sign-on API, section 6.1. What has no meaning here is refused by name, see `dead.rs`.
//! `[sessions]` and `role` are ours.

use std::time::Duration;

use countersign_identity::sign_on::{SignOnSettings, UserSettings};
use serde::Deserialize;

use super::{COUNT_MAX, Config, ConfigError, SECONDS_MAX};

/// Seconds of a minute.
const MINUTE_SECONDS: f64 = 60.0;
/// Longest life that can be set, in minutes: ten years.
const MINUTES_MAX: f64 = 10.0 * 365.0 * 24.0 * 60.0;

/// `[main]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MainConfig {
    /// Whether e-mail addresses are sealed.
    pub encrypt_email: bool,
    /// How mails call the place to which a user belongs; empty: "site".
    pub site_name: String,
}

impl Default for MainConfig {
    fn default() -> Self {
        Self { encrypt_email: true, site_name: String::new() }
    }
}

impl MainConfig {
    /// How mails call the place to which a user belongs.
    pub fn site_name(&self) -> &str {
        if self.site_name.is_empty() { "site" } else { &self.site_name }
    }
}

/// `[apps]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppsConfig {
    /// The applications that may ask anything at all, by the names that they give as `current_app`.
    pub all: Vec<String>,
    /// Those of them in which users may log in; `None`: all.
    pub login_allowed: Option<Vec<String>>,
    /// Those of them in which one may sign up. None: nobody signs up.
    pub signup_allowed: Vec<String>,
    /// Whether others are told that it is the application that isn't known.
    pub inform_if_app_invalid: bool,
}

impl Default for AppsConfig {
    fn default() -> Self {
        Self {
            all: vec!["CRM".to_owned()],
            login_allowed: None,
            signup_allowed: Vec::new(),
            inform_if_app_invalid: true,
        }
    }
}

impl AppsConfig {
    /// The applications in which users may log in.
    pub fn login_allowed(&self) -> &[String] {
        self.login_allowed.as_deref().unwrap_or(&self.all)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let lists = [("apps.login_allowed", self.login_allowed()), ("apps.signup_allowed", &self.signup_allowed)];
        for (name, apps) in lists {
            if let Some(app) = apps.iter().find(|app| !self.all.contains(app)) {
                return Err(ConfigError::Value { name, problem: format!("{app:?} is not one of apps.all") });
            }
        }
        Ok(())
    }
}

/// `[login]`: what whoever can't log in is told beside "not allowed". Nothing, unless set: it would tell strangers who is
/// a user here. Whoever hears of a missing code has shown the password.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each case")]
pub struct LoginConfig {
    /// Whether users may log in only where `[user_address_list]` has them.
    pub reject_if_not_listed: bool,
    /// That the user is locked.
    pub inform_if_locked: bool,
    /// That the sign-up is not confirmed.
    pub inform_if_not_confirmed: bool,
    /// That the user is not approved.
    pub inform_if_not_approved: bool,
    /// That a code is missing.
    pub inform_if_totp_missing: bool,
}

impl Default for LoginConfig {
    fn default() -> Self {
        Self {
            reject_if_not_listed: false,
            inform_if_locked: false,
            inform_if_not_confirmed: false,
            inform_if_not_approved: false,
            inform_if_totp_missing: true,
        }
    }
}

/// `[session]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionConfig {
    /// How long a session lives without being renewed, in minutes; parts of a minute count.
    pub expiry: f64,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self { expiry: SignOnSettings::default().session.as_secs_f64() / MINUTE_SECONDS }
    }
}

/// `[sessions]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionsConfig {
    /// How long a session lives at most.
    pub seconds_max: u64,
    /// Sessions that a user may have at a time.
    pub per_user_max: u32,
    /// How fresh the check of password and code has to be for a change of one's own second factor; 0: any session will do.
    pub step_up_seconds: u64,
    /// Whether a change of the second factor ends the user's other sessions.
    pub end_on_factor_change: bool,
}

impl Default for SessionsConfig {
    fn default() -> Self {
        let rules = SignOnSettings::default();
        Self {
            seconds_max: rules.session_longest.as_secs(),
            per_user_max: rules.sessions_max,
            step_up_seconds: rules.step_up.as_secs(),
            end_on_factor_change: rules.end_on_factor_change,
        }
    }
}

/// `[search]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SearchConfig {
    /// Users on a page, where nobody asks for another number.
    pub default_page_size: u32,
    /// Users that a page may have.
    pub max_page_size: u32,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self { default_page_size: 50, max_page_size: 100 }
    }
}

impl Config {
    /// What the rules of sign-on need to know.
    pub(super) fn sign_on(&self) -> Result<SignOnSettings, ConfigError> {
        Ok(SignOnSettings {
            session: Duration::from_secs_f64(self.session.expiry * MINUTE_SECONDS),
            session_longest: Duration::from_secs(self.sessions.seconds_max),
            sessions_max: self.sessions.per_user_max,
            step_up: Duration::from_secs(self.sessions.step_up_seconds),
            end_on_factor_change: self.sessions.end_on_factor_change,
            factor: self.totp.factor(&self.compat.zato)?,
            users: UserSettings {
                role: self.signup.role()?,
                needs_approval: self.signup.is_approval_needed,
                seals_email: self.main.encrypt_email,
            },
        })
    }

    pub(super) fn check_sign_on(&self) -> Result<(), ConfigError> {
        let counts = [
            ("sessions.seconds_max", self.sessions.seconds_max, SECONDS_MAX),
            ("sessions.per_user_max", self.sessions.per_user_max.into(), COUNT_MAX),
            ("search.max_page_size", self.search.max_page_size.into(), 10_000),
            ("search.default_page_size", self.search.default_page_size.into(), self.search.max_page_size.into()),
        ];
        for (name, value, max) in counts {
            if !(1..=max).contains(&value) {
                return Err(ConfigError::Value { name, problem: format!("has to be from 1 to {max}") });
            }
        }
        // Not a number is out of range too.
        if !(0.01..=MINUTES_MAX).contains(&self.session.expiry) {
            let problem = "has to be from 0.01 to 5256000 minutes".to_owned();
            return Err(ConfigError::Value { name: "session.expiry", problem });
        }
        self.apps.check()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_makes_no_sense_and_names_it() {
        let check = |text: &str, name: &str| {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        };
        check("[session]\nexpiry = 0", "session.expiry");
        check("[session]\nexpiry = nan", "session.expiry");
        check("[session]\nexpiry = 1e300", "session.expiry");
        check("[sessions]\nper_user_max = 0", "sessions.per_user_max");
        check("[apps]\nlogin_allowed = ['ERP']", "ERP");
        check("[search]\ndefault_page_size = 101", "search.default_page_size");
    }

    #[test]
    fn the_tables_have_the_names_and_defaults_of_the_contract() {
        let defaults = Config::parse("").unwrap();
        let text = "[main]\nencrypt_email = true\n[apps]\nall = ['CRM']\nlogin_allowed = ['CRM']\n\
            inform_if_app_invalid = true\n[login]\ninform_if_totp_missing = true\n[session]\nexpiry = 60\n\
            [signup]\nis_approval_needed = true\n[search]\ndefault_page_size = 50\nmax_page_size = 100\n\
            [password]\nexpiry = 730\ninform_if_expired = false\ninform_if_about_to_expire = true\n\
            inform_if_must_be_changed = true\ninform_if_invalid = true\nabout_to_expire_threshold = 30\n\
            log_in_if_about_to_expire = true\nmin_length = 8\nmax_length = 256";
        let given = Config::parse(text).unwrap();
        assert_eq!(given.sign_on().unwrap(), defaults.sign_on().unwrap());
        assert_eq!(given.password.rules(), defaults.password.rules());
        assert_eq!(given.apps.login_allowed(), defaults.apps.login_allowed());
        assert_eq!(defaults.sign_on().unwrap(), SignOnSettings::default());
        assert!(!defaults.login.inform_if_locked && !defaults.login.inform_if_not_approved);
    }
}
