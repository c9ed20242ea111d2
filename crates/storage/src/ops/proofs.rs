//! What proofs are checked against: SCRAM verifiers, and the sealed keys of WAMP-CRA.
//!
//! **Invariant:** whoever changes them holds the user's row first.

use countersign_identity::proof::scram::{Kdf, KdfKind, Keys, Verifier};
use countersign_identity::proof::wampcra::SharedKey;
use countersign_identity::proof::{Key, Secrets};
use countersign_identity::renewal::RenewHash;
use countersign_identity::repository::{Evidence, FindSharedKey, FindVerifier};
use countersign_identity::user::User;
use countersign_identity::{LoginName, Secret, UserId};
use uuid::Uuid;

use super::{audit, exists, first, seals, users};
use crate::error::TxError;
use crate::record::Record;
use crate::seal::{Keyring, Place};
use crate::tx::{Access, Execute, Tx};
use crate::value::{Column, Param, Row};

const SHARED_KEYS: &str = "shared_keys";

fn place(owner: Uuid) -> Place {
    Place { table: SHARED_KEYS, column: "shared_key", row: owner }
}

/// Puts these in the place of all that the user had.
pub async fn replace<T: Tx>(tx: &mut T, owner: UserId, secrets: &Secrets) -> Result<(), TxError> {
    let id = [Param::Id(owner.uuid())];
    tx.execute("DELETE FROM scram_verifiers WHERE owner = $1", &id).await?;
    tx.execute("DELETE FROM shared_keys WHERE owner = $1", &id).await?;
    if let Some(verifier) = &secrets.scram {
        insert_verifier(tx, owner, verifier).await?;
    }
    if let Some(shared) = &secrets.wampcra {
        insert_shared_key(tx, owner, shared).await?;
    }
    Ok(())
}

async fn insert_verifier<T: Tx>(tx: &mut T, owner: UserId, verifier: &Verifier) -> Result<(), TxError> {
    const SQL: &str = "INSERT INTO scram_verifiers (owner, kdf, iterations, memory_kib, salt, stored_key, server_key, \
        text_stored_key, text_server_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let text = verifier.text_keys.as_ref();
    let params = [
        owner.uuid().into(),
        verifier.kdf.kind().name().into(),
        i64::from(verifier.kdf.iterations()).into(),
        Param::optional(verifier.kdf.memory_kib().map(i64::from)),
        Param::Bytes(&verifier.salt),
        Param::Bytes(verifier.keys.stored.expose()),
        Param::Bytes(verifier.keys.server.expose()),
        text.map_or(Param::Null, |keys| Param::Bytes(keys.stored.expose())),
        text.map_or(Param::Null, |keys| Param::Bytes(keys.server.expose())),
    ];
    tx.execute(SQL, &params).await.map(drop)
}

async fn insert_shared_key<T: Tx>(tx: &mut T, owner: UserId, shared: &SharedKey) -> Result<(), TxError> {
    const SQL: &str = "INSERT INTO shared_keys (owner, salt, iterations, shared_key) VALUES ($1, $2, $3, $4)";
    let sealed = seals::seal(tx, place(owner.uuid()), shared.key.expose().as_bytes()).await?;
    let salt = shared.salt.as_str().into();
    let params = [owner.uuid().into(), salt, i64::from(shared.iterations).into(), Param::Bytes(&sealed)];
    tx.execute(SQL, &params).await.map(drop)
}

/// Whether the user still has what was found right. The caller holds the user's row.
pub async fn has<T: Tx>(tx: &mut T, user: &User, evidence: &Evidence) -> Result<bool, TxError> {
    let owner = user.id.uuid().into();
    match evidence {
        Evidence::Password(hash) => Ok(user.password.as_ref() == Some(hash)),
        Evidence::Verifier(salt) => {
            let sql = "SELECT 1 FROM scram_verifiers WHERE owner = $1 AND salt = $2";
            exists(tx, sql, &[owner, Param::Bytes(salt)]).await
        }
        Evidence::SharedKey(salt) => {
            exists(tx, "SELECT 1 FROM shared_keys WHERE owner = $1 AND salt = $2", &[owner, salt.as_str().into()]).await
        }
        Evidence::PublicKey(key) => {
            let sql = "SELECT 1 FROM user_keys WHERE owner = $1 AND public_key = $2";
            exists(tx, sql, &[owner, Param::Bytes(key.as_bytes())]).await
        }
    }
}

/// A user with the row of another table that belongs to it, if there is one: one statement, so that it costs the same
/// whether there is one or not.
async fn with_user<T: Tx>(
    tx: &mut T,
    login: &LoginName,
    columns: &str,
    table: &str,
) -> Result<Option<(User, Option<Row>)>, TxError> {
    let user = users::COLUMNS;
    let sql = format!("SELECT {user}, owner, {columns} FROM users LEFT JOIN {table} ON owner = id WHERE login = $1");
    let Some(mut row) = first(tx, &sql, &[login.as_str().into()]).await? else { return Ok(None) };
    let other = row.split_off(users::COLUMNS_COUNT.min(row.len()));
    let other = (other.first() != Some(&Column::Null)).then_some(other);
    Ok(Some((users::user(row)?, other)))
}

impl Execute for FindVerifier {
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<(User, Option<Verifier>)>, TxError> {
        let columns = "kdf, iterations, memory_kib, salt, stored_key, server_key, text_stored_key, text_server_key";
        let Some((user, row)) = with_user(tx, &self.login, columns, "scram_verifiers").await? else { return Ok(None) };
        Ok(Some((user, row.map(verifier).transpose()?)))
    }
}

fn verifier(row: Row) -> Result<Verifier, TxError> {
    let mut record = Record::new("scram_verifiers", row);
    let kind = record.named("kdf", KdfKind::from_name)?;
    let (iterations, memory) = (record.count("iterations")?, record.optional_count("memory_kib")?);
    let kdf = match (kind, memory) {
        (KdfKind::Argon2id13, Some(memory_kib)) => Kdf::argon2id13(iterations, memory_kib),
        (KdfKind::Argon2id13, None) => return Err(record.corrupt("memory_kib", "is null")),
        (KdfKind::Pbkdf2, _) => Kdf::pbkdf2(iterations),
    };
    let kdf = kdf.map_err(|error| record.corrupt("kdf", error))?;
    let salt = record.bytes("salt")?;
    let keys = Keys { stored: Key::new(record.bytes("stored_key")?), server: Key::new(record.bytes("server_key")?) };
    let text_keys = match (record.optional_bytes("text_stored_key")?, record.optional_bytes("text_server_key")?) {
        (Some(stored), Some(server)) => Some(Keys { stored: Key::new(stored), server: Key::new(server) }),
        (None, None) => None,
        _ => return Err(record.corrupt("text_server_key", "stands alone")),
    };
    Ok(Verifier { kdf, salt, keys, text_keys })
}

impl Execute for FindSharedKey {
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<(User, Option<SharedKey>)>, TxError> {
        let found = with_user(tx, &self.login, "salt, iterations, shared_key", SHARED_KEYS).await?;
        let Some((user, row)) = found else { return Ok(None) };
        let shared = row.map(|row| shared_key(row, tx.keyring())).transpose()?;
        Ok(Some((user, shared)))
    }
}

fn shared_key(row: Row, keyring: &Keyring) -> Result<SharedKey, TxError> {
    let mut record = Record::new(SHARED_KEYS, row);
    let owner = record.key_uuid()?;
    let (salt, iterations, sealed) = (record.text("salt")?, record.count("iterations")?, record.blob("shared_key")?);
    let opened = keyring.open(place(owner), &sealed).map_err(|error| record.corrupt("shared_key", error))?;
    let text = std::str::from_utf8(&opened).map_err(|error| record.corrupt("shared_key", error))?;
    Ok(SharedKey { salt, iterations, key: Secret::new(text) })
}

impl Execute for RenewHash {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const SQL: &str = "UPDATE users SET password = $3 WHERE id = $1 AND password = $2";
        let params = [self.user.uuid().into(), self.old.as_stored().into(), Param::Text(self.new.hash.as_stored())];
        if tx.execute(SQL, &params).await? == 0 {
            return Ok(false);
        }
        replace(tx, self.user, &self.new.proofs).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(true)
    }
}
