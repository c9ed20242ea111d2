//! Errors of records of URIs.

use countersign_identity::uris::UriError;

use super::{Failure, FailureKind};

impl From<UriError> for Failure {
    fn from(error: UriError) -> Self {
        let text = error.to_string();
        match error {
            UriError::OtpSession => Self::not_authorized(text),
            UriError::NotTrusted => Self::denied(text),
            UriError::Key(_) | UriError::Update(_) => Self::argument(text),
            UriError::NotFound | UriError::Active => Self::new(FailureKind::NotFound, text),
            UriError::Exists => Self::new(FailureKind::Exists, text),
            UriError::TooMany(_) => Self::new(FailureKind::LimitExceeded, text),
            UriError::Storage(fault) => fault.into(),
        }
    }
}
