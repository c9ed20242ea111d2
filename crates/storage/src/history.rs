//! Past events of topics: what a realm remembers over restarts.
//!
//! No rule of identity is asked, so these operations belong to the store itself. What an event
//! says is bytes here; only its place in its history counts.

use std::sync::Arc;

use countersign_identity::Timestamp;
use countersign_identity::repository::Operation;
use sha2::{Digest as _, Sha256};

/// Which history an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HistoryKey([u8; HistoryKey::BYTES]);

impl HistoryKey {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// The history of a realm's topic or pattern of topics. A digest, because a pattern can be
    /// longer than what a database can index.
    pub fn new(realm: &str, policy: &str, pattern: &str) -> Self {
        let mut digest = Sha256::new();
        for part in [realm, policy, pattern] {
            // With its length, so that no two lists of parts run together to the same bytes.
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// As bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// One event, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEvent {
    /// When it was published.
    pub at: Timestamp,
    /// The publication's id; an event stands once in a history.
    pub publication: i64,
    /// The publisher's session id.
    pub publisher: i64,
    /// The topic.
    pub topic: Vec<u8>,
    /// What it counts in the limit of its history.
    pub bytes: i64,
    /// The options that restrict its receivers.
    pub restrictions: Vec<u8>,
    /// The details.
    pub details: Vec<u8>,
    /// The serializer of the arguments; `None`: there are none.
    pub content_encoding: Option<String>,
    /// The arguments.
    pub args: Vec<u8>,
    /// The keyword arguments.
    pub kwargs: Vec<u8>,
}

/// Adds events at the end of their histories. One that is there already is left alone, so that it
/// can be executed again.
#[derive(Debug, Clone)]
pub struct AppendHistory {
    /// In the order in which they came.
    pub events: Arc<[(HistoryKey, HistoryEvent)]>,
}

/// Reads a page of a history, newest first.
#[derive(Debug, Clone)]
pub struct ReadHistory {
    /// Which.
    pub history: HistoryKey,
    /// Only events before this position; `None`: from the newest.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: u32,
}

/// Removes the oldest events of a history beyond its limits. Answers how many it removed.
#[derive(Debug, Clone)]
pub struct TrimHistory {
    /// Which.
    pub history: HistoryKey,
    /// Events that stay.
    pub events_max: u64,
    /// Bytes of these together.
    pub bytes_max: u64,
    /// At most so many are removed, so that no transaction is long.
    pub limit: u32,
}

impl Operation for AppendHistory {
    type Outcome = ();
}

impl Operation for ReadHistory {
    /// Positions and events.
    type Outcome = Vec<(i64, HistoryEvent)>;
}

impl Operation for TrimHistory {
    type Outcome = u64;
}
