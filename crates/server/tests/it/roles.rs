//! Roles on the wire: what nobody gets, and what edits do to live sessions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod edits;
mod patterns;
mod refresh;
mod rest;
mod takeover;

use countersign_testkit::Server;

use super::support::{PASSWORD, PREFIX, call, server, sign_in};

/// A server with a user of each role, and one of a role that has the letters for everything; the password is [`PASSWORD`].
async fn with_users(server: Server) -> Server {
    server.cli(&["role", "add", "all"], "").await.ok();
    server.cli(&["role", "allow", "all", "*", "crspoq"], "").await.ok();
    for (login, role) in [("kristen98", "frontend"), ("bob", "backend"), ("zoe", "trust"), ("mallory", "all")] {
        server.add_user(login, role, PASSWORD).await;
    }
    server
}
