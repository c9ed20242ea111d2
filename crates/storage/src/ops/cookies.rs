//! Cookies: left by a login by password, used, ended. Their rows are credentials.
//!
//! A cookie works up to and including its `expires_at`.

use countersign_identity::audit::{AuditEvent, Reason};
use countersign_identity::repository::{
    AcceptCookie, AcceptCredentialOutcome, COOKIES_PER_USER_MAX, EndCookies, WhichCookies,
};
use countersign_identity::standing::Way;
use countersign_identity::{Credential, CredentialKind, UserId};

use super::credentials::{self, columns, credential};
use super::{audit, first, users};
use crate::error::TxError;
use crate::tx::{Execute, Tx};
use crate::value::Param;

/// More than any user can have.
const ALL: i64 = 1_000_000;

/// Stores a cookie, in the place of the oldest where its owner has the most that one can have. The
/// caller holds the owner's row.
pub async fn insert<T: Tx>(tx: &mut T, cookie: &Credential) -> Result<(), TxError> {
    const SQL: &str = "DELETE FROM credentials WHERE id IN (SELECT id FROM credentials \
        WHERE owner = $1 AND kind = $2 ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4)";
    let kept = i64::from(COOKIES_PER_USER_MAX) - 1;
    let params = [cookie.owner.uuid().into(), cookie.kind.name().into(), ALL.into(), kept.into()];
    tx.execute(SQL, &params).await?;
    credentials::insert(tx, cookie, cookie.created, ALL).await?;
    Ok(())
}

/// Removes the cookies of a user.
pub async fn delete_of<T: Tx>(tx: &mut T, owner: UserId) -> Result<u64, TxError> {
    const SQL: &str = "DELETE FROM credentials WHERE owner = $1 AND kind = $2";
    tx.execute(SQL, &[owner.uuid().into(), CredentialKind::Cookie.name().into()]).await
}

impl Execute for AcceptCookie {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<AcceptCredentialOutcome, TxError> {
        // Changes nothing, but holds the row until the login is in the trail: who ends the cookie
        // comes before or after, never between.
        const SQL: &str = concat!(
            "UPDATE credentials SET spent_at = spent_at WHERE digest = $1 AND kind = $2 AND expires_at >= $3",
            " AND EXISTS (SELECT 1 FROM users WHERE users.id = credentials.owner AND ",
            users::admits_by_key!(),
            " AND (users.password_expires_at >= $3 OR users.password_expires_at IS NULL)",
            " AND (users.login = $4 OR $4 IS NULL)) RETURNING ",
            columns!()
        );
        let params = [
            Param::Bytes(self.digest.as_bytes()),
            CredentialKind::Cookie.name().into(),
            self.now.micros().into(),
            Param::optional(self.login.as_ref().map(countersign_identity::LoginName::as_str)),
        ];
        let Some(row) = first(tx, SQL, &params).await? else {
            let reason = why_refused(self, tx).await?;
            audit::refuse(tx, &self.audit, reason).await?;
            return Ok(AcceptCredentialOutcome::Refused(reason));
        };
        let credential = credential(row)?;
        let user = match users::by_id(tx, credential.owner).await? {
            Some(user) if user.standing.admits(Way::Session, self.now).is_ok() => user,
            _ => return Err(TxError::Interrupted("the owner was locked while its cookie was used".into())),
        };
        let named = AuditEvent { actor: user.login.to_string(), ..self.audit.clone() };
        audit::accept(tx, &named.target(user.login.as_str())).await?;
        Ok(AcceptCredentialOutcome::Accepted { credential, user })
    }
}

/// Why the write of [`AcceptCookie`] found no row. Decides nothing but the reason in the trail.
async fn why_refused<T: Tx>(accept: &AcceptCookie, tx: &mut T) -> Result<Reason, TxError> {
    let Some((cookie, owner)) = credentials::with_owner(tx, accept.digest, CredentialKind::Cookie).await? else {
        return Ok(Reason::WrongCookie);
    };
    if cookie.expires.at < accept.now {
        return Ok(Reason::CookieExpired);
    }
    Ok(owner.standing.admits(Way::Session, accept.now).err().unwrap_or(Reason::CookieMismatch))
}

impl Execute for EndCookies {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        const ONE: &str = "DELETE FROM credentials WHERE kind = $1 AND id = $2";
        const OF: &str = "DELETE FROM credentials WHERE kind = $1 AND owner IN (SELECT id FROM users WHERE login = $2)";
        let kind = CredentialKind::Cookie.name().into();
        let ended = match &self.which {
            WhichCookies::One(id) => tx.execute(ONE, &[kind, id.uuid().into()]).await?,
            WhichCookies::Of(login) => tx.execute(OF, &[kind, login.as_str().into()]).await?,
        };
        if ended > 0 {
            audit::accept(tx, &self.audit).await?;
        }
        Ok(ended)
    }
}
