//! Linked accounts.

use countersign_identity::audit::Reason;
use countersign_identity::sign_on::linked::operations::{
    FindLinked, LinkAccount, LinkOutcome, ListLinks, UnlinkAccount,
};
use countersign_identity::sign_on::linked::{AuthType, Link, Principal, PrincipalName};
use countersign_identity::user::User;
use countersign_identity::{LinkId, UserId};
use uuid::Uuid;

use super::{audit, exists, first, users};
use crate::error::TxError;
use crate::record::Record;
use crate::tx::{Access, Execute, Tx};
use crate::value::{Param, Row};

const LINKS: &str = "linked_accounts";

fn link(row: Row) -> Result<Link, TxError> {
    let mut record = Record::new(LINKS, row);
    Ok(Link {
        id: LinkId::from_uuid(record.key_uuid()?),
        owner: UserId::from_uuid(Uuid::from_bytes(record.bytes("owner")?)),
        principal: Principal {
            auth_type: record.named("auth_type", AuthType::from_name)?,
            name: record.parsed("principal", PrincipalName::parse)?,
        },
        created: record.time("created_at")?,
        is_active: record.truth("active")?,
    })
}

/// Type and name as parameters.
fn named(principal: &Principal) -> [Param<'_>; 2] {
    [principal.auth_type.name().into(), principal.name.as_str().into()]
}

impl Execute for LinkAccount {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<LinkOutcome, TxError> {
        let (outcome, reason) = match make(tx, self).await? {
            LinkOutcome::Linked => {
                audit::accept(tx, &self.audit).await?;
                return Ok(LinkOutcome::Linked);
            }
            LinkOutcome::NoSuchUser => (LinkOutcome::NoSuchUser, Reason::NotFound),
            LinkOutcome::Taken => (LinkOutcome::Taken, Reason::Exists),
            LinkOutcome::TooMany => (LinkOutcome::TooMany, Reason::TooMany),
        };
        audit::refuse(tx, &self.audit, reason).await?;
        Ok(outcome)
    }
}

async fn make<T: Tx>(tx: &mut T, make: &LinkAccount) -> Result<LinkOutcome, TxError> {
    const TAKEN: &str = "SELECT 1 FROM linked_accounts WHERE auth_type = $1 AND principal = $2";
    const SQL: &str = "INSERT INTO linked_accounts (id, owner, auth_type, principal, created_at, active) \
        SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT COUNT(*) FROM linked_accounts WHERE owner = $2) < $7 \
        ON CONFLICT (auth_type, principal) DO NOTHING";
    let link = &make.link;
    // Held, so that nobody else makes a link of this user meanwhile.
    if users::hold_by_id(tx, link.owner).await?.is_none() {
        return Ok(LinkOutcome::NoSuchUser);
    }
    let [auth_type, name] = named(&link.principal);
    let params = [
        link.id.uuid().into(),
        link.owner.uuid().into(),
        auth_type,
        name,
        link.created.micros().into(),
        link.is_active.into(),
        i64::from(make.links_max).into(),
    ];
    if tx.execute(SQL, &params).await? == 1 {
        return Ok(LinkOutcome::Linked);
    }
    let is_taken = exists(tx, TAKEN, &named(&link.principal)).await?;
    Ok(if is_taken { LinkOutcome::Taken } else { LinkOutcome::TooMany })
}

impl Execute for UnlinkAccount {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<LinkId>, TxError> {
        const SQL: &str =
            "DELETE FROM linked_accounts WHERE owner = $1 AND auth_type = $2 AND principal = $3 RETURNING id";
        let [auth_type, name] = named(&self.principal);
        let Some(row) = first(tx, SQL, &[self.owner.uuid().into(), auth_type, name]).await? else {
            audit::refuse(tx, &self.audit, Reason::NotFound).await?;
            return Ok(None);
        };
        audit::accept(tx, &self.audit).await?;
        Ok(Some(LinkId::from_uuid(Record::new(LINKS, row).key_uuid()?)))
    }
}

impl Execute for ListLinks {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Vec<Link>, TxError> {
        const SQL: &str = "SELECT id, owner, auth_type, principal, created_at, active FROM linked_accounts \
            WHERE owner = $1 ORDER BY created_at, id";
        tx.query(SQL, &[self.owner.uuid().into()]).await?.into_iter().map(link).collect()
    }
}

impl Execute for FindLinked {
    const ACCESS: Access = Access::Reads;

    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<Option<User>, TxError> {
        let sql = format!(
            "SELECT {} FROM users JOIN linked_accounts ON linked_accounts.owner = users.id \
             WHERE auth_type = $1 AND principal = $2 AND active",
            users::COLUMNS
        );
        first(tx, &sql, &named(&self.principal)).await?.map(users::user).transpose()
    }
}
