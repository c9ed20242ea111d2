//! The unanswered calls of one session, seen from both ends.
//!
//! **Invariant:** a call is in the `placed` table of its caller if and only if its invocation is
//! in the `taken` table of its callee. Who removes one side removes the other; whoever removes
//! them sends the one final answer.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use countersign_wamp::Id;

use crate::dealer::{Routed, Stream};
use crate::hash::FastHash;

/// Which invocation stands for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InvocationKey {
    pub callee: Id,
    pub request: Id,
}

/// A call that its callee has not answered for good.
#[derive(Debug)]
pub(crate) struct Invocation {
    pub caller: Id,
    /// `CALL.Request`.
    pub call: Id,
    /// Whether YIELD with `progress` is passed on.
    pub receive_progress: bool,
    /// Whether the callee was sent INTERRUPT, so that it is not sent a second one.
    pub interrupted: bool,
    /// Longest time to the first result, and between results.
    pub timeout: Option<Duration>,
    /// When the timeout ends; the dealer's list of deadlines has the same instant.
    pub deadline: Option<Instant>,
    /// The call as it came, while another callee could take it.
    pub retry: Option<Box<Routed>>,
    /// What further INVOCATIONs are made of, while the caller has not sent its last CALL.
    pub stream: Option<Box<Stream>>,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct CallTable {
    placed: HashMap<Id, InvocationKey, FastHash>,
    taken: HashMap<Id, Invocation, FastHash>,
    last_invocation: Option<Id>,
}

impl CallTable {
    /// Calls of this session that are unanswered.
    pub fn placed_len(&self) -> usize {
        self.placed.len()
    }

    /// The invocation behind an unanswered call.
    pub fn placed(&self, call: Id) -> Option<InvocationKey> {
        self.placed.get(&call).copied()
    }

    pub fn place(&mut self, call: Id, key: InvocationKey) {
        self.placed.insert(call, key);
    }

    pub fn remove_placed(&mut self, call: Id) {
        self.placed.remove(&call);
    }

    /// Notes an invocation of this session; answers with its request id, counted from 1.
    pub fn take(&mut self, invocation: Invocation) -> Id {
        let request = self.last_invocation.map_or(Id::FIRST, Id::next);
        self.last_invocation = Some(request);
        self.taken.insert(request, invocation);
        request
    }

    pub fn taken_mut(&mut self, request: Id) -> Option<&mut Invocation> {
        self.taken.get_mut(&request)
    }

    pub fn remove_taken(&mut self, request: Id) -> Option<Invocation> {
        self.taken.remove(&request)
    }

    /// Whether this session ever got an invocation with this id. What it answers to one that is
    /// over comes late and is no fault.
    pub fn was_taken(&self, request: Id) -> bool {
        self.last_invocation.is_some_and(|last| request <= last)
    }

    /// Empties the table of invocations, in the order in which they were made.
    pub fn drain_taken(&mut self) -> Vec<(Id, Invocation)> {
        let mut taken: Vec<_> = self.taken.drain().collect();
        taken.sort_unstable_by_key(|(request, _)| *request);
        taken
    }

    /// Empties the table of calls, ordered by callee.
    pub fn drain_placed(&mut self) -> Vec<InvocationKey> {
        let mut placed: Vec<_> = self.placed.drain().map(|(_, key)| key).collect();
        placed.sort_unstable();
        placed
    }
}
