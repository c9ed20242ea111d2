//! Bringing users over from other systems.
//!
//! **Invariant:** a dry run and a real one read, convert and report the same; they differ in the write alone. What can't be
//! brought over as it was is left out and named in the report, never weakened: an account whose second factor can't be
//! read comes over locked.
//!
//! **Invariant:** a source is opened, and found readable, before anything is made here; a dry run changes nothing at all.

pub mod nexus;
mod report;
pub mod zato;

pub use self::report::Report;
