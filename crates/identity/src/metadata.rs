//! Metadata: what programs note of a user by key, as its preferences.
//!
//! Source: contract of the bus, sections 1.1 and 4.2.
//!
//! **Invariants:** people see and change what belongs to themselves, trusted ones what belongs to anybody. A value is JSON text;
//! what was given as YAML is kept beside it as it was given, comments and all. The trail holds keys, never values.

pub mod operations;

use rand_core::CryptoRng;

use self::operations::{
    DeleteMetadata, DeleteMetadataOutcome, FindMetadata, ListMetadata, SetMetadata, SetMetadataOutcome,
};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{FindUser, RecordAudit, Repository, RepositoryError};
use crate::{Actor, Identity, LoginName, MetadataId, RequestContext, Secret, Timestamp, UserId};

/// The key of an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataKey(String);

/// The text is no key of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MetadataKeyError {
    /// There is nothing.
    #[error("a key can't be empty")]
    Empty,
    /// It is too long.
    #[error("a key has at most {0} bytes")]
    TooLong(usize),
    /// A control character is in it.
    #[error("a key has no control characters")]
    Control,
}

impl MetadataKey {
    /// Longest key that storage takes, in bytes: it stands in an index.
    pub const BYTES_MAX: usize = 2_048;

    /// Reads a key. Upper and lower case are different.
    ///
    /// # Errors
    ///
    /// [`MetadataKeyError`].
    pub fn parse(text: &str) -> Result<Self, MetadataKeyError> {
        Self::parse_within(text, Self::BYTES_MAX)
    }

    fn parse_within(text: &str, bytes_max: usize) -> Result<Self, MetadataKeyError> {
        let bytes_max = bytes_max.min(Self::BYTES_MAX);
        if text.is_empty() {
            return Err(MetadataKeyError::Empty);
        }
        if text.len() > bytes_max {
            return Err(MetadataKeyError::TooLong(bytes_max));
        }
        if text.chars().any(char::is_control) {
            return Err(MetadataKeyError::Control);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The value of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataValue {
    /// As JSON text.
    pub json: Secret,
    /// As the YAML text that was given, if it was given so.
    pub yaml: Option<Secret>,
}

impl MetadataValue {
    /// How many bytes it takes: those of all its texts.
    pub fn bytes(&self) -> usize {
        self.json.expose().len() + self.yaml.as_ref().map_or(0, |yaml| yaml.expose().len())
    }

    fn longest_bytes(&self) -> usize {
        self.yaml.as_ref().map_or(0, |yaml| yaml.expose().len()).max(self.json.expose().len())
    }
}

/// An entry as storage keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataEntry {
    /// Its id.
    pub id: MetadataId,
    /// Its key.
    pub key: MetadataKey,
    /// Its value.
    pub value: MetadataValue,
    /// When it was first set.
    pub created: Timestamp,
    /// When it was last set.
    pub modified: Timestamp,
}

/// How much of it users may have. The operator's to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetadataLimits {
    /// Bytes of a key; at most [`MetadataKey::BYTES_MAX`].
    pub key_bytes_max: usize,
    /// Bytes of a value, as JSON and as YAML alike.
    pub value_bytes_max: usize,
    /// Entries of a user.
    pub entries_max: u32,
    /// Bytes of all values of a user, see [`MetadataValue::bytes`].
    pub bytes_max: u64,
}

impl Default for MetadataLimits {
    fn default() -> Self {
        Self { key_bytes_max: 255, value_bytes_max: 4 << 20, entries_max: 1_000, bytes_max: 16 << 20 }
    }
}

/// Whose metadata an actor means.
#[derive(Debug, Clone, Copy)]
pub enum MetadataOf<'a> {
    /// The actor's own.
    Own,
    /// Those of the user with this login name.
    Login(&'a str),
}

/// Why metadata was neither shown nor changed.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The actor has no login, or is gone.
    #[error("Unknown user; metadata belongs to signed-in users")]
    UnknownUser,
    /// It belongs to somebody else.
    #[error("using metadata of others needs the role trust")]
    NotTrusted,
    /// There is no such user.
    #[error("there is no user {0:?}")]
    NoSuchUser(String),
    /// The key is none.
    #[error(transparent)]
    Key(#[from] MetadataKeyError),
    /// The value is too long.
    #[error("a value has at most {0} bytes, as JSON and as YAML")]
    ValueTooLong(usize),
    /// There is one with its key.
    #[error("there is metadata under the key {0:?} already")]
    Exists(String),
    /// There would be too many.
    #[error("a user has at most {0} entries of metadata")]
    TooMany(u32),
    /// They would take too much.
    #[error("the metadata of a user has at most {0} bytes")]
    TooMuch(u64),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl MetadataError {
    /// The reason for the trail, where the rules themselves refused.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::UnknownUser | Self::NotTrusted => Some(Reason::NotAllowed),
            Self::NoSuchUser(_) => Some(Reason::NotFound),
            Self::Key(_) | Self::ValueTooLong(_) => Some(Reason::BadRequest),
            // Storage has written the row in the transaction that decided.
            Self::Exists(_) | Self::TooMany(_) | Self::TooMuch(_) | Self::Storage(_) => None,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Sets an entry.
    ///
    /// # Errors
    ///
    /// [`MetadataError`], which the trail holds by then; nothing was changed.
    #[expect(clippy::too_many_arguments, reason = "who, what, from where and when")]
    pub async fn set_metadata(
        &self,
        of: MetadataOf<'_>,
        key: &str,
        value: MetadataValue,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MetadataId, MetadataError> {
        self.store_metadata((of, key), value, false, actor, (context, now), rng).await
    }

    /// Sets an entry that isn't there yet.
    ///
    /// # Errors
    ///
    /// [`MetadataError`], which the trail holds by then; nothing was changed.
    #[expect(clippy::too_many_arguments, reason = "who, what, from where and when")]
    pub async fn create_metadata(
        &self,
        of: MetadataOf<'_>,
        key: &str,
        value: MetadataValue,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MetadataId, MetadataError> {
        self.store_metadata((of, key), value, true, actor, (context, now), rng).await
    }

    async fn store_metadata(
        &self,
        (of, key): (MetadataOf<'_>, &str),
        value: MetadataValue,
        is_new: bool,
        actor: &Actor,
        (context, now): (&RequestContext, Timestamp),
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<MetadataId, MetadataError> {
        let audit = row(Operation::MetadataSet, of, key, actor, context, now);
        let id = MetadataId::generate(now, rng);
        let planned = match self.metadata_owner(of, actor).await {
            Ok(owner) => self.metadata_key(key).map(|key| (owner, key)),
            Err(error) => Err(error),
        };
        let limits = &self.settings.metadata;
        let is_long = value.longest_bytes() > limits.value_bytes_max;
        let (owner, key) = match planned {
            Ok(_) if is_long => {
                return Err(self.refuse_metadata(MetadataError::ValueTooLong(limits.value_bytes_max), audit).await);
            }
            Ok(planned) => planned,
            Err(error) => return Err(self.refuse_metadata(error, audit).await),
        };
        let entry = MetadataEntry { id, key, value, created: now, modified: now };
        let (entries_max, bytes_max) = (limits.entries_max, limits.bytes_max);
        let name = entry.key.as_str().to_owned();
        let set = SetMetadata { owner, entry, is_new, entries_max, bytes_max, audit };
        match self.repository.run(set).await? {
            SetMetadataOutcome::Set(id) => Ok(id),
            SetMetadataOutcome::NoSuchUser => Err(MetadataError::UnknownUser),
            SetMetadataOutcome::Exists => Err(MetadataError::Exists(name)),
            SetMetadataOutcome::TooMany => Err(MetadataError::TooMany(entries_max)),
            SetMetadataOutcome::TooMuch => Err(MetadataError::TooMuch(bytes_max)),
        }
    }

    /// Records a wish to set an entry that a door could not even read.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn record_unreadable_metadata(
        &self,
        of: MetadataOf<'_>,
        key: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), RepositoryError> {
        let event = row(Operation::MetadataSet, of, key, actor, context, now).refused(Reason::BadRequest);
        self.repository.run(RecordAudit { event }).await
    }

    /// Reads an entry; `None` if there is none.
    ///
    /// # Errors
    ///
    /// [`MetadataError`].
    pub async fn metadata(
        &self,
        of: MetadataOf<'_>,
        key: &str,
        actor: &Actor,
    ) -> Result<Option<MetadataEntry>, MetadataError> {
        let owner = self.metadata_owner(of, actor).await?;
        let key = self.metadata_key(key)?;
        Ok(self.repository.run(FindMetadata { owner, key }).await?)
    }

    /// Reads all entries, in the order of their keys, and whose they are.
    ///
    /// # Errors
    ///
    /// [`MetadataError`].
    pub async fn list_metadata(
        &self,
        of: MetadataOf<'_>,
        actor: &Actor,
    ) -> Result<(UserId, Vec<MetadataEntry>), MetadataError> {
        let owner = self.metadata_owner(of, actor).await?;
        Ok((owner, self.repository.run(ListMetadata { owner }).await?))
    }

    /// Removes an entry; whether there was one. One that isn't there counts as removed.
    ///
    /// # Errors
    ///
    /// [`MetadataError`], which the trail holds by then.
    pub async fn delete_metadata(
        &self,
        of: MetadataOf<'_>,
        key: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<bool, MetadataError> {
        let audit = row(Operation::MetadataDelete, of, key, actor, context, now);
        let planned = match self.metadata_owner(of, actor).await {
            Ok(owner) => self.metadata_key(key).map(|key| (owner, key)),
            Err(error) => Err(error),
        };
        let (owner, key) = match planned {
            Ok(planned) => planned,
            Err(error) => return Err(self.refuse_metadata(error, audit).await),
        };
        let outcome = self.repository.run(DeleteMetadata { owner, key, audit }).await?;
        Ok(outcome == DeleteMetadataOutcome::Deleted)
    }

    fn metadata_key(&self, text: &str) -> Result<MetadataKey, MetadataError> {
        Ok(MetadataKey::parse_within(text, self.settings.metadata.key_bytes_max)?)
    }

    /// Whose metadata it is, if the actor may use it.
    async fn metadata_owner(&self, of: MetadataOf<'_>, actor: &Actor) -> Result<UserId, MetadataError> {
        let login = match (of, actor) {
            (MetadataOf::Own, Actor::User { id, .. }) => return Ok(*id),
            (MetadataOf::Own, Actor::Operator | Actor::Anonymous) => return Err(MetadataError::UnknownUser),
            (MetadataOf::Login(login), _) => login,
        };
        // Before it is looked up whether there is such a user.
        if !actor.is_trusted() {
            return Err(MetadataError::NotTrusted);
        }
        let unknown = || MetadataError::NoSuchUser(login.chars().take(LoginName::BYTES_MAX).collect());
        let name = LoginName::parse(login).map_err(|_| unknown())?;
        Ok(self.repository.run(FindUser::ByLogin(name)).await?.ok_or_else(unknown)?.id)
    }

    async fn refuse_metadata(&self, error: MetadataError, audit: AuditEvent) -> MetadataError {
        let Some(reason) = error.reason() else { return error };
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }
}

/// The key is the detail: it may be a stranger's text, and never is a secret.
fn row(
    operation: Operation,
    of: MetadataOf<'_>,
    key: &str,
    actor: &Actor,
    context: &RequestContext,
    now: Timestamp,
) -> AuditEvent {
    let audit = AuditEvent::new(now, context, actor, operation).detail(&format!("key={key}"));
    match of {
        MetadataOf::Own => audit.target(actor.name()),
        MetadataOf::Login(login) => audit.target(&login.to_lowercase()),
    }
}

#[cfg(test)]
mod tests;
