//! Errors of metadata.

use countersign_identity::metadata::{MetadataError, MetadataKeyError};

use super::{Failure, FailureKind};
use crate::metrics::ServerLimit;
use crate::yaml::YamlError;

impl From<MetadataError> for Failure {
    fn from(error: MetadataError) -> Self {
        let text = error.to_string();
        let exceeded = |text, limit| Self::new(FailureKind::LimitExceeded, text).at(limit);
        match error {
            MetadataError::UnknownUser | MetadataError::NotTrusted => Self::denied(text),
            MetadataError::NoSuchUser(_) => Self::new(FailureKind::NotFound, text),
            MetadataError::Exists(_) => Self::new(FailureKind::Exists, text),
            MetadataError::Key(MetadataKeyError::TooLong(_)) => Self::argument(text).at(ServerLimit::MetadataKeyBytes),
            MetadataError::Key(_) => Self::argument(text),
            MetadataError::ValueTooLong(_) => exceeded(text, ServerLimit::MetadataValueBytes),
            MetadataError::TooMany(_) => exceeded(text, ServerLimit::MetadataEntries),
            MetadataError::TooMuch(_) => exceeded(text, ServerLimit::MetadataBytes),
            MetadataError::Storage(fault) => fault.into(),
        }
    }
}

impl From<YamlError> for Failure {
    fn from(error: YamlError) -> Self {
        Self::argument(error.to_string())
    }
}
