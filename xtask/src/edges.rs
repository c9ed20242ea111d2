//! Which crate may use which: the table of `ARCHITECTURE.md`, section 2, as code.
//!
//! Invariant: arrows go down only. The pure crates are built without anything that does I/O, and their own sources
//! read no clock, file, environment or network.

use crate::metadata::Workspace;
use crate::sources::Source;

/// One row of the table: a crate and the crates of the workspace that it may use.
struct Row {
    name: &'static str,
    uses: &'static [&'static str],
    /// What its tests may use on top.
    tests_use: &'static [&'static str],
    /// Whether it is one of the cores that do no I/O.
    pure_core: bool,
}

const TABLE: &[Row] = &[
    Row { name: "countersign-wamp", uses: &[], tests_use: &[], pure_core: true },
    Row { name: "countersign-websocket", uses: &[], tests_use: &[], pure_core: true },
    Row { name: "countersign-router", uses: &["countersign-wamp"], tests_use: &[], pure_core: true },
    Row { name: "countersign-identity", uses: &[], tests_use: &[], pure_core: true },
    Row {
        name: "countersign-storage",
        uses: &["countersign-identity"],
        tests_use: &["countersign-testkit"],
        pure_core: false,
    },
    Row {
        name: "countersign-client",
        uses: &["countersign-wamp", "countersign-websocket"],
        tests_use: &[],
        pure_core: false,
    },
    Row { name: "countersign-memory", uses: &[], tests_use: &[], pure_core: false },
    Row {
        name: "countersign-server",
        uses: &[
            "countersign-wamp",
            "countersign-websocket",
            "countersign-client",
            "countersign-router",
            "countersign-identity",
            "countersign-storage",
            "countersign-memory",
        ],
        tests_use: &["countersign-testkit"],
        pure_core: false,
    },
    Row {
        name: "countersign-testkit",
        uses: &["countersign-client", "countersign-wamp"],
        tests_use: &[],
        pure_core: false,
    },
    Row {
        name: "countersign-fuzz",
        uses: &["countersign-wamp", "countersign-websocket", "countersign-server"],
        tests_use: &[],
        pure_core: false,
    },
    Row {
        name: "countersign-bench",
        uses: &["countersign-client", "countersign-memory", "countersign-testkit", "countersign-wamp"],
        tests_use: &["countersign-identity", "countersign-trace"],
        pure_core: false,
    },
    Row {
        name: "countersign-trace",
        uses: &["countersign-router", "countersign-wamp"],
        tests_use: &[],
        pure_core: false,
    },
    Row { name: "xtask", uses: &[], tests_use: &[], pure_core: false },
];

/// Crates that a core must not be built with, whoever brings them.
const IO_CRATES: &[&str] = &[
    "async-std",
    "axum",
    "deadpool-postgres",
    "hyper",
    "hyper-util",
    "libsqlite3-sys",
    "mio",
    "polling",
    "reqwest",
    "rusqlite",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "tokio-postgres",
    "tokio-rustls",
    "tungstenite",
    "ureq",
];

/// Crates that a core must not name itself: wire formats, randomness and logs belong to the crates above.
const FORBIDDEN_DIRECTLY: &[&str] = &["getrandom", "rand", "serde", "serde_json", "toml", "tracing"];

/// What a core's own code must not say outside its tests, and where it gets it from instead.
const FORBIDDEN_WORDS: &[(&str, &str)] = &[
    ("SystemTime::now", "take `now` as an argument"),
    ("Instant::now", "take `now` as an argument"),
    ("Timestamp::now", "take `now` as an argument"),
    ("Zoned::now", "take `now` as an argument"),
    ("std::env", "take a settings value"),
    ("std::fs", "leave files to the crates above"),
    ("std::process", "leave processes to the crates above"),
    ("thread::spawn", "leave threads to the crates above"),
    ("thread::sleep", "take `now` as an argument"),
    ("TcpStream", "leave sockets to the crates above"),
    ("TcpListener", "leave sockets to the crates above"),
    ("UdpSocket", "leave sockets to the crates above"),
    ("UnixStream", "leave sockets to the crates above"),
    ("UnixListener", "leave sockets to the crates above"),
];

/// Every edge that the table doesn't allow, as sentences. Empty when all is well.
pub fn violations(workspace: &Workspace) -> Vec<String> {
    let mut found = Vec::new();
    for (name, member) in &workspace.members {
        let Some(row) = TABLE.iter().find(|row| row.name == name) else {
            found.push(format!("{name} has no row in the table of xtask/src/edges.rs"));
            continue;
        };
        for used in member.uses.iter().filter(|used| workspace.members.contains_key(*used)) {
            if !row.uses.contains(&used.as_str()) {
                found.push(format!("{name} uses {used}, which the table doesn't allow"));
            }
        }
        for used in member.tests_use.iter().filter(|used| workspace.members.contains_key(*used)) {
            if !row.uses.contains(&used.as_str()) && !row.tests_use.contains(&used.as_str()) {
                found.push(format!("the tests of {name} use {used}, which the table doesn't allow"));
            }
        }
        if row.pure_core {
            for io in IO_CRATES.iter().filter(|io| member.built_with.contains(**io)) {
                found.push(format!("{name} is a core without I/O, but is built with {io}"));
            }
            for named in FORBIDDEN_DIRECTLY.iter().filter(|named| member.uses.contains(**named)) {
                found.push(format!("{name} is a core and must not name {named}"));
            }
        }
    }
    found
}

/// Every word in a core's sources that it must not say. Empty when all is well.
pub fn word_violations(workspace: &Workspace, sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for row in TABLE.iter().filter(|row| row.pure_core) {
        let Some(member) = workspace.members.get(row.name) else { continue };
        for source in sources.iter().filter(|source| source.path.starts_with(&member.directory)) {
            for (number, line) in source.code_lines() {
                for (word, instead) in FORBIDDEN_WORDS.iter().filter(|(word, _)| line.contains(word)) {
                    found.push(format!("{}:{number}: `{word}` in a core; {instead}", source.path.display()));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
