//! One command of the server's command line, run to its end.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Longest time for one command.
const COMMAND_DEADLINE: Duration = Duration::from_secs(30);

/// What a finished command left behind.
#[derive(Debug, Clone)]
pub struct CliOutput {
    /// The command as typed, for failure messages.
    pub command: String,
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl CliOutput {
    /// Standard output of a command that must have succeeded.
    ///
    /// # Panics
    ///
    /// When the exit code isn't 0; the message shows both streams.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(
            self.code == Some(0),
            "`{}` ended with {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.code,
            self.stdout,
            self.stderr
        );
        self.stdout
    }
}

/// Runs `binary` with `arguments` and `stdin`; standard input is closed after it.
pub(crate) async fn run<A: AsRef<OsStr>>(binary: &Path, arguments: &[A], stdin: &str) -> CliOutput {
    let typed: Vec<_> = arguments.iter().map(|argument| argument.as_ref().to_string_lossy()).collect();
    let command = format!("{} {}", binary.display(), typed.join(" "));
    let mut child = Command::new(binary)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("can't run `{command}`: {error}"));
    if let Some(mut pipe) = child.stdin.take() {
        // A command that reads nothing may have closed its end already.
        let _ = pipe.write_all(stdin.as_bytes()).await;
    }
    let output = match tokio::time::timeout(COMMAND_DEADLINE, child.wait_with_output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => panic!("can't read the output of `{command}`: {error}"),
        Err(elapsed) => panic!("`{command}` didn't end within {} s: {elapsed}", COMMAND_DEADLINE.as_secs()),
    };
    CliOutput {
        command,
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn hands_standard_input_over_and_both_streams_back() {
        let script = ["-c", "read line; echo \"got $line\"; echo oops >&2; exit 3"];
        let output = run(Path::new("/bin/sh"), &script, "hello\n").await;
        assert_eq!(output.code, Some(3));
        assert_eq!(output.stdout, "got hello\n");
        assert_eq!(output.stderr, "oops\n");
    }

    #[tokio::test]
    #[should_panic(expected = "--- stderr\noops")]
    async fn shows_the_streams_of_a_command_that_failed() {
        run(Path::new("/bin/sh"), &["-c", "echo oops >&2; exit 3"], "").await.ok();
    }
}
