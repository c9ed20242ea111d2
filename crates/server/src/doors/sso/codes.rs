//! The one table from errors to codes of the sign-on API (contract, section 0.3).

use std::time::Duration;

use axum::http::StatusCode;
use countersign_identity::LoginNameError;
use countersign_identity::admin::AdminError;
use countersign_identity::audit::Reason;
use countersign_identity::audit_trail::AuditSearchError;
use countersign_identity::keys::KeyError;
use countersign_identity::login::LoginError;
use countersign_identity::password_policy::PasswordRefused;
use countersign_identity::permission::PermissionsError;
use countersign_identity::repository::RepositoryError;
use countersign_identity::sign_on::attributes::AttributeError;
use countersign_identity::sign_on::linked::{LinkError, PrincipalError};
use countersign_identity::sign_on::password_reset::ResetError;
use countersign_identity::sign_on::sign_up::{ConfirmError, Fault, SignUpError};
use countersign_identity::sign_on::{
    CallerError, EnableTotpError, RecoveryCodesError, ResetTotpError, SessionError, TargetError, UserError,
    ValidateCodeError,
};

use super::fields::BadField;
use crate::allowances::Spent;
use crate::config::{AppsConfig, Config, PasswordConfig, SignupConfig};

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
/// `password.expired`
const PASSWORD_EXPIRED: &str = "E003004";
/// `password.w_about_to_exp`
pub const PASSWORD_EXPIRING: &str = "W003005";
/// `password.e_about_to_exp`
const PASSWORD_ABOUT_TO_EXPIRE: &str = "E003006";
/// `password.must_send_new`
const PASSWORD_MUST_CHANGE: &str = "E003007";
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
/// `auth.not_approved`
const NOT_APPROVED: &str = "E005004";
/// `auth.totp_missing`
const TOTP_MISSING: &str = "E005008";
/// `session.no_such_session`
const NO_SUCH_SESSION: &str = "E007001";
/// `common.invalid_operation`
const INVALID_OPERATION: &str = "E008001";
/// `common.missing_input`
const MISSING_INPUT: &str = "E008003";
/// `common.invalid_input`
pub const INVALID_INPUT: &str = "E008002";
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
    /// Too much of something for now; nothing was looked at. There is room again after this time.
    Later(Duration),
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

impl From<Spent> for Refusal {
    fn from(spent: Spent) -> Self {
        Self::Later(spent.wait)
    }
}

impl From<RepositoryError> for Refusal {
    fn from(fault: RepositoryError) -> Self {
        Self::Ours(fault)
    }
}

/// What is said of an application that isn't known.
pub fn app_invalid(apps: &AppsConfig) -> &'static str {
    if apps.inform_if_app_invalid { APP_INVALID } else { NOT_ALLOWED }
}

/// What whoever can't log in is told: not allowed, and more only where the settings say so.
pub fn login_refused(error: LoginError, config: &Config) -> Refusal {
    let reason = match error {
        LoginError::Storage(fault) => return Refusal::Ours(fault),
        LoginError::Refused(Reason::Throttled | Reason::Busy) => return Refusal::Throttled,
        LoginError::CodeNeeded(_) => Reason::CodeMissing,
        LoginError::Refused(reason @ Reason::CodeThrottled) => return code_refused(reason),
        LoginError::Refused(reason) => reason,
    };
    let (login, password) = (&config.login, &config.password);
    let code = match reason {
        Reason::ApplicationNotAllowed => app_invalid(&config.apps),
        Reason::CodeMissing if login.inform_if_totp_missing => TOTP_MISSING,
        Reason::UserDisabled if login.inform_if_locked => LOCKED,
        Reason::NotConfirmed if login.inform_if_not_confirmed => NOT_CONFIRMED,
        Reason::NotApproved if login.inform_if_not_approved => NOT_APPROVED,
        Reason::PasswordExpired if password.inform_if_expired => PASSWORD_EXPIRED,
        Reason::PasswordAboutToExpire if password.inform_if_about_to_expire => PASSWORD_ABOUT_TO_EXPIRE,
        Reason::PasswordMustChange if password.inform_if_must_be_changed => PASSWORD_MUST_CHANGE,
        Reason::PasswordTooSimple if password.inform_if_invalid => PASSWORD_TOO_SIMPLE,
        Reason::PasswordTooShort if password.inform_if_invalid => PASSWORD_TOO_SHORT,
        Reason::PasswordTooLong if password.inform_if_invalid => PASSWORD_TOO_LONG,
        Reason::PasswordRejected if password.inform_if_invalid => PASSWORD_INVALID,
        _ => NOT_ALLOWED,
    };
    Refusal::code(code)
}

/// What is said of a change of one's own password that was refused: not why (contract, section 1.2).
pub fn own_password_refused(reason: Reason) -> Refusal {
    match reason {
        Reason::Throttled => Refusal::Throttled,
        _ => Refusal::code(NOT_ALLOWED),
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

impl From<UserError> for Refusal {
    fn from(error: UserError) -> Self {
        match error {
            UserError::SuperUserOnly | UserError::NoSuchUser | UserError::OwnPassword(_) => Self::code(NOT_ALLOWED),
            UserError::BadInput(_) => Self::code(INVALID_INPUT),
            UserError::Nothing => Self::code(MISSING_INPUT),
            UserError::Oneself => Self::code(INVALID_OPERATION),
            UserError::LoginName(LoginNameError::TooLong) => Self::code(USERNAME_TOO_LONG),
            UserError::LoginName(LoginNameError::Character(found)) if found.is_whitespace() => {
                Self::code(USERNAME_WHITESPACE)
            }
            UserError::LoginName(_) => Self::code(USERNAME_INVALID),
            UserError::LoginTaken => Self::code(USERNAME_EXISTS),
            UserError::Email => Self::code(EMAIL_INVALID),
            UserError::EmailTooLong => Self::code(EMAIL_TOO_LONG),
            UserError::Password(refused) => refused.into(),
            UserError::Busy(_) => Self::Throttled,
            UserError::NoSuchRole(role) => {
                Self::Ours(RepositoryError::Corrupt(format!("there is no role {role:?}, which new users are to get")))
            }
            UserError::Storage(fault) => Self::Ours(fault),
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

/// What is said of a session that makes nobody a caller: that the password expired, only where the settings say so.
pub fn caller_refused(error: CallerError, config: &PasswordConfig) -> Refusal {
    match error {
        CallerError::Barred(Reason::PasswordExpired) if config.inform_if_expired => Refusal::code(PASSWORD_EXPIRED),
        other => other.into(),
    }
}

/// What a search says of a session that there isn't: no more than a login (contract, sections 0.2 and 11).
pub fn masked(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Code { code: NO_SUCH_SESSION, .. } => Refusal::code(NOT_ALLOWED),
        other => other,
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

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::OtpSession
            | KeyError::KeySession
            | KeyError::HandsOn
            | KeyError::Anonymous
            | KeyError::NotTrusted
            | KeyError::NoSuchUser(_)
            | KeyError::UserDisabled(_)
            | KeyError::Gone(_)
            | KeyError::Foreign(_) => Self::code(NOT_ALLOWED),
            KeyError::Expires { .. } | KeyError::Permissions(_) | KeyError::Description | KeyError::TooMany { .. } => {
                Self::code(INVALID_INPUT)
            }
            KeyError::Storage(fault) => Self::Ours(fault),
        }
    }
}

impl From<PermissionsError> for Refusal {
    fn from(_: PermissionsError) -> Self {
        Self::code(INVALID_INPUT)
    }
}

impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotTrusted | AdminError::OtpSession => Self::code(NOT_ALLOWED),
            AdminError::RoleInUse(_) | AdminError::RoleProtected(_) => Self::code(INVALID_OPERATION),
            AdminError::Storage(fault) => Self::Ours(fault),
            _ => Self::code(INVALID_INPUT),
        }
    }
}
