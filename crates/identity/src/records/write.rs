//! Changes of records: who may make which. What a change does is a matter of the rules of its subject, which are the same
//! for every door; here stands what is said of the record.
//!
//! **Invariant:** a record that a caller may not change is no more told from one that isn't there than by its removal.
//!
//! Source: contract of the bus, sections 4.2, 5.3 and 5.4; weakness W9 of it.

use uuid::Uuid;

use super::fields::{Collection, ROOT};
use super::filter::Scalar;
use super::input::Input;
use super::query::{Gate, QueryError, Records};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::permission::Withheld;
use crate::profile::UserRecord;
use crate::repository::{
    ChangeUser, ChangeUserOutcome, FindUser, RecordAudit, Repository, RepositoryError, UserChange,
};
use crate::sign_on::{UserError, checked_name};
use crate::source::Source;
use crate::uris::UriError;
use crate::user::User;
use crate::user_update::{Field, UserUpdate};
use crate::{Actor, CredentialId, Identity, LoginName, RequestContext, RoleId, Secret, Timestamp, UserId};

/// Most records that one call changes or removes.
pub const CHANGES_MAX: usize = 1_000;

/// Finds records by their ids; those that aren't there are left out.
#[derive(Debug)]
pub struct LocateRecords {
    /// The ids.
    pub ids: Vec<Uuid>,
}

/// Where a record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// Its id.
    pub id: Uuid,
    /// In which collection.
    pub collection: Collection,
    /// Whose it is; a user is its own.
    pub owner: Option<UserId>,
    /// The login name, the name of the role, or the key; else nothing.
    pub key: String,
}

/// Counts the records of every collection.
#[derive(Debug)]
pub struct CountRecords {
    /// The time at which is judged what can still be used.
    pub now: Timestamp,
}

/// To whom a new record belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parent {
    /// To nobody.
    Root,
    /// To this user.
    User(LoginName),
}

/// What somebody does with records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Makes one.
    Create,
    /// Changes some.
    Update,
    /// Removes some.
    Delete,
}

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The caller's session was opened with a one-time password, or with an API key that wasn't given this.
    #[error(
        "a session that was opened with a one-time password can't change records, nor one of an API key unless a rule of the key \
         names this URI"
    )]
    KeySession,
    /// Only trusted callers may.
    #[error("this needs the role trust")]
    NotTrusted,
    /// The record is somebody else's.
    #[error("the record belongs to somebody else")]
    Foreign,
    /// The text is no id.
    #[error("{0} is no uuid")]
    Id(String),
    /// There is nothing to which a record of the collection could belong.
    #[error("Parent {0} does not exist")]
    Parent(String),
    /// Too many at once.
    #[error("more than {CHANGES_MAX} records can't be changed at once")]
    TooMany,
    /// The record isn't a dictionary.
    #[error("a record has to be a dictionary")]
    Record,
    /// The record can't have such a field.
    #[error("{name} is not a field of {collection} that can be set; these can: {fields}")]
    Field {
        /// What was given.
        name: String,
        /// Of which collection.
        collection: &'static str,
        /// What there is.
        fields: &'static str,
    },
    /// A field can't have this value.
    #[error("{field} has to be {what}")]
    Value {
        /// The field.
        field: &'static str,
        /// What it has to be.
        what: &'static str,
    },
    /// A hash in the place of a password.
    #[error("password can't be set; give plaintext_password, which is checked and hashed here")]
    RawPassword,
    /// Only trusted callers may change the field.
    #[error("changing {0} needs the role trust")]
    Reserved(&'static str),
    /// A name or an address that can't be kept.
    #[error(transparent)]
    User(UserError),
    /// A URI that can have no record.
    #[error(transparent)]
    Uri(UriError),
    /// The query behind it failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl From<UserError> for WriteError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Storage(fault) => fault.into(),
            other => Self::User(other),
        }
    }
}

/// Fields of a user that can be set, as an error says them.
const USER_FIELDS: &str = "login, enabled, role, source, email, upn, name, plaintext_password";
/// Fields of a user that programs send back as they got them.
const USER_READ_ONLY: [&str; 6] = ["uuid", "owner", "apikeys", "metadata", "otps", "version"];

/// What is said of a user's record; what is `None` or [`Field::Keep`] is not said.
#[derive(Debug, Clone, Default)]
pub struct UserFields {
    /// The login name.
    pub login: Option<String>,
    /// Whether it may come in.
    pub enabled: Option<bool>,
    /// The role.
    pub role: Option<String>,
    /// Where the password is known.
    pub source: Option<Source>,
    /// The e-mail address.
    pub email: Field<String>,
    /// The name by which a directory knows the user.
    pub upn: Field<String>,
    /// The name as shown.
    pub name: Field<String>,
    /// Another password.
    pub password: Option<Secret>,
}

impl UserFields {
    /// Reads a record.
    ///
    /// # Errors
    ///
    /// [`WriteError`] by the first field that makes no sense.
    pub fn read(record: &Input) -> Result<Self, WriteError> {
        let Input::Dict(entries) = record else { return Err(WriteError::Record) };
        let mut fields = Self::default();
        for (name, value) in entries {
            match name.as_str() {
                "login" => fields.login = Some(needed("login", value)?),
                "role" | "plaintext_password" | "password" if *value == Input::Null => {}
                "role" => fields.role = Some(needed("role", value)?),
                "enabled" => match value {
                    Input::Truth(truth) => fields.enabled = Some(*truth),
                    _ => return Err(WriteError::Value { field: "enabled", what: "true or false" }),
                },
                "source" => {
                    let source = Source::from_name(&needed("source", value)?);
                    fields.source = Some(source.ok_or(WriteError::Value { field: "source", what: "local or ldap" })?);
                }
                "email" => fields.email = optional("email", value)?,
                "upn" => fields.upn = optional("upn", value)?,
                "name" => fields.name = optional("name", value)?,
                "plaintext_password" => fields.password = Some(Secret::new(needed("plaintext_password", value)?)),
                "password" => return Err(WriteError::RawPassword),
                known if USER_READ_ONLY.contains(&known) => {}
                other => {
                    return Err(WriteError::Field {
                        name: Input::Text(other.to_owned()).shown(),
                        collection: Collection::Users.name(),
                        fields: USER_FIELDS,
                    });
                }
            }
        }
        Ok(fields)
    }

    /// Whether an untrusted user may ask for this of the own record. What is as it was doesn't count, so that a program may
    /// send back the whole record.
    ///
    /// # Errors
    ///
    /// [`WriteError::Reserved`] by the first field that others decide about.
    pub fn check_own(&self, record: &UserRecord) -> Result<(), WriteError> {
        let user = &record.user;
        let is_login = |text: &String| LoginName::parse(text).as_ref() == Ok(&user.login);
        let upn = match &self.upn {
            Field::Keep => true,
            Field::Clear => record.profile.upn.is_none(),
            Field::Set(text) => record.profile.upn.as_ref() == Some(text),
        };
        for (field, is_kept) in [
            ("login", self.login.as_ref().is_none_or(is_login)),
            ("enabled", self.enabled.is_none_or(|enabled| enabled == user.standing.enabled)),
            ("role", self.role.as_ref().is_none_or(|role| role == user.role.as_str())),
            ("source", self.source.is_none_or(|source| source == user.source())),
            ("upn", upn),
        ] {
            if !is_kept {
                return Err(WriteError::Reserved(field));
            }
        }
        Ok(())
    }
}

fn needed(field: &'static str, value: &Input) -> Result<String, WriteError> {
    value.as_text().map(str::to_owned).ok_or(WriteError::Value { field, what: "a text" })
}

fn optional(field: &'static str, value: &Input) -> Result<Field<String>, WriteError> {
    match value {
        Input::Null => Ok(Field::Clear),
        value => Ok(Field::to(Some(needed(field, value)?).filter(|text| !text.trim().is_empty()))),
    }
}

impl<R: Repository> Identity<R> {
    /// What a record of a user changes of what is known; without role and password, which are changes of their own. What is
    /// as it was is not changed. Without a record: of a new user.
    ///
    /// # Errors
    ///
    /// [`WriteError`].
    pub fn user_update_of(&self, fields: &UserFields, record: Option<&UserRecord>) -> Result<UserUpdate, WriteError> {
        let profile = record.map(|record| &record.profile);
        let name = |wish: &Field<String>| match wish {
            Field::Set(text) => checked_name(text).map(Field::Set),
            other => Ok(other.clone()),
        };
        let login = match (&fields.login, record) {
            (Some(text), Some(record)) => {
                let login =
                    LoginName::parse(text).map_err(|_| WriteError::Value { field: "login", what: "a login name" })?;
                (login != record.user.login).then_some(login)
            }
            _ => None,
        };
        let email = match &fields.email {
            Field::Set(text) => Field::Set(self.email(text)?),
            Field::Clear => Field::Clear,
            Field::Keep => Field::Keep,
        };
        let enabled =
            fields.enabled.filter(|enabled| record.is_none_or(|record| record.user.standing.enabled != *enabled));
        let spelling = if login.is_some() { Field::Clear } else { Field::Keep };
        Ok(UserUpdate {
            login,
            spelling,
            email: changed(email, profile.and_then(|profile| profile.email.as_ref())),
            upn: changed(name(&fields.upn)?, profile.and_then(|profile| profile.upn.as_ref())),
            display: changed(name(&fields.name)?, profile.and_then(|profile| profile.names.display.as_ref())),
            enabled,
            ..UserUpdate::default()
        })
    }

    /// Whether somebody may make a record of this collection there. The rules that make it ask once more.
    ///
    /// # Errors
    ///
    /// [`WriteError`], which the trail holds by then.
    pub async fn admit_creation(
        &self,
        parent: &str,
        collection: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(Collection, Parent), WriteError> {
        let admitted = async {
            let collection = super::query::collection_of(collection)?;
            Ok((collection, self.parent(parent, collection, actor).await?))
        };
        let named = Collection::from_name(collection).unwrap_or(Collection::Users);
        let audit = AuditEvent::new(now, context, actor, operation(named, Verb::Create)).target(parent);
        self.admitted(admitted.await, audit).await
    }

    async fn parent(&self, parent: &str, collection: Collection, actor: &Actor) -> Result<Parent, WriteError> {
        if !actor.may(Withheld::Records) {
            return Err(WriteError::KeySession);
        }
        let gate = self.records_gate(collection, actor).await?;
        let unknown = || WriteError::Parent(Input::Text(parent.to_owned()).shown());
        if !collection.has_owners() {
            return match gate {
                Gate::Own(_) => Err(WriteError::NotTrusted),
                Gate::All if parent == ROOT => Ok(Parent::Root),
                Gate::All => Err(unknown()),
            };
        }
        let id = UserId::parse_bus(parent);
        if let Gate::Own(own) = gate
            && id != Ok(own)
        {
            return Err(WriteError::NotTrusted);
        }
        let user = self.repository.run(FindUser::ById(id.map_err(|_| unknown())?)).await?;
        user.map(|user| Parent::User(user.login)).ok_or_else(unknown)
    }

    /// Which of these records somebody may change or remove; those that aren't there are left out, and so are those of
    /// others where they are to be changed.
    ///
    /// # Errors
    ///
    /// [`WriteError`], which the trail holds by then.
    pub async fn admit_changes(
        &self,
        ids: &[String],
        verb: Verb,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(Gate, Vec<Located>), WriteError> {
        let admitted = self.changeable(ids, verb, actor).await;
        let target = ids.first().map(String::as_str).unwrap_or_default();
        let audit = AuditEvent::new(now, context, actor, operation(Collection::Users, verb)).target(target);
        self.admitted(admitted, audit).await
    }

    async fn changeable(&self, ids: &[String], verb: Verb, actor: &Actor) -> Result<(Gate, Vec<Located>), WriteError> {
        if !actor.may(Withheld::Records) {
            return Err(WriteError::KeySession);
        }
        if ids.len() > CHANGES_MAX {
            return Err(WriteError::TooMany);
        }
        let id = |text: &String| {
            let id = CredentialId::parse_bus(text).map_err(|_| WriteError::Id(Input::Text(text.clone()).shown()));
            id.map(CredentialId::uuid)
        };
        let ids = ids.iter().map(id).collect::<Result<Vec<Uuid>, _>>()?;
        let gate = self.records_gate(Collection::Users, actor).await?;
        let mut located = self.repository.run(LocateRecords { ids }).await?;
        if let Gate::Own(own) = gate {
            let is_own = |record: &Located| record.owner == Some(own);
            if verb == Verb::Delete {
                if !located.iter().all(is_own) {
                    return Err(WriteError::Foreign);
                }
                if located.iter().any(|record| record.collection == Collection::Users) {
                    return Err(WriteError::NotTrusted);
                }
            }
            located.retain(is_own);
        }
        Ok((gate, located))
    }

    /// Changes the caller's own record, as far as [`UserFields::check_own`] allowed.
    ///
    /// # Errors
    ///
    /// [`WriteError`]; nothing was changed then.
    pub async fn change_own_record(
        &self,
        mut change: UserChange,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<User, WriteError> {
        let operation = if let UserChange::Password(password) = &mut change {
            password.expires = self.settings.passwords.end(now);
            Operation::UserPassword
        } else {
            Operation::UserUpdate
        };
        let audit = AuditEvent::new(now, context, actor, operation).target(actor.name());
        let admitted = match actor {
            _ if !actor.may(Withheld::Records) => Err(WriteError::KeySession),
            Actor::User { id, .. } => Ok(*id),
            Actor::Operator | Actor::Anonymous => Err(QueryError::Anonymous.into()),
        };
        let who = FindUser::ById(self.admitted(admitted, audit.clone()).await?);
        match self.repository.run(ChangeUser { who, change, by: actor.stamp(), audit }).await? {
            ChangeUserOutcome::Changed(user) => Ok(user),
            // Its sessions are ending.
            _ => Err(QueryError::Anonymous.into()),
        }
    }

    /// The id of the role of this name.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn role_id(&self, name: &str) -> Result<Option<RoleId>, RepositoryError> {
        let Some(field) = Collection::Roles.field("role") else { return Ok(None) };
        match self.first_record(field, Scalar::Text(name.to_owned()), Timestamp::from_micros(0)).await? {
            Some(Records::Roles(roles)) => Ok(roles.first().map(|entry| entry.id)),
            _ => Ok(None),
        }
    }

    /// How many records there are.
    ///
    /// # Errors
    ///
    /// [`QueryError::Anonymous`] and [`QueryError::Storage`].
    pub async fn count_records(&self, actor: &Actor, now: Timestamp) -> Result<Vec<(Collection, u64)>, QueryError> {
        if matches!(actor, Actor::Anonymous) {
            return Err(QueryError::Anonymous);
        }
        Ok(self.repository.run(CountRecords { now }).await?)
    }

    /// Writes a refusal into the trail; a fault there is what the caller hears of then.
    async fn admitted<T>(&self, admitted: Result<T, WriteError>, audit: AuditEvent) -> Result<T, WriteError> {
        let reason = match &admitted {
            Ok(_) | Err(WriteError::Storage(_) | WriteError::Query(QueryError::Storage(_))) => return admitted,
            Err(WriteError::KeySession) => Reason::OtpSession,
            Err(WriteError::Foreign) => Reason::Foreign,
            Err(WriteError::NotTrusted | WriteError::Query(QueryError::Anonymous | QueryError::NotTrusted(_))) => {
                Reason::NotAllowed
            }
            Err(WriteError::Parent(_)) => Reason::NotFound,
            Err(_) => Reason::BadRequest,
        };
        self.repository.run(RecordAudit { event: audit.refused(reason) }).await?;
        admitted
    }
}

/// What is not as it was.
fn changed<T: PartialEq>(wish: Field<T>, held: Option<&T>) -> Field<T> {
    match wish {
        Field::Set(value) if held == Some(&value) => Field::Keep,
        Field::Clear if held.is_none() => Field::Keep,
        wish => wish,
    }
}

/// What the trail calls it.
fn operation(collection: Collection, verb: Verb) -> Operation {
    match (collection, verb) {
        (Collection::Users, Verb::Create) => Operation::UserCreate,
        (Collection::Users, Verb::Update) => Operation::UserUpdate,
        (Collection::Users, Verb::Delete) => Operation::UserDelete,
        (Collection::Roles, Verb::Create) => Operation::RoleCreate,
        (Collection::Roles, Verb::Update) => Operation::RoleReplace,
        (Collection::Roles, Verb::Delete) => Operation::RoleRemove,
        (Collection::Cookies, _) => Operation::CookieEnd,
        (Collection::Otps, Verb::Delete) => Operation::OtpDelete,
        (Collection::Otps, Verb::Update) => Operation::OtpUpdate,
        (Collection::ApiKeys, Verb::Update) => Operation::ApiKeyUpdate,
        (Collection::Otps, _) => Operation::OtpMint,
        (Collection::ApiKeys, Verb::Delete) => Operation::ApiKeyDelete,
        (Collection::ApiKeys, _) => Operation::ApiKeyMint,
        (Collection::Metadata, Verb::Delete) => Operation::MetadataDelete,
        (Collection::Metadata, _) => Operation::MetadataSet,
        (Collection::Uris, Verb::Delete) => Operation::UriDelete,
        (Collection::Uris, _) => Operation::UriSet,
        (Collection::Rosters, Verb::Delete) => Operation::RosterUnregister,
        (Collection::Rosters, _) => Operation::RosterRegister,
    }
}
