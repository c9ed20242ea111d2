//! Idle sessions: what each costs in memory.

use std::io;

use super::Speech;
use crate::session::{Login, Session};
use crate::target::Target;
use crate::usage;
use crate::wire::odd;

/// What idle sessions cost.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// Resident before the first of them, in bytes.
    pub before_bytes: u64,
    /// Growth for each, in bytes.
    pub each_bytes: f64,
}

/// Opens `count` sessions and reads the server's resident memory before
/// and after.
pub async fn run(target: &Target, speech: Speech, count: usize) -> io::Result<Memory> {
    let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
    let realm = target.realm.ok_or_else(|| odd("sessions need a router"))?;
    let before_bytes = usage::resident_bytes(target.pid)?;
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        let mut session = Session::open(address, speech.passive, realm, &Login::Anonymous).await?;
        session.wire.rest();
        sessions.push(session);
    }
    let after = usage::resident_bytes(target.pid)?;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let each_bytes = after.saturating_sub(before_bytes) as f64 / count.max(1) as f64;
    Ok(Memory { before_bytes, each_bytes })
}
