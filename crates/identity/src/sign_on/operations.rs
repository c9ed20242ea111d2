//! What the rules of sign-on ask of storage. See [`crate::repository`].

use super::{Factor, SignOnSession};
use crate::audit::{AuditEvent, Reason};
use crate::password::PasswordHash;
use crate::repository::PasswordChange;
use crate::standing::Way;
use crate::totp::{Step, Totp};
use crate::user::User;
use crate::{Digest, LoginName, SessionId, Timestamp, UserId};

/// Reads a user with the second factor, if there is one.
#[derive(Debug)]
pub struct FindFactor {
    /// Whose.
    pub login: LoginName,
}

/// Opens a session by what was found right. In one transaction: the user may come in and still has this password; the
/// second factor is off, or is the one that was checked and accepts this step; the session is stored.
#[derive(Debug)]
pub struct OpenSession {
    /// The session.
    pub session: SignOnSession,
    /// The hash that the password was checked against.
    pub password: PasswordHash,
    /// The code that was found right.
    pub code: Option<AcceptedCode>,
    /// Another password, which takes the place of one that is only good for this; all other sessions and cookies of the
    /// user end with the old one.
    pub change: Option<PasswordChange>,
    /// The user may have so many sessions; the oldest end for more.
    pub sessions_max: u32,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

impl OpenSession {
    /// By what the user comes in: a password that is replaced at once may be one that has to be.
    pub fn way(&self) -> Way {
        if self.change.is_some() { Way::Key } else { Way::Password }
    }
}

/// A code that was found right, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AcceptedCode {
    /// A code of an authenticator: right, unless its step was accepted before.
    Step(AcceptedStep),
    /// A recovery code with this digest: right if the owner has one that wasn't used.
    Recovery(Digest),
}

/// A code of an authenticator that was found right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedStep {
    /// The factor that it was checked against.
    pub totp: Totp,
    /// The step that it belongs to.
    pub step: Step,
    /// Whether a step counts that was accepted before.
    pub allows_reuse: bool,
    /// After so many wrong codes in a row no code of this factor counts any more.
    pub failures_max: u32,
}

/// Outcome of [`OpenSession`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OpenSessionOutcome {
    /// Open.
    Opened(User),
    /// Not, for this reason.
    Refused(Reason),
}

/// Reads a live session with its owner.
#[derive(Debug)]
pub struct FindSession {
    /// Of its token.
    pub digest: Digest,
    /// Sessions that ended before this are not found.
    pub now: Timestamp,
}

/// Extends a live session up to its end. The change is noted with the time, address and agent of the row for the trail.
#[derive(Debug)]
pub struct RenewSession {
    /// Which.
    pub id: SessionId,
    /// Sessions that ended before this are not renewed.
    pub now: Timestamp,
    /// Until when it is to work, if it doesn't end before.
    pub expires: Timestamp,
    /// The row for the trail; stored as refused where there is no such session.
    pub audit: AuditEvent,
}

/// Opens a session of the bus by the token of a sign-on session: finds it live, and its owner enabled, and holds both until
/// the login is in the trail.
#[derive(Debug)]
pub struct AcceptToken {
    /// Of the token.
    pub digest: Digest,
    /// Only if it is this user's.
    pub login: Option<LoginName>,
    /// The time of the attempt.
    pub now: Timestamp,
    /// The login's row for the trail; stored with the owner's name and the sign-on session's id where it is accepted, as
    /// refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`AcceptToken`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "exists once per login, and the large one is the usual one")]
pub enum AcceptTokenOutcome {
    /// Accepted.
    Accepted {
        /// The sign-on session.
        session: SignOnSession,
        /// Its owner.
        user: User,
    },
    /// Not, for this reason.
    Refused(Reason),
}

impl AcceptToken {
    /// The row for the trail of an accepted login: whose, and by which sign-on session.
    pub fn accepted(&self, session: &SignOnSession, user: &User) -> AuditEvent {
        let detail = format!("{} sign_on={}", self.audit.detail, session.id.to_bus());
        let named = AuditEvent { actor: user.login.to_string(), ..self.audit.clone() };
        named.target(user.login.as_str()).detail(&detail)
    }
}

/// Reads those of the given sessions that live, with their owners.
#[derive(Debug)]
pub struct FindLiving {
    /// Which; at most [`FindLiving::IDS_MAX`].
    pub ids: Vec<SessionId>,
    /// Sessions that ended before this are left out.
    pub now: Timestamp,
}

impl FindLiving {
    /// Sessions that are looked for at once.
    pub const IDS_MAX: usize = 256;
}

/// Reads what was done with the sessions of a user: the newest changes of each, oldest first.
#[derive(Debug)]
pub struct ListSessionChanges {
    /// Whose.
    pub owner: UserId,
}

/// Ends a session.
#[derive(Debug)]
pub struct EndSession {
    /// Which.
    pub id: SessionId,
    /// Only if it is this user's.
    pub owner: Option<UserId>,
    /// The row for the trail; stored as refused where there is no such session.
    pub audit: AuditEvent,
}

/// Reads the live sessions of a user, oldest first.
#[derive(Debug)]
pub struct ListSessions {
    /// Whose.
    pub owner: UserId,
    /// Sessions that ended before this are left out.
    pub now: Timestamp,
}

/// Removes sessions that ended.
#[derive(Debug)]
pub struct ReapSessions {
    /// Before this.
    pub before: Timestamp,
    /// At most so many.
    pub limit: u32,
}

/// Counts a wrong code of a user's second factor.
#[derive(Debug)]
pub struct RefuseCode {
    /// Whose.
    pub owner: UserId,
    /// The row for the trail; a refusal.
    pub audit: AuditEvent,
}

/// Accepts a code apart from a login; it doesn't matter whether logins need one.
#[derive(Debug)]
pub struct SpendCode {
    /// Whose.
    pub owner: UserId,
    /// The code.
    pub code: AcceptedCode,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`SpendCode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpendCodeOutcome {
    /// It was right, and is used up.
    Spent,
    /// Not, for this reason.
    Refused(Reason),
}

/// Gives a user these recovery codes in the place of all others; whether the user has a second factor.
#[derive(Debug)]
pub struct SetRecoveryCodes {
    /// Whose.
    pub owner: UserId,
    /// Of the codes.
    pub digests: Vec<Digest>,
    /// The row for the trail; stored as refused where the user has no second factor.
    pub audit: AuditEvent,
}

/// Gives a user another second factor. Whether logins need a code stays as it was; no step was accepted of the new one, and
/// no code of it was wrong.
#[derive(Debug)]
pub struct SetFactor {
    /// Whose.
    pub owner: UserId,
    /// The factor.
    pub totp: Totp,
    /// What its owner calls it.
    pub label: Option<String>,
    /// Whether recovery codes that the user has go on to count.
    pub keeps_recovery_codes: bool,
    /// Whether the owner's sessions end with it, and which of them doesn't; cookies do where any session does.
    pub end_sessions: EndSessions,
    /// The row for the trail; stored as refused where there is no such user.
    pub audit: AuditEvent,
}

/// Which sessions of a user end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSessions {
    /// None.
    None,
    /// All.
    All,
    /// All but this one.
    AllBut(SessionId),
}

/// Outcome of [`SetFactor`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetFactorOutcome {
    /// Done.
    Done {
        /// Whose factor it is.
        user: User,
        /// The factor as it is stored.
        factor: Factor,
    },
    /// There is no such user.
    NoSuchUser,
}

/// Gives a second factor another label; a user without one gets one that is turned off.
#[derive(Debug)]
pub struct LabelFactor {
    /// Whose.
    pub owner: UserId,
    /// The label.
    pub label: Option<String>,
    /// The factor of a user who has none.
    pub fresh: Totp,
    /// The row for the trail; stored as refused where there is no such user.
    pub audit: AuditEvent,
}

/// Turns the demand for a code on or off. What is so already stays so; sessions end only where something changes.
#[derive(Debug)]
pub struct EnableFactor {
    /// Whose.
    pub owner: UserId,
    /// On or off.
    pub enabled: bool,
    /// Whether a code has to be accepted where it is turned on.
    pub needs_code: bool,
    /// The code that was found right.
    pub code: Option<AcceptedCode>,
    /// Which of the owner's sessions end with it; cookies do where any session does.
    pub end_sessions: EndSessions,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`EnableFactor`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnableFactorOutcome {
    /// It is as it was wished, be it that it was so before.
    Done,
    /// There is nothing to turn on, or no such user.
    NoFactor,
    /// The code was not accepted, for this reason.
    Refused(Reason),
}
