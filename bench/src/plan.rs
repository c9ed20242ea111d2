//! What is measured, by name.

use std::io;
use std::time::Duration;

use countersign_wamp::Encoding;

use crate::report::{Row, Sample};
use crate::scenario::rpc::Shape;
use crate::scenario::{Speech, Transport, client, fanout, idle, otp, rpc};
use crate::target::Target;
use crate::usage;

/// Sessions that are opened to see what each costs.
const IDLE_SESSIONS: usize = 5_000;

/// The kinds of load.
#[derive(Debug, Clone, Copy)]
enum Load {
    Rpc { shape: Shape, is_pinned: bool },
    Client { shape: Shape },
    Fanout { subscribers: usize },
    Otp { clients: usize, spends: bool },
    Idle { sessions: usize },
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name on the command line and in the table.
    pub name: String,
    load: Load,
    speech: Speech,
}

impl Scenario {
    /// Whether the relay can be measured with it.
    pub fn has_floor(&self) -> bool {
        let is_plain = self.speech.transport == Transport::WebSocket && self.speech.active == self.speech.passive;
        matches!(self.load, Load::Rpc { shape, .. } if shape.callers_each == 1) && is_plain
    }

    /// Measures it once.
    pub async fn measure(&self, target: &Target, window: Duration) -> io::Result<Sample> {
        match self.load {
            Load::Rpc { shape, is_pinned } => {
                let cores = if is_pinned { "0".to_owned() } else { usage::all_cores() };
                usage::pin(target.pid, &cores)?;
                usage::pin(std::process::id(), &cores)?;
                let figures = rpc::run(target, self.speech, shape, window).await;
                usage::pin(target.pid, &usage::all_cores())?;
                usage::pin(std::process::id(), &usage::all_cores())?;
                figures.map(Sample::from)
            }
            Load::Client { shape } => client::run(target, self.speech, shape, window).await.map(Sample::from),
            Load::Fanout { subscribers } => {
                fanout::run(target, self.speech, subscribers, window).await.map(Sample::from)
            }
            Load::Otp { clients, spends } => {
                otp::run(target, self.speech, clients, spends, window).await.map(Sample::from)
            }
            Load::Idle { sessions } => idle::run(target, self.speech, sessions).await.map(Sample::from),
        }
    }

    /// An empty line of the table.
    pub fn row(&self) -> Row {
        Row { scenario: self.name.clone(), target: "", samples: Vec::new() }
    }
}

/// Every scenario.
pub fn all() -> Vec<Scenario> {
    let mut all = Vec::new();
    let plain =
        Speech { transport: Transport::WebSocket, active: Encoding::Json, passive: Encoding::Json, payload_bytes: 16 };
    let sixteen = Shape { callees: 8, callers_each: 1, depth: 16 };
    let rpc = |name: &str, shape, is_pinned, speech| Scenario {
        name: format!("rpc {name}"),
        load: Load::Rpc { shape, is_pinned },
        speech,
    };
    all.push(rpc("1 pair, depth 1, one core", Shape { callees: 1, callers_each: 1, depth: 1 }, true, plain));
    all.push(rpc("1 callee, 64 callers", Shape { callees: 1, callers_each: 64, depth: 1 }, false, plain));
    for payload_bytes in [16, 1024, 65_536] {
        let name = format!("8 pairs, depth 16, {payload_bytes} B");
        all.push(rpc(&name, sixteen, false, Speech { payload_bytes, ..plain }));
    }
    for transport in [Transport::RawSocket, Transport::Unix] {
        let name = format!("8 pairs, depth 16, {}", transport.name());
        all.push(rpc(&name, sixteen, false, Speech { transport, ..plain }));
    }
    for (active, passive) in [
        (Encoding::MsgPack, Encoding::MsgPack),
        (Encoding::Cbor, Encoding::Cbor),
        (Encoding::Json, Encoding::MsgPack),
        (Encoding::MsgPack, Encoding::Cbor),
    ] {
        let name = format!("8 pairs, depth 16, {active} to {passive}");
        all.push(rpc(&name, sixteen, false, Speech { active, passive, ..plain }));
    }
    for (name, shape) in
        [("1 pair, depth 1", Shape { callees: 1, callers_each: 1, depth: 1 }), ("8 pairs, depth 16", sixteen)]
    {
        let name = format!("rpc through the Rust client, {name}");
        all.push(Scenario { name, load: Load::Client { shape }, speech: plain });
    }
    for subscribers in [1, 100, 1_000] {
        for payload_bytes in [16, 1024] {
            let name = format!("publish 1 to {subscribers}, {payload_bytes} B");
            let speech = Speech { payload_bytes, ..plain };
            all.push(Scenario { name, load: Load::Fanout { subscribers }, speech });
        }
    }
    for (name, spends) in [("otp mint, 64 clients", false), ("otp mint and login, 64 clients", true)] {
        all.push(Scenario { name: name.to_owned(), load: Load::Otp { clients: 64, spends }, speech: plain });
    }
    for transport in [Transport::WebSocket, Transport::RawSocket] {
        let name = format!("{IDLE_SESSIONS} idle sessions, {}", transport.name());
        let load = Load::Idle { sessions: IDLE_SESSIONS };
        all.push(Scenario { name, load, speech: Speech { transport, ..plain } });
    }
    all
}
