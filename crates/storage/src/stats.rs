//! What a store counts of its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How much was done since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreStats {
    /// Commits. In SQLite one commit can hold many operations.
    pub commits: u64,
    /// Operations that wrote, or could have.
    pub operations: u64,
    /// Operations that failed, and commits.
    pub failures: u64,
    /// Rows of the audit trail that were committed.
    pub audit_rows: u64,
}

/// The same while it is counted; shared by all who work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    commits: AtomicU64,
    operations: AtomicU64,
    failures: AtomicU64,
    audit_rows: AtomicU64,
}

impl Counts {
    /// A commit of so many operations, which wrote so many rows of the trail.
    pub fn committed(&self, operations: usize, audit_rows: usize) {
        self.0.commits.fetch_add(1, Ordering::Relaxed);
        self.0.operations.fetch_add(u64::try_from(operations).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.0.audit_rows.fetch_add(u64::try_from(audit_rows).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// An operation or a commit that failed.
    pub fn failed(&self) {
        self.0.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// The figures now.
    pub fn read(&self) -> StoreStats {
        StoreStats {
            commits: self.0.commits.load(Ordering::Relaxed),
            operations: self.0.operations.load(Ordering::Relaxed),
            failures: self.0.failures.load(Ordering::Relaxed),
            audit_rows: self.0.audit_rows.load(Ordering::Relaxed),
        }
    }
}
