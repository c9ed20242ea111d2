//! Runs the real server in a test.
//!
//! Purpose: an integration test starts the built binary as its users do, talks to it over real sockets, kills it,
//! starts it again and reads what it says. [`Server`] is that process, [`PostgresDatabase`] a database of its own,
//! [`DirectoryServer`] a directory of its own, [`eventually`] the one way to wait.
//!
//! Invariants: no fixed port (the server binds port 0 and names what it got), no sleep outside the polling of
//! [`eventually`], and nothing outlives its value: processes, directories and databases go away on drop. Whatever
//! fails here panics with the server's own output, because a test has no better use for it.

mod cli;
mod directory;
mod output;
mod postgres;
mod server;
mod wait;

pub use cli::CliOutput;
pub use directory::{DirectoryBuilder, DirectoryServer};
pub use postgres::{POSTGRES_URL_VARIABLE, PostgresDatabase};
pub use server::{Door, Server, ServerBuilder, Storage};
pub use wait::eventually;
