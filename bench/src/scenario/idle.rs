//! Idle sessions: what each costs in memory.

use std::io;
use std::time::Duration;

use super::Speech;
use crate::metric::{Metric, Sample, float};
use crate::session::{Login, Session};
use crate::target::Target;
use crate::usage;
use crate::wire::odd;

/// How long a server is left alone before it is looked at: what runs once at its start has run by then.
const AT_REST: Duration = Duration::from_secs(2);

/// Opens `count` sessions and reads the server's resident memory before
/// and after.
pub async fn run(target: &Target, speech: Speech, count: usize) -> io::Result<Sample> {
    let address = speech.transport.of(target).ok_or_else(|| odd("the target doesn't speak this transport"))?;
    let realm = target.realm.ok_or_else(|| odd("sessions need a router"))?;
    tokio::time::sleep(AT_REST).await;
    let before_bytes = usage::resident_bytes(target.pid)?;
    let mut sessions = Vec::with_capacity(count);
    for _ in 0..count {
        let mut session = Session::open(address, speech.passive, realm, &Login::Anonymous).await?;
        session.wire.rest();
        sessions.push(session);
    }
    let after_bytes = usage::resident_bytes(target.pid)?;
    let count = u64::try_from(count.max(1)).unwrap_or(u64::MAX);
    Ok(Sample::from([
        (Metric::BeforeKib, float(before_bytes) / 1024.0),
        (Metric::EachKib, float(after_bytes.saturating_sub(before_bytes)) / 1024.0 / float(count)),
    ]))
}
