//! Sessions as their owners, super-users and the operator see and end them.
//!
//! Source: contract of the sign-on API, sections 1.5 and 4. A list has no tokens: nobody gets one a second time.

use std::collections::HashMap;

use super::operations::{EndSession, ListSessionChanges, ListSessions};
use super::{Caller, CallerError, SessionError, SignOnSession};
use crate::admin::AdminError;
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{RecordAudit, Repository, RepositoryError};
use crate::{Actor, Identity, RequestContext, Secret, SessionId, Timestamp, UserId};

/// Changes that are kept of a session, the newest.
pub const SESSION_CHANGES_MAX: u32 = 100;

/// What was done with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeSource {
    /// It was opened.
    Login,
    /// It was renewed.
    Renew,
}

impl ChangeSource {
    /// The name in storage and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Renew => "renew",
        }
    }

    /// The source with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Login, Self::Renew].into_iter().find(|source| source.name() == name)
    }
}

/// A change of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionChange {
    /// Its number, from 1; it keeps counting where old changes are not kept.
    pub index: u64,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: String,
    /// With what.
    pub agent: String,
    /// What was done.
    pub source: ChangeSource,
}

/// A session with what was done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// The session.
    pub session: SignOnSession,
    /// Its changes, oldest first; at most [`SESSION_CHANGES_MAX`].
    pub changes: Vec<SessionChange>,
}

/// Why a super-user doesn't get to see a session.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Only super-users see sessions by their tokens.
    #[error("only a super-user may do this")]
    NotAllowed,
    /// There is no such session, or its user may not come in.
    #[error("there is no such session")]
    NoSuchSession,
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl<R: Repository> Identity<R> {
    /// The session with this token, for a super-user. Reads only.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub async fn target_session(&self, caller: &Caller, token: &Secret, now: Timestamp) -> Result<Caller, TargetError> {
        if !caller.is_super_user() {
            return Err(TargetError::NotAllowed);
        }
        match self.caller(token, now).await {
            Ok(target) => Ok(target),
            Err(CallerError::NoSuchSession | CallerError::Barred(_)) => Err(TargetError::NoSuchSession),
            Err(CallerError::Storage(fault)) => Err(fault.into()),
        }
    }

    /// The live sessions of the user whose session this is, oldest first, with their changes. Reads only.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn sessions_of(&self, whose: &Caller, now: Timestamp) -> Result<Vec<ListedSession>, RepositoryError> {
        self.listed(whose.user.id, now).await
    }

    /// The live sessions of a user, for the operator. Reads only.
    ///
    /// # Errors
    ///
    /// [`AdminError`].
    pub async fn sessions_of_login(&self, login: &str, now: Timestamp) -> Result<Vec<ListedSession>, AdminError> {
        let user = self.user(login).await?;
        Ok(self.listed(user.id, now).await?)
    }

    /// Ends a session by its id: one's own, or as a super-user anybody's.
    ///
    /// # Errors
    ///
    /// [`SessionError`], which the trail holds by then; a session of somebody else is none for regular users.
    pub async fn revoke_session(
        &self,
        caller: &Caller,
        id: &str,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), SessionError> {
        let owner = (!caller.is_super_user()).then_some(caller.user.id);
        let audit = caller.event(Operation::SessionEnd, context, now).target(id);
        self.end_by_id(id, owner, audit).await
    }

    /// Ends anybody's session, as the operator.
    ///
    /// # Errors
    ///
    /// [`SessionError`], which the trail holds by then.
    pub async fn revoke_session_as_operator(
        &self,
        id: &str,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), SessionError> {
        let audit = AuditEvent::new(now, context, &Actor::Operator, Operation::SessionEnd).target(id);
        self.end_by_id(id, None, audit).await
    }

    async fn end_by_id(&self, id: &str, owner: Option<UserId>, audit: AuditEvent) -> Result<(), SessionError> {
        let Ok(id) = SessionId::parse_bus(id) else {
            self.repository.run(RecordAudit { event: audit.refused(Reason::NotFound) }).await?;
            return Err(SessionError::NoSuchSession);
        };
        let is_gone = self.repository.run(EndSession { id, owner, audit }).await?;
        if is_gone { Ok(()) } else { Err(SessionError::NoSuchSession) }
    }

    async fn listed(&self, owner: UserId, now: Timestamp) -> Result<Vec<ListedSession>, RepositoryError> {
        let sessions = self.repository.run(ListSessions { owner, now }).await?;
        let mut changes: HashMap<SessionId, Vec<SessionChange>> = HashMap::new();
        for (session, change) in self.repository.run(ListSessionChanges { owner }).await? {
            changes.entry(session).or_default().push(change);
        }
        let listed = |session: SignOnSession| {
            let changes = changes.remove(&session.id).unwrap_or_default();
            ListedSession { session, changes }
        };
        Ok(sessions.into_iter().map(listed).collect())
    }
}

#[cfg(test)]
#[path = "session_list_tests.rs"]
mod tests;
