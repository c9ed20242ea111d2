//! `uri …`: records of URIs in the operator's hands.

use clap::Args;
use countersign_identity::uris::operations::Begins;
use countersign_identity::uris::{FoundUri, UriError, UriKey, UriPolicy, UriUpdate, ZombieLifespan};
use countersign_identity::{Actor, RequestContext, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::command::{Refused, RefusedKind};
use super::json;
use crate::app::App;
use crate::clock::now;
use crate::hub::Hub;
use crate::records;

/// Records that are read at once.
const PAGE: u32 = 500;

/// What `uri …` does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "uri_command", rename_all = "snake_case")]
pub enum UriCommand {
    /// `uri list`
    List {
        /// Whether the server's own are among them.
        all: bool,
    },
    /// `uri show`
    Show(UriName),
    /// `uri set`
    Set {
        /// Which.
        name: UriName,
        /// What.
        fields: Box<UriFields>,
    },
    /// `uri document`
    Document {
        /// Which.
        name: UriName,
        /// What it is for.
        description: String,
        /// Who looks after it.
        contact: String,
    },
    /// `uri clear-history`
    ClearHistory(UriName),
    /// `uri delete`
    Delete(UriName),
}

/// Which record.
#[derive(Debug, Args, Serialize, Deserialize)]
pub struct UriName {
    /// The procedure, or the pattern of procedures
    pub uri: String,
    /// How the pattern is compared: exact, prefix or wildcard
    #[arg(long = "match", value_name = "POLICY", default_value = "exact")]
    pub policy: String,
}

/// What is to be set; what isn't named stays. `none` takes a number away.
#[derive(Debug, Default, Args, Serialize, Deserialize)]
pub struct UriFields {
    /// Tell when nobody has it registered for so many seconds, or none
    #[arg(long, value_name = "S")]
    warn_after: Option<String>,
    /// Tell it again every so many seconds, or none
    #[arg(long, value_name = "S")]
    warn_reminder_after: Option<String>,
    /// Tell when so many registrations ended within ten minutes, or none
    #[arg(long, value_name = "N")]
    count_warn_after: Option<String>,
    /// Tell it again every so many seconds, or none
    #[arg(long, value_name = "S")]
    count_warn_reminder_after: Option<String>,
    /// Remove the record when nobody has it registered for so many seconds; never, or none for the server's setting
    #[arg(long, value_name = "S")]
    zombie_lifespan: Option<String>,
    /// Other settings at certain times: lines of five cron fields and `key:number, …`; empty: none
    #[arg(long, value_name = "LINES")]
    schedule: Option<String>,
    /// Since when nobody has it registered: 2026-10-17T10:17:30Z; without an offset in UTC
    #[arg(long, value_name = "TIME")]
    disconnect: Option<String>,
}

impl UriFields {
    fn update(self) -> Result<UriUpdate, Refused> {
        let number = |field: &'static str, text: Option<String>| text.map(|text| read(field, &text)).transpose();
        let zombie_lifespan = match self.zombie_lifespan.as_deref() {
            None => None,
            Some("never") => Some(Some(ZombieLifespan::Never)),
            Some(text) => Some(read("zombie-lifespan", text)?.map(ZombieLifespan::Seconds)),
        };
        let disconnected = match &self.disconnect {
            None => None,
            Some(text) => Some(Timestamp::parse(text).ok_or_else(|| wrong("disconnect is no time".into()))?),
        };
        Ok(UriUpdate {
            warn_after_seconds: number("warn-after", self.warn_after)?,
            warn_reminder_after_seconds: number("warn-reminder-after", self.warn_reminder_after)?,
            count_warn_after: number("count-warn-after", self.count_warn_after)?,
            count_warn_reminder_after_seconds: number("count-warn-reminder-after", self.count_warn_reminder_after)?,
            zombie_lifespan,
            schedule: self.schedule,
            disconnected,
            ..UriUpdate::default()
        })
    }
}

fn read(field: &str, text: &str) -> Result<Option<u32>, Refused> {
    if text == "none" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| wrong(format!("{field} is a number or none")))
}

fn wrong(message: String) -> Refused {
    Refused { kind: RefusedKind::Request, message }
}

impl UriName {
    fn key(&self) -> Result<UriKey, Refused> {
        let policy = UriPolicy::from_name(&self.policy);
        let policy = policy.ok_or_else(|| wrong("--match is exact, prefix or wildcard".into()))?;
        UriKey::new(&self.uri, policy).map_err(|error| wrong(error.to_string()))
    }
}

impl From<UriError> for Refused {
    fn from(error: UriError) -> Self {
        match error {
            UriError::Storage(fault) => fault.into(),
            other => wrong(other.to_string()),
        }
    }
}

/// Carries one of them out; `hub` is the realm of a running server.
///
/// # Errors
///
/// [`Refused`]; nothing was changed then.
pub(super) async fn run(
    app: &App,
    hub: Option<&Hub>,
    context: &RequestContext,
    command: UriCommand,
) -> Result<Value, Refused> {
    let (identity, operator) = (&app.identity, &Actor::Operator);
    let shown = |found: &FoundUri| json::value(records::uri(found).into());
    let answer = match command {
        UriCommand::List { all } => return list(app, all).await,
        UriCommand::Show(name) => {
            let found = identity.uri(&name.key()?, operator).await?;
            return Ok(shown(&found.ok_or(UriError::NotFound)?));
        }
        UriCommand::Set { name, fields } => {
            let update = fields.update()?;
            if update.is_empty() {
                return Err(wrong("nothing is to be changed; `countersign uri set --help` shows what can be".into()));
            }
            shown(&identity.set_uri(&name.key()?, update, Begins::IfMissing, operator, context, now()).await?)
        }
        UriCommand::Document { name, description, contact } => {
            let (description, contact) = (Some(description), Some(contact));
            let update = UriUpdate { description, contact, ..UriUpdate::default() };
            shown(&identity.set_uri(&name.key()?, update, Begins::IfMissing, operator, context, now()).await?)
        }
        UriCommand::ClearHistory(name) => {
            let key = name.key()?;
            identity.clear_uri_history(&key, operator, context, now()).await?;
            shown(&identity.uri(&key, operator).await?.ok_or(UriError::NotFound)?)
        }
        UriCommand::Delete(name) => {
            let key = name.key()?;
            identity.delete_uri(&key, operator, context, now()).await?;
            serde_json::json!({ "key": key.to_string(), "deleted": true })
        }
    };
    app.refresh_documents(hub).await?;
    app.alerts.wake();
    Ok(answer)
}

async fn list(app: &App, all: bool) -> Result<Value, Refused> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = app.identity.uris(after, all, PAGE, &Actor::Operator).await?;
        after = page.last().map(|record| record.key.clone());
        if after.is_none() {
            return Ok(rows.into());
        }
        let row = |record| json::value(records::uri(&FoundUri { record, history: Vec::new() }).into());
        rows.extend(page.into_iter().map(row));
    }
}
