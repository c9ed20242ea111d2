//! Brings contender and load together: starts what is measured, measures it once, stops it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::metric::{Metric, Sample};
use crate::plan::{Contender, Load, Scenario};
use crate::scenario::{Transport, bare_hash, client, fanout, idle, refusals, rest, rpc, sessions, totp};
use crate::target::filled::Filled;
use crate::target::{self, Target, crossbar};
use crate::usage;

/// Between two sizes that are compared.
const TENTH: u64 = 10;

/// What contenders are made of.
pub struct Stage {
    /// The server to measure.
    pub binary: PathBuf,
    /// Crossbar, if it is to be measured.
    pub crossbar: Option<PathBuf>,
    /// Rows of a full storage.
    pub rows: u64,
    /// Servers that are filled already.
    pub filled: Vec<Filled>,
}

impl Stage {
    /// Whether this can be measured here.
    pub fn has(&self, contender: Contender) -> bool {
        contender != Contender::Crossbar || self.crossbar.is_some()
    }

    /// Measures it once.
    ///
    /// # Errors
    ///
    /// The first failure of target or load.
    pub async fn measure(&mut self, scenario: &Scenario, contender: Contender, window: Duration) -> io::Result<Sample> {
        // Each is fresh and gone behind it, so that nothing is left of one load when the next is measured.
        let (_running, target) = match (contender, &self.crossbar) {
            (Contender::BareHash, _) => return bare_hash::run(window),
            (Contender::Relay, _) => target::relay().await?,
            (Contender::Crossbar, Some(program)) => crossbar::start(program).await?,
            (Contender::Crossbar, None) => return Err(io::Error::other("there is no Crossbar")),
            (Contender::Tenth, _) => return self.on_filled(scenario, self.rows / TENTH, window).await,
            (Contender::Full, _) => return self.on_filled(scenario, self.rows, window).await,
            (Contender::Countersign, _) => match scenario.load {
                Load::Totp { .. } => {
                    let filled = Filled::make(&self.binary, totp::USERS).await?;
                    return on_target(scenario, &filled.target(), window).await;
                }
                _ if scenario.speech.transport == Transport::WebSocketTls => {
                    target::countersign_with_tls(&self.binary).await?
                }
                Load::Idle { .. } => target::countersign_without_users(&self.binary).await?,
                Load::Refused { .. } => target::countersign_that_refuses(&self.binary).await?,
                _ => target::countersign(&self.binary).await?,
            },
        };
        on_target(scenario, &target, window).await
    }

    /// Filling takes long, so these servers stay.
    async fn on_filled(&mut self, scenario: &Scenario, rows: u64, window: Duration) -> io::Result<Sample> {
        if !self.filled.iter().any(|filled| filled.rows == rows) {
            self.filled.push(Filled::make(&self.binary, rows).await?);
        }
        let filled = self.filled.iter_mut().find(|filled| filled.rows == rows);
        let filled = filled.ok_or_else(|| io::Error::other("nothing was filled"))?;
        if let Load::Start = scenario.load {
            let took = filled.restart().await?;
            return Ok(Sample::from([(Metric::ReadyMs, took.as_secs_f64() * 1e3)]));
        }
        on_target(scenario, &filled.target(), window).await
    }
}

async fn on_target(scenario: &Scenario, target: &Target, window: Duration) -> io::Result<Sample> {
    let speech = scenario.speech;
    match scenario.load {
        Load::Rpc { shape, is_pinned: true } => {
            let cores = usage::cores(std::process::id())?;
            usage::pin(target.pid, "0")?;
            usage::pin(std::process::id(), "0")?;
            let sample = rpc::run(target, speech, shape, window).await;
            // The loads that follow, and the servers that are started for them, use all of them.
            usage::pin(std::process::id(), &cores)?;
            sample
        }
        Load::Rpc { shape, is_pinned: false } => rpc::run(target, speech, shape, window).await,
        Load::Client { shape } => client::run(target, speech, shape, window).await,
        Load::Fanout { subscribers } => fanout::run(target, speech, subscribers, window).await,
        Load::Open { way, clients } => sessions::open(target, speech, way, clients, window).await,
        Load::Errands { errand, clients } => sessions::errands(target, speech, clients, errand, window).await,
        Load::Validate { clients } => rest::validate(target, clients, window).await,
        Load::Refused { door } => refusals::run(target, door).await,
        Load::Totp { clients } => totp::run(target, clients, window).await,
        Load::Idle { sessions } => idle::run(target, speech, sessions).await,
        Load::Start => Err(io::Error::other("only servers with full storage are started again")),
    }
}
