//! The operations of metadata in memory. What belongs to a user who is gone stays here, unseen: nobody else gets its id.

use super::{Execute, State};
use crate::UserId;
use crate::audit::Reason;
use crate::metadata::MetadataEntry;
use crate::metadata::operations::{
    DeleteMetadata, DeleteMetadataOutcome, FindMetadata, ListMetadata, SetMetadata, SetMetadataOutcome,
};

impl State {
    fn metadata_of(&self, owner: UserId) -> impl Iterator<Item = &MetadataEntry> {
        self.metadata.iter().filter(move |((of, _), _)| *of == owner).map(|(_, entry)| entry)
    }
}

impl Execute for SetMetadata {
    fn execute(self, state: &mut State) -> SetMetadataOutcome {
        let Self { owner, entry, is_new, entries_max, bytes_max, audit } = self;
        let others = || state.metadata_of(owner).filter(|other| other.key != entry.key);
        let count = others().count() + 1;
        let bytes = others().map(|other| other.value.bytes()).sum::<usize>() + entry.value.bytes();
        let (outcome, refused) = if state.user(owner).is_none() {
            (SetMetadataOutcome::NoSuchUser, Some(Reason::NotFound))
        } else if is_new && state.metadata.contains_key(&(owner, entry.key.clone())) {
            (SetMetadataOutcome::Exists, Some(Reason::Exists))
        } else if count > entries_max as usize {
            (SetMetadataOutcome::TooMany, Some(Reason::TooMany))
        } else if bytes as u64 > bytes_max {
            (SetMetadataOutcome::TooMuch, Some(Reason::TooMany))
        } else {
            let entry = match state.metadata.get(&(owner, entry.key.clone())) {
                Some(before) => MetadataEntry { id: before.id, created: before.created, ..entry },
                None => entry,
            };
            let id = entry.id;
            state.metadata.insert((owner, entry.key.clone()), entry);
            (SetMetadataOutcome::Set(id), None)
        };
        state.record(audit, refused);
        outcome
    }
}

impl Execute for FindMetadata {
    fn execute(self, state: &mut State) -> Option<MetadataEntry> {
        state.metadata.get(&(self.owner, self.key)).cloned()
    }
}

impl Execute for ListMetadata {
    fn execute(self, state: &mut State) -> Vec<MetadataEntry> {
        state.metadata_of(self.owner).cloned().collect()
    }
}

impl Execute for DeleteMetadata {
    fn execute(self, state: &mut State) -> DeleteMetadataOutcome {
        let (outcome, refused) = match state.metadata.remove(&(self.owner, self.key)) {
            Some(_) => (DeleteMetadataOutcome::Deleted, None),
            None => (DeleteMetadataOutcome::NotFound, Some(Reason::NotFound)),
        };
        state.record(self.audit, refused);
        outcome
    }
}
