//! Answers for people: short tables. Scripts take `--json`.

use std::fmt::Write as _;

use countersign_identity::printable;
use serde_json::Value;

use crate::admin::{ApiKeyCommand, Command, SessionCommand, UriCommand, UserEdit};

/// What an answer shows.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// One user or a list of them.
    Users,
    /// All that is known of one user.
    User,
    /// One public key or a list of them.
    Keys,
    /// A second factor after a change.
    Totp,
    /// What is noted of a user.
    Metadata,
    /// Sign-on sessions.
    Sessions,
    /// A sign-on session that was ended, or a key.
    Revoked,
    /// One role or a list of them.
    Roles,
    /// A new one-time password.
    NewOtp,
    /// A list of one-time passwords.
    Otps,
    /// A new API key.
    NewApiKey,
    /// A list of API keys.
    ApiKeys,
    /// Rows of the trail.
    Audit,
    /// Records of URIs.
    Uris,
    /// All that is known of a URI.
    Uri,
    /// A mail that was taken.
    Mail,
    /// What became of the directory's users.
    Sync,
}

impl Kind {
    /// What the answer to `command` shows.
    pub fn of(command: &Command) -> Self {
        match command {
            Command::UserShow { .. } | Command::UserEdit { edit: UserEdit::Set(_), .. } => Self::User,
            Command::UserAdd { .. } | Command::UserList | Command::UserEdit { .. } | Command::UserKeyRemove { .. } => {
                Self::Users
            }
            Command::UserKeyAdd { .. } | Command::UserKeyList { .. } => Self::Keys,
            Command::UserTotp { .. } => Self::Totp,
            Command::UserMetadata { .. } => Self::Metadata,
            Command::Session(SessionCommand::List { .. }) => Self::Sessions,
            Command::Session(SessionCommand::Revoke { .. }) | Command::Key(ApiKeyCommand::Revoke { .. }) => {
                Self::Revoked
            }
            Command::RoleList | Command::RoleShow { .. } | Command::RoleEdit { .. } => Self::Roles,
            Command::OtpCreate { .. } => Self::NewOtp,
            Command::OtpList { .. } => Self::Otps,
            Command::Key(ApiKeyCommand::Create { .. }) => Self::NewApiKey,
            Command::Key(ApiKeyCommand::List { .. }) => Self::ApiKeys,
            Command::AuditSearch(_) | Command::AuditExport(_) | Command::AuditVerify { .. } => Self::Audit,
            Command::Uri(UriCommand::List { .. }) => Self::Uris,
            Command::Uri(_) => Self::Uri,
            Command::MailTest { .. } => Self::Mail,
            Command::UserSync { .. } => Self::Sync,
        }
    }
}

/// The version, as text or JSON.
pub fn version(json: bool) -> String {
    let version = env!("CARGO_PKG_VERSION");
    if json { format!("{}\n", serde_json::json!({ "version": version })) } else { format!("countersign {version}\n") }
}

/// The server's own procedures, a block for each, or JSON.
pub fn procedures(all: &[Value], json: bool) -> String {
    if json {
        return format!("{:#}\n", Value::from(all.to_vec()));
    }
    let mut blocks = String::new();
    for procedure in all {
        let _ = writeln!(blocks, "{}({})", cell(procedure, "name"), cell(procedure, "arguments"));
        for field in ["summary", "uris", "result", "roles", "rule", "errors"] {
            let text = match procedure.get(field) {
                Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
                _ => cell(procedure, field),
            };
            if !text.is_empty() {
                let _ = writeln!(blocks, "  {field:<8} {text}");
            }
        }
    }
    blocks
}

/// An answer, as text or JSON.
pub fn answer(kind: Kind, value: &Value, json: bool) -> String {
    if json {
        return format!("{value:#}\n");
    }
    let one = std::slice::from_ref(value);
    let rows = value.as_array().map_or(one, Vec::as_slice);
    match kind {
        Kind::Users => table(&["login", "role", "enabled", "has_password", "created"], rows),
        Kind::Keys => table(&["public_key", "label", "created"], rows),
        Kind::Mail => table(&["to", "taken_by"], rows),
        Kind::Otps => table(&["uuid", "login", "origin", "expires"], rows),
        Kind::ApiKeys => table(&["uuid", "description", "expires", "last_used", "last_used_from"], rows),
        Kind::Audit => {
            table(&["at", "operation", "outcome", "reason", "actor", "target", "address", "cid", "detail"], rows)
        }
        Kind::Roles => rows.iter().map(role).collect(),
        Kind::Sessions => {
            table(&["session_id", "created", "expires", "renewed", "application", "address", "agent"], rows)
        }
        Kind::Uris => table(&["uri", "match", "active", "authid", "peer", "create", "contact", "description"], rows),
        Kind::Uri => lines(&history_in_lines(value)),
        Kind::User | Kind::Totp | Kind::Revoked | Kind::Sync => lines(value),
        Kind::NewOtp | Kind::NewApiKey => format!("{}\n", cell(value, "plaintext_key")),
        Kind::Metadata => super::metadata::text(value),
    }
}

/// The report of an import: what was counted, then the notes.
pub fn report(report: &Value) -> String {
    let names = report.as_object().into_iter().flatten().filter(|(_, value)| value.is_u64()).map(|(name, _)| name);
    let mut text =
        names.fold(String::new(), |text, name| text + &format!("{}: {}\n", name.replace('_', " "), cell(report, name)));
    let notes = report.get("notes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if !notes.is_empty() {
        text.push('\n');
        text.push_str(&table(&["who", "what"], notes));
    }
    text
}

/// What is worth saying beside an answer, on standard error.
pub fn note(kind: Kind, value: &Value) -> Option<String> {
    let expires = cell(value, "expires");
    match kind {
        Kind::NewOtp => Some(format!("One login as {} until {expires}; it is not shown again.", cell(value, "login"))),
        Kind::NewApiKey if value.get("expires").is_some_and(Value::is_null) => {
            Some(format!("{} is good until it is revoked; the key is not shown again.", cell(value, "uuid")))
        }
        Kind::NewApiKey => {
            Some(format!("{} is good until {expires}; the key is not shown again.", cell(value, "uuid")))
        }
        _ => None,
    }
}

/// A record of a URI with each connection as one text.
fn history_in_lines(record: &Value) -> Value {
    let mut record = record.clone();
    for connection in record.get_mut("history").and_then(Value::as_array_mut).into_iter().flatten() {
        *connection = connection.to_string().into();
    }
    record
}

/// One line for each field, and for each entry of a list.
fn lines(value: &Value) -> String {
    let mut text = String::new();
    for (name, field) in value.as_object().into_iter().flatten() {
        let title = name.replace('_', " ");
        let entries = field.as_array().map(|entries| entries.iter().filter_map(Value::as_str));
        let _ = match entries {
            Some(entries) => entries.fold(writeln!(text, "{title}:"), |_, entry| writeln!(text, "  {entry}")),
            None => writeln!(text, "{title}: {}", cell(value, name)),
        };
    }
    text
}

fn role(role: &Value) -> String {
    let mut text = format!("{}\n", cell(role, "role"));
    let rules = role.get("permissions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let width = rules.iter().map(|rule| cell(rule, "uri").chars().count()).max().unwrap_or_default();
    for rule in rules {
        let perms = cell(rule, "perms");
        let perms = if perms.is_empty() { "(denied)".to_owned() } else { perms };
        let _ = writeln!(text, "  {:<width$}  {perms}", cell(rule, "uri"));
    }
    text
}

fn table(columns: &[&str], rows: &[Value]) -> String {
    let width = |column: &str| {
        let cells = rows.iter().map(|row| cell(row, column).chars().count());
        cells.chain([column.len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = columns.iter().map(|column| width(column)).collect();
    let line = |cells: Vec<String>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let head = columns.iter().map(|column| column.replace('_', " ")).collect();
    let body = rows.iter().map(|row| columns.iter().map(|column| cell(row, column)).collect());
    std::iter::once(head).chain(body).map(line).collect()
}

/// A field for people: agents and names are a stranger's text, so nothing in them may steer the
/// terminal.
fn cell(row: &Value, column: &str) -> String {
    let text = match row.get(column) {
        None | Some(Value::Null) => return "-".into(),
        Some(Value::Bool(truth)) => if *truth { "yes" } else { "no" }.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    printable(&text, usize::MAX)
}
