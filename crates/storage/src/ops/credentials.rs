//! Credentials: minted, spent, listed, withdrawn, reaped.
//!
//! A credential works up to and including its `expires_at`.

use countersign_identity::audit::Reason;
use countersign_identity::permission::Rule;
use countersign_identity::repository::{
    DeleteCredential, DeleteCredentialOutcome, FindCredential, ListCredentials, MintCredential, MintOutcome,
    ReapCredentials, SpendCredential, SpendOutcome, UpdateCredential,
};
use countersign_identity::standing::Way;
use countersign_identity::user::User;
use countersign_identity::{
    Credential, CredentialId, CredentialKind, Digest, Expires, LastUse, OffsetSeconds, Timestamp, UserId,
};
use uuid::Uuid;

use super::{audit, exists, first, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

/// The columns of a credential, in the order of [`credential`].
macro_rules! columns {
    () => {
        "id, kind, owner, digest, permissions, origin, expires_at, expires_offset, created_at, spent_at, description, \
         last_used_at, last_used_from, revision, is_imported"
    };
}

/// Stores a credential, unless its owner has `live_max` live ones of its kind already; whether
/// it did. The caller holds the owner's row where others could count at the same time.
pub async fn insert<T: Tx>(
    tx: &mut T,
    credential: &Credential,
    now: Timestamp,
    live_max: i64,
) -> Result<bool, TxError> {
    const SQL: &str = concat!(
        "INSERT INTO credentials (",
        columns!(),
        ") SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15 WHERE (SELECT count(*) FROM credentials",
        " WHERE owner = $3 AND kind = $2 AND spent_at IS NULL AND expires_at >= $16) < $17"
    );
    let permissions = permissions_to_json(&credential.permissions);
    let params = [
        credential.id.uuid().into(),
        credential.kind.name().into(),
        credential.owner.uuid().into(),
        Param::Bytes(credential.digest.as_bytes()),
        Param::Text(&permissions),
        Param::Text(&credential.origin),
        credential.expires.at.micros().into(),
        i64::from(credential.expires.offset.0).into(),
        credential.created.micros().into(),
        Param::optional(credential.spent.map(Timestamp::micros)),
        Param::Text(&credential.description),
        Param::optional(credential.last_used.as_ref().map(|last| last.at.micros())),
        Param::optional(credential.last_used.as_ref().map(|last| last.address.as_str())),
        i64::from(credential.revision).into(),
        credential.is_imported.into(),
        now.micros().into(),
        live_max.into(),
    ];
    Ok(tx.execute(SQL, &params).await? == 1)
}

pub(super) use columns;

/// A row of [`columns`].
pub fn credential(row: Row) -> Result<Credential, TxError> {
    let mut record = Record::new("credentials", row);
    let id = CredentialId::from_uuid(record.key_uuid()?);
    Ok(Credential {
        id,
        kind: record.named("kind", CredentialKind::from_name)?,
        owner: UserId::from_uuid(Uuid::from_bytes(record.bytes("owner")?)),
        digest: Digest::from_bytes(record.bytes("digest")?),
        permissions: record.parsed("permissions", permissions_from_json)?,
        origin: record.text("origin")?,
        expires: Expires { at: record.time("expires_at")?, offset: offset(&mut record)? },
        created: record.time("created_at")?,
        spent: record.optional_int("spent_at")?.map(Timestamp::from_micros),
        description: record.text("description")?,
        last_used: last_use(&mut record)?,
        revision: record.count("revision")?,
        is_imported: record.truth("is_imported")?,
    })
}

fn last_use(record: &mut Record) -> Result<Option<LastUse>, TxError> {
    let (at, address) = (record.optional_int("last_used_at")?, record.optional_text("last_used_from")?);
    Ok(at.zip(address).map(|(at, address)| LastUse { at: Timestamp::from_micros(at), address }))
}

fn offset(record: &mut Record) -> Result<OffsetSeconds, TxError> {
    let seconds = record.int("expires_offset")?;
    i32::try_from(seconds).map(OffsetSeconds).map_err(|error| record.corrupt("expires_offset", error))
}

/// A list of `[pattern, rights]`.
fn permissions_to_json(rules: &[Rule]) -> String {
    let rules: Vec<String> = rules.iter().map(rule_to_json).collect();
    format!("[{}]", rules.join(","))
}

/// `[pattern, rights]`, as it stands in the list.
pub fn rule_to_json(rule: &Rule) -> String {
    serde_json::Value::from(vec![rule.pattern.to_string(), rule.rights.to_string()]).to_string()
}

fn permissions_from_json(json: &str) -> Result<Vec<Rule>, String> {
    let pairs: Vec<(String, String)> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    pairs.iter().map(|(uri, perms)| Rule::parse_stored(uri, perms).map_err(|error| error.to_string())).collect()
}

impl Execute for MintCredential {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<MintOutcome, TxError> {
        // The owner's row is held, so that of several at once each counts what the one before it has stored.
        let owner = users::hold_by_id(tx, self.credential.owner).await?;
        let (outcome, reason) = match owner.map(|owner| owner.standing.admits(Way::Key, self.now)) {
            None => (MintOutcome::NoSuchUser, Reason::NotFound),
            Some(Err(reason)) => (MintOutcome::UserDisabled, reason),
            Some(Ok(())) if insert(tx, &self.credential, self.now, self.live_max.into()).await? => {
                audit::accept(tx, &self.audit).await?;
                return Ok(MintOutcome::Minted);
            }
            Some(Ok(())) => (MintOutcome::TooMany, Reason::TooMany),
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}

impl Execute for FindCredential {
    const ACCESS: Access = Access::Looks;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<Credential>, TxError> {
        const SQL: &str = concat!("SELECT ", columns!(), " FROM credentials WHERE digest = $1");
        first(tx, SQL, &[Param::Bytes(self.digest.as_bytes())]).await?.map(credential).transpose()
    }
}

impl Execute for SpendCredential {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<SpendOutcome, TxError> {
        const SQL: &str = concat!(
            "UPDATE credentials SET spent_at = $2 WHERE digest = $1 AND kind = $3",
            " AND spent_at IS NULL AND expires_at >= $2",
            " AND EXISTS (SELECT 1 FROM users WHERE users.id = credentials.owner AND ",
            users::admits_by_key!(),
            ") RETURNING ",
            columns!()
        );
        let params =
            [Param::Bytes(self.digest.as_bytes()), self.now.micros().into(), CredentialKind::Otp.name().into()];
        let Some(row) = first(tx, SQL, &params).await? else {
            let reason = why_not_spent(self, tx).await?;
            audit::refuse(tx, &self.login, reason).await?;
            return Ok(SpendOutcome::Refused(reason));
        };
        let credential = Credential { spent: None, ..credential(row)? };
        let user = match users::by_id(tx, credential.owner).await? {
            Some(user) if user.standing.admits(Way::Key, self.now).is_ok() => user,
            _ => return Err(TxError::Interrupted("the owner was locked while its credential was spent".into())),
        };
        audit::accept(tx, &self.spend).await?;
        audit::accept(tx, &self.login).await?;
        Ok(SpendOutcome::Spent { credential, user })
    }
}

/// Why the write of [`SpendCredential`] found no row. Decides nothing but the reason in the trail.
async fn why_not_spent<T: Tx>(spend: &SpendCredential, tx: &mut T) -> Result<Reason, TxError> {
    let Some((credential, owner)) = with_owner(tx, spend.digest, CredentialKind::Otp).await? else {
        return Ok(Reason::WrongTicket);
    };
    if credential.spent.is_some() {
        Ok(Reason::OtpSpent)
    } else if credential.expires.at < spend.now {
        Ok(Reason::OtpExpired)
    } else if let Err(reason) = owner.standing.admits(Way::Key, spend.now) {
        Ok(reason)
    } else {
        Err(TxError::Interrupted("the credential became usable while it was refused".into()))
    }
}

/// A credential of this kind with its owner.
pub async fn with_owner<T: Tx>(
    tx: &mut T,
    digest: Digest,
    kind: CredentialKind,
) -> Result<Option<(Credential, User)>, TxError> {
    const SQL: &str = concat!("SELECT ", columns!(), " FROM credentials WHERE digest = $1 AND kind = $2");
    let row = first(tx, SQL, &[Param::Bytes(digest.as_bytes()), kind.name().into()]).await?;
    let Some(credential) = row.map(credential).transpose()? else { return Ok(None) };
    Ok(users::by_id(tx, credential.owner).await?.map(|owner| (credential, owner)))
}

impl Execute for ListCredentials {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<Credential>, TxError> {
        const SQL: &str = concat!(
            "SELECT ",
            columns!(),
            " FROM credentials WHERE owner = $1 AND kind = $2 AND spent_at IS NULL AND expires_at >= $3",
            " ORDER BY created_at, id"
        );
        let params = [self.owner.uuid().into(), self.kind.name().into(), self.now.micros().into()];
        tx.query(SQL, &params).await?.into_iter().map(credential).collect()
    }
}

impl Execute for UpdateCredential {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<bool, TxError> {
        const SQL: &str = "UPDATE credentials SET description = COALESCE($4, description), \
            expires_at = COALESCE(CAST($5 AS bigint), expires_at), \
            expires_offset = COALESCE(CAST($6 AS bigint), expires_offset), \
            permissions = COALESCE($7, permissions), \
            revision = revision + CASE WHEN $8 THEN 1 ELSE 0 END \
            WHERE id = $1 AND revision = $2 AND expires_at = $3 AND spent_at IS NULL AND expires_at >= $9";
        let permissions = self.permissions.as_deref().map(permissions_to_json);
        let params = [
            self.seen.id.uuid().into(),
            i64::from(self.seen.revision).into(),
            self.seen.expires.at.micros().into(),
            Param::optional(self.description.as_deref()),
            Param::optional(self.expires.map(|expires| expires.at.micros())),
            Param::optional(self.expires.map(|expires| i64::from(expires.offset.0))),
            Param::optional(permissions.as_deref()),
            permissions.is_some().into(),
            self.now.micros().into(),
        ];
        let is_changed = tx.execute(SQL, &params).await? == 1;
        if is_changed {
            audit::accept(tx, &self.audit).await?;
        } else {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
        }
        Ok(is_changed)
    }
}

impl Execute for DeleteCredential {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<DeleteCredentialOutcome, TxError> {
        const SQL: &str = "DELETE FROM credentials WHERE id = $1 AND kind = $2 AND (owner = $3 OR $3 IS NULL)";
        let owner = Param::optional(self.owner.map(UserId::uuid));
        let [id, kind] = [self.id.uuid().into(), self.kind.name().into()];
        if tx.execute(SQL, &[id, kind, owner]).await? == 1 {
            audit::accept(tx, &self.audit).await?;
            return Ok(DeleteCredentialOutcome::Deleted);
        }
        let (outcome, reason) =
            if exists(tx, "SELECT 1 FROM credentials WHERE id = $1 AND kind = $2", &[id, kind]).await? {
                (DeleteCredentialOutcome::Foreign, Reason::Foreign)
            } else {
                (DeleteCredentialOutcome::NotFound, Reason::NotFound)
            };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}

impl Execute for ReapCredentials {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<u64, TxError> {
        const SQL: &str = "DELETE FROM credentials WHERE id IN \
            (SELECT id FROM credentials WHERE spent_at < $1 OR expires_at < $1 LIMIT $2)";
        tx.execute(SQL, &[self.before.micros().into(), i64::from(self.limit).into()]).await
    }
}
