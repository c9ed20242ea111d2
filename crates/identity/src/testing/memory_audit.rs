//! The audit trail in memory.

use super::{Execute, Memory, State};
use crate::audit::{AuditEvent, AuditRow};
use crate::audit_chain::{Checkpoint, FoundRow, Position, Stub};
use crate::repository::{
    ReadChain, ReadCheckpoints, ReadHead, ReadStub, RecordAudit, SearchAudit, StoreCheckpoint, TrimAudit,
};

impl Memory {
    /// Changes a stored row behind everybody's back.
    pub fn tamper(&self, sequence: u64, change: impl FnOnce(&mut AuditEvent)) {
        let mut state = self.state();
        let row = state.trail.iter_mut().find(|row| row.sequence == sequence).unwrap();
        change(&mut row.event);
    }
}

impl State {
    /// The row that was appended last.
    pub(super) fn head(&self) -> Position {
        let removed = self.stub.map_or(Position::START, |stub| stub.row);
        self.trail.last().map_or(removed, |row| Position { sequence: row.sequence, link: row.link })
    }
}

impl Execute for RecordAudit {
    fn execute(self, state: &mut State) {
        state.record(self.event, None);
    }
}

impl Execute for SearchAudit {
    fn execute(self, state: &mut State) -> Vec<AuditRow> {
        let same = |wanted: &Option<String>, found: &String| wanted.as_ref().is_none_or(|wanted| wanted == found);
        let wanted = |row: &&AuditRow| {
            let event = &row.event;
            same(&self.cid, &event.cid)
                && same(&self.actor, &event.actor)
                && same(&self.target, &event.target)
                && self.user.as_ref().is_none_or(|user| *user == event.actor || *user == event.target)
                && self.operation.is_none_or(|operation| operation == event.operation)
                && self.outcome.is_none_or(|outcome| outcome == event.outcome)
                && self.since.is_none_or(|since| event.at >= since)
                && self.until.is_none_or(|until| event.at < until)
                && self.after.is_none_or(|after| row.sequence > after)
                && self.before.is_none_or(|before| row.sequence < before)
        };
        let mut rows: Vec<_> = state.trail.iter().filter(wanted).cloned().collect();
        if self.after.is_none() {
            rows.reverse();
        }
        rows.truncate(self.limit as usize);
        rows
    }
}

impl Execute for ReadChain {
    fn execute(self, state: &mut State) -> Vec<FoundRow> {
        let after = |row: &&AuditRow| self.after.is_none_or(|after| row.sequence > after);
        let found = |row: &AuditRow| FoundRow { sequence: row.sequence, row: Some(row.clone()) };
        state.trail.iter().filter(after).take(self.limit as usize).map(found).collect()
    }
}

impl Execute for ReadHead {
    fn execute(self, state: &mut State) -> Option<Position> {
        Some(state.head())
    }
}

impl Execute for ReadStub {
    fn execute(self, state: &mut State) -> Option<Stub> {
        state.stub
    }
}

impl Execute for ReadCheckpoints {
    fn execute(self, state: &mut State) -> Vec<Checkpoint> {
        let wanted = |checkpoint: &&Checkpoint| checkpoint.row.sequence >= self.from;
        state.checkpoints.iter().rev().filter(wanted).take(self.limit as usize).copied().collect()
    }
}

impl Execute for StoreCheckpoint {
    fn execute(self, state: &mut State) {
        state.checkpoints.push(self.checkpoint);
    }
}

impl Execute for TrimAudit {
    fn execute(self, state: &mut State) -> bool {
        let last = self.stub.row.sequence;
        if state.stub.is_some_and(|stub| stub.row.sequence >= last) {
            return false;
        }
        state.trail.retain(|row| row.sequence > last);
        state.checkpoints.retain(|checkpoint| checkpoint.row.sequence >= last);
        state.stub = Some(self.stub);
        state.record(self.audit, None);
        true
    }
}
