//! The audit trail.
//!
//! PostgreSQL gives out positions before the commits, with gaps: a row can appear behind one that was read already.
//! Whoever follows the trail with `after` allows for that; in SQLite it can't happen.

use std::borrow::Cow;

use countersign_identity::audit::{AuditEvent, AuditRow, Operation, Outcome, Reason};
use countersign_identity::repository::{RecordAudit, SearchAudit};

use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Execute, Tx};
use crate::value::{Param, Row};

/// Longest text in a column, in characters. PostgreSQL refuses index entries of more than 2704
/// bytes, and a stranger's text must not make an operation fail.
const TEXT_CHARACTERS_MAX: usize = 256;

macro_rules! columns {
    () => {
        "at, cid, actor, target, operation, application, address, agent, outcome, reason, detail"
    };
}

/// Stores the row of something that was done.
pub async fn accept<T: Tx>(tx: &mut T, event: &AuditEvent) -> Result<(), TxError> {
    append(tx, event, event.outcome, event.reason).await
}

/// Stores the row of something that was refused.
pub async fn refuse<T: Tx>(tx: &mut T, event: &AuditEvent, reason: Reason) -> Result<(), TxError> {
    append(tx, event, Outcome::Refused, Some(reason)).await
}

async fn append<T: Tx>(
    tx: &mut T,
    event: &AuditEvent,
    outcome: Outcome,
    reason: Option<Reason>,
) -> Result<(), TxError> {
    const SQL: &str =
        concat!("INSERT INTO audit (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    let texts = [&event.cid, &event.actor, &event.target, &event.application, &event.address, &event.agent];
    let [cid, actor, target, application, address, agent] = texts.map(|text| storable(text));
    let detail = storable(&event.detail);
    let params = [
        Param::Int(event.at.micros()),
        Param::Text(&cid),
        Param::Text(&actor),
        Param::Text(&target),
        Param::Text(event.operation.name()),
        Param::Text(&application),
        Param::Text(&address),
        Param::Text(&agent),
        Param::Text(outcome.name()),
        Param::optional(reason.map(Reason::name)),
        Param::Text(&detail),
    ];
    tx.execute(SQL, &params).await?;
    tx.note_audit_row();
    Ok(())
}

/// The text as it is stored and searched for: cut, and without NUL, which PostgreSQL can't
/// hold.
fn storable(text: &str) -> Cow<'_, str> {
    let cut = match text.char_indices().nth(TEXT_CHARACTERS_MAX) {
        Some((end, _)) => text.get(..end).unwrap_or(text),
        None => text,
    };
    if cut.contains('\0') { Cow::Owned(cut.replace('\0', "\u{fffd}")) } else { Cow::Borrowed(cut) }
}

impl Execute for RecordAudit {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<(), TxError> {
        accept(tx, &self.event).await
    }
}

impl Execute for SearchAudit {
    const READS: bool = true;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<AuditRow>, TxError> {
        let texts = [&self.cid, &self.actor, &self.target];
        let [cid, actor, target] = texts.map(|text| text.as_deref().map(storable));
        let mut filter = Filter::new();
        filter.and("cid =", cid.as_deref().map(Param::Text));
        filter.and("actor =", actor.as_deref().map(Param::Text));
        filter.and("target =", target.as_deref().map(Param::Text));
        filter.and("operation =", self.operation.map(|operation| Param::Text(operation.name())));
        filter.and("outcome =", self.outcome.map(|outcome| Param::Text(outcome.name())));
        filter.and("at >=", self.since.map(|time| Param::Int(time.micros())));
        filter.and("at <", self.until.map(|time| Param::Int(time.micros())));
        // A position beyond the range has nothing behind it.
        filter.and("sequence >", self.after.map(|after| Param::Int(i64::try_from(after).unwrap_or(i64::MAX))));
        let order = if self.after.is_some() { "ASC" } else { "DESC" };
        let (sql, params) = filter.finish(order, self.limit);
        tx.query(&sql, &params).await?.into_iter().map(audit_row).collect()
    }
}

/// A search with just the conditions that are asked for, so that indexes serve. Texts come
/// from this file only; values are placeholders.
struct Filter<'a> {
    sql: String,
    params: Vec<Param<'a>>,
}

impl<'a> Filter<'a> {
    fn new() -> Self {
        Self { sql: concat!("SELECT sequence, ", columns!(), " FROM audit").to_owned(), params: Vec::new() }
    }

    fn and(&mut self, condition: &'static str, value: Option<Param<'a>>) {
        let Some(value) = value else { return };
        self.sql.push_str(if self.params.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.placeholder(value);
    }

    fn finish(mut self, order: &'static str, limit: u32) -> (String, Vec<Param<'a>>) {
        self.sql.push_str(" ORDER BY sequence ");
        self.sql.push_str(order);
        self.sql.push_str(" LIMIT");
        self.placeholder(Param::Int(limit.into()));
        (self.sql, self.params)
    }

    fn placeholder(&mut self, value: Param<'a>) {
        self.params.push(value);
        self.sql.push_str(" $");
        self.sql.push_str(&self.params.len().to_string());
    }
}

fn audit_row(row: Row) -> Result<AuditRow, TxError> {
    let mut record = Record::new("audit", row);
    let sequence = record.key_int()?;
    Ok(AuditRow {
        sequence: u64::try_from(sequence).map_err(|error| record.corrupt("sequence", error))?,
        event: AuditEvent {
            at: record.time("at")?,
            cid: record.text("cid")?,
            actor: record.text("actor")?,
            target: record.text("target")?,
            operation: record.named("operation", Operation::from_name)?,
            application: record.text("application")?,
            address: record.text("address")?,
            agent: record.text("agent")?,
            outcome: record.named("outcome", Outcome::from_name)?,
            reason: record.optional_named("reason", Reason::from_name)?,
            detail: record.text("detail")?,
        },
    })
}
