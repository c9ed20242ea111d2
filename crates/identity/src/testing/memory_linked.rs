//! The operations of linked accounts in memory.

use super::{Execute, State};
use crate::LinkId;
use crate::audit::Reason;
use crate::sign_on::linked::Link;
use crate::sign_on::linked::operations::{FindLinked, LinkAccount, LinkOutcome, ListLinks, UnlinkAccount};
use crate::user::User;

impl Execute for LinkAccount {
    fn execute(self, state: &mut State) -> LinkOutcome {
        let own = state.links.iter().filter(|link| link.owner == self.link.owner).count();
        let (outcome, reason) = if state.user(self.link.owner).is_none() {
            (LinkOutcome::NoSuchUser, Some(Reason::NotFound))
        } else if state.links.iter().any(|link| link.principal == self.link.principal) {
            (LinkOutcome::Taken, Some(Reason::Exists))
        } else if own >= self.links_max as usize {
            (LinkOutcome::TooMany, Some(Reason::TooMany))
        } else {
            state.links.push(self.link);
            (LinkOutcome::Linked, None)
        };
        state.record(self.audit, reason);
        outcome
    }
}

impl Execute for UnlinkAccount {
    fn execute(self, state: &mut State) -> Option<LinkId> {
        let is_meant = |link: &Link| link.owner == self.owner && link.principal == self.principal;
        let place = state.links.iter().position(is_meant);
        state.record(self.audit, if place.is_some() { None } else { Some(Reason::NotFound) });
        place.map(|place| state.links.remove(place).id)
    }
}

impl Execute for ListLinks {
    fn execute(self, state: &mut State) -> Vec<Link> {
        state.links.iter().filter(|link| link.owner == self.owner).cloned().collect()
    }
}

impl Execute for FindLinked {
    fn execute(self, state: &mut State) -> Option<User> {
        let found = state.links.iter().find(|link| link.is_active && link.principal == self.principal)?;
        state.user(found.owner).cloned()
    }
}
