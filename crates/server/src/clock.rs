//! The edge at which time and randomness enter.

use std::time::{SystemTime, UNIX_EPOCH};

use countersign_identity::Timestamp;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;

/// The wall clock now.
pub fn now() -> Timestamp {
    let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
    };
    Timestamp::from_micros(micros)
}

/// The system's randomness. A system that has none can't run this program: it stops.
pub fn random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
