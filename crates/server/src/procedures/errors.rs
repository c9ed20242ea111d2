//! Which error a caller sees. Rules have errors of their own; the files below, one for a group of procedures, are the table
//! from those to a [`Failure`], and [`ErrorUris`] knows the URI of each kind.

mod db;
mod directory;
mod elevation;
mod keys;
mod metadata;
mod roster;
mod uri_records;

use countersign_identity::repository::RepositoryError;
use countersign_wamp::uris;

use crate::metrics::ServerLimit;

/// Error URIs under the bus's prefix, as `com.izaber.wamp.error.permissiondenied`.
#[derive(Debug)]
pub struct ErrorUris {
    /// The caller may not do this, or a login was refused.
    pub permission_denied: String,
    /// An argument is wrong; the text says which and what would be right.
    pub invalid_argument: String,
    /// The user, or whatever the call is about, doesn't exist.
    pub not_found: String,
    /// What is to be made is there already.
    pub exists: String,
    /// A limit is reached.
    pub limit_exceeded: String,
    /// The server can't answer at the moment.
    pub unavailable: String,
}

/// What kind of failure it is: whose fault, and what would help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The session, as it was opened, reaches no such procedure.
    NotAuthorized,
    /// The caller may not do this.
    PermissionDenied,
    /// An argument is wrong.
    InvalidArgument,
    /// What the call is about doesn't exist.
    NotFound,
    /// What is to be made is there already.
    Exists,
    /// A limit is reached.
    LimitExceeded,
    /// The server can't answer at the moment.
    Unavailable,
}

/// Why a procedure gives no result.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    /// For the caller. Empty where the server itself is at fault.
    text: String,
    limit: Option<ServerLimit>,
    fault: Option<RepositoryError>,
}

impl Failure {
    /// A failure of this kind, with a text for the caller.
    pub fn new(kind: FailureKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), limit: None, fault: None }
    }

    /// An argument is wrong.
    pub fn argument(text: impl Into<String>) -> Self {
        Self::new(FailureKind::InvalidArgument, text)
    }

    /// The caller may not do this, for the reason that `text` gives. Clients look for the first two words.
    pub fn denied(text: impl std::fmt::Display) -> Self {
        Self::new(FailureKind::PermissionDenied, format!("Permission Denied: {text}"))
    }

    /// The session reaches no such procedure. Clients look for the words in front.
    pub fn not_authorized(text: impl std::fmt::Display) -> Self {
        Self::new(FailureKind::NotAuthorized, format!("session is not authorized: {text}"))
    }

    /// The limit that was passed with it, to be counted.
    #[must_use]
    pub fn at(mut self, limit: ServerLimit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The limit that was passed, if that was it.
    pub fn limit(&self) -> Option<ServerLimit> {
        self.limit
    }
}

impl From<RepositoryError> for Failure {
    fn from(fault: RepositoryError) -> Self {
        Self { kind: FailureKind::Unavailable, text: String::new(), limit: None, fault: Some(fault) }
    }
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::NotAuthorized,
        Self::PermissionDenied,
        Self::InvalidArgument,
        Self::NotFound,
        Self::Exists,
        Self::LimitExceeded,
        Self::Unavailable,
    ];

    /// What it means, in a sentence for callers.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::NotAuthorized => "the role, or the credential that opened the session, reaches no such procedure",
            Self::PermissionDenied => "the caller may not do this; the text says what is missing",
            Self::InvalidArgument => "an argument is wrong; the text says which, and what would be right",
            Self::NotFound => "what the call is about doesn't exist",
            Self::Exists => "what is to be made is there already",
            Self::LimitExceeded => "a limit is reached",
            Self::Unavailable => "the server can't answer at the moment; the text has a reference to the log",
        }
    }
}

impl ErrorUris {
    /// The URIs for one prefix.
    pub fn new(prefix: &str) -> Self {
        let uri = |name: &str| format!("{prefix}.error.{name}");
        Self {
            permission_denied: uri("permissiondenied"),
            invalid_argument: uri("invalidargument"),
            not_found: uri("notfound"),
            exists: uri("exists"),
            limit_exceeded: uri("limitexceeded"),
            unavailable: uri("unavailable"),
        }
    }

    /// The URI of one kind.
    pub fn of(&self, kind: FailureKind) -> &str {
        match kind {
            FailureKind::NotAuthorized => uris::error::NOT_AUTHORIZED,
            FailureKind::PermissionDenied => &self.permission_denied,
            FailureKind::InvalidArgument => &self.invalid_argument,
            FailureKind::NotFound => &self.not_found,
            FailureKind::Exists => &self.exists,
            FailureKind::LimitExceeded => &self.limit_exceeded,
            FailureKind::Unavailable => &self.unavailable,
        }
    }

    /// URI and public text. What is internal goes to the log, under `cid`.
    pub fn answer(&self, failure: &Failure, cid: &str) -> (&str, String) {
        let text = match &failure.fault {
            Some(fault) => internal(fault, cid),
            None => failure.text.clone(),
        };
        (self.of(failure.kind), text)
    }
}

fn internal(fault: &RepositoryError, cid: &str) -> String {
    tracing::error!(cid, error = ?fault, "a procedure failed on our side");
    format!("the server can't do this at the moment; reference {cid}")
}

#[cfg(test)]
mod tests {
    use countersign_identity::keys::KeyError;

    use super::*;

    #[test]
    fn internals_stay_inside() {
        let uris = ErrorUris::new("com.izaber.wamp");
        let fault = RepositoryError::Corrupt("users 17: secret detail".into());
        let (uri, text) = uris.answer(&KeyError::Storage(fault).into(), "cid1");
        assert_eq!(uri, "com.izaber.wamp.error.unavailable");
        assert!(text.contains("cid1") && !text.contains("secret detail"), "{text}");
    }

    #[test]
    fn refusals_say_what_is_missing() {
        let uris = ErrorUris::new("com.izaber.wamp");
        let (uri, text) = uris.answer(&KeyError::NotTrusted.into(), "c");
        assert_eq!(uri, "com.izaber.wamp.error.permissiondenied");
        assert!(text.starts_with("Permission Denied") && text.contains("trust"), "{text}");
    }
}
