//! A forgotten password: a token by mail, a key for the token, a new password for both.
//!
//! Source: contract of the sign-on API, sections 1.7, 2.4 and 9 (19); NIST SP 800-63B, section 4.2 (account recovery).
//!
//! **Invariants:** token and key are random, stored as digests, live shortly and work once. A user has at most one token:
//! a newer one, a new password and a new address end it. The second factor stays as it is, so the next login still needs
//! its code. Asking for a token tells the one who asks nothing.

pub mod operations;

use std::time::Duration;

use rand_core::CryptoRng;

use self::operations::{AccessReset, FindReset, FinishReset, ReapResets, ResetOutcome, StartReset};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::password::PasswordSecrets;
use crate::repository::{FindByEmail, FindProfile, FindUser, PasswordChange, RecordAudit, Repository, RepositoryError};
use crate::source::Source;
use crate::standing::Way;
use crate::user::User;
use crate::{Actor, Digest, Identity, LoginName, RequestContext, Secret, Timestamp, TokenKind};

/// Users of one address who get a mail each.
const USERS_PER_ADDRESS_MAX: u32 = 3;
/// Most resets that are removed in one transaction.
const REAPED_AT_ONCE_MAX: u32 = 1_000;

/// How resets go. The operator's to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordResetSettings {
    /// By what users are found.
    pub search_by: SearchBy,
    /// How long a token works.
    pub token: Duration,
    /// How long a key works.
    pub key: Duration,
}

impl Default for PasswordResetSettings {
    fn default() -> Self {
        Self { search_by: SearchBy::Username, token: Duration::from_hours(24), key: Duration::from_mins(30) }
    }
}

/// By what users are found who forgot their password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchBy {
    /// By login name.
    Username,
    /// By e-mail address.
    Email,
    /// By either.
    UsernameOrEmail,
}

/// A mail that has to be sent.
#[derive(Debug)]
#[must_use = "the token is not made a second time"]
pub struct ResetMail {
    /// Who forgot the password.
    pub user: User,
    /// The address, as it is stored.
    pub email: String,
    /// The token.
    pub token: Secret,
}

/// Whose password may be set: proof that token and key were right.
#[derive(Debug, Clone)]
pub struct PendingReset {
    user: User,
    token: Digest,
    key: Digest,
}

impl PendingReset {
    /// Whose.
    pub fn user(&self) -> &User {
        &self.user
    }
}

/// Why a token or a key gets nobody anywhere.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// For this reason, which the trail holds by then and a stranger isn't told.
    #[error("the token can't be used")]
    Refused(Reason),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

/// A row of somebody who has shown nothing yet.
fn row(operation: Operation, context: &RequestContext, now: Timestamp) -> AuditEvent {
    AuditEvent::new(now, context, &Actor::Anonymous, operation)
}

impl<R: Repository> Identity<R> {
    /// Makes a token for whoever is meant, in good standing and with an address. `may_mail` says whether the user may get one
    /// more mail; it is asked at most once for each user, and only where a mail would go out.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]. That nobody gets a mail is no error: the trail says why, the one who asked isn't told.
    pub async fn request_password_reset(
        &self,
        credential: &str,
        settings: PasswordResetSettings,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
        mut may_mail: impl FnMut(&User) -> bool + Send,
    ) -> Result<Vec<ResetMail>, RepositoryError> {
        let audit = row(Operation::PasswordResetRequest, context, now);
        let users = self.users_by_credential(credential, settings.search_by).await?;
        if users.is_empty() {
            self.refuse_reset_request(credential, Reason::UnknownUser, context, now).await?;
        }
        let mut mails = Vec::new();
        for user in users {
            let audit = audit.clone().target(user.login.as_str());
            match self.start_reset(user, settings.token, audit, rng, &mut may_mail).await {
                Ok(mail) => mails.push(mail),
                Err(ResetError::Refused(_)) => {}
                Err(ResetError::Storage(fault)) => return Err(fault),
            }
        }
        Ok(mails)
    }

    /// Notes a request that was not looked at.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn refuse_reset_request(
        &self,
        credential: &str,
        reason: Reason,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let audit = row(Operation::PasswordResetRequest, context, now);
        // An address that nobody here may have is nothing to keep.
        let target = if credential.contains('@') { "" } else { credential };
        self.repository.run(RecordAudit { event: audit.target(target).refused(reason) }).await
    }

    async fn users_by_credential(&self, credential: &str, by: SearchBy) -> Result<Vec<User>, RepositoryError> {
        let mut users = Vec::new();
        if by != SearchBy::Email
            && let Ok(login) = LoginName::parse(credential)
        {
            users.extend(self.repository.run(FindUser::ByLogin(login)).await?);
        }
        if by != SearchBy::Username && !credential.is_empty() {
            let digest = self.settings.pepper.digest_email(credential);
            let found = self.repository.run(FindByEmail { digest, limit: USERS_PER_ADDRESS_MAX }).await?;
            users.extend(found);
            users.sort_by_key(|user| user.id);
            users.dedup_by_key(|user| user.id);
        }
        Ok(users)
    }

    async fn start_reset(
        &self,
        user: User,
        lifetime: Duration,
        audit: AuditEvent,
        rng: &mut (impl CryptoRng + Send),
        may_mail: &mut (impl FnMut(&User) -> bool + Send),
    ) -> Result<ResetMail, ResetError> {
        let profile = self.repository.run(FindProfile { who: FindUser::ById(user.id) }).await?;
        let email = profile.and_then(|record| record.profile.email).map(|email| email.text);
        let email = email.filter(|email| !email.trim().is_empty()).ok_or(Reason::NoEmail);
        let is_here = if user.source() == Source::Local { Ok(()) } else { Err(Reason::InDirectory) };
        let admitted = user.standing.admits(Way::Key, audit.at).and(is_here).and(email);
        let admitted = admitted.and_then(|email| if may_mail(&user) { Ok(email) } else { Err(Reason::TooManyMails) });
        let email = match admitted {
            Ok(email) => email,
            Err(reason) => return Err(self.refuse_reset_step(audit, reason).await),
        };
        let token = TokenKind::PasswordReset.generate(rng);
        let digest = self.settings.pepper.digest_token(&token);
        let expires = audit.at.saturating_add(lifetime);
        match self.repository.run(StartReset { owner: user.id, token: digest, expires, audit }).await? {
            ResetOutcome::Done(user) => Ok(ResetMail { user, email, token }),
            ResetOutcome::Refused(reason) => Err(ResetError::Refused(reason)),
        }
    }

    /// Spends a token for a key, once.
    ///
    /// # Errors
    ///
    /// [`ResetError`].
    pub async fn access_password_reset(
        &self,
        token: &Secret,
        settings: PasswordResetSettings,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Secret, ResetError> {
        let audit = row(Operation::PasswordResetAccess, context, now);
        // What can't be a token costs no look into storage but the row.
        if TokenKind::of(token) != Some(TokenKind::PasswordReset) {
            return Err(self.refuse_reset_step(audit, Reason::WrongToken).await);
        }
        let key = TokenKind::ResetKey.generate(rng);
        let pepper = &self.settings.pepper;
        let access = AccessReset {
            token: pepper.digest_token(token),
            key: pepper.digest_token(&key),
            key_expires: now.saturating_add(settings.key),
            audit,
        };
        match self.repository.run(access).await? {
            ResetOutcome::Done(_) => Ok(key),
            ResetOutcome::Refused(reason) => Err(ResetError::Refused(reason)),
        }
    }

    /// Whose password a token and its key may set. Changes nothing: a password that is refused leaves both as they are.
    ///
    /// # Errors
    ///
    /// [`ResetError`].
    pub async fn find_password_reset(
        &self,
        token: &Secret,
        key: &Secret,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<PendingReset, ResetError> {
        let audit = row(Operation::PasswordResetUse, context, now);
        let kinds = (TokenKind::of(token), TokenKind::of(key));
        if kinds != (Some(TokenKind::PasswordReset), Some(TokenKind::ResetKey)) {
            return Err(self.refuse_reset_step(audit, Reason::WrongToken).await);
        }
        let pepper = &self.settings.pepper;
        let (token, key) = (pepper.digest_token(token), pepper.digest_token(key));
        let Some(user) = self.repository.run(FindReset { token, key, now }).await? else {
            return Err(self.refuse_reset_step(audit, Reason::WrongToken).await);
        };
        match user.standing.admits(Way::Key, now) {
            Ok(()) => Ok(PendingReset { user, token, key }),
            Err(reason) => Err(self.refuse_reset_step(audit.target(user.login.as_str()), reason).await),
        }
    }

    /// Notes that the password that was wished for can't be set.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn refuse_reset_password(
        &self,
        pending: &PendingReset,
        reason: Reason,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let audit = row(Operation::PasswordResetUse, context, now).target(pending.user.login.as_str());
        self.repository.run(RecordAudit { event: audit.refused(reason) }).await
    }

    /// Sets the password, once. The user's sessions and cookies end, and the password needs no change any more.
    ///
    /// # Errors
    ///
    /// [`ResetError`]: token and key were used, replaced or came to their end meanwhile, or the user may not come in any more.
    pub async fn finish_password_reset(
        &self,
        pending: PendingReset,
        secrets: PasswordSecrets,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, ResetError> {
        let PendingReset { user, token, key } = pending;
        let audit = row(Operation::PasswordResetUse, context, now).target(user.login.as_str());
        let password =
            PasswordChange { secrets, expires: self.settings.passwords.end(now), must_change: false, kept: None };
        match self.repository.run(FinishReset { token, key, password, audit }).await? {
            ResetOutcome::Done(user) => Ok(user),
            ResetOutcome::Refused(reason) => Err(ResetError::Refused(reason)),
        }
    }

    /// Removes tokens and keys that ended, some at a time; answers how many.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn reap_password_resets(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.repository.run(ReapResets { before: now, limit: REAPED_AT_ONCE_MAX }).await
    }

    async fn refuse_reset_step(&self, audit: AuditEvent, reason: Reason) -> ResetError {
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => ResetError::Refused(reason),
            Err(fault) => fault.into(),
        }
    }
}

#[cfg(test)]
mod tests;
