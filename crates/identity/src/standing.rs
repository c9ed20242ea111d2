//! May a user come in: the one rule that every login and every use of a session asks.
//!
//! Source: contract of the sign-on API, sections 1.2 (login), 4 (checks on each use) and 5.3.
//!
//! **Invariant:** a write that opens a session asks [`Standing::admits`] of the row that it holds.

use crate::Timestamp;
use crate::audit::{Reason, names};

names! {
    /// How far a sign-up has come.
    SignUpStatus {
        /// The user hasn't followed the link yet.
        BeforeConfirmation = "before_confirmation",
        /// Complete; also of users who didn't sign up themselves.
        Final = "final",
    }
}

names! {
    /// What a super-user has decided about a user.
    ApprovalStatus {
        /// Nothing yet.
        BeforeDecision = "before_decision",
        /// May come in.
        Approved = "approved",
        /// May not.
        Rejected = "rejected",
    }
}

/// What decides whether a user may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// A user that is not enabled is locked: it can't log in by any credential.
    pub enabled: bool,
    /// How far the sign-up has come.
    pub sign_up: SignUpStatus,
    /// What was decided.
    pub approval: ApprovalStatus,
    /// Until when the password is good, up to and including this time; `None`: for ever.
    pub password_expires: Option<Timestamp>,
    /// Whether the password is only good for setting another one.
    pub must_change: bool,
}

/// By what a user comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By something that doesn't come from the password: a one-time password, a public key, a certificate.
    Key,
    /// By a session or a cookie, which a login by password has opened.
    Session,
    /// By the password itself, or a proof that is made of it.
    Password,
}

impl Standing {
    /// Nothing is in the way.
    pub const GOOD: Self = Self {
        enabled: true,
        sign_up: SignUpStatus::Final,
        approval: ApprovalStatus::Approved,
        password_expires: None,
        must_change: false,
    };

    /// Whether the user may come in this way at `now`.
    ///
    /// # Errors
    ///
    /// The first reason against it.
    pub fn admits(&self, way: Way, now: Timestamp) -> Result<(), Reason> {
        let is_expired = self.password_expires.is_some_and(|end| end < now);
        match way {
            _ if !self.enabled => Err(Reason::UserDisabled),
            _ if self.sign_up != SignUpStatus::Final => Err(Reason::NotConfirmed),
            _ if self.approval != ApprovalStatus::Approved => Err(Reason::NotApproved),
            Way::Session | Way::Password if is_expired => Err(Reason::PasswordExpired),
            Way::Password if self.must_change => Err(Reason::PasswordMustChange),
            Way::Key | Way::Session | Way::Password => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;

    #[test]
    fn admits_by_each_way_what_it_should() {
        #[track_caller]
        fn check(standing: Standing, want: [Option<Reason>; 3]) {
            let found = [Way::Key, Way::Session, Way::Password].map(|way| standing.admits(way, NOW).err());
            assert_eq!(found, want, "{standing:?}");
        }
        let (good, end) = (Standing::GOOD, |micros| Some(Timestamp::from_micros(NOW.micros() + micros)));
        check(good, [None; 3]);
        check(Standing { enabled: false, ..good }, [Some(Reason::UserDisabled); 3]);
        check(Standing { sign_up: SignUpStatus::BeforeConfirmation, ..good }, [Some(Reason::NotConfirmed); 3]);
        for approval in [ApprovalStatus::BeforeDecision, ApprovalStatus::Rejected] {
            check(Standing { approval, ..good }, [Some(Reason::NotApproved); 3]);
        }
        check(Standing { password_expires: end(0), ..good }, [None; 3]);
        let expired = Some(Reason::PasswordExpired);
        check(Standing { password_expires: end(-1), ..good }, [None, expired, expired]);
        check(Standing { must_change: true, ..good }, [None, None, Some(Reason::PasswordMustChange)]);
        check(Standing { must_change: true, password_expires: end(-1), ..good }, [None, expired, expired]);
        // What a stranger could learn of is asked first.
        let locked = Standing { enabled: false, approval: ApprovalStatus::Rejected, password_expires: end(-1), ..good };
        check(locked, [Some(Reason::UserDisabled); 3]);
    }
}
