//! HELLO to WELCOME.

use bytes::BytesMut;
use countersign_wamp::{Dict, Id, Message, Value, encode, uris};

use crate::auth::{AuthError, Authenticator, ChallengeAnswer, Channel};
use crate::error::{ConnectError, RecvError};
use crate::options::ConnectOptions;
use crate::raw::RawConnection;

/// CHALLENGEs that are answered on one connection.
const CHALLENGES_MAX: usize = 8;

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
            "sharded_registration",
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
            "sharded_registration",
            "shared_registration",
        ],
    ),
    (
        "publisher",
        &[
            "payload_passthru_mode",
            "publisher_exclusion",
            "publisher_identification",
            "sharded_subscription",
            "subscriber_blackwhite_listing",
        ],
    ),
    (
        "subscriber",
        &[
            "event_retention",
            "pattern_based_subscription",
            "payload_passthru_mode",
            "publication_trustlevels",
            "publisher_identification",
            "sharded_subscription",
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
    let mut ways: Vec<Way> = options.auth.begin().into_iter().map(|way| Way { way, was_asked: false }).collect();
    let hello = hello(options, &mut ways, connection.channel())?;
    send(connection, &hello).await?;
    let mut challenges = 0;
    loop {
        match connection.recv().await {
            Ok(Message::Welcome { session, details }) => {
                if let Err(error) = check_welcome(&mut ways, &details) {
                    return gave_up(connection, error).await;
                }
                return Ok(Welcome { session, details });
            }
            Ok(Message::Abort { details, reason }) => {
                return Err(ConnectError::Aborted { reason: reason.as_str().to_owned(), details });
            }
            Ok(Message::Challenge { method, extra }) => {
                challenges += 1;
                let way = way_for(&mut ways, &method).filter(|_| challenges <= CHALLENGES_MAX);
                let Some(way) = way else {
                    let why = "no answer to this challenge";
                    abort(connection, uris::error::AUTHENTICATION_FAILED, why).await;
                    return Err(ConnectError::Challenge { method: method.into() });
                };
                way.was_asked = true;
                match way.way.on_challenge(&method, &extra).await {
                    Ok(ChallengeAnswer { signature, extra }) => {
                        send(connection, &Message::Authenticate { signature, extra }).await?;
                    }
                    Err(error) => return gave_up(connection, error).await,
                }
            }
            Ok(other) => {
                let why = format!("{} before WELCOME", other.message_type().name());
                return violated(connection, why).await;
            }
            Err(RecvError::Decode(error)) => return violated(connection, error.to_string()).await,
            Err(RecvError::Closed(closed)) => return Err(ConnectError::Closed(closed)),
        }
    }
}

/// One of the ways to sign in on this connection.
struct Way {
    way: Box<dyn Authenticator>,
    was_asked: bool,
}

/// The way that answers a challenge: of several for one method each in its turn.
fn way_for<'a>(ways: &'a mut [Way], method: &str) -> Option<&'a mut Way> {
    let knows = |way: &Way| way.way.methods().iter().any(|known| known == method);
    let fresh = ways.iter().position(|way| knows(way) && !way.was_asked);
    let at = fresh.or_else(|| ways.iter().rposition(knows))?;
    ways.get_mut(at)
}

/// Those who were asked must agree. If nobody was, one that needs no challenge must be there: a
/// server that has to prove something can't get around it.
fn check_welcome(ways: &mut [Way], details: &Dict) -> Result<(), AuthError> {
    let somebody_was_asked = ways.iter().any(|way| way.was_asked);
    let mut refused = Ok(());
    for Way { way, was_asked } in ways {
        match way.on_welcome(details) {
            Ok(()) if !somebody_was_asked => return Ok(()),
            Err(error) if *was_asked || !somebody_was_asked => refused = refused.and(Err(error)),
            _ => {}
        }
    }
    refused
}

fn hello(options: &ConnectOptions, ways: &mut [Way], channel: &Channel) -> Result<Message, ConnectError> {
    let roles: Dict = FEATURES
        .iter()
        .map(|(role, features)| {
            let features: Dict = features.iter().map(|name| ((*name).to_owned(), true.into())).collect();
            ((*role).to_owned(), Dict::new().with("features", features).into())
        })
        .collect();
    let mut details = Dict::new().with("roles", roles).with("agent", options.agent.as_str());
    let (mut authid, mut methods, mut authextra) = (None, Vec::new(), options.authextra.clone());
    for Way { way, .. } in ways {
        let greeting = way.greet(channel).map_err(ConnectError::Auth)?;
        authid = authid.or(greeting.authid);
        methods.extend(way.methods().into_iter().map(Value::from));
        for (key, value) in greeting.authextra {
            if authextra.get(&key).is_none() {
                authextra.push(key, value);
            }
        }
    }
    if let Some(authid) = authid {
        details.push("authid", authid);
    }
    details.push("authmethods", methods);
    if !authextra.is_empty() {
        details.push("authextra", authextra);
    }
    Ok(Message::Hello { realm: options.realm.as_str().into(), details })
}

/// This side can't go on.
async fn gave_up<T>(connection: &mut RawConnection, error: AuthError) -> Result<T, ConnectError> {
    abort(connection, uris::error::AUTHENTICATION_FAILED, "the client can't go on with this authentication").await;
    Err(ConnectError::Auth(error))
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
