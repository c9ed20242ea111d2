//! The audit trail (`/audit`), for super-users. Ours: the reference had a log file.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use countersign_identity::audit_trail::AuditQuery;
use serde_json::{Value, json};

use super::codes::{NOT_ALLOWED, Refusal};
use super::fields::{BadField, Fields};
use super::{Call, Doors, handler};
use crate::admin::audit_row;

/// Rows of an answer, unless asked for otherwise.
const ROWS_DEFAULT: u32 = 100;
/// Most rows of an answer.
const ROWS_MAX: u32 = 1_000;

/// The route.
pub fn routes() -> Router<Arc<Doors>> {
    Router::new().route("/audit", get(handler(|call| Box::pin(search(call)))))
}

/// `GET /audit`: rows that fit, newest first, and where the next page begins.
async fn search(call: &Call) -> Result<Value, Refusal> {
    let caller = call.caller("ust").await?;
    if !caller.is_super_user() {
        return Err(Refusal::code(NOT_ALLOWED));
    }
    let query = query(&call.fields)?;
    let limit = query.limit;
    let rows = call.app.identity.search_audit(query).await?;
    let is_whole = u32::try_from(rows.len()).is_ok_and(|rows| rows < limit);
    let cursor = rows.last().filter(|_| !is_whole).map(|row| row.sequence);
    Ok(json!({ "result": rows.iter().map(audit_row).collect::<Vec<_>>(), "cursor": cursor }))
}

/// `cid` is this request's own; what is searched for is `filter_cid`.
fn query(fields: &Fields) -> Result<AuditQuery, BadField> {
    let text = |name| fields.optional(name).map(|text| text.filter(|text| !text.is_empty()));
    let limit = match number(fields, "limit")? {
        None => ROWS_DEFAULT,
        Some(limit) => u32::try_from(limit).unwrap_or(u32::MAX).clamp(1, ROWS_MAX),
    };
    Ok(AuditQuery {
        cid: text("filter_cid")?,
        actor: text("actor")?,
        target: text("target")?,
        user: text("user")?,
        operation: text("operation")?,
        outcome: text("outcome")?,
        since: text("since")?,
        until: text("until")?,
        after: None,
        before: number(fields, "cursor")?,
        limit,
    })
}

fn number(fields: &Fields, name: &'static str) -> Result<Option<u64>, BadField> {
    let text = fields.optional(name)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(|_| BadField::Wrong(name))).transpose()
}
