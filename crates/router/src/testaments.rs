//! Testaments: what a session wants published when it is gone.
//!
//! There is no session resumption here, so a session is detached and destroyed at the same time;
//! the two scopes still are two lists, and the detached ones go first.
//!
//! Source: WAMP specification, advanced profile "Session Testament".

use crate::broker::Publish;
use crate::refusal::Refusal;
use crate::{Limit, RealmSettings};

/// When a testament is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Detached,
    Destroyed,
}

impl Scope {
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "detached" => Some(Self::Detached),
            "destroyed" => Some(Self::Destroyed),
            _ => None,
        }
    }
}

/// The testaments of one session, each list in the order of addition.
#[derive(Debug, Default)]
pub(crate) struct Testaments {
    detached: Vec<Testament>,
    destroyed: Vec<Testament>,
}

#[derive(Debug)]
struct Testament {
    publish: Publish,
    bytes: usize,
}

impl Testaments {
    /// `bytes` is what the testament takes, about.
    pub fn add(
        &mut self,
        scope: Scope,
        publish: Publish,
        bytes: usize,
        settings: &RealmSettings,
    ) -> Result<(), Refusal> {
        let held = || self.detached.iter().chain(&self.destroyed);
        let (count_max, bytes_max) = (settings.testaments_max, settings.testament_bytes_max);
        if held().count() >= count_max {
            return Err(Refusal::limit(
                Limit::Testaments,
                format!("a session may have at most {count_max} testaments"),
            ));
        }
        if held().map(|testament| testament.bytes).sum::<usize>() + bytes > bytes_max {
            let text = format!("the testaments of a session may have at most {bytes_max} bytes together");
            return Err(Refusal::limit(Limit::TestamentBytes, text));
        }
        self.list(scope).push(Testament { publish, bytes });
        Ok(())
    }

    pub fn flush(&mut self, scope: Scope) {
        *self.list(scope) = Vec::new();
    }

    fn list(&mut self, scope: Scope) -> &mut Vec<Testament> {
        match scope {
            Scope::Detached => &mut self.detached,
            Scope::Destroyed => &mut self.destroyed,
        }
    }

    /// All of them, in the order in which they are published.
    pub fn into_publications(self) -> impl Iterator<Item = Publish> {
        self.detached.into_iter().chain(self.destroyed).map(|testament| testament.publish)
    }
}
