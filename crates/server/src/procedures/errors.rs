//! Which error a caller sees: one table from the rules' errors to URI and text.

use countersign_identity::ExpiresError;
use countersign_identity::otp::OtpError;
use countersign_identity::repository::RepositoryError;
use countersign_wamp::uris;

use crate::metrics::ServerLimit;

/// Error URIs under the bus's prefix, as `com.izaber.wamp.error.permissiondenied`.
#[derive(Debug)]
pub struct ErrorUris {
    /// The caller may not do this, or a login was refused.
    pub permission_denied: String,
    /// An argument is wrong; the text says which and what would be right.
    pub invalid_argument: String,
    /// The user, or whatever the call is about, doesn't exist.
    pub not_found: String,
    /// A limit is reached.
    pub limit_exceeded: String,
    /// The server can't answer at the moment.
    pub unavailable: String,
}

/// Why a procedure gives no result.
#[derive(Debug)]
pub enum Failure {
    /// An argument is wrong.
    Argument(String),
    /// The arguments are too long.
    TooLong {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// A rule of one-time passwords refused.
    Otp(OtpError),
}

impl Failure {
    /// The limit that was passed, if that was it.
    pub fn limit(&self) -> Option<ServerLimit> {
        match self {
            Self::TooLong { .. } => Some(ServerLimit::ProcedureArguments),
            Self::Otp(OtpError::TooMany(_)) => Some(ServerLimit::OtpsLive),
            Self::Otp(OtpError::Expires(ExpiresError::TooFar { .. })) => Some(ServerLimit::OtpLifetime),
            Self::Argument(_) | Self::Otp(_) => None,
        }
    }
}

impl From<OtpError> for Failure {
    fn from(error: OtpError) -> Self {
        Self::Otp(error)
    }
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        Self::Otp(error.into())
    }
}

impl ErrorUris {
    /// The URIs for one prefix.
    pub fn new(prefix: &str) -> Self {
        let uri = |name: &str| format!("{prefix}.error.{name}");
        Self {
            permission_denied: uri("permissiondenied"),
            invalid_argument: uri("invalidargument"),
            not_found: uri("notfound"),
            limit_exceeded: uri("limitexceeded"),
            unavailable: uri("unavailable"),
        }
    }

    /// URI and public text. What is internal goes to the log, under `cid`.
    pub fn answer(&self, failure: &Failure, cid: &str) -> (&str, String) {
        let error = match failure {
            Failure::Argument(text) => return (&self.invalid_argument, text.clone()),
            Failure::TooLong { bytes_max } => {
                return (&self.invalid_argument, format!("the arguments have more than {bytes_max} bytes"));
            }
            Failure::Otp(error) => error,
        };
        let uri = match error {
            OtpError::OtpSession => {
                return (uris::error::NOT_AUTHORIZED, format!("session is not authorized: {error}"));
            }
            OtpError::Anonymous | OtpError::NotTrusted | OtpError::Foreign => {
                return (&self.permission_denied, format!("Permission Denied: {error}"));
            }
            OtpError::Expires(_) | OtpError::Permissions(_) => &self.invalid_argument,
            OtpError::NoSuchUser(_) | OtpError::UserDisabled(_) => &self.not_found,
            OtpError::TooMany(_) => &self.limit_exceeded,
            OtpError::Storage(fault) => return (&self.unavailable, internal(fault, cid)),
        };
        (uri, error.to_string())
    }
}

fn internal(fault: &RepositoryError, cid: &str) -> String {
    tracing::error!(cid, error = ?fault, "a procedure failed on our side");
    format!("the server can't do this at the moment; reference {cid}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internals_stay_inside() {
        let uris = ErrorUris::new("com.izaber.wamp");
        let fault = RepositoryError::Corrupt("users 17: secret detail".into());
        let (uri, text) = uris.answer(&Failure::Otp(OtpError::Storage(fault)), "cid1");
        assert_eq!(uri, "com.izaber.wamp.error.unavailable");
        assert!(text.contains("cid1") && !text.contains("secret detail"), "{text}");
    }

    #[test]
    fn refusals_say_what_is_missing() {
        let uris = ErrorUris::new("com.izaber.wamp");
        let (uri, text) = uris.answer(&Failure::Otp(OtpError::NotTrusted), "c");
        assert_eq!(uri, "com.izaber.wamp.error.permissiondenied");
        assert!(text.starts_with("Permission Denied") && text.contains("trust"), "{text}");
    }
}
