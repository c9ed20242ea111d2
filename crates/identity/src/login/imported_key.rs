//! Login by a key that came from another bus, of which only the digest is known that was made there.
//!
//! **Invariant:** the slow digest is computed for a ticket that has the shape of such a key, and for a user who has such keys
//! that were not used here yet; in the bounded pool, like a password's. So a stranger who sends such tickets can learn by the
//! time whether a user has such keys, and nothing else; the first login by each takes that away.

use super::{LoginError, PasswordPool};
use crate::audit::Reason;
use crate::old_digest::OldDigest;
use crate::repository::{FindCredential, HasImportedKeys, Repository};
use crate::{Credential, Identity, LoginName, Secret};

impl<R: Repository> Identity<R> {
    /// The key whose old digest this ticket has.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`] with [`Reason::Busy`], which is not in the trail yet, and [`LoginError::Storage`].
    pub(super) async fn imported_key(
        &self,
        login: &LoginName,
        ticket: &Secret,
        pool: &impl PasswordPool,
    ) -> Result<Option<Credential>, LoginError> {
        if !OldDigest::fits(ticket) || !self.repository.run(HasImportedKeys { login: login.clone() }).await? {
            return Ok(None);
        }
        let old =
            pool.old_digest(login.clone(), ticket.clone()).await.map_err(|_| LoginError::Refused(Reason::Busy))?;
        let digest = self.settings.pepper.digest_imported(&old);
        Ok(self.repository.run(FindCredential { digest }).await?.filter(|found| found.is_imported))
    }
}

#[cfg(test)]
#[path = "imported_key_tests.rs"]
mod tests;
