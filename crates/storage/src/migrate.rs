//! Brings a database to the newest schema, or looks whether it has it. Migrations only add; one that was released never
//! changes again, which the stored checksums prove.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::error::OpenError;
use crate::ops::link_all;
use crate::record::Record;
use crate::tx::Tx;
use crate::value::Param;

/// The step after which the rows of the audit trail that are there get their links.
pub const CHAIN: &str = "audit_chain";

/// One step of the schema.
pub struct Migration {
    /// Its number, from 1 without gaps.
    pub version: i64,
    /// What it brings.
    pub name: &'static str,
    /// Its statements.
    pub sql: &'static str,
}

/// The steps of one engine.
pub struct Migrations {
    /// Makes the table `schema_migrations` if it isn't there.
    pub table: &'static str,
    /// Answers a row if it is there.
    pub is_there: &'static str,
    /// The steps, in the order of their versions.
    pub steps: &'static [Migration],
}

impl Migrations {
    /// The version of the last step.
    fn known(&self) -> i64 {
        self.steps.last().map_or(0, |step| step.version)
    }
}

/// What is to be done about a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// It is made, and brought to the newest.
    Newest,
    /// Nothing: another than the newest is an error.
    AsItIs,
}

/// Applies what is missing. The caller's transaction keeps out everybody else who migrates.
pub async fn migrate<T: Tx>(tx: &mut T, migrations: &Migrations) -> Result<(), OpenError> {
    tx.script(migrations.table).await?;
    let newest = applied(tx, migrations).await?;
    for step in migrations.steps.iter().filter(|step| step.version > newest) {
        tracing::info!(version = step.version, name = step.name, "migrating the database");
        tx.script(step.sql).await?;
        if step.name == CHAIN {
            link_all(tx).await?;
        }
        let params = [step.version.into(), step.name.into(), Param::Text(&checksum_of(step.sql))];
        tx.execute("INSERT INTO schema_migrations (version, name, checksum) VALUES ($1, $2, $3)", &params).await?;
    }
    Ok(())
}

/// Whether nothing is missing. Writes nothing.
pub async fn look<T: Tx>(tx: &mut T, migrations: &Migrations) -> Result<(), OpenError> {
    if tx.query(migrations.is_there, &[]).await?.is_empty() {
        return Err(OpenError::Empty);
    }
    match (applied(tx, migrations).await?, migrations.known()) {
        (found, known) if found < known => Err(OpenError::Older { found, known }),
        _ => Ok(()),
    }
}

/// The version of the newest step that was applied.
async fn applied<T: Tx>(tx: &mut T, migrations: &Migrations) -> Result<i64, OpenError> {
    let rows = tx.query("SELECT version, name, checksum FROM schema_migrations ORDER BY version", &[]).await?;
    let known = migrations.known();
    let mut newest = 0;
    for row in rows {
        let mut record = Record::new("schema_migrations", row);
        let (version, name, checksum) = (record.key_int()?, record.text("name")?, record.text("checksum")?);
        newest = version;
        match migrations.steps.iter().find(|step| step.version == version) {
            Some(step) if checksum_of(step.sql) == checksum => {}
            Some(_) => return Err(OpenError::MigrationChanged { version, name }),
            None => return Err(OpenError::Newer { found: version, known }),
        }
    }
    Ok(newest)
}

pub(crate) fn checksum_of(sql: &str) -> String {
    HEXLOWER.encode(&Sha256::digest(sql))
}
