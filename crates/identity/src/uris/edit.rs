//! Reading and changing records.

use super::operations::{
    Begins, ClearUriHistory, DeleteUri, FindUri, ListConnections, ListUris, SetUri, SetUriOutcome, UriRepository,
};
use super::{FoundUri, UriKey, UriKeyError, UriRecord, UriUpdate, UriUpdateError};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::permission::{SessionRights, Withheld};
use crate::repository::{RecordAudit, RepositoryError, Run};
use crate::{Actor, Identity, RequestContext, Timestamp};

/// Most records that are read at once.
const PAGE_MAX: u32 = 1_000;

/// Why a record was neither shown nor changed.
#[derive(Debug, thiserror::Error)]
pub enum UriError {
    /// The caller is not trusted.
    #[error("only trusted users may see and change records of URIs")]
    NotTrusted,
    /// The session of a key can't do this.
    #[error(
        "a session that was opened with a one-time password can't change records of URIs, nor one of an API key unless a rule of the \
         key names this URI"
    )]
    OtpSession,
    /// There is no such record.
    #[error("there is no record of this URI")]
    NotFound,
    /// The record is of a URI that is registered.
    #[error("the record can't be removed: there is none, or the URI is registered")]
    Active,
    /// There is one already.
    #[error("there is a record of this URI already")]
    Exists,
    /// There are too many.
    #[error("there are {0} records of URIs already, which is the most that there may be")]
    TooMany(u32),
    /// The key is none.
    #[error(transparent)]
    Key(#[from] UriKeyError),
    /// A value makes no sense.
    #[error(transparent)]
    Update(#[from] UriUpdateError),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl UriError {
    /// The reason for the trail, where the rules themselves refused.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::NotTrusted => Some(Reason::NotAllowed),
            Self::OtpSession => Some(Reason::OtpSession),
            Self::Key(_) | Self::Update(_) => Some(Reason::BadRequest),
            // Storage has written the row in the transaction that decided.
            Self::NotFound | Self::Exists | Self::Active | Self::TooMany(_) | Self::Storage(_) => None,
        }
    }
}

/// What a session may that says what a URI is for.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Its rights.
    pub rights: &'a SessionRights,
    /// Whether it has those that are marked `+`.
    pub is_elevated: bool,
}

impl<R: UriRepository + Run<RecordAudit>> Identity<R> {
    /// A record with its history; `None` where there is none. For trusted callers.
    ///
    /// # Errors
    ///
    /// [`UriError`].
    pub async fn uri(&self, key: &UriKey, actor: &Actor) -> Result<Option<FoundUri>, UriError> {
        if !actor.is_trusted() {
            return Err(UriError::NotTrusted);
        }
        self.found_uri(key).await
    }

    /// Records in the order of their URIs, at most 1,000 of them. For trusted callers.
    ///
    /// # Errors
    ///
    /// [`UriError`].
    pub async fn uris(
        &self,
        after: Option<UriKey>,
        with_system: bool,
        limit: u32,
        actor: &Actor,
    ) -> Result<Vec<UriRecord>, UriError> {
        if !actor.is_trusted() {
            return Err(UriError::NotTrusted);
        }
        Ok(self.repository.run(ListUris { after, with_system, limit: limit.min(PAGE_MAX) }).await?)
    }

    /// Changes a record, or begins one. For trusted callers.
    ///
    /// # Errors
    ///
    /// [`UriError`], which the trail holds by then; nothing was changed.
    pub async fn set_uri(
        &self,
        key: &UriKey,
        update: UriUpdate,
        begins: Begins,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<FoundUri, UriError> {
        let audit = row(key, &update, actor, context, now);
        if let Err(error) = admit(actor) {
            return Err(self.refuse_uri(error, audit).await);
        }
        self.store_uri(key, update, begins, audit).await?;
        self.found_uri(key).await?.ok_or(UriError::NotFound)
    }

    /// Says what a URI is for and who looks after it. Whoever may register it, or might if it were documented, may say so;
    /// answers whether the caller may.
    ///
    /// # Errors
    ///
    /// [`UriError`], which the trail holds by then; nothing was changed.
    pub async fn document_uri(
        &self,
        key: &UriKey,
        update: UriUpdate,
        asker: Asker<'_>,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<bool, UriError> {
        let audit = row(key, &update, actor, context, now);
        let meant = key.policy().of(key.uri());
        let may = asker.rights.decide(UriKey::ACTION, meant).is_ok_and(|right| asker.is_elevated || !right.elevated);
        if !may {
            self.repository.run(RecordAudit { event: audit.refused(Reason::NotAllowed) }).await?;
            return Ok(false);
        }
        self.store_uri(key, update, Begins::IfMissing, audit).await?;
        Ok(true)
    }

    /// Forgets the connections of a record that have ended. For trusted callers.
    ///
    /// # Errors
    ///
    /// [`UriError`], which the trail holds by then; nothing was changed.
    pub async fn clear_uri_history(
        &self,
        key: &UriKey,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), UriError> {
        let audit = AuditEvent::new(now, context, actor, Operation::UriClear).target(&key.to_string());
        if let Err(error) = admit(actor) {
            return Err(self.refuse_uri(error, audit).await);
        }
        let is_there = self.repository.run(ClearUriHistory { key: key.clone(), audit }).await?;
        if is_there { Ok(()) } else { Err(UriError::NotFound) }
    }

    /// Removes a record that is not active. For trusted callers.
    ///
    /// # Errors
    ///
    /// [`UriError`], which the trail holds by then; nothing was changed.
    pub async fn delete_uri(
        &self,
        key: &UriKey,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<(), UriError> {
        let audit = AuditEvent::new(now, context, actor, Operation::UriDelete).target(&key.to_string());
        if let Err(error) = admit(actor) {
            return Err(self.refuse_uri(error, audit).await);
        }
        let was_there = self.repository.run(DeleteUri { key: key.clone(), audit }).await?;
        if was_there { Ok(()) } else { Err(UriError::Active) }
    }

    async fn found_uri(&self, key: &UriKey) -> Result<Option<FoundUri>, UriError> {
        let Some(record) = self.repository.run(FindUri { key: key.clone() }).await? else { return Ok(None) };
        let history = self.repository.run(ListConnections { key: key.clone() }).await?;
        Ok(Some(FoundUri { record, history }))
    }

    async fn store_uri(
        &self,
        key: &UriKey,
        update: UriUpdate,
        begins: Begins,
        audit: AuditEvent,
    ) -> Result<(), UriError> {
        let schedule = match update.check() {
            Ok(schedule) => schedule,
            Err(error) => return Err(self.refuse_uri(error.into(), audit).await),
        };
        let records_max = self.settings.uri_records_max;
        let set = SetUri { key: key.clone(), update, schedule, begins, records_max, audit };
        match self.repository.run(set).await? {
            SetUriOutcome::Done => Ok(()),
            SetUriOutcome::NotFound => Err(UriError::NotFound),
            SetUriOutcome::Exists => Err(UriError::Exists),
            SetUriOutcome::TooMany => Err(UriError::TooMany(records_max)),
        }
    }

    async fn refuse_uri(&self, error: UriError, audit: AuditEvent) -> UriError {
        let Some(reason) = error.reason() else { return error };
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }
}

fn admit(actor: &Actor) -> Result<(), UriError> {
    if !actor.may(Withheld::Records) {
        return Err(UriError::OtpSession);
    }
    if actor.is_trusted() { Ok(()) } else { Err(UriError::NotTrusted) }
}

fn row(key: &UriKey, update: &UriUpdate, actor: &Actor, context: &RequestContext, now: Timestamp) -> AuditEvent {
    let fields = [
        ("description", update.description.is_some()),
        ("contact", update.contact.is_some()),
        ("disconnect_warn_after", update.warn_after_seconds.is_some()),
        ("disconnect_warn_reminder_after", update.warn_reminder_after_seconds.is_some()),
        ("disconnect_count_warn_after", update.count_warn_after.is_some()),
        ("disconnect_count_warn_reminder_after", update.count_warn_reminder_after_seconds.is_some()),
        ("zombie_lifespan", update.zombie_lifespan.is_some()),
        ("schedule", update.schedule.is_some()),
        ("disconnect", update.disconnected.is_some()),
    ];
    let changed: Vec<&str> = fields.into_iter().filter(|(_, is_given)| *is_given).map(|(field, _)| field).collect();
    AuditEvent::new(now, context, actor, Operation::UriSet).target(&key.to_string()).detail(&changed.join(", "))
}
