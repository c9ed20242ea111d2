//! Login by an API key, as often as somebody likes.
//!
//! **Invariant:** a key opens sessions of its owner only, while it is there and its time isn't over. Whoever holds such a
//! session open (the server) looks again until it ends: see [`Identity::living_keys`].

use std::collections::HashMap;

use super::{Attempt, LoggedIn, LoginError};
use crate::audit::AuditEvent;
use crate::repository::{AcceptCredentialOutcome, AcceptKey, FindLivingKeys, Repository, RepositoryError};
use crate::{Credential, CredentialId, Digest, Identity, SessionKind, Timestamp};

impl<R: Repository> Identity<R> {
    /// Signs in the owner of a key that was found. One that was found by another system's digest gets `digest`.
    pub(super) async fn login_by_key(
        &self,
        found: &Credential,
        digest: Digest,
        audit: AuditEvent,
        attempt: &Attempt<'_>,
        now: Timestamp,
    ) -> Result<LoggedIn, LoginError> {
        let becomes = found.is_imported.then_some(digest);
        let audit = audit.detail(&format!("api key {} session={}", found.id.to_bus(), attempt.claim.session));
        match self.repository.run(AcceptKey { digest: found.digest, becomes, now, audit }).await? {
            AcceptCredentialOutcome::Accepted { credential, user } => {
                let (denials, permissions) = (&self.settings.denials, &credential.permissions);
                Ok(LoggedIn {
                    kind: SessionKind::ApiKey(credential.id, denials.named(permissions)),
                    restriction: Some(denials.restriction(permissions)),
                    has_restrictions: !permissions.is_empty(),
                    expires: Some(credential.expires.at),
                    revision: credential.revision,
                    user,
                })
            }
            AcceptCredentialOutcome::Refused(reason) => Err(LoginError::Refused(reason)),
        }
    }

    /// Which of these API keys are good still, until when, and in which [`Credential::revision`]: for sessions that end with them. Reads only.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn living_keys(
        &self,
        ids: &[CredentialId],
        now: Timestamp,
    ) -> Result<HashMap<CredentialId, (Timestamp, u32)>, RepositoryError> {
        let mut living = HashMap::new();
        for ids in ids.chunks(FindLivingKeys::IDS_MAX) {
            let found = self.repository.run(FindLivingKeys { ids: ids.to_vec(), now }).await?;
            living.extend(found.into_iter().map(|key| (key.id, (key.expires, key.revision))));
        }
        Ok(living)
    }
}

#[cfg(test)]
#[path = "api_key_tests.rs"]
mod tests;
