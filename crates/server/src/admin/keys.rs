//! `key …` and `otp …`: keys that the operator makes for users.

use countersign_identity::keys::{KeyError, KeyKind, KeyRequest};
use countersign_identity::{Actor, CredentialId, ExpiresInput, RequestContext};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::command::{Refused, RefusedKind};
use super::json;
use crate::app::App;
use crate::clock::{now, random};

/// What `key …` does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "key", rename_all = "snake_case")]
pub enum ApiKeyCommand {
    /// `key create`
    Create {
        /// For whom.
        login: String,
        /// What it is for.
        description: String,
        /// End of life: ISO 8601 text or a Unix time; `None`: never.
        expires: Option<String>,
        /// Pairs of pattern and letters.
        permissions: Vec<(String, String)>,
    },
    /// `key list`
    List {
        /// Whose.
        login: String,
    },
    /// `key revoke`
    Revoke {
        /// Which, by the id that the list shows.
        uuid: String,
    },
}

/// Carries one of them out.
///
/// # Errors
///
/// [`Refused`]; nothing was changed then.
pub(super) async fn run(app: &App, context: &RequestContext, command: ApiKeyCommand) -> Result<Value, Refused> {
    let kind = KeyKind::ApiKey;
    match command {
        ApiKeyCommand::Create { login, description, expires, permissions } => {
            create(app, context, kind, &login, request(description, expires, permissions)).await
        }
        ApiKeyCommand::List { login } => list(app, kind, &login).await,
        ApiKeyCommand::Revoke { uuid } => {
            let id = CredentialId::parse_bus(&uuid).map_err(|error| wrong(format!("{uuid:?}: {error}")))?;
            app.identity.delete_key(kind, id, &Actor::Operator, context, now()).await?;
            Ok(json!({ "uuid": uuid, "revoked": true }))
        }
    }
}

/// Makes a key of either kind.
///
/// # Errors
///
/// [`Refused`]; nothing was made then.
pub(super) async fn create(
    app: &App,
    context: &RequestContext,
    kind: KeyKind,
    login: &str,
    request: KeyRequest,
) -> Result<Value, Refused> {
    let (identity, operator) = (&app.identity, &Actor::Operator);
    let minted = identity.mint_key_for(kind, login, &request, operator, context, now(), &mut random()).await?;
    Ok(json::key(kind, &minted))
}

/// A user's live keys of one kind.
///
/// # Errors
///
/// [`Refused`].
pub(super) async fn list(app: &App, kind: KeyKind, login: &str) -> Result<Value, Refused> {
    let (login, keys) = app.identity.list_keys_of(kind, login, &Actor::Operator, now()).await?;
    Ok(keys.iter().map(|key| json::listed_key(kind, key, &login)).collect())
}

/// What is wished, as it was typed.
pub(super) fn request(description: String, expires: Option<String>, permissions: Vec<(String, String)>) -> KeyRequest {
    KeyRequest { expires: expires.map_or(ExpiresInput::Default, expires_input), permissions, description }
}

/// On the command line a Unix time is text as well.
fn expires_input(text: String) -> ExpiresInput {
    match text.parse::<f64>() {
        Ok(seconds) => ExpiresInput::UnixFloat(seconds),
        Err(_) => ExpiresInput::Text(text),
    }
}

fn wrong(message: String) -> Refused {
    Refused { kind: RefusedKind::Request, message }
}

impl From<KeyError> for Refused {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Storage(error) => error.into(),
            other => wrong(other.to_string()),
        }
    }
}
