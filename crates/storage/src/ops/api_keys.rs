//! Logins by API keys, and what becomes of these keys. Their rows are credentials.

use countersign_identity::audit::Reason;
use countersign_identity::repository::{
    AcceptCredentialOutcome, AcceptKey, FindLivingKeys, HasImportedKeys, LivingKey,
};
use countersign_identity::standing::Way;
use countersign_identity::{CredentialId, CredentialKind};

use super::credentials::{self, columns, credential};
use super::{audit, exists, first, places, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::Param;

impl Execute for AcceptKey {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<AcceptCredentialOutcome, TxError> {
        // Holds the row until the login is in the trail: who withdraws the key comes before or after, never between.
        const SQL: &str = concat!(
            "UPDATE credentials SET last_used_at = $2, last_used_from = $4, digest = COALESCE($5, digest),",
            " is_imported = (is_imported AND $5 IS NULL) WHERE digest = $1 AND kind = $3",
            " AND expires_at >= $2",
            " AND EXISTS (SELECT 1 FROM users WHERE users.id = credentials.owner AND ",
            users::admits_by_key!(),
            ") RETURNING ",
            columns!()
        );
        let params = [
            Param::Bytes(self.digest.as_bytes()),
            self.now.micros().into(),
            CredentialKind::ApiKey.name().into(),
            Param::Text(&self.audit.address),
            self.becomes.as_ref().map_or(Param::Null, |digest| Param::Bytes(digest.as_bytes())),
        ];
        let Some(row) = first(tx, SQL, &params).await? else {
            let reason = why_refused(self, tx).await?;
            audit::refuse(tx, &self.audit, reason).await?;
            return Ok(AcceptCredentialOutcome::Refused(reason));
        };
        let credential = credential(row)?;
        let user = match users::by_id(tx, credential.owner).await? {
            Some(user) if user.standing.admits(Way::Key, self.now).is_ok() => user,
            _ => return Err(TxError::Interrupted("the owner was locked while its key was used".into())),
        };
        audit::accept(tx, &self.audit).await?;
        Ok(AcceptCredentialOutcome::Accepted { credential, user })
    }
}

/// Why the write of [`AcceptKey`] found no row. Decides nothing but the reason in the trail.
async fn why_refused<T: Tx>(accept: &AcceptKey, tx: &mut T) -> Result<Reason, TxError> {
    let Some((key, owner)) = credentials::with_owner(tx, accept.digest, CredentialKind::ApiKey).await? else {
        return Ok(Reason::WrongTicket);
    };
    if key.expires.at < accept.now {
        return Ok(Reason::ApiKeyExpired);
    }
    match owner.standing.admits(Way::Key, accept.now) {
        Err(reason) => Ok(reason),
        Ok(()) => Err(TxError::Interrupted("the key became usable while it was refused".into())),
    }
}

impl Execute for HasImportedKeys {
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const SQL: &str = "SELECT 1 FROM credentials JOIN users ON users.id = credentials.owner \
            WHERE users.login = $1 AND is_imported AND spent_at IS NULL LIMIT 1";
        exists(tx, SQL, &[self.login.as_str().into()]).await
    }
}

impl Execute for FindLivingKeys {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<LivingKey>, TxError> {
        const SQL: &str = concat!(
            "SELECT id, expires_at, revision FROM credentials WHERE expires_at >= $1 AND kind = $2",
            " AND EXISTS (SELECT 1 FROM users WHERE users.id = credentials.owner AND ",
            users::admits_by_key!(),
            ") AND id IN ("
        );
        let Some(places) = places::of(&self.ids)? else { return Ok(Vec::new()) };
        let sql = format!("{SQL}{})", places.text(3));
        let [now, kind] = [self.now.micros().into(), CredentialKind::ApiKey.name().into()];
        let ids = places.padded().map(|id: &CredentialId| Param::Id(id.uuid()));
        let params: Vec<Param<'_>> = [now, kind].into_iter().chain(ids).collect();
        let found = tx.query(&sql, &params).await?.into_iter().map(|row| {
            let mut record = Record::new("credentials", row);
            let id = CredentialId::from_uuid(record.key_uuid()?);
            Ok(LivingKey { id, expires: record.time("expires_at")?, revision: record.count("revision")? })
        });
        found.collect()
    }
}
