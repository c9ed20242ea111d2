//! A throw-away PostgreSQL cluster.
//!
//! Invariant: the cluster ends with this process, however that ends. A shell waits for the end of a pipe whose other
//! end only this process holds; then it stops the cluster and removes its directory. So neither Ctrl-C nor a kill
//! leaves a server behind, without any signal handler here.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::command::{Failure, Outcome, command, run};
use crate::tools;

/// The variable that tells tests where the cluster is.
pub const URL_VARIABLE: &str = "COUNTERSIGN_TEST_POSTGRES";
/// PostgreSQL refuses to run as root; this is the user that its packages create.
const SERVER_USER: &str = "postgres";
/// The tests kill our server, never PostgreSQL: durability of a cluster that is thrown away costs only time.
const SETTINGS: &str = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=200";
const NEXT: &str = "Read PostgreSQL's complaint above.";
/// Reads until the pipe closes, deaf to the signals that end everything else of the run.
const UNDERTAKER: &str =
    "trap '' INT TERM HUP; read -r _; directory=$1; shift; \"$@\" >/dev/null 2>&1; rm -rf \"$directory\"";

/// A running cluster. Dropping it stops PostgreSQL and removes its directory.
pub struct Cluster {
    url: String,
    undertaker: Child,
}

impl Cluster {
    /// Makes and starts a cluster with the programs in `programs`.
    pub fn start(programs: &Path) -> Outcome<Self> {
        let home = TempDir::with_prefix("countersign-postgres-")
            .map_err(|error| Failure::new(format!("no temporary directory: {error}"), "Make room in it."))?;
        let as_root = tools::is_root();
        if as_root {
            let no_user = "Install the package postgresql, or run this as another user than root.";
            run(&mut command("chown", [SERVER_USER.as_ref(), home.path()]), no_user)?;
        }
        let data = home.path().join("data");
        let server = Programs { directory: programs.to_owned(), as_root };
        let initdb = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-sync", "-D"];
        run(server.command("initdb", home.path()).args(initdb).arg(&data).stdout(Stdio::null()), NEXT)?;

        let port = free_port()?;
        let sockets = home.path().display();
        let options = format!("-c listen_addresses=127.0.0.1 -p {port} -k {sockets} {SETTINGS}");
        // From here on the undertaker owns the directory.
        let mut stop = server.command("pg_ctl", home.path());
        stop.args(["stop", "-m", "immediate", "-D"]).arg(&data);
        let home = home.keep();
        let undertaker = bury(&home, &stop)?;
        let cluster = Self { url: format!("postgres://postgres@127.0.0.1:{port}/postgres"), undertaker };

        let log = home.join("log");
        let mut start = server.command("pg_ctl", &home);
        start.args(["start", "-w", "-t", "60", "-o", &options, "-l"]).arg(&log).arg("-D").arg(&data);
        run(start.stdout(Stdio::null()), NEXT).inspect_err(|_| {
            eprintln!("{}", std::fs::read_to_string(&log).unwrap_or_default());
        })?;
        Ok(cluster)
    }

    /// Address of the cluster, for [`URL_VARIABLE`].
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.undertaker.stdin.take());
        // Nobody is left to tell should this fail; the shell does its work all the same.
        let _ = self.undertaker.wait();
    }
}

/// PostgreSQL's programs, run as a user that they accept.
struct Programs {
    directory: PathBuf,
    as_root: bool,
}

impl Programs {
    fn command(&self, program: &str, working_directory: &Path) -> Command {
        let program = self.directory.join(program);
        let mut command = if self.as_root {
            let mut command = command("runuser", ["-u", SERVER_USER, "--"]);
            command.arg(program);
            command
        } else {
            Command::new(program)
        };
        // The present directory may be closed to the other user.
        command.current_dir(working_directory);
        command
    }
}

/// Starts the shell that runs `stop` and removes `home` when this process lets go of it.
fn bury(home: &Path, stop: &Command) -> Outcome<Child> {
    let mut shell = command("/bin/sh", ["-c", UNDERTAKER, "sh"]);
    shell.arg(home).arg(stop.get_program()).args(stop.get_args()).current_dir("/").stdin(Stdio::piped());
    shell.spawn().map_err(|error| Failure::new(format!("can't run /bin/sh: {error}"), "Look after /bin/sh."))
}

/// A port that was free a moment ago.
fn free_port() -> Outcome<u16> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    match port {
        Ok(address) => Ok(address.port()),
        Err(error) => Err(Failure::new(format!("no free port on 127.0.0.1: {error}"), "Close some connections.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_undertaker_works_when_its_pipe_closes() {
        let home = TempDir::new().expect("a directory").keep();
        let proof = TempDir::new().expect("a directory");
        let stopped = proof.path().join("stopped");
        let mut shell = bury(&home, &command("touch", [&stopped])).expect("a shell");
        assert!(home.exists() && !stopped.exists());
        drop(shell.stdin.take());
        assert!(shell.wait().expect("its end").success());
        assert!(stopped.exists() && !home.exists());
    }
}
