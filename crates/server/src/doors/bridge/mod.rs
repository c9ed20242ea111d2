//! The HTTP bridge: one call or one publication by one request.
//!
//! `POST /call` and `POST /publish` take JSON, and the credentials that a WAMP session takes. The
//! request has a session of its own ([`visit`]), so who asks is seen, and what they may do is the
//! realm's decision.
//!
//! **Invariant:** nothing of a body is read before its sender has logged in.
//!
//! **Invariant:** no page can make a browser send such a request on its own: the body is JSON,
//! which takes a browser's question beforehand (`cors.rs`), and no cookie is looked at.

mod json;
mod status;
mod visit;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use countersign_wamp::{DecodeLimits, Message, Payload, uris};

use super::Doors;
use super::cors::{Cors, cors};
use super::credentials::Credentials;
use super::http::text;
use super::request::{Sender, private, read_body};
use json::BadRequest;
use visit::{Answer, NotIn, Visit};

/// Seconds after which a request may be repeated that found no room.
const BUSY_RETRY_SECONDS: u64 = 1;
/// What a client may log in with.
const CHALLENGES: [&str; 2] = ["Bearer realm=\"countersign\"", "Basic realm=\"countersign\", charset=\"UTF-8\""];

/// The routes.
pub fn routes(doors: &Arc<Doors>) -> Router {
    Router::new()
        .route("/call", post(|doors, request| answer(doors, request, json::call)))
        .route("/publish", post(|doors, request| answer(doors, request, json::publish)))
        .layer(from_fn_with_state(Cors::new(doors, "POST"), cors))
        .with_state(Arc::clone(doors))
}

type ReadBody = fn(&[u8], DecodeLimits) -> Result<Message, BadRequest>;

async fn answer(State(doors): State<Arc<Doors>>, request: Request, read: ReadBody) -> Response {
    let (head, body) = request.into_parts();
    let sender = match Sender::admit(&doors, &head) {
        Ok(sender) => sender,
        Err(refusal) => return refusal.into_response(),
    };
    if !is_json(&head.headers) {
        let text = "the body has to be JSON, and its content type application/json";
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, uris::error::INVALID_ARGUMENT, text);
    }
    let Some(credentials) = Credentials::read(&head.headers) else {
        return challenge(uris::error::AUTHENTICATION_REQUIRED, "credentials are missing: Bearer or Basic");
    };
    let visit = match Visit::begin(&doors, &sender.peer, &credentials).await {
        Ok(visit) => visit,
        Err(not_in) => return refused(&doors, not_in),
    };
    drop(credentials);
    let _signed_in = sender.signed_in(&doors);
    let longest = Duration::from_secs(doors.app.config.http.call_seconds_max);
    let working = async {
        let body = match read_body(&head, body, doors.app.config.limits.message_bytes_max, longest).await {
            Ok(body) => body,
            Err(error) => return problem(error.status(), uris::error::INVALID_ARGUMENT, &error.to_string()),
        };
        match read(&body, doors.decode_limits()) {
            Ok(message) => said(&doors, visit.ask(message).await),
            Err(error) => problem(StatusCode::BAD_REQUEST, uris::error::INVALID_ARGUMENT, &error.to_string()),
        }
    };
    match tokio::time::timeout(longest, working).await {
        Ok(response) => response,
        Err(_) => problem(StatusCode::GATEWAY_TIMEOUT, uris::error::TIMEOUT, "there was no answer in time"),
    }
}

/// A browser sends this content type to another origin only after it was allowed to.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = text(headers, &header::CONTENT_TYPE).split(';').next().unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

fn said(doors: &Doors, answer: Answer) -> Response {
    match answer {
        Answer::Result(payload) => respond(StatusCode::OK, json::answer(None, payload)),
        Answer::Published(publication) => respond(StatusCode::OK, format!("{{\"id\":{publication}}}").into_bytes()),
        Answer::Error(uri, payload) => {
            respond(status::status(&uri, doors.procedures.errors()), json::answer(Some(&uri), payload))
        }
    }
}

fn refused(doors: &Doors, not_in: NotIn) -> Response {
    let errors = doors.procedures.errors();
    match not_in {
        NotIn::Denied => challenge(&errors.permission_denied, "Permission Denied"),
        NotIn::Throttled => {
            let text = "too many attempts to log in";
            let wait = doors.app.config.throttle().delay_max.as_secs().max(1);
            later(problem(StatusCode::TOO_MANY_REQUESTS, &errors.permission_denied, text), wait)
        }
        NotIn::CodesThrottled => {
            let wait = doors.app.identity.settings().sign_on.factor.throttle.window.as_secs();
            later(problem(StatusCode::TOO_MANY_REQUESTS, &errors.permission_denied, "too many wrong codes"), wait)
        }
        NotIn::Busy => {
            let response = problem(StatusCode::SERVICE_UNAVAILABLE, &errors.unavailable, "too many logins at once");
            later(response, BUSY_RETRY_SECONDS)
        }
        NotIn::Failed(cid) => {
            let text = format!("the login failed on the server's side; reference {cid}");
            problem(StatusCode::SERVICE_UNAVAILABLE, &errors.unavailable, &text)
        }
    }
}

fn challenge(uri: &str, text: &str) -> Response {
    let mut response = problem(StatusCode::UNAUTHORIZED, uri, text);
    for scheme in CHALLENGES {
        response.headers_mut().append(header::WWW_AUTHENTICATE, HeaderValue::from_static(scheme));
    }
    response
}

fn later(mut response: Response, seconds: u64) -> Response {
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    response
}

/// An error of the bridge itself, in the form that all errors have.
fn problem(status: StatusCode, uri: &str, text: &str) -> Response {
    respond(status, json::answer(Some(uri), Payload::of(text)))
}

fn respond(status: StatusCode, body: Vec<u8>) -> Response {
    private((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}
