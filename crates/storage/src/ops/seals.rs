//! Sealing in an operation, and which keys of the keyring this database needs.
//!
//! **Invariant:** a key under which something is sealed is noted in the transaction that seals.

use countersign_identity::repository::Operation;

use crate::error::TxError;
use crate::record::Record;
use crate::seal::{KeyId, Place, SealKey};
use crate::tx::{Access, Execute, Tx};
use crate::value::Param;

/// Seals what is to stand at this place, under the newest key.
pub async fn seal<T: Tx>(tx: &mut T, place: Place, plain: &[u8]) -> Result<Vec<u8>, TxError> {
    let sealed = tx.keyring().seal(place, plain);
    let (id, sealed) = sealed.map_err(|error| TxError::Corrupt(format!("{} {}: {error}", place.table, place.row)))?;
    tx.execute("INSERT INTO seal_keys (id) VALUES ($1) ON CONFLICT (id) DO NOTHING", &[Param::Bytes(&id)]).await?;
    Ok(sealed)
}

/// Reads the names of the keys under which something may be sealed.
#[derive(Debug)]
pub struct SealKeys;

impl Operation for SealKeys {
    type Outcome = Vec<KeyId>;
}

impl Execute for SealKeys {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<KeyId>, TxError> {
        let rows = tx.query("SELECT id FROM seal_keys ORDER BY id", &[]).await?;
        rows.into_iter().map(|row| Record::new("seal_keys", row).key_bytes::<{ SealKey::ID_BYTES }>()).collect()
    }
}
