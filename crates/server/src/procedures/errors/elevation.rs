//! Errors of elevation.

use countersign_identity::login::{ElevationError, LoginError};

use super::Failure;

impl From<ElevationError> for Failure {
    fn from(error: ElevationError) -> Self {
        match error {
            ElevationError::Login(LoginError::Storage(fault)) => fault.into(),
            other => Self::not_authorized(other),
        }
    }
}
