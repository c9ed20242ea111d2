//! `user metadata …`

use std::fmt::Write as _;
use std::io::{self, Read as _};

use clap::Subcommand;
use countersign_identity::printable;
use serde_json::Value;

use crate::admin::{ClearText, Command, MetadataEdit};

/// Longest value that is read from standard input, in bytes: what the server takes as one command, with room for its quotes.
const VALUE_BYTES_MAX: u64 = 5 << 20;

/// `user metadata …`
#[derive(Debug, Subcommand)]
pub enum MetadataCommand {
    /// List what is noted of a user
    List {
        /// Login name
        login: String,
        /// Values as YAML texts: as they were given, or made of the values
        #[arg(long)]
        yaml: bool,
    },
    /// Show what is noted of a user under a key
    Get {
        /// Login name
        login: String,
        /// Key
        key: String,
        /// As a YAML text: as it was given, or made of the value
        #[arg(long)]
        yaml: bool,
    },
    /// Note something of a user under a key
    Set {
        /// Login name
        login: String,
        /// Key
        key: String,
        /// The value, in JSON (default: all of standard input)
        value: Option<String>,
        /// The value is YAML, and kept as it is
        #[arg(long)]
        yaml: bool,
    },
    /// Remove what is noted of a user under a key
    Delete {
        /// Login name
        login: String,
        /// Key
        key: String,
    },
}

/// The command that is meant.
///
/// # Errors
///
/// There is no value.
pub fn command(command: MetadataCommand) -> Result<Command, String> {
    let (login, edit) = match command {
        MetadataCommand::List { login, yaml } => (login, MetadataEdit::List { yaml }),
        MetadataCommand::Get { login, key, yaml } => (login, MetadataEdit::Get { key, yaml }),
        MetadataCommand::Set { login, key, value, yaml } => {
            let value = ClearText::new(value.map_or_else(from_stdin, Ok)?);
            (login, MetadataEdit::Set { key, value, yaml })
        }
        MetadataCommand::Delete { login, key } => (login, MetadataEdit::Delete { key }),
    };
    Ok(Command::UserMetadata { login, edit })
}

fn from_stdin() -> Result<String, String> {
    let mut text = String::new();
    let mut limited = io::stdin().lock().take(VALUE_BYTES_MAX + 1);
    limited.read_to_string(&mut text).map_err(|error| format!("can't read the value: {error}"))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > VALUE_BYTES_MAX {
        return Err(format!("standard input holds more than {VALUE_BYTES_MAX} bytes"));
    }
    Ok(text)
}

/// Answers for people: a value by itself, or a line for each key.
pub fn text(answer: &Value) -> String {
    match (answer.get("key").and_then(Value::as_str), answer.get("value"), answer.get("was_there")) {
        (Some(_), Some(value), _) => one(value),
        (Some(_), None, Some(was_there)) => {
            if was_there == true {
                "removed\n".to_owned()
            } else {
                "there was nothing\n".to_owned()
            }
        }
        _ => answer.as_object().into_iter().flatten().fold(String::new(), |mut text, (key, entry)| {
            let value = entry.get("value").map(Value::to_string).unwrap_or_default();
            let _ = writeln!(text, "{}: {}", printable(key, usize::MAX), printable(&value, usize::MAX));
            text
        }),
    }
}

/// A text as it is, but for what could steer the terminal; anything else as JSON.
fn one(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| format!("{value:#}"), str::to_owned);
    let lines: Vec<String> = text.trim_end_matches('\n').split('\n').map(|line| printable(line, usize::MAX)).collect();
    format!("{}\n", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_stands_by_itself_and_a_list_has_a_line_for_each_key() {
        assert_eq!(text(&json!({ "key": "k", "value": "a: 1 # one\n" })), "a: 1 # one\n");
        assert_eq!(text(&json!({ "key": "k", "value": "\u{1b}[2J" })), "\u{fffd}[2J\n");
        assert_eq!(text(&json!({ "key": "k", "value": null })), "null\n");
        assert_eq!(text(&json!({ "key": "k", "was_there": true })), "removed\n");
        assert_eq!(text(&json!({ "key": "k", "was_there": false })), "there was nothing\n");
        let all = json!({ "key": { "uuid": "x", "value": [1] }, "value": { "uuid": "y", "value": "a\nb" } });
        assert_eq!(text(&all), "key: [1]\nvalue: \"a\\nb\"\n");
        assert_eq!(text(&json!({})), "");
    }
}
