//! Public keys of users.

use countersign_identity::audit::Reason;
use countersign_identity::proof::cryptosign::PublicKey;
use countersign_identity::repository::{
    AddUserKey, AddUserKeyOutcome, FindKeyOwner, ListUserKeys, RemoveUserKey, RemoveUserKeyOutcome,
};
use countersign_identity::user::{User, UserKey};

use super::{audit, exists, first, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

fn user_key(row: Row) -> Result<UserKey, TxError> {
    let mut record = Record::new("user_keys", row);
    let key = PublicKey::from_bytes(&record.key_bytes()?).map_err(|error| record.corrupt("public_key", error))?;
    Ok(UserKey { key, label: record.text("label")?, created: record.time("created_at")? })
}

impl Execute for FindKeyOwner {
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<User>, TxError> {
        let user = users::COLUMNS;
        let sql = format!("SELECT {user} FROM users WHERE id = (SELECT owner FROM user_keys WHERE public_key = $1)");
        first(tx, &sql, &[Param::Bytes(self.key.as_bytes())]).await?.map(users::user).transpose()
    }
}

impl Execute for ListUserKeys {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<UserKey>, TxError> {
        const SQL: &str =
            "SELECT public_key, label, created_at FROM user_keys WHERE owner = $1 ORDER BY created_at, public_key";
        tx.query(SQL, &[self.owner.uuid().into()]).await?.into_iter().map(user_key).collect()
    }
}

impl Execute for AddUserKey {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<AddUserKeyOutcome, TxError> {
        let (outcome, reason) = match users::hold(tx, &self.login).await? {
            None => (AddUserKeyOutcome::NoSuchUser, Reason::NotFound),
            Some(user) if insert(tx, &user, &self.key, self.keys_max).await? => {
                audit::accept(tx, &self.audit).await?;
                return Ok(AddUserKeyOutcome::Added(user));
            }
            Some(_) => {
                let key = [Param::Bytes(self.key.key.as_bytes())];
                if exists(tx, "SELECT 1 FROM user_keys WHERE public_key = $1", &key).await? {
                    (AddUserKeyOutcome::Taken, Reason::Exists)
                } else {
                    (AddUserKeyOutcome::TooMany, Reason::TooMany)
                }
            }
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}

/// Stores a key, unless it is somebody's or the user has `keys_max` already; whether it did. The caller holds the
/// user's row, so that of several at once each counts what the one before it has stored.
async fn insert<T: Tx>(tx: &mut T, user: &User, key: &UserKey, keys_max: u32) -> Result<bool, TxError> {
    const SQL: &str = "INSERT INTO user_keys (public_key, owner, label, created_at) SELECT $1, $2, $3, $4 \
        WHERE (SELECT count(*) FROM user_keys WHERE owner = $2) < $5 ON CONFLICT (public_key) DO NOTHING";
    let params = [
        Param::Bytes(key.key.as_bytes()),
        user.id.uuid().into(),
        key.label.as_str().into(),
        key.created.micros().into(),
        i64::from(keys_max).into(),
    ];
    Ok(tx.execute(SQL, &params).await? == 1)
}

impl Execute for RemoveUserKey {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<RemoveUserKeyOutcome, TxError> {
        let (outcome, reason) = match users::hold(tx, &self.login).await? {
            None => (RemoveUserKeyOutcome::NoSuchUser, Reason::NotFound),
            Some(user) => {
                let params = [Param::Bytes(self.key.as_bytes()), user.id.uuid().into()];
                if tx.execute("DELETE FROM user_keys WHERE public_key = $1 AND owner = $2", &params).await? == 1 {
                    audit::accept(tx, &self.audit).await?;
                    return Ok(RemoveUserKeyOutcome::Removed(user));
                }
                (RemoveUserKeyOutcome::NotFound, Reason::NotFound)
            }
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}
