//! Records of URIs that come from another system.
//!
//! **Invariant:** a record comes over whole or not at all, and one that is there already is never changed, so an import can be
//! run again. Nothing that comes over is active, nor the server's own: only the router says so.

use super::operations::{CountUris, FindUri, UriRepository};
use super::{Connection, LastCallee, Schedule, UriError, UriKey, UriUpdate};
use crate::audit::{AuditEvent, Operation};
use crate::repository::{RecordAudit, Run};
use crate::{Actor, Identity, RequestContext, Timestamp};

/// A record of another system, as it will be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedUri {
    /// Which procedure or pattern.
    pub key: UriKey,
    /// What is said of it, and since when nobody has it registered.
    pub update: UriUpdate,
    /// See [`UriRecord::created`](super::UriRecord::created).
    pub created: Timestamp,
    /// See [`UriRecord::invoke`](super::UriRecord::invoke).
    pub invoke: Option<String>,
    /// Who registered it last.
    pub last: LastCallee,
    /// See [`UriRecord::warned`](super::UriRecord::warned).
    pub warned: Option<Timestamp>,
    /// See [`UriRecord::count_warned`](super::UriRecord::count_warned).
    pub count_warned: Option<Timestamp>,
    /// Connections, oldest first. One that has no end there ends now.
    pub history: Vec<Connection>,
}

/// Stores a record of another system.
#[derive(Debug, Clone)]
pub struct ImportUri {
    /// The record.
    pub imported: ImportedUri,
    /// The schedule of the update, checked.
    pub schedule: Option<Schedule>,
    /// Most records that there may be.
    pub records_max: u32,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`ImportUri`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportUriOutcome {
    /// Done.
    Imported,
    /// There is a record of this URI.
    Exists,
    /// There are too many.
    TooMany,
}

impl<R: UriRepository + Run<RecordAudit>> Identity<R> {
    /// Stores a record of another system; `source` says which for the trail.
    ///
    /// # Errors
    ///
    /// [`UriError`]; nothing was stored then.
    pub async fn import_uri(
        &self,
        imported: ImportedUri,
        source: &str,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<ImportUriOutcome, UriError> {
        let audit = AuditEvent::new(now, context, actor, Operation::UriImport);
        let audit = audit.target(&imported.key.to_string()).detail(source);
        let schedule = imported.update.check()?;
        let records_max = self.settings.uri_records_max;
        Ok(self.repository.run(ImportUri { imported, schedule, records_max, audit }).await?)
    }

    /// What [`Identity::import_uri`] would come to, after `planned` others.
    ///
    /// # Errors
    ///
    /// As of [`Identity::import_uri`].
    pub async fn would_import_uri(&self, imported: &ImportedUri, planned: u64) -> Result<ImportUriOutcome, UriError> {
        imported.update.check()?;
        if self.repository.run(FindUri { key: imported.key.clone() }).await?.is_some() {
            return Ok(ImportUriOutcome::Exists);
        }
        let there = self.repository.run(CountUris).await?;
        let has_room = there.saturating_add(planned) < self.settings.uri_records_max.into();
        Ok(if has_room { ImportUriOutcome::Imported } else { ImportUriOutcome::TooMany })
    }
}
