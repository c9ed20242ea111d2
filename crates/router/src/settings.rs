//! What a realm is told when it is made.

use std::collections::HashSet;
use std::sync::Arc;

use countersign_wamp::{UriPattern, UriRules, uris};

/// Settings of a realm.
#[derive(Debug, Clone)]
pub struct RealmSettings {
    /// The realm's URI; stands in denials.
    pub name: Arc<str>,
    /// How URIs of clients are checked.
    pub uri_rules: UriRules,
    /// Whether the request ids of clients must count from 1, one by one. Clients exist whose ids
    /// do not.
    pub strict_ids: bool,
    /// Procedures that only the server's own session may register.
    pub reserved: ReservedUris,
    /// Subscriptions and registrations that a client's session may hold at a time, together.
    pub subscriptions_and_registrations_max: usize,
    /// Of these, those with a wildcard pattern.
    pub wildcards_max: usize,
    /// Calls of a client's session that may be unanswered at a time.
    pub pending_calls_max: usize,
    /// Testaments that a session may have at a time.
    pub testaments_max: usize,
    /// Bytes that the testaments of a session may have together.
    pub testament_bytes_max: usize,
    /// Retained events of all topics together.
    pub retained_events_max: usize,
    /// Bytes of all retained events together, about.
    pub retained_bytes_max: usize,
    /// Topics whose events are kept in memory for `wamp.subscription.get_events`.
    pub history: Vec<HistorySettings>,
    /// Bytes of one answer of `wamp.subscription.get_events`, about. One event is always answered.
    pub history_answer_bytes_max: usize,
}

/// A topic, or a pattern of topics, whose last events are kept.
#[derive(Debug, Clone)]
pub struct HistorySettings {
    /// Which topics.
    pub pattern: UriPattern,
    /// Events that are kept; the oldest go first.
    pub events_max: usize,
    /// Bytes of these events together, about.
    pub bytes_max: usize,
    /// Whether its events are recorded ([`Effect::Record`](crate::Effect::Record)), so that they
    /// can be given back to another realm ([`Realm::restore_history`](crate::Realm::restore_history)).
    pub is_stored: bool,
}

impl RealmSettings {
    /// Default of [`Self::subscriptions_and_registrations_max`].
    pub const SUBSCRIPTIONS_AND_REGISTRATIONS_MAX_DEFAULT: usize = 10_000;
    /// Default of [`Self::wildcards_max`].
    pub const WILDCARDS_MAX_DEFAULT: usize = 256;
    /// Default of [`Self::pending_calls_max`].
    pub const PENDING_CALLS_MAX_DEFAULT: usize = 4_096;
    /// Default of [`Self::testaments_max`].
    pub const TESTAMENTS_MAX_DEFAULT: usize = 64;
    /// Default of [`Self::testament_bytes_max`].
    pub const TESTAMENT_BYTES_MAX_DEFAULT: usize = 1 << 20;
    /// Default of [`Self::retained_events_max`].
    pub const RETAINED_EVENTS_MAX_DEFAULT: usize = 10_000;
    /// Default of [`Self::retained_bytes_max`].
    pub const RETAINED_BYTES_MAX_DEFAULT: usize = 64 << 20;
    /// Default of [`Self::history_answer_bytes_max`].
    pub const HISTORY_ANSWER_BYTES_MAX_DEFAULT: usize = 1 << 20;

    /// Default settings for a realm of this name: nothing reserved but `wamp.*`.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            uri_rules: UriRules::default(),
            strict_ids: false,
            reserved: ReservedUris::default(),
            subscriptions_and_registrations_max: Self::SUBSCRIPTIONS_AND_REGISTRATIONS_MAX_DEFAULT,
            wildcards_max: Self::WILDCARDS_MAX_DEFAULT,
            pending_calls_max: Self::PENDING_CALLS_MAX_DEFAULT,
            testaments_max: Self::TESTAMENTS_MAX_DEFAULT,
            testament_bytes_max: Self::TESTAMENT_BYTES_MAX_DEFAULT,
            retained_events_max: Self::RETAINED_EVENTS_MAX_DEFAULT,
            retained_bytes_max: Self::RETAINED_BYTES_MAX_DEFAULT,
            history: Vec::new(),
            history_answer_bytes_max: Self::HISTORY_ANSWER_BYTES_MAX_DEFAULT,
        }
    }
}

/// Procedures that are the server's own, whether it has registered them yet or not. `wamp.*` is
/// always among them.
#[derive(Debug, Clone, Default)]
pub struct ReservedUris {
    exact: HashSet<Box<str>>,
    prefixes: Vec<Box<str>>,
}

impl ReservedUris {
    /// Reserves single URIs and everything that starts with one of the prefixes (as text).
    pub fn new<U: Into<Box<str>>, P: Into<Box<str>>>(
        exact: impl IntoIterator<Item = U>,
        prefixes: impl IntoIterator<Item = P>,
    ) -> Self {
        Self {
            exact: exact.into_iter().map(Into::into).collect(),
            prefixes: prefixes.into_iter().map(Into::into).collect(),
        }
    }

    /// Whether this procedure is the server's own.
    pub fn contains(&self, procedure: &str) -> bool {
        procedure.starts_with(uris::RESERVED_PREFIX)
            || self.exact.contains(procedure)
            || self.prefixes.iter().any(|prefix| procedure.starts_with(&**prefix))
    }
}
