//! `countersign import …`: on the data directory itself, for nothing may change while it runs.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use countersign_identity::Identity;
use countersign_identity::role::RoleName;
use countersign_storage::Store;
use zeroize::Zeroizing;

use super::arguments::{ImportCommand, NexusArguments};
use super::{explain, open_here, print};
use crate::clock::{now, random};
use crate::config::Config;
use crate::fernet::FernetKey;
use crate::import::{Report, nexus, zato};
use crate::keyring::add_zato_key;
use crate::open::{load_config, look, open_data};
use crate::output::say;

/// Largest `secrets.conf` that is read, in bytes.
const SECRETS_BYTES_MAX: u64 = 1024 * 1024;

/// What is to be brought over: opened, and readable.
enum Source {
    Zato(zato::Source, FernetKey, RoleName),
    Nexus(nexus::Tree),
}

/// Imports, and prints the report.
///
/// # Errors
///
/// What to tell the operator.
pub async fn run(data: &Path, config: Option<&Path>, command: &ImportCommand, json: bool) -> Result<(), String> {
    // Before anything is made here.
    let source = Source::open(command).await?;
    let report = if command.applies() {
        let data = open_data(data).map_err(|error| explain(&error))?;
        let (app, _lock) = open_here(&data, config).await?;
        if let Source::Zato(_, key, _) = &source {
            // Before the sessions that need it.
            add_zato_key(&data, key).map_err(|error| explain(&error))?;
        }
        source.import(&app.identity, &app.config, false).await?
    } else {
        let config = load_config(config, data).map_err(|error| explain(&error))?;
        let looked = look(data, &config).await.map_err(|error| explain(&error))?;
        source.import(&looked.identity, &config, true).await?
    };
    show(&report, json)
}

impl Source {
    async fn open(command: &ImportCommand) -> Result<Self, String> {
        match command {
            ImportCommand::Zato { db, secrets, role, .. } => {
                let key = zato::key(&read(secrets)?).map_err(|error| explain(&error))?;
                let role = RoleName::parse(role).map_err(|error| explain(&error))?;
                let source = zato::Source::open(db).await.map_err(|error| explain(&error))?;
                Ok(Self::Zato(source, key, role))
            }
            ImportCommand::Nexus(NexusArguments { folder, nexus_data, .. }) => {
                let folder = folder.as_deref().or(nexus_data.as_deref()).ok_or("name the folder of Nexus")?;
                nexus::Tree::open(folder).map(Self::Nexus).map_err(|error| explain(&error))
            }
        }
    }

    async fn import(self, identity: &Identity<Store>, config: &Config, is_dry_run: bool) -> Result<Report, String> {
        let shows_progress = io::stderr().is_terminal();
        let progress = |users: u64| {
            if shows_progress {
                eprint!("\r{users} users read");
            }
        };
        let (seals_email, mut random) = (config.main.encrypt_email, random());
        let report = match self {
            Self::Zato(mut source, key, role) => {
                let options = zato::Options { key: &key, role: &role, seals_email, is_dry_run };
                let imported = zato::import(identity, &mut source, &options, now(), &mut random, progress).await;
                imported.map_err(|error| explain(&error))
            }
            Self::Nexus(tree) => {
                let options = nexus::Options { prefix: &config.realm.uri_prefix, seals_email, is_dry_run };
                let imported = nexus::import(identity, &tree, &options, now(), &mut random, progress).await;
                imported.map_err(|error| explain(&error))
            }
        };
        if shows_progress {
            eprintln!();
        }
        report
    }
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
