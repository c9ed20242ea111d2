//! The hasher of the realm's tables.

/// Fast and seeded per process. The order of a table never reaches the wire.
pub(crate) type FastHash = foldhash::fast::RandomState;
