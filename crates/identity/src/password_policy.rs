//! Which passwords may be set.
//!
//! Source: contract of the sign-on API, section 5.4, in that order of checks; NIST SP 800-63B, section 3.1.1.2 (length,
//! block list, no rules of composition).

use crate::Secret;
use crate::audit::Reason;
use crate::password::PASSWORD_BYTES_MAX;

/// What a password has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordPolicy {
    /// Least score of zxcvbn, from 0 (anything) to 4.
    pub score_min: u8,
    /// Fewest characters.
    pub characters_min: usize,
    /// Most characters.
    pub characters_max: usize,
    /// In lower case; no password may contain one of these.
    pub rejected: Vec<String>,
}

impl PasswordPolicy {
    /// [`Self::score_min`], unless set otherwise: what takes more than 10^6 guesses.
    pub const SCORE_MIN_DEFAULT: u8 = 2;
    /// The best score that there is.
    pub const SCORE_MAX: u8 = 4;
    /// [`Self::characters_min`], unless set otherwise.
    pub const CHARACTERS_MIN_DEFAULT: usize = 8;
    /// [`Self::characters_max`], unless set otherwise.
    pub const CHARACTERS_MAX_DEFAULT: usize = 256;
    /// [`Self::rejected`], unless set otherwise.
    pub const REJECTED_DEFAULT: [&str; 24] = [
        "111111",
        "123123",
        "123321",
        "123456",
        "123qwe",
        "1q2w3e",
        "1q2w3e4r",
        "1q2w3e4r5t",
        "222222",
        "333333",
        "444444",
        "555555",
        "654321",
        "666666",
        "777777",
        "888888",
        "999999",
        "987654321",
        "google",
        "letmein",
        "mynoob",
        "password",
        "qwerty",
        "zxcvbnm",
    ];

    /// Whether the password may be set.
    pub(crate) fn check(&self, password: &Secret, names: &[&str]) -> Result<(), PasswordRefused> {
        let text = password.expose();
        // First, because the strength of a text of any length would cost as much as its sender likes.
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordRefused::TooLong);
        }
        if self.score_min > 0 && u8::from(zxcvbn::zxcvbn(text, names).score()) < self.score_min {
            return Err(PasswordRefused::TooSimple);
        }
        match text.chars().count() {
            characters if characters < self.characters_min => Err(PasswordRefused::TooShort),
            characters if characters > self.characters_max => Err(PasswordRefused::TooLong),
            _ if self.contains_rejected(text) => Err(PasswordRefused::Rejected),
            _ => Ok(()),
        }
    }

    fn contains_rejected(&self, text: &str) -> bool {
        let text = zeroize::Zeroizing::new(text.to_lowercase());
        self.rejected.iter().any(|rejected| text.contains(rejected.as_str()))
    }
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            score_min: Self::SCORE_MIN_DEFAULT,
            characters_min: Self::CHARACTERS_MIN_DEFAULT,
            characters_max: Self::CHARACTERS_MAX_DEFAULT,
            rejected: Self::REJECTED_DEFAULT.map(str::to_owned).to_vec(),
        }
    }
}

/// Why a password can't be set. The user's to mend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefused {
    /// Guessed too fast.
    #[error("the password is too easy to guess; several words that have nothing to do with each other are a good one")]
    TooSimple,
    /// Too few characters.
    #[error("the password is too short")]
    TooShort,
    /// Too many characters or bytes.
    #[error("the password is too long")]
    TooLong,
    /// It contains what everybody tries.
    #[error("the password contains a part that is too common")]
    Rejected,
}

impl PasswordRefused {
    /// The same for the trail.
    pub fn reason(self) -> Reason {
        match self {
            Self::TooSimple => Reason::PasswordTooSimple,
            Self::TooShort => Reason::PasswordTooShort,
            Self::TooLong => Reason::PasswordTooLong,
            Self::Rejected => Reason::PasswordRejected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH_ONLY: PasswordPolicy =
        PasswordPolicy { score_min: 0, characters_min: 8, characters_max: 10, rejected: Vec::new() };

    fn check(policy: &PasswordPolicy, text: &str, want: Result<(), PasswordRefused>) {
        assert_eq!(policy.check(&Secret::new(text), &["jsmith1234"]), want, "{text}");
    }

    #[test]
    fn counts_characters() {
        check(&LENGTH_ONLY, "1234567", Err(PasswordRefused::TooShort));
        check(&LENGTH_ONLY, "12345678", Ok(()));
        check(&LENGTH_ONLY, "äöüäöüäöüä", Ok(()));
        check(&LENGTH_ONLY, "äöüäöüäöüäö", Err(PasswordRefused::TooLong));
    }

    #[test]
    fn no_setting_admits_more_bytes_than_a_hash_takes() {
        let policy = PasswordPolicy { characters_max: usize::MAX, ..LENGTH_ONLY };
        check(&policy, &"x".repeat(1_024), Ok(()));
        check(&policy, &"x".repeat(1_025), Err(PasswordRefused::TooLong));
    }

    #[test]
    fn refuses_what_everybody_tries() {
        let policy = PasswordPolicy { score_min: 0, ..PasswordPolicy::default() };
        check(&policy, "my-PassWord-is-long", Err(PasswordRefused::Rejected));
        check(&policy, "x987654321x", Err(PasswordRefused::Rejected));
        check(&policy, "correct horse battery", Ok(()));
    }

    #[test]
    fn refuses_what_is_guessed_fast() {
        let policy = PasswordPolicy::default();
        check(&policy, "aaaaaaaaaa", Err(PasswordRefused::TooSimple));
        check(&policy, "jsmith1234", Err(PasswordRefused::TooSimple));
        check(&policy, "correct horse battery", Ok(()));
        check(&PasswordPolicy { score_min: 4, ..policy }, "Tr0ub4dour", Err(PasswordRefused::TooSimple));
    }

    #[test]
    fn tells_the_first_fault_in_the_order_of_the_contract() {
        check(&PasswordPolicy::default(), "qwerty", Err(PasswordRefused::TooSimple));
        let policy = PasswordPolicy { score_min: 0, ..PasswordPolicy::default() };
        check(&policy, "qwerty", Err(PasswordRefused::TooShort));
    }
}
