//! Saying for whom a request is made: the address and the agent of somebody else, as an application does that asks for its
//! users.
//!
//! Source: documentation of the sign-on API, "Applications that ask for their users".
//!
//! **Invariants:** believed is only who shows a live API key that names [`ACT_FOR`] by a rule of its own, and whose owner's
//! role grants it too. No session is opened, nothing is used up. What is refused leaves a row in the trail; what is
//! believed leaves one when the key is used from another address, or after [`NOTED_FOR`].

use std::sync::Arc;
use std::time::Duration;

use super::{Claim, LoginError, attempt_row};
use crate::audit::Reason;
use crate::password::PASSWORD_BYTES_MAX;
use crate::permission::{ACT_FOR, Action, Right, RuleSet, UriMatch, Withheld};
use crate::repository::{AcceptCredentialOutcome, AcceptKey, FindCredential, FindUser, Repository};
use crate::role::RoleName;
use crate::standing::Way;
use crate::{Credential, CredentialKind, Identity, LoginName, RequestContext, Secret, Timestamp};

/// How long one note of a key's use stands for all from the same address: most requests write nothing.
const NOTED_FOR: Duration = Duration::from_mins(1);

impl<R: Repository> Identity<R> {
    /// Whether the holder of `key` is believed for whom a request is made. `rules` has the rules of a role.
    ///
    /// # Errors
    ///
    /// [`LoginError::Refused`], which the trail holds by then, and [`LoginError::Storage`].
    pub async fn may_act_for(
        &self,
        claim: &Claim<'_>,
        key: &Secret,
        rules: impl Fn(&RoleName) -> Arc<RuleSet> + Send,
        now: Timestamp,
    ) -> Result<(), LoginError> {
        let audit = attempt_row(claim, now);
        let found = match self.key_that_acts(claim.login, key, rules, now).await {
            Ok(found) => found,
            Err(LoginError::Refused(reason)) => return Err(self.refuse_login(audit, reason).await),
            Err(other) => return Err(other),
        };
        if is_noted(&found, claim.context, now) {
            return Ok(());
        }
        let audit = audit.detail(&format!("api key {}", found.id.to_bus()));
        match self.repository.run(AcceptKey { digest: found.digest, becomes: None, now, audit }).await? {
            AcceptCredentialOutcome::Accepted { .. } => Ok(()),
            AcceptCredentialOutcome::Refused(reason) => Err(LoginError::Refused(reason)),
        }
    }

    /// The key, if it has the right. Reads only.
    async fn key_that_acts(
        &self,
        login: &str,
        key: &Secret,
        rules: impl Fn(&RoleName) -> Arc<RuleSet> + Send,
        now: Timestamp,
    ) -> Result<Credential, LoginError> {
        let refused = |reason| Err(LoginError::Refused(reason));
        if key.is_blank() {
            return refused(Reason::BlankTicket);
        }
        if key.expose().len() > PASSWORD_BYTES_MAX {
            return refused(Reason::WrongTicket);
        }
        let Ok(login) = LoginName::parse(login) else { return refused(Reason::UnknownUser) };
        let digest = self.settings.pepper.digest(&login, key);
        let found = self.repository.run(FindCredential { digest }).await?;
        let Some(found) = found.filter(|found| found.kind == CredentialKind::ApiKey) else {
            return refused(Reason::WrongTicket);
        };
        let owner = self.repository.run(FindUser::ById(found.owner)).await?;
        let Some(owner) = owner else { return refused(Reason::WrongTicket) };
        if found.expires.at < now {
            return refused(Reason::ApiKeyExpired);
        }
        if let Err(reason) = owner.standing.admits(Way::Key, now) {
            return refused(reason);
        }
        if !self.settings.denials.named(&found.permissions).has(Withheld::ActFor) {
            return refused(Reason::ApiKeySession);
        }
        // Nobody is there to elevate a key, and there is no documentation of what is no procedure.
        let plain = Ok(Right { elevated: false, documented: false });
        if rules(&owner.role).decide(Action::Call, UriMatch::Exact(ACT_FOR)) == plain {
            Ok(found)
        } else {
            refused(Reason::NotAllowed)
        }
    }
}

fn is_noted(key: &Credential, context: &RequestContext, now: Timestamp) -> bool {
    let address = context.address.to_string();
    key.last_used.as_ref().is_some_and(|last| last.address == address && now.duration_since(last.at) < NOTED_FOR)
}

#[cfg(test)]
#[path = "act_for_tests.rs"]
mod tests;
