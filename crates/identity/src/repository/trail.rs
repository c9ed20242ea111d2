//! Operations on the audit trail.

use crate::Timestamp;
use crate::audit::{AuditEvent, Operation as AuditedOperation, Outcome};
use crate::audit_chain::{Checkpoint, Stub};

/// Stores rows of things that change nothing else, as refusals.
#[derive(Debug)]
pub struct RecordAudit {
    /// The row.
    pub event: AuditEvent,
}

/// Reads the audit trail.
#[derive(Debug, Default)]
pub struct SearchAudit {
    /// Only this correlation id.
    pub cid: Option<String>,
    /// Only this actor.
    pub actor: Option<String>,
    /// Only this target.
    pub target: Option<String>,
    /// Only what this one did, or what was done to this one.
    pub user: Option<String>,
    /// Only this operation.
    pub operation: Option<AuditedOperation>,
    /// Only this outcome.
    pub outcome: Option<Outcome>,
    /// Only at or after this time.
    pub since: Option<Timestamp>,
    /// Only before this time.
    pub until: Option<Timestamp>,
    /// Only rows after this position, in the order of the trail; otherwise the newest rows
    /// come first.
    pub after: Option<u64>,
    /// Only rows before this position.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// Reads rows as links of the chain, in the order of the trail, whatever they hold.
#[derive(Debug)]
pub struct ReadChain {
    /// Only rows after this position; `None`: from the very first, wherever it stands.
    pub after: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// Reads the chain's head: the row that was appended last. `None` if somebody removed the head.
#[derive(Debug)]
pub struct ReadHead;

/// Reads what stands for removed rows, if any were removed.
#[derive(Debug)]
pub struct ReadStub;

/// Reads checkpoints, newest first.
#[derive(Debug)]
pub struct ReadCheckpoints {
    /// Only those at or after this position.
    pub from: u64,
    /// At most so many.
    pub limit: u32,
}

/// Stores a checkpoint; one at the same row stays as it is.
#[derive(Debug)]
pub struct StoreCheckpoint {
    /// The checkpoint.
    pub checkpoint: Checkpoint,
}

/// Removes the oldest rows of the trail, and the checkpoints before the last of them. Answers whether it did: not if
/// as many or more are removed already.
#[derive(Debug)]
pub struct TrimAudit {
    /// What stands for them from now on.
    pub stub: Stub,
    /// The row for the trail; stored only where rows were removed.
    pub audit: AuditEvent,
}
