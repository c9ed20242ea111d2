//! What is registered and subscribed to, for the server's own lists.
//!
//! Ids first, then one by one: whoever holds the realm for others can let go in between.

use countersign_wamp::{Id, UriPattern};

use super::Realm;
use crate::WallTime;

/// A registration.
#[derive(Debug, Clone, PartialEq)]
pub struct RegistrationInfo {
    /// Its id.
    pub id: Id,
    /// Since when.
    pub created: WallTime,
    /// The procedure, or the pattern of procedures.
    pub procedure: UriPattern,
    /// How calls are spread: `REGISTER.Options.invoke`.
    pub invoke: &'static str,
    /// Who answers, in the order in which they registered.
    pub callees: Vec<Id>,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionInfo {
    /// Its id.
    pub id: Id,
    /// Since when.
    pub created: WallTime,
    /// The topic, or the pattern of topics.
    pub topic: UriPattern,
    /// Who gets the events, ascending.
    pub subscribers: Vec<Id>,
}

impl Realm {
    /// The registrations that the meta API shows, ascending.
    pub fn registration_ids(&self) -> Vec<Id> {
        self.dealer.shown_ids()
    }

    /// One of them; `None` if it is over.
    pub fn registration(&self, id: Id) -> Option<RegistrationInfo> {
        self.dealer.info(id)
    }

    /// The registrations of one session that the meta API shows, ascending.
    pub fn registration_ids_of(&self, session: Id) -> Vec<Id> {
        let own = self.sessions.get(&session).map(|session| session.registrations.ids());
        let shown = |id: &Id| self.dealer.info(*id).is_some();
        own.into_iter().flatten().copied().filter(shown).collect()
    }

    /// The subscriptions that the meta API shows, ascending.
    pub fn subscription_ids(&self) -> Vec<Id> {
        self.broker.shown_ids()
    }

    /// One of them; `None` if it is over.
    pub fn subscription(&self, id: Id) -> Option<SubscriptionInfo> {
        self.broker.info(id)
    }
}
