//! Sign-on: sessions that users open for themselves, apart from those of the bus, and what they may do in them.
//!
//! Source: contract of the sign-on API, sections 1 to 4, 10 and 11. Doors (REST, the bus, pages) call these rules; masking,
//! field names and codes are theirs.
//!
//! **Invariant:** a token is shown once and stored as a digest. Every rule for a signed-in user demands a [`Caller`], which
//! only [`crate::Identity::caller`] makes.
//! **Invariant:** a code of the second factor is accepted by the write that stores its step, in the transaction that opens
//! the session.

pub mod attributes;
mod change_password;
mod codes;
mod enable_totp;
mod factor_admin;
mod keys;
pub mod linked;
mod login;
pub mod operations;
pub mod password_reset;
mod recovery_codes;
mod reset_totp;
mod session_list;
mod sessions;
pub mod sign_up;
pub mod user_search;
mod users;
mod validate_code;

use std::time::Duration;

pub use self::change_password::ChangePassword;
pub use self::enable_totp::{EnableTotp, EnableTotpError};
pub use self::login::{SignIn, SignedIn};
pub use self::recovery_codes::RecoveryCodesError;
pub use self::reset_totp::{LABEL_CHARACTERS_MAX, LabelTooLong, NewTotpKey, ResetTotp, ResetTotpError};
pub use self::session_list::{ChangeSource, ListedSession, SESSION_CHANGES_MAX, SessionChange, TargetError};
pub use self::sessions::{CallerError, SessionError};
pub use self::users::{NewUser, UserError, checked_name, spelling};
pub use self::validate_code::ValidateCodeError;

use crate::code_throttle::CodeThrottleSettings;
use crate::profile::FactorState;
use crate::role::RoleName;
use crate::totp::{Algorithm, Digits, Step, Totp};
use crate::user::User;
use crate::{Digest, SessionId, Timestamp, UserId};

/// How sign-on sessions live. Durations are the operator's to set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOnSettings {
    /// How long a session lives without being renewed.
    pub session: Duration,
    /// How long a session lives at most, however often it is renewed.
    pub session_longest: Duration,
    /// Sessions that a user may have at a time; the oldest ends for one more.
    pub sessions_max: u32,
    /// How fresh the check of password and code has to be for a change of one's own second factor; zero: any session will do.
    pub step_up: Duration,
    /// Whether a change of the second factor ends the user's other sessions.
    pub end_on_factor_change: bool,
    /// Second factors.
    pub factor: FactorSettings,
    /// Users who are made here.
    pub users: UserSettings,
}

/// How second factors work.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FactorSettings {
    /// The hash of new keys.
    pub algorithm: Algorithm,
    /// The length of codes of new keys.
    pub digits: Digits,
    /// Whether a code is accepted more than once. For the old test-suite only.
    pub allows_code_reuse: bool,
    /// Whether users turn the demand for a code on for themselves without showing one, as Zato had it.
    pub enables_without_code: bool,
    /// How wrong codes are counted.
    pub throttle: CodeThrottleSettings,
}

/// How users are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserSettings {
    /// Their role.
    pub role: RoleName,
    /// Whether a super-user has to approve of them first.
    pub needs_approval: bool,
    /// Whether e-mail addresses are sealed.
    pub seals_email: bool,
}

impl Default for UserSettings {
    fn default() -> Self {
        Self { role: RoleName::frontend(), needs_approval: true, seals_email: true }
    }
}

impl Default for SignOnSettings {
    fn default() -> Self {
        Self {
            session: Duration::from_hours(1),
            session_longest: Duration::from_hours(24 * 30),
            sessions_max: 100,
            step_up: Duration::ZERO,
            end_on_factor_change: true,
            factor: FactorSettings::default(),
            users: UserSettings::default(),
        }
    }
}

/// A sign-on session as storage keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignOnSession {
    /// Its id, which may be seen.
    pub id: SessionId,
    /// Whose it is.
    pub owner: UserId,
    /// Under which it is found.
    pub digest: Digest,
    /// The application that opened it.
    pub application: String,
    /// When it was opened.
    pub created: Timestamp,
    /// Until when it works, unless renewed. Up to and including this time.
    pub expires: Timestamp,
    /// Until when it works, however often it is renewed.
    pub ends: Timestamp,
    /// When its user last showed the password, and the code where the second factor is on.
    pub checked: Timestamp,
    /// From where it was opened.
    pub address: String,
    /// With what it was opened.
    pub agent: String,
}

/// A user's second factor as storage keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// The key and how codes are made of it.
    pub totp: Totp,
    /// What its owner calls it; `None`: nothing in particular.
    pub label: Option<String>,
    /// Whether logins need a code.
    pub is_enabled: bool,
    /// The newest step that was accepted; no step up to it is accepted again.
    pub last_step: Option<Step>,
    /// Wrong codes since the last right one.
    pub failures: u32,
}

impl Factor {
    /// What may be seen of it.
    pub fn state(&self) -> FactorState {
        FactorState { is_enabled: self.is_enabled, label: self.label.clone() }
    }
}

/// Somebody with a live session: proof for the rules that need one.
#[derive(Debug, Clone)]
pub struct Caller {
    user: User,
    session: SignOnSession,
}

impl Caller {
    /// Who it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// By which session.
    pub fn session(&self) -> &SignOnSession {
        &self.session
    }

    /// Whether the caller may act on other users (contract of the sign-on API, section 11).
    pub fn is_super_user(&self) -> bool {
        self.user.role.is_trust()
    }
}

#[cfg(test)]
mod change_password_tests;
#[cfg(test)]
mod factor_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod users_tests;
