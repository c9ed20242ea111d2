//! Settings of passwords: how they are checked, which may be set, and how long they are good.
//!
//! The names are those of the contract of the sign-on API, section 6.1; the pool's are ours.

use std::time::Duration;

use countersign_identity::password::PasswordRules;
use countersign_identity::password_policy::PasswordPolicy;
use serde::Deserialize;

use super::ConfigError;

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 3_600;
/// Longest time that can be set, in days: a hundred years.
const DAYS_MAX: u32 = 36_500;

/// `[password]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "one switch for each case")]
pub struct PasswordConfig {
    /// Checks that run at the same time; `None`: one per core.
    pub workers: Option<usize>,
    /// Checks that wait for their turn.
    pub queue_max: Option<usize>,
    /// Longest wait for a turn.
    pub queue_seconds_max: Option<u64>,
    /// Least score of zxcvbn that a new password has, from 0 (anything) to 4.
    pub min_complexity: u8,
    /// Fewest characters of a new password.
    pub min_length: usize,
    /// Most characters of a new password.
    pub max_length: usize,
    /// What no new password may contain; in the place of the list that is there.
    pub reject_list: Option<Vec<String>>,
    /// For how many days a password is good; 0: for ever.
    pub expiry: u32,
    /// How many days before its end a password is about to expire.
    pub about_to_expire_threshold: u32,
    /// Whether logins are let in during that time.
    pub log_in_if_about_to_expire: bool,
    /// Whether who logs in is told that the password has expired.
    pub inform_if_expired: bool,
    /// Whether who logs in is told that the password is about to expire.
    pub inform_if_about_to_expire: bool,
    /// Whether who logs in is told that the password has to be changed.
    pub inform_if_must_be_changed: bool,
    /// Whether who logs in is told why the new password can't be set.
    pub inform_if_invalid: bool,
}

impl Default for PasswordConfig {
    fn default() -> Self {
        let (policy, rules) = (PasswordPolicy::default(), PasswordRules::default());
        Self {
            workers: None,
            queue_max: None,
            queue_seconds_max: None,
            min_complexity: policy.score_min,
            min_length: policy.characters_min,
            max_length: policy.characters_max,
            reject_list: None,
            expiry: rules.lifetime.map_or(0, days),
            about_to_expire_threshold: days(rules.warning),
            log_in_if_about_to_expire: rules.admits_when_warned,
            inform_if_expired: false,
            inform_if_about_to_expire: true,
            inform_if_must_be_changed: true,
            inform_if_invalid: true,
        }
    }
}

fn days(time: Duration) -> u32 {
    u32::try_from(time.as_secs() / DAY_SECONDS).unwrap_or(u32::MAX)
}

impl PasswordConfig {
    /// Which passwords may be set.
    pub fn policy(&self) -> PasswordPolicy {
        let lower = |rejected: &Vec<String>| rejected.iter().map(|text| text.to_lowercase()).collect();
        PasswordPolicy {
            score_min: self.min_complexity,
            characters_min: self.min_length,
            characters_max: self.max_length,
            rejected: self.reject_list.as_ref().map_or_else(|| PasswordPolicy::default().rejected, lower),
        }
    }

    /// The same with how long they are good.
    pub fn rules(&self) -> PasswordRules {
        let time = |days: u32| Duration::from_secs(u64::from(days).saturating_mul(DAY_SECONDS));
        PasswordRules {
            policy: self.policy(),
            lifetime: (self.expiry > 0).then(|| time(self.expiry)),
            warning: time(self.about_to_expire_threshold),
            admits_when_warned: self.log_in_if_about_to_expire,
        }
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let bad = |name, problem: &str| Err(ConfigError::Value { name, problem: problem.to_owned() });
        if self.min_complexity > PasswordPolicy::SCORE_MAX {
            return bad("password.min_complexity", "has to be from 0 to 4");
        }
        if self.min_length > self.max_length {
            return bad("password.min_length", "is more than password.max_length");
        }
        if self.expiry > DAYS_MAX {
            return bad("password.expiry", "is more than 36500 days");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_rules() {
        assert_eq!(PasswordConfig::default().rules(), PasswordRules::default());
    }

    #[test]
    fn refuses_what_makes_no_sense_and_names_it() {
        let check = |text: &str, name: &str| {
            let error = Config::parse(&format!("[password]\n{text}")).unwrap_err().to_string();
            assert!(error.contains(name), "{text}: {error}");
        };
        check("min_complexity = 5", "password.min_complexity");
        check("min_length = 9\nmax_length = 8", "password.min_length");
        check("expiry = 36501", "password.expiry");
        let rules = Config::parse("[password]\nexpiry = 0\nreject_list = ['ABC']").unwrap().password.rules();
        assert_eq!((rules.lifetime, rules.policy.rejected), (None, vec!["abc".to_owned()]));
    }
}
