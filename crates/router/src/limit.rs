//! The limits that a realm keeps, and how often somebody went beyond them.

#[cfg(doc)]
use crate::RealmSettings;

/// A limit of [`RealmSettings`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`UriRules::bytes_max`](countersign_wamp::UriRules::bytes_max)
    UriBytes,
    /// [`UriPattern::WILDCARD_COMPONENTS_MAX`](countersign_wamp::UriPattern::WILDCARD_COMPONENTS_MAX)
    WildcardComponents,
    /// Bytes of the options `rkey` and `nkey`: 256.
    ShardKeyBytes,
    /// [`RealmSettings::subscriptions_and_registrations_max`]
    SubscriptionsAndRegistrations,
    /// [`RealmSettings::wildcards_max`]
    Wildcards,
    /// [`RealmSettings::pending_calls_max`]
    PendingCalls,
    /// [`RealmSettings::testaments_max`]
    Testaments,
    /// [`RealmSettings::testament_bytes_max`]
    TestamentBytes,
    /// [`RealmSettings::retained_events_max`]: an event was not retained.
    RetainedEvents,
    /// [`RealmSettings::retained_bytes_max`]: an event was not retained.
    RetainedBytes,
    /// [`RealmSettings::history_answer_bytes_max`]: an answer was cut.
    HistoryAnswerBytes,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::UriBytes,
        Self::WildcardComponents,
        Self::ShardKeyBytes,
        Self::SubscriptionsAndRegistrations,
        Self::Wildcards,
        Self::PendingCalls,
        Self::Testaments,
        Self::TestamentBytes,
        Self::RetainedEvents,
        Self::RetainedBytes,
        Self::HistoryAnswerBytes,
    ];
}

/// How often each limit was passed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LimitCounts([u64; Limit::ALL.len()]);

impl LimitCounts {
    pub fn add(&mut self, limit: Limit) {
        if let Some(count) = self.0.get_mut(limit as usize) {
            *count += 1;
        }
    }

    pub fn get(&self, limit: Limit) -> u64 {
        self.0.get(limit as usize).copied().unwrap_or_default()
    }
}
