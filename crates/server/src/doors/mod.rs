//! The ways in: listeners, transports, and the connections that they carry.

mod address;
mod awaits_code;
mod batched;
mod bridge;
mod certificate;
mod connection;
mod cookie;
mod cors;
mod credentials;
mod forwarded;
mod gate;
pub mod hello;
mod http;
mod listener;
mod login;
mod longpoll;
pub mod methods;
pub mod peer;
mod prefixed;
mod proof;
pub mod proxy_protocol;
mod rawsocket;
mod reception;
mod request;
mod scratch;
mod session;
mod split;
mod sso;
mod status;
mod tls;
mod transport;
mod unix;
mod websocket;

pub use address::{ListenUrl, ListenUrlError};
pub use cookie::parse_origin;
pub use listener::{ACCEPT_PAUSE, BindError, Listener};
pub use sso::openapi_document;
pub use tls::TlsError;
pub use unix::{BoundSocket, peer_uid, reachable};

use std::sync::Arc;
use std::time::Duration;

use countersign_identity::PeerAddress;
use countersign_wamp::DecodeLimits;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::hub::Hub;
use crate::metrics::ServerLimit;
use crate::outbox::OutboxLimits;
use crate::procedures::Procedures;
use gate::Gate;
use longpoll::Transports;
use methods::Offer;
use status::Readiness;

/// What every connection needs; one for the whole server.
#[derive(Debug)]
pub struct Doors {
    app: Arc<App>,
    hub: Arc<Hub>,
    procedures: Arc<Procedures>,
    gate: Gate,
    offer: Offer,
    transports: Transports,
    readiness: Readiness,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Doors {
    /// Doors to this realm. `stop` closes them.
    pub fn new(
        app: Arc<App>,
        hub: Arc<Hub>,
        procedures: Arc<Procedures>,
        tasks: TaskTracker,
        stop: CancellationToken,
    ) -> Self {
        let gate = Gate::new(app.config.limits.unauthenticated_connections_max, Arc::clone(&app.metrics));
        let offer = Offer::new(&app.config);
        let transports = Transports::new(app.config.http.longpoll_transports_max);
        let readiness = Readiness::default();
        Self { app, hub, procedures, gate, offer, transports, readiness, tasks, stop }
    }

    fn decode_limits(&self) -> DecodeLimits {
        DecodeLimits { depth_max: self.app.config.limits.message_depth_max }
    }

    fn outbox_limits(&self) -> OutboxLimits {
        let limits = &self.app.config.limits;
        OutboxLimits { messages_max: limits.outbound_messages_max, bytes_max: limits.outbound_bytes_max }
    }

    /// Whether the peer at the other end of a connection is believed for whom it connects.
    fn is_trusted_proxy(&self, transport: PeerAddress) -> bool {
        match transport {
            PeerAddress::Ip(address) => self.app.config.proxies.trusted.contains(address),
            PeerAddress::Unix { .. } | PeerAddress::Local => false,
        }
    }

    /// A connection took too long before it could carry a session.
    fn too_late(&self) {
        self.app.metrics.limit_reached(ServerLimit::HelloSeconds);
        self.app.metrics.refused("timeout");
    }

    fn hello_deadline(&self) -> Duration {
        Duration::from_secs(self.app.config.limits.hello_seconds_max)
    }
}
