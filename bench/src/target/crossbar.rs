//! Crossbar, where it is installed: one router worker, a realm for anybody, JSON, MessagePack and CBOR over WebSocket and
//! RawSocket, and one user with a ticket.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use super::{Running, Target, USER, USER_PASSWORD, Users};
use crate::wire::{Address, odd};

const REALM: &str = "realm1";
/// Longest time until it listens. It starts a second Python and loads much.
const START_DEADLINE: Duration = Duration::from_mins(1);
/// Longest time until its processes have ended.
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Its processes and its directory.
struct Crossbar {
    controller: Child,
    worker: u32,
    _directory: TempDir,
}

/// The version that `program` is.
pub async fn version(program: &Path) -> io::Result<String> {
    let output = Command::new(program).arg("version").output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.split_once("Crossbar.io").map(|(_, rest)| rest));
    let version =
        line.and_then(|rest| rest.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit())));
    version.map(str::to_owned).ok_or_else(|| odd(&format!("no version in {text:?}")))
}

/// Starts it.
pub async fn start(program: &Path) -> io::Result<(Running, Target)> {
    let directory = TempDir::with_prefix("countersign-bench-crossbar-")?;
    let (websocket, rawsocket) = (free_port()?, free_port()?);
    let configuration = configuration(websocket.port(), rawsocket.port());
    std::fs::write(directory.path().join("config.json"), configuration.to_string())?;
    let log = std::fs::File::create(directory.path().join("log"))?;
    let mut command = Command::new(program);
    command.args(["start", "--loglevel", "warn", "--cbdir"]).arg(directory.path());
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    let mut controller = command.spawn()?;
    let began = Instant::now();
    for address in [websocket, rawsocket] {
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = controller.try_wait()? {
                return Err(odd(&format!("Crossbar ended with {status}: {}", log_of(&directory))));
            }
            if began.elapsed() > START_DEADLINE {
                return Err(odd(&format!("Crossbar doesn't listen: {}", log_of(&directory))));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    let worker = controller.id().and_then(child_of).ok_or_else(|| odd("Crossbar has no worker"))?;
    let target = Target {
        pid: worker,
        realm: Some(REALM),
        websocket: Address::WebSocket(websocket, "/ws".into()),
        websocket_tls: None,
        rawsocket: Some(Address::RawTcp(rawsocket)),
        unix: None,
        http: None,
        data: None,
        users: Users::One,
    };
    Ok((Box::new(Crossbar { controller, worker, _directory: directory }), target))
}

impl Drop for Crossbar {
    fn drop(&mut self) {
        // The controller first, which would start the worker again.
        let _ = self.controller.start_kill();
        let worker = self.worker.to_string();
        let _ = std::process::Command::new("/bin/sh").args(["-c", "kill -9 \"$1\"", "sh", &worker]).status();
        let began = Instant::now();
        while began.elapsed() < STOP_DEADLINE && matches!(self.controller.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

fn log_of(directory: &TempDir) -> String {
    std::fs::read_to_string(directory.path().join("log")).unwrap_or_default()
}

/// A port that was free a moment ago; Crossbar can't take one and say which.
fn free_port() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// The one child of a process.
fn child_of(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn configuration(websocket: u16, rawsocket: u16) -> Value {
    let everything = json!({ "call": true, "register": true, "publish": true, "subscribe": true });
    let permission = json!({ "uri": "", "match": "prefix", "allow": everything });
    let serializers = json!(["json", "msgpack", "cbor"]);
    let endpoint = |port| json!({ "type": "tcp", "port": port, "interface": "127.0.0.1" });
    let auth = json!({
        "anonymous": { "type": "static", "role": "anonymous" },
        "ticket": { "type": "static", "principals": { USER: { "ticket": USER_PASSWORD, "role": "anonymous" } } },
    });
    json!({
        "version": 2,
        "workers": [{
            "type": "router",
            "realms": [{ "name": REALM, "roles": [{ "name": "anonymous", "permissions": [permission] }] }],
            "transports": [
                {
                    "type": "websocket",
                    "endpoint": endpoint(websocket),
                    "url": format!("ws://127.0.0.1:{websocket}/ws"),
                    "serializers": serializers,
                    "auth": auth,
                },
                {
                    "type": "rawsocket",
                    "endpoint": endpoint(rawsocket),
                    "serializers": serializers,
                    "auth": auth,
                },
            ],
        }],
    })
}
