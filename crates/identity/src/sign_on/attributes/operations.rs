//! What the rules of attributes ask of storage. See [`crate::repository`].

use super::{AttributeName, AttributeOwner, AttributeVerb};
use crate::audit::AuditEvent;
use crate::{Secret, Timestamp};

/// Writes attributes of one owner, all or none. Those whose time is over count as gone.
#[derive(Debug)]
pub struct ChangeAttributes {
    /// Whose.
    pub owner: AttributeOwner,
    /// What.
    pub verb: AttributeVerb,
    /// Which; no name stands twice.
    pub writes: Vec<AttributeWrite>,
    /// The owner may have so many, these included.
    pub attributes_max: u32,
    /// The time at which ends are judged, and that of the change.
    pub now: Timestamp,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// One attribute of [`ChangeAttributes`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributeWrite {
    /// Its name.
    pub name: AttributeName,
    /// Its value as JSON text, for the verbs that have values.
    pub value: Option<Secret>,
    /// Whether the value is to be sealed. It is in any case where the one before was.
    pub seals: bool,
    /// Up to when it is there. `None`: as before, or always; for [`AttributeVerb::Expire`] always.
    pub expires: Option<Timestamp>,
}

/// Outcome of [`ChangeAttributes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeAttributesOutcome {
    /// Done.
    Done,
    /// There is no such user, or no such live session.
    NoSuchOwner,
    /// One that was to be created is there.
    Exists,
    /// There would be more than [`ChangeAttributes::attributes_max`].
    TooMany,
}

/// Reads attributes, in any order.
#[derive(Debug)]
pub struct FindAttributes {
    /// Whose.
    pub owner: AttributeOwner,
    /// Which; no name stands twice.
    pub names: Vec<AttributeName>,
    /// Whether sealed values are opened; else they are left out.
    pub opens: bool,
    /// The time at which ends are judged.
    pub now: Timestamp,
}

/// Reads the names of all attributes, in any order.
#[derive(Debug)]
pub struct ListAttributeNames {
    /// Whose.
    pub owner: AttributeOwner,
    /// The time at which ends are judged.
    pub now: Timestamp,
}

/// Removes attributes whose time is over.
#[derive(Debug)]
pub struct ReapAttributes {
    /// Before this.
    pub before: Timestamp,
    /// At most so many of users, and so many of sessions.
    pub limit: u32,
}
