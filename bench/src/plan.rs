//! What is measured, by name.

use countersign_wamp::Encoding;

use crate::scenario::refusals::Door;
use crate::scenario::rpc::Shape;
use crate::scenario::sessions::{Errand, Way};
use crate::scenario::{Speech, Transport};

/// Sessions that are opened to see what each costs.
const IDLE_SESSIONS: usize = 10_000;
/// Sessions or clients of a load that isn't about one of them.
const CLIENTS: u64 = 64;
/// Connections that make requests.
const REQUESTERS: u64 = 16;

/// Who is measured, side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    /// Two hops without decoding.
    Relay,
    /// The password hash alone.
    BareHash,
    /// Another router, where it is installed.
    Crossbar,
    /// The server, as it comes.
    Countersign,
    /// The server with a tenth of the rows.
    Tenth,
    /// The server with all the rows.
    Full,
}

impl Contender {
    /// How tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::BareHash => "bare hash",
            Self::Crossbar => "crossbar",
            Self::Countersign => "countersign",
            Self::Tenth => "100 thousand rows",
            Self::Full => "1 million rows",
        }
    }
}

/// The kinds of load.
#[derive(Debug, Clone, Copy)]
pub enum Load {
    /// Calls by hand-made clients.
    Rpc {
        /// Who calls whom.
        shape: Shape,
        /// Whether load and server share one core.
        is_pinned: bool,
    },
    /// Calls by the Rust client.
    Client {
        /// Who calls whom.
        shape: Shape,
    },
    /// Events.
    Fanout {
        /// Subscribers of the one topic.
        subscribers: usize,
    },
    /// Sessions, opened one after the other.
    Open {
        /// How.
        way: Way,
        /// By so many at a time.
        clients: usize,
    },
    /// Errands in open sessions.
    Errands {
        /// What is done.
        errand: Errand,
        /// By so many at a time.
        clients: u64,
    },
    /// Sign-on sessions, validated.
    Validate {
        /// Over so many connections.
        clients: u64,
    },
    /// Codes of second factors.
    Totp {
        /// Over so many connections.
        clients: u64,
    },
    /// Logins that are refused for one reason or another.
    Refused {
        /// Where they are tried.
        door: Door,
    },
    /// Idle sessions.
    Idle {
        /// How many.
        sessions: usize,
    },
    /// Start of the server.
    Start,
}

/// One line of the table.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Its name on the command line and in the table.
    pub name: String,
    /// The load.
    pub load: Load,
    /// What is spoken.
    pub speech: Speech,
}

impl Scenario {
    fn new(name: impl Into<String>, load: Load, speech: Speech) -> Self {
        Self { name: name.into(), load, speech }
    }

    /// Who is measured with it, in the order of a round.
    pub fn contenders(&self) -> Vec<Contender> {
        use Contender::{BareHash, Countersign, Crossbar, Full, Relay, Tenth};

        let speech = &self.speech;
        let is_plain = speech.active == speech.passive && speech.active == Encoding::Json;
        match self.load {
            _ if self.name.starts_with(FULL_STORAGE) => vec![Tenth, Full],
            Load::Start => vec![Tenth, Full],
            _ if speech.transport == Transport::WebSocketTls => vec![Countersign],
            Load::Rpc { shape, .. } if speech.active == speech.passive && speech.transport == Transport::WebSocket => {
                let mut all = Vec::new();
                if shape.callers_each == 1 {
                    all.push(Relay);
                }
                if is_plain {
                    all.push(Crossbar);
                }
                all.push(Countersign);
                all
            }
            Load::Rpc { .. } if speech.transport == Transport::RawSocket && speech.active == speech.passive => {
                vec![Crossbar, Countersign]
            }
            Load::Fanout { .. } if speech.payload_bytes <= 1024 => vec![Crossbar, Countersign],
            Load::Open { way: Way::Password, .. } => vec![BareHash, Countersign],
            Load::Open { way: Way::Anonymous | Way::ApiKey, .. } | Load::Idle { .. } => vec![Crossbar, Countersign],
            _ => vec![Countersign],
        }
    }
}

/// How the names of scenarios begin that are measured with many rows.
const FULL_STORAGE: &str = "full storage, ";

/// Every scenario.
pub fn all() -> Vec<Scenario> {
    let mut all = calls();
    all.extend(events());
    all.extend(sessions());
    all.extend(full_storage());
    all
}

fn calls() -> Vec<Scenario> {
    let plain = Speech::PLAIN;
    let sixteen = Shape { callees: 8, callers_each: 1, depth: 16 };
    let one = Shape { callees: 1, callers_each: 1, depth: 1 };
    let many = Shape { callees: 1, callers_each: 64, depth: 1 };
    let rpc = |name: &str, shape, is_pinned, speech| {
        Scenario::new(format!("rpc {name}"), Load::Rpc { shape, is_pinned }, speech)
    };
    let mut all =
        vec![rpc("1 pair, depth 1, one core", one, true, plain), rpc("1 callee, 64 callers", many, false, plain)];
    for payload_bytes in [16, 1024, 65_536] {
        let name = format!("8 pairs, depth 16, {payload_bytes} B");
        all.push(rpc(&name, sixteen, false, Speech { payload_bytes, ..plain }));
    }
    let encodings = [Encoding::Json, Encoding::MsgPack, Encoding::Cbor];
    for (active, passive) in encodings.into_iter().flat_map(|active| encodings.map(|passive| (active, passive))) {
        // JSON to JSON stands above.
        if (active, passive) != (Encoding::Json, Encoding::Json) {
            let name = format!("8 pairs, depth 16, {active} to {passive}");
            all.push(rpc(&name, sixteen, false, Speech { active, passive, ..plain }));
        }
    }
    for transport in [Transport::RawSocket, Transport::Unix] {
        let ends = [
            (Encoding::Json, Encoding::Json),
            (Encoding::MsgPack, Encoding::MsgPack),
            (Encoding::Cbor, Encoding::Cbor),
            (Encoding::Json, Encoding::MsgPack),
        ];
        for (active, passive) in ends {
            let name = format!("8 pairs, depth 16, {}, {active} to {passive}", transport.name());
            all.push(rpc(&name, sixteen, false, Speech { transport, active, passive, ..plain }));
        }
    }
    let under_tls = Speech { transport: Transport::WebSocketTls, ..plain };
    all.push(rpc("8 pairs, depth 16, WebSocket under TLS", sixteen, false, under_tls));
    for (name, shape) in [("1 pair, depth 1", one), ("8 pairs, depth 16", sixteen)] {
        all.push(Scenario::new(format!("rpc through the Rust client, {name}"), Load::Client { shape }, plain));
    }
    all
}

fn events() -> Vec<Scenario> {
    let mut all = Vec::new();
    for subscribers in [1, 100, 1_000] {
        for payload_bytes in [16, 1024, 65_536] {
            let name = format!("publish 1 to {subscribers}, {payload_bytes} B");
            all.push(Scenario::new(name, Load::Fanout { subscribers }, Speech { payload_bytes, ..Speech::PLAIN }));
        }
    }
    let speech = Speech {
        transport: Transport::RawSocket,
        active: Encoding::MsgPack,
        passive: Encoding::MsgPack,
        ..Speech::PLAIN
    };
    let name = "publish 1 to 100, 16 B, RawSocket, MessagePack";
    all.push(Scenario::new(name, Load::Fanout { subscribers: 100 }, speech));
    all
}

fn sessions() -> Vec<Scenario> {
    let plain = Speech::PLAIN;
    let mut all = Vec::new();
    for (name, way, clients) in [
        ("session, anonymous, 64 clients", Way::Anonymous, 64),
        ("session by API key, 64 clients", Way::ApiKey, 64),
        ("session by one-time password, 64 clients", Way::Otp, 64),
        ("session by session token, 64 clients", Way::SessionToken, 64),
        ("session by password, 16 clients", Way::Password, 16),
    ] {
        all.push(Scenario::new(name, Load::Open { way, clients }, plain));
    }
    let under_tls = Speech { transport: Transport::WebSocketTls, ..plain };
    let anonymous = Load::Open { way: Way::Anonymous, clients: 64 };
    all.push(Scenario::new("session, anonymous, WebSocket under TLS, 64 clients", anonymous, under_tls));
    for (name, errand) in
        [("otp mint, 64 clients", Errand::Mint), ("otp mint and login, 64 clients", Errand::MintAndSpend)]
    {
        all.push(Scenario::new(name, Load::Errands { errand, clients: CLIENTS }, plain));
    }
    for (name, door) in [("by REST", Door::Rest), ("over WebSocket", Door::Bus)] {
        all.push(Scenario::new(format!("refused logins {name}, each reason in turn"), Load::Refused { door }, plain));
    }
    let clients = REQUESTERS;
    all.push(Scenario::new("session validation by REST, 16 connections", Load::Validate { clients }, plain));
    all.push(Scenario::new("TOTP check by REST, 16 connections", Load::Totp { clients }, plain));
    for transport in [Transport::WebSocket, Transport::RawSocket] {
        let name = format!("10,000 idle sessions, {}", transport.name());
        let speech = Speech { transport, ..plain };
        all.push(Scenario::new(name, Load::Idle { sessions: IDLE_SESSIONS }, speech));
    }
    all
}

fn full_storage() -> Vec<Scenario> {
    let loads = [
        ("otp mint", Load::Errands { errand: Errand::Mint, clients: CLIENTS }),
        ("otp mint and login", Load::Errands { errand: Errand::MintAndSpend, clients: CLIENTS }),
        ("audit append", Load::Errands { errand: Errand::Refused, clients: CLIENTS }),
        ("session validation by REST", Load::Validate { clients: REQUESTERS }),
        ("start", Load::Start),
    ];
    loads.map(|(name, load)| Scenario::new(format!("{FULL_STORAGE}{name}"), load, Speech::PLAIN)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<_> = all().into_iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all().len());
    }
}
