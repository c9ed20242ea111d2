//! Changes of users, which live sessions feel at once. Whoever may make them is said by the rules.

use std::sync::Arc;

use countersign_identity::admin::AdminError;
use countersign_identity::login::{PasswordPool as _, PoolBusy};
use countersign_identity::password::{NewPassword, PasswordSecrets};
use countersign_identity::password_policy::PasswordRefused;
use countersign_identity::repository::UserChange;
use countersign_identity::standing::ApprovalStatus;
use countersign_identity::user::User;
use countersign_identity::{Actor, RequestContext, Secret};

use crate::app::App;
use crate::clock::now;
use crate::hub::Hub;
use crate::welcome::welcome;

/// Why nothing could be made of a new password.
#[derive(Debug, thiserror::Error)]
pub enum NewPasswordError {
    /// It is too bad a password.
    #[error(transparent)]
    Refused(#[from] PasswordRefused),
    /// Too many others wait for the same.
    #[error("{0}; try again")]
    Busy(#[from] PoolBusy),
}

impl App {
    /// Makes a change of a user, and ends the sessions in `hub`, the realm of a running server, that went by what the user was.
    /// Answers the user as it was stored last.
    ///
    /// # Errors
    ///
    /// [`AdminError`].
    pub async fn change_user(
        self: &Arc<Self>,
        hub: Option<&Hub>,
        login: &str,
        change: UserChange,
        actor: &Actor,
        context: &RequestContext,
    ) -> Result<User, AdminError> {
        let is_approval = change == UserChange::Approval(ApprovalStatus::Approved);
        let ends_live = change.ends_live();
        let changed = self.identity.change_user(login, change, actor, context, now()).await;
        if let (Some(message), Some(hub)) = (ends_live, hub) {
            self.end_sessions(hub, login, &changed, message).await;
        }
        if let (true, Ok(user)) = (is_approval, &changed) {
            welcome(self, user.clone());
        }
        changed
    }

    /// Ends the live sessions of a user who was changed.
    pub async fn end_sessions(&self, hub: &Hub, login: &str, changed: &Result<User, AdminError>, message: &str) {
        let user = match changed {
            Ok(user) => Some(user.clone()),
            // The change may have been stored although its answer was lost: rather end sessions
            // for nothing.
            Err(AdminError::Storage(_)) => self.identity.user(login).await.ok(),
            Err(_) => None,
        };
        if let Some(user) = user {
            hub.revoke_user(user.id, message);
        }
    }

    /// What is stored of a password that somebody is to have.
    ///
    /// # Errors
    ///
    /// [`NewPasswordError`].
    pub async fn derive_password(&self, login: &str, password: &Secret) -> Result<PasswordSecrets, NewPasswordError> {
        let new = NewPassword::check(password.clone(), &[login], &self.config.password.policy())?;
        Ok(self.passwords.derive(new).await?)
    }
}
