//! Users of other systems.

use countersign_identity::audit::Reason;
use countersign_identity::import::{ImportUser, ImportUserOutcome};

use super::{attributes, audit, credentials, factors, metadata, profiles, sessions, users};
use crate::error::TxError;
use crate::tx::{Execute, Tx};

/// More keys than any user can have.
const ALL: i64 = 1_000_000;

impl Execute for ImportUser {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<ImportUserOutcome, TxError> {
        let imported = &self.imported;
        let owner = imported.user.id;
        let refused = if users::by_id(tx, owner).await?.is_some() {
            Some((ImportUserOutcome::Exists, Reason::Exists))
        } else if users::insert(tx, &imported.user).await? {
            None
        } else if users::role_exists(tx, &imported.user.role).await? {
            Some((ImportUserOutcome::Exists, Reason::Exists))
        } else {
            Some((ImportUserOutcome::NoSuchRole, Reason::BadRequest))
        };
        if let Some((outcome, reason)) = refused {
            audit::refuse(tx, &self.audit, reason).await?;
            return Ok(outcome);
        }
        profiles::store(tx, owner, &imported.profile).await?;
        if let Some(factor) = &imported.factor {
            factors::insert(tx, owner, factor).await?;
        }
        for session in &imported.sessions {
            sessions::insert(tx, session).await?;
        }
        for (owner, attribute) in &imported.attributes {
            attributes::insert(tx, *owner, attribute).await?;
        }
        for credential in &imported.credentials {
            credentials::insert(tx, credential, credential.created, ALL).await?;
        }
        for entry in &imported.metadata {
            metadata::put(tx, owner, entry).await?;
        }
        audit::accept(tx, &self.audit).await?;
        Ok(ImportUserOutcome::Imported)
    }
}
