//! Attributes: what applications note of a user or of a sign-on session, by name, some of it sealed and for a time.
//!
//! Source: contract of the sign-on API, sections 1.6, 2.3 and 5.8; its section 9 (3, 20, 26) lists what is not repeated here.
//!
//! **Invariants:** people see and change what belongs to themselves, super-users everything. An attribute whose time is over
//! is not there, whether or not its row still is. A batch is written whole or not at all. What was sealed stays sealed: a
//! client that forgets to ask for it again, or sends false for nothing, puts nothing into the clear. Attributes of a session
//! end with it.

pub mod operations;

use std::collections::BTreeSet;
use std::time::Duration;

use self::operations::{
    AttributeWrite, ChangeAttributes, ChangeAttributesOutcome, FindAttributes, ListAttributeNames, ReapAttributes,
};
use super::{Caller, CallerError};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{FindUser, RecordAudit, Repository, RepositoryError};
use crate::{Identity, LoginName, RequestContext, Secret, SessionId, Timestamp, UserId};

/// Attributes that a user, or a session, may have.
pub const ATTRIBUTES_PER_OWNER_MAX: u32 = 1_000;
/// Attributes that one request may name.
pub const ATTRIBUTES_AT_ONCE_MAX: usize = 100;
/// Longest value, in bytes of its JSON text.
pub const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Longest time for which an attribute may be asked to stay, in seconds: some hundred years.
pub const EXPIRATION_SECONDS_MAX: u64 = 100 * 366 * 24 * 3_600;
/// Most attributes that are removed in one transaction.
const REAPED_AT_ONCE_MAX: u32 = 1_000;

/// The name of an attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeName(String);

/// The text is no name of an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a name of an attribute has 1 to {} characters, and no control characters", AttributeName::CHARACTERS_MAX)]
pub struct AttributeNameError;

impl AttributeName {
    /// Longest name, in characters (contract, section 6.3).
    pub const CHARACTERS_MAX: usize = 191;

    /// Reads a name. Upper and lower case are different.
    ///
    /// # Errors
    ///
    /// [`AttributeNameError`].
    pub fn parse(text: &str) -> Result<Self, AttributeNameError> {
        let is_long = text.chars().nth(Self::CHARACTERS_MAX).is_some();
        if text.is_empty() || is_long || text.chars().any(char::is_control) {
            return Err(AttributeNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// To what attributes belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttributeOwner {
    /// A user.
    User(UserId),
    /// A sign-on session.
    Session(SessionId),
}

/// An attribute as storage keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: AttributeName,
    /// Its value as JSON text; `None`: it is sealed and was not opened.
    pub value: Option<Secret>,
    /// Whether it is sealed.
    pub is_sealed: bool,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// Up to and including when it is there; `None`: always.
    pub expires: Option<Timestamp>,
}

/// Whose attributes a caller means.
#[derive(Debug, Clone, Copy)]
pub enum AttributesOf<'a> {
    /// A user's, in the spelling of the sign-on API; `None`: the caller's own.
    User(Option<&'a str>),
    /// Those of the session with this token.
    Session(&'a Secret),
}

/// What is done with attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttributeVerb {
    /// Makes attributes that must not be there yet.
    Create,
    /// Changes the values of those that are there.
    Update,
    /// Makes or changes.
    Set,
    /// Changes the ends of those that are there; without a wish they have none from then on.
    Expire,
    /// Removes those that are there.
    Delete,
}

impl AttributeVerb {
    fn operation(self) -> Operation {
        match self {
            Self::Create => Operation::AttributeCreate,
            Self::Update => Operation::AttributeUpdate,
            Self::Set => Operation::AttributeSet,
            Self::Expire => Operation::AttributeExpire,
            Self::Delete => Operation::AttributeDelete,
        }
    }

    fn has_values(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Set)
    }
}

/// A wish for one attribute.
#[derive(Debug, Clone)]
pub struct AttributeWish {
    /// Its name.
    pub name: String,
    /// Its value as JSON text, where the verb has values.
    pub value: Option<Secret>,
    /// For how many seconds it is to stay; `None`: as it was, or always.
    pub expiration: Option<u64>,
    /// Whether it is to be sealed. One that is sealed stays so in any case.
    pub seals: bool,
}

/// A wish for attributes.
#[derive(Debug, Clone)]
pub struct AttributeChange<'a> {
    /// Whose.
    pub of: AttributesOf<'a>,
    /// What.
    pub verb: AttributeVerb,
    /// Which; `None`: the door could not read it.
    pub wishes: Option<Vec<AttributeWish>>,
}

/// Why attributes were neither shown nor changed.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// They belong to somebody else.
    #[error("only a super-user may use attributes of others")]
    NotAllowed,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// The session that is meant doesn't work.
    #[error(transparent)]
    Session(CallerError),
    /// It can't be told which attributes are meant.
    #[error("the attributes are named in no way that can be read")]
    Unreadable,
    /// A name is none.
    #[error(transparent)]
    Name(#[from] AttributeNameError),
    /// One name stands more than once.
    #[error("an attribute is named more than once")]
    Repeated,
    /// No attribute is named, or too many.
    #[error("one request names 1 to {ATTRIBUTES_AT_ONCE_MAX} attributes")]
    Count,
    /// A value is missing.
    #[error("a value is missing")]
    NoValue,
    /// A value is too long.
    #[error("a value has at most {VALUE_BYTES_MAX} bytes")]
    ValueTooLong,
    /// A time to stay is none.
    #[error("an expiration is from 1 to {EXPIRATION_SECONDS_MAX} seconds")]
    Expiration,
    /// An attribute is there already.
    #[error("there is such an attribute already")]
    Exists,
    /// There would be too many.
    #[error("at most {ATTRIBUTES_PER_OWNER_MAX} attributes may be there")]
    TooMany,
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl AttributeError {
    /// The reason for the trail, where the rules themselves refused.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::NotAllowed => Some(Reason::NotAllowed),
            Self::NoSuchUser | Self::Session(CallerError::NoSuchSession) => Some(Reason::NotFound),
            Self::Session(CallerError::Barred(reason)) => Some(*reason),
            Self::Unreadable
            | Self::Name(_)
            | Self::Repeated
            | Self::Count
            | Self::NoValue
            | Self::ValueTooLong
            | Self::Expiration => Some(Reason::BadRequest),
            // Storage has written the row in the transaction that decided.
            Self::Exists | Self::TooMany | Self::Storage(_) | Self::Session(CallerError::Storage(_)) => None,
        }
    }
}

impl From<CallerError> for AttributeError {
    fn from(error: CallerError) -> Self {
        match error {
            CallerError::Storage(fault) => Self::Storage(fault),
            other => Self::Session(other),
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Creates, changes or removes attributes, all that are wished for or none.
    ///
    /// # Errors
    ///
    /// [`AttributeError`], which the trail holds by then; nothing was changed.
    pub async fn change_attributes(
        &self,
        caller: &Caller,
        change: AttributeChange<'_>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), AttributeError> {
        let verb = change.verb;
        let audit = row(caller, &change, context, now);
        let found = match self.attribute_owner(caller, change.of, now).await {
            Ok(found) => found,
            Err(error) => return Err(self.refuse_attributes(error, audit).await),
        };
        let (owner, audit) = (found.0, audit.target(found.1.as_str()));
        let writes = match plan(verb, change.wishes, now) {
            Ok(writes) => writes,
            Err(error) => return Err(self.refuse_attributes(error, audit).await),
        };
        let attributes_max = ATTRIBUTES_PER_OWNER_MAX;
        let change = ChangeAttributes { owner, verb, writes, attributes_max, now, audit };
        match self.repository.run(change).await? {
            ChangeAttributesOutcome::Done => Ok(()),
            ChangeAttributesOutcome::Exists => Err(AttributeError::Exists),
            ChangeAttributesOutcome::TooMany => Err(AttributeError::TooMany),
            ChangeAttributesOutcome::NoSuchOwner => Err(match owner {
                AttributeOwner::User(_) => AttributeError::NoSuchUser,
                AttributeOwner::Session(_) => AttributeError::Session(CallerError::NoSuchSession),
            }),
        }
    }

    /// Reads attributes by name; those that aren't there are missing from the answer, which is in the order of the names.
    /// Sealed values are there only if `opens`.
    ///
    /// # Errors
    ///
    /// [`AttributeError`].
    pub async fn attributes(
        &self,
        caller: &Caller,
        of: AttributesOf<'_>,
        names: &[String],
        opens: bool,
        now: Timestamp,
    ) -> Result<Vec<Attribute>, AttributeError> {
        let (owner, _) = self.attribute_owner(caller, of, now).await?;
        let names = parse_names(names.iter().map(String::as_str))?.into_iter().collect();
        let mut found = self.repository.run(FindAttributes { owner, names, opens, now }).await?;
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The names of all attributes, in their order.
    ///
    /// # Errors
    ///
    /// [`AttributeError`].
    pub async fn attribute_names(
        &self,
        caller: &Caller,
        of: AttributesOf<'_>,
        now: Timestamp,
    ) -> Result<BTreeSet<AttributeName>, AttributeError> {
        let (owner, _) = self.attribute_owner(caller, of, now).await?;
        Ok(self.repository.run(ListAttributeNames { owner, now }).await?.into_iter().collect())
    }

    /// Removes attributes whose time is over, some at a time; answers how many.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn reap_attributes(&self, now: Timestamp) -> Result<u64, RepositoryError> {
        self.repository.run(ReapAttributes { before: now, limit: REAPED_AT_ONCE_MAX }).await
    }

    /// Whose attributes they are, and the name of that user, if the caller may use them.
    async fn attribute_owner(
        &self,
        caller: &Caller,
        of: AttributesOf<'_>,
        now: Timestamp,
    ) -> Result<(AttributeOwner, LoginName), AttributeError> {
        let (own, name) = (caller.user().id, &caller.user().login);
        let text = match of {
            AttributesOf::User(None | Some("")) => return Ok((AttributeOwner::User(own), name.clone())),
            AttributesOf::User(Some(text)) => text,
            AttributesOf::Session(token) => {
                let target = self.caller(token, now).await?;
                if target.user().id != own && !caller.is_super_user() {
                    return Err(AttributeError::NotAllowed);
                }
                return Ok((AttributeOwner::Session(target.session().id), target.user().login.clone()));
            }
        };
        let named = UserId::parse_sign_on(text);
        if named == Ok(own) {
            return Ok((AttributeOwner::User(own), name.clone()));
        }
        // Before it is looked up whether there is such a user.
        if !caller.is_super_user() {
            return Err(AttributeError::NotAllowed);
        }
        let id = named.map_err(|_| AttributeError::NoSuchUser)?;
        let user = self.repository.run(FindUser::ById(id)).await?.ok_or(AttributeError::NoSuchUser)?;
        Ok((AttributeOwner::User(user.id), user.login))
    }

    async fn refuse_attributes(&self, error: AttributeError, audit: AuditEvent) -> AttributeError {
        let Some(reason) = error.reason() else { return error };
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }
}

fn row(caller: &Caller, change: &AttributeChange<'_>, context: &RequestContext, now: Timestamp) -> AuditEvent {
    let audit = caller.event(change.verb.operation(), context, now);
    let names: Vec<&str> = change.wishes.iter().flatten().map(|wish| wish.name.as_str()).collect();
    let of = if matches!(change.of, AttributesOf::Session(_)) { "of a session " } else { "" };
    let detail = format!("{of}names={} {}", names.join(","), audit.detail);
    let audit = audit.detail(&detail);
    match change.of {
        AttributesOf::User(Some(text)) if !text.is_empty() => audit.target(text),
        AttributesOf::User(_) | AttributesOf::Session(_) => audit,
    }
}

fn parse_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<BTreeSet<AttributeName>, AttributeError> {
    let names = names.take(ATTRIBUTES_AT_ONCE_MAX + 1).map(AttributeName::parse).collect::<Result<Vec<_>, _>>()?;
    if !(1..=ATTRIBUTES_AT_ONCE_MAX).contains(&names.len()) {
        return Err(AttributeError::Count);
    }
    Ok(names.into_iter().collect())
}

fn plan(
    verb: AttributeVerb,
    wishes: Option<Vec<AttributeWish>>,
    now: Timestamp,
) -> Result<Vec<AttributeWrite>, AttributeError> {
    let wishes = wishes.ok_or(AttributeError::Unreadable)?;
    let names = parse_names(wishes.iter().map(|wish| wish.name.as_str()))?;
    if names.len() < wishes.len() {
        return Err(AttributeError::Repeated);
    }
    wishes.into_iter().map(|wish| plan_one(verb, wish, now)).collect()
}

fn plan_one(verb: AttributeVerb, wish: AttributeWish, now: Timestamp) -> Result<AttributeWrite, AttributeError> {
    let name = AttributeName::parse(&wish.name)?;
    let value = if verb.has_values() { Some(wish.value.ok_or(AttributeError::NoValue)?) } else { None };
    if value.as_ref().is_some_and(|value| value.expose().len() > VALUE_BYTES_MAX) {
        return Err(AttributeError::ValueTooLong);
    }
    if wish.expiration.is_some_and(|seconds| !(1..=EXPIRATION_SECONDS_MAX).contains(&seconds)) {
        return Err(AttributeError::Expiration);
    }
    let expires = wish.expiration.map(|seconds| now.saturating_add(Duration::from_secs(seconds)));
    Ok(AttributeWrite { name, value, seals: wish.seals, expires })
}

#[cfg(test)]
mod tests;
