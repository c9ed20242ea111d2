//! The [`Repository`](countersign_identity::repository::Repository) of the rules on SQLite and
//! on PostgreSQL.
//!
//! Each operation is written once, in `ops`, over the small trait `tx::Tx`; what the engines
//! do differently is in `sqlite`, `postgres` and the migration files, nowhere else. Both run
//! the same suite, `conformance`.
//!
//! **Invariant:** an operation is one transaction that holds the rule's write and its audit
//! rows; its outcome is answered after the commit. Security decisions are conditional writes
//! whose row count decides.
//!
//! **Absent on purpose:** rules, a clock, randomness. Whatever an operation needs to know is
//! in its value.

#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod error;
mod foreign;
mod history;
mod migrate;
mod ops;
mod postgres;
mod record;
mod seal;
mod sqlite;
mod stats;
mod store;
#[cfg(test)]
mod tests;
mod tx;
mod value;

pub use error::{KeyringError, OpenError};
pub use foreign::{ForeignDatabase, ForeignError, ForeignRow};
pub use history::{AppendHistory, HistoryEvent, HistoryKey, ReadHistory, TrimHistory};
pub use postgres::PostgresSettings;
pub use seal::{Keyring, SealKey};
pub use sqlite::SqliteSettings;
pub use stats::StoreStats;
pub use store::{Ping, Store};
