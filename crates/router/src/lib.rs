//! A realm as a pure state machine: sessions, dealer and broker.
//!
//! [`Realm::handle`] takes one message of one session and appends what must happen to a list of
//! [`Effect`]s; the server carries them out. No clock, no randomness of its own, no I/O:
//! time and seed come in as values, so that a test or a simulator sees exactly what a server sees.
//!
//! Payloads are passed on and never looked into.
//!
//! Source: the WAMP specification (`rfc/text/{basic,advanced}` of wamp-proto).

mod authorize;
mod broker;
mod call_table;
mod clock;
mod dealer;
mod effect;
mod features;
mod hash;
mod holdings;
mod limit;
mod meta;
mod options;
mod pattern_map;
mod random;
mod realm;
mod refusal;
mod request_ids;
mod session;
mod settings;
mod shard;
mod testaments;
#[cfg(test)]
mod tests;

pub use authorize::{Action, Authorizer, Decision, Target};
pub use broker::{KeptEvent, PastEvent};
pub use clock::WallTime;
pub use effect::{Effect, Histories, Receivers, RegistrationChange};
pub use features::{ClientFeatures, Feature, announced_roles};
pub use hash::FastHash;
pub use limit::Limit;
pub use realm::{Realm, RegistrationInfo, SubscriptionInfo};
pub use refusal::LIMIT_EXCEEDED;
pub use session::{SessionDetails, SessionKind};
pub use settings::{HistorySettings, RealmSettings, ReservedUris};
