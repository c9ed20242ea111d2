//! The first start of an installation.

use countersign_identity::repository::{Bootstrap, BootstrapOutcome};

use super::{audit, credentials, roles, users};
use crate::error::TxError;
use crate::tx::{Execute, Tx};

impl Execute for Bootstrap {
    async fn execute<T: Tx>(&self, tx: &mut T) -> Result<BootstrapOutcome, TxError> {
        // Of several nodes one writes this row; the others wait here for its commit.
        const SQL: &str = "INSERT INTO installation (one, created_at) VALUES (1, $1) ON CONFLICT (one) DO NOTHING";
        if tx.execute(SQL, &[self.audit.at.micros().into()]).await? == 0 {
            return Ok(BootstrapOutcome::AlreadyDone);
        }
        for role in &self.roles {
            // What an operator made beforehand stays.
            roles::insert(tx, &role.name).await?;
            for rule in &role.rules {
                roles::set_rule(tx, &role.name, rule).await?;
            }
        }
        if !users::insert(tx, &self.user).await? {
            let login = &self.user.login;
            let why = format!("the first user, {login}, exists already or its role {} does not", self.user.role);
            return Err(TxError::Database(why.into()));
        }
        credentials::insert(tx, &self.credential, self.audit.at, i64::MAX).await?;
        audit::accept(tx, &self.audit).await?;
        Ok(BootstrapOutcome::Done)
    }
}
