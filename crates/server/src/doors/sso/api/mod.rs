//! What the sign-on API offers, as data: from it come the `OpenAPI` document and the page that shows it.
//!
//! A test asks the running server for every operation, and for every verb that is not here.

mod openapi;
mod operations;
mod page;

use axum::Router;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing;

pub use self::openapi::document;

/// One operation.
#[derive(Debug)]
pub struct Operation {
    /// Below `/sso` and `/zato/sso`.
    pub path: &'static str,
    /// The HTTP method in lower case.
    pub verb: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Who may ask for it.
    pub who: Who,
    /// What may be asked with, beside `current_app` and `cid`.
    pub asks: &'static [Field],
    /// What is answered, beside `cid`, `status` and `sub_status`.
    pub answers: &'static [Field],
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// Everybody.
    Anybody,
    /// Whoever has a session; super-users for others as well.
    Session,
    /// Super-users.
    SuperUser,
}

impl Who {
    fn words(self) -> &'static str {
        match self {
            Self::Anybody => "anybody",
            Self::Session => "whoever has a session; for others: super-users",
            Self::SuperUser => "super-users",
        }
    }
}

/// One field.
#[derive(Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a request without it is none, or every answer has it.
    pub is_required: bool,
    /// What it means.
    pub about: &'static str,
}

/// What a field holds. Each may be null.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text; in requests a number stands for its digits.
    Text,
    /// A truth value; in requests also words such as `yes` and `off`.
    Truth,
    /// A whole number.
    Number,
    /// Any JSON.
    Any,
    /// A list of texts.
    Texts,
    /// A list of objects with these fields.
    Rows(&'static [Field]),
}

macro_rules! verbs {
    ($($verb:ident),+) => {
        $(const fn $verb(
            path: &'static str,
            summary: &'static str,
            who: Who,
            asks: &'static [Field],
            answers: &'static [Field],
        ) -> Operation {
            Operation { path, verb: stringify!($verb), summary, who, asks, answers }
        })+
    };
}

verbs!(get, post, patch, put, delete);

/// A field that has to be there.
const fn need(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, is_required: true, about }
}

/// A field that may be there.
const fn may(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, is_required: false, about }
}

/// The document at `/openapi.json`, and the page at `/api`.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/openapi.json", routing::get(async || json(&document())))
        .route("/api", routing::get(async || shown()))
}

fn json(document: &serde_json::Value) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], format!("{document:#}\n"))
}

fn shown() -> impl IntoResponse {
    // Nothing on the page comes from elsewhere, and nothing on it runs.
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(page::page()))
}
