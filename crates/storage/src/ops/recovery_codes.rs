//! Recovery codes: each works once, by the write that spends it.

use countersign_identity::audit::Reason;
use countersign_identity::sign_on::operations::SetRecoveryCodes;
use countersign_identity::{Digest, Timestamp, UserId};

use super::{audit, exists, factors, users};
use crate::error::TxError;
use crate::tx::{Execute, Tx};
use crate::value::Param;

/// Spends a code; refused where the owner has none like it, or has used it. The caller holds the user's row.
pub async fn spend<T: Tx>(
    tx: &mut T,
    owner: UserId,
    digest: Digest,
    now: Timestamp,
) -> Result<Result<(), Reason>, TxError> {
    const SPEND: &str = "UPDATE recovery_codes SET spent_at = $3 WHERE owner = $1 AND digest = $2 AND spent_at IS NULL";
    const FIND: &str = "SELECT 1 FROM recovery_codes WHERE owner = $1 AND digest = $2";
    let (owner_param, digest_param) = (Param::Id(owner.uuid()), Param::Bytes(digest.as_bytes()));
    if tx.execute(SPEND, &[owner_param, digest_param, now.micros().into()]).await? == 1 {
        return Ok(Ok(()));
    }
    if exists(tx, FIND, &[owner_param, digest_param]).await? {
        return Ok(Err(Reason::CodeReused));
    }
    factors::count_failure(tx, owner).await?;
    Ok(Err(Reason::WrongCode))
}

/// Removes all of a user. The caller holds the user's row.
pub async fn delete_of<T: Tx>(tx: &mut T, owner: UserId) -> Result<(), TxError> {
    tx.execute("DELETE FROM recovery_codes WHERE owner = $1", &[owner.uuid().into()]).await.map(drop)
}

impl Execute for SetRecoveryCodes {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const FACTOR: &str = "SELECT 1 FROM totp_factors WHERE owner = $1";
        const INSERT: &str = "INSERT INTO recovery_codes (owner, digest, spent_at) VALUES ($1, $2, NULL)";
        let owner = Param::Id(self.owner.uuid());
        users::hold_by_id(tx, self.owner).await?;
        if !exists(tx, FACTOR, &[owner]).await? {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(false);
        }
        delete_of(tx, self.owner).await?;
        for digest in &self.digests {
            tx.execute(INSERT, &[owner, Param::Bytes(digest.as_bytes())]).await?;
        }
        audit::accept(tx, &self.audit).await?;
        Ok(true)
    }
}
