//! The audit trail as a whole: searched, verified, sealed by checkpoints, cut by retention.
//!
//! **Invariant:** a checkpoint is signed, and rows are removed, only after the chain was found intact there.

use crate::audit::{AuditEvent, AuditRow, Operation, Outcome};
use crate::audit_chain::{AuditKey, BrokenChain, Checkpoint, Position, Stub, Verifier};
use crate::repository::{
    ReadChain, ReadCheckpoints, ReadHead, ReadStub, Repository, RepositoryError, SearchAudit, StoreCheckpoint,
    TrimAudit,
};
use crate::{Actor, Identity, RequestContext, Timestamp};

/// Rows that are read at once.
const PAGE_ROWS: u32 = 500;
/// Rows that retention removes at once, so that no transaction is long.
pub const TRIM_ROWS: u32 = 5_000;
/// Checkpoints of the database that are looked at, the newest ones.
const CHECKPOINTS_MAX: u32 = 100_000;
/// Most rows that a search answers.
pub const SEARCH_ROWS_MAX: u32 = 100_000;

/// What to search for, as texts of whoever asks.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Only this correlation id.
    pub cid: Option<String>,
    /// Only this actor.
    pub actor: Option<String>,
    /// Only this target.
    pub target: Option<String>,
    /// Only what this one did, or what was done to this one.
    pub user: Option<String>,
    /// Only this operation.
    pub operation: Option<String>,
    /// Only this outcome.
    pub outcome: Option<String>,
    /// Only at or after this time.
    pub since: Option<String>,
    /// Only before this time.
    pub until: Option<String>,
    /// Only rows after this position, oldest first.
    pub after: Option<u64>,
    /// Only rows before this position.
    pub before: Option<u64>,
    /// At most so many, and at most [`SEARCH_ROWS_MAX`].
    pub limit: u32,
}

/// Why the trail can't be searched.
#[derive(Debug, thiserror::Error)]
pub enum AuditSearchError {
    /// There is no such operation.
    #[error("there is no operation {0:?}; the operations are {names}", names = operation_names())]
    Operation(String),
    /// There is no such outcome.
    #[error("outcome is accepted or refused, not {0:?}")]
    Outcome(String),
    /// It is no time.
    #[error("{0:?} is no time; give one as 2026-10-17T10:17:30Z")]
    Time(String),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

fn operation_names() -> String {
    let names: Vec<&str> = Operation::ALL.iter().map(|operation| operation.name()).collect();
    names.join(", ")
}

impl AuditQuery {
    fn parse(self) -> Result<SearchAudit, AuditSearchError> {
        let named = |name: String| Operation::from_name(&name).ok_or(AuditSearchError::Operation(name));
        let ended = |name: String| Outcome::from_name(&name).ok_or(AuditSearchError::Outcome(name));
        let time = |text: String| Timestamp::parse(&text).ok_or(AuditSearchError::Time(text));
        Ok(SearchAudit {
            cid: self.cid,
            actor: self.actor,
            target: self.target,
            user: self.user,
            operation: self.operation.map(named).transpose()?,
            outcome: self.outcome.map(ended).transpose()?,
            since: self.since.map(time).transpose()?,
            until: self.until.map(time).transpose()?,
            after: self.after,
            before: self.before,
            limit: self.limit.min(SEARCH_ROWS_MAX),
        })
    }
}

/// How far a verification came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// Intact up to this row; to be continued from there.
    UpTo(Position),
    /// Intact to the end.
    Intact(Intact),
    /// Broken.
    Broken(BrokenChain),
}

/// An intact trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intact {
    /// The last row.
    pub last: Position,
    /// The last row that retention removed; 0 if none was.
    pub removed: u64,
    /// The newest checkpoint of the database or of those given, if there is any.
    pub checkpoint: Option<u64>,
}

impl<R: Repository> Identity<R> {
    /// Searches the trail. Newest rows first, unless it goes on behind a position.
    ///
    /// # Errors
    ///
    /// [`AuditSearchError`].
    pub async fn search_audit(&self, query: AuditQuery) -> Result<Vec<AuditRow>, AuditSearchError> {
        Ok(self.repository.run(query.parse()?).await?)
    }

    /// Verifies about `rows_max` rows of the trail against the checkpoints of the database and those `kept` elsewhere,
    /// from its beginning or from where the last call ended.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]; a broken chain is an answer, not an error.
    pub async fn verify_audit(
        &self,
        from: Option<Position>,
        kept: &[Checkpoint],
        rows_max: u32,
    ) -> Result<Verified, RepositoryError> {
        verify(&self.repository, &self.audit_key(), from, kept, rows_max).await
    }

    /// Signs the trail's last row, after the rows since the last checkpoint were found intact. Answers the newest
    /// checkpoint, which is the last one if nothing was appended since.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub async fn checkpoint_audit(&self, now: Timestamp) -> Result<Option<Checkpoint>, CheckpointError> {
        let key = self.audit_key();
        let newest = self.repository.run(ReadCheckpoints { from: 0, limit: 1 }).await?.pop();
        let mut from = newest.map(|checkpoint| checkpoint.row);
        let last = loop {
            match verify(&self.repository, &key, from, &[], u32::MAX).await? {
                Verified::UpTo(position) => from = Some(position),
                Verified::Intact(intact) => break intact.last,
                Verified::Broken(broken) => return Err(CheckpointError::Broken(broken)),
            }
        };
        if last.sequence == newest.map_or(0, |checkpoint| checkpoint.row.sequence) {
            return Ok(newest);
        }
        let checkpoint = Checkpoint::sign(last, now, &key);
        self.repository.run(StoreCheckpoint { checkpoint }).await?;
        Ok(Some(checkpoint))
    }

    /// Removes the oldest rows that are from before a time, at most [`TRIM_ROWS`], and leaves a signed stub. Answers how
    /// many; 0 ends it.
    ///
    /// # Errors
    ///
    /// [`CheckpointError`].
    pub async fn trim_audit(
        &self,
        before: Timestamp,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<u64, CheckpointError> {
        let key = self.audit_key();
        let stub = self.repository.run(ReadStub).await?;
        let begin = begin(stub, &key).map_err(CheckpointError::Broken)?;
        let mut verifier = Verifier::new(begin, None, &key).map_err(CheckpointError::Broken)?;
        for found in self.repository.run(ReadChain { after: None, limit: TRIM_ROWS }).await? {
            if found.row.as_ref().is_some_and(|row| row.event.at >= before) {
                break;
            }
            verifier.row(&found).map_err(CheckpointError::Broken)?;
        }
        let last = verifier.last();
        let count = last.sequence - begin.sequence;
        if count == 0 {
            return Ok(0);
        }
        let rows = format!("rows {} to {}", begin.sequence + 1, last.sequence);
        let audit = AuditEvent::new(now, context, &Actor::Operator, Operation::AuditTrim).detail(&rows);
        let trimmed = self.repository.run(TrimAudit { stub: Stub::sign(last, now, &key), audit }).await?;
        Ok(if trimmed { count } else { 0 })
    }

    fn audit_key(&self) -> AuditKey {
        AuditKey::of(&self.settings.pepper)
    }
}

/// Why no checkpoint was signed, or nothing was removed.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The chain is broken.
    #[error("the audit trail is broken: {0}")]
    Broken(BrokenChain),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

/// Where the chain begins.
fn begin(stub: Option<Stub>, key: &AuditKey) -> Result<Position, BrokenChain> {
    match stub {
        None => Ok(Position::START),
        Some(stub) if stub.is_genuine(key) => Ok(stub.row),
        Some(stub) => Err(BrokenChain::Stub { sequence: stub.row.sequence }),
    }
}

/// Verifies a stretch of the trail; see [`Identity::verify_audit`].
///
/// # Errors
///
/// [`RepositoryError`].
pub async fn verify<R: Repository>(
    repository: &R,
    key: &AuditKey,
    from: Option<Position>,
    kept: &[Checkpoint],
    rows_max: u32,
) -> Result<Verified, RepositoryError> {
    let stub = repository.run(ReadStub).await?;
    let walk = Walk { repository, key, from, stub, kept, rows_max };
    match walk.run().await {
        Err(Halt::Storage(error)) => Err(error),
        Ok(verified) => Ok(verified),
        Err(Halt::Broken(broken)) => {
            // Rows that retention removed in the meantime are not missing.
            let moved = repository.run(ReadStub).await?.filter(|now| Some(now.row) != stub.map(|stub| stub.row));
            let genuine = moved.filter(|stub| stub.is_genuine(key));
            Ok(genuine.map_or(Verified::Broken(broken), |stub| Verified::UpTo(stub.row)))
        }
    }
}

/// Why a walk ends early.
enum Halt {
    Storage(RepositoryError),
    Broken(BrokenChain),
}

impl From<RepositoryError> for Halt {
    fn from(error: RepositoryError) -> Self {
        Self::Storage(error)
    }
}

impl From<BrokenChain> for Halt {
    fn from(broken: BrokenChain) -> Self {
        Self::Broken(broken)
    }
}

struct Walk<'a, R> {
    repository: &'a R,
    key: &'a AuditKey,
    from: Option<Position>,
    stub: Option<Stub>,
    kept: &'a [Checkpoint],
    rows_max: u32,
}

impl<R: Repository> Walk<'_, R> {
    async fn run(&self) -> Result<Verified, Halt> {
        let start = begin(self.stub, self.key)?;
        // What retention has overtaken begins behind what it removed.
        let from = self.from.filter(|from| from.sequence >= start.sequence);
        let begin = from.unwrap_or(start);
        let stored = ReadCheckpoints { from: begin.sequence, limit: CHECKPOINTS_MAX };
        let mut checkpoints = self.repository.run(stored).await?;
        checkpoints.extend(self.kept);
        let newest = checkpoints.iter().map(|checkpoint| checkpoint.row.sequence).max();
        // Before the rows: every row up to it must be there by then.
        let head = self.repository.run(ReadHead).await?.ok_or(BrokenChain::Head { sequence: 0 })?;
        let mut verifier = Verifier::new(begin, checkpoints, self.key)?;
        fits(head, begin)?;
        let (mut after, mut rows) = (from.map(|from| from.sequence), 0_u32);
        loop {
            let page = self.repository.run(ReadChain { after, limit: PAGE_ROWS }).await?;
            for found in &page {
                verifier.row(found)?;
                fits(head, verifier.last())?;
            }
            let last = verifier.last();
            (after, rows) = (Some(last.sequence), rows.saturating_add(PAGE_ROWS));
            if page.len() < PAGE_ROWS as usize {
                break;
            }
            if rows >= self.rows_max {
                return Ok(Verified::UpTo(last));
            }
        }
        let last = verifier.last();
        if last.sequence < head.sequence {
            return Err(BrokenChain::Gap { sequence: last.sequence + 1 }.into());
        }
        // After the rows: none of them can have been appended later.
        let head = self.repository.run(ReadHead).await?.ok_or(BrokenChain::Head { sequence: 0 })?;
        if last.sequence > head.sequence {
            return Err(BrokenChain::Row { sequence: head.sequence + 1 }.into());
        }
        fits(head, last)?;
        verifier.end()?;
        Ok(Verified::Intact(Intact { last, removed: start.sequence, checkpoint: newest }))
    }
}

/// The head is at its row.
fn fits(head: Position, row: Position) -> Result<(), BrokenChain> {
    if head.sequence == row.sequence && head.link != row.link {
        return Err(BrokenChain::Head { sequence: head.sequence });
    }
    Ok(())
}

#[cfg(test)]
#[path = "audit_trail_tests.rs"]
mod tests;
