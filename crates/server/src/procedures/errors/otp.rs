//! Errors of one-time passwords.

use countersign_identity::ExpiresError;
use countersign_identity::otp::OtpError;

use super::{Failure, FailureKind};
use crate::metrics::ServerLimit;

impl From<OtpError> for Failure {
    fn from(error: OtpError) -> Self {
        let text = error.to_string();
        match error {
            OtpError::OtpSession => Self::not_authorized(text),
            OtpError::Anonymous | OtpError::NotTrusted | OtpError::Foreign => Self::denied(text),
            OtpError::Expires(ExpiresError::TooFar { .. }) => Self::argument(text).at(ServerLimit::OtpLifetime),
            OtpError::Expires(_) | OtpError::Permissions(_) => Self::argument(text),
            OtpError::NoSuchUser(_) | OtpError::UserDisabled(_) => Self::new(FailureKind::NotFound, text),
            OtpError::TooMany(_) => Self::new(FailureKind::LimitExceeded, text).at(ServerLimit::OtpsLive),
            OtpError::Storage(fault) => fault.into(),
        }
    }
}
