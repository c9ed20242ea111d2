//! What password resets ask of storage. See [`crate::repository`].

use crate::audit::{AuditEvent, Reason};
use crate::repository::PasswordChange;
use crate::user::User;
use crate::{Digest, Timestamp, UserId};

/// Gives a user a token, in the place of one that there was. In one transaction: the user may come in.
#[derive(Debug)]
pub struct StartReset {
    /// Whose.
    pub owner: UserId,
    /// Of the token.
    pub token: Digest,
    /// Until when it works, up to and including this time.
    pub expires: Timestamp,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Spends a token for a key. In one transaction: the token is live and wasn't spent, and its owner may come in.
#[derive(Debug)]
pub struct AccessReset {
    /// Of the token.
    pub token: Digest,
    /// Of the key.
    pub key: Digest,
    /// Until when the key works, up to and including this time.
    pub key_expires: Timestamp,
    /// The row for the trail, whose time is now; stored as refused where the outcome is a refusal. Its target becomes the
    /// owner, where there is one.
    pub audit: AuditEvent,
}

/// Reads whose password a token and its key may set.
#[derive(Debug)]
pub struct FindReset {
    /// Of the token.
    pub token: Digest,
    /// Of the key.
    pub key: Digest,
    /// Keys that ended before this are not found.
    pub now: Timestamp,
}

/// Sets the password, and spends token and key. In one transaction: they are live and belong together, and their owner may
/// come in. The owner's sessions and cookies end.
#[derive(Debug)]
pub struct FinishReset {
    /// Of the token.
    pub token: Digest,
    /// Of the key.
    pub key: Digest,
    /// The password.
    pub password: PasswordChange,
    /// The row for the trail, whose time is now; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`StartReset`], [`AccessReset`] and [`FinishReset`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResetOutcome {
    /// Done, for this user.
    Done(User),
    /// Not, for this reason.
    Refused(Reason),
}

/// Removes tokens and keys that ended.
#[derive(Debug)]
pub struct ReapResets {
    /// Before this.
    pub before: Timestamp,
    /// At most so many.
    pub limit: u32,
}
