//! Records of URIs, behind the realm.
//!
//! The realm says under its lock what becomes of registrations; that waits in a bounded queue (`queue.rs`), and a task of
//! its own stores it (`tracker.rs`). What did not fit is found again by comparing with what is registered. Which URIs are
//! documented is kept in memory, because rights ask for it (`documents.rs`). What is to be told of URIs that are gone is
//! looked for every second (`alerts.rs`).
//!
//! **Invariant:** nobody who registers or calls waits for any of this.

mod alerts;
mod documents;
mod queue;
mod tracker;

pub use alerts::{AlertBell, Alerts};
pub use documents::DocumentedUris;
pub use queue::{ChangedRegistration, RegistrationQueue};
pub use tracker::{Tracker, begin};

use countersign_identity::uris::UriPolicy;
use countersign_wamp::MatchPolicy;

/// The rules' name for a match policy.
pub fn match_policy(policy: MatchPolicy) -> UriPolicy {
    match policy {
        MatchPolicy::Exact => UriPolicy::Exact,
        MatchPolicy::Prefix => UriPolicy::Prefix,
        MatchPolicy::Wildcard => UriPolicy::Wildcard,
    }
}

/// A match policy of the rules on the wire.
pub fn wire_policy(policy: UriPolicy) -> MatchPolicy {
    match policy {
        UriPolicy::Exact => MatchPolicy::Exact,
        UriPolicy::Prefix => MatchPolicy::Prefix,
        UriPolicy::Wildcard => MatchPolicy::Wildcard,
    }
}
