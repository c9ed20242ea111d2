//! Users that come from another system, with what they have there.
//!
//! **Invariant:** a user comes over whole or not at all: one transaction holds all of it and the row for the trail. A user
//! that is there already is never changed, so an import can be run again.

use crate::audit::{AuditEvent, Operation};
use crate::metadata::MetadataEntry;
use crate::profile::Profile;
use crate::repository::{FindUser, ListRoles, Repository, RepositoryError};
use crate::sign_on::attributes::{Attribute, AttributeOwner};
use crate::sign_on::{Factor, SignOnSession};
use crate::user::User;
use crate::{Actor, Credential, Identity, RequestContext, Timestamp};

/// A user of another system, as it will be here.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedUser {
    /// The user, with a hash that this system can check.
    pub user: User,
    /// What else is known.
    pub profile: Profile,
    /// The second factor.
    pub factor: Option<Factor>,
    /// Live sessions; all are this user's.
    pub sessions: Vec<SignOnSession>,
    /// Attributes of the user and of these sessions, with their values in the clear.
    pub attributes: Vec<(AttributeOwner, Attribute)>,
    /// Keys; all are this user's.
    pub credentials: Vec<Credential>,
    /// Metadata.
    pub metadata: Vec<MetadataEntry>,
}

/// Stores a user of another system.
#[derive(Debug)]
pub struct ImportUser {
    /// The user.
    pub imported: ImportedUser,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`ImportUser`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportUserOutcome {
    /// Done.
    Imported,
    /// A user with this login name or this id is there.
    Exists,
    /// There is no such role.
    NoSuchRole,
}

impl<R: Repository> Identity<R> {
    /// Stores a user of another system; `source` says which for the trail.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`]; nothing was stored then.
    pub async fn import_user(
        &self,
        imported: ImportedUser,
        source: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<ImportUserOutcome, RepositoryError> {
        let audit = AuditEvent::new(now, context, actor, Operation::UserImport);
        let audit = audit.target(imported.user.login.as_str()).detail(source);
        self.repository.run(ImportUser { imported, audit }).await
    }

    /// What [`Identity::import_user`] would come to.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn would_import(&self, imported: &ImportedUser) -> Result<ImportUserOutcome, RepositoryError> {
        let user = &imported.user;
        for which in [FindUser::ById(user.id), FindUser::ByLogin(user.login.clone())] {
            if self.repository.run(which).await?.is_some() {
                return Ok(ImportUserOutcome::Exists);
            }
        }
        let has_role = self.repository.run(ListRoles).await?.iter().any(|role| role.name == user.role);
        Ok(if has_role { ImportUserOutcome::Imported } else { ImportUserOutcome::NoSuchRole })
    }
}
