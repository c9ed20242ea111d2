//! `audit …`: search, export, verify.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Way, explain, say};
use crate::admin::{AuditFilters, AuditPage, AuditPosition, AuditVerified, Command};
use crate::trail;

/// Rows that are asked for at once.
const EXPORT_ROWS: u32 = 1_000;
/// Checkpoints that are sent with one question, the newest ones.
const KEPT_MAX: usize = 1_000;

/// `audit export`
pub async fn export(way: &mut Way<'_>, filters: AuditFilters, output: Option<PathBuf>) -> Result<(), String> {
    let mut out: Box<dyn Write> = match &output {
        None => Box::new(BufWriter::new(io::stdout().lock())),
        Some(path) => Box::new(BufWriter::new(private_file(path).map_err(|error| unwritable(path, &error))?)),
    };
    let mut query = AuditPage { filters, after: Some(0), limit: EXPORT_ROWS };
    loop {
        let answer = way.carry_out(Command::AuditExport(query.clone())).await?;
        let rows = answer.as_array().map(Vec::as_slice).unwrap_or_default();
        query.after = rows.last().and_then(|row| row.get("sequence")).and_then(Value::as_u64);
        let written = rows.iter().try_for_each(|row| writeln!(out, "{row}"));
        let is_last = query.after.is_none();
        match written.and_then(|()| if is_last { out.flush() } else { Ok(()) }) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(unwritable(output.as_deref().unwrap_or(Path::new("standard output")), &error)),
            Ok(()) if is_last => return Ok(()),
            Ok(()) => {}
        }
    }
}

fn private_file(path: &Path) -> io::Result<std::fs::File> {
    OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(path)
}

fn unwritable(path: &Path, error: &io::Error) -> String {
    format!("can't write {}: {error}", path.display())
}

/// `audit verify`
pub async fn verify(way: &mut Way<'_>, checkpoints: Vec<String>, json: bool) -> Result<(), String> {
    let kept = kept(checkpoints)?;
    let mut from: Option<AuditPosition> = None;
    loop {
        let question = Command::AuditVerify { from: from.clone(), kept: kept.clone() };
        let answer = way.carry_out(question).await?;
        match serde_json::from_value(answer).map_err(|error| explain(&error))? {
            AuditVerified::UpTo(position) => {
                if !json {
                    eprintln!("intact up to row {}", position.sequence);
                }
                from = Some(position);
            }
            AuditVerified::Intact { first, last, link, removed, checkpoint } => {
                let text = if json {
                    let answer = json!({
                        "intact": true, "first": first, "last": last, "link": link, "removed": removed,
                        "checkpoint": checkpoint,
                    });
                    format!("{answer:#}\n")
                } else {
                    intact(first, last, checkpoint)
                };
                return say(&text).map_err(|error| explain(&error));
            }
            AuditVerified::Broken { kind, sequence, message } => {
                if json {
                    let answer = json!({ "intact": false, "kind": kind, "sequence": sequence, "message": message });
                    say(&format!("{answer:#}\n")).map_err(|error| explain(&error))?;
                }
                return Err(format!("the audit trail is broken: {message}"));
            }
        }
    }
}

fn intact(first: u64, last: u64, checkpoint: Option<u64>) -> String {
    let rows = if last < first { "no rows".to_owned() } else { format!("rows {first} to {last}") };
    match checkpoint {
        Some(checkpoint) => format!("intact: {rows}; newest checkpoint at row {checkpoint}\n"),
        None => format!("intact: {rows}; no checkpoint yet\n"),
    }
}

/// Checkpoints as text, of files and of arguments.
fn kept(given: Vec<String>) -> Result<Vec<String>, String> {
    let mut all = Vec::new();
    for one in given {
        if one.parse::<countersign_identity::audit_chain::Checkpoint>().is_ok() {
            all.push(one);
        } else {
            let read = trail::read(Path::new(&one)).map_err(|error| explain(&error))?;
            all.extend(read.iter().map(ToString::to_string));
        }
    }
    Ok(all.split_off(all.len().saturating_sub(KEPT_MAX)))
}
