//! The audit trail as a whole, stretch by stretch: whoever asks goes on where the last answer ended.

use countersign_identity::audit_chain::{Checkpoint, Link, Position};
use countersign_identity::audit_trail::Verified;

use super::command::{AuditPosition, AuditVerified, Refused, RefusedKind};
use crate::app::App;
use crate::trail::CheckpointFileError;

/// Rows that one answer is about, about.
const STRETCH_ROWS: u32 = 20_000;

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
