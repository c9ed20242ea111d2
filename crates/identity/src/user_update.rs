//! What is changed of a user at once, and what follows from it.
//!
//! Source: contract of the sign-on API, sections 1.2 (update, lock, approve) and 4.

use crate::profile::{Email, Profile, Stamp};
use crate::standing::{ApprovalStatus, SignUpStatus};
use crate::user::User;
use crate::{LoginName, Timestamp};

/// What is to become of something that needn't be there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is taken away.
    Clear,
    /// It is this.
    Set(T),
}

impl<T> Field<T> {
    /// Set, or cleared where there is nothing.
    pub fn to(value: Option<T>) -> Self {
        value.map_or(Self::Clear, Self::Set)
    }

    fn apply(self, slot: &mut Option<T>) {
        match self {
            Self::Keep => {}
            Self::Clear => *slot = None,
            Self::Set(value) => *slot = Some(value),
        }
    }
}

/// What is to be changed of a user; what is `None` or [`Field::Keep`] stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserUpdate {
    /// Another login name.
    pub login: Option<LoginName>,
    /// How it is spelled.
    pub spelling: Field<String>,
    /// The e-mail address.
    pub email: Field<Email>,
    /// The name by which a directory knows the user.
    pub upn: Field<String>,
    /// The display name.
    pub display: Field<String>,
    /// The first name.
    pub first: Field<String>,
    /// The middle name.
    pub middle: Field<String>,
    /// The last name.
    pub last: Field<String>,
    /// Locked (`false`) or not.
    pub enabled: Option<bool>,
    /// How far the sign-up has come.
    pub sign_up: Option<SignUpStatus>,
    /// What was decided.
    pub approval: Option<ApprovalStatus>,
    /// When the password's life ends.
    pub password_expires: Option<Timestamp>,
    /// Whether the password has to be changed.
    pub must_change: Option<bool>,
}

impl UserUpdate {
    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether only a super-user may ask for it (contract, section 1.2).
    pub fn needs_super_user(&self) -> bool {
        self.enabled.is_some()
            || self.sign_up.is_some()
            || self.approval.is_some()
            || self.password_expires.is_some()
            || self.must_change.is_some()
    }

    /// Whether the user's sessions and cookies end with it: it may not come in any more.
    pub fn ends_sessions(&self) -> bool {
        self.enabled == Some(false)
            || self.sign_up.is_some_and(|status| status != SignUpStatus::Final)
            || self.approval.is_some_and(|status| status != ApprovalStatus::Approved)
    }

    /// Makes the changes; `stamp` says by whom and when.
    pub fn apply(&self, user: &mut User, profile: &mut Profile, stamp: &Stamp) {
        let wish = self.clone();
        if let Some(login) = wish.login {
            user.login = login;
        }
        wish.spelling.apply(&mut profile.spelling);
        wish.email.apply(&mut profile.email);
        wish.upn.apply(&mut profile.upn);
        wish.display.apply(&mut profile.names.display);
        wish.first.apply(&mut profile.names.first);
        wish.middle.apply(&mut profile.names.middle);
        wish.last.apply(&mut profile.names.last);
        let standing = &mut user.standing;
        if let Some(enabled) = wish.enabled {
            standing.enabled = enabled;
            profile.locked = Some(stamp.clone());
        }
        if let Some(status) = wish.sign_up {
            standing.sign_up = status;
            profile.confirmed = (status == SignUpStatus::Final).then_some(stamp.at);
        }
        if let Some(status) = wish.approval {
            standing.approval = status;
            profile.approval = Some(stamp.clone());
        }
        if let Some(end) = wish.password_expires {
            standing.password_expires = Some(end);
        }
        if let Some(must_change) = wish.must_change {
            standing.must_change = must_change;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standing::Standing;
    use crate::testing::{Fixture, KRISTEN, NOW};

    fn applied(update: &UserUpdate) -> (User, Profile) {
        let (mut user, mut profile) = (Fixture::new().user(KRISTEN), Profile::default());
        profile.names.middle = Some("M.".into());
        update.apply(&mut user, &mut profile, &Stamp { at: NOW, by: "auto".into() });
        (user, profile)
    }

    #[test]
    fn changes_what_is_given_and_nothing_else() {
        let (before, untouched) = applied(&UserUpdate::default());
        assert!(UserUpdate::default().is_empty());
        let update = UserUpdate {
            login: LoginName::parse("ann").ok(),
            display: Field::Set("Ann".into()),
            middle: Field::Clear,
            ..UserUpdate::default()
        };
        let (user, profile) = applied(&update);
        assert_eq!(user, User { login: LoginName::parse("ann").unwrap(), ..before });
        let names = crate::profile::Names { display: Some("Ann".into()), ..Default::default() };
        assert_eq!(profile, Profile { names, ..untouched });
        assert!(!update.needs_super_user() && !update.ends_sessions() && !update.is_empty());
    }

    #[test]
    fn who_may_not_come_in_any_more_loses_the_sessions_and_it_is_noted_by_whom() {
        let check = |update: UserUpdate, ends, stamps: [bool; 3]| {
            assert!(update.needs_super_user());
            assert_eq!(update.ends_sessions(), ends, "{update:?}");
            let (_, profile) = applied(&update);
            let found = [profile.locked.is_some(), profile.approval.is_some(), profile.confirmed.is_some()];
            assert_eq!(found, stamps, "{update:?}");
        };
        let none = UserUpdate::default;
        check(UserUpdate { enabled: Some(false), ..none() }, true, [true, false, false]);
        check(UserUpdate { enabled: Some(true), ..none() }, false, [true, false, false]);
        check(UserUpdate { approval: Some(ApprovalStatus::Approved), ..none() }, false, [false, true, false]);
        check(UserUpdate { approval: Some(ApprovalStatus::Rejected), ..none() }, true, [false, true, false]);
        check(UserUpdate { approval: Some(ApprovalStatus::BeforeDecision), ..none() }, true, [false, true, false]);
        check(UserUpdate { sign_up: Some(SignUpStatus::Final), ..none() }, false, [false, false, true]);
        check(UserUpdate { sign_up: Some(SignUpStatus::BeforeConfirmation), ..none() }, true, [false; 3]);
        check(UserUpdate { password_expires: Some(NOW), must_change: Some(true), ..none() }, false, [false; 3]);
        let (user, _) = applied(&UserUpdate { password_expires: Some(NOW), must_change: Some(true), ..none() });
        assert_eq!(user.standing, Standing { password_expires: Some(NOW), must_change: true, ..Standing::GOOD });
    }
}
