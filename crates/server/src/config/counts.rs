//! Settings that are whole numbers from 1 to a highest one.

use super::ConfigError;

/// Looks at settings: name, value, highest value.
///
/// # Errors
///
/// [`ConfigError::Value`] for the first that is out of its range.
pub fn check_counts(counts: impl IntoIterator<Item = (&'static str, u64, u64)>) -> Result<(), ConfigError> {
    match counts.into_iter().find(|(_, value, max)| !(1..=*max).contains(value)) {
        Some((name, _, max)) => Err(ConfigError::Value { name, problem: format!("has to be from 1 to {max}") }),
        None => Ok(()),
    }
}

/// A number of things in memory, as a setting.
pub fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
