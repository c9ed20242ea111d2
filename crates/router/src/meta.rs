//! The meta API: what the router itself publishes and answers below `wamp.`.
//!
//! The server's own session is part of the router: it is in no list of sessions, and nobody can
//! kill it. Registrations and subscriptions of `wamp.*` URIs are not shown either.
//!
//! Source: WAMP specification, advanced profile "Meta API"; `remove_callee` and
//! `remove_subscriber` as other routers have them.

mod arguments;
mod events;
mod history;
mod procedures;
mod registrations;
mod sessions;
mod subscriptions;
mod testaments;

use countersign_wamp::{Payload, UriPattern, Value, uris};

pub(crate) use events::{Change, MetaEvent};
pub(crate) use procedures::{OwnCall, Procedure};

/// The result of what has none: one null, because clients exist that take the first argument of
/// every RESULT (contract of the bus, section 1).
fn nothing() -> Payload {
    Payload::of(Value::Null)
}

/// Whether the meta API is silent about this pattern.
pub(crate) fn is_hidden(pattern: &UriPattern) -> bool {
    pattern.as_str().starts_with(uris::RESERVED_PREFIX)
}
