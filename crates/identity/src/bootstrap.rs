//! The first start: roles, a first user, and a one-time password for it. Our own mechanism is
//! the way in; there is no default password.

use rand_core::CryptoRng;

use crate::audit::{AuditEvent, Operation};
use crate::keys::{KeyKind, KeyRequest, MintedKey};
use crate::repository::{Bootstrap, BootstrapOutcome, Repository, RepositoryError};
use crate::role::{self, RoleName};
use crate::standing::Standing;
use crate::user::User;
use crate::{Actor, Identity, LoginName, RequestContext, Timestamp, UserId};

/// The login name of the first user.
pub const FIRST_LOGIN: &str = "admin";

impl<R: Repository> Identity<R> {
    /// Prepares a fresh installation; `None` where that had been done before.
    ///
    /// - `prefix`: the URI prefix that the shipped roles are written for.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn bootstrap(
        &self,
        prefix: &str,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Option<MintedKey>, RepositoryError> {
        let impossible = |error: &dyn std::error::Error| RepositoryError::Corrupt(format!("first user: {error}"));
        let login = LoginName::parse(FIRST_LOGIN).map_err(|error| impossible(&error))?;
        let user = User {
            id: UserId::generate(now, rng),
            login: login.clone(),
            standing: Standing::GOOD,
            role: RoleName::trust(),
            password: None,
            created: now,
        };
        let minted = self
            .plan_key(KeyKind::Otp, (user.id, &login), &KeyRequest::default(), (&Actor::Operator, context), now, rng)
            .map_err(|error| impossible(&error))?;
        let audit = AuditEvent::new(now, context, &Actor::Operator, Operation::Bootstrap).target(FIRST_LOGIN);
        let credential = minted.credential.clone();
        let operation = Bootstrap { roles: role::shipped(prefix), user, credential, audit };
        Ok(match self.repository.run(operation).await? {
            BootstrapOutcome::Done => Some(minted),
            BootstrapOutcome::AlreadyDone => None,
        })
    }
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
