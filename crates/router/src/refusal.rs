//! How the realm says no: to a request ([`Refusal`]) and to a whole session ([`Violation`]).

use countersign_wamp::{Id, Message, MessageType, Payload, UriError, uris::error};

use crate::clock::WallTime;
use crate::limit::LimitCounts;
use crate::{Action, Authorizer, Decision, Effect, Limit, RealmSettings, SessionDetails, Target};

/// ERROR URI for a request beyond a limit of its session: too many subscriptions and
/// registrations, or too many unanswered calls.
pub const LIMIT_EXCEEDED: &str = "countersign.error.limit_exceeded";

/// Reasons in an UNREGISTERED or UNSUBSCRIBED that was not asked for. URIs, because clients exist
/// that drop their connection over anything else.
pub(crate) mod revoked {
    /// Another session registered the procedure by force.
    pub const REPLACED: &str = "countersign.revoked.replaced";
    /// Another session took it away through the meta API.
    pub const REMOVED: &str = "countersign.revoked.removed";
}

/// How much of a wrong URI, which may be as long as a message, its sender gets back, in
/// characters.
const ECHOED_CHARACTERS_MAX: usize = 128;

/// A request that is answered with ERROR.
#[derive(Debug)]
pub(crate) struct Refusal {
    error: &'static str,
    message: String,
    /// The limit that was passed, if that was it.
    limit: Option<Limit>,
}

impl Refusal {
    pub fn new(error: &'static str, message: impl Into<String>) -> Self {
        Self { error, message: message.into(), limit: None }
    }

    /// For a request beyond a limit of its session.
    pub fn limit(limit: Limit, message: impl Into<String>) -> Self {
        Self { limit: Some(limit), ..Self::new(LIMIT_EXCEEDED, message) }
    }

    /// For what can't happen: the realm looks a session up before anything else.
    pub fn unknown_session() -> Self {
        Self::new(error::AUTHORIZATION_FAILED, "the session is not in the realm")
    }

    pub fn invalid_uri(text: &str, cause: UriError) -> Self {
        let start: String = text.chars().take(ECHOED_CHARACTERS_MAX).collect();
        let limit = match cause {
            UriError::TooLong { .. } => Some(Limit::UriBytes),
            UriError::TooManyComponents => Some(Limit::WildcardComponents),
            UriError::Empty | UriError::EmptyComponent | UriError::Character(_) => None,
        };
        Self { limit, ..Self::new(error::INVALID_URI, format!("{start:?} is no valid URI: {cause}")) }
    }

    /// Counts the limit that was passed.
    #[must_use]
    pub fn counted(self, limits: &mut LimitCounts) -> Self {
        if let Some(limit) = self.limit {
            limits.add(limit);
        }
        self
    }

    /// The ERROR for `request`.
    pub fn into_effect(self, to: Id, request_type: MessageType, request: Id) -> Effect {
        error_effect(to, request_type, request, self.error, self.message)
    }
}

/// An ERROR of the router's own, with one text argument.
pub(crate) fn error_effect(
    to: Id,
    request_type: MessageType,
    request: Id,
    error: &'static str,
    text: impl Into<String>,
) -> Effect {
    let message = Message::error(request_type, request, error, Payload::of(text.into()));
    Effect::Send { to, message }
}

/// A breach of the protocol that ends the session; the text says what was wrong.
#[derive(Debug)]
pub(crate) struct Violation(pub String);

impl Violation {
    /// Payload passthru mode without having announced it.
    pub fn passthru(message: &str, request: Id) -> Self {
        Self(format!("{message} {request} uses payload passthru mode, which was not announced"))
    }
}

/// Asks the authorizer and words its answers.
pub(crate) struct Gate<'a> {
    pub settings: &'a RealmSettings,
    /// When the request came.
    pub at: WallTime,
    pub authorizer: &'a dyn Authorizer,
}

impl Gate<'_> {
    pub fn check(
        &self,
        session: Id,
        details: &SessionDetails,
        action: Action,
        target: Target<'_>,
    ) -> Result<(), Refusal> {
        if details.is_service() {
            return Ok(());
        }
        match self.authorizer.decide(session, details, action, target) {
            Decision::Allow => Ok(()),
            Decision::Deny { missing } => {
                let mut text = self.denial(session, details, action, target.as_str());
                if !missing.is_empty() {
                    text.push_str(": ");
                    text.push_str(&missing);
                }
                Err(Refusal::new(error::NOT_AUTHORIZED, text))
            }
            Decision::Refuse { error, message } => Err(Refusal::new(error, message)),
            Decision::Failed => Err(Refusal::new(error::AUTHORIZATION_FAILED, "the permission could not be checked")),
        }
    }

    /// The texts on which clients of the bus match.
    fn denial(&self, session: Id, details: &SessionDetails, action: Action, uri: &str) -> String {
        let what = match action {
            Action::Publish => {
                return format!("session not authorized to publish to topic '{uri}'");
            }
            Action::Call => "call procedure",
            Action::Register => "register procedure",
            Action::Subscribe => "subscribe to topic",
        };
        let SessionDetails { authid, authrole, .. } = details;
        let realm = &self.settings.name;
        format!(
            "session (session_id={session}, authid=\"{authid}\", authrole=\"{authrole}\") \
             is not authorized to {what} \"{uri}\" on realm \"{realm}\""
        )
    }
}
