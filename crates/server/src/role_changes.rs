//! Changes of roles, which live sessions feel at once. Whoever may make them is said by the rules.
//!
//! **Invariant:** changes are made one after the other, so that what live sessions get last is what is stored last.

use std::sync::Arc;
use std::time::Duration;

use countersign_identity::admin::AdminError;
use countersign_identity::repository::RepositoryError;
use countersign_identity::role::{Role, RoleName};
use countersign_identity::{Actor, RequestContext};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::clock::now;
use crate::hub::Hub;

/// Shortest time between two readings of the roles that sessions ask for.
const REFRESH_PAUSE: Duration = Duration::from_millis(100);

/// Pairs of pattern and letters.
pub type RuleTexts = Vec<(String, String)>;

/// One change of one role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "edit", content = "value", rename_all = "snake_case")]
pub enum RoleEdit {
    /// Makes it, with these rules.
    Create(RuleTexts),
    /// Makes it, with the rules of this one.
    CopyOf(String),
    /// Replaces all rules.
    Replace(RuleTexts),
    /// Sets the rule of a pattern; without letters the pattern is denied.
    Set {
        /// The pattern.
        uri: String,
        /// The letters.
        perms: String,
    },
    /// Removes the rule of this pattern.
    Unset(String),
    /// Gives it this name.
    Rename(String),
    /// Removes it.
    Remove,
}

impl App {
    /// Makes a change of a role, and lets the sessions of `hub`, the realm of a running server, feel it. Goes on to its end
    /// also if nobody waits for it any more. Answers the role as it is then; without rules if it is removed.
    ///
    /// # Errors
    ///
    /// [`AdminError`].
    pub async fn edit_role(
        self: &Arc<Self>,
        hub: Option<Arc<Hub>>,
        role: &str,
        edit: RoleEdit,
        actor: &Actor,
        context: &RequestContext,
    ) -> Result<Role, AdminError> {
        let (app, role, actor, context) = (Arc::clone(self), role.to_owned(), actor.clone(), context.clone());
        let making = tokio::spawn(async move { app.make_edit(hub.as_deref(), &role, edit, &actor, &context).await });
        making.await.map_err(|ended| RepositoryError::Unavailable(Box::new(ended)))?
    }

    async fn make_edit(
        &self,
        hub: Option<&Hub>,
        role: &str,
        edit: RoleEdit,
        actor: &Actor,
        context: &RequestContext,
    ) -> Result<Role, AdminError> {
        let _turn = self.role_edits.lock().await;
        let renamed = matches!(edit, RoleEdit::Rename(_));
        let changed = self.store_edit(role, edit, actor, context).await;
        // The change may have been stored although its answer was lost.
        if let (Some(hub), Ok(_) | Err(AdminError::Storage(_))) = (hub, &changed) {
            self.load_roles(hub.roles()).await?;
            hub.apply_roles();
            if renamed {
                hub.end_role(role, "the user's role got another name");
            }
        }
        changed
    }

    async fn store_edit(
        &self,
        role: &str,
        edit: RoleEdit,
        actor: &Actor,
        context: &RequestContext,
    ) -> Result<Role, AdminError> {
        let identity = &self.identity;
        match edit {
            RoleEdit::Create(rules) => identity.create_role(role, &rules, actor, context, now()).await,
            RoleEdit::CopyOf(from) => identity.copy_role(&from, role, actor, context, now()).await,
            RoleEdit::Replace(rules) => identity.replace_rules(role, &rules, actor, context, now()).await,
            RoleEdit::Set { uri, perms } => {
                identity.set_rule(role, &uri, &perms, actor, context, now()).await?;
                identity.role(role).await
            }
            RoleEdit::Unset(uri) => {
                identity.remove_rule(role, &uri, actor, context, now()).await?;
                identity.role(role).await
            }
            RoleEdit::Rename(to) => {
                identity.rename_role(role, &to, actor, context, now()).await?;
                identity.role(&to).await
            }
            RoleEdit::Remove => {
                identity.remove_role(role, actor, context, now()).await?;
                Ok(Role { name: RoleName::parse(role)?, rules: Vec::new() })
            }
        }
    }

    /// Reads the roles again, because a session asks for it: all that ask at a time are served by one reading.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn refresh_roles(&self, hub: &Hub) -> Result<(), RepositoryError> {
        let read = async {
            let _turn = self.role_edits.lock().await;
            if self.load_roles(hub.roles()).await? {
                hub.apply_roles();
            }
            Ok(())
        };
        self.role_refreshes.run(REFRESH_PAUSE, read).await
    }
}
