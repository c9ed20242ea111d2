//! Errors of the directory. Its own words are for the operator.

use super::{Failure, FailureKind};
use crate::directory::{DirectoryError, SyncFailed};

impl From<DirectoryError> for Failure {
    fn from(error: DirectoryError) -> Self {
        match error {
            // Counted where it was reached.
            DirectoryError::TooMuch(_) => Self::new(FailureKind::LimitExceeded, error.to_string()),
            DirectoryError::Down
            | DirectoryError::QueueFull
            | DirectoryError::TooLongQueued
            | DirectoryError::ServiceLogin(_)
            | DirectoryError::Refused(_)
            | DirectoryError::Settings(_) => {
                Self::new(FailureKind::Unavailable, "the directory gives no answer at the moment")
            }
        }
    }
}

impl From<SyncFailed> for Failure {
    fn from(error: SyncFailed) -> Self {
        match error {
            SyncFailed::Directory(error) => error.into(),
            SyncFailed::Users(_) => {
                Self::new(FailureKind::Unavailable, "the directory's users can't be brought over at the moment")
            }
        }
    }
}
