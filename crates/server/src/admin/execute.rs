//! Carries commands out, and lets live sessions feel them at once.

use std::sync::Arc;

use countersign_identity::admin::{AdminError, UserDraft};
use countersign_identity::audit_trail::AuditSearchError;
use countersign_identity::keys::KeyKind;
use countersign_identity::login::PoolBusy;
use countersign_identity::password::PasswordSecrets;
use countersign_identity::repository::{RepositoryError, UserChange};
use countersign_identity::role::RoleName;
use countersign_identity::standing::ApprovalStatus;
use countersign_identity::user::User;
use countersign_identity::{Actor, LoginName, PeerAddress, RequestContext, Secret};
use serde_json::Value;

use super::command::{ClearText, Command, Refused, RefusedKind, UserEdit};
use super::users::UserFields;
use super::{json, keys, trail};
use crate::app::App;
use crate::cid;
use crate::clock::{now, random};
use crate::hub::Hub;
use crate::mail::TestFailed;
use crate::user_changes::NewPasswordError;

/// Users that are read at once.
const USERS_PER_PAGE: u32 = 500;

/// Carries one command out as the operator. `hub` is the realm of a running server.
///
/// # Errors
///
/// [`Refused`]; nothing was changed then.
pub async fn execute(app: &Arc<App>, hub: Option<&Arc<Hub>>, command: Command) -> Result<Value, Refused> {
    let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", "cli");
    let operator = Operator { app, hub, context };
    match command {
        Command::UserAdd { login, role, password, fields } => operator.add_user(&login, &role, password, &fields).await,
        Command::UserList => operator.list_users().await,
        Command::UserSync { dry_run } => operator.sync_users(dry_run).await,
        Command::UserShow { login } => Ok(json::record(&app.identity.user_record(&login).await?)),
        Command::UserEdit { login, edit } => operator.edit_user(&login, edit).await,
        Command::UserKeyAdd { login, key, label } => operator.add_key(&login, &key, &label).await,
        Command::UserKeyList { login } => {
            Ok(app.identity.user_keys(&login).await?.iter().map(json::user_key).collect())
        }
        Command::UserKeyRemove { login, key } => operator.remove_key(&login, &key).await,
        Command::UserTotp { login, edit } => super::totp::edit(app, &operator.context, &login, edit).await,
        Command::UserMetadata { login, edit } => super::metadata::edit(app, &operator.context, &login, edit).await,
        Command::Session(command) => super::sessions::run(app, &operator.context, command).await,
        Command::Uri(command) => super::uris::run(app, hub.map(AsRef::as_ref), &operator.context, command).await,
        Command::RoleList => Ok(app.identity.roles().await?.iter().map(json::role).collect()),
        Command::RoleShow { role } => Ok(json::role(&app.identity.role(&role).await?)),
        Command::RoleEdit { role, edit } => {
            let hub = operator.hub.cloned();
            Ok(json::role(&app.edit_role(hub, &role, edit, &Actor::Operator, &operator.context).await?))
        }
        Command::OtpCreate { login, expires, permissions } => {
            let request = keys::request(String::new(), expires, permissions);
            keys::create(app, &operator.context, KeyKind::Otp, &login, request).await
        }
        Command::OtpList { login } => keys::list(app, KeyKind::Otp, &login).await,
        Command::Key(command) => keys::run(app, &operator.context, command).await,
        Command::AuditSearch(query) | Command::AuditExport(query) => {
            let rows = app.identity.search_audit(query.into()).await?;
            Ok(rows.iter().map(json::audit).collect())
        }
        Command::AuditVerify { from, kept } => serde_json::to_value(trail::verify(app, from.as_ref(), &kept).await?)
            .map_err(|error| fault(error.to_string())),
        Command::MailTest { to } => match app.mailer.test(&to).await {
            Ok(way) => Ok(serde_json::json!({ "to": to, "taken_by": way })),
            Err(error @ (TestFailed::Address | TestFailed::NotConfigured)) => Err(wrong(error.to_string())),
            Err(error) => Err(fault(error.to_string())),
        },
    }
}

struct Operator<'a> {
    app: &'a Arc<App>,
    hub: Option<&'a Arc<Hub>>,
    context: RequestContext,
}

impl Operator<'_> {
    async fn add_user(
        &self,
        login: &str,
        role: &str,
        password: Option<ClearText>,
        fields: &UserFields,
    ) -> Result<Value, Refused> {
        let update = fields.update(self.app)?;
        let secrets = match password {
            Some(password) => Some(self.derive(login, &password).await?),
            None => None,
        };
        let identity = &self.app.identity;
        let draft = UserDraft { login, role, password: secrets, update: &update };
        let user = identity.create_user_of(draft, &Actor::Operator, &self.context, now(), &mut random()).await?;
        Ok(self.shown(&user).await)
    }

    async fn list_users(&self) -> Result<Value, Refused> {
        let mut users = Vec::new();
        let mut after: Option<LoginName> = None;
        loop {
            let page = self.app.identity.users(after, USERS_PER_PAGE).await?;
            after = page.last().map(|user| user.login.clone());
            users.extend(page.iter().map(json::user));
            if after.is_none() {
                return Ok(users.into());
            }
        }
    }

    async fn sync_users(&self, is_dry_run: bool) -> Result<Value, Refused> {
        let report = if is_dry_run {
            self.app.would_sync_directory(&self.context).await.map(|report| report.map(Arc::new))
        } else {
            self.app.sync_directory(self.hub.map(|hub| &**hub), &Actor::Operator, &self.context).await
        };
        let report = report.map_err(|error| fault(error.to_string()))?;
        let report = report.ok_or_else(|| wrong("there is no directory: the configuration has no [ldap]".into()))?;
        serde_json::to_value(&*report).map_err(|error| fault(error.to_string()))
    }

    async fn edit_user(&self, login: &str, edit: UserEdit) -> Result<Value, Refused> {
        let change = match edit {
            UserEdit::Lock => UserChange::Enabled(false),
            UserEdit::Unlock => UserChange::Enabled(true),
            UserEdit::Delete => UserChange::Delete,
            UserEdit::Password(password) => UserChange::Password(self.derive(login, &password).await?.into()),
            UserEdit::Role(role) => UserChange::Role(RoleName::parse(&role).map_err(AdminError::from)?),
            UserEdit::Set(fields) => {
                let update = fields.update(self.app)?;
                if update.is_empty() {
                    return Err(wrong(
                        "nothing is to be changed; `countersign user set --help` shows what can be".into(),
                    ));
                }
                UserChange::Update(Box::new(update))
            }
            UserEdit::Approve => UserChange::Approval(ApprovalStatus::Approved),
            UserEdit::Reject => UserChange::Approval(ApprovalStatus::Rejected),
        };
        let hub = self.hub.map(AsRef::as_ref);
        let changed = self.app.change_user(hub, login, change, &Actor::Operator, &self.context).await;
        let user = changed?;
        Ok(self.shown(&user).await)
    }

    /// A user after a change. It was made even where what else is known can't be read, as of one that was deleted.
    async fn shown(&self, user: &User) -> Value {
        let record = self.app.identity.user_record(user.login.as_str()).await;
        record.map_or_else(|_| json::user(user), |record| json::record(&record))
    }

    async fn add_key(&self, login: &str, key: &str, label: &str) -> Result<Value, Refused> {
        let (identity, operator) = (&self.app.identity, &Actor::Operator);
        let added = identity.add_user_key(login, key, label, operator, &self.context, now()).await?;
        Ok(json::user_key(&added))
    }

    async fn remove_key(&self, login: &str, key: &str) -> Result<Value, Refused> {
        let identity = &self.app.identity;
        let changed = identity.remove_user_key(login, key, &Actor::Operator, &self.context, now()).await;
        if let Some(hub) = self.hub {
            self.app.end_sessions(hub, login, &changed, "a public key of the user was removed").await;
        }
        Ok(json::user(&changed?))
    }

    async fn derive(&self, login: &str, password: &ClearText) -> Result<PasswordSecrets, Refused> {
        let password = Secret::new(password.expose());
        self.app.derive_password(login, &password).await.map_err(|error| match error {
            NewPasswordError::Refused(refused) => wrong(refused.to_string()),
            NewPasswordError::Busy(busy) => busy.into(),
        })
    }
}

fn wrong(message: String) -> Refused {
    Refused { kind: RefusedKind::Request, message }
}

fn fault(message: String) -> Refused {
    Refused { kind: RefusedKind::Server, message }
}

impl From<RepositoryError> for Refused {
    fn from(error: RepositoryError) -> Self {
        // The operator may see what is wrong with the storage.
        let cause = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        fault(format!("{error}{cause}"))
    }
}

impl From<PoolBusy> for Refused {
    fn from(error: PoolBusy) -> Self {
        fault(format!("{error}; try again"))
    }
}

impl From<AuditSearchError> for Refused {
    fn from(error: AuditSearchError) -> Self {
        match error {
            AuditSearchError::Storage(error) => error.into(),
            other => wrong(other.to_string()),
        }
    }
}

impl From<AdminError> for Refused {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Storage(error) => error.into(),
            other => wrong(other.to_string()),
        }
    }
}
