//! The first start: roles, a first user, and a one-time password for it. Our own mechanism is
//! the way in; there is no default password.

use rand_core::CryptoRng;

use crate::audit::{AuditEvent, Operation};
use crate::otp::{MintedOtp, generate_key};
use crate::repository::{Bootstrap, BootstrapOutcome, Repository, RepositoryError};
use crate::role::{self, RoleName};
use crate::user::User;
use crate::{
    Actor, Credential, CredentialId, CredentialKind, Expires, ExpiresInput, Identity, LoginName, RequestContext,
    Timestamp, UserId,
};

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
    ) -> Result<Option<MintedOtp>, RepositoryError> {
        let corrupt = |what: String| RepositoryError::Corrupt(what);
        let login = LoginName::parse(FIRST_LOGIN).map_err(|error| corrupt(error.to_string()))?;
        let expires = Expires::resolve(&ExpiresInput::Default, now, &self.settings.otp_lifetimes)
            .map_err(|error| corrupt(error.to_string()))?;
        let user = User {
            id: UserId::generate(now, rng),
            login: login.clone(),
            enabled: true,
            role: RoleName::trust(),
            password: None,
            created: now,
        };
        let plaintext_key = generate_key(rng);
        let credential = Credential {
            id: CredentialId::generate(now, rng),
            kind: CredentialKind::Otp,
            owner: user.id,
            digest: self.settings.pepper.digest(&login, &plaintext_key),
            permissions: Vec::new(),
            origin: format!("{}@{}", Actor::Operator.name(), context.address),
            expires,
            created: now,
            spent: None,
        };
        let audit = AuditEvent::new(now, context, &Actor::Operator, Operation::Bootstrap).target(FIRST_LOGIN);
        let operation = Bootstrap { roles: role::shipped(prefix), user, credential: credential.clone(), audit };
        Ok(match self.repository.run(operation).await? {
            BootstrapOutcome::Done => Some(MintedOtp { credential, login, plaintext_key }),
            BootstrapOutcome::AlreadyDone => None,
        })
    }
}

#[cfg(test)]
#[path = "bootstrap_tests.rs"]
mod tests;
