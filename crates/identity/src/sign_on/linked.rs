//! Linked accounts: which user somebody is whom another system has recognised.
//!
//! A link names the kind of that recognition and the name that was recognised. There are no definitions of it here, so any
//! name will do; it belongs to one user.
//!
//! Source: contract of the sign-on API, sections 1.4 and 4.6; its section 9 (2, 28) lists what is not repeated here.
//!
//! **Invariants:** super-users make and remove links, and find users by them; everybody sees the own. Nobody learns whether
//! there is a link or a user before it is clear that they may. A link that is not active finds nobody.

pub mod operations;

use self::operations::{FindLinked, LinkAccount, LinkOutcome, ListLinks, UnlinkAccount};
use super::Caller;
use crate::audit::{AuditEvent, Operation, Reason};
use crate::profile::UserRecord;
use crate::repository::{FindProfile, FindUser, RecordAudit, Repository, RepositoryError};
use crate::{Identity, LinkId, RequestContext, Timestamp, UserId};
use rand_core::CryptoRng;

/// Links that a user may have.
pub const LINKS_PER_USER_MAX: u32 = 100;

/// How the other system recognises people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthType {
    /// By HTTP basic authentication.
    BasicAuth,
    /// By a JSON web token.
    Jwt,
}

impl AuthType {
    /// The name in storage and in the sign-on API.
    pub fn name(self) -> &'static str {
        match self {
            Self::BasicAuth => "basic_auth",
            Self::Jwt => "jwt",
        }
    }

    /// The type with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::BasicAuth, Self::Jwt].into_iter().find(|known| known.name() == name)
    }
}

/// Whom the other system has recognised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    /// How.
    pub auth_type: AuthType,
    /// As whom.
    pub name: PrincipalName,
}

/// A name that another system knows. Upper and lower case are different.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalName(String);

/// The texts are no [`Principal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PrincipalError {
    /// There is no such type.
    #[error("auth_type is basic_auth or jwt")]
    AuthType,
    /// The name is none.
    #[error("auth_username has 1 to {} characters, and no control characters", PrincipalName::CHARACTERS_MAX)]
    Name,
}

impl PrincipalName {
    /// Longest name, in characters.
    pub const CHARACTERS_MAX: usize = 191;

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`PrincipalError::Name`].
    pub fn parse(text: &str) -> Result<Self, PrincipalError> {
        let is_long = text.chars().nth(Self::CHARACTERS_MAX).is_some();
        if text.is_empty() || is_long || text.chars().any(char::is_control) {
            return Err(PrincipalError::Name);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Principal {
    fn parse(auth_type: &str, name: &str) -> Result<Self, PrincipalError> {
        let auth_type = AuthType::from_name(auth_type).ok_or(PrincipalError::AuthType)?;
        Ok(Self { auth_type, name: PrincipalName::parse(name)? })
    }
}

/// A link as storage keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its id.
    pub id: LinkId,
    /// Whose it is.
    pub owner: UserId,
    /// Whom the other system recognises.
    pub principal: Principal,
    /// When it was made.
    pub created: Timestamp,
    /// Whether the user is found by it.
    pub is_active: bool,
}

/// A link as a caller names it.
#[derive(Debug, Clone, Copy)]
pub struct LinkWish<'a> {
    /// Whose, in the spelling of the sign-on API.
    pub user_id: &'a str,
    /// The type's name.
    pub auth_type: &'a str,
    /// The name that is recognised.
    pub auth_username: &'a str,
}

/// Why a link was neither made, removed, shown nor followed.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The caller is no super-user.
    #[error("only a super-user may use links of others")]
    NotAllowed,
    /// There is no such user.
    #[error("there is no such user")]
    NoSuchUser,
    /// Type or name make no sense.
    #[error(transparent)]
    Principal(#[from] PrincipalError),
    /// The account is linked already, to this user or another.
    #[error("the account is linked already")]
    Taken,
    /// The user has too many.
    #[error("a user has at most {LINKS_PER_USER_MAX} links")]
    TooMany,
    /// There is no such link.
    #[error("there is no such link")]
    NoSuchLink,
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl LinkError {
    /// The reason for the trail, where the rules themselves refused.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::NotAllowed => Some(Reason::NotAllowed),
            Self::NoSuchUser => Some(Reason::NotFound),
            Self::Principal(_) => Some(Reason::BadRequest),
            // Storage has written the row in the transaction that decided.
            Self::Taken | Self::TooMany | Self::NoSuchLink | Self::Storage(_) => None,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Links an account to a user.
    ///
    /// # Errors
    ///
    /// [`LinkError`], which the trail holds by then; nothing was changed.
    pub async fn link_account(
        &self,
        caller: &Caller,
        wish: LinkWish<'_>,
        is_active: bool,
        context: &RequestContext,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<Link, LinkError> {
        let audit = row(caller, wish, Operation::LinkCreate, context, now);
        let (owner, principal) = match admit(caller, wish) {
            Ok(admitted) => admitted,
            Err(error) => return Err(self.refuse_link(error, audit).await),
        };
        let link = Link { id: LinkId::generate(now, rng), owner, principal, created: now, is_active };
        let make = LinkAccount { link: link.clone(), links_max: LINKS_PER_USER_MAX, audit };
        match self.repository.run(make).await? {
            LinkOutcome::Linked => Ok(link),
            LinkOutcome::NoSuchUser => Err(LinkError::NoSuchUser),
            LinkOutcome::Taken => Err(LinkError::Taken),
            LinkOutcome::TooMany => Err(LinkError::TooMany),
        }
    }

    /// Removes a link; answers its id.
    ///
    /// # Errors
    ///
    /// [`LinkError`], which the trail holds by then; nothing was changed.
    pub async fn unlink_account(
        &self,
        caller: &Caller,
        wish: LinkWish<'_>,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<LinkId, LinkError> {
        let audit = row(caller, wish, Operation::LinkDelete, context, now);
        let (owner, principal) = match admit(caller, wish) {
            Ok(admitted) => admitted,
            Err(error) => return Err(self.refuse_link(error, audit).await),
        };
        let removed = self.repository.run(UnlinkAccount { owner, principal, audit }).await?;
        removed.ok_or(LinkError::NoSuchLink)
    }

    /// The links of a user, oldest first; `None`: the caller's own.
    ///
    /// # Errors
    ///
    /// [`LinkError`].
    pub async fn links(&self, caller: &Caller, user_id: Option<&str>) -> Result<Vec<Link>, LinkError> {
        let own = caller.user().id;
        let owner = match user_id.filter(|text| !text.is_empty()) {
            None => own,
            Some(text) if UserId::parse_sign_on(text) == Ok(own) => own,
            Some(_) if !caller.is_super_user() => return Err(LinkError::NotAllowed),
            Some(text) => {
                let id = UserId::parse_sign_on(text).map_err(|_| LinkError::NoSuchUser)?;
                self.repository.run(FindUser::ById(id)).await?.ok_or(LinkError::NoSuchUser)?.id
            }
        };
        Ok(self.repository.run(ListLinks { owner }).await?)
    }

    /// All that is known of the user to whom an account is linked by an active link. For super-users.
    ///
    /// # Errors
    ///
    /// [`LinkError`].
    pub async fn linked_user(&self, caller: &Caller, auth_type: &str, name: &str) -> Result<UserRecord, LinkError> {
        if !caller.is_super_user() {
            return Err(LinkError::NotAllowed);
        }
        let principal = Principal::parse(auth_type, name)?;
        let owner = self.repository.run(FindLinked { principal }).await?.ok_or(LinkError::NoSuchUser)?;
        self.repository.run(FindProfile { who: FindUser::ById(owner.id) }).await?.ok_or(LinkError::NoSuchUser)
    }

    async fn refuse_link(&self, error: LinkError, audit: AuditEvent) -> LinkError {
        let Some(reason) = error.reason() else { return error };
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }
}

fn row(
    caller: &Caller,
    wish: LinkWish<'_>,
    operation: Operation,
    context: &RequestContext,
    now: Timestamp,
) -> AuditEvent {
    let audit = caller.event(operation, context, now).target(wish.user_id);
    let detail = format!("{}:{} {}", wish.auth_type, wish.auth_username, audit.detail);
    audit.detail(&detail)
}

fn admit(caller: &Caller, wish: LinkWish<'_>) -> Result<(UserId, Principal), LinkError> {
    if !caller.is_super_user() {
        return Err(LinkError::NotAllowed);
    }
    let principal = Principal::parse(wish.auth_type, wish.auth_username)?;
    let owner = UserId::parse_sign_on(wish.user_id).map_err(|_| LinkError::NoSuchUser)?;
    Ok((owner, principal))
}

#[cfg(test)]
mod tests;
