//! Logins by the token of a sign-on session, and what becomes of these sessions.

use countersign_identity::audit::Reason;
use countersign_identity::sign_on::SignOnSession;
use countersign_identity::sign_on::operations::{AcceptToken, AcceptTokenOutcome, FindLiving};
use countersign_identity::standing::Way;
use countersign_identity::user::User;
use countersign_identity::{SessionId, UserId};
use uuid::Uuid;

use super::{audit, first, places, sessions, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::Param;

impl Execute for AcceptToken {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<AcceptTokenOutcome, TxError> {
        // The owner's row is held first, as by whoever locks the user or ends all sessions; then the session's own, as by
        // a logout. Both are as they are found until the login is in the trail.
        let reason = match owner(tx, self).await? {
            Err(reason) => reason,
            Ok(owner) => match users::hold_by_id(tx, owner).await? {
                None => Reason::WrongToken,
                Some(user) if self.login.as_ref().is_some_and(|login| *login != user.login) => Reason::TokenMismatch,
                Some(user) => match (user.standing.admits(Way::Session, self.now), hold(tx, self).await?) {
                    (Err(reason), _) => reason,
                    (Ok(()), None) => Reason::WrongToken,
                    (Ok(()), Some(session)) => {
                        audit::accept(tx, &self.accepted(&session, &user)).await?;
                        return Ok(AcceptTokenOutcome::Accepted { session, user });
                    }
                },
            },
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(AcceptTokenOutcome::Refused(reason))
    }
}

async fn owner<T: Tx>(tx: &mut T, accept: &AcceptToken) -> Result<Result<UserId, Reason>, TxError> {
    const SQL: &str = "SELECT id, owner, expires_at FROM sign_on_sessions WHERE digest = $1";
    let Some(row) = first(tx, SQL, &[Param::Bytes(accept.digest.as_bytes())]).await? else {
        return Ok(Err(Reason::WrongToken));
    };
    let mut record = Record::new("sign_on_sessions", row);
    let owner = UserId::from_uuid(Uuid::from_bytes(record.bytes("owner")?));
    let is_over = record.time("expires_at")? < accept.now;
    Ok(if is_over { Err(Reason::TokenExpired) } else { Ok(owner) })
}

async fn hold<T: Tx>(tx: &mut T, accept: &AcceptToken) -> Result<Option<SignOnSession>, TxError> {
    let sql = format!(
        "UPDATE sign_on_sessions SET expires_at = expires_at WHERE digest = $1 AND expires_at >= $2 RETURNING {}",
        sessions::COLUMNS
    );
    let params = [Param::Bytes(accept.digest.as_bytes()), accept.now.micros().into()];
    first(tx, &sql, &params).await?.map(sessions::session).transpose()
}

impl Execute for FindLiving {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<(SignOnSession, User)>, TxError> {
        let Some(places) = places::of(&self.ids)? else { return Ok(Vec::new()) };
        let sql = sessions::with_owners(&format!("expires_at >= $1 AND sign_on_sessions.id IN ({})", places.text(2)));
        let ids = places.padded().map(|id: &SessionId| Param::Id(id.uuid()));
        let params: Vec<Param<'_>> = std::iter::once(self.now.micros().into()).chain(ids).collect();
        tx.query(&sql, &params).await?.into_iter().map(sessions::with_owner).collect()
    }
}
