//! Searches for users: for super-users.
//!
//! Source: contract of the sign-on API, sections 1.2 (search) and 5.6. Addresses are found by their digest, so sealed ones
//! too; names are compared in lower case, and no character of them has a meaning of its own.

use super::Caller;
use super::users::{UserError, checked_name, super_user};
use crate::audit::{AuditEvent, Operation};
use crate::profile::{Names, UserRecord};
use crate::repository::{FindUser, RecordAudit, Repository};
use crate::standing::{ApprovalStatus, SignUpStatus};
use crate::{Digest, Identity, LoginName, RequestContext, Timestamp, UserId};

/// Reads a page of users in the order of display name, login name, time of sign-up and id, and counts all of them.
#[derive(Debug)]
pub struct SearchUsers {
    /// Which users.
    pub filter: UserFilter,
    /// So many are left out first.
    pub skip: u64,
    /// At most so many.
    pub limit: u32,
    /// The row for the trail.
    pub audit: AuditEvent,
}

/// Outcome of [`SearchUsers`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundUsers {
    /// How many fit, on all pages.
    pub total: u64,
    /// Those of the page.
    pub page: Vec<UserRecord>,
}

/// Which users a search is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserFilter {
    /// This one.
    Is(FindUser),
    /// All that fit.
    Fits(UserCriteria),
}

/// What users have to be like. All that is given counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserCriteria {
    /// Of the e-mail address.
    pub email: Option<Digest>,
    /// How far the sign-up is.
    pub sign_up: Option<SignUpStatus>,
    /// What was decided.
    pub approval: Option<ApprovalStatus>,
    /// The names, as given.
    pub names: Names,
    /// Whether one of the names is enough.
    pub is_any_name: bool,
    /// Whether a name has to be the whole one, not a part of it.
    pub is_name_exact: bool,
}

/// What somebody searches for, as it was given.
#[derive(Debug, Default)]
pub struct UserQuery {
    /// The id, in the spelling of the sign-on API. Nothing else counts then.
    pub user_id: Option<String>,
    /// The login name. Nothing else counts then.
    pub username: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The names.
    pub names: Names,
    /// How far the sign-up is; nobody has a status that there isn't.
    pub sign_up: Option<String>,
    /// What was decided; the same.
    pub approval: Option<String>,
    /// `and` or `or`, between the names; `None`: `and`.
    pub name_op: Option<String>,
    /// Whether a name has to be the whole one.
    pub is_name_exact: bool,
}

impl<R: Repository> Identity<R> {
    /// A page of the users that fit.
    ///
    /// # Errors
    ///
    /// [`UserError`], which the trail holds by then.
    pub async fn search_users(
        &self,
        caller: &Caller,
        query: UserQuery,
        (skip, limit): (u64, u32),
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<FoundUsers, UserError> {
        let named = query.user_id.as_deref().or(query.username.as_deref()).unwrap_or_default();
        let audit = caller.event(Operation::UserSearch, context, now).target(named);
        match super_user(caller).and_then(|()| self.user_filter(query)) {
            Ok(Some(filter)) => Ok(self.repository.run(SearchUsers { filter, skip, limit, audit }).await?),
            Ok(None) => {
                self.repository.run(RecordAudit { event: audit }).await?;
                Ok(FoundUsers::default())
            }
            Err(error) => Err(self.refuse_user(error, audit).await),
        }
    }

    /// What a query means; `None`: nobody can fit.
    fn user_filter(&self, query: UserQuery) -> Result<Option<UserFilter>, UserError> {
        let is_any_name = match query.name_op.as_deref() {
            None | Some("and") => false,
            Some("or") => true,
            Some(_) => return Err(UserError::BadInput("name_op is and or or")),
        };
        if let Some(id) = given(query.user_id)? {
            return Ok(UserId::parse_sign_on(&id).ok().map(|id| UserFilter::Is(FindUser::ById(id))));
        }
        if let Some(name) = given(query.username)? {
            return Ok(LoginName::parse(&name).ok().map(|login| UserFilter::Is(FindUser::ByLogin(login))));
        }
        let name = |name: Option<String>| given(name.as_deref().map(checked_name).transpose()?);
        let names = Names {
            display: name(query.names.display)?,
            first: name(query.names.first)?,
            middle: name(query.names.middle)?,
            last: name(query.names.last)?,
        };
        let email = given(query.email)?.map(|text| self.email(&text)).transpose()?.map(|email| email.digest);
        let sign_up = given(query.sign_up)?.map(|name| SignUpStatus::from_name(&name));
        let approval = given(query.approval)?.map(|name| ApprovalStatus::from_name(&name));
        if sign_up == Some(None) || approval == Some(None) {
            return Ok(None);
        }
        let (sign_up, approval) = (sign_up.flatten(), approval.flatten());
        let is_name_exact = query.is_name_exact;
        Ok(Some(UserFilter::Fits(UserCriteria { email, sign_up, approval, names, is_any_name, is_name_exact })))
    }
}

fn given(text: Option<String>) -> Result<Option<String>, UserError> {
    match text {
        Some(text) if text.trim().is_empty() => Err(UserError::BadInput("a criterion is empty")),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign_on::tests::caller;
    use crate::testing::{Fixture, KRISTEN, NOW, TRUST, context, ready};

    fn search(fixture: &Fixture, who: &str, query: UserQuery) -> Result<FoundUsers, UserError> {
        let caller = caller(fixture, who);
        fixture.memory().forget();
        ready(fixture.identity.search_users(&caller, query, (0, 100), &context(), NOW))
    }

    #[test]
    fn only_super_users_search_and_the_trail_says_so() {
        let fixture = Fixture::new();
        let all = search(&fixture, TRUST, UserQuery::default()).unwrap();
        assert_eq!(all.total, u64::try_from(all.page.len()).unwrap());
        assert!(all.total > 1);
        let refused = search(&fixture, KRISTEN, UserQuery::default()).unwrap_err();
        assert!(matches!(refused, UserError::SuperUserOnly));
        let trail = fixture.memory().trail();
        assert_eq!((trail.len(), trail[0].operation), (1, Operation::UserSearch));
        assert_eq!(trail[0].reason, Some(crate::audit::Reason::NotAllowed));
    }

    #[test]
    fn an_id_or_a_login_name_leaves_nothing_else_to_count() {
        let fixture = Fixture::new();
        let kristen = fixture.user(KRISTEN).id.to_sign_on();
        let found = |user_id: Option<&str>, username: Option<&str>| {
            let query = UserQuery {
                user_id: user_id.map(str::to_owned),
                username: username.map(str::to_owned),
                names: Names { first: Some(String::new()), ..Names::default() },
                ..UserQuery::default()
            };
            let found = search(&fixture, TRUST, query).unwrap();
            found.page.iter().map(|record| record.user.login.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(found(Some(&kristen), Some(TRUST)), [KRISTEN]);
        assert_eq!(found(None, Some(KRISTEN)), [KRISTEN]);
        assert!(found(Some("zusr1"), Some(KRISTEN)).is_empty());
        assert!(found(None, Some("no such user")).is_empty());
    }

    #[test]
    fn refuses_what_is_empty_and_an_unknown_way_to_join_names() {
        let fixture = Fixture::new();
        let empty = || Some(" ".to_owned());
        for query in [
            UserQuery { user_id: empty(), ..UserQuery::default() },
            UserQuery { username: empty(), ..UserQuery::default() },
            UserQuery { email: empty(), ..UserQuery::default() },
            UserQuery { sign_up: empty(), ..UserQuery::default() },
            UserQuery { approval: empty(), ..UserQuery::default() },
            UserQuery { names: Names { last: empty(), ..Names::default() }, ..UserQuery::default() },
            UserQuery { name_op: Some("xor".into()), ..UserQuery::default() },
        ] {
            assert!(matches!(search(&fixture, TRUST, query), Err(UserError::BadInput(_))));
            assert_eq!(fixture.memory().trail().len(), 1);
        }
        let nobody = UserQuery { approval: Some("maybe".into()), ..UserQuery::default() };
        assert_eq!(search(&fixture, TRUST, nobody).unwrap(), FoundUsers::default());
    }
}
