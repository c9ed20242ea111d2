//! The realm as configured.

use countersign_router::{HistorySettings, RealmSettings, ReservedUris};
use countersign_wamp::{MatchPolicy, UriPattern};

use crate::config::{Config, ConfigError, HistoryConfig};

/// Events that a history keeps, unless set otherwise.
const HISTORY_EVENTS_MAX: usize = 1_000;
/// Bytes that a history keeps, unless set otherwise.
const HISTORY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// What belongs to the server itself, with and without the prefix, whether there is such a
/// procedure already or not: nobody else may answer in its place.
const RESERVED: [&str; 3] = ["auth.", "my.", "system."];

/// The settings of the realm.
///
/// # Errors
///
/// [`ConfigError::Value`] for a history whose topic is no pattern.
pub fn realm_settings(config: &Config) -> Result<RealmSettings, ConfigError> {
    let limits = &config.limits;
    let history = config.realm.history.iter().map(|one| history(config, one)).collect::<Result<_, _>>()?;
    Ok(RealmSettings {
        uri_rules: config.uri_rules(),
        strict_ids: config.realm.strict_ids,
        reserved: reserved(&config.realm.uri_prefix),
        subscriptions_and_registrations_max: limits.subscriptions_and_registrations_max,
        wildcards_max: limits.wildcards_max,
        pending_calls_max: limits.pending_calls_max,
        testaments_max: limits.testaments_max,
        testament_bytes_max: limits.testament_bytes_max,
        retained_events_max: limits.retained_events_max,
        retained_bytes_max: limits.retained_bytes_max,
        history_answer_bytes_max: limits.history_answer_bytes_max,
        history,
        ..RealmSettings::new(config.realm.name.as_str())
    })
}

fn history(config: &Config, one: &HistoryConfig) -> Result<HistorySettings, ConfigError> {
    let policy = one.policy.map_or(MatchPolicy::Exact, Into::into);
    let pattern = UriPattern::parse(&one.topic, policy, config.uri_rules())
        .map_err(|error| ConfigError::Value { name: "realm.history", problem: format!("{:?}: {error}", one.topic) })?;
    Ok(HistorySettings {
        pattern,
        events_max: one.events_max.unwrap_or(HISTORY_EVENTS_MAX),
        bytes_max: one.bytes_max.unwrap_or(HISTORY_BYTES_MAX),
        is_stored: one.store,
    })
}

fn reserved(prefix: &str) -> ReservedUris {
    let both = RESERVED.iter().flat_map(|start| [(*start).to_owned(), format!("{prefix}.{start}")]);
    ReservedUris::new(Vec::<String>::new(), both)
}
