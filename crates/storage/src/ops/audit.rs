//! The audit trail: rows appended and searched.

use std::borrow::Cow;
use std::future::{Ready, ready};

use countersign_identity::audit::{AuditEvent, AuditRow, Operation, Outcome, Reason};
use countersign_identity::audit_chain::Link;
use countersign_identity::repository::{RecordAudit, SearchAudit};

use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

/// Longest text in a column, in characters. PostgreSQL refuses index entries of more than 2704
/// bytes, and a stranger's text must not make an operation fail.
const TEXT_CHARACTERS_MAX: usize = 256;

/// The columns of a row behind its position and its link.
macro_rules! columns {
    () => {
        "at, cid, request, actor, target, operation, application, address, agent, claimed_address, claimed_agent, \
        outcome, reason, detail"
    };
}
/// Their placeholders.
macro_rules! values {
    () => {
        "$3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16"
    };
}
pub(crate) use {columns, values};

/// A row's values: two for its place in the chain, then those of its columns.
pub fn parameters<'a>(place: [Param<'a>; 2], event: &'a AuditEvent) -> [Param<'a>; 16] {
    let [one, other] = place;
    [
        one,
        other,
        Param::Int(event.at.micros()),
        Param::Text(&event.cid),
        Param::Text(&event.request),
        Param::Text(&event.actor),
        Param::Text(&event.target),
        Param::Text(event.operation.name()),
        Param::Text(&event.application),
        Param::Text(&event.address),
        Param::Text(&event.agent),
        Param::Text(&event.claimed_address),
        Param::Text(&event.claimed_agent),
        Param::Text(event.outcome.name()),
        Param::optional(event.reason.map(Reason::name)),
        Param::Text(&event.detail),
    ]
}

/// Stores the row of something that was done.
pub fn accept<T: Tx>(tx: &mut T, event: &AuditEvent) -> Ready<Result<(), TxError>> {
    append(tx, event, event.outcome, event.reason);
    ready(Ok(()))
}

/// Stores the row of something that was refused.
pub fn refuse<T: Tx>(tx: &mut T, event: &AuditEvent, reason: Reason) -> Ready<Result<(), TxError>> {
    append(tx, event, Outcome::Refused, Some(reason));
    ready(Ok(()))
}

/// Its texts are cut first: the chain is over what is stored.
fn append<T: Tx>(tx: &mut T, event: &AuditEvent, outcome: Outcome, reason: Option<Reason>) {
    let text = |text: &str| storable(text).into_owned();
    tx.append_audit(AuditEvent {
        at: event.at,
        cid: text(&event.cid),
        request: text(&event.request),
        actor: text(&event.actor),
        target: text(&event.target),
        operation: event.operation,
        application: text(&event.application),
        address: text(&event.address),
        agent: text(&event.agent),
        claimed_address: text(&event.claimed_address),
        claimed_agent: text(&event.claimed_agent),
        outcome,
        reason,
        detail: text(&event.detail),
    });
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
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<AuditRow>, TxError> {
        let texts = [&self.cid, &self.actor, &self.target, &self.user];
        let [cid, actor, target, user] = texts.map(|text| text.as_deref().map(storable));
        let mut filter = Filter::new();
        filter.and("cid = $", cid.as_deref().map(Param::Text));
        filter.and("actor = $", actor.as_deref().map(Param::Text));
        filter.and("target = $", target.as_deref().map(Param::Text));
        filter.and("$ IN (actor, target)", user.as_deref().map(Param::Text));
        filter.and("operation = $", self.operation.map(|operation| Param::Text(operation.name())));
        filter.and("outcome = $", self.outcome.map(|outcome| Param::Text(outcome.name())));
        filter.and("at >= $", self.since.map(|time| Param::Int(time.micros())));
        filter.and("at < $", self.until.map(|time| Param::Int(time.micros())));
        // A position beyond the range has nothing behind it, and everything before it.
        let position = |position: Option<u64>| position.map(|it| Param::Int(i64::try_from(it).unwrap_or(i64::MAX)));
        filter.and("sequence > $", position(self.after));
        filter.and("sequence < $", position(self.before));
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
        Self { sql: concat!("SELECT sequence, link, ", columns!(), " FROM audit").to_owned(), params: Vec::new() }
    }

    /// Adds a condition, in which `$` stands for the value.
    fn and(&mut self, condition: &'static str, value: Option<Param<'a>>) {
        let Some(value) = value else { return };
        self.sql.push_str(if self.params.is_empty() { " WHERE " } else { " AND " });
        self.add(condition, value);
    }

    fn finish(mut self, order: &'static str, limit: u32) -> (String, Vec<Param<'a>>) {
        self.sql.push_str(" ORDER BY sequence ");
        self.sql.push_str(order);
        self.add(" LIMIT $", Param::Int(limit.into()));
        (self.sql, self.params)
    }

    fn add(&mut self, text: &'static str, value: Param<'a>) {
        self.params.push(value);
        self.sql.push_str(&text.replace('$', &format!("${}", self.params.len())));
    }
}

/// A row of position, link and [`columns`].
pub fn audit_row(row: Row) -> Result<AuditRow, TxError> {
    let mut record = Record::new("audit", row);
    let sequence = record.key_int()?;
    Ok(AuditRow {
        sequence: u64::try_from(sequence).map_err(|error| record.corrupt("sequence", error))?,
        link: Link::from_bytes(record.bytes("link")?),
        event: AuditEvent {
            at: record.time("at")?,
            cid: record.text("cid")?,
            request: record.text("request")?,
            actor: record.text("actor")?,
            target: record.text("target")?,
            operation: record.named("operation", Operation::from_name)?,
            application: record.text("application")?,
            address: record.text("address")?,
            agent: record.text("agent")?,
            claimed_address: record.text("claimed_address")?,
            claimed_agent: record.text("claimed_agent")?,
            outcome: record.named("outcome", Outcome::from_name)?,
            reason: record.optional_named("reason", Reason::from_name)?,
            detail: record.text("detail")?,
        },
    })
}
