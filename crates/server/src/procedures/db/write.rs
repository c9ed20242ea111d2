//! `system.db.create`, `update`, `delete` and `upsert`: each makes the change by the rule of its subject, as every other door.

use std::sync::Arc;
use std::time::Instant;

use countersign_identity::admin::UserDraft;
use countersign_identity::key_update::KeyChange;
use countersign_identity::keys::KeyKind;
use countersign_identity::metadata::MetadataOf;
use countersign_identity::password::PasswordHash;
use countersign_identity::profile::UserRecord;
use countersign_identity::records::uri::UriFields;
use countersign_identity::records::write::{Located, Parent, UserFields, Verb, WriteError};
use countersign_identity::records::{Collection, Gate};
use countersign_identity::repository::{FindUser, PasswordChange, Run as _, UserChange, WhichCookies};
use countersign_identity::role::RoleName;
use countersign_identity::source::Source;
use countersign_identity::uris::operations::Begins;
use countersign_identity::uris::{UriError, UriKey};
use countersign_identity::user_update::{Field, UserUpdate};
use countersign_identity::{Actor, CredentialId, LoginName, MetadataId, RequestContext};
use countersign_wamp::{Dict, Value};
use uuid::Uuid;

use super::super::Call;
use super::super::arguments::{key_change, key_request, permissions, text, truth};
use super::super::errors::Failure;
use super::super::long::{self, LongCalls};
use super::super::metadata::given;
use super::{input, shown, uri};
use crate::app::App;
use crate::clock::{now, random};
use crate::cookies::{self, Ending};
use crate::hub::{Hub, Live};
use crate::records;
use crate::role_changes::{RoleEdit, RuleTexts};

/// What a change needs to know of its call.
struct Change {
    app: Arc<App>,
    hub: Arc<Hub>,
    caller: Arc<Live>,
    context: RequestContext,
    long: Arc<LongCalls>,
    /// Whether values of metadata are YAML texts.
    yaml: bool,
}

impl Change {
    fn actor(&self) -> &Actor {
        &self.caller.actor
    }
}

/// `system.db.create(parent, collection, record, yaml=false) → dict`
pub async fn create(call: Call) -> Result<Value, Failure> {
    let names = ["parent_uuid", "collection", "rec", "yaml"];
    let Call { app, hub, caller, context, arguments, long, .. } = call;
    let [parent, collection, record, yaml] = arguments.bind_given("system.db.create", names, 3)?;
    let yaml = truth(&yaml, "yaml")?;
    let change = Change { app, hub, caller, context, long, yaml };
    let (collection, parent) = admitted(&change, parent, collection).await?;
    change.create(collection, &parent, record).await
}

/// `system.db.upsert(parent, collection, record, yaml=false) → dict`
pub async fn upsert(call: Call) -> Result<Value, Failure> {
    let names = ["parent_uuid", "collection", "rec", "yaml"];
    let Call { app, hub, caller, context, arguments, long, .. } = call;
    let [parent, collection, record, yaml] = arguments.bind_given("system.db.upsert", names, 3)?;
    let yaml = truth(&yaml, "yaml")?;
    let change = Change { app, hub, caller, context, long, yaml };
    let (collection, parent) = admitted(&change, parent, collection).await?;
    let existing = match (collection, &record) {
        (Collection::Users, Value::Dict(record)) => change.user_called(text_of(record, "login")).await?,
        (Collection::Roles, Value::Dict(record)) => change.role_called(text_of(record, "role")).await?,
        (Collection::Uris, _) => return change.set_uri(&UriFields::read(&input(record))?, Begins::IfMissing).await,
        _ => None,
    };
    if collection == Collection::Metadata {
        return change.note(&parent, record, Noting::NewOrOld).await;
    }
    let Some(existing) = existing else { return change.create(collection, &parent, record).await };
    change.update(&existing, Gate::All, &record).await?;
    change.record(existing.collection, existing.id).await
}

/// `system.db.update([uuid], record) → true`
pub async fn update(call: Call) -> Result<Value, Failure> {
    let Call { app, hub, caller, context, arguments, long, .. } = call;
    let [uuids, record, yaml] = arguments.bind_given("system.db.update", ["uuid_list", "rec", "yaml"], 2)?;
    let yaml = truth(&yaml, "yaml")?;
    let change = Change { app, hub, caller, context, long, yaml };
    let (gate, located) = change.located(uuids, Verb::Update).await?;
    // What makes no sense is refused before anything is changed.
    let mut checked = Vec::new();
    for one in &located {
        if !checked.contains(&one.collection) {
            check(one.collection, &record)?;
            checked.push(one.collection);
        }
    }
    for one in &located {
        change.update(one, gate, &record).await?;
    }
    Ok(Value::Bool(true))
}

/// `system.db.delete([uuid]) → true`
pub async fn delete(call: Call) -> Result<Value, Failure> {
    let Call { app, hub, caller, context, arguments, long, .. } = call;
    let [uuids] = arguments.bind_given("system.db.delete", ["uuid_list"], 1)?;
    let change = Change { app, hub, caller, context, long, yaml: false };
    let (gate, located) = change.located(uuids, Verb::Delete).await?;
    if located.iter().any(|one| one.collection == Collection::Rosters) {
        return Err(Failure::argument("entries of rosters go with their sessions"));
    }
    for one in &located {
        change.delete(one, gate).await?;
    }
    Ok(Value::Bool(true))
}

/// Whether a record can be changed so at all.
fn check(collection: Collection, with: &Value) -> Result<(), Failure> {
    match collection {
        Collection::Users => UserFields::read(&input(with.clone())).map(drop)?,
        Collection::Roles => role_fields(with.clone()).map(drop)?,
        Collection::Metadata => noted(with.clone()).map(drop)?,
        Collection::Otps => key_fields(KeyKind::Otp, with.clone()).map(drop)?,
        Collection::ApiKeys => key_fields(KeyKind::ApiKey, with.clone()).map(drop)?,
        Collection::Uris => UriFields::read(&input(with.clone())).map(drop)?,
        Collection::Cookies | Collection::Rosters => {
            return Err(Failure::argument(format!("{} can't be changed", collection.name())));
        }
    }
    Ok(())
}

async fn admitted(change: &Change, parent: Value, collection: Value) -> Result<(Collection, Parent), Failure> {
    let (parent, collection) = (text(parent, "parent_uuid")?, text(collection, "collection")?);
    let identity = &change.app.identity;
    Ok(identity.admit_creation(&parent, &collection, change.actor(), &change.context, now()).await?)
}

fn text_of<'a>(record: &'a Dict, field: &str) -> &'a str {
    record.get(field).and_then(Value::as_str).unwrap_or_default()
}

impl Change {
    async fn located(&self, uuids: Value, verb: Verb) -> Result<(Gate, Vec<Located>), Failure> {
        let uuids = match uuids {
            Value::List(uuids) => uuids,
            one @ Value::Str(_) => vec![one],
            _ => return Err(Failure::argument("uuid_list has to be a list of uuids")),
        };
        let uuids = uuids.into_iter().map(|uuid| text(uuid, "uuid")).collect::<Result<Vec<_>, _>>()?;
        Ok(self.app.identity.admit_changes(&uuids, verb, self.actor(), &self.context, now()).await?)
    }

    /// The record as a query shows it.
    async fn record(&self, collection: Collection, id: Uuid) -> Result<Value, Failure> {
        let records = self.app.identity.record(collection, id, now()).await?;
        let Some(records) = records else { return Ok(Value::Null) };
        let yaml = self.yaml;
        let shown = self.long.unfold(records.bytes(), move || shown(&records, yaml)).await??;
        Ok(shown.into_iter().next().unwrap_or(Value::Null))
    }

    async fn user_called(&self, login: &str) -> Result<Option<Located>, Failure> {
        use countersign_identity::admin::AdminError;
        match self.app.identity.user(login).await {
            Ok(user) => Ok(Some(Located {
                id: user.id.uuid(),
                collection: Collection::Users,
                owner: Some(user.id),
                key: user.login.to_string(),
            })),
            Err(AdminError::NoSuchUser(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn role_called(&self, name: &str) -> Result<Option<Located>, Failure> {
        let id = self.app.identity.role_id(name).await?;
        let located = |id: countersign_identity::RoleId| Located {
            id: id.uuid(),
            collection: Collection::Roles,
            owner: None,
            key: name.to_owned(),
        };
        Ok(id.map(located))
    }

    async fn create(&self, collection: Collection, parent: &Parent, record: Value) -> Result<Value, Failure> {
        match (collection, parent) {
            (Collection::Users, _) => self.create_user(&record).await,
            (Collection::Roles, _) => self.create_role(record).await,
            (Collection::Otps, Parent::User(login)) => self.mint(KeyKind::Otp, login, record).await,
            (Collection::ApiKeys, Parent::User(login)) => self.mint(KeyKind::ApiKey, login, record).await,
            (Collection::Metadata, parent) => self.note(parent, record, Noting::New).await,
            (Collection::Uris, _) => self.set_uri(&UriFields::read(&input(record))?, Begins::Always).await,
            (Collection::Rosters, _) => Err(Failure::argument("rosters are made by sessions: system.roster.register")),
            (Collection::Cookies | Collection::Otps | Collection::ApiKeys, _) => {
                Err(Failure::argument(format!("{} are made by logins", collection.name())))
            }
        }
    }

    /// Makes a key, by the rule of `system.otp.create` and `system.apikeys.create`.
    async fn mint(&self, kind: KeyKind, login: &LoginName, record: Value) -> Result<Value, Failure> {
        let request = key_request(kind, record)?;
        let (identity, actor, context) = (&self.app.identity, self.actor(), &self.context);
        let minted =
            identity.mint_key_for(kind, login.as_str(), &request, actor, context, now(), &mut random()).await?;
        Ok(records::key(kind, &minted.credential, &minted.login, Some(&minted.plaintext_key)).into())
    }

    async fn create_user(&self, record: &Value) -> Result<Value, Failure> {
        let fields = UserFields::read(&input(record.clone()))?;
        let login = fields.login.clone().ok_or(WriteError::Value { field: "login", what: "given" })?;
        let update = self.app.identity.user_update_of(&fields, None)?;
        let password = match (&fields.password, fields.source) {
            (Some(password), _) => Some(self.app.derive_password(&login, password).await?),
            (None, Some(Source::Ldap)) => {
                let name = LoginName::parse(&login).map_err(|error| Failure::argument(error.to_string()))?;
                Some(PasswordHash::in_directory(&name).into())
            }
            (None, _) => None,
        };
        let role = fields.role.as_deref().unwrap_or(RoleName::FRONTEND);
        let draft = UserDraft { login: &login, role, password, update: &update };
        let identity = &self.app.identity;
        let user = identity.create_user_of(draft, self.actor(), &self.context, now(), &mut random()).await?;
        self.record(Collection::Users, user.id.uuid()).await
    }

    async fn create_role(&self, record: Value) -> Result<Value, Failure> {
        let (name, rules) = role_fields(record)?;
        let name = name.ok_or(WriteError::Value { field: "role", what: "given" })?;
        self.edit_role(&name, RoleEdit::Create(rules.unwrap_or_default())).await?;
        let created = self.role_called(&name).await?;
        match created {
            Some(created) => self.record(Collection::Roles, created.id).await,
            None => Ok(Value::Null),
        }
    }

    /// Notes something of a user.
    async fn note(&self, parent: &Parent, record: Value, noting: Noting) -> Result<Value, Failure> {
        let Parent::User(login) = parent else { return Err(Failure::argument("metadata belongs to a user")) };
        let (key, value) = noted(record)?;
        let key = key.ok_or(WriteError::Value { field: "key", what: "given" })?;
        let of = self.metadata_of(login);
        let id = self.set_metadata(of, &key, value.unwrap_or(Value::Null), noting).await?;
        self.record(Collection::Metadata, id.uuid()).await
    }

    async fn set_metadata(
        &self,
        of: MetadataOf<'_>,
        key: &str,
        value: Value,
        noting: Noting,
    ) -> Result<MetadataId, Failure> {
        let (yaml, bytes_max) = (self.yaml, self.app.config.metadata.value_bytes_max);
        let value = long::apart(value.len_hint(), move || given(value, yaml, bytes_max)).await?;
        let (identity, actor, context) = (&self.app.identity, self.actor(), &self.context);
        let value = match value {
            Ok(value) => value,
            Err(failure) => {
                identity.record_unreadable_metadata(of, key, actor, context, now()).await?;
                return Err(failure);
            }
        };
        let rng = &mut random();
        Ok(match noting {
            Noting::New => identity.create_metadata(of, key, value, actor, context, now(), rng).await?,
            Noting::NewOrOld => identity.set_metadata(of, key, value, actor, context, now(), rng).await?,
        })
    }

    fn metadata_of<'a>(&self, login: &'a LoginName) -> MetadataOf<'a> {
        match self.actor() {
            Actor::User { login: own, .. } if own == login => MetadataOf::Own,
            _ => MetadataOf::Login(login.as_str()),
        }
    }

    /// To whom a record belongs.
    async fn owner(&self, record: &Located) -> Result<LoginName, Failure> {
        let owner = record.owner.ok_or(WriteError::Foreign)?;
        let user = self.app.identity.repository().run(FindUser::ById(owner)).await?;
        user.map(|user| user.login).ok_or_else(|| WriteError::Parent(format!("'{}'", owner.to_bus())).into())
    }

    async fn edit_role(&self, role: &str, edit: RoleEdit) -> Result<(), Failure> {
        let hub = Some(Arc::clone(&self.hub));
        self.app.edit_role(hub, role, edit, self.actor(), &self.context).await?;
        Ok(())
    }

    async fn update(&self, record: &Located, gate: Gate, with: &Value) -> Result<(), Failure> {
        match record.collection {
            Collection::Users => {
                let fields = UserFields::read(&input(with.clone()))?;
                let held = self.app.identity.user_record(&record.key).await?;
                match gate {
                    Gate::All => self.update_user(&held, &fields).await,
                    Gate::Own(_) => self.update_own(&held, &fields).await,
                }
            }
            Collection::Roles => {
                let (name, rules) = role_fields(with.clone())?;
                if let Some(rules) = rules {
                    self.edit_role(&record.key, RoleEdit::Replace(rules)).await?;
                }
                match name.filter(|name| *name != record.key) {
                    Some(name) => self.edit_role(&record.key, RoleEdit::Rename(name)).await,
                    None => Ok(()),
                }
            }
            Collection::Metadata => {
                let (key, value) = noted(with.clone())?;
                if key.is_some_and(|key| key != record.key) {
                    return Err(Failure::argument("the key of metadata can't be changed"));
                }
                let owner = self.owner(record).await?;
                if let Some(value) = value {
                    self.set_metadata(self.metadata_of(&owner), &record.key, value, Noting::NewOrOld).await?;
                }
                Ok(())
            }
            Collection::Otps => self.update_key(KeyKind::Otp, record, with.clone()).await,
            Collection::ApiKeys => self.update_key(KeyKind::ApiKey, record, with.clone()).await,
            Collection::Uris => self.update_uri(&record.key, &UriFields::read(&input(with.clone()))?).await,
            other => Err(Failure::argument(format!("{} can't be changed", other.name()))),
        }
    }

    /// Changes somebody's record, for a trusted caller. What can be refused comes before what can't.
    async fn update_user(&self, held: &UserRecord, fields: &UserFields) -> Result<(), Failure> {
        let update = self.app.identity.user_update_of(fields, Some(held))?;
        let login = update.login.as_ref().map_or_else(|| held.user.login.to_string(), ToString::to_string);
        let password = match (&fields.password, fields.source) {
            (Some(password), _) => Some(PasswordChange::from(self.app.derive_password(&login, password).await?)),
            (None, Some(Source::Ldap)) if held.user.source() == Source::Local => {
                let name = update.login.as_ref().unwrap_or(&held.user.login);
                Some(PasswordChange::from(PasswordHash::in_directory(name)))
            }
            (None, Some(Source::Local)) if held.user.source() == Source::Ldap => {
                return Err(Failure::argument("source can be local with a plaintext_password only"));
            }
            (None, _) => None,
        };
        let role = match fields.role.as_deref().filter(|role| *role != held.user.role.as_str()) {
            Some(role) => Some(self.app.identity.role(role).await?.name),
            None => None,
        };
        let update = match update {
            UserUpdate { enabled: Some(enabled), .. }
                if update == (UserUpdate { enabled: Some(enabled), ..UserUpdate::default() }) =>
            {
                Some(UserChange::Enabled(enabled))
            }
            update if update.is_empty() => None,
            update => Some(UserChange::Update(Box::new(update))),
        };
        let mut name = held.user.login.to_string();
        for change in [update, role.map(UserChange::Role), password.map(UserChange::Password)].into_iter().flatten() {
            let (hub, actor) = (Some(self.hub.as_ref()), self.actor());
            name = self.app.change_user(hub, &name, change, actor, &self.context).await?.login.to_string();
        }
        Ok(())
    }

    /// Changes the caller's own record, for anybody.
    async fn update_own(&self, held: &UserRecord, fields: &UserFields) -> Result<(), Failure> {
        let (identity, actor) = (&self.app.identity, self.actor());
        fields.check_own(held)?;
        let password = match &fields.password {
            Some(_) if self.caller.elevation.left(Instant::now()).is_none() => {
                return Err(Failure::denied(format!("another password: {}", self.caller.elevation.advice())));
            }
            Some(password) => Some(self.app.derive_password(held.user.login.as_str(), password).await?),
            None => None,
        };
        let update = UserUpdate { upn: Field::Keep, ..identity.user_update_of(fields, Some(held))? };
        if !update.is_empty() {
            identity.change_own_record(UserChange::Update(Box::new(update)), actor, &self.context, now()).await?;
        }
        if let Some(password) = password {
            let change = UserChange::Password(password.into());
            let user = identity.change_own_record(change, actor, &self.context, now()).await?;
            self.hub.revoke_others(user.id, self.caller.id, "the user got another password");
        }
        Ok(())
    }

    async fn delete(&self, record: &Located, gate: Gate) -> Result<(), Failure> {
        let (app, context) = (&self.app, &self.context);
        match record.collection {
            Collection::Users => {
                let hub = Some(self.hub.as_ref());
                app.change_user(hub, &record.key, UserChange::Delete, self.actor(), context).await?;
            }
            Collection::Roles => self.edit_role(&record.key, RoleEdit::Remove).await?,
            Collection::Cookies => {
                let cookie = CredentialId::from_uuid(record.id);
                self.hub.end_cookie(cookie);
                let (by, context) = (self.actor().clone(), context.clone());
                let ending = Ending { which: WhichCookies::One(cookie), why: "removed", by, context };
                cookies::remove(Arc::clone(app), Arc::clone(&self.hub), ending).await;
            }
            Collection::Metadata => {
                let owner = self.owner(record).await?;
                let of = self.metadata_of(&owner);
                app.identity.delete_metadata(of, &record.key, self.actor(), context, now()).await?;
            }
            Collection::Uris => {
                let key = UriKey::parse(&record.key).map_err(UriError::from)?;
                app.identity.delete_uri(&key, self.actor(), context, now()).await?;
                self.uris_changed().await?;
            }
            Collection::Rosters => return Err(Failure::argument("entries of rosters go with their sessions")),
            Collection::Otps => self.withdraw(KeyKind::Otp, record, gate).await?,
            Collection::ApiKeys => self.withdraw(KeyKind::ApiKey, record, gate).await?,
        }
        Ok(())
    }
}

impl Change {
    /// Says something of a URI in a record that is begun for it, or was there.
    async fn set_uri(&self, fields: &UriFields, begins: Begins) -> Result<Value, Failure> {
        let (identity, key) = (&self.app.identity, fields.key()?);
        let update = fields.update.clone();
        let found = identity.set_uri(&key, update, begins, self.actor(), &self.context, now()).await?;
        self.uris_changed().await?;
        Ok(uri(&found).into())
    }

    async fn update_uri(&self, key: &str, fields: &UriFields) -> Result<(), Failure> {
        let (identity, actor, context) = (&self.app.identity, self.actor(), &self.context);
        let key = UriKey::parse(key).map_err(UriError::from)?;
        let Some(found) = identity.uri(&key, actor).await? else { return Ok(()) };
        let update = fields.changes(&found.record)?;
        if !update.is_empty() {
            identity.set_uri(&key, update, Begins::Never, actor, context, now()).await?;
        }
        if fields.clears_history && !found.history.is_empty() {
            identity.clear_uri_history(&key, actor, context, now()).await?;
        }
        self.uris_changed().await
    }

    /// Lets rights with `!` and the alerts go by what is said now.
    async fn uris_changed(&self) -> Result<(), Failure> {
        self.app.refresh_documents(Some(self.hub.as_ref())).await?;
        self.app.alerts.wake();
        Ok(())
    }

    /// Changes a key, and what it opened goes by that at once.
    async fn update_key(&self, kind: KeyKind, record: &Located, with: Value) -> Result<(), Failure> {
        let (change, id) = (key_fields(kind, with)?, CredentialId::from_uuid(record.id));
        if self.app.identity.update_key(kind, id, &change, self.actor(), &self.context, now()).await? {
            self.hub.bonds_changed();
        }
        Ok(())
    }

    /// Withdraws a key, and ends what it opened.
    async fn withdraw(&self, kind: KeyKind, record: &Located, gate: Gate) -> Result<(), Failure> {
        let (identity, id) = (&self.app.identity, CredentialId::from_uuid(record.id));
        match gate {
            Gate::All => identity.delete_key(kind, id, self.actor(), &self.context, now()).await?,
            Gate::Own(_) => identity.delete_own_key(kind, id, self.actor(), &self.context, now()).await?,
        }
        self.hub.bonds_changed();
        Ok(())
    }
}

/// Whether something may be noted under its key before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noting {
    New,
    NewOrOld,
}

/// What is said of a key; what isn't said is `None`.
fn key_fields(kind: KeyKind, record: Value) -> Result<KeyChange, Failure> {
    const READ_ONLY: [&str; 3] = ["owner", "login", "plaintext_key"];
    let Value::Dict(fields) = record else { return Err(WriteError::Record.into()) };
    let given = fields.into_iter().filter(|(field, _)| !READ_ONLY.contains(&field.as_str())).collect::<Dict>();
    key_change(kind, given.into())
}

/// Key and value of metadata; what isn't said is `None`.
fn noted(record: Value) -> Result<(Option<String>, Option<Value>), Failure> {
    let Value::Dict(record) = record else { return Err(WriteError::Record.into()) };
    let (mut key, mut noted) = (None, None);
    for (field, value) in record {
        match field.as_str() {
            "key" => key = Some(text(value, "key")?),
            "value" => noted = Some(value),
            "uuid" | "owner" | "version" => {}
            other => {
                let name = format!("{other:?}");
                return Err(WriteError::Field { name, collection: "metadata", fields: "key, value" }.into());
            }
        }
    }
    Ok((key, noted))
}

/// Name and rules of a role; what isn't said is `None`.
fn role_fields(record: Value) -> Result<(Option<String>, Option<RuleTexts>), Failure> {
    let Value::Dict(record) = record else { return Err(WriteError::Record.into()) };
    let (mut name, mut rules) = (None, None);
    for (field, value) in record {
        match field.as_str() {
            "role" => name = Some(text(value, "role")?),
            "permissions" => {
                let wrong = WriteError::Value { field: "permissions", what: "a list of {uri, perms}" };
                rules = Some(permissions(&value).ok_or(wrong)?);
            }
            "uuid" | "owner" | "version" => {}
            other => {
                let name = format!("{other:?}");
                return Err(WriteError::Field { name, collection: "roles", fields: "role, permissions" }.into());
            }
        }
    }
    Ok((name, rules))
}
