//! Changes of keys that are there: what they are for, when they end, how far they reach.
//!
//! **Invariants:** a change makes of a key nothing that its caller could not make as a new one. Whose it is, who asked for it
//! and under which digest it is found stay; one that was used up, or has ended, is not brought back. Sessions of an API key
//! whose restrictions change end: they were opened under others.
//!
//! Source: contract of the bus, sections 5.3 and 9.

use crate::audit::{AuditEvent, Operation, Reason};
use crate::keys::{KeyError, KeyKind, KeyRequest, may_change, own, trusted};
use crate::permission::parse_rules;
use crate::records::{Collection, Records};
use crate::repository::{RecordAudit, Repository, UpdateCredential};
use crate::{Actor, Credential, CredentialId, Expires, ExpiresInput, Identity, RequestContext, Timestamp};

/// What is to be changed; `None`: as it is.
#[derive(Debug, Clone, Default)]
pub struct KeyChange {
    /// End of life.
    pub expires: Option<ExpiresInput>,
    /// Restrictions on top of the role, as pairs of pattern and letters; empty: none of its own.
    pub permissions: Option<Vec<(String, String)>>,
    /// What an API key is for, in words.
    pub description: Option<String>,
}

impl KeyKind {
    fn update(self) -> Operation {
        match self {
            Self::Otp => Operation::OtpUpdate,
            Self::ApiKey => Operation::ApiKeyUpdate,
        }
    }

    fn collection(self) -> Collection {
        match self {
            Self::Otp => Collection::Otps,
            Self::ApiKey => Collection::ApiKeys,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Changes a key: one's own, or for trusted callers anybody's. What is as it was is not changed, and leaves no row in the
    /// trail. Answers whether its restrictions or its end changed, so that its sessions have to be looked at.
    ///
    /// # Errors
    ///
    /// [`KeyError`], which the trail holds by then; nothing was changed.
    pub async fn update_key(
        &self,
        kind: KeyKind,
        id: CredentialId,
        change: &KeyChange,
        actor: &Actor,
        context: &RequestContext,
        now: Timestamp,
    ) -> Result<bool, KeyError> {
        let audit = AuditEvent::new(now, context, actor, kind.update()).target(&id.to_bus());
        let planned = match self.changeable_key(kind, id, actor, now).await {
            Ok(seen) => self.plan_key_change(kind, seen, change, actor, now),
            Err(error) => Err(error),
        };
        let Planned { seen, description, expires, permissions } = match planned {
            Ok(planned) => planned,
            Err(error @ KeyError::Foreign(_)) => return Err(self.refuse_change(error, audit, Reason::Foreign).await),
            Err(error @ KeyError::Gone(_)) => return Err(self.refuse_change(error, audit, Reason::NotFound).await),
            Err(error) => return Err(self.refuse_key(error, audit).await),
        };
        let named = [
            ("description", description.is_some()),
            ("expires", expires.is_some()),
            ("permissions", permissions.is_some()),
        ];
        let changed: Vec<&str> = named.into_iter().filter(|(_, is_new)| *is_new).map(|(field, _)| field).collect();
        if changed.is_empty() {
            return Ok(false);
        }
        let audit = audit.detail(&changed.join(", "));
        let reaches_sessions = expires.is_some() || permissions.is_some();
        let update = UpdateCredential { seen, description, expires, permissions, now, audit };
        if self.repository.run(update).await? { Ok(reaches_sessions) } else { Err(KeyError::Gone(kind)) }
    }

    /// Writes a refusal that storage writes for other rules.
    async fn refuse_change(&self, error: KeyError, audit: AuditEvent, reason: Reason) -> KeyError {
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }

    /// The key as it is, if it can still be used and the actor may change it.
    async fn changeable_key(
        &self,
        kind: KeyKind,
        id: CredentialId,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Credential, KeyError> {
        may_change(kind, actor)?;
        let found = self.record(kind.collection(), id.uuid(), now).await?;
        let Some(Records::Otps(entries) | Records::ApiKeys(entries)) = found else {
            return Err(KeyError::Gone(kind));
        };
        let seen = entries.into_iter().next().map(|entry| entry.credential).ok_or(KeyError::Gone(kind))?;
        if trusted(actor).is_err() && own(actor)?.0 != seen.owner {
            return Err(KeyError::Foreign(kind));
        }
        Ok(seen)
    }

    fn plan_key_change(
        &self,
        kind: KeyKind,
        seen: Credential,
        change: &KeyChange,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Planned, KeyError> {
        let is_same = |wish: &ExpiresInput| match (wish, seen.expires.shown()) {
            (ExpiresInput::Text(text), Some(shown)) => *text == shown,
            (ExpiresInput::Default, None) => true,
            _ => false,
        };
        let expires = change.expires.as_ref().filter(|wish| !is_same(wish));
        let expires = expires.map(|wish| Expires::resolve(wish, now, self.lifetimes(kind))).transpose();
        let expires = expires.map_err(|error| KeyError::Expires { kind, error })?;
        let expires = expires.filter(|expires| *expires != seen.expires);
        let rules = change.permissions.as_ref();
        let rules = rules.map(|rules| parse_rules(rules.iter().map(|(uri, letters)| (uri.as_str(), letters.as_str()))));
        let permissions = rules.transpose()?.filter(|rules| *rules != seen.permissions);
        let description = change.description.clone().filter(|text| *text != seen.description);
        if description.as_ref().is_some_and(|text| !KeyRequest::is_description(text)) {
            return Err(KeyError::Description);
        }
        // One that may make keys would live on, or reach further, by its own hand.
        let reach = permissions.as_ref().unwrap_or(&seen.permissions);
        let is_touched = expires.is_some() || permissions.is_some();
        if actor.is_key_session() && is_touched && self.settings.denials.names_withheld(reach) {
            return Err(KeyError::HandsOn);
        }
        Ok(Planned { seen, description, expires, permissions })
    }
}

/// What really changes.
struct Planned {
    seen: Credential,
    description: Option<String>,
    expires: Option<Expires>,
    permissions: Option<Vec<crate::permission::Rule>>,
}

#[cfg(test)]
#[path = "key_update_tests.rs"]
mod tests;
