//! What the rules of metadata ask of storage. See [`crate::repository`].

use super::{MetadataEntry, MetadataKey};
use crate::audit::AuditEvent;
use crate::{MetadataId, UserId};

/// Sets an entry of a user's metadata; one with the same key keeps its id and the time at which it was created.
#[derive(Debug)]
pub struct SetMetadata {
    /// Whose.
    pub owner: UserId,
    /// The entry as it is to be, if there is none with its key.
    pub entry: MetadataEntry,
    /// Whether there must be none with its key.
    pub is_new: bool,
    /// The owner may have so many, this one included.
    pub entries_max: u32,
    /// All values of the owner may have so many bytes together, see [`MetadataValue::bytes`](super::MetadataValue::bytes).
    pub bytes_max: u64,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`SetMetadata`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetMetadataOutcome {
    /// Done; under this id.
    Set(MetadataId),
    /// There is no such user.
    NoSuchUser,
    /// There is one with its key, against [`SetMetadata::is_new`].
    Exists,
    /// There would be more than [`SetMetadata::entries_max`].
    TooMany,
    /// There would be more than [`SetMetadata::bytes_max`].
    TooMuch,
}

/// Reads one entry.
#[derive(Debug)]
pub struct FindMetadata {
    /// Whose.
    pub owner: UserId,
    /// Which.
    pub key: MetadataKey,
}

/// Reads all entries of a user, in the order of their keys' bytes.
#[derive(Debug)]
pub struct ListMetadata {
    /// Whose.
    pub owner: UserId,
}

/// Removes one entry.
#[derive(Debug)]
pub struct DeleteMetadata {
    /// Whose.
    pub owner: UserId,
    /// Which.
    pub key: MetadataKey,
    /// The row for the trail; stored as refused where there is no such entry.
    pub audit: AuditEvent,
}

/// Outcome of [`DeleteMetadata`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteMetadataOutcome {
    /// Gone.
    Deleted,
    /// There was none.
    NotFound,
}
