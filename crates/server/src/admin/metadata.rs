//! `user metadata …`: what is noted of users, in the operator's hands.

use countersign_identity::metadata::{MetadataError, MetadataOf, MetadataValue};
use countersign_identity::repository::RepositoryError;
use countersign_identity::{Actor, RequestContext, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::command::{ClearText, Refused, RefusedKind};
use crate::app::App;
use crate::clock::{now, random};
use crate::yaml;

/// What `user metadata …` does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "metadata", rename_all = "snake_case")]
pub enum MetadataEdit {
    /// `user metadata list`
    List {
        /// As YAML texts.
        yaml: bool,
    },
    /// `user metadata get`
    Get {
        /// Which.
        key: String,
        /// As a YAML text.
        yaml: bool,
    },
    /// `user metadata set`
    Set {
        /// Which.
        key: String,
        /// A JSON text, or a YAML text.
        value: ClearText,
        /// Which of them.
        yaml: bool,
    },
    /// `user metadata delete`
    Delete {
        /// Which.
        key: String,
    },
}

/// Carries one of them out.
///
/// # Errors
///
/// [`Refused`]; nothing was changed then.
pub(super) async fn edit(
    app: &App,
    context: &RequestContext,
    login: &str,
    edit: MetadataEdit,
) -> Result<Value, Refused> {
    let (identity, of, operator) = (&app.identity, MetadataOf::Login(login), &Actor::Operator);
    match edit {
        MetadataEdit::List { yaml } => {
            let (_, entries) = identity.list_metadata(of, operator).await?;
            let shown = |value: &MetadataValue| shown(value, yaml);
            let all = entries.iter().map(|entry| {
                let fields = json!({ "uuid": entry.id.to_bus(), "value": shown(&entry.value)? });
                Ok((entry.key.as_str().to_owned(), fields))
            });
            Ok(all.collect::<Result<Map<_, _>, Refused>>()?.into())
        }
        MetadataEdit::Get { key, yaml } => match identity.metadata(of, &key, operator).await? {
            Some(entry) => Ok(json!({ "key": key, "value": shown(&entry.value, yaml)? })),
            None => Err(wrong(format!("nothing is noted of {login:?} under {key:?}"))),
        },
        MetadataEdit::Set { key, value, yaml } => {
            let value = given(value.expose(), yaml, app.config.metadata.value_bytes_max)?;
            let answer = json!({ "key": key, "value": shown(&value, yaml)? });
            identity.set_metadata(of, &key, value, operator, context, now(), &mut random()).await?;
            Ok(answer)
        }
        MetadataEdit::Delete { key } => {
            let was_there = identity.delete_metadata(of, &key, operator, context, now()).await?;
            Ok(json!({ "key": key, "was_there": was_there }))
        }
    }
}

fn given(text: &str, is_yaml: bool, bytes_max: usize) -> Result<MetadataValue, Refused> {
    if is_yaml {
        let json = yaml::to_json(text, bytes_max).map_err(|error| wrong(error.to_string()))?;
        return Ok(MetadataValue { json: Secret::new(json), yaml: Some(Secret::new(text)) });
    }
    let value: Value = serde_json::from_str(text)
        .map_err(|error| wrong(format!("the value has to be JSON, as \"text\" or {{\"a\": 1}}: {error}")))?;
    Ok(MetadataValue { json: Secret::new(value.to_string()), yaml: None })
}

fn shown(value: &MetadataValue, as_yaml: bool) -> Result<Value, Refused> {
    let corrupt = |error: &dyn std::fmt::Display| Refused::from(RepositoryError::Corrupt(format!("metadata: {error}")));
    let json = value.json.expose();
    match &value.yaml {
        Some(given) if as_yaml => Ok(given.expose().into()),
        None if as_yaml => yaml::from_json(json).map(Value::String).map_err(|error| corrupt(&error)),
        _ => serde_json::from_str(json).map_err(|error| corrupt(&error)),
    }
}

fn wrong(message: String) -> Refused {
    Refused { kind: RefusedKind::Request, message }
}

impl From<MetadataError> for Refused {
    fn from(error: MetadataError) -> Self {
        match error {
            MetadataError::Storage(error) => error.into(),
            other => wrong(other.to_string()),
        }
    }
}
