//! Records of URIs: who registered what, since when, and who looks after it.
//!
//! A record begins with the first registration of a procedure or pattern, or when somebody documents it. It says whether
//! it is registered now, keeps the last connections, and holds what is to be told when nobody registers it any more.
//!
//! Source: contract of the bus, sections 4.8 and 6.5.
//!
//! **Invariants:** what is documented decides about rights marked `!`, so a change of it is in the audit trail. What the
//! router sees (connections, activity) is written by the router's own account alone, never by a request.

pub mod alerts;
mod edit;
pub mod import;
mod key;
pub mod operations;
mod schedule;
mod update;

pub use edit::{Asker, UriError};
pub use key::{UriKey, UriKeyError, UriPolicy};
pub use schedule::{Schedule, ScheduleError};
pub use update::{Change, UriUpdate, UriUpdateError, WarnSettings};

use crate::Timestamp;

/// Connections that a record remembers, beside those that are open.
pub const HISTORY_MAX: u32 = 100;
/// Records that there can be, unless set otherwise.
pub const RECORDS_MAX: u32 = 100_000;

/// What is known of a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriRecord {
    /// Which procedure or pattern.
    pub key: UriKey,
    /// Whether somebody has registered it.
    pub is_active: bool,
    /// Whether it is the server's own.
    pub is_system: bool,
    /// How calls are spread, as the last registration said.
    pub invoke: Option<String>,
    /// What it is for.
    pub description: String,
    /// Who looks after it.
    pub contact: String,
    /// When it was last registered; before that, when the record was made.
    pub created: Timestamp,
    /// Who registered it last.
    pub last: LastCallee,
    /// Since when nobody has it registered; `None` while somebody has.
    pub disconnected: Option<Timestamp>,
    /// What is to be told when it is gone.
    pub warn: WarnSettings,
    /// When it was last told that it is gone, if it is gone still.
    pub warned: Option<Timestamp>,
    /// When it was last told that it comes and goes, if it does still.
    pub count_warned: Option<Timestamp>,
    /// How long a record stays that nobody registers.
    pub zombie_lifespan: Option<ZombieLifespan>,
    /// Other settings at certain times.
    pub schedule: Schedule,
    /// When the alerts have to look at it next.
    pub due: Option<Timestamp>,
}

impl UriRecord {
    /// Whether it is documented, as rights marked `!` ask for.
    pub fn is_documented(&self) -> bool {
        !self.description.is_empty() && !self.contact.is_empty()
    }
}

/// Who registered a URI last.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastCallee {
    /// The name that others saw.
    pub authid: Option<String>,
    /// From where.
    pub peer: Option<String>,
    /// In which session.
    pub session: Option<i64>,
}

/// How long a record stays that nobody registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZombieLifespan {
    /// For ever.
    Never,
    /// So many seconds after the end of the last registration.
    Seconds(u32),
}

/// A time in which a session had a URI registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// From.
    pub connected: Timestamp,
    /// Until; `None`: still.
    pub disconnected: Option<Timestamp>,
    /// The name that others saw.
    pub authid: String,
    /// From where.
    pub peer: String,
    /// The session.
    pub session: i64,
}

/// A record with its connections, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundUri {
    /// The record.
    pub record: UriRecord,
    /// At most [`HISTORY_MAX`], the newest ones.
    pub history: Vec<Connection>,
}
