//! The sign-on API: JSON over HTTP under `/sso`, and under `/zato/sso` for programs written for Zato SSO.
//!
//! Every operation takes a JSON object, or a query string, or both, whichever the verb is; fields of the query string win.
//! The answer is an envelope: `cid`, `status`, `sub_status`, and the fields of the operation.
//!
//! Source: contract of the sign-on API, sections 0 and 1; where it differs from the reference, section 11.
//!
//! **Boundary:** handlers read fields, call one rule, write one answer. Which code an error has is said in `codes.rs` alone.

mod api;
mod attributes;
mod audit;
mod codes;
mod fields;
mod keys;
mod linked;
mod password_reset;
mod peer;
mod roles;
mod search;
mod sessions;
mod sign_up;
mod totp;
mod user;
mod users;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, any, delete, get, patch, post};
use countersign_identity::sign_on::Caller;
use countersign_identity::{RequestContext, Secret, printable};
use serde_json::{Map, Value, json};

pub use self::api::document as openapi_document;
use self::codes::Refusal;
use self::fields::Fields;
use self::peer::Ids;
use super::Doors;
use super::cors::{Cors, cors};
use super::request::{Sender, private, read_body};
use crate::app::App;
use crate::cid;
use crate::clock::now;
use crate::hub::Hub;

/// Longest body, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Longest time for a body.
const BODY_SECONDS_MAX: Duration = Duration::from_secs(10);
/// Longest correlation id and application name that are kept, in characters.
const NAME_CHARACTERS_MAX: usize = 128;

/// The methods that there are, for pages of other origins. Which of them a path has it says itself.
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";

/// The routes.
pub fn routes(doors: &Arc<Doors>) -> Router {
    let api = Router::new()
        .route("/user/login", any(handler(|call| Box::pin(users::login(call)))))
        .route("/user/logout", any(handler(|call| Box::pin(users::logout(call)))))
        .merge(password_reset::routes())
        .merge(sign_up::routes())
        .merge(user::routes())
        .merge(search::routes())
        .route("/user/totp", patch(handler(|call| Box::pin(totp::reset(call)))))
        .route("/user/totp/recovery", post(handler(|call| Box::pin(totp::recovery(call)))))
        .route("/user/totp/validate", post(handler(|call| Box::pin(totp::validate(call)))))
        .route("/user/session", sessions_route())
        .route("/user/session/list", get(handler(|call| Box::pin(sessions::list(call)))))
        .merge(attributes::routes())
        .merge(audit::routes())
        .merge(linked::routes())
        .merge(keys::routes())
        .merge(roles::routes());
    Router::new()
        .merge(api::routes())
        .nest("/sso", api.clone())
        .nest("/zato/sso", api)
        .layer(from_fn_with_state(Cors::new(doors, METHODS), cors))
        .with_state(Arc::clone(doors))
}

fn sessions_route() -> MethodRouter<Arc<Doors>> {
    patch(handler(|call| Box::pin(sessions::renew(call))))
        .merge(post(asking(|call| Box::pin(sessions::verify(call)))))
        .merge(get(handler(|call| Box::pin(sessions::get(call)))))
        .merge(delete(handler(|call| Box::pin(sessions::revoke(call)))))
}

type Answered<'a> = std::pin::Pin<Box<dyn Future<Output = Result<Value, Refusal>> + Send + 'a>>;
type Handler = for<'a> fn(&'a Call) -> Answered<'a>;

/// One request, read.
struct Call {
    app: Arc<App>,
    hub: Arc<Hub>,
    fields: Fields,
    context: RequestContext,
}

impl Call {
    /// The session token in this field.
    fn token(&self, field: &'static str) -> Result<Secret, Refusal> {
        Ok(self.app.session_token(Secret::new(self.fields.required(field)?)))
    }

    /// Who comes with the session token in this field.
    async fn caller(&self, field: &'static str) -> Result<Caller, Refusal> {
        let token = self.token(field)?;
        let found = self.app.identity.caller(&token, now()).await;
        found.map_err(|error| codes::caller_refused(error, &self.app.config.password))
    }
}

type Served = std::pin::Pin<Box<dyn Future<Output = Response> + Send>>;

/// Serves an operation that may end sessions, unless it is asked for by GET.
fn handler(operation: Handler) -> impl Fn(State<Arc<Doors>>, Request) -> Served + Clone {
    move |State(doors), request| {
        Box::pin(async move {
            let may_end = request.method() != Method::GET;
            let response = answer(&doors, request, operation).await;
            if may_end {
                doors.hub.bonds_changed();
            }
            response
        })
    }
}

/// Serves an operation that ends no session, whatever the verb.
fn asking(operation: Handler) -> impl Fn(State<Arc<Doors>>, Request) -> Served + Clone {
    move |State(doors), request| Box::pin(async move { answer(&doors, request, operation).await })
}

async fn answer(doors: &Arc<Doors>, request: Request, operation: Handler) -> Response {
    let (head, body) = request.into_parts();
    let sender = match Sender::admit(doors, &head) {
        Ok(sender) => sender,
        Err(refusal) => return refusal.into_response(),
    };
    let body = match read_body(&head, body, BODY_BYTES_MAX, BODY_SECONDS_MAX).await {
        Ok(body) => body,
        Err(error) => return respond(error.status(), &json!({ "result": "Error", "details": error.to_string() })),
    };
    let fields = match Fields::read(&body, head.uri.query()) {
        Ok(fields) => fields,
        Err(bad) => return malformed(&cid::generate(), bad),
    };
    let request = cid::generate();
    let cid = match fields.optional("cid") {
        Ok(Some(given)) if !given.is_empty() => printable(&given, NAME_CHARACTERS_MAX),
        _ => request.clone(),
    };
    let answered = run(doors, (&sender, &head.headers), fields, &Ids { cid: &cid, request: &request }, operation).await;
    match answered {
        Ok(Value::Object(answer)) => enveloped(StatusCode::OK, &cid, "ok", &[], answer),
        Ok(_) => enveloped(StatusCode::OK, &cid, "ok", &[], Map::new()),
        Err(Refusal::Malformed(bad)) => malformed(&cid, bad),
        Err(Refusal::Code { status, code }) => enveloped(status, &cid, "error", &[code], Map::new()),
        Err(Refusal::Throttled) => throttled(&cid, doors.app.config.throttle().delay_max),
        Err(Refusal::Later(wait)) => throttled(&cid, wait),
        Err(Refusal::CodesThrottled) => throttled(&cid, doors.app.identity.settings().sign_on.factor.throttle.window),
        Err(Refusal::Ours(fault)) => {
            tracing::error!(cid, request, error = ?fault, "a request of the sign-on API failed on our side");
            let internal = [codes::INTERNAL_ERROR];
            enveloped(StatusCode::INTERNAL_SERVER_ERROR, &cid, "error", &internal, Map::new())
        }
    }
}

fn throttled(cid: &str, wait: Duration) -> Response {
    let not_allowed = [codes::NOT_ALLOWED];
    let mut response = enveloped(StatusCode::TOO_MANY_REQUESTS, cid, "error", &not_allowed, Map::new());
    // Rounded up: who comes then finds room.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, seconds.max(1).into());
    response
}

async fn run(
    doors: &Arc<Doors>,
    sender: (&Sender, &HeaderMap),
    fields: Fields,
    ids: &Ids<'_>,
    operation: Handler,
) -> Result<Value, Refusal> {
    let application = fields.required("current_app")?;
    let apps = &doors.app.config.apps;
    if !apps.all.contains(&application) {
        return Err(Refusal::Code { status: StatusCode::OK, code: codes::app_invalid(apps) });
    }
    let application = printable(&application, NAME_CHARACTERS_MAX);
    let context = peer::context(doors, sender, &fields, ids, &application).await?;
    operation(&Call { app: Arc::clone(&doors.app), hub: Arc::clone(&doors.hub), fields, context }).await
}

fn enveloped(status: StatusCode, cid: &str, word: &str, codes: &[&str], rest: Map<String, Value>) -> Response {
    let mut answer = Map::new();
    answer.insert("cid".into(), cid.into());
    answer.insert("status".into(), word.into());
    answer.insert("sub_status".into(), json!(codes));
    answer.extend(rest);
    respond(status, &Value::Object(answer))
}

/// What isn't a request at all has no codes (contract, section 0.4).
fn malformed(cid: &str, bad: fields::BadField) -> Response {
    tracing::debug!(cid, %bad, "a request of the sign-on API is refused");
    respond(StatusCode::BAD_REQUEST, &json!({ "result": "Error", "cid": cid, "details": "Bad request" }))
}

fn respond(status: StatusCode, answer: &Value) -> Response {
    let body = answer.to_string();
    private((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}
