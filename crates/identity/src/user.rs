//! Users.

use crate::password::PasswordHash;
use crate::proof::cryptosign::PublicKey;
use crate::role::RoleName;
use crate::standing::Standing;
use crate::{LoginName, Timestamp, UserId};

/// A user as storage keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The id; stays when the login name changes.
    pub id: UserId,
    /// The login name.
    pub login: LoginName,
    /// Whether it may come in.
    pub standing: Standing,
    /// The role, from which the rights come.
    pub role: RoleName,
    /// The password, if one is set.
    pub password: Option<PasswordHash>,
    /// When it was created.
    pub created: Timestamp,
}

/// A public key by which a user logs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserKey {
    /// The key; it belongs to one user.
    pub key: PublicKey,
    /// What the operator calls it.
    pub label: String,
    /// When it was added.
    pub created: Timestamp,
}

impl UserKey {
    /// Longest label, in characters.
    pub const LABEL_CHARACTERS_MAX: usize = 100;
    /// Keys that a user may have.
    pub const COUNT_MAX: u32 = 100;
}
