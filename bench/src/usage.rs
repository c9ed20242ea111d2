//! What a process has used, read from `/proc` (Linux).

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::http::{self, Http};
use crate::target::Target;
use crate::wire::odd;

/// What a target has used so far, or between two moments.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Processor time of its process.
    pub processor_time: Duration,
    /// What its database did, where it says that.
    pub storage: Option<StorageWork>,
    /// Flushes of the disk under its data directory, where the system counts them.
    pub flushes: Option<u64>,
}

/// What a database did.
#[derive(Debug, Clone, Copy, Default)]
pub struct StorageWork {
    /// Commits.
    pub commits: u64,
    /// Operations that wrote, or could have.
    pub writes: u64,
}

impl Usage {
    /// What `target` has used so far.
    pub async fn of(target: &Target) -> io::Result<Self> {
        let storage = match target.http {
            Some(address) => {
                let text = Http::connect(address).await?.exchange(&http::get("/metrics")).await?;
                let text = String::from_utf8_lossy(&text).into_owned();
                let commits = counter(&text, "countersign_storage_commits_total");
                commits.zip(counter(&text, "countersign_storage_operations_total"))
            }
            None => None,
        };
        Ok(Self {
            processor_time: processor_time(target.pid)?,
            storage: storage.map(|(commits, writes)| StorageWork { commits, writes }),
            flushes: target.data.as_deref().and_then(flushes),
        })
    }

    /// What was used since `before`.
    pub fn since(&self, before: &Self) -> Self {
        let storage = self.storage.zip(before.storage).map(|(now, before)| StorageWork {
            commits: now.commits.saturating_sub(before.commits),
            writes: now.writes.saturating_sub(before.writes),
        });
        Self {
            processor_time: self.processor_time.saturating_sub(before.processor_time),
            storage,
            flushes: self.flushes.zip(before.flushes).map(|(now, before)| now.saturating_sub(before)),
        }
    }
}

/// The value of a counter without labels.
fn counter(metrics: &str, name: &str) -> Option<u64> {
    let mut values = metrics.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.find_map(|value| value.parse().ok())
}

/// Flushes of the disk that holds `path`, by all processes; `None` where it is no disk, or one whose flushes aren't
/// counted.
fn flushes(path: &Path) -> Option<u64> {
    let device = std::fs::metadata(path).ok()?.dev();
    // As the C library's major() and minor().
    let major = (device >> 8 & 0xFFF) | (device >> 32 & !0xFFF);
    let minor = (device & 0xFF) | (device >> 12 & !0xFF);
    let mut directory = Path::new("/sys/dev/block").join(format!("{major}:{minor}")).canonicalize().ok()?;
    // Flushes are counted for the whole disk only.
    if directory.join("partition").exists() {
        directory.pop();
    }
    let stat = std::fs::read_to_string(directory.join("stat")).ok()?;
    stat.split_whitespace().nth(FLUSHES_FIELD)?.parse().ok()
}

/// Place of the completed flushes in `/sys/block/*/stat`.
const FLUSHES_FIELD: usize = 15;

/// Processor time of this thread so far.
pub fn own_processor_time() -> io::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(time_of(&text)))
}

/// The first figure of a `schedstat`.
fn time_of(schedstat: &str) -> u64 {
    schedstat.split_whitespace().next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// Processor time of all threads of a process so far.
pub fn processor_time(pid: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread can end between the listing and the reading.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += time_of(&text);
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// Resident memory of a process, in bytes.
pub fn resident_bytes(pid: u32) -> io::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kibibytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1024).ok_or_else(|| odd("no VmRSS for the process"))
}

/// Cores that a process may use, as `taskset` names them.
pub fn cores(pid: u32) -> io::Result<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    cores.map(|cores| cores.trim().to_owned()).ok_or_else(|| odd("the system doesn't say which cores there are"))
}

/// Binds all threads of a process to these cores.
pub fn pin(pid: u32, cores: &str) -> io::Result<()> {
    let output = Command::new("taskset").args(["-a", "-c", "-p", cores, &pid.to_string()]).output()?;
    if output.status.success() { Ok(()) } else { Err(odd(&String::from_utf8_lossy(&output.stderr))) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::process::Stdio;

    use super::*;

    #[test]
    fn reads_a_counter_by_its_whole_name() {
        let check = |name, want| assert_eq!(counter("# TYPE a_total counter\na_total 7\na_total_2 8\n", name), want);
        check("a_total", Some(7));
        check("a_total_2", Some(8));
        check("a", None);
    }

    #[test]
    fn whoever_was_bound_to_one_core_can_have_all_of_them_again() {
        let mut waiting = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let before = cores(waiting.id()).unwrap();
        pin(waiting.id(), "0").unwrap();
        assert_eq!(cores(waiting.id()).unwrap(), "0");
        pin(waiting.id(), &before).unwrap();
        assert_eq!(cores(waiting.id()).unwrap(), before);
        drop(waiting.stdin.take());
        waiting.wait().unwrap();
    }
}
