//! What went wrong, and what to do next.

use std::io;

use countersign_client::{CallError, ConnectError, Dict, Ended, Payload, SubscriptionEnd, Value, uris};
use countersign_identity::printable;

use super::output::quiet;
use crate::cli::explain as with_causes;
use crate::json_parts;

/// Longest text of a server's that is shown, in characters.
const TEXT_CHARACTERS_MAX: usize = 1_000;

/// Why there is no session with the server at `url`.
pub fn connect(error: &ConnectError, url: &str) -> String {
    let text = match error {
        ConnectError::Aborted { reason, details } => {
            format!("the server refused the session: {}", said(reason, details))
        }
        other => printable(&with_causes(other), TEXT_CHARACTERS_MAX),
    };
    let hint = match error {
        ConnectError::Transport(cause) => match cause.kind() {
            io::ErrorKind::InvalidData => {
                "if its certificate is not one that the system trusts, name it with --ca FILE"
            }
            _ => "does the server run there? --url names another one",
        },
        ConnectError::Url(_) => "give --url as ws://127.0.0.1:8282/ws, wss://…, tcp://127.0.0.1:18081 or unix:PATH",
        ConnectError::Http(_) => "WAMP is at the path /ws of a Countersign server",
        ConnectError::Trust(_) => "--ca names a file with certificates in PEM",
        ConnectError::Challenge { .. } => "this command logs in by a ticket; --user names who comes",
        ConnectError::Closed(_) | ConnectError::TimedOut | ConnectError::ProtocolViolation(_) => {
            "is it a WAMP server that listens there?"
        }
        ConnectError::Aborted { reason, .. } => match reason.as_str() {
            uris::error::NO_SUCH_REALM => "--realm names another one",
            uris::error::NO_MATCHING_AUTH_METHOD | uris::error::AUTHENTICATION_REQUIRED => {
                "the server wants a login; --user names who comes"
            }
            uris::error::PAYLOAD_SIZE_EXCEEDED => "the ticket or the login name is too long",
            _ => "check --user and the ticket; a one-time password opens one session",
        },
        _ => return format!("{url}: {text}"),
    };
    format!("{url}: {text} ({hint})")
}

/// Why a request has no answer, or which one.
pub fn request(error: &CallError) -> String {
    let CallError::Remote { error: uri, args, kwargs, .. } = error else {
        return printable(&with_causes(error), TEXT_CHARACTERS_MAX);
    };
    let mut text = printable(uri, TEXT_CHARACTERS_MAX);
    match (args.as_slice(), kwargs.is_empty()) {
        ([], true) => {}
        ([Value::Str(message)], true) => {
            text = format!("{text}: {}", printable(message, TEXT_CHARACTERS_MAX));
        }
        _ => {
            let (args, kwargs) = json_parts::write(Payload::new(args.clone(), kwargs.clone()));
            text = format!("{text}: {} {}", quiet(args.get()), quiet(kwargs.get()));
        }
    }
    let hint = match uri.as_str() {
        uris::error::NO_SUCH_PROCEDURE => "is the session that offers it there, and is the URI complete?",
        uris::error::NOT_AUTHORIZED => "`countersign role allow` grants it; --user names another user",
        uris::error::NO_AVAILABLE_CALLEE => "try again later",
        uris::error::TIMEOUT => "--timeout gives more time",
        _ => return text,
    };
    format!("{text} ({hint})")
}

/// Why no more events come.
pub fn end_of_events(subscription: Option<SubscriptionEnd>, session: Option<Ended>) -> String {
    match (session, subscription) {
        (Some(Ended::Goodbye { reason, details } | Ended::Aborted { reason, details }), _) => {
            format!("the server ended the session: {}", said(&reason, &details))
        }
        (Some(ended), _) => printable(&format!("the session is over: {ended}"), TEXT_CHARACTERS_MAX),
        (None, Some(SubscriptionEnd::Revoked { reason })) => {
            let reason = reason.unwrap_or_default();
            format!("the server took the subscription away: {}", printable(&reason, TEXT_CHARACTERS_MAX))
        }
        (None, _) => "no more events come".to_owned(),
    }
}

/// A reason with the message beside it.
fn said(reason: &str, details: &Dict) -> String {
    let reason = printable(reason, TEXT_CHARACTERS_MAX);
    match details.get("message").and_then(Value::as_str) {
        Some(message) => format!("{} ({reason})", printable(message, TEXT_CHARACTERS_MAX)),
        None => reason,
    }
}
