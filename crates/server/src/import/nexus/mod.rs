//! From Nexus: users with password hashes, API keys, one-time passwords and metadata, the roles' rules, and records of URIs.
//!
//! Source: contract of the bus, sections 2.4, 3.1, 4.1 to 4.4, 4.8 and 9.

mod record;
mod tree;
mod uri;
mod user;

use std::collections::HashSet;

use countersign_identity::admin::AdminError;
use countersign_identity::import::ImportUserOutcome;
use countersign_identity::permission::Rule;
use countersign_identity::repository::RepositoryError;
use countersign_identity::role::{Role, RoleName, shipped};
use countersign_identity::uris::UriError;
use countersign_identity::uris::import::ImportUriOutcome;
use countersign_identity::{Actor, Identity, PeerAddress, RequestContext, Timestamp};
use countersign_storage::Store;
use rand_core::CryptoRng;

use self::record::Record;
use self::tree::Entry;
pub use self::tree::{Tree, TreeError};
use self::user::Conversion;
use super::Report;
use super::report::Count;
use crate::cid;

/// What the trail says of it.
const SOURCE: &str = "nexus";

/// How it is brought over.
#[derive(Debug)]
pub struct Options<'a> {
    /// The URI prefix of the bus, for the roles that are shipped.
    pub prefix: &'a str,
    /// Whether addresses are to be sealed.
    pub seals_email: bool,
    /// Whether nothing is to be written.
    pub is_dry_run: bool,
}

/// Why an import ended before its time. What was imported until then stays, and is skipped by the next one.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The files can't be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A record of a URI can't be stored.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// A role can't be stored.
    #[error(transparent)]
    Role(#[from] AdminError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

/// Imports. `progress` hears how many users were read.
///
/// # Errors
///
/// [`ImportError`].
pub async fn import(
    identity: &Identity<Store>,
    tree: &Tree,
    options: &Options<'_>,
    now: Timestamp,
    rng: &mut (impl CryptoRng + Send),
    progress: impl Fn(u64) + Send,
) -> Result<Report, ImportError> {
    let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", "cli");
    let run = Run { identity, options, now, context };
    let mut report = Report { is_dry_run: options.is_dry_run, ..Report::default() };
    let role_names = run.roles(tree, &mut report).await?;
    let conversion = Conversion { tree, settings: identity.settings(), seals_email: options.seals_email, now };
    let mut names = HashSet::new();
    for entry in tree.users()? {
        report.users_found += 1;
        let mut notes = Vec::new();
        let imported = conversion.user(&entry, &mut notes, rng)?;
        for note in notes {
            report.note(&entry.key, note);
        }
        let imported = match imported {
            Ok(imported) => imported,
            Err(why) => {
                report.note(&entry.key, format!("left out: {why}"));
                continue;
            }
        };
        let counted = Count::of(&imported);
        let role = imported.user.role.clone();
        // Names that differ in upper and lower case only are one here.
        let outcome = if !names.insert(imported.user.login.clone()) {
            ImportUserOutcome::Exists
        } else if options.is_dry_run {
            match identity.would_import(&imported).await? {
                ImportUserOutcome::NoSuchRole if role_names.contains(&role) => ImportUserOutcome::Imported,
                other => other,
            }
        } else {
            identity.import_user(imported, SOURCE, &Actor::Operator, &run.context, now).await?
        };
        match outcome {
            ImportUserOutcome::Imported => report.count(counted),
            ImportUserOutcome::Exists => {
                report.note(&entry.key, "left out: there is such a user, or its keys, already");
            }
            ImportUserOutcome::NoSuchRole => report.note(&entry.key, format!("left out: there is no role {role}")),
        }
        progress(report.users_found);
    }
    run.uris(tree, &mut report).await?;
    Ok(report)
}

struct Run<'a> {
    identity: &'a Identity<Store>,
    options: &'a Options<'a>,
    now: Timestamp,
    context: RequestContext,
}

impl Run<'_> {
    /// Brings over the rules of roles; answers which roles there are then.
    async fn roles(&self, tree: &Tree, report: &mut Report) -> Result<HashSet<RoleName>, ImportError> {
        let known = self.identity.roles().await?;
        let shipped = shipped(self.options.prefix);
        let mut names: HashSet<RoleName> = known.iter().map(|role| role.name.clone()).collect();
        for entry in tree.records("roles")? {
            let (name, rules) = match read_role(&entry, report) {
                Ok(read) => read,
                Err(why) => {
                    report.note(&entry.key, format!("the role is left out: {why}"));
                    continue;
                }
            };
            let rules_of = |roles: &[Role]| roles.iter().find(|role| role.name == name).map(|role| sorted(&role.rules));
            let is_as_shipped = |there: &Vec<Rule>| rules_of(&shipped).as_ref() == Some(there);
            match rules_of(&known) {
                // It may do everything, here as there.
                Some(_) if name.is_trust() => {}
                Some(there) if there == sorted(&rules) => {}
                Some(there) if is_as_shipped(&there) => self.put(&name, &rules, true, report).await?,
                Some(_) => {
                    report.note(&entry.key, "the role is there already, with rules of its own; it stays as it is");
                }
                None => self.put(&name, &rules, false, report).await?,
            }
            names.insert(name);
        }
        Ok(names)
    }

    /// Brings over records of URIs.
    async fn uris(&self, tree: &Tree, report: &mut Report) -> Result<(), ImportError> {
        let entries = tree.records("uris")?;
        let (mut own, mut names) = (0_u64, HashSet::new());
        for (place, entry) in entries.iter().enumerate() {
            let mut notes = Vec::new();
            let converted = uri::convert(entry, self.now, &mut notes);
            for note in notes {
                report.note(&entry.key, note);
            }
            let imported = match converted {
                Ok(Some(imported)) => imported,
                Ok(None) => {
                    own += 1;
                    continue;
                }
                Err(why) => {
                    report.note(&entry.key, format!("the record is left out: {why}"));
                    continue;
                }
            };
            let is_documented = uri::is_documented(&imported);
            let outcome = if !names.insert(imported.key.clone()) {
                ImportUriOutcome::Exists
            } else if self.options.is_dry_run {
                self.identity.would_import_uri(&imported, report.uris).await?
            } else {
                self.identity.import_uri(imported, SOURCE, &Actor::Operator, &self.context, self.now).await?
            };
            match outcome {
                ImportUriOutcome::Imported => {
                    report.uris += 1;
                    report.documented_uris += u64::from(is_documented);
                }
                ImportUriOutcome::Exists => {
                    report.note(&entry.key, "the record is left out: there is one of this URI already");
                }
                ImportUriOutcome::TooMany => {
                    let left = entries.len() - place;
                    report.note("uris", format!("{left} records are left out: there are uris.records_max already"));
                    break;
                }
            }
        }
        if own > 0 {
            report.note("uris", format!("{own} records of the bus' own URIs are left out: this server makes its own"));
        }
        Ok(())
    }

    async fn put(
        &self,
        name: &RoleName,
        rules: &[Rule],
        is_there: bool,
        report: &mut Report,
    ) -> Result<(), ImportError> {
        report.roles += 1;
        if is_there {
            report.note(name.as_str(), "the role gets the rules that it has there, in place of those that are shipped");
        }
        if self.options.is_dry_run {
            return Ok(());
        }
        let pairs: Vec<(String, String)> =
            rules.iter().map(|rule| (rule.pattern.to_string(), rule.rights.to_string())).collect();
        let (name, operator) = (name.as_str(), Actor::Operator);
        if is_there {
            self.identity.replace_rules(name, &pairs, &operator, &self.context, self.now).await?;
        } else {
            self.identity.create_role(name, &pairs, &operator, &self.context, self.now).await?;
        }
        Ok(())
    }
}

fn read_role(entry: &Entry, report: &mut Report) -> Result<(RoleName, Vec<Rule>), String> {
    let name = RoleName::parse(&entry.key).map_err(|error| error.to_string())?;
    let (rules, notes) = Record::read(&entry.file)?.rules()?;
    for note in notes {
        report.note(&entry.key, note);
    }
    Ok((name, rules))
}

fn sorted(rules: &[Rule]) -> Vec<Rule> {
    let mut rules = rules.to_vec();
    rules.sort_by(|one, other| one.pattern.as_str().cmp(other.pattern.as_str()));
    rules
}
