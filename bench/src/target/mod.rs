//! What is measured: a running server, the relay, another router.

pub mod crossbar;
mod fill;
pub mod filled;

pub use fill::login as filled_login;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use countersign_testkit::{Door, Server};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use crate::session::Login;
use crate::wire::{Address, Tls, odd};

/// The realm of a server with default settings.
const REALM: &str = "izaber";
/// A user of a measured server.
pub const USER: &str = "bench";
/// A super-user of the sign-on API.
pub const SUPER_USER: &str = "bench-super";
/// How many users there are by default: one with all the one-time passwords would take longer to make each next one, because
/// those that a user has are counted.
const FEW: u64 = 8;
/// A user who is locked.
pub const LOCKED_USER: &str = "bench-locked";
/// A user whose sign-up was rejected.
pub const REJECTED_USER: &str = "bench-rejected";
/// The password of all users.
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

/// So many wrong passwords from one address would be slowed down.
const WITHOUT_THROTTLE: &str = "\
[throttle]
exempt = [\"127.0.0.0/8\"]
";

/// Who can log in at a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Users {
    /// Nobody.
    None,
    /// [`USER`].
    One,
    /// [`USER`] and a few more.
    Few,
    /// So many, beside those.
    Filled(u64),
}

/// How to reach what is measured.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its process.
    pub pid: u32,
    /// The realm; `None`: no WAMP is spoken, frames come out at the other connection of a pair.
    pub realm: Option<&'static str>,
    /// Where WebSocket is spoken.
    pub websocket: Address,
    /// Where WebSocket is spoken under TLS, if it is.
    pub websocket_tls: Option<Address>,
    /// Where RawSocket is spoken, if it is.
    pub rawsocket: Option<Address>,
    /// Where RawSocket is spoken on a Unix socket, if it is.
    pub unix: Option<Address>,
    /// Where the sign-on API and the metrics are, if they are.
    pub http: Option<SocketAddr>,
    /// Its data directory, if it has one.
    pub data: Option<PathBuf>,
    /// Who can log in.
    pub users: Users,
}

impl Target {
    /// A login by password; different numbers are different users where there are many, spread over all of them.
    pub fn password_login(&self, number: u64) -> io::Result<Login> {
        let login = match self.users {
            Users::None => return Err(odd("nobody can log in there")),
            Users::One => few(0),
            Users::Few => few(number % FEW),
            Users::Filled(count) => {
                // A large prime, so that neighbours are far from each other.
                fill::login(number.wrapping_mul(1_000_003) % count.max(1))
            }
        };
        Ok(Login::Ticket { login, ticket: USER_PASSWORD.to_owned() })
    }
}

/// What runs, whatever it is; it ends when this is dropped.
pub type Running = Box<dyn std::any::Any>;

fn server(binary: &Path) -> countersign_testkit::ServerBuilder {
    Server::builder(binary).config(SETTINGS).listen([Door::Http, Door::Tcp, Door::Unix])
}

fn target_of(server: &Server, users: Users) -> Target {
    Target {
        pid: server.pid(),
        realm: Some(REALM),
        websocket: Address::WebSocket(server.address(Door::Http), "/ws".into()),
        websocket_tls: None,
        rawsocket: Some(Address::RawTcp(server.address(Door::Tcp))),
        unix: Some(Address::RawUnix(server.unix_socket().to_owned())),
        http: Some(server.address(Door::Http)),
        data: Some(server.data().to_owned()),
        users,
    }
}

/// The login of one of the few users.
fn few(number: u64) -> String {
    if number == 0 { USER.to_owned() } else { format!("{USER}-{number}") }
}

async fn add_users(server: &Server) {
    for number in 0..FEW {
        server.add_user(&few(number), "frontend", USER_PASSWORD).await;
    }
    server.add_user(SUPER_USER, "trust", USER_PASSWORD).await;
}

/// Starts Countersign with a fresh data directory.
pub async fn countersign(binary: &Path) -> io::Result<(Running, Target)> {
    let server = server(binary).start().await;
    add_users(&server).await;
    server.cli(&["role", "allow", "public", "bench.*", "crsp"], "").await.ok();
    let target = target_of(&server, Users::Few);
    Ok((Box::new(server), target))
}

/// The same with a door under TLS, which makes its own certificate.
pub async fn countersign_with_tls(binary: &Path) -> io::Result<(Running, Target)> {
    let server = server(binary).listen(Door::ALL).start().await;
    server.cli(&["role", "allow", "public", "bench.*", "crsp"], "").await.ok();
    let tls = Tls::of(&server.data().join("tls-cert.pem"))?;
    let address = Address::WebSocketTls(server.address(Door::Https), "/ws".into(), tls);
    let target = Target { websocket_tls: Some(address), ..target_of(&server, Users::None) };
    Ok((Box::new(server), target))
}

/// The same with users who are refused for several reasons, as often as they like.
pub async fn countersign_that_refuses(binary: &Path) -> io::Result<(Running, Target)> {
    let server = server(binary).config([SETTINGS, WITHOUT_THROTTLE].concat()).start().await;
    add_users(&server).await;
    for (login, verb) in [(LOCKED_USER, "lock"), (REJECTED_USER, "reject")] {
        server.add_user(login, "frontend", USER_PASSWORD).await;
        server.cli(&["user", verb, login], "").await.ok();
    }
    let target = target_of(&server, Users::Few);
    Ok((Box::new(server), target))
}

/// The same without users, so that no password was hashed.
pub async fn countersign_without_users(binary: &Path) -> io::Result<(Running, Target)> {
    let server = server(binary).start().await;
    let target = target_of(&server, Users::None);
    Ok((Box::new(server), target))
}

/// Starts the relay in a process of its own.
pub async fn relay() -> io::Result<(Running, Target)> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("relay").stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (Some(stdout), Some(pid)) = (child.stdout.take(), child.id()) else { return Err(odd("the relay has ended")) };
    let line = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
    let address = line.strip_prefix("listening on ").and_then(|address| address.parse().ok());
    let address = address.ok_or_else(|| odd("the relay doesn't say where it listens"))?;
    let websocket = Address::WebSocket(address, "/".into());
    let target = Target {
        pid,
        realm: None,
        websocket,
        websocket_tls: None,
        rawsocket: None,
        unix: None,
        http: None,
        data: None,
        users: Users::None,
    };
    Ok((Box::new(child), target))
}
