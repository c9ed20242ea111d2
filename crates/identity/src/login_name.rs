//! Login names: one spelling for storage, comparison and digests.

use std::fmt;

/// A user's login name, lower-case. `Kristen98` and `kristen98` are the same user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginName(String);

/// Why a text is no login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginNameError {
    /// Nothing is there.
    #[error("a login name can't be empty")]
    Empty,
    /// Longer than [`LoginName::BYTES_MAX`].
    #[error("a login name has at most {max} bytes", max = LoginName::BYTES_MAX)]
    TooLong,
    /// White space, a control character, or `%` in front (kept for the system itself).
    #[error("a login name can't contain {0:?}")]
    Character(char),
}

impl LoginName {
    /// Longest name in bytes, after lower-casing.
    pub const BYTES_MAX: usize = 128;

    /// Lower-cases and checks.
    ///
    /// # Errors
    ///
    /// [`LoginNameError`], by the first thing found wrong.
    pub fn parse(text: &str) -> Result<Self, LoginNameError> {
        if text.is_empty() {
            return Err(LoginNameError::Empty);
        }
        if text.len() > Self::BYTES_MAX {
            return Err(LoginNameError::TooLong);
        }
        if text.starts_with('%') {
            return Err(LoginNameError::Character('%'));
        }
        if let Some(found) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
            return Err(LoginNameError::Character(found));
        }
        let lower = text.to_lowercase();
        if lower.len() > Self::BYTES_MAX {
            return Err(LoginNameError::TooLong);
        }
        Ok(Self(lower))
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_without_regard_to_case() {
        assert_eq!(LoginName::parse("Kristen98"), LoginName::parse("kRISTEN98"));
        assert_eq!(LoginName::parse("ÄNNE").unwrap().as_str(), "änne");
    }

    #[test]
    fn refuses_what_could_be_mistaken_or_hidden() {
        let check = |text: &str, want| assert_eq!(LoginName::parse(text), Err(want), "{text:?}");
        check("", LoginNameError::Empty);
        check("a b", LoginNameError::Character(' '));
        check("a\nb", LoginNameError::Character('\n'));
        check("a\u{7}", LoginNameError::Character('\u{7}'));
        check("%operator", LoginNameError::Character('%'));
        check(&"a".repeat(129), LoginNameError::TooLong);
        assert!(LoginName::parse(&"a".repeat(128)).is_ok());
    }
}
