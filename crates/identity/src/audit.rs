//! The audit trail: one row per thing that was done or refused.
//!
//! A row is written in the transaction of what it records. No secret, ticket or digest is in
//! any row.

use crate::audit_chain::Link;
use crate::{Actor, RequestContext, Timestamp, printable};

macro_rules! names {
    ($(#[$doc:meta])* $kind:ident { $($(#[$variant_doc:meta])* $variant:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $kind { $($(#[$variant_doc])* $variant),+ }

        impl $kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name in storage and in answers. Names are never reused for another meaning.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// The value with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

pub(crate) use names;

names! {
    /// What was done or tried.
    Operation {
        /// A session was opened or refused.
        Login = "login",
        /// A one-time password was made or refused.
        OtpMint = "otp.mint",
        /// A one-time password was used up.
        OtpSpend = "otp.spend",
        /// A one-time password was withdrawn.
        OtpDelete = "otp.delete",
        /// An API key was made or refused.
        ApiKeyMint = "apikey.mint",
        /// What is said of a one-time password was changed.
        OtpUpdate = "otp.update",
        /// What is said of an API key was changed.
        ApiKeyUpdate = "apikey.update",
        /// An API key was withdrawn.
        ApiKeyDelete = "apikey.delete",
        /// The holder of an API key said for whom requests are made.
        ApiKeyActFor = "apikey.act_for",
        /// Cookies were ended, by a logout or a kill.
        CookieEnd = "cookie.end",
        /// A session asked whether a credential is good.
        Authenticate = "authenticate",
        /// A session's user showed the password again.
        Reauthenticate = "reauthenticate",
        /// A user was created.
        UserCreate = "user.create",
        /// A user was locked.
        UserLock = "user.lock",
        /// A user was unlocked.
        UserUnlock = "user.unlock",
        /// A user was approved.
        UserApprove = "user.approve",
        /// A user was rejected.
        UserReject = "user.reject",
        /// What is known of a user was changed.
        UserUpdate = "user.update",
        /// What is known of a user was read by somebody else.
        UserRead = "user.get",
        /// Users were searched for.
        UserSearch = "user.search",
        /// A user got another role.
        UserRole = "user.role",
        /// A user was deleted.
        UserDelete = "user.delete",
        /// A user was brought over from another system.
        UserImport = "user.import",
        /// Users of the directory were brought over.
        DirectorySync = "directory.sync",
        /// A user's password was set.
        UserPassword = "user.password",
        /// A public key of a user was added.
        UserKeyAdd = "user.pubkey.add",
        /// A public key of a user was removed.
        UserKeyRemove = "user.pubkey.remove",
        /// A role was created.
        RoleCreate = "role.create",
        /// A rule of a role was set.
        RoleAllow = "role.allow",
        /// A URI was denied to a role.
        RoleDeny = "role.deny",
        /// Somebody who may not wanted to read the roles.
        RoleRead = "role.get",
        /// All rules of a role were replaced.
        RoleReplace = "role.replace",
        /// A role got another name.
        RoleRename = "role.rename",
        /// A role was removed.
        RoleRemove = "role.delete",
        /// A sign-on session was opened or refused.
        SessionOpen = "session.open",
        /// A sign-on session was renewed.
        SessionRenew = "session.renew",
        /// A sign-on session was ended.
        SessionEnd = "session.end",
        /// A second factor got another key.
        TotpReset = "totp.reset",
        /// Logins need a code of the second factor from now on.
        TotpEnable = "totp.enable",
        /// Logins need no code any more.
        TotpDisable = "totp.disable",
        /// A user got new recovery codes; the old ones are worth nothing.
        TotpRecovery = "totp.recovery",
        /// A code of a second factor was checked apart from a login.
        TotpValidate = "totp.validate",
        /// Rows of the trail were removed, as old as retention says.
        AuditTrim = "audit.trim",
        /// Somebody who forgot a password asked for a token.
        PasswordResetRequest = "password_reset.request",
        /// Such a token was shown.
        PasswordResetAccess = "password_reset.access",
        /// A password was set by such a token.
        PasswordResetUse = "password_reset.use",
        /// Attributes of a user or a session were created.
        AttributeCreate = "attr.create",
        /// Values of attributes were changed.
        AttributeUpdate = "attr.update",
        /// Attributes were created or changed.
        AttributeSet = "attr.set",
        /// Ends of attributes were changed.
        AttributeExpire = "attr.expire",
        /// Attributes were removed.
        AttributeDelete = "attr.delete",
        /// An entry of a user's metadata was set.
        MetadataSet = "metadata.set",
        /// An entry of a user's metadata was removed.
        MetadataDelete = "metadata.delete",
        /// A session told something of itself in a roster.
        RosterRegister = "roster.register",
        /// A session took that back.
        RosterUnregister = "roster.unregister",
        /// Somebody signed up.
        SignUp = "sign_up",
        /// A sign-up was confirmed.
        SignUpConfirm = "sign_up.confirm",
        /// A password's hash was replaced by one of our own.
        UserRehash = "user.rehash",
        /// An account of another system was linked to a user.
        LinkCreate = "link.create",
        /// A link was removed.
        LinkDelete = "link.delete",
        /// What is said of a URI was changed: documentation, thresholds.
        UriSet = "uri.set",
        /// The connections that a URI's record remembers were removed.
        UriClear = "uri.clear",
        /// A URI's record was removed.
        UriDelete = "uri.delete",
        /// A URI's record of another system was brought over.
        UriImport = "uri.import",
        /// A URI's record was removed because nobody has registered the URI for long.
        UriReap = "uri.reap",
        /// The installation got its roles and its first user.
        Bootstrap = "bootstrap",
    }
}

names! {
    /// How it ended.
    Outcome {
        /// It was done.
        Accepted = "accepted",
        /// It was refused; nothing changed.
        Refused = "refused",
    }
}

names! {
    /// Why it was refused. For the trail only: a stranger is told the same for all of them.
    Reason {
        /// No ticket or nothing but blanks.
        BlankTicket = "blank_ticket",
        /// No such user.
        UnknownUser = "unknown_user",
        /// The user is not enabled.
        UserDisabled = "user_disabled",
        /// The user may not log in from there.
        AddressNotListed = "address_not_listed",
        /// Users don't log in with this application.
        ApplicationNotAllowed = "application_not_allowed",
        /// The user's sign-up is not confirmed.
        NotConfirmed = "not_confirmed",
        /// The user is not approved.
        NotApproved = "not_approved",
        /// The password is right, and too old.
        PasswordExpired = "password_expired",
        /// The password is right, and has to be changed first.
        PasswordMustChange = "password_must_change",
        /// The password is right, and good for too short a time still.
        PasswordAboutToExpire = "password_about_to_expire",
        /// The new password is guessed too fast.
        PasswordTooSimple = "password_too_simple",
        /// The new password has too few characters.
        PasswordTooShort = "password_too_short",
        /// The new password has too many characters.
        PasswordTooLong = "password_too_long",
        /// The new password contains what none may contain.
        PasswordRejected = "password_rejected",
        /// Neither a password nor a key of this user.
        WrongTicket = "wrong_ticket",
        /// The user has no secret for this method: the password was set before, or without it.
        NoSecret = "no_secret",
        /// The proof is wrong, or belongs to another challenge.
        WrongProof = "wrong_proof",
        /// The client sees another channel than the server.
        WrongChannel = "wrong_channel",
        /// The public key is nobody's.
        UnknownKey = "unknown_key",
        /// The client's certificate names no user, or more than one.
        CertificateUnusable = "certificate_unusable",
        /// The client's certificate names another user than the client asked for.
        CertificateMismatch = "certificate_mismatch",
        /// A cookie that nobody has.
        WrongCookie = "wrong_cookie",
        /// A cookie after its time.
        CookieExpired = "cookie_expired",
        /// A cookie of another user than the client asked for.
        CookieMismatch = "cookie_mismatch",
        /// A cookie that came from a page of another site; it was not looked at.
        ForeignOrigin = "foreign_origin",
        /// A token that nobody has.
        WrongToken = "wrong_token",
        /// A token after its time.
        TokenExpired = "token_expired",
        /// A session token of another user than the client asked for.
        TokenMismatch = "token_mismatch",
        /// A one-time password that was used before.
        OtpSpent = "otp_spent",
        /// A one-time password after its time.
        OtpExpired = "otp_expired",
        /// An API key after its time.
        ApiKeyExpired = "api_key_expired",
        /// The code of the second factor is missing.
        CodeMissing = "code_missing",
        /// The code of the second factor is wrong.
        WrongCode = "wrong_code",
        /// The code of the second factor was used before, or is older than one that was.
        CodeReused = "code_reused",
        /// Too many wrong codes for this user from this address; the code was not looked at.
        CodeThrottled = "code_throttled",
        /// Too many wrong codes in a row for this user; no code of the key counts any more.
        FactorLocked = "factor_locked",
        /// The check of password and code is too long ago for this.
        StepUp = "step_up",
        /// The user was locked, deleted or changed while the session was being opened.
        Revoked = "revoked",
        /// Too many failures; the ticket was not looked at.
        Throttled = "throttled",
        /// The password pool had no room in time; the ticket was not looked at.
        Busy = "busy",
        /// The actor lacks the right.
        NotAllowed = "not_allowed",
        /// A session of a one-time password can't do this.
        OtpSession = "otp_session",
        /// A session that was opened so, or without a login, can't be elevated.
        NotElevatable = "not_elevatable",
        /// A session of an API key can't do this, unless the key's own rules say so.
        ApiKeySession = "api_key_session",
        /// The user has the most unspent one-time passwords, or API keys, that one may have.
        TooMany = "too_many",
        /// An argument was wrong.
        BadRequest = "bad_request",
        /// The target belongs to somebody else.
        Foreign = "foreign",
        /// A token of a mail that was used before.
        TokenUsed = "token_used",
        /// The password is not one that may be set.
        PasswordRefused = "password_refused",
        /// The user has no e-mail address.
        NoEmail = "no_email",
        /// The password is the directory's, and can't be set here.
        InDirectory = "in_directory",
        /// The directory gave no answer, or its users can't be stored.
        DirectoryDown = "directory_down",
        /// The user, or the address that asks, has had as many mails as it may.
        TooManyMails = "too_many_mails",
        /// The target does not exist.
        NotFound = "not_found",
        /// The name is taken.
        Exists = "exists",
        /// Others need it.
        InUse = "in_use",
    }
}

/// One event, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// When.
    pub at: Timestamp,
    /// Correlation id of the request, as the caller gives it.
    pub cid: String,
    /// The server's own id of the request; the same as `cid` where the caller gave none.
    pub request: String,
    /// Who did it: a login name, or `%operator`, `%anonymous`. At a login: the name given.
    pub actor: String,
    /// To whom or what: a login name, a role, a credential's id; empty if there is nothing.
    pub target: String,
    /// What.
    pub operation: Operation,
    /// Through which door or application.
    pub application: String,
    /// The peer's address.
    pub address: String,
    /// What the client calls itself.
    pub agent: String,
    /// The address that the caller claims for somebody else, without the right to; empty if none.
    pub claimed_address: String,
    /// The agent that the caller claims for somebody else, without the right to; empty if none.
    pub claimed_agent: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it was refused.
    pub reason: Option<Reason>,
    /// What else is worth knowing, without secrets; empty if nothing.
    pub detail: String,
}

/// Longest actor, target or detail in a row, in characters. They can be a stranger's text.
const TEXT_CHARACTERS_MAX: usize = 256;

impl AuditEvent {
    /// An accepted event of `actor`.
    pub fn new(now: Timestamp, context: &RequestContext, actor: &Actor, operation: Operation) -> Self {
        Self::by_name(now, context, actor.name(), operation)
    }

    /// An accepted event of somebody who is only a name so far, as at a login.
    pub fn by_name(now: Timestamp, context: &RequestContext, actor: &str, operation: Operation) -> Self {
        Self {
            at: now,
            cid: context.cid.clone(),
            request: context.request.clone(),
            actor: printable(actor, TEXT_CHARACTERS_MAX),
            target: String::new(),
            operation,
            application: context.application.clone(),
            address: context.address.to_string(),
            agent: context.agent.clone(),
            claimed_address: context.claimed_address.clone(),
            claimed_agent: context.claimed_agent.clone(),
            outcome: Outcome::Accepted,
            reason: None,
            detail: String::new(),
        }
    }

    /// With this target.
    #[must_use]
    pub fn target(mut self, target: &str) -> Self {
        self.target = printable(target, TEXT_CHARACTERS_MAX);
        self
    }

    /// With this detail.
    #[must_use]
    pub fn detail(mut self, detail: &str) -> Self {
        self.detail = printable(detail, TEXT_CHARACTERS_MAX);
        self
    }

    /// The same, refused.
    #[must_use]
    pub fn refused(mut self, reason: Reason) -> Self {
        self.outcome = Outcome::Refused;
        self.reason = Some(reason);
        self
    }
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRow {
    /// Position in the trail, from 1.
    pub sequence: u64,
    /// What happened.
    pub event: AuditEvent,
    /// What ties it to the rows before it.
    pub link: Link,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PeerAddress;

    #[test]
    fn a_strangers_text_is_cut_and_cleaned() {
        let context = RequestContext::new("c", PeerAddress::Local, "", "wamp");
        let now = Timestamp::from_micros(0);
        let event = AuditEvent::by_name(now, &context, &"a\n".repeat(500), Operation::Login);
        assert_eq!(event.actor.chars().count(), TEXT_CHARACTERS_MAX);
        assert!(!event.actor.contains('\n'));
    }

    #[test]
    fn names_are_read_back() {
        for operation in [Operation::Login, Operation::OtpMint, Operation::RoleDeny] {
            assert_eq!(Operation::from_name(operation.name()), Some(operation));
        }
        assert_eq!(Reason::from_name("nonsense"), None);
    }
}
