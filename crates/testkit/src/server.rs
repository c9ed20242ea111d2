//! The server as a process of its own.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::cli::{self, CliOutput};
use crate::output::OutputLog;
use crate::wait;

/// Longest time from the start of the process to its last `listening on` line.
const START_DEADLINE: Duration = Duration::from_secs(30);
/// Longest time for a graceful stop.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
/// What the server prints before each bound address.
const LISTENING_PREFIX: &str = "listening on ";

/// A way into the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// HTTP with WebSocket at `/ws`.
    Http,
    /// The same over TLS, with a certificate that the server makes for itself.
    Https,
    /// RawSocket on TCP.
    Tcp,
    /// RawSocket on a Unix socket.
    Unix,
}

impl Door {
    /// Every door, which is what a server of the testkit opens unless told otherwise.
    pub const ALL: [Self; 4] = [Self::Http, Self::Https, Self::Tcp, Self::Unix];

    /// How the listener's URL begins.
    fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
            Self::Tcp => "tcp://",
            Self::Unix => "unix:",
        }
    }
}

/// Where the server keeps its data.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Storage {
    /// SQLite in the data directory.
    #[default]
    Sqlite,
    /// The PostgreSQL database with this URL; see [`crate::PostgresDatabase::url`].
    Postgres(String),
}

/// What to start. Made by [`Server::builder`].
#[derive(Debug, Clone)]
pub struct ServerBuilder {
    binary: PathBuf,
    data: Option<PathBuf>,
    config: String,
    doors: Vec<Door>,
    storage: Storage,
    arguments: Vec<OsString>,
}

impl ServerBuilder {
    /// Uses this data directory, which outlives the server. Without it the server gets a temporary one.
    #[must_use]
    pub fn data(mut self, directory: impl Into<PathBuf>) -> Self {
        self.data = Some(directory.into());
        self
    }

    /// TOML of the configuration file, without the `[storage]` table, which [`ServerBuilder::storage`] writes.
    #[must_use]
    pub fn config(mut self, toml: impl Into<String>) -> Self {
        self.config = toml.into();
        self
    }

    /// Opens these doors only.
    #[must_use]
    pub fn listen(mut self, doors: impl Into<Vec<Door>>) -> Self {
        self.doors = doors.into();
        self
    }

    /// Chooses the storage; SQLite without this.
    #[must_use]
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// One more argument of `serve`, such as `--demo`.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the server and waits until every door is open.
    ///
    /// # Panics
    ///
    /// When the server doesn't start, ends, or doesn't name all its listeners in time.
    pub async fn start(self) -> Server {
        let home =
            TempDir::with_prefix("countersign-").unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let data = self.data.clone().unwrap_or_else(|| home.path().join("data"));
        let config = home.path().join("countersign.toml");
        let toml = match &self.storage {
            Storage::Sqlite => self.config.clone(),
            Storage::Postgres(url) => format!("{}\n[storage]\nurl = \"{url}\"\n", self.config),
        };
        if let Err(error) = std::fs::write(&config, toml) {
            panic!("can't write {}: {error}", config.display());
        }
        let unix_socket = home.path().join("wamp.sock");
        let mut server = Server {
            builder: self,
            data,
            config,
            unix_socket,
            log: OutputLog::default(),
            urls: Vec::new(),
            child: None,
            _home: home,
        };
        server.spawn().await;
        server
    }
}

/// A running server. Dropping it kills the process.
#[derive(Debug)]
pub struct Server {
    builder: ServerBuilder,
    data: PathBuf,
    config: PathBuf,
    unix_socket: PathBuf,
    log: OutputLog,
    urls: Vec<String>,
    child: Option<Child>,
    // Last: the process ends before its directory goes.
    _home: TempDir,
}

impl Server {
    /// Describes a server. `binary` is `env!("CARGO_BIN_EXE_countersign")` in an integration test of the server crate.
    pub fn builder(binary: impl Into<PathBuf>) -> ServerBuilder {
        ServerBuilder {
            binary: binary.into(),
            data: None,
            config: String::new(),
            doors: Door::ALL.to_vec(),
            storage: Storage::Sqlite,
            arguments: Vec::new(),
        }
    }

    async fn spawn(&mut self) {
        let mut command = Command::new(&self.builder.binary);
        command.arg("serve").arg("--data").arg(&self.data).arg("--config").arg(&self.config);
        for door in &self.builder.doors {
            let mut url = OsString::from(door.prefix());
            match door {
                Door::Unix => url.push(&self.unix_socket),
                Door::Http | Door::Https | Door::Tcp => url.push("127.0.0.1:0"),
            }
            command.arg("--listen").arg(url);
        }
        command.args(&self.builder.arguments);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("can't start {}: {error}", self.builder.binary.display()),
        };

        let (listening, mut heard) = mpsc::channel(self.builder.doors.len().max(1));
        if let Some(stdout) = child.stdout.take() {
            self.log.follow(stdout, move |line| {
                if let Some(url) = line.strip_prefix(LISTENING_PREFIX) {
                    // A full or closed channel means that the start is over: nobody asks any more.
                    let _ = listening.try_send(url.trim().to_owned());
                }
            });
        }
        let complaints = child.stderr.take().map(|stderr| self.log.follow(stderr, |_| ()));
        self.urls.clear();
        let wanted = self.builder.doors.len();
        let urls = &mut self.urls;
        let opening = async {
            while urls.len() < wanted {
                let Some(url) = heard.recv().await else { return false };
                urls.push(url);
            }
            true
        };
        let open = tokio::time::timeout(START_DEADLINE, opening).await;
        self.child = Some(child);
        match open {
            Ok(true) => {}
            Ok(false) => {
                // The reason is most likely on standard error, which may still be on its way.
                if let Some(complaints) = complaints {
                    let _ = tokio::time::timeout(STOP_DEADLINE, complaints).await;
                }
                self.fail("the server ended before all its doors were open")
            }
            Err(_) => self.fail(&format!("the server didn't open its doors within {} s", START_DEADLINE.as_secs())),
        }
    }

    #[track_caller]
    fn fail(&self, what: &str) -> ! {
        panic!("{what}; open: {:?}\n--- its output\n{}", self.urls, self.log.text())
    }

    /// Address of a door as the server named it: `http://H:P`, `https://H:P`, `tcp://H:P` or `unix:PATH`.
    ///
    /// # Panics
    ///
    /// When the server has no such door.
    #[track_caller]
    pub fn url(&self, door: Door) -> &str {
        self.urls
            .iter()
            .find(|url| url.starts_with(door.prefix()))
            .map_or_else(|| self.fail(&format!("the server has no {door:?} door")), String::as_str)
    }

    /// Address for a WAMP client: `ws://H:P/ws`, `wss://H:P/ws`, `tcp://H:P` or `unix:PATH`.
    ///
    /// # Panics
    ///
    /// When the server has no such door.
    #[track_caller]
    pub fn wamp_url(&self, door: Door) -> String {
        let url = self.url(door);
        match door {
            Door::Http | Door::Https => format!("{}/ws", url.replacen("http", "ws", 1).trim_end_matches('/')),
            Door::Tcp | Door::Unix => url.to_owned(),
        }
    }

    /// Address to connect a plain TCP socket to. Not for [`Door::Unix`]; see [`Server::unix_socket`].
    ///
    /// # Panics
    ///
    /// When the server has no such door, or its URL holds no socket address.
    #[track_caller]
    pub fn address(&self, door: Door) -> SocketAddr {
        let url = self.url(door);
        let address = url.strip_prefix(door.prefix()).map(|rest| rest.trim_end_matches('/'));
        match address.and_then(|address| address.parse().ok()) {
            Some(address) => address,
            None => self.fail(&format!("{url:?} holds no socket address")),
        }
    }

    /// Path of the Unix socket that speaks RawSocket.
    pub fn unix_socket(&self) -> &Path {
        &self.unix_socket
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What the server has printed so far, over restarts: both streams, the newest lines.
    pub fn output(&self) -> String {
        self.log.text()
    }

    /// Process id.
    ///
    /// # Panics
    ///
    /// When the server has been stopped.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        match self.child.as_ref().and_then(Child::id) {
            Some(pid) => pid,
            None => self.fail("the server isn't running"),
        }
    }

    /// Resident memory of the process in bytes (Linux only).
    ///
    /// # Panics
    ///
    /// When the server has ended, or the system has no `/proc`.
    #[track_caller]
    pub fn resident_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let status = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("can't read {path}: {error}"));
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        match kibibytes {
            Some(kibibytes) => kibibytes * 1024,
            None => self.fail(&format!("{path} has no VmRSS")),
        }
    }

    /// Runs `countersign --data DIR ARGUMENTS…` beside the server (or without one, after a stop) and waits for its end.
    ///
    /// # Panics
    ///
    /// When the command can't be run or doesn't end in time. A failure of the command itself is in the answer.
    pub async fn cli(&self, arguments: &[&str], stdin: &str) -> CliOutput {
        let mut all: Vec<OsString> = vec!["--data".into(), self.data.clone().into()];
        if matches!(self.builder.storage, Storage::Postgres(_)) {
            all.extend(["--config".into(), self.config.clone().into()]);
        }
        all.extend(arguments.iter().map(OsString::from));
        cli::run(&self.builder.binary, &all, stdin).await
    }

    /// Adds a user through the command line.
    ///
    /// # Panics
    ///
    /// When the command fails.
    pub async fn add_user(&self, login: &str, role: &str, password: &str) {
        let arguments = ["user", "add", login, "--role", role, "--password-stdin", "--json"];
        self.cli(&arguments, &format!("{password}\n")).await.ok();
    }

    /// Kills the process at once (SIGKILL) and waits until it is gone.
    ///
    /// # Panics
    ///
    /// When the process can't be killed.
    pub async fn kill9(&mut self) {
        if let Some(mut child) = self.child.take()
            && let Err(error) = child.kill().await
        {
            self.fail(&format!("can't kill the server: {error}"));
        }
    }

    /// Starts the server again on the same data directory, after [`Server::kill9`] or [`Server::stop`] (a running one
    /// is stopped first). Ports change.
    ///
    /// # Panics
    ///
    /// As [`ServerBuilder::start`] and [`Server::stop`].
    pub async fn restart(&mut self) {
        if self.child.is_some() {
            self.stop().await;
        }
        self.spawn().await;
    }

    /// Asks the server to stop (SIGTERM) and waits for it.
    ///
    /// # Panics
    ///
    /// When the server isn't running, or doesn't end in time.
    pub async fn stop(&mut self) -> ExitStatus {
        let pid = self.pid().to_string();
        // The shell's own `kill`: no package needs to be installed for it.
        let asked = Command::new("/bin/sh").args(["-c", "kill -TERM \"$1\"", "sh", &pid]).status().await;
        if !asked.is_ok_and(|status| status.success()) {
            self.fail("can't send SIGTERM to the server");
        }
        let Some(mut child) = self.child.take() else { self.fail("the server isn't running") };
        match tokio::time::timeout(STOP_DEADLINE, child.wait()).await {
            Ok(Ok(status)) => status,
            Ok(Err(error)) => self.fail(&format!("can't wait for the server: {error}")),
            Err(_) => self.fail(&format!("the server didn't stop within {} s", STOP_DEADLINE.as_secs())),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(child) = &mut self.child else { return };
        // An error means that it has ended already.
        let _ = child.start_kill();
        // A dying process could still write into the directory that is removed next.
        wait::blocking(STOP_DEADLINE, || !matches!(child.try_wait(), Ok(None)));
    }
}

#[cfg(test)]
mod tests;
