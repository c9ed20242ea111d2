//! Reads a row column by column; what can't be read is reported with table and id.

use std::fmt::Display;
use std::vec::IntoIter;

use countersign_identity::Timestamp;
use uuid::Uuid;

use crate::error::TxError;
use crate::value::{Column, Row};

/// A row of a table whose first column is its key.
pub struct Record {
    table: &'static str,
    key: Column,
    rest: IntoIter<Column>,
}

impl Record {
    /// A row of `table`.
    pub fn new(table: &'static str, row: Row) -> Self {
        let mut columns = row.into_iter();
        let key = columns.next().unwrap_or(Column::Null);
        Self { table, key, rest: columns }
    }

    /// An error that names the table, the row and the field, and says `why`. It must not tell
    /// a secret.
    pub fn corrupt(&self, field: &str, why: impl Display) -> TxError {
        let table = self.table;
        TxError::Corrupt(match &self.key {
            Column::Bytes(bytes) => match Uuid::from_slice(bytes) {
                Ok(id) => format!("{table} {id}: {field}: {why}"),
                Err(_) => format!("{table} with an id of {} bytes: {field}: {why}", bytes.len()),
            },
            Column::Int(id) => format!("{table} {id}: {field}: {why}"),
            Column::Text(id) => format!("{table} {id:?}: {field}: {why}"),
            Column::Bool(_) | Column::Null => format!("{table} without id: {field}: {why}"),
        })
    }

    /// The key as an id.
    pub fn key_uuid(&self) -> Result<Uuid, TxError> {
        match &self.key {
            Column::Bytes(bytes) => Uuid::from_slice(bytes).map_err(|error| self.corrupt("id", error)),
            _ => Err(self.corrupt("id", "is not bytes")),
        }
    }

    /// The key as so many bytes.
    pub fn key_bytes<const N: usize>(&self) -> Result<[u8; N], TxError> {
        match &self.key {
            Column::Bytes(bytes) => {
                bytes.as_slice().try_into().map_err(|_| self.corrupt("id", format_args!("is not {N} bytes")))
            }
            _ => Err(self.corrupt("id", "is not bytes")),
        }
    }

    /// The key as a number.
    pub fn key_int(&self) -> Result<i64, TxError> {
        match self.key {
            Column::Int(value) => Ok(value),
            _ => Err(self.corrupt("id", "is no number")),
        }
    }

    /// The key as text.
    pub fn key_text(&self) -> Result<&str, TxError> {
        match &self.key {
            Column::Text(text) => Ok(text),
            _ => Err(self.corrupt("id", "is no text")),
        }
    }

    fn next(&mut self, field: &str) -> Result<Column, TxError> {
        self.rest.next().ok_or_else(|| self.corrupt(field, "is missing"))
    }

    /// A number.
    pub fn int(&mut self, field: &str) -> Result<i64, TxError> {
        self.optional_int(field)?.ok_or_else(|| self.corrupt(field, "is null"))
    }

    /// A number, or null.
    pub fn optional_int(&mut self, field: &str) -> Result<Option<i64>, TxError> {
        match self.next(field)? {
            Column::Int(value) => Ok(Some(value)),
            Column::Null => Ok(None),
            _ => Err(self.corrupt(field, "is no number")),
        }
    }

    /// A time.
    pub fn time(&mut self, field: &str) -> Result<Timestamp, TxError> {
        self.int(field).map(Timestamp::from_micros)
    }

    /// A truth value.
    pub fn truth(&mut self, field: &str) -> Result<bool, TxError> {
        match self.next(field)? {
            Column::Bool(value) => Ok(value),
            Column::Int(0) => Ok(false),
            Column::Int(1) => Ok(true),
            _ => Err(self.corrupt(field, "is no truth value")),
        }
    }

    /// Text.
    pub fn text(&mut self, field: &str) -> Result<String, TxError> {
        self.optional_text(field)?.ok_or_else(|| self.corrupt(field, "is null"))
    }

    /// Text, or null.
    pub fn optional_text(&mut self, field: &str) -> Result<Option<String>, TxError> {
        match self.next(field)? {
            Column::Text(text) => Ok(Some(text)),
            Column::Null => Ok(None),
            _ => Err(self.corrupt(field, "is no text")),
        }
    }

    /// Text that `parse` understands.
    pub fn parsed<V, E: Display>(
        &mut self,
        field: &str,
        parse: impl FnOnce(&str) -> Result<V, E>,
    ) -> Result<V, TxError> {
        let text = self.text(field)?;
        parse(&text).map_err(|error| self.corrupt(field, error))
    }

    /// Text that is one of the names that `from_name` knows.
    pub fn named<V>(&mut self, field: &str, from_name: impl FnOnce(&str) -> Option<V>) -> Result<V, TxError> {
        self.optional_named(field, from_name)?.ok_or_else(|| self.corrupt(field, "is null"))
    }

    /// Text that is one of the names that `from_name` knows, or null.
    pub fn optional_named<V>(
        &mut self,
        field: &str,
        from_name: impl FnOnce(&str) -> Option<V>,
    ) -> Result<Option<V>, TxError> {
        let Some(name) = self.optional_text(field)? else { return Ok(None) };
        match from_name(&name) {
            Some(value) => Ok(Some(value)),
            None => Err(self.corrupt(field, format_args!("unknown value {name:?}"))),
        }
    }

    /// So many bytes.
    pub fn bytes<const N: usize>(&mut self, field: &str) -> Result<[u8; N], TxError> {
        self.optional_bytes(field)?.ok_or_else(|| self.corrupt(field, "is null"))
    }

    /// So many bytes, or null.
    pub fn optional_bytes<const N: usize>(&mut self, field: &str) -> Result<Option<[u8; N]>, TxError> {
        let Some(bytes) = self.optional_blob(field)? else { return Ok(None) };
        bytes.try_into().map(Some).map_err(|_| self.corrupt(field, format_args!("is not {N} bytes")))
    }

    /// Bytes, however many.
    pub fn blob(&mut self, field: &str) -> Result<Vec<u8>, TxError> {
        self.optional_blob(field)?.ok_or_else(|| self.corrupt(field, "is null"))
    }

    /// Bytes, however many, or null.
    pub fn optional_blob(&mut self, field: &str) -> Result<Option<Vec<u8>>, TxError> {
        match self.next(field)? {
            Column::Bytes(bytes) => Ok(Some(bytes)),
            Column::Null => Ok(None),
            _ => Err(self.corrupt(field, "is not bytes")),
        }
    }

    /// A number from 0 to 2^32-1.
    pub fn count(&mut self, field: &str) -> Result<u32, TxError> {
        self.optional_count(field)?.ok_or_else(|| self.corrupt(field, "is null"))
    }

    /// A number from 0 to 2^32-1, or null.
    pub fn optional_count(&mut self, field: &str) -> Result<Option<u32>, TxError> {
        let number = self.optional_int(field)?;
        number.map(|number| u32::try_from(number).map_err(|error| self.corrupt(field, error))).transpose()
    }
}
