//! The one table from errors to codes of the sign-on API (contract, section 0.3).

use axum::http::StatusCode;
use countersign_identity::audit::Reason;
use countersign_identity::audit_trail::AuditSearchError;
use countersign_identity::login::LoginError;
use countersign_identity::otp::OtpError;
use countersign_identity::password_policy::PasswordRefused;
use countersign_identity::repository::RepositoryError;
use countersign_identity::sign_on::attributes::AttributeError;
use countersign_identity::sign_on::linked::{LinkError, PrincipalError};
use countersign_identity::sign_on::password_reset::ResetError;
use countersign_identity::sign_on::sign_up::{ConfirmError, Fault, SignUpError};
use countersign_identity::sign_on::{
    CallerError, EnableTotpError, RecoveryCodesError, ResetTotpError, SessionError, TargetError, ValidateCodeError,
};

use super::fields::BadField;
use crate::config::SignupConfig;

/// `username.invalid`
const USERNAME_INVALID: &str = "E001001";
/// `username.exists`
const USERNAME_EXISTS: &str = "E001002";
/// `username.too_long`
const USERNAME_TOO_LONG: &str = "E001003";
/// `username.has_whitespace`
const USERNAME_WHITESPACE: &str = "E001004";
/// `email.invalid`
const EMAIL_INVALID: &str = "E002001";
/// `email.exists`
const EMAIL_EXISTS: &str = "E002002";
/// `email.too_long`
const EMAIL_TOO_LONG: &str = "E002003";
/// `email.has_whitespace`
const EMAIL_WHITESPACE: &str = "E002004";
/// `email.missing`
const EMAIL_MISSING: &str = "E002005";
/// `password.invalid`
const PASSWORD_INVALID: &str = "E003001";
/// `password.too_short`
const PASSWORD_TOO_SHORT: &str = "E003002";
/// `password.too_long`
const PASSWORD_TOO_LONG: &str = "E003003";
/// `password.not_complex_enough`
const PASSWORD_TOO_SIMPLE: &str = "E003008";
/// `app_list.invalid`
pub const APP_INVALID: &str = "E004001";
/// `app_list.no_signup`
pub const NO_SIGN_UP: &str = "E004002";
/// `auth.no_such_sign_up_token`
const NO_SUCH_SIGN_UP: &str = "E005006";
/// `auth.sign_up_confirmed`
const SIGN_UP_CONFIRMED: &str = "E005007";
/// `auth.not_allowed`: all that a stranger hears.
pub const NOT_ALLOWED: &str = "E005001";
/// `auth.locked`
const LOCKED: &str = "E005002";
/// `auth.invalid_signup_status`
const NOT_CONFIRMED: &str = "E005003";
/// `auth.totp_missing`
const TOTP_MISSING: &str = "E005008";
/// `session.no_such_session`
const NO_SUCH_SESSION: &str = "E007001";
/// `common.invalid_input`
const INVALID_INPUT: &str = "E008002";
/// `common.missing_input`
const MISSING_INPUT: &str = "E008003";
/// `attr.already_exists`
const ATTRIBUTE_EXISTS: &str = "E009001";
/// `password_reset.could_not_access`
const NO_SUCH_RESET: &str = "E010001";
/// `common.internal_error`
pub const INTERNAL_ERROR: &str = "E008004";

/// Why a request is refused.
#[derive(Debug)]
pub enum Refusal {
    /// It can't be understood.
    Malformed(BadField),
    /// With this code.
    Code {
        /// The HTTP status.
        status: StatusCode,
        /// The code.
        code: &'static str,
    },
    /// Too many failures; nothing was looked at.
    Throttled,
    /// Too many wrong codes; this one was not looked at.
    CodesThrottled,
    /// Our own fault.
    Ours(RepositoryError),
}

impl Refusal {
    /// Refused with this code.
    pub fn code(code: &'static str) -> Self {
        Self::Code { status: StatusCode::FORBIDDEN, code }
    }
}

impl From<BadField> for Refusal {
    fn from(bad: BadField) -> Self {
        Self::Malformed(bad)
    }
}

impl From<RepositoryError> for Refusal {
    fn from(fault: RepositoryError) -> Self {
        Self::Ours(fault)
    }
}

impl From<PasswordRefused> for Refusal {
    fn from(refused: PasswordRefused) -> Self {
        Self::code(match refused {
            PasswordRefused::TooSimple => PASSWORD_TOO_SIMPLE,
            PasswordRefused::TooShort => PASSWORD_TOO_SHORT,
            PasswordRefused::TooLong => PASSWORD_TOO_LONG,
            PasswordRefused::Rejected => PASSWORD_INVALID,
        })
    }
}

impl From<LoginError> for Refusal {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Refused(Reason::Throttled | Reason::Busy) => Self::Throttled,
            // Whoever hears this has shown the right password.
            LoginError::Refused(reason @ (Reason::CodeMissing | Reason::CodeThrottled)) => code_refused(reason),
            LoginError::CodeNeeded(_) => Self::code(TOTP_MISSING),
            LoginError::Refused(_) => Self::code(NOT_ALLOWED),
            LoginError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<CallerError> for Refusal {
    fn from(error: CallerError) -> Self {
        match error {
            CallerError::NoSuchSession | CallerError::Barred(Reason::NotApproved) => Self::code(NO_SUCH_SESSION),
            CallerError::Barred(Reason::UserDisabled) => Self::code(LOCKED),
            CallerError::Barred(Reason::NotConfirmed) => Self::code(NOT_CONFIRMED),
            CallerError::Barred(_) => Self::code(NOT_ALLOWED),
            CallerError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<AuditSearchError> for Refusal {
    fn from(error: AuditSearchError) -> Self {
        match error {
            AuditSearchError::Operation(_) | AuditSearchError::Outcome(_) => Self::code(INVALID_INPUT),
            AuditSearchError::Time(_) => Self::Malformed(BadField::Wrong("since or until")),
            AuditSearchError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<SessionError> for Refusal {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NoSuchSession => Self::code(NO_SUCH_SESSION),
            SessionError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<TargetError> for Refusal {
    fn from(error: TargetError) -> Self {
        match error {
            TargetError::NotAllowed => Self::code(NOT_ALLOWED),
            TargetError::NoSuchSession => Self::code(NO_SUCH_SESSION),
            TargetError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<ResetTotpError> for Refusal {
    fn from(error: ResetTotpError) -> Self {
        match error {
            ResetTotpError::NamedUser | ResetTotpError::Key(_) | ResetTotpError::Label(_) => Self::code(INVALID_INPUT),
            ResetTotpError::NoSuchUser | ResetTotpError::StepUp => Self::code(NOT_ALLOWED),
            ResetTotpError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<EnableTotpError> for Refusal {
    fn from(error: EnableTotpError) -> Self {
        match error {
            EnableTotpError::NotAllowed | EnableTotpError::NoFactor => Self::code(INVALID_INPUT),
            EnableTotpError::Code(reason) => code_refused(reason),
            EnableTotpError::NoSuchUser | EnableTotpError::StepUp => Self::code(NOT_ALLOWED),
            EnableTotpError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<AttributeError> for Refusal {
    fn from(error: AttributeError) -> Self {
        match error {
            AttributeError::NotAllowed | AttributeError::NoSuchUser => Self::code(NOT_ALLOWED),
            AttributeError::Session(error) => error.into(),
            AttributeError::NoValue => Self::code(MISSING_INPUT),
            AttributeError::Unreadable
            | AttributeError::Name(_)
            | AttributeError::Repeated
            | AttributeError::Count
            | AttributeError::ValueTooLong
            | AttributeError::Expiration
            | AttributeError::TooMany => Self::code(INVALID_INPUT),
            AttributeError::Exists => Self::code(ATTRIBUTE_EXISTS),
            AttributeError::Storage(fault) => Self::Ours(fault),
        }
    }
}

/// Why a code of the second factor is refused; wrong and used ones are not told apart.
fn code_refused(reason: Reason) -> Refusal {
    match reason {
        Reason::CodeMissing => Refusal::code(TOTP_MISSING),
        Reason::CodeThrottled => Refusal::CodesThrottled,
        _ => Refusal::code(NOT_ALLOWED),
    }
}

impl From<RecoveryCodesError> for Refusal {
    fn from(error: RecoveryCodesError) -> Self {
        match error {
            RecoveryCodesError::NamedUser | RecoveryCodesError::NoFactor => Self::code(INVALID_INPUT),
            RecoveryCodesError::StepUp => Self::code(NOT_ALLOWED),
            RecoveryCodesError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<ValidateCodeError> for Refusal {
    fn from(error: ValidateCodeError) -> Self {
        match error {
            ValidateCodeError::NotAllowed | ValidateCodeError::NoFactor => Self::code(NOT_ALLOWED),
            ValidateCodeError::Code(reason) => code_refused(reason),
            ValidateCodeError::Storage(fault) => Self::Ours(fault),
        }
    }
}

/// What somebody hears who can't sign up: why, only where the settings say so.
pub fn sign_up_refused(error: SignUpError, config: &SignupConfig) -> Refusal {
    let (code, is_told) = match error {
        SignUpError::Username(Fault::Exists) => (USERNAME_EXISTS, config.inform_if_user_exists),
        SignUpError::Username(Fault::Invalid) => (USERNAME_INVALID, config.inform_if_user_invalid),
        SignUpError::Username(Fault::TooLong) => (USERNAME_TOO_LONG, config.inform_if_user_invalid),
        SignUpError::Username(Fault::Whitespace) => (USERNAME_WHITESPACE, config.inform_if_user_invalid),
        SignUpError::Email(Fault::Exists) => (EMAIL_EXISTS, config.inform_if_email_exists),
        SignUpError::Email(Fault::Invalid) => (EMAIL_INVALID, config.inform_if_email_invalid),
        SignUpError::Email(Fault::TooLong) => (EMAIL_TOO_LONG, config.inform_if_email_invalid),
        SignUpError::Email(Fault::Whitespace) => (EMAIL_WHITESPACE, config.inform_if_email_invalid),
        SignUpError::EmailMissing => (EMAIL_MISSING, config.inform_if_email_invalid),
        SignUpError::Password(refused) => return refused.into(),
        SignUpError::Busy(_) => return Refusal::Throttled,
        SignUpError::NoSuchRole(role) => return misconfigured(format!("there is no role {role:?}")),
        SignUpError::Storage(fault) => return Refusal::Ours(fault),
    };
    Refusal::code(if is_told { code } else { NOT_ALLOWED })
}

/// The operator's to mend; the log says what.
pub fn misconfigured(problem: String) -> Refusal {
    Refusal::Ours(RepositoryError::Corrupt(problem))
}

impl From<ConfirmError> for Refusal {
    fn from(error: ConfirmError) -> Self {
        match error {
            ConfirmError::NoSuchToken => Self::code(NO_SUCH_SIGN_UP),
            ConfirmError::AlreadyConfirmed => Self::code(SIGN_UP_CONFIRMED),
            ConfirmError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<ResetError> for Refusal {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::Refused(_) => Self::code(NO_SUCH_RESET),
            ResetError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<LinkError> for Refusal {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::NotAllowed | LinkError::NoSuchUser => Self::code(NOT_ALLOWED),
            LinkError::Principal(PrincipalError::AuthType) => Self::Malformed(BadField::Wrong("auth_type")),
            LinkError::Principal(PrincipalError::Name) => Self::Malformed(BadField::Wrong("auth_username")),
            LinkError::Taken | LinkError::TooMany | LinkError::NoSuchLink => Self::code(INVALID_INPUT),
            LinkError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<OtpError> for Refusal {
    fn from(error: OtpError) -> Self {
        match error {
            OtpError::OtpSession
            | OtpError::Anonymous
            | OtpError::NotTrusted
            | OtpError::NoSuchUser(_)
            | OtpError::UserDisabled(_)
            | OtpError::Foreign => Self::code(NOT_ALLOWED),
            OtpError::Expires(_) | OtpError::Permissions(_) | OtpError::TooMany(_) => Self::code(INVALID_INPUT),
            OtpError::Storage(fault) => Self::Ours(fault),
        }
    }
}
