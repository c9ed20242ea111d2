//! Errors of one-time passwords and API keys.

use countersign_identity::ExpiresError;
use countersign_identity::keys::{KeyError, KeyKind};

use super::{Failure, FailureKind};
use crate::metrics::ServerLimit;

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        let text = error.to_string();
        match error {
            KeyError::OtpSession | KeyError::KeySession => Self::not_authorized(text),
            KeyError::Anonymous | KeyError::NotTrusted | KeyError::HandsOn | KeyError::Foreign(_) => Self::denied(text),
            KeyError::Expires { kind, error: ExpiresError::TooFar { .. } } => Self::argument(text).at(match kind {
                KeyKind::Otp => ServerLimit::OtpLifetime,
                KeyKind::ApiKey => ServerLimit::ApiKeyLifetime,
            }),
            KeyError::Expires { .. } | KeyError::Permissions(_) => Self::argument(text),
            KeyError::Description => Self::argument(text).at(ServerLimit::ApiKeyDescription),
            KeyError::NoSuchUser(_) | KeyError::UserDisabled(_) | KeyError::Gone(_) => {
                Self::new(FailureKind::NotFound, text)
            }
            KeyError::TooMany { kind, .. } => Self::new(FailureKind::LimitExceeded, text).at(match kind {
                KeyKind::Otp => ServerLimit::OtpsLive,
                KeyKind::ApiKey => ServerLimit::ApiKeysLive,
            }),
            KeyError::Storage(fault) => fault.into(),
        }
    }
}
