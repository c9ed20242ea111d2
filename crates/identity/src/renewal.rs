//! Hashes of passwords that another system has made, or an older version, are replaced by our own when their owner logs in:
//! only then is the password known.
//!
//! **Invariant:** a hash is replaced only if it is still the one that the password was checked against.

use crate::audit::{AuditEvent, Operation};
use crate::login::PasswordPool;
use crate::password::{PasswordHash, PasswordSecrets};
use crate::repository::Repository;
use crate::user::User;
use crate::{Identity, Secret, UserId};

/// Replaces a password's hash, and with it what proofs are checked against; the password stays what it is. Answers whether
/// the hash was still the old one; the row for the trail is stored only then.
#[derive(Debug)]
pub struct RenewHash {
    /// Whose.
    pub user: UserId,
    /// What the password was checked against.
    pub old: PasswordHash,
    /// What is stored of it from now on.
    pub new: PasswordSecrets,
    /// The row for the trail.
    pub audit: AuditEvent,
}

impl<R: Repository> Identity<R> {
    /// Renews the hash of a user who has just logged in with this password, where that is due. A login is not undone by what
    /// goes wrong here: the next one tries again.
    pub(crate) async fn renew_hash(&self, user: &User, password: &Secret, pool: &impl PasswordPool, login: AuditEvent) {
        let Some(old) = user.password.clone().filter(|hash| !hash.is_current()) else { return };
        let Ok(new) = pool.renew(password.clone()).await else { return };
        let audit = AuditEvent { operation: Operation::UserRehash, detail: String::new(), ..login };
        let _ = self.repository.run(RenewHash { user: user.id, old, new, audit }).await;
    }
}
