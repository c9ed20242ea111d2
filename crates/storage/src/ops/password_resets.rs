//! Forgotten passwords: tokens, the keys that they were spent for, new passwords.
//!
//! **Invariant:** every step holds the user's row first, then writes on the condition that the step before was the last one.
//! The row that is written decides; what is read afterwards only tells the trail why none was.

use countersign_identity::audit::{AuditEvent, Reason};
use countersign_identity::sign_on::operations::EndSessions;
use countersign_identity::sign_on::password_reset::operations::{
    AccessReset, FindReset, FinishReset, ReapResets, ResetOutcome, StartReset,
};
use countersign_identity::standing::Way;
use countersign_identity::user::User;
use countersign_identity::{Digest, UserId};

use super::{audit, cookies, first, sessions, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::Param;

/// Ends what a user could set a password with. The caller holds the user's row.
pub async fn end<T: Tx>(tx: &mut T, owner: UserId) -> Result<(), TxError> {
    tx.execute("DELETE FROM password_resets WHERE owner = $1", &[owner.uuid().into()]).await.map(drop)
}

/// Holds the row of the user who has this token.
async fn hold_owner<T: Tx>(tx: &mut T, token: Digest) -> Result<Option<User>, TxError> {
    const SQL: &str = "SELECT owner FROM password_resets WHERE token_digest = $1";
    let Some(row) = first(tx, SQL, &[Param::Bytes(token.as_bytes())]).await? else { return Ok(None) };
    let owner = Record::new("password_resets", row).key_uuid()?;
    users::hold_by_id(tx, UserId::from_uuid(owner)).await
}

async fn refuse<T: Tx>(tx: &mut T, event: &AuditEvent, reason: Reason) -> Result<ResetOutcome, TxError> {
    audit::refuse(tx, event, reason).await?;
    Ok(ResetOutcome::Refused(reason))
}

impl Execute for StartReset {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ResetOutcome, TxError> {
        const SQL: &str = "INSERT INTO password_resets (owner, token_digest, created_at, expires_at, key_digest, \
            key_expires_at) VALUES ($1, $2, $3, $4, NULL, NULL) ON CONFLICT (owner) DO UPDATE SET \
            token_digest = excluded.token_digest, created_at = excluded.created_at, expires_at = excluded.expires_at, \
            key_digest = NULL, key_expires_at = NULL";
        let Some(user) = users::hold_by_id(tx, self.owner).await? else {
            return refuse(tx, &self.audit, Reason::UnknownUser).await;
        };
        if let Err(reason) = user.standing.admits(Way::Key, self.audit.at) {
            return refuse(tx, &self.audit, reason).await;
        }
        let params = [
            self.owner.uuid().into(),
            Param::Bytes(self.token.as_bytes()),
            self.audit.at.micros().into(),
            self.expires.micros().into(),
        ];
        tx.execute(SQL, &params).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(ResetOutcome::Done(user))
    }
}

impl Execute for AccessReset {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ResetOutcome, TxError> {
        const SQL: &str = "UPDATE password_resets SET key_digest = $2, key_expires_at = $3 \
            WHERE token_digest = $1 AND key_digest IS NULL AND expires_at >= $4";
        const WHY: &str = "SELECT owner, key_digest IS NOT NULL AS used FROM password_resets WHERE token_digest = $1";
        let Some(user) = hold_owner(tx, self.token).await? else {
            return refuse(tx, &self.audit, Reason::WrongToken).await;
        };
        let audit = self.audit.clone().target(user.login.as_str());
        if let Err(reason) = user.standing.admits(Way::Key, audit.at) {
            return refuse(tx, &audit, reason).await;
        }
        let token = Param::Bytes(self.token.as_bytes());
        let (key, ends) = (Param::Bytes(self.key.as_bytes()), self.key_expires.micros().into());
        if tx.execute(SQL, &[token, key, ends, audit.at.micros().into()]).await? == 1 {
            audit::accept(tx, &audit).await?;
            return Ok(ResetOutcome::Done(user));
        }
        let row = first(tx, WHY, &[Param::Bytes(self.token.as_bytes())]).await?;
        let is_used = row.map(|row| Record::new("password_resets", row).truth("used")).transpose()?;
        let why = match is_used {
            None => Reason::WrongToken,
            Some(true) => Reason::TokenUsed,
            Some(false) => Reason::TokenExpired,
        };
        refuse(tx, &audit, why).await
    }
}

impl Execute for FindReset {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<User>, TxError> {
        let user = users::COLUMNS;
        let sql = format!(
            "SELECT {user} FROM password_resets JOIN users ON users.id = owner \
             WHERE token_digest = $1 AND key_digest = $2 AND key_expires_at >= $3"
        );
        let (token, key) = (Param::Bytes(self.token.as_bytes()), Param::Bytes(self.key.as_bytes()));
        first(tx, &sql, &[token, key, self.now.micros().into()]).await?.map(users::user).transpose()
    }
}

impl Execute for FinishReset {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ResetOutcome, TxError> {
        const SQL: &str = "DELETE FROM password_resets \
            WHERE token_digest = $1 AND key_digest = $2 AND key_expires_at >= $3 AND owner = $4";
        let Some(user) = hold_owner(tx, self.token).await? else {
            return refuse(tx, &self.audit, Reason::WrongToken).await;
        };
        if let Err(reason) = user.standing.admits(Way::Key, self.audit.at) {
            return refuse(tx, &self.audit, reason).await;
        }
        let (token, key) = (Param::Bytes(self.token.as_bytes()), Param::Bytes(self.key.as_bytes()));
        let spent = [token, key, self.audit.at.micros().into(), user.id.uuid().into()];
        if tx.execute(SQL, &spent).await? != 1 {
            return refuse(tx, &self.audit, Reason::WrongToken).await;
        }
        let user = users::set_password(tx, user.id, &self.password, self.audit.at).await?;
        cookies::delete_of(tx, user.id).await?;
        sessions::end(tx, user.id, EndSessions::All).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(ResetOutcome::Done(user))
    }
}

impl Execute for ReapResets {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        const SQL: &str = "DELETE FROM password_resets WHERE owner IN \
            (SELECT owner FROM password_resets WHERE COALESCE(key_expires_at, expires_at) < $1 LIMIT $2)";
        tx.execute(SQL, &[self.before.micros().into(), i64::from(self.limit).into()]).await
    }
}
