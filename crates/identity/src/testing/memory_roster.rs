//! The operations of rosters in memory.

use super::{Execute, State};
use crate::audit::Reason;
use crate::roster::RosterEntry;
use crate::roster::operations::{
    ClearRosters, FindRoster, RegisterInRoster, RegisterInRosterOutcome, UnregisterFromRoster,
};

impl Execute for RegisterInRoster {
    fn execute(self, state: &mut State) -> RegisterInRosterOutcome {
        let Self { entry, session_entries_max, entries_max, bytes_max, audit } = self;
        let of_session = |other: &&RosterEntry| (other.node, other.session) == (entry.node, entry.session);
        let is_same = |other: &RosterEntry| of_session(&other) && other.name == entry.name;
        let others = || state.rosters.iter().filter(|other| !is_same(other));
        let bytes = others().map(RosterEntry::bytes).sum::<usize>() + entry.bytes();
        let refused = if others().filter(of_session).count() >= session_entries_max as usize {
            Some(RegisterInRosterOutcome::TooManyOfSession)
        } else if others().count() >= entries_max as usize {
            Some(RegisterInRosterOutcome::TooMany)
        } else {
            (bytes as u64 > bytes_max).then_some(RegisterInRosterOutcome::TooMuch)
        };
        if let Some(outcome) = refused {
            state.record(audit, Some(Reason::TooMany));
            return outcome;
        }
        let entry = match state.rosters.iter().position(is_same) {
            Some(place) => {
                let before = state.rosters.remove(place);
                RosterEntry { id: before.id, created: before.created, ..entry }
            }
            None => entry,
        };
        state.rosters.push(entry.clone());
        state.record(audit, None);
        RegisterInRosterOutcome::Registered(entry)
    }
}

impl Execute for UnregisterFromRoster {
    fn execute(self, state: &mut State) -> bool {
        let before = state.rosters.len();
        let is_it =
            |entry: &RosterEntry| (entry.node, entry.session) == (self.node, self.session) && entry.name == self.name;
        state.rosters.retain(|entry| !is_it(entry));
        let was_there = state.rosters.len() < before;
        state.record(self.audit, (!was_there).then_some(Reason::NotFound));
        was_there
    }
}

impl Execute for FindRoster {
    fn execute(self, state: &mut State) -> Vec<RosterEntry> {
        let mut found: Vec<_> = state.rosters.iter().filter(|entry| entry.name == self.name).cloned().collect();
        found.sort_by_key(|entry| (entry.created, entry.id));
        found
    }
}

impl Execute for ClearRosters {
    fn execute(self, state: &mut State) -> u64 {
        let before = state.rosters.len();
        let is_gone = |entry: &RosterEntry| {
            let sessions = self.sessions.as_ref();
            entry.node == self.node && sessions.is_none_or(|sessions| sessions.contains(&entry.session))
        };
        state.rosters.retain(|entry| !is_gone(entry));
        u64::try_from(before - state.rosters.len()).unwrap()
    }
}
