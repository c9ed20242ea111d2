//! One registration: a procedure and the sessions that answer its calls.
//!
//! **Invariant:** its callees stand in the order in which they registered, each session once.
//!
//! Source: WAMP specification, "Shared Registration", "Sharded Registration", "Call Re-Routing".

use countersign_wamp::{Id, UriPattern};
use smallvec::SmallVec;

use crate::clock::WallTime;
use crate::random::Random;
use crate::shard::{Node, ResourceKey};

/// Which of its callees gets a call: `REGISTER.Options.invoke`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Invoke {
    /// There is only one.
    Single,
    /// The one that registered first.
    First,
    /// The one that registered last.
    Last,
    /// Each in its turn.
    RoundRobin,
    /// Any.
    Random,
}

impl Invoke {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "single" => Some(Self::Single),
            "first" => Some(Self::First),
            "last" => Some(Self::Last),
            "roundrobin" => Some(Self::RoundRobin),
            "random" => Some(Self::Random),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::First => "first",
            Self::Last => "last",
            Self::RoundRobin => "roundrobin",
            Self::Random => "random",
        }
    }
}

/// A session that answers calls of a registration.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Callee {
    pub session: Id,
    /// Whether it wants to keep to timeouts itself, if it can.
    pub forward_timeout: bool,
    /// Where the keys of sharded calls find it.
    pub node: Node,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Registration {
    pub procedure: UriPattern,
    pub invoke: Invoke,
    pub created: WallTime,
    pub is_of_server: bool,
    callees: SmallVec<[Callee; 1]>,
    /// Place in `callees` of the one whose turn it is.
    turn: usize,
}

impl Registration {
    /// A registration with its first callee.
    pub fn new(procedure: UriPattern, invoke: Invoke, created: WallTime, callee: Callee, is_of_server: bool) -> Self {
        let callees = SmallVec::from_elem(callee, 1);
        Self { procedure, invoke, created, is_of_server, callees, turn: 0 }
    }

    pub fn callees(&self) -> impl ExactSizeIterator<Item = Id> {
        self.callees.iter().map(|callee| callee.session)
    }

    pub fn add(&mut self, callee: Callee) {
        self.callees.push(callee);
    }

    /// Answers whether the session was a callee.
    pub fn remove(&mut self, session: Id) -> bool {
        let Some(place) = self.callees.iter().position(|callee| callee.session == session) else { return false };
        self.callees.remove(place);
        if place < self.turn {
            self.turn -= 1;
        }
        true
    }

    /// The callee that gets a call, among those that may.
    ///
    /// A key decides where calls are spread. It is not asked where callees stand by for each other,
    /// or a call would reach one whose turn has not come.
    pub fn pick(
        &mut self,
        key: Option<ResourceKey>,
        may: impl Fn(&Callee) -> bool,
        random: &mut Random,
    ) -> Option<Callee> {
        let may = |callee: &&Callee| may(callee);
        match (self.invoke, key) {
            (Invoke::Single | Invoke::First, _) => self.callees.iter().find(may).copied(),
            (Invoke::Last, _) => self.callees.iter().rfind(may).copied(),
            (Invoke::Random | Invoke::RoundRobin, Some(key)) => {
                // Of several on the same node the last one.
                self.callees.iter().filter(may).max_by_key(|callee| key.weight(callee.node)).copied()
            }
            (Invoke::Random, None) => {
                let count = self.callees.iter().filter(may).count();
                self.callees.iter().filter(may).nth(random.below(count)).copied()
            }
            (Invoke::RoundRobin, None) => {
                let places = || self.callees.iter().enumerate();
                let mut in_turn = places().skip(self.turn).chain(places().take(self.turn));
                let (place, callee) = in_turn.find(|(_, callee)| may(callee))?;
                let callee = *callee;
                self.turn = place + 1;
                Some(callee)
            }
        }
    }
}
