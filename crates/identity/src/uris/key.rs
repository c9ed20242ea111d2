//! What names a record: URI, match policy and action.

use std::fmt;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::permission::{Action, UriMatch};

/// How a registered pattern is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UriPolicy {
    /// Equal.
    Exact,
    /// Starts with it.
    Prefix,
    /// Component by component.
    Wildcard,
}

impl UriPolicy {
    /// The name on the bus and in storage.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Wildcard => "wildcard",
        }
    }

    /// The policy with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Exact, Self::Prefix, Self::Wildcard].into_iter().find(|known| known.name() == name)
    }

    /// The question that is asked of rules about a pattern with this policy.
    pub fn of(self, uri: &str) -> UriMatch<'_> {
        match self {
            Self::Exact => UriMatch::Exact(uri),
            Self::Prefix => UriMatch::Prefix(uri),
            Self::Wildcard => UriMatch::Wildcard(uri),
        }
    }
}

/// A procedure, or a pattern of procedures, that is registered: what a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UriKey {
    uri: String,
    policy: UriPolicy,
}

/// The text is no [`UriKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriKeyError {
    /// The URI can't have a record.
    #[error("a URI has 1 to {} bytes, and no control characters", UriKey::BYTES_MAX)]
    Uri,
    /// There is no such policy.
    #[error("match is exact, prefix or wildcard")]
    Policy,
    /// Records are of registrations.
    #[error("the action is register")]
    Action,
    /// Not the three parts.
    #[error("a key is URI, match and action with _ between them, as a.b_exact_register")]
    Shape,
}

impl UriKey {
    /// Longest URI of a record, in bytes. An index has to hold it.
    pub const BYTES_MAX: usize = 1024;
    /// The only action of which there are records.
    pub const ACTION: Action = Action::Register;

    /// The record of a URI.
    ///
    /// # Errors
    ///
    /// [`UriKeyError::Uri`].
    pub fn new(uri: &str, policy: UriPolicy) -> Result<Self, UriKeyError> {
        if uri.is_empty() || uri.len() > Self::BYTES_MAX || uri.chars().any(char::is_control) {
            return Err(UriKeyError::Uri);
        }
        Ok(Self { uri: uri.to_owned(), policy })
    }

    /// Reads `<uri>_<match>_<action>`.
    ///
    /// # Errors
    ///
    /// [`UriKeyError`].
    pub fn parse(text: &str) -> Result<Self, UriKeyError> {
        let (rest, action) = text.rsplit_once('_').ok_or(UriKeyError::Shape)?;
        let (uri, policy) = rest.rsplit_once('_').ok_or(UriKeyError::Shape)?;
        if action != Self::ACTION.verb() {
            return Err(UriKeyError::Action);
        }
        Self::new(uri, UriPolicy::from_name(policy).ok_or(UriKeyError::Policy)?)
    }

    /// The URI or pattern.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// How it is compared.
    pub fn policy(&self) -> UriPolicy {
        self.policy
    }

    /// The record's id, which follows from what it is about.
    pub fn id(&self) -> Uuid {
        let mut digest = Sha256::new();
        for part in [self.policy.name(), Self::ACTION.verb(), &self.uri] {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(digest.finalize()).for_each(|(slot, byte)| *slot = byte);
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

impl fmt::Display for UriKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}_{}", self.uri, self.policy.name(), Self::ACTION.verb())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back() {
        for text in ["a.b_exact_register", "a_b.c_prefix_register", "a..c_wildcard_register", "_exact_exact_register"] {
            let key = UriKey::parse(text).unwrap();
            assert_eq!(key.to_string(), text);
            assert_eq!(key.id(), UriKey::new(key.uri(), key.policy()).unwrap().id());
        }
        assert_ne!(UriKey::parse("a_exact_register").unwrap().id(), UriKey::parse("a_prefix_register").unwrap().id());
    }

    #[test]
    fn refuses_what_can_have_no_record() {
        let check = |text: &str, error| assert_eq!(UriKey::parse(text), Err(error), "{text:?}");
        check("", UriKeyError::Shape);
        check("a.b", UriKeyError::Shape);
        check("a_exact_call", UriKeyError::Action);
        check("a_near_register", UriKeyError::Policy);
        check("_exact_register", UriKeyError::Uri);
        check("a\0b_exact_register", UriKeyError::Uri);
        let long = |bytes: usize| format!("{}_exact_register", "a".repeat(bytes));
        check(&long(UriKey::BYTES_MAX + 1), UriKeyError::Uri);
        assert!(UriKey::parse(&long(UriKey::BYTES_MAX)).is_ok());
    }
}
