//! The audit trail as a whole, stretch by stretch: whoever asks goes on where the last answer ended.

use clap::Args;
use countersign_identity::audit_chain::{Checkpoint, Link, Position};
use countersign_identity::audit_trail::{AuditQuery, Verified};
use serde::{Deserialize, Serialize};

use super::command::{AuditPosition, AuditVerified, Refused, RefusedKind};
use crate::app::App;
use crate::trail::CheckpointFileError;

/// Rows that one answer is about, about.
const STRETCH_ROWS: u32 = 20_000;

/// Which rows of the trail.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
pub struct AuditFilters {
    /// Only this correlation id
    #[arg(long)]
    cid: Option<String>,
    /// Only what this login name did
    #[arg(long)]
    actor: Option<String>,
    /// Only what was done to this
    #[arg(long)]
    target: Option<String>,
    /// Only what this login name did, or what was done to it
    #[arg(long)]
    user: Option<String>,
    /// Only this operation, as login or otp.mint
    #[arg(long)]
    operation: Option<String>,
    /// Only accepted or refused
    #[arg(long)]
    outcome: Option<String>,
    /// Only at or after this time
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Only before this time
    #[arg(long, value_name = "T")]
    until: Option<String>,
}

/// What one question for rows is about.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditPage {
    /// Which rows.
    #[serde(flatten)]
    pub filters: AuditFilters,
    /// Only rows behind this position, oldest first.
    pub after: Option<u64>,
    /// At most so many rows.
    pub limit: u32,
}

impl From<AuditPage> for AuditQuery {
    fn from(AuditPage { filters, after, limit }: AuditPage) -> Self {
        let AuditFilters { cid, actor, target, user, operation, outcome, since, until } = filters;
        Self { cid, actor, target, user, operation, outcome, since, until, after, before: None, limit }
    }
}

/// Verifies the next stretch, against the checkpoints of the database, of their file, and those `kept` elsewhere.
pub async fn verify(app: &App, from: Option<&AuditPosition>, kept: &[String]) -> Result<AuditVerified, Refused> {
    let from = from.map(position).transpose()?;
    let mut checkpoints = app.trail.kept().await?;
    for text in kept {
        checkpoints.push(text.parse::<Checkpoint>().map_err(|error| wrong(format!("{text:?} {error}")))?);
    }
    Ok(match app.identity.verify_audit(from, &checkpoints, STRETCH_ROWS).await? {
        Verified::UpTo(Position { sequence, link }) => {
            AuditVerified::UpTo(AuditPosition { sequence, link: link.to_hex() })
        }
        Verified::Intact(intact) => AuditVerified::Intact {
            first: intact.removed + 1,
            last: intact.last.sequence,
            link: intact.last.link.to_hex(),
            removed: intact.removed,
            checkpoint: intact.checkpoint,
        },
        Verified::Broken(broken) => AuditVerified::Broken {
            kind: broken.kind().to_owned(),
            sequence: broken.sequence(),
            message: broken.to_string(),
        },
    })
}

fn position(given: &AuditPosition) -> Result<Position, Refused> {
    let link = Link::from_hex(&given.link).ok_or_else(|| wrong("the link is none".to_owned()))?;
    Ok(Position { sequence: given.sequence, link })
}

fn wrong(message: String) -> Refused {
    Refused { kind: RefusedKind::Request, message }
}

impl From<CheckpointFileError> for Refused {
    fn from(error: CheckpointFileError) -> Self {
        let cause = std::error::Error::source(&error).map_or_else(String::new, |source| format!(": {source}"));
        Self { kind: RefusedKind::Server, message: format!("{error}{cause}") }
    }
}
