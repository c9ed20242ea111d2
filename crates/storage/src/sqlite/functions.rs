//! Functions that statements of both engines use, and that PostgreSQL gets from its migrations.

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use crate::ops::records::values;

/// Adds them to a connection.
///
/// # Errors
///
/// That of SQLite.
pub fn add(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("record_scalar", 2, flags, |context| {
        let document = context.get_raw(0).as_str().map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?;
        let path: String = context.get(1)?;
        let path: Vec<String> =
            serde_json::from_str(&path).map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?;
        Ok(values::read(document).at(&path).sort_key())
    })
}
