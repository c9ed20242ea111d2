//! `countersign import …`: on the data directory itself, for nothing may change while it runs.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use zeroize::Zeroizing;

use super::arguments::{ImportCommand, NexusArguments};
use super::{explain, print};
use crate::clock::{now, random};
use crate::import::{Report, nexus, zato};
use crate::keyring::add_zato_key;
use crate::open::{Installation, load_config, lock, open, open_data};
use crate::output::say;

/// Largest `secrets.conf` that is read, in bytes.
const SECRETS_BYTES_MAX: u64 = 1024 * 1024;

/// Imports, and prints the report.
///
/// # Errors
///
/// What to tell the operator.
pub async fn run(data: &Path, config: Option<&Path>, command: &ImportCommand, json: bool) -> Result<(), String> {
    // Before anything is made here.
    let zato_key = match command {
        ImportCommand::Zato { secrets, .. } => Some(zato::key(&read(secrets)?).map_err(|error| explain(&error))?),
        ImportCommand::Nexus(_) => None,
    };
    let data = open_data(data).map_err(|error| explain(&error))?;
    let config = load_config(config, data.path()).map_err(|error| explain(&error))?;
    let lock = lock(&data).await.map_err(|error| explain(&error))?;
    let Installation { app, first } = open(&data, config, &lock).await.map_err(|error| explain(&error))?;
    if let Some(first) = first {
        eprint!("{}", crate::demo::first_start(&first));
    }
    let seals_email = app.config.main.encrypt_email;
    let shows_progress = io::stderr().is_terminal();
    let progress = |users: u64| {
        if shows_progress {
            eprint!("\r{users} users read");
        }
    };
    let report = match (command, &zato_key) {
        (ImportCommand::Zato { db, role, apply, .. }, Some(key)) => {
            if *apply {
                // Before the sessions that need it.
                add_zato_key(&data, key).map_err(|error| explain(&error))?;
            }
            let source = zato::Source { url: db, key, role, seals_email, is_dry_run: !apply };
            zato::import(&app.identity, &source, now(), &mut random(), progress).await.map_err(|error| explain(&error))
        }
        (ImportCommand::Nexus(NexusArguments { folder, nexus_data, apply }), _) => {
            let folder = folder.as_deref().or(nexus_data.as_deref()).ok_or("name the folder of Nexus")?;
            let prefix = &app.config.realm.uri_prefix;
            let source = nexus::Source { folder, prefix, seals_email, is_dry_run: !apply };
            nexus::import(&app.identity, &source, now(), &mut random(), progress).await.map_err(|error| explain(&error))
        }
        (ImportCommand::Zato { .. }, None) => Err("there is no key".to_owned()),
    };
    if shows_progress {
        eprintln!();
    }
    show(&report?, json)
}

fn show(report: &Report, json: bool) -> Result<(), String> {
    let value = serde_json::to_value(report).map_err(|error| explain(&error))?;
    let text = if json { format!("{value:#}\n") } else { print::report(&value) };
    say(&text).map_err(|error| explain(&error))?;
    if report.is_dry_run && !json {
        eprintln!("Nothing was written. Run it again with --apply.");
    }
    Ok(())
}

fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let failed = |error: io::Error| format!("can't read {}: {error}", path.display());
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > SECRETS_BYTES_MAX {
        return Err(format!("{} is too large to be a secrets.conf", path.display()));
    }
    std::fs::read_to_string(path).map(Zeroizing::new).map_err(failed)
}
