//! The client crate's features against the built server.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod batches;
mod events;
mod lasting;
mod procedures;
mod signing_in;

use countersign_client::Session;
use countersign_testkit::Server;

use super::support::{PASSWORD, server, sign_in};

/// A server and sessions of its users `bob` (as often as asked for), who may do what a backend may.
async fn bobs<const N: usize>() -> (Server, [Session; N]) {
    let server = server().start().await;
    server.add_user("bob", "backend", PASSWORD).await;
    let mut sessions = Vec::new();
    for _ in 0..N {
        sessions.push(sign_in(&server, "bob", PASSWORD).await.unwrap());
    }
    (server, sessions.try_into().unwrap_or_else(|_| panic!("as many as asked for")))
}
