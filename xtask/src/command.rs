//! Running programs, and what to say when one fails.

use std::ffi::OsStr;
use std::fmt;
use std::process::{Command, Stdio};

/// Why a chore stopped, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    what: String,
    next: String,
}

impl Failure {
    /// `what` went wrong, and what the reader does `next`.
    pub fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "FAILED: {}\nNext:   {}", self.what, self.next)
    }
}

/// The outcome of a chore or a part of it.
pub type Outcome<T = ()> = Result<T, Failure>;

/// `program` with `arguments`; the reader sees its output as it comes.
pub fn command<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// The cargo that runs this chore, with `arguments`.
pub fn cargo(arguments: &[&str]) -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments)
}

/// Runs the command to its end; `next` tells what to do should it fail.
pub fn run(command: &mut Command, next: &str) -> Outcome {
    let typed = typed(command);
    println!("$ {typed}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("`{typed}` ended with {status}"), next)),
        Err(error) => Err(Failure::new(format!("`{typed}` can't be run: {error}"), next)),
    }
}

/// Runs the command without output; whether it succeeded.
pub fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Standard output of a command that succeeded.
pub fn output_of(command: &mut Command, next: &str) -> Outcome<String> {
    let typed = typed(command);
    command.stdin(Stdio::null()).stderr(Stdio::inherit());
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => Err(Failure::new(format!("`{typed}` ended with {}", output.status), next)),
        Err(error) => Err(Failure::new(format!("`{typed}` can't be run: {error}"), next)),
    }
}

/// The command as one would type it, for the reader.
fn typed(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    // The full path of cargo or python says nothing that helps.
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_command_failed_and_what_to_do() {
        let failure = run(&mut command("/bin/sh", ["-c", "exit 3"]), "Look above.").expect_err("it ends with 3");
        assert_eq!(failure.to_string(), "FAILED: `sh -c exit 3` ended with exit status: 3\nNext:   Look above.");
    }

    #[test]
    fn says_when_a_program_is_not_there() {
        let failure = output_of(&mut command("/nowhere/program", ["x"]), "Install it.").expect_err("no such program");
        assert!(failure.to_string().contains("`program x` can't be run"), "{failure}");
        assert!(!succeeds(&mut command("/nowhere/program", ["x"])));
    }

    #[test]
    fn gives_standard_output() {
        assert_eq!(output_of(&mut command("/bin/sh", ["-c", "echo yes"]), ""), Ok("yes\n".to_owned()));
    }
}
