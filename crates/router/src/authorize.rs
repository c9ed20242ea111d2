//! The question that the realm asks before it acts for a client, and its answers.

use countersign_wamp::{Id, MatchPolicy, Uri, UriPattern};

use crate::SessionDetails;

/// What a session wants to do with a URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// CALL.
    Call,
    /// REGISTER.
    Register,
    /// SUBSCRIBE.
    Subscribe,
    /// PUBLISH.
    Publish,
}

/// What a session wants to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target<'a> {
    /// The procedure of a CALL or the topic of a PUBLISH.
    Uri(&'a Uri),
    /// What a REGISTER or SUBSCRIBE names; its policy can be [`MatchPolicy::Exact`]. With another
    /// policy everything that the pattern matches must be allowed.
    Pattern(&'a UriPattern),
}

impl<'a> Target<'a> {
    /// The URI or the pattern as text.
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Uri(uri) => uri.as_str(),
            Self::Pattern(pattern) => pattern.as_str(),
        }
    }

    /// How the text is compared; [`MatchPolicy::Exact`] for a plain URI.
    pub fn policy(self) -> MatchPolicy {
        match self {
            Self::Uri(_) => MatchPolicy::Exact,
            Self::Pattern(pattern) => pattern.policy(),
        }
    }
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The session may.
    Allow,
    /// The session may not: `wamp.error.not_authorized` with the text that clients look for.
    Deny {
        /// What is missing, for the end of the answer's text; empty: nothing is said of it.
        missing: String,
    },
    /// The session may not, for a cause that it is told.
    Refuse {
        /// URI of the ERROR.
        error: &'static str,
        /// Its first argument.
        message: String,
    },
    /// The authorizer is broken: `wamp.error.authorization_failed`, without details.
    Failed,
}

/// Decides what a client may do.
///
/// Asked for every CALL, REGISTER, SUBSCRIBE and PUBLISH of a client, before it is looked up
/// whether the URI exists; never asked for the server's own session
/// ([`SessionKind::Service`](crate::SessionKind::Service)).
pub trait Authorizer {
    /// Whether the session may do `action` on `target`. On the hot path: it must be fast.
    fn decide(&self, session: Id, details: &SessionDetails, action: Action, target: Target<'_>) -> Decision;
}
