//! The hasher of the tables that are asked for every message.

/// Fast, and seeded at random for each table. No table's order reaches the wire.
pub type FastHash = foldhash::fast::RandomState;
