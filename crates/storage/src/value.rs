//! Values on their way into and out of SQL, in the five shapes that both engines know.

use std::fmt;

use uuid::Uuid;

/// A value for a placeholder.
#[derive(Clone, Copy)]
pub enum Param<'a> {
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// Text; without NUL, which PostgreSQL can't hold.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// An id, as its 16 bytes.
    Id(Uuid),
    /// Nothing.
    Null,
}

/// Says the kind only: the database's driver logs what it binds, and hashes and digests are
/// among that.
impl fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int(_) => "Int",
            Self::Bool(_) => "Bool",
            Self::Text(_) => "Text",
            Self::Bytes(_) => "Bytes",
            Self::Id(_) => "Id",
            Self::Null => "Null",
        })
    }
}

impl Param<'_> {
    /// `value`, or nothing.
    pub fn optional(value: Option<impl Into<Self>>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Param<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl From<Uuid> for Param<'_> {
    fn from(value: Uuid) -> Self {
        Self::Id(value)
    }
}

/// A value that came back. SQLite gives truth values as numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    /// A number.
    Int(i64),
    /// A truth value.
    Bool(bool),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing.
    Null,
}

/// The columns of one row, in the order of the statement.
pub type Row = Vec<Column>;
