//! What is known of a user beyond what logins need. Read only when somebody asks for it.
//!
//! Source: contract of the sign-on API, section 5.1.

use std::fmt;

use crate::user::User;
use crate::{Digest, Pepper, Timestamp};

/// The names that a person goes by; none has to be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// As shown.
    pub display: Option<String>,
    /// The first name.
    pub first: Option<String>,
    /// The middle name.
    pub middle: Option<String>,
    /// The last name.
    pub last: Option<String>,
}

impl Names {
    /// Longest name, in characters.
    pub const CHARACTERS_MAX: usize = 191;

    /// With a display name: the other names together where there is none.
    #[must_use]
    pub fn with_display(self) -> Self {
        let parts: Vec<&str> =
            [&self.first, &self.middle, &self.last].into_iter().flatten().map(String::as_str).collect();
        let composed = (!parts.is_empty()).then(|| parts.join(" "));
        Self { display: self.display.or(composed), ..self }
    }
}

/// An e-mail address, as it was given. Not printed: storage may keep it sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// The address.
    pub text: String,
    /// Under which it is found, whether it is sealed or not.
    pub digest: Digest,
    /// Whether storage seals it.
    pub is_sealed: bool,
}

impl Email {
    /// Longest address, in characters (the reference's column).
    pub const CHARACTERS_MAX: usize = 191;
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(redacted)")
    }
}

impl Pepper {
    /// The digest under which an e-mail address is found; upper and lower case are the same.
    pub fn digest_email(&self, text: &str) -> Digest {
        self.digest_of(b"countersign email v1\0", &[text.to_lowercase().as_bytes()])
    }
}

/// When something was decided, and by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When.
    pub at: Timestamp,
    /// By whom: a user's id in the spelling of the sign-on API, `auto`, or an actor that is no user.
    pub by: String,
}

impl Stamp {
    /// Who decides what nobody was asked about.
    pub const AUTO: &str = "auto";
}

/// Who may use a linked account, and how often (contract, section 5.7). Kept for programs that read it back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RateLimit {
    /// Whether it counts.
    pub is_active: bool,
    /// One rule per line.
    pub definition: Option<String>,
}

/// All that is known of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord {
    /// What logins need.
    pub user: User,
    /// What else is known.
    pub profile: Profile,
    /// The second factor, if there is one.
    pub factor: Option<FactorState>,
}

impl UserRecord {
    /// The login name as it was given.
    pub fn username(&self) -> &str {
        self.profile.spelling.as_deref().unwrap_or(self.user.login.as_str())
    }
}

/// What may be seen of a second factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorState {
    /// Whether logins need a code.
    pub is_enabled: bool,
    /// What its owner calls it; `None`: nothing in particular.
    pub label: Option<String>,
}

/// All that is known of a user beyond [`User`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The login name as it was given; `None`: as it is compared.
    pub spelling: Option<String>,
    /// The names.
    pub names: Names,
    /// The e-mail address.
    pub email: Option<Email>,
    /// The name by which a directory knows the user (user principal name).
    pub upn: Option<String>,
    /// When it was locked or unlocked last.
    pub locked: Option<Stamp>,
    /// When it was approved or rejected last; `None`: never, as it was created.
    pub approval: Option<Stamp>,
    /// When the password was set; `None`: unknown, or there is none.
    pub password_set: Option<Timestamp>,
    /// When the sign-up was confirmed; `None`: it wasn't, or there was none.
    pub confirmed: Option<Timestamp>,
    /// Limits of linked accounts.
    pub rate_limit: RateLimit,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_display_name_is_made_of_the_others_where_there_is_none() {
        let name = |text: &str| Some(text.to_owned());
        let names = Names { first: name("Ann"), last: name("Lee"), ..Names::default() };
        assert_eq!(names.clone().with_display().display, name("Ann Lee"));
        let names = Names { display: name("A."), ..names };
        assert_eq!(names.clone().with_display(), names);
        assert_eq!(Names::default().with_display(), Names::default());
    }

    #[test]
    fn an_address_is_found_in_any_case_and_not_printed() {
        let pepper = Pepper::new([7; Pepper::BYTES]);
        let email =
            Email { text: "Ann@Example.com".into(), digest: pepper.digest_email("Ann@Example.com"), is_sealed: true };
        assert_eq!(email.digest, pepper.digest_email("ann@example.COM"));
        assert_ne!(email.digest, pepper.digest_email("ann@example.co"));
        assert!(!format!("{email:?}").contains("Ann"));
    }
}
