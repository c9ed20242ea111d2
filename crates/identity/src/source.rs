//! Where a user's password is known: here, or in a directory (LDAP).
//!
//! A user of the directory has a mark in the place of a hash. So whatever sets a password here makes a local user of it, and
//! nothing can be both; a login that was checked against the mark counts only while the mark is there, as with a hash. There is
//! nothing that proofs could be made of, so SCRAM and WAMP-CRA know no such user.
//!
//! Source: contract of the bus, sections 2.1 (steps 5 to 8) and 4.2.

use crate::audit::names;
use crate::password::PasswordHash;
use crate::standing::Way;
use crate::user::User;
use crate::{LoginName, Timestamp};

/// How a mark begins. No hash does.
pub const MARK: &str = "$directory$";

names! {
    /// Where a user's password is known.
    Source {
        /// Here, if there is one.
        Local = "local",
        /// In the directory.
        Ldap = "ldap",
    }
}

impl PasswordHash {
    /// The mark of a user whom the directory knows under this login.
    pub fn in_directory(login: &LoginName) -> Self {
        Self::from_stored(format!("{MARK}{login}"))
    }

    /// The login that the directory knows, if this is a mark.
    pub fn directory_login(&self) -> Option<&str> {
        self.as_stored().strip_prefix(MARK)
    }
}

impl User {
    /// Where the password is known.
    pub fn source(&self) -> Source {
        if self.password.as_ref().and_then(PasswordHash::directory_login).is_some() {
            Source::Ldap
        } else {
            Source::Local
        }
    }

    /// What a password is checked against. Nothing for a user of the directory who may not come in: then it isn't asked, so that
    /// it counts no failure.
    pub fn checkable_password(&self, now: Timestamp) -> Option<PasswordHash> {
        let is_asked = self.source() == Source::Local || self.standing.admits(Way::Password, now).is_ok();
        self.password.clone().filter(|_| is_asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Reason;
    use crate::login::LoginError;
    use crate::password::foreign::ForeignHashError;
    use crate::password::verify;
    use crate::repository::UserChange;
    use crate::sign_on::password_reset::PasswordResetSettings;
    use crate::testing::{Fixture, KRISTEN, LOCKED, NOW, TestRng, context, password_of, ready, room, secrets};
    use crate::user_update::{Field, UserUpdate};
    use crate::{Actor, Secret};

    /// Makes a user one of the directory, whose password there is `{login}@directory` for the pool of the tests.
    fn move_to_directory(fixture: &Fixture, login: &str) {
        let mark = PasswordHash::in_directory(&LoginName::parse(login).unwrap());
        let change = UserChange::Password(mark.into());
        ready(fixture.identity.change_user(login, change, &Actor::Operator, &context(), NOW)).unwrap();
        fixture.memory().forget();
        fixture.take_rows();
    }

    fn ticket(login: &str) -> String {
        format!("{MARK}{login}")
    }

    #[test]
    fn a_mark_is_no_hash() {
        let mark = PasswordHash::in_directory(&LoginName::parse("Ann").unwrap());
        assert_eq!(mark.directory_login(), Some("ann"));
        assert!(!verify(Some(&mark), &Secret::new(mark.as_stored()), &mut room()));
        assert!(mark.is_current(), "no login puts a hash in its place");
        let foreign = PasswordHash::from_foreign(mark.as_stored().to_owned());
        assert_eq!(foreign, Err(ForeignHashError::Unreadable), "no import makes one");
    }

    #[test]
    fn whoever_gets_a_password_here_is_a_local_user_again() {
        let fixture = Fixture::new();
        assert_eq!(fixture.user(KRISTEN).source(), Source::Local);
        move_to_directory(&fixture, KRISTEN);
        assert_eq!(fixture.user(KRISTEN).source(), Source::Ldap);
        assert_eq!(fixture.refusal(KRISTEN, &password_of(KRISTEN), NOW), Some(Reason::WrongTicket));
        assert!(fixture.login(KRISTEN, &ticket(KRISTEN)).is_ok());
        let change = UserChange::Password(secrets("another horse", &mut TestRng(9)).into());
        ready(fixture.identity.change_user(KRISTEN, change, &Actor::Operator, &context(), NOW)).unwrap();
        assert_eq!(fixture.user(KRISTEN).source(), Source::Local);
        assert!(fixture.login(KRISTEN, "another horse").is_ok());
    }

    #[test]
    fn the_directory_is_not_asked_about_who_may_not_come_in() {
        let fixture = Fixture::new();
        move_to_directory(&fixture, LOCKED);
        assert_eq!(fixture.user(LOCKED).checkable_password(NOW), None);
        // Even with the right password; and the stranger can't tell.
        let checks = fixture.pool.checks();
        assert_eq!(fixture.refusal(LOCKED, &ticket(LOCKED), NOW), Some(Reason::UserDisabled));
        assert_eq!(fixture.pool.checks(), checks + 1);
    }

    #[test]
    fn a_directory_that_gives_no_answer_is_a_busy_pool() {
        let mut fixture = Fixture::new();
        move_to_directory(&fixture, KRISTEN);
        fixture.pool.is_busy = true;
        let refused = fixture.login(KRISTEN, &ticket(KRISTEN));
        assert!(matches!(refused, Err(LoginError::Refused(Reason::Busy))), "{refused:?}");
    }
    #[test]
    fn a_password_that_is_the_directorys_is_not_reset_here() {
        let fixture = Fixture::new();
        let email = Field::Set(fixture.identity.email("kristen@example.com").unwrap());
        let update = UserChange::Update(Box::new(UserUpdate { email, ..UserUpdate::default() }));
        ready(fixture.identity.change_user(KRISTEN, update, &Actor::Operator, &context(), NOW)).unwrap();
        let mails = |fixture: &Fixture| {
            let settings = PasswordResetSettings::default();
            let (rng, identity) = (&mut TestRng(5), &fixture.identity);
            let context = context();
            let asked = identity.request_password_reset(KRISTEN, settings, &context, NOW, rng, |_| true);
            ready(asked).unwrap().len()
        };
        assert_eq!(mails(&fixture), 1);
        move_to_directory(&fixture, KRISTEN);
        assert_eq!(mails(&fixture), 0);
        let refused = Some(Reason::InDirectory);
        let row = ("password_reset.request", "%anonymous".to_owned(), KRISTEN.to_owned(), refused);
        assert_eq!(fixture.take_rows(), [row]);
    }
}
