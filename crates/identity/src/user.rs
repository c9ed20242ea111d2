//! Users.

use crate::password::PasswordHash;
use crate::role::RoleName;
use crate::{LoginName, Timestamp, UserId};

/// A user as storage keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id; stays when the login name changes.
    pub id: UserId,
    /// The login name.
    pub login: LoginName,
    /// A user that is not enabled can't log in by any credential.
    pub enabled: bool,
    /// The role, from which the rights come.
    pub role: RoleName,
    /// The password, if one is set.
    pub password: Option<PasswordHash>,
    /// When it was created.
    pub created: Timestamp,
}
