//! WAMP over plain HTTP requests: one to open a transport, one that waits for messages, one for
//! each that is sent.
//!
//! To a session it is one more transport ([`pipe`]); who may come in, and what may be sent before
//! that, is decided where it is for all of them. [`transports`] knows those that are open.
//!
//! **Invariant:** whoever knows a transport's id owns it, so the id can't be guessed and is told
//! to nobody but its opener.
//!
//! Source: WAMP specification, advanced profile "HTTP Longpoll Transport". Where the chapter says
//! "202 (no content)", the answer is 204 No Content, which is what clients wait for.

mod pipe;
mod transports;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use countersign_wamp::{Encoding, Subprotocol};
use serde::{Deserialize, Serialize};

use super::connection::{self, Visitor};
use super::cors::{Cors, cors};
use super::request::{BodyError, NotAdmitted, Sender, private, read_body};
use super::{Doors, gate};
use crate::metrics::ServerLimit;
use pipe::Taken;
pub use transports::Transports;
use transports::{Opened, Transport};

/// Longest request to open a transport, in bytes.
const OPEN_BYTES_MAX: usize = 4 * 1024;
/// Longest time for the body of a message, and for those before it.
const SEND_SECONDS_MAX: Duration = Duration::from_mins(1);

/// The routes below `/lp`.
pub fn routes(doors: &Arc<Doors>) -> Router {
    Router::new()
        .route("/lp/open", post(open))
        .route("/lp/{transport}/receive", post(receive))
        .route("/lp/{transport}/send", post(send))
        .route("/lp/{transport}/close", post(close))
        .layer(from_fn_with_state(Cors::new(doors, "POST"), cors))
        .with_state(Arc::clone(doors))
}

/// Why a request is not answered with what it asks for. The client's to mend, if anybody's.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("too many connections")]
    NotAdmitted(NotAdmitted),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("{0}")]
    Malformed(String),
    #[error("there is no such transport")]
    NoSuchTransport,
    #[error("another request waits for messages already")]
    ReceivesAlready,
    #[error("the messages before this one were not taken in time")]
    Stuck,
    #[error("too many long-poll transports are open")]
    TooMany,
}

impl From<NotAdmitted> for Refusal {
    fn from(cause: NotAdmitted) -> Self {
        Self::NotAdmitted(cause)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NotAdmitted(cause) => return cause.into_response(),
            Self::Body(error) => error.status(),
            Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::NoSuchTransport => StatusCode::NOT_FOUND,
            Self::ReceivesAlready => StatusCode::CONFLICT,
            Self::Stuck | Self::TooMany => StatusCode::SERVICE_UNAVAILABLE,
        };
        private((status, format!("{self}\n")).into_response())
    }
}

#[derive(Deserialize)]
struct OpenRequest {
    protocols: Vec<String>,
}

#[derive(Serialize)]
struct OpenAnswer<'a> {
    protocol: &'a str,
    transport: &'a str,
}

async fn open(State(doors): State<Arc<Doors>>, request: Request) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let sender = Sender::admit(&doors, &head)?;
    let body = read_body(&head, body, OPEN_BYTES_MAX, doors.hello_deadline()).await?;
    let wanted: OpenRequest = serde_json::from_slice(&body)
        .map_err(|error| Refusal::Malformed(format!("not what opens a transport: {error}")))?;
    // The client's order counts, as with WebSocket.
    let subprotocol = wanted.protocols.iter().find_map(|name| Subprotocol::from_name(name)).ok_or_else(|| {
        let known: Vec<&str> = Subprotocol::all().map(Subprotocol::name).collect();
        Refusal::Malformed(format!("offer one of the protocols {}", known.join(", ")))
    })?;
    let pass: gate::Pass = doors.gate.enter(sender.peer.address).ok_or(Refusal::TooMany)?;
    let visitor = Visitor::new(sender.peer, pass);
    let http = &doors.app.config.http;
    let idle = Duration::from_secs(http.longpoll_idle_seconds_max);
    let Some(opened) = doors.transports.open(subprotocol, visitor.current.clone(), idle) else {
        doors.app.metrics.limit_reached(ServerLimit::LongpollTransports);
        doors.app.metrics.refused("too_many");
        return Err(Refusal::TooMany);
    };
    let Opened { id, source, sink, place } = opened;
    let answer = OpenAnswer { protocol: subprotocol.name(), transport: &id };
    let answer = private(axum::Json(answer).into_response());
    let tasks = doors.tasks.clone();
    tasks.spawn(async move {
        connection::run_as(subprotocol, doors, source, sink, visitor).await;
        drop(place);
    });
    Ok(answer)
}

async fn receive(
    State(doors): State<Arc<Doors>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let (transport, sender, _) = find(&doors, &id, request)?;
    let _signed_in = transport.current.get().map(|_| sender.signed_in(&doors));
    let longest = Duration::from_secs(doors.app.config.http.longpoll_receive_seconds_max);
    let mut waiting = transport.mailbox.receive().ok_or(Refusal::ReceivesAlready)?;
    let taken = tokio::time::timeout(longest, waiting.take(transport.subprotocol.is_batched)).await;
    match taken {
        Ok(Taken::Frame(frame)) => {
            let kind = [(header::CONTENT_TYPE, content_type(transport.subprotocol.encoding))];
            Ok(private((kind, frame).into_response()))
        }
        Ok(Taken::Closed) => Err(Refusal::NoSuchTransport),
        Err(_) => Ok(private(StatusCode::NO_CONTENT.into_response())),
    }
}

async fn send(State(doors): State<Arc<Doors>>, Path(id): Path<String>, request: Request) -> Result<Response, Refusal> {
    let (transport, _, (head, body)) = find(&doors, &id, request)?;
    let sending = async {
        // One by one, in the order in which they came; so one transport buffers one body.
        let inbox = transport.inbox.lock().await;
        let limits = &doors.app.config.limits;
        let bytes_max = match transport.current.get() {
            Some(_) => limits.message_bytes_max,
            None => limits.login_bytes_max.min(limits.message_bytes_max),
        };
        let frame: Bytes = read_body(&head, body, bytes_max, SEND_SECONDS_MAX).await?;
        if frame.is_empty() {
            return Err(Refusal::Malformed("a message is missing".into()));
        }
        transport.mailbox.touch();
        inbox.send(frame).await.map_err(|_| Refusal::NoSuchTransport)
    };
    tokio::time::timeout(SEND_SECONDS_MAX, sending).await.map_err(|_| Refusal::Stuck)??;
    Ok(private(StatusCode::NO_CONTENT.into_response()))
}

async fn close(State(doors): State<Arc<Doors>>, Path(id): Path<String>, request: Request) -> Result<Response, Refusal> {
    let (transport, ..) = find(&doors, &id, request)?;
    transport.mailbox.hang_up();
    doors.transports.forget(&id);
    Ok(private(StatusCode::NO_CONTENT.into_response()))
}

type Found = (Arc<Transport>, Sender, (Parts, Body));

fn find(doors: &Doors, id: &str, request: Request) -> Result<Found, Refusal> {
    let parts = request.into_parts();
    let sender = Sender::admit(doors, &parts.0)?;
    let transport = doors.transports.find(id).ok_or(Refusal::NoSuchTransport)?;
    Ok((transport, sender, parts))
}

fn content_type(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Json => "application/json",
        Encoding::MsgPack => "application/x-msgpack",
        Encoding::Cbor => "application/cbor",
        Encoding::Ubjson => "application/ubjson",
    }
}
