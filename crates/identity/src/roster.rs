//! Rosters: what sessions tell of themselves to others while they last, under a name that is granted as a URI is.
//!
//! Source: contract of the bus, section 4.9.
//!
//! **Invariants:** an entry belongs to one session of one server and is over with it. It can be read by who may read its roster, and
//! whose role its visibility names; trusted ones see all. Whether a session may use a roster is for the door to say, by the
//! session's rights at that moment.

pub mod operations;

use rand_core::CryptoRng;
use uuid::Uuid;

use self::operations::{ClearRosters, FindRoster, RegisterInRoster, RegisterInRosterOutcome, UnregisterFromRoster};
use crate::audit::{AuditEvent, Operation, Reason};
use crate::repository::{RecordAudit, Repository, RepositoryError};
use crate::{Actor, Identity, RequestContext, RosterEntryId, Secret, Timestamp};

/// Names in a visibility.
pub const VISIBILITY_NAMES_MAX: usize = 64;
/// Bytes of a name in a visibility.
pub const VISIBILITY_NAME_BYTES_MAX: usize = 64;
/// Who sees an entry whose visibility says so: everybody.
pub const EVERYBODY: &str = "*";

/// Which of the servers on one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeId(pub Uuid);

/// The name of a roster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RosterName(String);

/// The text is no name of a roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a roster's name has 1 to {} bytes, and no control characters", RosterName::BYTES_MAX)]
pub struct RosterNameError;

impl RosterName {
    /// Longest name, in bytes.
    pub const BYTES_MAX: usize = 1_024;

    /// Reads a name. Upper and lower case are different.
    ///
    /// # Errors
    ///
    /// [`RosterNameError`].
    pub fn parse(text: &str) -> Result<Self, RosterNameError> {
        if text.is_empty() || text.len() > Self::BYTES_MAX || text.chars().any(char::is_control) {
            return Err(RosterNameError);
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who sees an entry, as it was given: roles, or [`EVERYBODY`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// One name.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// The value is no visibility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "visibility has to be the name of a role, \"*\", or a list of 1 to {VISIBILITY_NAMES_MAX} of these, each with 1 to \
     {VISIBILITY_NAME_BYTES_MAX} bytes"
)]
pub struct VisibilityError;

impl Visibility {
    /// Everybody who may read the roster.
    pub fn everybody() -> Self {
        Self::One(EVERYBODY.to_owned())
    }

    /// Checks it.
    ///
    /// # Errors
    ///
    /// [`VisibilityError`].
    pub fn checked(self) -> Result<Self, VisibilityError> {
        let names = self.names();
        let is_name =
            |name: &String| !name.is_empty() && name.len() <= VISIBILITY_NAME_BYTES_MAX && !name.contains('\0');
        if (1..=VISIBILITY_NAMES_MAX).contains(&names.len()) && names.iter().all(is_name) {
            Ok(self)
        } else {
            Err(VisibilityError)
        }
    }

    /// The names.
    pub fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }

    /// Whether this role sees it.
    pub fn is_seen_by(&self, role: &str) -> bool {
        self.names().iter().any(|name| name == EVERYBODY || name == role)
    }
}

/// An entry as storage keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RosterEntry {
    /// Its id.
    pub id: RosterEntryId,
    /// The server in which its session is.
    pub node: NodeId,
    /// Its session.
    pub session: u64,
    /// Its roster.
    pub name: RosterName,
    /// Who sees it.
    pub visibility: Visibility,
    /// What it says, as JSON text.
    pub data: Secret,
    /// When the session first put it there.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
}

impl RosterEntry {
    /// How many bytes it takes, about.
    pub fn bytes(&self) -> usize {
        self.data.expose().len() + self.visibility.names().iter().map(String::len).sum::<usize>()
    }

    /// The name that it has on the bus: session and roster.
    pub fn key(&self) -> String {
        format!("{}_{}", self.session, self.name.as_str())
    }
}

/// How much of it there may be. The operator's to set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RosterLimits {
    /// Bytes of what an entry says, as JSON.
    pub data_bytes_max: usize,
    /// Entries of a session.
    pub session_entries_max: u32,
    /// Entries in all.
    pub entries_max: u32,
    /// Bytes of all entries together, see [`RosterEntry::bytes`].
    pub bytes_max: u64,
}

impl Default for RosterLimits {
    fn default() -> Self {
        Self { data_bytes_max: 64 << 10, session_entries_max: 100, entries_max: 10_000, bytes_max: 16 << 20 }
    }
}

/// A session that uses rosters.
#[derive(Debug, Clone, Copy)]
pub struct RosterUser<'a> {
    /// Its id in the realm.
    pub session: u64,
    /// Who is behind it.
    pub actor: &'a Actor,
    /// From where.
    pub context: &'a RequestContext,
}

/// What it wants to say.
#[derive(Debug, Clone)]
pub struct RosterWish {
    /// To whom.
    pub visibility: Visibility,
    /// What, as JSON text.
    pub data: Secret,
}

/// Why a roster was neither shown nor changed.
#[derive(Debug, thiserror::Error)]
pub enum RosterError {
    /// The session may not do this with this roster.
    #[error("{0}")]
    NotAllowed(String),
    /// The name is none.
    #[error(transparent)]
    Name(#[from] RosterNameError),
    /// The visibility is none.
    #[error(transparent)]
    Visibility(#[from] VisibilityError),
    /// It says too much.
    #[error("data has at most {0} bytes, as JSON")]
    DataTooLong(usize),
    /// The session is in too many.
    #[error("a session has at most {0} entries in rosters")]
    TooManyOfSession(u32),
    /// There are too many.
    #[error("there are {0} entries in rosters, which is the most")]
    TooMany(u32),
    /// They take too much.
    #[error("all entries in rosters have at most {0} bytes together")]
    TooMuch(u64),
    /// Ours.
    #[error(transparent)]
    Storage(#[from] RepositoryError),
}

impl RosterError {
    /// The reason for the trail, where the rules themselves refused.
    fn reason(&self) -> Option<Reason> {
        match self {
            Self::NotAllowed(_) => Some(Reason::NotAllowed),
            Self::Name(_) | Self::Visibility(_) | Self::DataTooLong(_) => Some(Reason::BadRequest),
            // Storage has written the row in the transaction that decided.
            Self::TooManyOfSession(_) | Self::TooMany(_) | Self::TooMuch(_) | Self::Storage(_) => None,
        }
    }
}

impl<R: Repository> Identity<R> {
    /// Puts a session's entry into a roster, or changes it there. `right`: whether the session has the right `o` on it, or what
    /// is missing.
    ///
    /// # Errors
    ///
    /// [`RosterError`], which the trail holds by then; nothing was changed.
    pub async fn register_in_roster(
        &self,
        user: RosterUser<'_>,
        name: &str,
        wish: Result<RosterWish, VisibilityError>,
        right: Result<(), String>,
        now: Timestamp,
        rng: &mut (impl CryptoRng + Send),
    ) -> Result<RosterEntry, RosterError> {
        let audit = row(Operation::RosterRegister, user, name, now);
        let id = RosterEntryId::generate(now, rng);
        let limits = self.settings.rosters;
        let (name, wish) = match plan(name, wish, right, &limits) {
            Ok(planned) => planned,
            Err(error) => return Err(self.refuse_roster(error, audit).await),
        };
        let RosterWish { visibility, data } = wish;
        let (node, session) = (self.settings.node, user.session);
        let entry = RosterEntry { id, node, session, name, visibility, data, created: now, modified: now };
        let RosterLimits { session_entries_max, entries_max, bytes_max, .. } = limits;
        let register = RegisterInRoster { entry, session_entries_max, entries_max, bytes_max, audit };
        match self.repository.run(register).await? {
            RegisterInRosterOutcome::Registered(entry) => Ok(entry),
            RegisterInRosterOutcome::TooManyOfSession => Err(RosterError::TooManyOfSession(session_entries_max)),
            RegisterInRosterOutcome::TooMany => Err(RosterError::TooMany(entries_max)),
            RegisterInRosterOutcome::TooMuch => Err(RosterError::TooMuch(bytes_max)),
        }
    }

    /// Takes a session's entry out of a roster; whether there was one. `right` as for registering.
    ///
    /// # Errors
    ///
    /// [`RosterError`], which the trail holds by then.
    pub async fn unregister_from_roster(
        &self,
        user: RosterUser<'_>,
        name: &str,
        right: Result<(), String>,
        now: Timestamp,
    ) -> Result<bool, RosterError> {
        let audit = row(Operation::RosterUnregister, user, name, now);
        let name = match named(name, right) {
            Ok(name) => name,
            Err(error) => return Err(self.refuse_roster(error, audit).await),
        };
        let (node, session) = (self.settings.node, user.session);
        Ok(self.repository.run(UnregisterFromRoster { node, session, name, audit }).await?)
    }

    /// What somebody sees of a roster, oldest first. `role`: that of the session; `right`: whether it has the right `q` on it, or
    /// what is missing.
    ///
    /// # Errors
    ///
    /// [`RosterError::NotAllowed`], [`RosterError::Name`] and [`RosterError::Storage`].
    pub async fn roster(
        &self,
        name: &str,
        actor: &Actor,
        role: &str,
        right: Result<(), String>,
    ) -> Result<Vec<RosterEntry>, RosterError> {
        let name = named(name, right)?;
        let mut entries = self.repository.run(FindRoster { name }).await?;
        if !actor.is_trusted() {
            entries.retain(|entry| entry.visibility.is_seen_by(role));
        }
        Ok(entries)
    }

    /// Takes what belongs to sessions of this server that are gone out of all rosters; `None`: of all its sessions. Answers how
    /// many entries it were.
    ///
    /// # Errors
    ///
    /// [`RepositoryError`].
    pub async fn clear_rosters(&self, sessions: Option<Vec<u64>>) -> Result<u64, RepositoryError> {
        self.repository.run(ClearRosters { node: self.settings.node, sessions }).await
    }

    async fn refuse_roster(&self, error: RosterError, audit: AuditEvent) -> RosterError {
        let Some(reason) = error.reason() else { return error };
        match self.repository.run(RecordAudit { event: audit.refused(reason) }).await {
            Ok(()) => error,
            Err(fault) => fault.into(),
        }
    }
}

fn named(name: &str, right: Result<(), String>) -> Result<RosterName, RosterError> {
    right.map_err(RosterError::NotAllowed)?;
    Ok(RosterName::parse(name)?)
}

fn plan(
    name: &str,
    wish: Result<RosterWish, VisibilityError>,
    right: Result<(), String>,
    limits: &RosterLimits,
) -> Result<(RosterName, RosterWish), RosterError> {
    let name = named(name, right)?;
    let RosterWish { visibility, data } = wish?;
    if data.expose().len() > limits.data_bytes_max {
        return Err(RosterError::DataTooLong(limits.data_bytes_max));
    }
    Ok((name, RosterWish { visibility: visibility.checked()?, data }))
}

fn row(operation: Operation, user: RosterUser<'_>, name: &str, now: Timestamp) -> AuditEvent {
    let detail = format!("session={}", user.session);
    AuditEvent::new(now, user.context, user.actor, operation).target(name).detail(&detail)
}

#[cfg(test)]
mod tests;
