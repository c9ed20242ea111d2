//! The operations of attributes in memory. Attributes of what is gone stay here, unseen: nothing else gets its id.

use super::{Execute, State};
use crate::Timestamp;
use crate::audit::Reason;
use crate::sign_on::attributes::operations::{
    AttributeWrite, ChangeAttributes, ChangeAttributesOutcome, FindAttributes, ListAttributeNames, ReapAttributes,
};
use crate::sign_on::attributes::{Attribute, AttributeName, AttributeOwner, AttributeVerb};

fn is_live(attribute: &Attribute, now: Timestamp) -> bool {
    attribute.expires.is_none_or(|expires| expires >= now)
}

impl ChangeAttributes {
    fn refusal(&self, state: &State) -> Option<(ChangeAttributesOutcome, Reason)> {
        let is_there = match self.owner {
            AttributeOwner::User(id) => state.user(id).is_some(),
            AttributeOwner::Session(id) => state.sessions.iter().any(|one| one.id == id && one.expires >= self.now),
        };
        if !is_there {
            return Some((ChangeAttributesOutcome::NoSuchOwner, Reason::NotFound));
        }
        let has = |name: &AttributeName| state.attributes.contains_key(&(self.owner, name.clone()));
        if self.verb == AttributeVerb::Create && self.writes.iter().any(|write| has(&write.name)) {
            return Some((ChangeAttributesOutcome::Exists, Reason::Exists));
        }
        let there = state.attributes.keys().filter(|(owner, _)| *owner == self.owner).count();
        let makes = matches!(self.verb, AttributeVerb::Create | AttributeVerb::Set);
        let new = self.writes.iter().filter(|write| makes && !has(&write.name)).count();
        let is_too_much = new > 0 && there + new > self.attributes_max as usize;
        is_too_much.then_some((ChangeAttributesOutcome::TooMany, Reason::TooMany))
    }

    fn write(&self, write: &AttributeWrite, state: &mut State) {
        let key = (self.owner, write.name.clone());
        let before = state.attributes.get(&key).cloned();
        let makes = matches!(self.verb, AttributeVerb::Create | AttributeVerb::Set);
        if self.verb == AttributeVerb::Delete {
            state.attributes.remove(&key);
        } else if before.is_some() || makes {
            let sealed = before.as_ref().is_some_and(|before| before.is_sealed);
            let expires = match self.verb {
                AttributeVerb::Expire => write.expires,
                _ => write.expires.or(before.as_ref().and_then(|before| before.expires)),
            };
            let attribute = Attribute {
                name: write.name.clone(),
                value: write.value.clone().or(before.as_ref().and_then(|before| before.value.clone())),
                is_sealed: write.seals || sealed,
                created: before.map_or(self.now, |before| before.created),
                modified: self.now,
                expires,
            };
            state.attributes.insert(key, attribute);
        }
    }
}

impl Execute for ChangeAttributes {
    fn execute(self, state: &mut State) -> ChangeAttributesOutcome {
        state.attributes.retain(|_, attribute| is_live(attribute, self.now));
        if let Some((outcome, reason)) = self.refusal(state) {
            state.record(self.audit, Some(reason));
            return outcome;
        }
        for write in &self.writes {
            self.write(write, state);
        }
        state.record(self.audit, None);
        ChangeAttributesOutcome::Done
    }
}

impl Execute for FindAttributes {
    fn execute(self, state: &mut State) -> Vec<Attribute> {
        let found = self.names.into_iter().filter_map(|name| state.attributes.get(&(self.owner, name)));
        let shown = |attribute: &Attribute| {
            let value = attribute.value.clone().filter(|_| self.opens || !attribute.is_sealed);
            Attribute { value, ..attribute.clone() }
        };
        found.filter(|attribute| is_live(attribute, self.now)).map(shown).collect()
    }
}

impl Execute for ListAttributeNames {
    fn execute(self, state: &mut State) -> Vec<AttributeName> {
        let live = state.attributes.iter().filter(|(_, attribute)| is_live(attribute, self.now));
        live.filter(|((owner, _), _)| *owner == self.owner).map(|((_, name), _)| name.clone()).collect()
    }
}

impl Execute for ReapAttributes {
    fn execute(self, state: &mut State) -> u64 {
        let before = state.attributes.len();
        state.attributes.retain(|_, attribute| is_live(attribute, self.before));
        u64::try_from(before - state.attributes.len()).unwrap()
    }
}
