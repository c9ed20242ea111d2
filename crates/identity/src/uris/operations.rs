//! What the records ask of storage.

use std::sync::Arc;

use super::import::{ImportUri, ImportUriOutcome};
use super::{Connection, Schedule, UriKey, UriRecord, UriUpdate};
use crate::Timestamp;
use crate::audit::AuditEvent;
use crate::repository::{Operation, Run};

macro_rules! operations {
    ($($operation:ident => $outcome:ty;)+) => {
        $(impl Operation for $operation {
            type Outcome = $outcome;
        })+

        /// Executes every operation of the records.
        pub trait UriRepository: $(Run<$operation> +)+ Send + Sync + 'static {}

        impl<T: $(Run<$operation> +)+ Send + Sync + 'static> UriRepository for T {}
    };
}

operations! {
    TrackRegistrations => Tracked;
    ListOpen => Vec<OpenConnection>;
    BeginTracking => u64;
    FindUri => Option<UriRecord>;
    ListConnections => Vec<Connection>;
    ListUris => Vec<UriRecord>;
    ListDueUris => Vec<UriRecord>;
    SettleUris => Vec<bool>;
    SetUri => SetUriOutcome;
    ClearUriHistory => bool;
    DeleteUri => bool;
    ImportUri => ImportUriOutcome;
    CountUris => u64;
    DocumentsVersion => i64;
    ListDocumented => Vec<UriKey>;
}

/// A session began or ceased to answer the calls of a procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationChange {
    /// The procedure or pattern.
    pub key: UriKey,
    /// When.
    pub at: Timestamp,
    /// The session.
    pub session: i64,
    /// How calls are spread and who it is, if the session began; `None`: it ceased.
    pub callee: Option<NewCallee>,
}

/// Who began to answer calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCallee {
    /// How calls are spread.
    pub invoke: String,
    /// The name that others see.
    pub authid: String,
    /// From where.
    pub peer: String,
    /// Whether it is the server itself.
    pub is_system: bool,
}

/// Writes down what became of registrations, in order. Again it changes nothing: a connection that is open is not opened
/// twice, and one that has ended stays as it is.
#[derive(Debug, Clone)]
pub struct TrackRegistrations {
    /// Which server has them, of those on one database.
    pub node: Arc<str>,
    /// What happened.
    pub changes: Arc<[RegistrationChange]>,
    /// Most records that there may be; more are not begun.
    pub records_max: u32,
    /// Whether records that say nothing of it have an end too, so that the alerts look at all that are gone.
    pub reaps_all: bool,
}

/// Outcome of [`TrackRegistrations`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tracked {
    /// Registrations for which there was no room.
    pub without_record: u64,
}

/// Reads which connections are open, page by page.
#[derive(Debug, Clone)]
pub struct ListOpen {
    /// Of which server.
    pub node: Arc<str>,
    /// Only those behind this place.
    pub after: i64,
    /// At most so many.
    pub limit: u32,
}

/// A connection that is open as far as storage knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenConnection {
    /// Its place among all.
    pub place: i64,
    /// What is registered.
    pub key: UriKey,
    /// By which session.
    pub session: i64,
}

/// For a server's start and end: nothing of it is registered. Answers how many connections were open, and lets the alerts
/// look at every record that is gone.
#[derive(Debug, Clone)]
pub struct BeginTracking {
    /// Which server.
    pub node: Arc<str>,
    /// The time.
    pub now: Timestamp,
    /// Whether connections that are open end.
    pub resets: bool,
    /// See [`TrackRegistrations::reaps_all`].
    pub reaps_all: bool,
}

/// Reads one record.
#[derive(Debug, Clone)]
pub struct FindUri {
    /// Which.
    pub key: UriKey,
}

/// Reads the connections of a URI, oldest first: the newest, at most [`HISTORY_MAX`](super::HISTORY_MAX).
#[derive(Debug, Clone)]
pub struct ListConnections {
    /// Of which.
    pub key: UriKey,
}

/// Reads records in the order of their URIs.
#[derive(Debug, Clone)]
pub struct ListUris {
    /// Only those behind this one; for the next page.
    pub after: Option<UriKey>,
    /// Whether those of the server itself are among them.
    pub with_system: bool,
    /// At most so many.
    pub limit: u32,
}

/// Reads the records at which the alerts have to look, those that wait longest first.
#[derive(Debug, Clone)]
pub struct ListDueUris {
    /// At this time.
    pub now: Timestamp,
    /// At most so many.
    pub limit: u32,
}

/// Writes down what the alerts have decided. Answers for each whether it was so: not if anything happened to the record
/// since it was read, or another server was first.
#[derive(Debug, Clone)]
pub struct SettleUris {
    /// What was decided.
    pub settlements: Arc<[Settlement]>,
}

/// What was decided about one record.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// Which.
    pub key: UriKey,
    /// [`UriRecord::due`] as it was read. Whatever happens to a record changes it.
    pub due: Timestamp,
    /// What becomes of it.
    pub becomes: Settled,
}

/// What becomes of a record.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "lives as long as one transaction")]
pub enum Settled {
    /// It stays, with these.
    Stays {
        /// [`UriRecord::warned`].
        warned: Option<Timestamp>,
        /// [`UriRecord::count_warned`].
        count_warned: Option<Timestamp>,
        /// [`UriRecord::due`].
        due: Option<Timestamp>,
    },
    /// It goes, with a row for the trail.
    Goes(AuditEvent),
}

/// Changes what is said of a URI.
#[derive(Debug, Clone)]
pub struct SetUri {
    /// Of which.
    pub key: UriKey,
    /// What.
    pub update: UriUpdate,
    /// The schedule of the update, checked.
    pub schedule: Option<Schedule>,
    /// Whether it may begin one.
    pub begins: Begins,
    /// Most records that there may be.
    pub records_max: u32,
    /// The row for the trail; stored as refused where the outcome is a refusal.
    pub audit: AuditEvent,
}

/// Whether a change may begin a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begins {
    /// It changes one that is there.
    Never,
    /// It begins one where there is none.
    IfMissing,
    /// It begins one, and changes none.
    Always,
}

/// Outcome of [`SetUri`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetUriOutcome {
    /// Done.
    Done,
    /// There is no such record.
    NotFound,
    /// There is one already.
    Exists,
    /// There are too many to begin one.
    TooMany,
}

/// Removes the connections that have ended. Answers whether there is such a record.
#[derive(Debug, Clone)]
pub struct ClearUriHistory {
    /// Of which.
    pub key: UriKey,
    /// The row for the trail; stored as refused where there is no record.
    pub audit: AuditEvent,
}

/// Removes a record that is not active. Answers whether it did.
#[derive(Debug, Clone)]
pub struct DeleteUri {
    /// Which.
    pub key: UriKey,
    /// The row for the trail; stored as refused where it was not removed.
    pub audit: AuditEvent,
}

/// Counts the records.
#[derive(Debug, Clone, Copy)]
pub struct CountUris;

/// A number that changes whenever what is documented may have changed.
#[derive(Debug, Clone, Copy)]
pub struct DocumentsVersion;

/// Reads which URIs are documented.
#[derive(Debug, Clone, Copy)]
pub struct ListDocumented;
