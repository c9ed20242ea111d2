//! What sign-ups ask of storage. See [`crate::repository`].

use crate::audit::AuditEvent;
use crate::profile::Profile;
use crate::proof::Secrets;
use crate::user::User;
use crate::{Digest, Timestamp};

/// Creates a user who signs up, and the token that confirms it. In one transaction: neither the name nor the e-mail address is
/// another user's or sign-up's.
#[derive(Debug)]
pub struct SignUpUser {
    /// The user.
    pub user: User,
    /// What else is known.
    pub profile: Profile,
    /// What is kept of the password, beside its hash.
    pub proofs: Secrets,
    /// Of the token.
    pub token: Digest,
    /// Until when it works, up to and including this time.
    pub expires: Timestamp,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`SignUpUser`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUpUserOutcome {
    /// Done.
    Created,
    /// The login name is taken.
    LoginTaken,
    /// The e-mail address is taken.
    EmailTaken,
    /// There is no such role.
    NoSuchRole,
}

/// Confirms a sign-up by its token, once.
#[derive(Debug)]
pub struct ConfirmSignUp {
    /// Of the token.
    pub token: Digest,
    /// The row for the trail, whose time is now; stored as refused where the outcome is a refusal. Its target becomes the
    /// user, where there is one.
    pub audit: AuditEvent,
}

/// Outcome of [`ConfirmSignUp`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfirmSignUpOutcome {
    /// Done, for this user.
    Confirmed(User),
    /// It was done before.
    AlreadyConfirmed,
    /// There is no such token, or it came to its end.
    NoSuchToken,
}

/// Removes tokens that ended, with the users whose sign-up they would have confirmed.
#[derive(Debug)]
pub struct ReapSignUps {
    /// Before this.
    pub before: Timestamp,
    /// At most so many.
    pub limit: u32,
    /// The row for the trail of each user that goes; its target becomes the user.
    pub audit: AuditEvent,
}
