//! Settings of the sign-on API.

use std::time::Duration;

use countersign_identity::sign_on::{FactorSettings, SignOnSettings};
use serde::Deserialize;

use super::{COUNT_MAX, ConfigError, SECONDS_MAX};

/// `[sso]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SsoConfig {
    /// The applications that may ask anything at all, by the names that they give as `current_app`.
    pub apps: Vec<String>,
    /// Those of them in which users may log in; `None`: all.
    pub login_apps: Option<Vec<String>>,
    /// Those of them in which one may sign up. None: nobody signs up.
    pub signup_apps: Vec<String>,
    /// How long a session lives without being renewed.
    pub session_seconds: u64,
    /// How long a session lives at most.
    pub session_seconds_max: u64,
    /// Sessions that a user may have at a time.
    pub sessions_max: u32,
    /// How fresh the check of password and code has to be for a change of one's own second factor; 0: any session will do.
    pub step_up_seconds: u64,
    /// Whether a change of the second factor ends the user's other sessions.
    pub end_on_factor_change: bool,
}

impl Default for SsoConfig {
    fn default() -> Self {
        let rules = SignOnSettings::default();
        Self {
            apps: vec!["CRM".to_owned()],
            login_apps: None,
            signup_apps: Vec::new(),
            session_seconds: rules.session.as_secs(),
            session_seconds_max: rules.session_longest.as_secs(),
            sessions_max: rules.sessions_max,
            step_up_seconds: rules.step_up.as_secs(),
            end_on_factor_change: rules.end_on_factor_change,
        }
    }
}

impl SsoConfig {
    /// The applications in which users may log in.
    pub fn login_apps(&self) -> &[String] {
        self.login_apps.as_deref().unwrap_or(&self.apps)
    }

    /// What the rules need to know.
    pub(super) fn sign_on(&self, factor: FactorSettings) -> SignOnSettings {
        SignOnSettings {
            session: Duration::from_secs(self.session_seconds),
            session_longest: Duration::from_secs(self.session_seconds_max),
            sessions_max: self.sessions_max,
            step_up: Duration::from_secs(self.step_up_seconds),
            end_on_factor_change: self.end_on_factor_change,
            factor,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let counts = [
            ("sso.session_seconds", self.session_seconds, SECONDS_MAX),
            ("sso.session_seconds_max", self.session_seconds_max, SECONDS_MAX),
            ("sso.sessions_max", self.sessions_max.into(), COUNT_MAX),
        ];
        for (name, value, max) in counts {
            if !(1..=max).contains(&value) {
                return Err(ConfigError::Value { name, problem: format!("has to be from 1 to {max}") });
            }
        }
        let unknown = self.login_apps().iter().find(|app| !self.apps.contains(app));
        match unknown {
            Some(app) => {
                let problem = format!("{app:?} is not one of sso.apps");
                Err(ConfigError::Value { name: "sso.login_apps", problem })
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_makes_no_sense_and_names_it() {
        let check = |text: &str, name: &str| {
            let config: SsoConfig = toml::from_str(text).unwrap();
            assert!(config.check().unwrap_err().to_string().contains(name), "{text}");
        };
        check("session_seconds = 0", "sso.session_seconds");
        check("sessions_max = 0", "sso.sessions_max");
        check("login_apps = ['ERP']", "ERP");
        assert!(SsoConfig::default().check().is_ok());
    }
}
