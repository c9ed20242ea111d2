//! What was measured, where and with which command.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::target::crossbar;

/// Machine, versions and command.
#[derive(Debug, Clone)]
pub struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    /// Each program with its version.
    versions: Vec<(&'static str, String)>,
    command: String,
    rounds: usize,
    seconds: u64,
}

impl Machine {
    /// Asks the system and the programs.
    pub async fn look(server: &Path, crossbar: Option<&Path>, rounds: usize, seconds: u64) -> Self {
        let mut versions = Vec::new();
        versions.extend(said(Command::new(server).arg("version")).await.map(|version| ("Countersign", version)));
        versions
            .extend(said(Command::new("git").args(["describe", "--always", "--dirty"])).await.map(|it| ("commit", it)));
        versions.extend(said(Command::new("rustc").arg("--version")).await.map(|version| ("Rust", version)));
        if let Some(program) = crossbar {
            versions.extend(crossbar::version(program).await.ok().map(|version| ("Crossbar", version)));
        }
        let arguments = as_given(std::env::args().skip(1)).join(" ");
        Self {
            processor: processor().unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            versions,
            command: format!("cargo xtask bench {arguments}").trim_end().to_owned(),
            rounds,
            seconds,
        }
    }

    /// As JSON.
    pub fn json(&self) -> Value {
        let versions: serde_json::Map<String, Value> =
            self.versions.iter().map(|(name, version)| ((*name).to_owned(), json!(version))).collect();
        json!({
            "processor": self.processor,
            "cores": self.cores,
            "kernel": self.kernel,
            "versions": versions,
            "command": self.command,
            "rounds": self.rounds,
            "seconds": self.seconds,
        })
    }

    /// As a paragraph and the command.
    pub fn markdown(&self) -> String {
        let Self { processor, cores, kernel, command, rounds, seconds, .. } = self;
        let versions: Vec<_> = self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        format!(
            "{cores} cores of {processor}, Linux {kernel}; {}. Medians of {rounds} rounds of {seconds} s each, load and server \
             on the same machine.\n\n```console\n$ {command}\n```\n",
            versions.join(", ")
        )
    }
}

/// The version in the first line that a program says.
async fn said(command: &mut Command) -> Option<String> {
    let output = command.output().await.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    let mut words = text.lines().next()?.split_whitespace();
    // "rustc 1.95.0 (…)", "countersign 0.1.0", or a commit alone.
    let first = words.next()?;
    Some(words.next().unwrap_or(first).to_owned())
}

fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("model name"))?;
    Some(model.trim_start_matches([' ', '\t', ':']).to_owned())
}

/// The arguments as the chore took them and as a shell takes them. Where programs are is of this machine.
fn as_given(mut arguments: impl Iterator<Item = String>) -> Vec<String> {
    let mut given = Vec::new();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--server" => drop(arguments.next()),
            "--crossbar" => {
                drop(arguments.next());
                given.push("--with-crossbar".to_owned());
            }
            _ if argument.contains(' ') => given.push(format!("\"{argument}\"")),
            _ => given.push(argument),
        }
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_can_be_typed_again() {
        let words = ["--only", "a b", "--crossbar", "/x/crossbar", "--server", "/y/countersign", "--rounds", "1"];
        let given = as_given(words.map(str::to_owned).into_iter());
        assert_eq!(given.join(" "), "--only \"a b\" --with-crossbar --rounds 1");
    }
}
