//! What is measured: a running server, or the relay.

use std::io;
use std::path::Path;
use std::process::Stdio;

use countersign_testkit::{Door, Server};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::wire::{Address, odd};

/// The realm of a server with default settings.
const REALM: &str = "izaber";
/// A user of a measured server.
pub const USER: &str = "bench";
/// The user's password.
pub const USER_PASSWORD: &str = "correct horse battery";
/// Everything is as shipped, but for what one user at one address can't have there: sessions without a login, many
/// connections that are not signed in yet, many one-time passwords.
const SETTINGS: &str = "\
[auth]
anonymous = true
[limits]
unauthenticated_connections_max = 20000
[otp]
live_max = 1000000
";

/// How to reach what is measured.
#[derive(Debug, Clone)]
pub struct Target {
    /// How tables call it.
    pub name: &'static str,
    /// Its process.
    pub pid: u32,
    /// The realm; `None`: no WAMP is spoken, frames come out at the other connection of a pair.
    pub realm: Option<&'static str>,
    /// Where WebSocket is spoken.
    pub websocket: Address,
    /// Where RawSocket is spoken, if it is.
    pub rawsocket: Option<Address>,
    /// Where RawSocket is spoken on a Unix socket, if it is.
    pub unix: Option<Address>,
}

/// Starts Countersign with a fresh data directory.
pub async fn countersign(binary: &Path) -> io::Result<(Server, Target)> {
    let server = Server::builder(binary).config(SETTINGS).listen([Door::Http, Door::Tcp, Door::Unix]).start().await;
    server.add_user(USER, "frontend", USER_PASSWORD).await;
    server.cli(&["role", "allow", "public", "bench.*", "crsp"], "").await.ok();
    let target = Target {
        name: "countersign",
        pid: server.pid(),
        realm: Some(REALM),
        websocket: Address::WebSocket(server.address(Door::Http), "/ws".into()),
        rawsocket: Some(Address::RawTcp(server.address(Door::Tcp))),
        unix: Some(Address::RawUnix(server.unix_socket().to_owned())),
    };
    Ok((server, target))
}

/// Starts the relay in a process of its own.
pub async fn relay() -> io::Result<(Child, Target)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("relay").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (Some(stdout), Some(pid)) = (child.stdout.take(), child.id()) else { return Err(odd("the relay has ended")) };
    let line = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
    let address = line.strip_prefix("listening on ").and_then(|address| address.parse().ok());
    let address = address.ok_or_else(|| odd("the relay doesn't say where it listens"))?;
    let websocket = Address::WebSocket(address, "/".into());
    Ok((child, Target { name: "relay", pid, realm: None, websocket, rawsocket: None, unix: None }))
}
