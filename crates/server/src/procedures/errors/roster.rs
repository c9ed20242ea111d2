//! Errors of rosters.

use countersign_identity::roster::RosterError;

use super::{Failure, FailureKind};
use crate::metrics::ServerLimit;

impl From<RosterError> for Failure {
    fn from(error: RosterError) -> Self {
        let text = error.to_string();
        let exceeded = |text, limit| Self::new(FailureKind::LimitExceeded, text).at(limit);
        match error {
            RosterError::NotAllowed(_) => Self::denied(text),
            RosterError::Name(_) | RosterError::Visibility(_) => Self::argument(text),
            RosterError::DataTooLong(_) => exceeded(text, ServerLimit::RosterDataBytes),
            RosterError::TooManyOfSession(_) => exceeded(text, ServerLimit::RosterSessionEntries),
            RosterError::TooMany(_) => exceeded(text, ServerLimit::RosterEntries),
            RosterError::TooMuch(_) => exceeded(text, ServerLimit::RosterBytes),
            RosterError::Storage(fault) => fault.into(),
        }
    }
}
