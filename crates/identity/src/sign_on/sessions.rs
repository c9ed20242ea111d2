//! Sessions: who comes with a token, renewing, listing, ending.

use std::collections::HashMap;

use super::Caller;
use super::operations::{EndSession, FindLiving, FindSession, ReapSessions, RenewSession};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{Repository, RepositoryError};
use crate::standing::Way;
use crate::{Identity, RequestContext, Secret, SessionId, Timestamp, TokenKind};

/// Most sessions that are removed in one transaction.
const REAPED_AT_ONCE_MAX: u32 = 1_000;

/// Why a token makes nobody a caller.
#[derive(Debug, thiserror::Error)]
pub enum CallerError {
    /// No live session has this token.
    #[error("there is no such session")]
    NoSuchSession,
    /// There is one, but its user may not use it.
    #[error("the session's user may not come in: {}", .0.name())]
    Barred(Reason),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

/// Why nothing was done with a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// It ended meanwhile.
    #[error("there is no such session")]
    NoSuchSession,
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl<R: Repository> Identity<R> {
    /// Who comes with this token. Reads only, and leaves no row in the trail.
    ///
    /// # Errors
    ///
    /// [`CallerError`].
    pub async fn caller(&self, token: &Secret, now: Timestamp) -> Result<Caller, CallerError> {
        // What can't be a token costs no look into storage.
        if TokenKind::of(token) != Some(TokenKind::Session) {
            return Err(CallerError::NoSuchSession);
        }
        let digest = self.settings.pepper.digest_token(token);
        match self.repository.run(FindSession { digest, now }).await? {
            Some((session, user)) => match user.standing.admits(Way::Session, now) {
                Ok(()) => Ok(Caller { user, session }),
                Err(reason) => Err(CallerError::Barred(reason)),
            },
            None => Err(CallerError::NoSuchSession),
        }
    }

    /// Which of these sessions live still, and until when: for what was opened by their tokens and ends with them. Reads
    /// only.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn living_sessions(
        &self,
        ids: &[SessionId],
        now: Timestamp,
    ) -> Result<HashMap<SessionId, Timestamp>, RepositoryError> {
        let mut living = HashMap::new();
        for ids in ids.chunks(FindLiving::IDS_MAX) {
            let found = self.repository.run(FindLiving { ids: ids.to_vec(), now }).await?;
            let found = found.into_iter().filter(|(_, user)| user.standing.admits(Way::Session, now).is_ok());
            living.extend(found.map(|(session, _)| (session.id, session.expires)));
        }
        Ok(living)
    }

    /// Extends the caller's session; answers until when it works then.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub async fn renew_session(
        &self,
        caller: &Caller,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<Timestamp, SessionError> {
        let audit = caller.event(Operation::SessionRenew, context, now);
        let expires = now.saturating_add(self.settings.sign_on.session);
        let renewed = self.repository.run(RenewSession { id: caller.session.id, now, expires, audit }).await?;
        renewed.ok_or(SessionError::NoSuchSession)
    }

    /// Ends the caller's session.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub async fn sign_out(
        &self,
        caller: &Caller,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), SessionError> {
        let audit = caller.event(Operation::SessionEnd, context, now);
        let is_gone =
            self.repository.run(EndSession { id: caller.session.id, owner: Some(caller.user.id), audit }).await?;
        if is_gone { Ok(()) } else { Err(SessionError::NoSuchSession) }
    }

    /// Removes sessions that ended, some at a time; answers how many.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn reap_sessions(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.repository.run(ReapSessions { before: now, limit: REAPED_AT_ONCE_MAX }).await
    }
}

impl Caller {
    /// An event of the caller, whose session it names.
    pub(super) fn event(&self, operation: Operation, context: &RequestContext, now: Timestamp) -> AuditEvent {
        AuditEvent::new(now, context, &self.actor(), operation)
            .target(self.user.login.as_str())
            .detail(&format!("session={}", self.session.id.to_bus()))
    }
}
