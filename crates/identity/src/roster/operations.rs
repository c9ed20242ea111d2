//! What the rules of rosters ask of storage. See [`crate::repository`].

use super::{NodeId, RosterEntry, RosterName};
use crate::audit::AuditEvent;

/// Puts an entry into a roster; one of the same session there keeps its id and the time at which it was created.
#[derive(Debug)]
pub struct RegisterInRoster {
    /// The entry as it is to be, if the session has none there.
    pub entry: RosterEntry,
    /// The session may have so many, this one included.
    pub session_entries_max: u32,
    /// So many may be there in all, this one included.
    pub entries_max: u32,
    /// All may have so many bytes together, see [`RosterEntry::bytes`].
    pub bytes_max: u64,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Outcome of [`RegisterInRoster`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterInRosterOutcome {
    /// Done; the entry as it is now.
    Registered(RosterEntry),
    /// The session would have more than [`RegisterInRoster::session_entries_max`].
    TooManyOfSession,
    /// There would be more than [`RegisterInRoster::entries_max`].
    TooMany,
    /// There would be more than [`RegisterInRoster::bytes_max`].
    TooMuch,
}

/// Takes a session's entry out of a roster. Answers whether there was one.
#[derive(Debug)]
pub struct UnregisterFromRoster {
    /// The server in which the session is.
    pub node: NodeId,
    /// The session.
    pub session: u64,
    /// Which roster.
    pub name: RosterName,
    /// The row for the trail; stored as refused where there is no such entry.
    pub audit: AuditEvent,
}

/// Reads a roster, oldest entries first.
#[derive(Debug)]
pub struct FindRoster {
    /// Which.
    pub name: RosterName,
}

/// Takes what belongs to sessions that are gone out of all rosters. Answers how many entries it were.
#[derive(Debug)]
pub struct ClearRosters {
    /// The server in which they were.
    pub node: NodeId,
    /// Which; `None`: all of that server.
    pub sessions: Option<Vec<u64>>,
}
