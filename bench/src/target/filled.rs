//! A server whose database holds many rows; it is made once in a run and measured often.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use countersign_testkit::{Door, Server};

use super::{Target, USER, USER_PASSWORD, Users, add_users, fill, server, target_of};
use crate::http::{self, Http};
use crate::scenario::Speech;
use crate::scenario::rest::log_in;
use crate::scenario::sessions::mint;
use crate::session::Session;
use crate::wire::odd;

/// The server.
pub struct Filled {
    /// How many rows each table holds.
    pub rows: u64,
    server: Server,
}

impl Filled {
    /// Makes the rows, and starts the server on them.
    pub async fn make(binary: &Path, rows: u64) -> io::Result<Self> {
        let mut server = server(binary).start().await;
        add_users(&server).await;
        let target = target_of(&server, Users::Few);
        // One row of each kind to be copied.
        log_in(&target, USER, USER_PASSWORD).await?;
        let realm = target.realm.ok_or_else(|| odd("no realm"))?;
        let mut session =
            Session::open(&target.websocket, Speech::PLAIN.active, realm, &target.password_login(0)?).await?;
        mint(&mut session, crate::scenario::sessions::MINT_OTP).await?;
        server.stop().await;
        eprintln!("filling a database with {rows} users, one-time passwords, sessions and rows of the audit trail");
        let began = Instant::now();
        fill::fill(server.data(), rows)?;
        eprintln!("filled within {:.1} s", began.elapsed().as_secs_f64());
        server.restart().await;
        Ok(Self { rows, server })
    }

    /// How to reach it.
    pub fn target(&self) -> Target {
        target_of(&self.server, Users::Filled(self.rows))
    }

    /// Stops it and starts it again; how long it took from the start of the process until it answered that it is ready.
    pub async fn restart(&mut self) -> io::Result<Duration> {
        self.server.stop().await;
        let began = Instant::now();
        self.server.restart().await;
        let address = self.server.address(Door::Http);
        let answer = Http::connect(address).await?.exchange(&http::get("/readyz")).await?;
        if answer.starts_with(b"ready") { Ok(began.elapsed()) } else { Err(odd("the server is not ready")) }
    }
}
