//! Records of URIs: what is tracked, what is documented, what is told.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod alerts;
mod documents;
mod lists;
mod tracking;

pub use tracking::FIELDS;

use std::time::Duration;

use countersign_client::{CallError, Dict, InvokePolicy, MatchPolicy, RegisterOptions, Registration, Session, Value};
use countersign_testkit::{Server, eventually};
use serde_json::Value as Json;

use super::support::{PASSWORD, call, server, server_with, sign_in};

/// What the server does by itself takes well under a second.
const SOON: Duration = Duration::from_secs(10);
const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const INVALID_ARGUMENT: &str = "com.izaber.wamp.error.invalidargument";

async fn with_users(server: Server) -> Server {
    for (login, role) in [("zoe", "trust"), ("bob", "backend"), ("kristen98", "frontend")] {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}

/// A session with this login.
async fn as_user(server: &Server, login: &str) -> Session {
    sign_in(server, login, PASSWORD).await.unwrap()
}

fn options() -> RegisterOptions {
    RegisterOptions::new()
}

/// Registers a procedure that answers null.
async fn register(session: &Session, uri: &str, options: RegisterOptions) -> Result<Registration, (String, String)> {
    let answer = |_| async { Ok::<_, countersign_client::HandlerError>(vec![Value::Null]) };
    match session.register(uri, options, answer).await {
        Ok(registration) => Ok(registration),
        Err(CallError::Remote { error, args, .. }) => {
            Err((error, args.first().and_then(Value::as_str).unwrap_or_default().to_owned()))
        }
        Err(other) => panic!("{uri}: {other}"),
    }
}

/// `uri show`, if there is a record.
async fn record(server: &Server, uri: &str) -> Option<Json> {
    let output = server.cli(&["uri", "show", uri, "--json"], "").await;
    (output.code == Some(0)).then(|| serde_json::from_str(&output.stdout).unwrap())
}

/// The record, once it is so.
async fn record_that(server: &Server, uri: &str, what: &str, is_so: impl Fn(&Json) -> bool) -> Json {
    eventually(what, SOON, async || record(server, uri).await.filter(&is_so)).await
}

fn is_active(record: &Json) -> bool {
    record["active"] == true
}

/// Sets something of a URI by the command.
async fn set(server: &Server, uri: &str, arguments: &[&str]) -> Json {
    let arguments = [&["uri", "set", uri, "--json"], arguments].concat();
    serde_json::from_str(&server.cli(&arguments, "").await.ok()).unwrap()
}
