//! What a process has used, read from `/proc` (Linux).

use std::io;
use std::process::Command;
use std::time::Duration;

use crate::wire::odd;

/// Processor time of all threads of a process so far.
pub fn processor_time(pid: u32) -> io::Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread can end between the listing and the reading.
        let Ok(text) = std::fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanoseconds += text.split_whitespace().next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
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

/// Cores of this machine, as `taskset` names them.
pub fn all_cores() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("0-{}", cores.saturating_sub(1))
}

/// Binds all threads of a process to these cores.
pub fn pin(pid: u32, cores: &str) -> io::Result<()> {
    let output = Command::new("taskset").args(["-a", "-c", "-p", cores, &pid.to_string()]).output()?;
    if output.status.success() { Ok(()) } else { Err(odd(&String::from_utf8_lossy(&output.stderr))) }
}
