//! Settings of sign-ups. The names are those of the contract of the sign-on API, section 6.1; `role` and
//! `confirm_valid_for` are ours.

use std::time::Duration;

use countersign_identity::LoginName;
use countersign_identity::role::RoleName;
use countersign_identity::sign_on::sign_up::SignUpSettings;
use serde::Deserialize;

use super::{Config, ConfigError, SECONDS_MAX};
use crate::mail::MailAddress;

/// Seconds of a minute.
const MINUTE_SECONDS: u64 = 60;
/// The role of new users, unless set otherwise.
const ROLE: &str = "frontend";
/// What no new user's name or address may contain, unless set otherwise.
const REJECTED: [&str; 5] = ["zato", "admin", "root", "system", "sso"];

/// `[signup]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each case")]
pub struct SignupConfig {
    /// Whether a super-user has to approve of new users first.
    pub is_approval_needed: bool,
    /// The role of new users.
    pub role: String,
    /// Whether there has to be an e-mail address.
    pub is_email_required: bool,
    /// Longest login name, in characters.
    pub max_length_username: usize,
    /// Longest e-mail address, in characters.
    pub max_length_email: usize,
    /// Whether the answer has the token also where it goes by mail.
    pub always_return_confirm_token: bool,
    /// How long the token works, in minutes.
    pub confirm_valid_for: u64,
    /// Whether one is told that somebody else has the login name.
    pub inform_if_user_exists: bool,
    /// Whether one is told what is wrong with the login name.
    pub inform_if_user_invalid: bool,
    /// Whether one is told that somebody else has the address.
    pub inform_if_email_exists: bool,
    /// Whether one is told what is wrong with the address.
    pub inform_if_email_invalid: bool,
}

impl Default for SignupConfig {
    fn default() -> Self {
        Self {
            is_approval_needed: true,
            role: ROLE.to_owned(),
            is_email_required: true,
            max_length_username: LoginName::BYTES_MAX,
            max_length_email: 128,
            always_return_confirm_token: false,
            confirm_valid_for: 24 * 60,
            inform_if_user_exists: false,
            inform_if_user_invalid: false,
            inform_if_email_exists: false,
            inform_if_email_invalid: false,
        }
    }
}

/// `[user_validation]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UserValidationConfig {
    /// What no login name of a sign-up may contain.
    pub reject_username: Vec<String>,
    /// What no address of a sign-up may contain.
    pub reject_email: Vec<String>,
}

impl Default for UserValidationConfig {
    fn default() -> Self {
        let rejected = || REJECTED.map(str::to_owned).to_vec();
        Self { reject_username: rejected(), reject_email: rejected() }
    }
}

impl SignupConfig {
    /// The role of new users.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for one that can't be.
    pub(super) fn role(&self) -> Result<RoleName, ConfigError> {
        let name = "signup.role";
        match RoleName::parse(&self.role) {
            // A request would make its users what only the operator may.
            Ok(role) if role.is_trust() => {
                Err(ConfigError::Value { name, problem: "can't be the role trust".to_owned() })
            }
            Ok(role) => Ok(role),
            Err(error) => Err(ConfigError::Value { name, problem: error.to_string() }),
        }
    }

    fn check(&self) -> Result<(), ConfigError> {
        let max = SECONDS_MAX / MINUTE_SECONDS;
        if !(1..=max).contains(&self.confirm_valid_for) {
            let problem = format!("has to be from 1 to {max}");
            return Err(ConfigError::Value { name: "signup.confirm_valid_for", problem });
        }
        Ok(())
    }
}

impl Config {
    /// What the rules of sign-ups need to know.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Value`] for a role that can't be.
    pub fn sign_up(&self) -> Result<SignUpSettings, ConfigError> {
        let lower = |texts: &[String]| texts.iter().map(|text| text.to_lowercase()).collect();
        Ok(SignUpSettings {
            username_characters_max: self.signup.max_length_username,
            email_characters_max: self.signup.max_length_email,
            is_email_required: self.signup.is_email_required,
            rejected_in_username: lower(&self.user_validation.reject_username),
            rejected_in_email: lower(&self.user_validation.reject_email),
            is_address: |text| MailAddress::parse(text).is_some(),
            token: Duration::from_secs(self.signup.confirm_valid_for.saturating_mul(MINUTE_SECONDS)),
            passwords: self.password.policy(),
            role: self.signup.role()?,
            needs_approval: self.signup.is_approval_needed,
            seals_email: self.main.encrypt_email,
        })
    }

    pub(super) fn check_sign_up(&self) -> Result<(), ConfigError> {
        self.signup.check()?;
        self.signup.role().map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_contract_and_nobody_may_sign_up() {
        let text = "[apps]\nsignup_allowed = []\n[signup]\nis_approval_needed = true\nis_email_required = true\n\
            max_length_username = 128\nmax_length_email = 128\ninform_if_user_exists = false\n\
            inform_if_user_invalid = false\ninform_if_email_exists = false\ninform_if_email_invalid = false\n\
            [user_validation]\nreject_username = ['zato', 'admin', 'root', 'system', 'sso']\n\
            reject_email = ['zato', 'admin', 'root', 'system', 'sso']";
        let (given, defaults) = (parse(text).unwrap(), parse("").unwrap());
        assert_eq!(format!("{:?}", given.signup), format!("{:?}", defaults.signup));
        assert_eq!(format!("{:?}", given.user_validation), format!("{:?}", defaults.user_validation));
        assert!(defaults.apps.signup_allowed.is_empty());
    }

    #[test]
    fn refuses_what_makes_no_sense_and_names_it() {
        let check = |text: &str, name: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.contains(name), "{text}: {error}");
        };
        check("[signup]\nrole = 'No Role'", "signup.role");
        check("[signup]\nrole = 'trust'", "signup.role");
        check("[signup]\nconfirm_valid_for = 0", "signup.confirm_valid_for");
        check("[apps]\nsignup_allowed = ['ERP']", "apps.signup_allowed");
        check("[user_validation]\nreject = []", "reject");
    }
}
