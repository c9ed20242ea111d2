//! HELLO to WELCOME.

use bytes::BytesMut;
use countersign_wamp::{Dict, Id, Message, Value, encode, uris};

use crate::error::{ConnectError, RecvError};
use crate::options::{Auth, ConnectOptions};
use crate::raw::RawConnection;

const METHOD_ANONYMOUS: &str = "anonymous";
const METHOD_TICKET: &str = "ticket";

/// What this crate does of the advanced profile, by role.
const FEATURES: [(&str, &[&str]); 4] = [
    (
        "caller",
        &[
            "caller_identification",
            "call_canceling",
            "call_timeout",
            "payload_passthru_mode",
            "progressive_call_invocations",
            "progressive_call_results",
        ],
    ),
    (
        "callee",
        &[
            "caller_identification",
            "call_canceling",
            "call_timeout",
            "call_trustlevels",
            "pattern_based_registration",
            "payload_passthru_mode",
            "progressive_call_invocations",
            "progressive_call_results",
            "registration_revocation",
            "shared_registration",
        ],
    ),
    (
        "publisher",
        &["payload_passthru_mode", "publisher_exclusion", "publisher_identification", "subscriber_blackwhite_listing"],
    ),
    (
        "subscriber",
        &[
            "event_retention",
            "pattern_based_subscription",
            "payload_passthru_mode",
            "publication_trustlevels",
            "publisher_identification",
            "subscription_revocation",
        ],
    ),
];

/// What the server said about the new session.
pub(crate) struct Welcome {
    pub(crate) session: Id,
    pub(crate) details: Dict,
}

/// Opens a session on a fresh connection.
pub(crate) async fn join(connection: &mut RawConnection, options: &ConnectOptions) -> Result<Welcome, ConnectError> {
    send(connection, &hello(options)).await?;
    let mut ticket_sent = false;
    loop {
        match connection.recv().await {
            Ok(Message::Welcome { session, details }) => return Ok(Welcome { session, details }),
            Ok(Message::Abort { details, reason }) => {
                return Err(ConnectError::Aborted { reason: reason.as_str().to_owned(), details });
            }
            Ok(Message::Challenge { method, .. }) => match &options.auth {
                Auth::Ticket { ticket, extra, .. } if method == METHOD_TICKET && !ticket_sent => {
                    ticket_sent = true;
                    let answer = Message::Authenticate { signature: ticket.clone(), extra: extra.clone() };
                    send(connection, &answer).await?;
                }
                _ => {
                    let why = "no answer to this challenge";
                    abort(connection, uris::error::AUTHENTICATION_FAILED, why).await;
                    return Err(ConnectError::Challenge { method: method.into() });
                }
            },
            Ok(other) => {
                let why = format!("{} before WELCOME", other.message_type().name());
                return violated(connection, why).await;
            }
            Err(RecvError::Decode(error)) => return violated(connection, error.to_string()).await,
            Err(RecvError::Closed(closed)) => return Err(ConnectError::Closed(closed)),
        }
    }
}

fn hello(options: &ConnectOptions) -> Message {
    let roles: Dict = FEATURES
        .iter()
        .map(|(role, features)| {
            let features: Dict = features.iter().map(|name| ((*name).to_owned(), true.into())).collect();
            ((*role).to_owned(), Dict::new().with("features", features).into())
        })
        .collect();
    let mut details = Dict::new().with("roles", roles).with("agent", options.agent.as_str());
    let method = match &options.auth {
        Auth::Anonymous => METHOD_ANONYMOUS,
        Auth::Ticket { authid, .. } => {
            details.push("authid", authid.as_str());
            METHOD_TICKET
        }
    };
    details.push("authmethods", vec![Value::from(method)]);
    if !options.authextra.is_empty() {
        details.push("authextra", options.authextra.clone());
    }
    Message::Hello { realm: options.realm.as_str().into(), details }
}

async fn send(connection: &mut RawConnection, message: &Message) -> Result<(), ConnectError> {
    let mut frame = BytesMut::new();
    encode(connection.encoding(), message, &mut frame);
    if frame.len() > connection.limit_bytes() {
        return Err(ConnectError::TooLong);
    }
    connection.send_frame(frame).await.map_err(ConnectError::Transport)
}

async fn violated<T>(connection: &mut RawConnection, why: String) -> Result<T, ConnectError> {
    abort(connection, uris::error::PROTOCOL_VIOLATION, &why).await;
    Err(ConnectError::ProtocolViolation(why))
}

/// Tells the server why. It may be gone already; the caller has its error in any case.
async fn abort(connection: &mut RawConnection, reason: &str, why: &str) {
    let message = Message::Abort { details: Dict::new().with("message", why), reason: reason.into() };
    let _ = connection.send(&message).await;
    let _ = connection.close().await;
}
