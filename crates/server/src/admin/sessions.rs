//! `session …`: sign-on sessions in the operator's hands.

use countersign_identity::RequestContext;
use countersign_identity::sign_on::{ListedSession, SessionError};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::command::{Refused, RefusedKind};
use crate::app::App;
use crate::clock::now;

/// What `session …` does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "session", rename_all = "snake_case")]
pub enum SessionCommand {
    /// `session list`
    List {
        /// Whose.
        login: String,
    },
    /// `session revoke`
    Revoke {
        /// Which, by the id that the list shows.
        id: String,
    },
}

/// Carries one of them out.
///
/// # Errors
///
/// [`Refused`]; nothing was changed then.
pub(super) async fn run(app: &App, context: &RequestContext, command: SessionCommand) -> Result<Value, Refused> {
    match command {
        SessionCommand::List { login } => {
            Ok(app.identity.sessions_of_login(&login, now()).await?.iter().map(row).collect())
        }
        SessionCommand::Revoke { id } => match app.identity.revoke_session_as_operator(&id, context, now()).await {
            Ok(()) => Ok(json!({ "session_id": id, "revoked": true })),
            Err(SessionError::NoSuchSession) => {
                Err(Refused { kind: RefusedKind::Request, message: format!("there is no session {id:?}") })
            }
            Err(SessionError::Storage(fault)) => Err(fault.into()),
        },
    }
}

fn row(listed: &ListedSession) -> Value {
    let ListedSession { session, changes } = listed;
    json!({
        "session_id": session.id.to_bus(),
        "created": session.created.to_rfc3339(),
        "expires": session.expires.to_rfc3339(),
        "application": session.application,
        "address": session.address,
        "agent": session.agent,
        "renewed": changes.last().map_or(0, |change| change.index.saturating_sub(1)),
    })
}
