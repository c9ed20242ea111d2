//! What the rules of linked accounts ask of storage. See [`crate::repository`].

use super::{Link, Principal};
use crate::UserId;
use crate::audit::AuditEvent;

/// Stores a link.
#[derive(Debug)]
pub struct LinkAccount {
    /// The link.
    pub link: Link,
    /// The user may have so many, this one included.
    pub links_max: u32,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`LinkAccount`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOutcome {
    /// Done.
    Linked,
    /// There is no such user.
    NoSuchUser,
    /// The principal is linked already.
    Taken,
    /// The user has [`LinkAccount::links_max`] already.
    TooMany,
}

/// Removes a link; answers its id, if there was such a link of this user.
#[derive(Debug)]
pub struct UnlinkAccount {
    /// Whose.
    pub owner: UserId,
    /// Which.
    pub principal: Principal,
    /// The row for the trail; stored as refused where there is no such link.
    pub audit: AuditEvent,
}

/// Reads the links of a user, oldest first.
#[derive(Debug)]
pub struct ListLinks {
    /// Whose.
    pub owner: UserId,
}

/// Reads the user to whom a principal is linked by an active link.
#[derive(Debug)]
pub struct FindLinked {
    /// Whom the other system recognises.
    pub principal: Principal,
}
