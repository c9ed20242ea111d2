//! From Zato SSO: users with password hashes, second factors, attributes and live sessions.
//!
//! Source: contract of the sign-on API, sections 0.1, 5.5, 5.8 and 6.3.

mod attributes;
mod secrets;
mod sessions;
mod text;
mod user;

use std::collections::HashSet;
use std::env;

use countersign_identity::import::{ImportUserOutcome, ImportedUser};
use countersign_identity::repository::RepositoryError;
use countersign_identity::role::RoleName;
use countersign_identity::{Actor, Identity, PeerAddress, RequestContext, Timestamp};
use countersign_storage::{ForeignDatabase, ForeignError, ForeignRow, OpenError, Store};
use rand_core::CryptoRng;

pub use self::secrets::SecretsError;
pub use self::sessions::token;
use self::user::Conversion;
use super::Report;
use super::report::Count;
use crate::cid;
use crate::fernet::FernetKey;

/// What the trail says of it.
const SOURCE: &str = "zato";
/// Users that are read at once.
const USERS_AT_ONCE: u32 = 500;
/// Sessions of one user that are read; more are left out.
const SESSIONS_MAX: u32 = 100;
/// Attributes of one user and of the user's sessions that are read; more are left out.
const ATTRIBUTES_MAX: u32 = 10_000;
const ATTRIBUTES: &str = "zato_sso_attr AS t JOIN zato_sso_user AS owner ON owner.user_id = t.user_id";
const USERS: &str = "zato_sso_user AS t";
const SESSIONS: &str = "zato_sso_session AS t JOIN zato_sso_user AS owner ON owner.id = t.user_id";

/// What is to be brought over.
#[derive(Debug)]
pub struct Source {
    database: ForeignDatabase,
}

impl Source {
    /// Opens the database at `url`, and looks whether its tables can be read.
    ///
    /// # Errors
    ///
    /// [`ImportError::Open`], [`ImportError::Read`].
    pub async fn open(url: &str) -> Result<Self, ImportError> {
        let mut database = ForeignDatabase::open(url).await?;
        for table in [USERS, SESSIONS, ATTRIBUTES] {
            database.rows(table, None, 0, 1).await?;
        }
        Ok(Self { database })
    }
}

/// How it is brought over.
#[derive(Debug)]
pub struct Options<'a> {
    /// The key under which Zato has encrypted.
    pub key: &'a FernetKey,
    /// The role of users who are no super-users.
    pub role: &'a RoleName,
    /// Whether addresses are to be sealed.
    pub seals_email: bool,
    /// Whether nothing is to be written.
    pub is_dry_run: bool,
}

/// The key in the text of a `secrets.conf`, or in the variable of the environment that it names.
///
/// # Errors
///
/// [`SecretsError`].
pub fn key(secrets: &str) -> Result<FernetKey, SecretsError> {
    secrets::key(secrets, |name| env::var(name).ok())
}

/// Why an import ended before its time. What was imported until then stays, and is skipped by the next one.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such role.
    #[error("there is no role {0:?}; `countersign role list` shows the roles")]
    NoSuchRole(String),
    /// Zato's database can't be opened.
    #[error("can't open the database to import from")]
    Open(#[from] OpenError),
    /// Zato's database can't be read.
    #[error(transparent)]
    Read(#[from] ForeignError),
    /// A row without a number.
    #[error("a row of the database to import from has no number")]
    NoNumber,
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
    source: &mut Source,
    options: &Options<'_>,
    now: Timestamp,
    rng: &mut (impl CryptoRng + Send),
    progress: impl Fn(u64) + Send,
) -> Result<Report, ImportError> {
    let (database, super_role) = (&mut source.database, RoleName::trust());
    let conversion = Conversion {
        key: options.key,
        pepper: &identity.settings().pepper,
        seals_email: options.seals_email,
        super_role: &super_role,
        role: options.role,
        now,
    };
    let context = RequestContext::new(cid::generate(), PeerAddress::Local, "", "cli");
    let mut report = Report { is_dry_run: options.is_dry_run, ..Report::default() };
    let (mut after, mut names) = (0, HashSet::new());
    loop {
        let rows = database.rows(USERS, None, after, USERS_AT_ONCE).await?;
        for row in &rows {
            after = number(row)?;
            report.users_found += 1;
            let name = row.get("username").unwrap_or_default();
            let imported = match conversion.user(row, rng) {
                Ok(converted) => {
                    for note in &converted.notes {
                        report.note(name, note);
                    }
                    let theirs = database.rows(SESSIONS, Some(after), 0, SESSIONS_MAX).await?;
                    let sessions = conversion.sessions(&theirs, converted.user.id, rng);
                    let (user, profile, factor) = (converted.user, converted.profile, converted.factor);
                    let theirs = database.rows(ATTRIBUTES, Some(after), 0, ATTRIBUTES_MAX).await?;
                    let (attributes, notes) = conversion.attributes(&theirs, user.id, &sessions);
                    for note in &notes {
                        report.note(name, note);
                    }
                    let (credentials, metadata) = (Vec::new(), Vec::new());
                    ImportedUser { user, profile, factor, sessions, attributes, credentials, metadata }
                }
                Err(why) => {
                    report.note(name, format!("left out: {why}"));
                    continue;
                }
            };
            let counted = Count::of(&imported);
            // Names that differ in upper and lower case only are one here.
            let outcome = if !names.insert(imported.user.login.clone()) {
                ImportUserOutcome::Exists
            } else if options.is_dry_run {
                identity.would_import(&imported).await?
            } else {
                identity.import_user(imported, SOURCE, &Actor::Operator, &context, now).await?
            };
            match outcome {
                ImportUserOutcome::Imported => report.count(counted),
                ImportUserOutcome::Exists => report.note(name, "left out: there is such a user already"),
                ImportUserOutcome::NoSuchRole => return Err(ImportError::NoSuchRole(options.role.to_string())),
            }
        }
        if rows.is_empty() {
            return Ok(report);
        }
        progress(report.users_found);
    }
}

fn number(row: &ForeignRow) -> Result<i64, ImportError> {
    row.get("id").and_then(|id| id.parse().ok()).ok_or(ImportError::NoNumber)
}
