//! The chain over the audit trail.

use std::sync::Arc;

use countersign_identity::audit::{AuditEvent, Operation as Audited};
use countersign_identity::audit_chain::{AuditKey, BrokenChain, Checkpoint, Link, Position, Stub};
use countersign_identity::audit_trail::{Intact, Verified, verify};
use countersign_identity::repository::{
    MintOutcome, ReadCheckpoints, ReadHead, ReadStub, RecordAudit, Repository, StoreCheckpoint, TrimAudit,
};
use countersign_identity::{Pepper, Timestamp};

use super::fixture::{NOW, at, event, mint, new_role, otp, people, race, trail_after};

/// The key of these tests.
pub fn key() -> AuditKey {
    AuditKey::of(&Pepper::new([7; Pepper::BYTES]))
}

/// Appends so many rows.
pub async fn append<R: Repository>(repository: &R, rows: i64) {
    for number in 0..rows {
        let event = AuditEvent { at: at(number), detail: number.to_string(), ..event(Audited::Login) };
        repository.run(RecordAudit { event }).await.unwrap();
    }
}

/// The row that was appended last.
pub async fn head<R: Repository>(repository: &R) -> Position {
    repository.run(ReadHead).await.unwrap().unwrap()
}

/// Verifies all of it.
pub async fn verified<R: Repository>(repository: &R) -> Verified {
    verify(repository, &key(), None, &[], u32::MAX).await.unwrap()
}

async fn check<R: Repository>(repository: &R, last: u64, removed: u64, checkpoint: Option<u64>) {
    let last = Position { sequence: last, ..head(repository).await };
    assert_eq!(verified(repository).await, Verified::Intact(Intact { last, removed, checkpoint }));
}

/// Every field counts, and positions begin with 1.
pub async fn links_every_row_to_the_one_before_it<R: Repository>(repository: Arc<R>) {
    check(&*repository, 0, 0, None).await;
    append(&*repository, 3).await;
    let strange = AuditEvent { cid: "\0".to_owned() + &"ä".repeat(5_000), ..event(Audited::OtpMint) };
    repository.run(RecordAudit { event: strange }).await.unwrap();
    let mut link = Link::START;
    for (row, sequence) in trail_after(&*repository, 0).await.iter().zip(1..) {
        link = link.next(sequence, &row.event);
        assert_eq!((row.sequence, row.link), (sequence, link));
    }
    assert_eq!(head(&*repository).await, Position { sequence: 4, link });
    check(&*repository, 4, 0, None).await;
}

/// Of many at a time, each has a place of its own.
pub async fn has_no_gap_and_no_fork_where_many_append_at_once<R: Repository>(repository: Arc<R>) {
    people(&*repository, &["alice", "bob"]).await;
    let minted = race(&repository, 60, |number| mint(otp(number, ["alice", "bob"][number as usize % 2]))).await;
    assert!(minted.iter().all(|outcome| *outcome == MintOutcome::Minted));
    check(&*repository, 64, 0, None).await;
}

/// Two roles of one name at once: the rows of refusals stand in the chain as well, and nothing else does.
pub async fn leaves_no_position_for_an_operation_that_fails<R: Repository>(repository: Arc<R>) {
    let create = |_| new_role("twice");
    race(&repository, 10, create).await;
    check(&*repository, 10, 0, None).await;
}

/// Each field is kept, too.
pub async fn keeps_checkpoints_newest_first<R: Repository>(repository: Arc<R>) {
    let mut stored = Vec::new();
    for _ in 0..3 {
        append(&*repository, 2).await;
        let checkpoint = Checkpoint::sign(head(&*repository).await, NOW, &key());
        stored.insert(0, checkpoint);
        // One at the same row stays as it is.
        for checkpoint in [checkpoint, Checkpoint::sign(checkpoint.row, at(1), &key())] {
            repository.run(StoreCheckpoint { checkpoint }).await.unwrap();
        }
    }
    let read = async |from, limit| repository.run(ReadCheckpoints { from, limit }).await.unwrap();
    assert_eq!(read(0, 9).await, stored);
    assert_eq!(read(4, 9).await, stored[..2]);
    assert_eq!(read(5, 9).await, stored[..1]);
    assert_eq!(read(0, 1).await, stored[..1]);
    assert_eq!(read(7, 9).await, []);
    check(&*repository, 6, 0, Some(6)).await;
}

/// A stub stands for what is gone.
pub async fn removes_the_oldest_rows_and_goes_on_behind_them<R: Repository>(repository: Arc<R>) {
    append(&*repository, 4).await;
    let checkpoints = [1, 2, 4];
    let rows = trail_after(&*repository, 0).await;
    let place = |index: usize| Position { sequence: rows[index].sequence, link: rows[index].link };
    for sequence in checkpoints {
        let checkpoint = Checkpoint::sign(place(sequence - 1), NOW, &key());
        repository.run(StoreCheckpoint { checkpoint }).await.unwrap();
    }
    assert_eq!(repository.run(ReadStub).await.unwrap(), None);
    let trim = |stub| TrimAudit { stub, audit: event(Audited::AuditTrim) };
    let two = Stub::sign(place(1), NOW, &key());
    assert!(repository.run(trim(two)).await.unwrap());
    assert_eq!(repository.run(ReadStub).await.unwrap(), Some(two));
    // Once only, and never back.
    for index in [1, 0] {
        assert!(!repository.run(trim(Stub::sign(place(index), at(1), &key()))).await.unwrap());
    }
    let left = trail_after(&*repository, 0).await;
    assert_eq!(left.iter().map(|row| row.sequence).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(left[2].event.operation, Audited::AuditTrim);
    let kept = repository.run(ReadCheckpoints { from: 0, limit: 9 }).await.unwrap();
    assert_eq!(kept.iter().map(|checkpoint| checkpoint.row.sequence).collect::<Vec<_>>(), [4, 2]);
    check(&*repository, 5, 2, Some(4)).await;
    // Everything goes, but for the row that says so.
    assert!(repository.run(trim(Stub::sign(head(&*repository).await, at(2), &key()))).await.unwrap());
    check(&*repository, 6, 5, None).await;
    // A stub that was not signed here is worth nothing.
    let forged = Stub::from_parts(head(&*repository).await, Timestamp::from_micros(3), [0; 32]);
    assert!(repository.run(trim(forged)).await.unwrap());
    assert_eq!(verified(&*repository).await, Verified::Broken(BrokenChain::Stub { sequence: 6 }));
}

/// About as many rows as asked for, from where the last stretch ended.
pub async fn verifies_in_stretches<R: Repository>(repository: Arc<R>) {
    append(&*repository, 1_100).await;
    let mut from = None;
    let mut ends = Vec::new();
    loop {
        match verify(&*repository, &key(), from, &[], 1).await.unwrap() {
            Verified::UpTo(position) => {
                ends.push(position.sequence);
                from = Some(position);
            }
            Verified::Intact(intact) => break assert_eq!(intact.last, head(&*repository).await),
            Verified::Broken(broken) => panic!("{broken}"),
        }
    }
    assert_eq!(ends, [500, 1_000]);
}
