//! Records over the bus: who sees which, and how they are searched.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod changes;
mod key_changes;
mod keys;
mod query;
mod uris;
mod values;

use countersign_client::{Client, Dict, Session, Value};
use countersign_testkit::{Door, Server};

use super::support::{PASSWORD, call, reach, sign_in, text};

const NOT_AUTHORIZED: &str = "wamp.error.not_authorized";
const INVALID_ARGUMENT: &str = "com.izaber.wamp.error.invalidargument";
const DENIED: &str = "com.izaber.wamp.error.permissiondenied";
/// In both spellings.
const SPELLINGS: [&str; 2] = ["com.izaber.wamp.system.db", "system.db"];
const LONG: &str = SPELLINGS[0];

async fn with_users(server: Server) -> Server {
    for (login, role) in [("kristen98", "frontend"), ("jsmith1234", "frontend"), ("zoe", "trust"), ("bob", "backend")] {
        server.add_user(login, role, PASSWORD).await;
    }
    // The shipped roles reach the long spellings only.
    for role in ["frontend", "backend"] {
        server.cli(&["role", "allow", role, "system.db.*", "c"], "").await.ok();
    }
    server
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

/// `[field, operator, value]`
fn is(field: &str, operator: &str, value: impl Into<Value>) -> Value {
    list([field.into(), operator.into(), value.into()])
}

/// `[combiner, [filters]]`
fn joined(combiner: &str, filters: impl IntoIterator<Item = Value>) -> Value {
    list([combiner.into(), list(filters)])
}

async fn query(session: &Session, collection: &str, conditions: Value) -> Result<Dict, (String, String)> {
    let found = call(session, &format!("{LONG}.query"), vec![collection.into(), conditions]).await?;
    Ok(found.as_dict().unwrap().clone())
}

fn records(page: &Dict) -> Vec<Dict> {
    let records = page.get("records").and_then(Value::as_list).unwrap();
    records.iter().map(|record| record.as_dict().unwrap().clone()).collect()
}

/// A field of each record.
fn each(page: &Dict, field: &str) -> Vec<String> {
    records(page).iter().map(|record| text(record, field)).collect()
}

fn hits(page: &Dict) -> u64 {
    page.get("hits").and_then(Value::as_u64).unwrap()
}

fn fields(record: &Dict) -> Vec<&str> {
    record.iter().map(|(field, _)| field).collect()
}

async fn anonymous(server: &Server) -> Session {
    Client::connect(reach(server, Door::Http)).await.unwrap()
}

/// A session that was opened with a one-time password of the caller's.
async fn otp_session(server: &Server, session: &Session) -> Session {
    let otp = call(session, "com.izaber.wamp.my.otp.create", vec![]).await.unwrap();
    let otp = otp.as_dict().unwrap();
    sign_in(server, &text(otp, "login"), &text(otp, "plaintext_key")).await.unwrap()
}
