//! Fills the database of a server that doesn't run: many users, one-time passwords, sign-on sessions and rows of the audit
//! trail.
//!
//! Every row is a copy of one that the server made itself, but for what has to differ; so this knows nothing of columns that
//! are none of its business. The links of the audit trail are made up: `countersign audit verify` would find that.

use std::fs::File;
use std::io;
use std::path::Path;

use rusqlite::Connection;

/// Name of the database in a data directory.
const DATABASE: &str = "countersign.db";
/// What stands before the number in the login of a user who was filled in.
const LOGIN_PREFIX: &str = "filled";
/// Pages kept in memory while filling, in KiB.
const CACHE_KIB: i64 = 512 * 1024;

/// Login of the user with this number, from 0.
pub fn login(number: u64) -> String {
    format!("{LOGIN_PREFIX}{number}")
}

/// One table: how its rows differ from the template. In the expressions `i` counts from 0, and `t` is the template's row.
struct Copies {
    table: &'static str,
    /// Which row is copied.
    template: &'static str,
    changes: &'static [(&'static str, &'static str)],
}

const TABLES: &[Copies] = &[
    Copies {
        table: "users",
        template: "login = 'bench'",
        changes: &[("id", "unhex(printf('%032x', i + 1))"), ("login", "printf('filled%d', i)")],
    },
    Copies {
        table: "credentials",
        template: "owner = (SELECT id FROM users WHERE login = 'bench') AND kind = 'otp' AND spent_at IS NULL",
        changes: &[
            ("id", "unhex(printf('%032x', i + 1))"),
            ("owner", "unhex(printf('%032x', i + 1))"),
            ("digest", "randomblob(32)"),
            // They have to outlive the measurements.
            ("expires_at", "t.expires_at + 86400000000"),
        ],
    },
    Copies {
        table: "sign_on_sessions",
        template: "owner = (SELECT id FROM users WHERE login = 'bench')",
        changes: &[
            ("id", "unhex(printf('%032x', i + 1))"),
            ("owner", "unhex(printf('%032x', i + 1))"),
            ("digest", "randomblob(32)"),
            ("expires_at", "t.expires_at + 86400000000"),
            ("ends_at", "t.ends_at + 86400000000"),
        ],
    },
    Copies {
        table: "audit",
        template: "operation = 'otp.mint'",
        changes: &[
            ("sequence", "i + 1 + (SELECT sequence FROM audit_head)"),
            ("link", "randomblob(32)"),
            ("cid", "lower(hex(randomblob(8)))"),
            ("request", "lower(hex(randomblob(8)))"),
            ("actor", "printf('filled%d', i)"),
            ("target", "printf('filled%d', i)"),
        ],
    },
];

/// Copies each template so often.
///
/// # Errors
///
/// Those of the database; then it is of no use any more.
pub fn fill(data: &Path, rows: u64) -> io::Result<()> {
    let path = data.join(DATABASE);
    let connection = Connection::open(&path).map_err(io::Error::other)?;
    fill_database(&connection, rows).map_err(io::Error::other)?;
    drop(connection);
    // Else the first who syncs anything waits for all of it.
    File::open(path)?.sync_all()
}

fn fill_database(connection: &Connection, rows: u64) -> rusqlite::Result<()> {
    // Nobody else is there, and a half-filled database is thrown away: neither log nor sync is needed.
    let pragmas = format!("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB}");
    connection.execute_batch(&pragmas)?;
    connection.execute_batch("BEGIN EXCLUSIVE")?;
    let most = i64::try_from(rows).unwrap_or(i64::MAX);
    for copies in TABLES {
        let columns = columns(connection, copies.table)?;
        let values = columns.iter().map(|column| {
            let change = copies.changes.iter().find(|(changed, _)| changed == column);
            change.map_or_else(|| format!("t.{column}"), |(_, expression)| (*expression).to_owned())
        });
        let values = values.collect::<Vec<_>>().join(", ");
        let Copies { table, template, .. } = copies;
        let sql = format!(
            "WITH RECURSIVE counted(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM counted WHERE i + 1 < ?1)
             INSERT INTO {table} ({}) SELECT {values}
             FROM (SELECT * FROM {table} WHERE {template} LIMIT 1) AS t, counted",
            columns.join(", "),
        );
        let made = connection.execute(&sql, [most])?;
        if u64::try_from(made).ok() != Some(rows) {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
    }
    let last = "SELECT sequence FROM audit ORDER BY sequence DESC LIMIT 1";
    let head =
        format!("UPDATE audit_head SET sequence = ({last}), link = (SELECT link FROM audit WHERE sequence = ({last}))");
    connection.execute_batch(&head)?;
    connection.execute_batch("COMMIT")
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn copies_what_it_does_not_know() {
        let connection = Connection::open_in_memory().unwrap();
        let tables = "
            CREATE TABLE users (id BLOB PRIMARY KEY, login TEXT UNIQUE, colour TEXT);
            CREATE TABLE credentials (id BLOB PRIMARY KEY, kind TEXT, owner BLOB REFERENCES users (id),
                digest BLOB UNIQUE, expires_at INTEGER, spent_at INTEGER);
            CREATE TABLE sign_on_sessions (id BLOB PRIMARY KEY, owner BLOB REFERENCES users (id), digest BLOB UNIQUE,
                expires_at INTEGER, ends_at INTEGER);
            CREATE TABLE audit (sequence INTEGER PRIMARY KEY, link BLOB, cid TEXT, request TEXT, actor TEXT,
                target TEXT, operation TEXT);
            CREATE TABLE audit_head (one INTEGER PRIMARY KEY, sequence INTEGER, link BLOB);
            INSERT INTO users VALUES (x'01', 'bench', 'green');
            INSERT INTO credentials VALUES (x'02', 'otp', x'01', x'03', 7, NULL);
            INSERT INTO sign_on_sessions VALUES (x'04', x'01', x'05', 8, 9);
            INSERT INTO audit VALUES (1, x'06', 'a', 'b', 'bench', 'bench', 'otp.mint');
            INSERT INTO audit_head VALUES (1, 1, x'06');";
        connection.execute_batch(tables).unwrap();
        fill_database(&connection, 10).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM users WHERE colour = 'green'"), 11);
        assert_eq!(count("SELECT count(*) FROM users WHERE login = 'filled9'"), 1);
        assert_eq!(count("SELECT count(*) FROM credentials JOIN users ON owner = users.id"), 11);
        assert_eq!(count("SELECT count(*) FROM sign_on_sessions"), 11);
        assert_eq!(count("SELECT count(*) FROM audit JOIN audit_head ON audit.link = audit_head.link"), 1);
        assert_eq!(count("SELECT sequence FROM audit_head"), 11);
        assert_eq!(login(9), "filled9");
    }
}
