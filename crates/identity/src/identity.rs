//! The rules with what they need: a repository, the pepper and the settings.

use std::sync::Mutex;
use std::time::Duration;

use crate::code_throttle::CodeThrottle;
use crate::metadata::MetadataLimits;
use crate::password::PasswordRules;
use crate::permission::KeySessionDenials;
use crate::proof::SecretSettings;
use crate::roster::{NodeId, RosterLimits};
use crate::sign_on::SignOnSettings;
use crate::{Lifetimes, Pepper};

/// The rules. Each file of this crate adds the methods of its subject.
#[derive(Debug)]
pub struct Identity<R> {
    pub(crate) repository: R,
    pub(crate) settings: IdentitySettings,
    /// Wrong codes of second factors.
    pub(crate) codes: Mutex<CodeThrottle>,
}

/// What the rules need to know. Durations and counts are the operator's to set.
#[derive(Debug, Clone)]
pub struct IdentitySettings {
    /// The secret behind the digests of keys.
    pub pepper: Pepper,
    /// How long a one-time password lives.
    pub otp_lifetimes: Lifetimes,
    /// How many live one-time passwords a user may have.
    pub otps_live_max: u32,
    /// How long an API key lives.
    pub api_key_lifetimes: Lifetimes,
    /// How many live API keys a user may have.
    pub api_keys_live_max: u32,
    /// How long a spent or expired key is still recognised as such.
    pub spent_kept: Duration,
    /// What passwords have to be, and how long they are good.
    pub passwords: PasswordRules,
    /// What is kept of a password for proofs.
    pub secrets: SecretSettings,
    /// How sign-on sessions live.
    pub sign_on: SignOnSettings,
    /// What sessions of keys never get.
    pub denials: KeySessionDenials,
    /// How much metadata users may have.
    pub metadata: MetadataLimits,
    /// How much may be in rosters.
    pub rosters: RosterLimits,
    /// Which of the servers on the database this one is.
    pub node: NodeId,
    /// How many records of URIs there may be.
    pub uri_records_max: u32,
}

impl IdentitySettings {
    /// [`Lifetimes::default`] of one-time passwords, unless set otherwise: ten minutes.
    pub const OTP_LIFETIME_DEFAULT: Duration = Duration::from_mins(10);
    /// [`Lifetimes::longest`] of one-time passwords, unless set otherwise: a day.
    pub const OTP_LIFETIME_LONGEST: Duration = Duration::from_hours(24);
    /// [`Self::otps_live_max`], unless set otherwise.
    pub const OTPS_LIVE_MAX: u32 = 1_000;
    /// [`Lifetimes::longest`] of API keys, unless set otherwise: ten years. One that names no end has none.
    pub const API_KEY_LIFETIME_LONGEST: Duration = Duration::from_hours(10 * 365 * 24);
    /// [`Self::api_keys_live_max`], unless set otherwise.
    pub const API_KEYS_LIVE_MAX: u32 = 1_000;
    /// [`Self::spent_kept`], unless set otherwise: a day.
    pub const SPENT_KEPT: Duration = Duration::from_hours(24);
}

impl<R> Identity<R> {
    /// Puts the rules on top of a repository.
    pub fn new(repository: R, settings: IdentitySettings) -> Self {
        Self { repository, settings, codes: Mutex::default() }
    }

    /// The repository, for operations that are no more than themselves.
    pub fn repository(&self) -> &R {
        &self.repository
    }

    /// The settings.
    pub fn settings(&self) -> &IdentitySettings {
        &self.settings
    }
}
