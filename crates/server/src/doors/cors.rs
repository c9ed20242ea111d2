//! Which pages of other origins may read what a browser gets here: none but those that
//! `[http] origins` lists.
//!
//! Source: the Fetch standard, "CORS protocol".

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Doors;

/// How long a browser may remember the permission, in seconds.
const REMEMBERED_SECONDS: &str = "600";

/// What the layer of one door has to know.
#[derive(Debug, Clone)]
pub struct Cors {
    doors: Arc<Doors>,
    methods: &'static str,
}

impl Cors {
    /// For a door whose routes have these methods, as in the header `Allow`.
    pub fn new(doors: &Arc<Doors>, methods: &'static str) -> Self {
        Self { doors: Arc::clone(doors), methods }
    }
}

/// Answers a browser's question beforehand, and marks answers as readable by listed origins.
pub async fn cors(State(Cors { doors, methods }): State<Cors>, request: Request, next: Next) -> Response {
    let origin = allowed(request.headers(), &doors.app.config.http.origins);
    let is_question =
        request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &origin {
        Some(_) if is_question => {
            let fixed = [
                (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, x-totp-code"),
                (header::ACCESS_CONTROL_MAX_AGE, REMEMBERED_SECONDS),
            ];
            (StatusCode::NO_CONTENT, fixed).into_response()
        }
        _ => next.run(request).await,
    };
    let headers = response.headers_mut();
    if !doors.app.config.http.origins.is_empty() {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        // autobahn-js asks for it always; there is nothing here that a cookie opens.
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
    }
    response
}

/// The request's origin, if it is a listed one.
fn allowed(headers: &HeaderMap, origins: &[String]) -> Option<HeaderValue> {
    let origin = headers.get(header::ORIGIN)?;
    origins.iter().any(|listed| listed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_allowed_only_as_it_is_listed() {
        let listed = ["https://app.example".to_owned(), "http://localhost:3000".to_owned()];
        let check = |origin: &'static str, want: bool| {
            let headers = HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
            assert_eq!(allowed(&headers, &listed).is_some(), want, "{origin}");
        };
        check("https://app.example", true);
        check("http://localhost:3000", true);
        check("http://app.example", false);
        check("https://app.example:8443", false);
        check("https://app.example.evil.example", false);
        check("null", false);
        check("", false);
        assert!(allowed(&HeaderMap::new(), &listed).is_none());
    }
}
