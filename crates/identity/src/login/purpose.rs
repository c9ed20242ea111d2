//! What a credential is looked at for. The checks are the same for every purpose; the trail tells them apart.

use super::Claim;
use crate::audit::{AuditEvent, Operation};
use crate::{Actor, LoginName, Timestamp};

/// What a credential is looked at for.
#[derive(Debug, Clone, Copy, Default)]
pub enum Purpose<'a> {
    /// To open a session.
    #[default]
    Session,
    /// To tell somebody, who has a session, whether it is good.
    Check {
        /// Who wants to know.
        by: &'a Actor,
    },
    /// To elevate a session.
    Elevation {
        /// Of whom.
        of: &'a Actor,
    },
    /// To be believed for whom a request is made.
    ActFor,
}

/// The row of one attempt. A name that can't be a login stands as the target only: as the actor it could pass for
/// somebody else.
pub(crate) fn attempt_row(claim: &Claim<'_>, now: Timestamp) -> AuditEvent {
    let name = LoginName::parse(claim.login);
    let target = name.as_ref().map_or(claim.login, LoginName::as_str);
    let row = match claim.purpose {
        Purpose::Session | Purpose::ActFor => {
            let actor = name.as_ref().map_or(Actor::Anonymous.name(), LoginName::as_str);
            let is_session = matches!(claim.purpose, Purpose::Session);
            let operation = if is_session { Operation::Login } else { Operation::ApiKeyActFor };
            AuditEvent::by_name(now, claim.context, actor, operation)
        }
        Purpose::Check { by } => AuditEvent::new(now, claim.context, by, Operation::Authenticate),
        Purpose::Elevation { of } => AuditEvent::new(now, claim.context, of, Operation::Reauthenticate),
    };
    let row = row.target(target);
    // There is none.
    if claim.session.is_empty() { row } else { row.detail(&format!("session={}", claim.session)) }
}
